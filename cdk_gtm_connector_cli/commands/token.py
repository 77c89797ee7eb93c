"""``gtm-connector token``: mints a signed token."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from cdk_gtm_connector_cli.durations import duration
from cdk_gtm_connector_cli.errors import Status
from cdk_gtm_connector_cli.options import connector_options
from cdk_gtm_connector_cli.signing import mint

if TYPE_CHECKING:
    from cdk_gtm_connector_cli.context import Context


@click.command("token")
@connector_options
@click.option("--subject", required=True, metavar="ID", help="Who the visitor is.")
@click.option("--endpoint-id", metavar="ID", help="The one endpoint that the token may write to.")
@click.option(
    "--expires-in",
    type=duration,
    default="5m",
    show_default=True,
    metavar="DURATION",
    help="How long the token is good for.",
)
def command(context: Context, *, subject: str, endpoint_id: str | None, expires_in: int) -> Status:
    """Print a signed token for the URL's parameter "token".

    The secret and the audience are read from the stack. python -m cdk_gtm_connector.tokens does it
    with a secret that you give it.
    """
    token = mint(
        context,
        subject=subject,
        endpoint_id=endpoint_id,
        expires_in=timedelta(seconds=expires_in),
    )
    context.output.line(token)
    context.output.result({"token": token})
    return Status.FINE
