"""``gtm-connector``: the group of commands, and the handling of their errors."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from typing import TYPE_CHECKING, Final

import click
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

import cdk_gtm_connector_cli.commands
from cdk_gtm_connector.version import __version__
from cdk_gtm_connector_cli.errors import CommandError, Status
from cdk_gtm_connector_cli.output import BAD, Output

if TYPE_CHECKING:
    from collections.abc import Sequence

_PACKAGE: Final = "cdk_gtm_connector_cli"
# Commands that are packages of their own, each with its command as ``command``.
_PACKAGES: Final = ("verify",)
_NOT_ALLOWED: Final = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 success; 1 the command found a problem; 2 the command line is wrong; "
    "3 the command failed.",
)
@click.version_option(__version__, prog_name="gtm-connector")
def cli() -> None:
    """Operate a deployed connector: try it, look into its queues, find what is wrong."""


def add_command(command: click.Command) -> None:
    """Add a command to ``gtm-connector``.

    Args:
        command: Its function gets a :class:`~cdk_gtm_connector_cli.context.Context` if it is
            decorated with :func:`~cdk_gtm_connector_cli.options.connector_options`. What it returns
            is the exit status, a :class:`~cdk_gtm_connector_cli.errors.Status`.
    """
    cli.add_command(command)


def _add_own_commands() -> None:
    names = [
        f"commands.{module.name}"
        for module in pkgutil.iter_modules(cdk_gtm_connector_cli.commands.__path__)
    ]
    for name in (*names, *_PACKAGES):
        if importlib.util.find_spec(f"{_PACKAGE}.{name}") is not None:
            add_command(importlib.import_module(f"{_PACKAGE}.{name}").command)


_add_own_commands()


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    output = Output(as_json="--json" in given)
    try:
        status = cli.main(given, prog_name="gtm-connector", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return Status.USAGE
    except (KeyboardInterrupt, click.Abort):
        return Status.INTERRUPTED
    except CommandError as error:
        problem, remedy = error.problem, error.remedy
    except (BotoCoreError, ClientError) as error:
        problem, remedy = _of_aws(error)
    else:
        return int(status or Status.FINE)
    output.note(f"error: {problem}", BAD)
    output.note(f"to do: {remedy}", "")
    output.result({"error": problem, "to_do": remedy})
    return Status.FAILED


def _of_aws(error: BotoCoreError | ClientError) -> tuple[str, str]:
    """Return the problem and the remedy of an error of AWS or its SDK."""
    remedy = "see docs/troubleshooting.md, or run gtm-connector doctor"
    match error:
        case NoCredentialsError():
            remedy = "sign in (aws sso login, aws configure), or name a profile with --profile"
        case ProfileNotFound():
            remedy = "aws configure list-profiles lists the profiles"
        case NoRegionError():
            remedy = "name the stack's Region with --region REGION, or set AWS_REGION"
        case EndpointConnectionError():
            remedy = "check the network, and that --region names a Region with this service"
        case ClientError() if error.response["Error"].get("Code") in _NOT_ALLOWED:
            remedy = (
                f"these credentials are not allowed to call {error.operation_name}: use others "
                "(--profile), or allow it"
            )
        case ClientError() if "ExpiredToken" in error.response["Error"].get("Code", ""):
            remedy = "the credentials have expired: sign in again"
    return str(error), remedy
