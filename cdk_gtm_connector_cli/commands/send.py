"""``gtm-connector send``: sends a test event, and follows it to its destinations."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import click

from cdk_gtm_connector_cli.destination_search import EventQuery
from cdk_gtm_connector_cli.durations import duration
from cdk_gtm_connector_cli.errors import CommandError, Status
from cdk_gtm_connector_cli.options import connector_options
from cdk_gtm_connector_cli.output import BAD, DOUBTFUL, GOOD
from cdk_gtm_connector_cli.sending import METHODS, send
from cdk_gtm_connector_cli.signing import mint
from cdk_gtm_connector_cli.tracing import (
    DELIVERED,
    GONE,
    REJECTED,
    EventStatus,
    rejections,
    status_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdk_gtm_connector_cli.context import Context

_MOST_REJECTED: Final = 500
_STEP_SECONDS: Final = 1.0
_LOOK_EVERY: Final = 5  # steps, because reading a queue hides its messages for a moment
STYLES: Final = {DELIVERED: GOOD, REJECTED: BAD, GONE: DOUBTFUL}


def parameter(text: str) -> tuple[str, str]:
    """Return ``NAME=VALUE`` as a pair; a type of click's options.

    Raises:
        click.BadParameter: It has no name, or no ``=``.
    """
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.BadParameter(f"must be NAME=VALUE, such as evat_page=/cart, got {text!r}")
    return name, value


@click.command("send")
@connector_options
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default="get",
    show_default=True,
    help="How the event is sent: as an image tag sends it, or posted as a form or as JSON.",
)
@click.option("--event", default="gtm_connector_test", show_default=True, help="Event type.")
@click.option(
    "--endpoint-id",
    default="gtm-connector-test",
    show_default=True,
    help="The event's endpoint. Customer Profiles creates a profile for a new one.",
)
@click.option(
    "--set",
    "parameters",
    multiple=True,
    type=parameter,
    metavar="NAME=VALUE",
    help="Another parameter, by its name in the URL, such as evat_page=/cart. Repeatable.",
)
@click.option(
    "--origin", metavar="URL", default="", help="The site that the event claims to come from."
)
@click.option(
    "--token", metavar="TOKEN", default="", help="Send the event authenticated, with this token."
)
@click.option(
    "--subject",
    metavar="ID",
    default="",
    help="Send the event authenticated, with a new token for the visitor ID.",
)
@click.option("--no-follow", is_flag=True, help="Do not search for the event afterward.")
@click.option(
    "--wait",
    type=duration,
    default="60s",
    show_default=True,
    metavar="DURATION",
    help="How long to search for the event at the destinations.",
)
def command(
    context: Context,
    *,
    method: str,
    event: str,
    endpoint_id: str,
    parameters: Sequence[tuple[str, str]],
    origin: str,
    token: str,
    subject: str,
    no_follow: bool,
    wait: int,
) -> Status:
    """Send a test event, say what a tag would report, and search for the event at each destination.

    The event is a real one. Its type and its endpoint id tell it from your visitors'.
    """
    connector, output = context.connector, context.output
    url = connector.endpoint_url
    if subject or token:
        authenticated = connector.authenticated_endpoint_url
        if authenticated is None:
            raise CommandError(
                f"the connector {connector.name} has no authenticated route",
                "deploy it with an authorizer (signed_token=true), or leave the token out",
            )
        url = authenticated
        token = token or mint(context, subject=subject)
    since = int(time.time() * 1000)
    sent = send(
        url,
        [("event", event), ("endpoint_id", endpoint_id), *parameters],
        method=method,
        token=token,
        origin=origin,
    )
    why, to_do = sent.why
    what = "tag" if sent.by_get else "request"
    color = "green" if sent.is_green else "red"
    output.line(f"{what} {color}: {sent.status}, {why}", GOOD if sent.is_accepted else BAD)
    if to_do:
        output.line(f"  to do: {to_do}")
    if sent.is_accepted:
        output.line(f"event {sent.event_id or 'of an unknown id'}")
    document: dict[str, Any] = {
        "url": url,
        "status": sent.status,
        "tag": color,
        "accepted": sent.is_accepted,
        "why": why,
        "to_do": to_do,
        "request_id": sent.request_id,
        "event_id": sent.event_id if sent.is_accepted else "",
        "fates": [],
    }
    status = Status.FINE if sent.is_accepted else Status.NOT_FINE
    if sent.is_accepted and sent.event_id and not no_follow:
        # One event in a request has the request's id. This command sends no lists.
        query = EventQuery([sent.event_id], since, endpoint_id)
        fates = follow(context, query, wait)
        for it in fates:
            output.line(f"{it.destination}: {it.state}: {it.words}", STYLES.get(it.state, BAD))
        document["fates"] = [
            {"destination": it.destination, "state": it.state, "words": it.words} for it in fates
        ]
        if any(it.state not in (DELIVERED, GONE) for it in fates):
            status = Status.NOT_FINE
    output.result(document)
    return status


def follow(context: Context, event: EventQuery, seconds: float) -> list[EventStatus]:
    """Return the final status of an event at each destination, or the latest when time is up.

    Args:
        context: The connector.
        event: The event.
        seconds: Maximum time to search.
    """
    deadline = time.monotonic() + seconds
    settled: dict[str, EventStatus] = {}
    step = 0
    while True:
        last = time.monotonic() >= deadline
        look = last or step % _LOOK_EVERY == _LOOK_EVERY - 1
        rejected = list(rejections(context, event.event_ids, _MOST_REJECTED)) if look else []
        fates = []
        for delivery in context.connector.deliveries:
            found = settled.get(delivery.destination) or status_of(
                context, delivery, event, rejected
            )
            # "Left the queue" is final only if the queues of rejected messages were read too.
            if found.state in (DELIVERED, REJECTED) or (found.state == GONE and look):
                settled[delivery.destination] = found
            fates.append(found)
        if last or len(settled) == len(fates):
            return fates
        step += 1
        time.sleep(_STEP_SECONDS)
