"""Questions to a deployed connector, and their conclusions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cdk_gtm_connector_cli.verify.deployment import Deployment
    from cdk_gtm_connector_cli.verify.probe import Observed, Probe


class Verdict(StrEnum):
    """The result of a question."""

    AS_ASSUMED = "as assumed"
    DIFFERENT = "different"
    NOT_ASKED = "could not be asked"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The answer to a question.

    Attributes:
        verdict: Whether the assumption holds.
        detail: The observation, or the reason why the question could not be asked.
    """

    verdict: Verdict
    detail: str


class CannotAskError(Exception):
    """A question cannot be asked of this connector. The message gives the reason."""


def held(detail: str) -> Conclusion:
    """Return the conclusion that the assumption holds."""
    return Conclusion(Verdict.AS_ASSUMED, detail)


def differs(detail: str) -> Conclusion:
    """Return the conclusion that the assumption is wrong."""
    return Conclusion(Verdict.DIFFERENT, detail)


def all_hold(wrong: Sequence[str], detail: str) -> Conclusion:
    """Return the conclusion that the assumption holds if nothing is ``wrong``, or else is wrong."""
    if wrong:
        rest = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""  # noqa: PLR2004 - a line
        return differs("; ".join(wrong[:3]) + rest)
    return held(detail)


@dataclass(frozen=True, slots=True)
class Source:
    """A place that calls something an open question.

    Attributes:
        path: The file, from the repository's root; or ``issue 4`` for that issue's closing note.
        words: A quotation from it. Line breaks may differ.
    """

    path: str
    words: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence by which a question is judged.

    Attributes:
        deployment: The connector that was asked.
        run: Id of the run, which is in the mark of each request.
        began: When the run began, in epoch milliseconds.
        observed: The question's own probes and their results.
        everything: All probes that the run has sent, and their results.
        unsafe: Kinds of probes that must not be sent, with the reason.
    """

    deployment: Deployment
    run: str
    began: int
    observed: Sequence[Observed]
    everything: Sequence[Observed]
    unsafe: Mapping[str, str] = field(default_factory=dict)


def _no_probes(_: Deployment) -> Sequence[Probe]:
    return ()


NOTHING: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question to a deployed connector.

    Attributes:
        id: The permanent name: lower case, with hyphens.
        assumed: The assumption that the product relies on, as a sentence.
        how: The requests or lookups that answer the question.
        breaks: The consequence if the assumption is wrong.
        mends: The remedy in that case.
        sources: The places that state the assumption.
        judge: Returns the conclusion.
        probes: Returns the requests to send to the endpoint.
        writes: Changes that the question makes besides marked messages; empty for none.
        permission: Option that permits the question; empty if none is needed.
    """

    id: str
    assumed: str
    how: str
    breaks: str
    remedy: str
    sources: tuple[Source, ...]
    judge: Callable[[Evidence], Conclusion]
    probes: Callable[[Deployment], Sequence[Probe]] = field(default=_no_probes)
    writes: str = NOTHING
    permission: str = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """A question that only a person can answer.

    Attributes:
        id: The permanent name.
        question: The question.
        steps: The way to answer it, for a person with an AWS account.
        sources: The places that state the assumption.
    """

    id: str
    question: str
    steps: str
    sources: tuple[Source, ...]
