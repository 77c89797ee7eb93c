"""Announces what verify will do, asks for confirmation, and reports one line per question."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cdk_gtm_connector_cli.errors import CommandError, Status, UsageProblem
from cdk_gtm_connector_cli.verify.catalog import BY_HAND, QUESTIONS
from cdk_gtm_connector_cli.verify.deployment import Deployment
from cdk_gtm_connector_cli.verify.journal import Journal
from cdk_gtm_connector_cli.verify.question import Verdict
from cdk_gtm_connector_cli.verify.running import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdk_gtm_connector_cli.context import Context
    from cdk_gtm_connector_cli.output import Output
    from cdk_gtm_connector_cli.verify.question import Conclusion, Question

_LATER: Final = 30  # seconds after a batching window by which its messages are rejected

MAY_REDEPLOY: Final = "--may-redeploy"
MAY_WRITE_PROFILES: Final = "--may-write-profiles"
_STYLES: Final = {
    Verdict.AS_ASSUMED: "green",
    Verdict.DIFFERENT: "bold red",
    Verdict.NOT_ASKED: "yellow",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of a run.

    Attributes:
        yes: Whether to begin without asking.
        resume: File with the lines of a run that was stopped; ``None`` for a new run.
        only: Ids of the questions; empty for all.
        token: A visitor's token, for ``/events/authenticated``.
        permissions: Permissions to change more than marked messages: the options' names.
        wait: Seconds to wait for another message after the last one.
    """

    yes: bool = False
    resume: str | None = None
    only: Sequence[str] = ()
    token: str = ""
    permissions: frozenset[str] = frozenset()
    wait: float = 60

    @staticmethod
    def permitted(*, may_redeploy: bool, may_write_profiles: bool) -> frozenset[str]:
        """Return the permissions that the user gave."""
        given = {MAY_REDEPLOY: may_redeploy, MAY_WRITE_PROFILES: may_write_profiles}
        return frozenset(name for name, is_given in given.items() if is_given)


def verify(context: Context, options: Options) -> Status:
    """Ask the questions; return ``NOT_FINE`` if an assumption is wrong.

    Raises:
        CommandError: The run could not begin.
    """
    output = context.output
    journal = Journal(output.result)
    if options.resume:
        journal.read(_lines(options.resume))
    deployment = Deployment.of(context, options.token)
    run = Run(
        deployment=deployment,
        questions=_chosen(options.only),
        journal=journal,
        permissions=options.permissions,
        patience=max(options.wait, _window(deployment) + _LATER),
        progress=output.note,
    )
    for sentence in run.plan():
        output.note(sentence, "")
    if not options.yes and not _agreed():
        output.note("nothing was sent")
        return Status.FAILED
    if options.resume and output.as_json:
        # The output must be complete, so that the next run can resume from it.
        for line in _lines(options.resume):
            print(line)  # noqa: T201 - the result
    findings = run.ask()
    chosen = {each.id for each in run.questions}
    report(output, {name: it for name, it in findings.items() if name in chosen})
    if not options.only:
        for each in BY_HAND:
            output.line(f"{each.id}: {Verdict.NOT_ASKED} by a program. {each.steps}")
    different = any(it.verdict is Verdict.DIFFERENT for it in findings.values())
    return Status.NOT_FINE if different else Status.FINE


def report(output: Output, findings: dict[str, Conclusion]) -> None:
    """Write a line for each question, and what to do if its assumption is wrong."""
    for question in QUESTIONS:
        finding = findings.get(question.id)
        if finding is None:
            continue
        output.line(f"{question.id}: {finding.verdict}: {finding.detail}", _STYLES[finding.verdict])
        if finding.verdict is Verdict.DIFFERENT:
            output.line(f"    assumed: {question.assumed}")
            output.line(f"    breaks: {question.breaks}")
            output.line(f"    to do: {question.remedy}")
    counts = Counter(it.verdict for it in findings.values())
    output.line(", ".join(f"{counts[each]} {each}" for each in Verdict))


def _window(deployment: Deployment) -> float:
    """Return the longest window, in seconds, for which a message may wait for others."""
    functions = deployment.client("lambda")
    return max(
        (
            float(source.get("MaximumBatchingWindowInSeconds", 0))
            for each in deployment.deliveries
            for source in functions.list_event_source_mappings(FunctionName=each.function_name)[
                "EventSourceMappings"
            ]
        ),
        default=0,
    )


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            f"the run to resume cannot be read: {error}",
            "give --resume the file with the output of verify --json",
        ) from error


def _chosen(only: Sequence[str]) -> list[Question]:
    known = {each.id for each in QUESTIONS}
    if unknown := sorted(set(only) - known):
        raise UsageProblem(
            f"unknown question: {', '.join(unknown)}", f"choose from {', '.join(sorted(known))}"
        )
    return [each for each in QUESTIONS if not only or each.id in only]


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise UsageProblem("standard input is not a terminal, so nobody can confirm", "give --yes")
    print("Begin? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201 - a question
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
