"""``gtm-connector rejected``: what is in the queues of rejected messages, without taking it."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cdk_gtm_connector_cli.errors import CommandError, Status
from cdk_gtm_connector_cli.messages import Message, content_of, moment
from cdk_gtm_connector_cli.options import connector_options
from cdk_gtm_connector_cli.output import DOUBTFUL
from cdk_gtm_connector_cli.queues import RejectionQueue, counted, looked_at, rejection_queues

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdk_gtm_connector_cli.context import Context
    from cdk_gtm_connector_cli.output import Output

_SHOWN_DETAIL: Final = 100

Found = list[tuple[RejectionQueue, Message]]


@click.command("rejected")
@connector_options
@click.option("--reason", "reasons", multiple=True, metavar="REASON", help="Only this reason.")
@click.option(
    "--destination",
    "destinations",
    multiple=True,
    metavar="NAME",
    help="Only this destination's dead letters. Repeatable, like --reason.",
)
@click.option("--show", is_flag=True, help="Show each message, decoded as what the tag sent.")
@click.option(
    "--export",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the messages to a new file, one JSON document per line. It contains personal data.",
)
@click.option(
    "--most",
    type=click.IntRange(1, 100_000),
    metavar="NUMBER",
    default=1_000,
    show_default=True,
    help="How many messages of each queue to read.",
)
def command(
    context: Context,
    *,
    reasons: Sequence[str],
    destinations: Sequence[str],
    show: bool,
    file: Path | None,
    most: int,
) -> Status:
    """Show rejected messages by reason and detail.

    The messages stay where they are. While the command looks they are hidden from others, and it
    gives them back. A message without a reason was tried as often as it may be: its reason reads
    "retried".
    """
    sqs, output = context.client("sqs"), context.output
    found: Found = []
    document: dict[str, Any] = {"queues": []}
    for queue in rejection_queues(context.connector, destinations):
        there = sum(counted(sqs, queue.url))
        messages = looked_at(sqs, queue.url, most)
        document["queues"].append(
            {"name": queue.name, "url": queue.url, "messages": there, "looked_at": len(messages)}
        )
        if len(messages) >= most:
            output.note(
                f"read {len(messages):,} of about {there:,} {queue.name}: raise --most to see more",
                DOUBTFUL,
            )
        found += [(queue, it) for it in messages if not reasons or it.reason in reasons]
    groups = _groups(found)
    output.table(
        ("queue", "reason", "detail", "messages", "oldest", "newest"),
        [
            (name, reason, detail, f"{len(times):,}", moment(min(times)), moment(max(times)))
            for (name, reason, detail), times in groups
        ],
    )
    if not found:
        output.line("No rejected messages" + (f" for {', '.join(reasons)}" if reasons else ""))
    if show:
        for queue, message in found:
            _show(output, queue, message)
    if file is not None:
        _export(file, found)
        output.line(f"Wrote {len(found):,} messages into {file}")
    document["groups"] = [
        {"queue": name, "reason": reason, "detail": detail, "messages": len(times)}
        for (name, reason, detail), times in groups
    ]
    if show:
        document["messages"] = [line_of(queue, message) for queue, message in found]
    output.result(document)
    return Status.FINE


def _groups(found: Found) -> list[tuple[tuple[str, str, str], list[int]]]:
    times: dict[tuple[str, str, str], list[int]] = {}
    for queue, message in found:
        key = (queue.name, message.reason, message.detail[:_SHOWN_DETAIL])
        times.setdefault(key, []).append(message.sent)
    sizes = Counter({key: len(sent) for key, sent in times.items()})
    return [(key, times[key]) for key, _ in sizes.most_common()]


def line_of(queue: RejectionQueue, message: Message) -> dict[str, Any]:
    """Return a message as a line of an exported file."""
    return {
        "queue": queue.name,
        "message_id": message.id,
        "sent": moment(message.sent),
        "reason": message.reason,
        "attributes": dict(message.attributes),
        **content_of(message).document(),
        "body": message.body,
    }


def _show(output: Output, queue: RejectionQueue, message: Message) -> None:
    content = content_of(message)
    output.line()
    output.line(f"{', '.join(content.event_ids)}  {message.reason}  {queue.name}", "bold")
    output.line(f"  {moment(content.time or message.sent)}  {message.detail}")
    for name in ("access", "subject", "endpoint", "origin", "referer"):
        if content.envelope.get(name):
            output.line(f"  {name}: {content.envelope[name]}", "dim")
    if content.problem:
        output.line(f"  {content.problem}", DOUBTFUL)
        output.line(f"  {message.body}", "dim")
    for number, event in enumerate(content.events):
        if len(content.events) > 1:
            output.line(f"  event {content.event_ids[number]}")
        for name, value in event or [("cannot be read", "")]:
            output.line(f"    {name} = {value}")


def _export(file: Path, found: Found) -> None:
    try:
        # It is customers' data: nobody else's to read.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}", "name a new file") from (
            error
        )
    with os.fdopen(descriptor, "w", encoding="utf-8") as lines:
        for queue, message in found:
            lines.write(json.dumps(line_of(queue, message)) + "\n")
