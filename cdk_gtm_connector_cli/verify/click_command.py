"""``gtm-connector verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cdk_gtm_connector_cli.options import connector_options
from cdk_gtm_connector_cli.verify.asking import Options, verify

if TYPE_CHECKING:
    from cdk_gtm_connector_cli.context import Context
    from cdk_gtm_connector_cli.errors import Status


@click.command("verify")
@connector_options(argument=True)
@click.option("--yes", is_flag=True, help="Begin without asking.")
@click.option(
    "--resume",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Continue a stopped run, from a file with the output of --json.",
)
@click.option("--only", multiple=True, metavar="QUESTION", help="Only this question. Repeatable.")
@click.option(
    "--token", default="", help="A visitor's token, for requests to /events/authenticated."
)
@click.option(
    "--may-redeploy", is_flag=True, help="Permit new deployments of the API, under traffic."
)
@click.option(
    "--may-write-profiles",
    is_flag=True,
    help="Permit test profiles in the Customer Profiles domain, which are deleted afterward.",
)
@click.option(
    "--wait",
    type=click.FloatRange(1, 3600),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for another message after the last one.",
)
def command(
    context: Context,
    *,
    yes: bool,
    resume: str | None,
    only: tuple[str, ...],
    token: str,
    may_redeploy: bool,
    may_write_profiles: bool,
    wait: float,
) -> Status:
    """Check a deployed connector for what only an AWS account can show.

    It sends about 300 marked requests, which the function rejects, reads their messages out of the
    invalid-message queue, and prints a line for each question.
    """
    return verify(
        context,
        Options(
            yes=yes,
            resume=resume,
            only=only,
            token=token,
            permissions=Options.permitted(
                may_redeploy=may_redeploy, may_write_profiles=may_write_profiles
            ),
            wait=wait,
        ),
    )
