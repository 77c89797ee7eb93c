"""``gtm-connector redrive``: puts rejected messages back that can be delivered now."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cdk_gtm_connector_cli.durations import duration
from cdk_gtm_connector_cli.errors import Status
from cdk_gtm_connector_cli.messages import RETRIED
from cdk_gtm_connector_cli.options import connector_options
from cdk_gtm_connector_cli.output import BAD, DOUBTFUL, GOOD
from cdk_gtm_connector_cli.queues import counted, looked_at, rejection_queues
from cdk_gtm_connector_cli.redriving import HIDDEN_SECONDS, Pace, Redrive, Selection
from cdk_gtm_connector_cli.redriving import Progress as Moved
from gtm_events.outcome import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdk_gtm_connector_cli.context import Context
    from cdk_gtm_connector_cli.output import Output
    from cdk_gtm_connector_cli.queues import RejectionQueue


@click.command("redrive")
@connector_options
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    type=click.Choice([RETRIED, *(reason.value for reason in Reason)]),
    help="Only messages with this reason. Repeatable. Default: all that can be delivered now, "
    "except those that the destination refused.",
)
@click.option(
    "--destination",
    "destinations",
    multiple=True,
    metavar="NAME",
    help="Only messages for this destination. Repeatable.",
)
@click.option(
    "--older-than", type=duration, metavar="AGE", help="Only messages that are older, such as 6h."
)
@click.option(
    "--newer-than", type=duration, metavar="AGE", help="Only messages that are newer, such as 2d."
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0),
    metavar="NUMBER",
    default=500,
    show_default=True,
    help="Messages per second; 0 for no limit.",
)
@click.option(
    "--most",
    type=click.IntRange(1, 100_000),
    metavar="NUMBER",
    default=1_000,
    show_default=True,
    help="How many messages of each queue the dry run reads. The command moves all selected "
    "messages, however many.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be moved.")
@click.option("--yes", is_flag=True, help="Move without asking.")
def command(
    context: Context,
    *,
    reasons: Sequence[str],
    destinations: Sequence[str],
    older_than: int | None,
    newer_than: int | None,
    rate: float,
    most: int,
    dry_run: bool,
    yes: bool,
) -> Status:
    """Return rejected messages to their queues.

    First comes a dry run, which says what would be moved and why the rest stays. Then you are
    asked. A message stays if the function would only reject it again: its own code says so, with
    its present settings. What the destination refused goes back only if you name the reason.

    Each message is copied first and deleted after. So nothing is lost if the command is stopped,
    and it can be run again; what is copied twice has the same event ids.
    """
    now = int(time.time() * 1000)
    selection = Selection(
        reasons=reasons,
        destinations=destinations,
        sent_after=0 if newer_than is None else now - newer_than * 1000,
        sent_before=now - (older_than or 0) * 1000,
    )
    redrive = Redrive(context, selection)
    queues = rejection_queues(context.connector, destinations)
    output = context.output
    plan, going = _plan(context, redrive, queues, most)
    unseen = any(it["messages"] > it["looked_at"] >= most for it in plan["queues"])
    if not going and unseen:
        words = f"None of the {most:,} messages that were checked can be moved"
        output.line(f"{words}: raise --most to read more", DOUBTFUL)
    elif not going:
        output.line("There is nothing to move", GOOD if not plan["queues"] else "")
    document: dict[str, Any] = {"plan": plan, "moved": 0, "refused": {}}
    asked = not (yes or dry_run) and going and not output.as_json and sys.stdin.isatty()
    if going and (yes or (asked and click.confirm("Move these messages back?"))) and not dry_run:
        moved, refused = _move(context, redrive, queues, rate)
        document |= {"moved": moved, "refused": dict(refused)}
        output.line(f"Moved {moved:,} messages", GOOD)
        for words, number in refused.items():
            output.line(f"{number:,} stay, because the queue refused them: {words}", BAD)
        output.result(document)
        return Status.NOT_FINE if refused else Status.FINE
    if going and not asked:
        output.line("Nothing was moved. Run it with --yes to move them", DOUBTFUL)
    output.result(document)
    return Status.FINE


def _plan(
    context: Context, redrive: Redrive, queues: Sequence[RejectionQueue], most: int
) -> tuple[dict[str, Any], int]:
    """Say what would become of each message; return that, and how many would go back."""
    output, sqs = context.output, context.client("sqs")
    counts: Counter[tuple[str, str, str]] = Counter()
    going = 0
    document: list[dict[str, Any]] = []
    for queue in queues:
        waiting, in_flight, delayed = counted(sqs, queue.url)
        there = waiting + in_flight + delayed
        if in_flight:
            output.note(
                f"{in_flight:,} of {queue.name} are hidden, because another process received "
                f"them. They become visible within {HIDDEN_SECONDS} seconds; then run the command "
                "again",
                DOUBTFUL,
            )
        messages = looked_at(sqs, queue.url, most)
        document.append({"name": queue.name, "messages": there, "looked_at": len(messages)})
        if len(messages) >= most:
            output.note(f"the dry run read {most:,} of about {there:,} {queue.name}", DOUBTFUL)
        for message in messages:
            decision = redrive.decision(queue, message)
            counts[queue.name, message.reason, decision.words] += 1
            going += bool(decision.target)
    rows = [(*key, number) for key, number in counts.most_common()]
    output.table(
        ("queue", "reason", "what becomes of it", "messages"),
        [(name, reason, words, f"{number:,}") for name, reason, words, number in rows],
    )
    verdicts = [
        {"queue": name, "reason": reason, "verdict": words, "messages": number}
        for name, reason, words, number in rows
    ]
    return {"queues": document, "verdicts": verdicts, "going": going}, going


def _move(
    context: Context, redrive: Redrive, queues: Sequence[RejectionQueue], rate: float
) -> tuple[int, Counter[str]]:
    moved, refused = 0, Counter[str]()
    pace = Pace(rate)
    with _bar(context.output) as bar:
        for queue in queues:
            last = Moved()
            started = time.monotonic()
            there = sum(counted(context.client("sqs"), queue.url))
            task = bar.add_task(queue.name, total=there, speed="")

            def report(
                step: Moved, task: Any = task, there: int = there, started: float = started
            ) -> None:
                nonlocal last
                last = step
                done = step.moved + step.kept
                speed = step.moved / max(time.monotonic() - started, 0.001)
                bar.update(
                    task,
                    completed=done,
                    total=max(there, done),
                    speed=f"{step.moved:,} moved, {speed:,.0f} a second",
                )

            redrive.run(queue, pace, report)
            moved += last.moved
            refused += last.refused
    return moved, refused


def _bar(output: Output) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}", markup=False),
        TimeElapsedColumn(),
        console=output.messages,
        disable=output.as_json,
    )
