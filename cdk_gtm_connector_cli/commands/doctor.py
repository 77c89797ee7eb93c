"""``gtm-connector doctor``: looks for problems of a deployment."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

import click
from rich.text import Text

from cdk_gtm_connector_cli import checks
from cdk_gtm_connector_cli.checks import Finding, account, delivery, endpoint, findings, ingestion
from cdk_gtm_connector_cli.commands.send import follow
from cdk_gtm_connector_cli.destination_search import EventQuery
from cdk_gtm_connector_cli.durations import duration
from cdk_gtm_connector_cli.errors import Status
from cdk_gtm_connector_cli.options import connector_options
from cdk_gtm_connector_cli.output import BAD, DIM, DOUBTFUL, GOOD, safe
from cdk_gtm_connector_cli.sending import send
from cdk_gtm_connector_cli.tracing import DELIVERED, GONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdk_gtm_connector_cli.context import Context

CHECKS: Final = (*endpoint.CHECKS, *ingestion.CHECKS, *delivery.CHECKS, *account.CHECKS)
_SERVER_ERROR: Final = 500
_STYLES: Final = {
    checks.GOOD: GOOD,
    checks.DOUBTFUL: DOUBTFUL,
    checks.BAD: BAD,
    checks.UNKNOWN: DIM,
}


@click.command("doctor")
@connector_options
@click.option("--no-probe", is_flag=True, help="Send no test event, and run no function.")
@click.option(
    "--wait",
    type=duration,
    default="60s",
    show_default=True,
    metavar="DURATION",
    help="How long to search for the test event at the destinations.",
)
@click.option("--all", "show_all", is_flag=True, help="Also show what is good.")
def command(context: Context, *, no_probe: bool, wait: int, show_all: bool) -> Status:
    """Find problems, and say what to do about them.

    It checks the account, the endpoint, the functions and the destinations. It sends one test event
    of the type "gtm_connector_test", and runs each function once on an empty batch.
    """
    output = context.output
    found = [it for check in CHECKS for it in findings(check, context)]
    if not no_probe:
        found += [it for probe in delivery.PROBES for it in findings(probe, context)]
        found += findings(partial(_probe, wait=wait), context)
    shown = [it for it in found if show_all or it.verdict != checks.GOOD]
    output.table(
        ("looked at", "", "found", "to do"),
        [
            (it.what, Text(it.verdict, style=_STYLES[it.verdict]), safe(it.words), it.to_do)
            for it in shown
        ],
    )
    number = {verdict: sum(it.verdict == verdict for it in found) for verdict in _STYLES}
    output.line(", ".join(f"{count} {verdict}" for verdict, count in number.items()))
    output.result(
        {
            "findings": [
                {"what": it.what, "verdict": it.verdict, "words": it.words, "to_do": it.to_do}
                for it in found
            ]
        }
    )
    return Status.NOT_FINE if number[checks.BAD] else Status.FINE


def _probe(context: Context, *, wait: int) -> Iterator[Finding]:
    """A test event arrives."""
    what = "test event"
    since = int(time.time() * 1000)
    parameters = [("event", "gtm_connector_test"), ("endpoint_id", "gtm-connector-test")]
    sent = send(context.connector.endpoint_url, parameters)
    why, to_do = sent.why
    if not sent.is_accepted:
        if sent.status >= _SERVER_ERROR:  # "run gtm-connector doctor" would be no help here
            to_do = "fix the problems above; docs/operations.md, The endpoint answers 5xx"
        yield Finding(what, checks.BAD, f"a tag would be red: {sent.status}, {why}", to_do)
        return
    yield Finding(what, checks.GOOD, "a tag would be green: the endpoint answered an image")
    if not sent.event_id:
        words = "the answer names no id, so the event cannot be followed"
        yield Finding(what, checks.UNKNOWN, words, "check for a CDN that removes x-amz-apigw-id")
        return
    for it in follow(context, EventQuery([sent.event_id], since, "gtm-connector-test"), wait):
        verdict = {DELIVERED: checks.GOOD, GONE: checks.DOUBTFUL}.get(it.state, checks.BAD)
        to_do = "" if verdict == checks.GOOD else f"gtm-connector where {sent.event_id}"
        yield Finding(what, verdict, f"{it.destination}: {it.state}: {it.words}", to_do)
