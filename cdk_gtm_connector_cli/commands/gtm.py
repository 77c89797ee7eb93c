"""``gtm-connector gtm``: writes what Google Tag Manager imports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdk_gtm_connector.gtm import files_for
from cdk_gtm_connector_cli.errors import CommandError, Status
from cdk_gtm_connector_cli.options import connector_options

if TYPE_CHECKING:
    from cdk_gtm_connector_cli.context import Context


@click.command("gtm")
@connector_options
@click.option("--endpoint", metavar="URL", help="The endpoint's URL, instead of a stack.")
@click.option(
    "--out",
    metavar="DIRECTORY",
    default="build/gtm",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the files go.",
)
def command(context: Context, endpoint: str | None, out: Path) -> Status:
    """Write the container and the templates that Google Tag Manager imports.

    They contain the URL of the stack's endpoint, or that of --endpoint.
    """
    url = endpoint or context.connector.endpoint_url
    try:
        made = files_for(url)
        for name, text in made.items():
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:
        raise CommandError(
            str(error), "set --endpoint to the output EndpointUrl, and --out to a directory"
        ) from error
    context.output.line(f"{out / 'README.md'} says how to import it")
    context.output.result({"endpoint": url, "directory": str(out), "files": sorted(made)})
    return Status.FINE
