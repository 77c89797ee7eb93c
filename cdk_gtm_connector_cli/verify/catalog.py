"""All questions, in the order in which they are asked, and the page about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cdk_gtm_connector_cli.verify import (
    account,
    answers,
    authorizers,
    bodies,
    changing,
    destinations,
    endpoint,
    envelope,
    profiles,
)
from cdk_gtm_connector_cli.verify.by_hand import BY_HAND

if TYPE_CHECKING:
    from cdk_gtm_connector_cli.verify.question import ByHand, Question

__all__ = ["BY_HAND", "QUESTIONS", "document"]

QUESTIONS: Final = (
    *endpoint.QUESTIONS,
    *answers.QUESTIONS,
    *bodies.QUESTIONS,
    *authorizers.QUESTIONS,
    *destinations.QUESTIONS,
    *profiles.QUESTIONS,
    *changing.QUESTIONS,
    *envelope.QUESTIONS,
    *account.QUESTIONS,
)
"""The questions. Questions about logs come last: they need the others' requests."""

BEGIN: Final = "<!-- questions -->"
END: Final = "<!-- end -->"


def document(page: str) -> str:
    """Return ``docs/verify.md`` with the questions between its two marks.

    Args:
        page: The page as it is.
    """
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    parts = [_section(each) for each in QUESTIONS]
    by_hand = [_by_hand(each) for each in BY_HAND]
    written = "\n\n".join([*parts, "## Questions for a person", *by_hand])
    return f"{before}{BEGIN}\n\n{written}\n\n{END}{after}"


def _section(question: Question) -> str:
    lines = [
        f"### {question.id}",
        "",
        question.assumed,
        "",
        f"- **Asked by**: {question.how}",
        f"- **If different, this breaks**: {question.breaks}",
        f"- **To do then**: {question.remedy}",
        f"- **Called open in**: {_sources(question)}",
    ]
    if question.permission:
        lines.insert(4, f"- **Needs** `{question.permission}`: it {question.writes}.")
    return "\n".join(lines)


def _by_hand(each: ByHand) -> str:
    lines = [
        f"### {each.id}",
        "",
        each.question,
        "",
        f"- **To do**: {each.steps}",
        f"- **Called open in**: {_sources(each)}",
    ]
    return "\n".join(lines)


def _sources(question: Question | ByHand) -> str:
    paths = dict.fromkeys(it.path for it in question.sources)
    return ", ".join(path if path.startswith("issue ") else f"`{path}`" for path in paths)
