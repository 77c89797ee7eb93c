"""``gtm-connector tail``: what the functions do, live."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import click

from cdk_gtm_connector_cli.durations import duration
from cdk_gtm_connector_cli.errors import Status
from cdk_gtm_connector_cli.logs import lines
from cdk_gtm_connector_cli.options import connector_options
from cdk_gtm_connector_cli.output import BAD, DOUBTFUL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdk_gtm_connector_cli.context import Context

_STEP_SECONDS: Final = 2.0
_LATE_MS: Final = 30_000  # CloudWatch shows a line seconds after its time


@click.command("tail")
@connector_options
@click.option(
    "--destination", "destinations", multiple=True, metavar="NAME", help="Only this destination."
)
@click.option(
    "--since",
    type=duration,
    default="1m",
    show_default=True,
    metavar="DURATION",
    help="How far back to start.",
)
@click.option(
    "--for",
    "seconds",
    type=duration,
    metavar="DURATION",
    help="Stop after this time. Default: at Ctrl-C.",
)
@click.option("--problems", is_flag=True, help="Only lines about problems.")
def command(
    context: Context,
    *,
    destinations: Sequence[str],
    since: int,
    seconds: int | None,
    problems: bool,
) -> Status:
    """Show what the functions do with each batch, in words, as it happens."""
    connector, logs, output = context.connector, context.client("logs"), context.output
    deliveries = (
        [connector.delivery(name) for name in destinations]
        if destinations
        else list(connector.deliveries)
    )
    start = int(time.time() * 1000) - since * 1000
    deadline = None if seconds is None else time.monotonic() + seconds
    shown: dict[str, int] = {}
    newest = start
    while True:
        for delivery in deliveries:
            for line in lines(logs, delivery.log_group, max(start, newest - _LATE_MS)):
                newest = max(newest, line.time)
                is_warning = line.fields.get("level") == "WARN"
                is_fine = not (line.is_problem or is_warning)
                if line.id in shown or not line.fields or (problems and is_fine):
                    continue
                shown[line.id] = line.time
                style = BAD if line.is_problem else DOUBTFUL if is_warning else ""
                output.line(f"{line.when()} {delivery.destination}: {line.words()}", style)
                output.result({"destination": delivery.destination, **line.fields})
        # What is too old to be read again need not be remembered.
        shown = {id_: at for id_, at in shown.items() if at >= newest - 2 * _LATE_MS}
        if deadline is not None and time.monotonic() >= deadline:
            return Status.FINE
        time.sleep(_STEP_SECONDS)
