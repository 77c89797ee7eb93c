"""``gtm-connector where``: what became of one event."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import click

from cdk_gtm_connector_cli.commands.send import STYLES
from cdk_gtm_connector_cli.destination_search import EventQuery
from cdk_gtm_connector_cli.durations import duration
from cdk_gtm_connector_cli.errors import Status
from cdk_gtm_connector_cli.logs import Line, lines
from cdk_gtm_connector_cli.messages import event_id_of, moment, request_ids_of
from cdk_gtm_connector_cli.options import connector_options
from cdk_gtm_connector_cli.output import BAD
from cdk_gtm_connector_cli.tracing import DELIVERED, GONE, Rejection, rejections, status_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdk_gtm_connector_cli.context import Context
    from cdk_gtm_connector_cli.stack import DeliveryResources

_LOG_MS: Final = 15 * 60_000  # of the function's log, from the request on
_MOST_LINES: Final = 20
_ANSWERED_BAD: Final = 400


@click.command("where")
@connector_options
@click.argument("event_id", metavar="EVENT_ID|REQUEST_ID")
@click.option(
    "--since",
    type=duration,
    default="1d",
    show_default=True,
    metavar="DURATION",
    help="How far back the access log and the destinations are searched.",
)
@click.option("--endpoint-id", metavar="ID", default="", help="The event's endpoint, if known.")
@click.option(
    "--most",
    type=click.IntRange(1, 100_000),
    metavar="NUMBER",
    default=1_000,
    show_default=True,
    help="How many messages of each queue of rejected messages to read.",
)
def command(context: Context, *, event_id: str, since: int, endpoint_id: str, most: int) -> Status:
    """Find an event: in the access log, the queues, the functions' logs and at the destinations.

    The id is the event's own, or the one that the browser shows in the answer's header
    x-amz-apigw-id. The queue that the function reads is only counted: a look would take messages
    from the function.
    """
    output = context.output
    wanted = event_id_of(event_id)
    start = int(time.time() * 1000) - since * 1000
    access = _in_access_log(context, wanted, start)
    rejected = list(rejections(context, [wanted], most))
    came = _came(access, rejected)
    document: dict[str, Any] = {
        "event_id": wanted,
        "access_log": [dict(line.fields) for line in access],
    }
    output.line(f"event {wanted}", "bold")
    for line in access:
        _show_access(context, line)
    if not access:
        output.line(
            f"access log: no request of this id in the last {since // 3600 or 1} hours; it has no "
            "request that was refused before it got an id"
        )
    refused = any(_number(line, "status", 0) >= _ANSWERED_BAD for line in access)
    status = Status.NOT_FINE
    document |= {"fates": [], "batches": {}}
    if refused:
        output.line("it was not queued, and the tag was told", BAD)
    else:
        known = endpoint_id or next((it.content.endpoint_id for it in rejected), "")
        ids = list(dict.fromkeys([wanted, *(i for it in rejected for i in it.content.event_ids)]))
        event = EventQuery(ids, came or start, known)
        found = [status_of(context, each, event, rejected) for each in context.connector.deliveries]
        for delivery, it in zip(context.connector.deliveries, found, strict=True):
            output.line(f"{it.destination}: {it.state}: {it.words}", STYLES.get(it.state, BAD))
            if came:
                document["batches"][delivery.destination] = _show_batches(context, delivery, came)
        document["fates"] = [
            {"destination": it.destination, "state": it.state, "words": it.words} for it in found
        ]
        # An event that may never have arrived is also in no queue.
        fine = {DELIVERED, GONE} if came else {DELIVERED}
        if all(it.state in fine for it in found):
            status = Status.FINE
    output.result(document)
    return status


def _in_access_log(context: Context, event_id: str, start: int) -> list[Line]:
    conditions = " || ".join(
        f'($.extendedRequestId = "{request_id}")' for request_id in request_ids_of(event_id)
    )
    group = context.connector.access_log
    found = lines(context.client("logs"), group, start, pattern=f"{{ {conditions} }}")
    meant = request_ids_of(event_id)
    return [line for line in found if line.fields.get("extendedRequestId") in meant]


def _came(access: Sequence[Line], rejected: Sequence[Rejection]) -> int:
    """Return when the event arrived, in epoch milliseconds; 0 if unknown."""
    times = [_number(line, "requestTimeEpoch", line.time) for line in access]
    times += [it.content.time or it.message.sent for it in rejected]
    return min(times, default=0)


def _number(line: Line, name: str, otherwise: int) -> int:
    """Return a number of the access log. API Gateway writes a dash for an unknown value."""
    text = str(line.fields.get(name, ""))
    return int(text) if text.isascii() and text.isdigit() else otherwise


def _show_access(context: Context, line: Line) -> None:
    fields = line.fields
    took = fields.get("responseLatency", "?")
    context.output.line(
        f"access log: {moment(_number(line, 'requestTimeEpoch', line.time))} "
        f"{fields.get('httpMethod', '')} {fields.get('resourcePath', '')} answered "
        f"{fields.get('status', '?')} in {took} ms"
    )


def _show_batches(context: Context, delivery: DeliveryResources, came: int) -> list[dict[str, Any]]:
    """Show the function's batches after the event's arrival, and return their lines."""
    found = lines(context.client("logs"), delivery.log_group, came, came + _LOG_MS)
    batches = [line for line in found if line.is_batch]
    for line in batches[:_MOST_LINES]:
        context.output.line(f"  log {line.when()}: {line.words()}", BAD if line.is_problem else "")
    if len(batches) > _MOST_LINES:
        context.output.line(f"  log: {len(batches) - _MOST_LINES} more batches")
    return [dict(line.fields) for line in batches[:_MOST_LINES]]
