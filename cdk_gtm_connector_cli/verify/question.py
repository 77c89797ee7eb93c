"""Questions to a deployed connector, and their findings."""

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
class Finding:
    """The answer to a question.

    Attributes:
        verdict: Whether it is as assumed.
        detail: What was seen, or why it could not be asked.
    """

    verdict: Verdict
    detail: str


class CannotAskError(Exception):
    """A question has no answer here. The message says why, and what would permit it."""


def held(detail: str) -> Finding:
    """Return that it is as assumed."""
    return Finding(Verdict.AS_ASSUMED, detail)


def differs(detail: str) -> Finding:
    """Return that it is different."""
    return Finding(Verdict.DIFFERENT, detail)


def all_hold(wrong: Sequence[str], detail: str) -> Finding:
    """Return that it is as assumed, or what is wrong."""
    if wrong:
        rest = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""  # noqa: PLR2004 - a line
        return differs("; ".join(wrong[:3]) + rest)
    return held(detail)


@dataclass(frozen=True, slots=True)
class Source:
    """A place that calls something an open question.

    Attributes:
        path: The file, from the repository's root; or ``issue 4`` for that issue's closing note.
        words: Words of it, as they stand there but for line breaks.
    """

    path: str
    words: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The evidence by which a question is judged.

    Attributes:
        deployment: The connector that was asked.
        run: Id of the run, which is in everything that it sent.
        began: When the run began, in epoch milliseconds.
        observed: The question's own probes, with what came of them.
        everything: All probes of the run that were sent.
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
        id: Its name for ever: lower case, with hyphens.
        assumed: What the product assumes, as a sentence.
        how: How it is asked.
        breaks: What breaks if it is different.
        mends: The setting or change that mends it then.
        sources: Where the assumption is called open.
        judge: Returns the finding.
        probes: Returns the requests to send to the endpoint.
        writes: What asking it writes besides marked messages, for the plan; empty for nothing.
        permission: Option without which it is not asked; empty for none.
    """

    id: str
    assumed: str
    how: str
    breaks: str
    mends: str
    sources: tuple[Source, ...]
    judge: Callable[[Asked], Finding]
    probes: Callable[[Deployment], Sequence[Probe]] = field(default=_no_probes)
    writes: str = NOTHING
    permission: str = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """A question that no program can ask.

    Attributes:
        id: Its name for ever.
        question: The question.
        steps: What somebody with an account does.
        sources: Where it is called open.
    """

    id: str
    question: str
    steps: str
    sources: tuple[Source, ...]
