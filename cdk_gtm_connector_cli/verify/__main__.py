"""``python -m cdk_gtm_connector_cli.verify STACK`` is ``gtm-connector verify STACK``."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from cdk_gtm_connector_cli.context import Context
from cdk_gtm_connector_cli.errors import CommandError, Status
from cdk_gtm_connector_cli.local_run import LocalRun
from cdk_gtm_connector_cli.verify.asking import Options, verify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cdk_gtm_connector_cli.output import Output


class PlainOutput:
    """Writes results like ``Output``, but without colors, so that it needs no package.

    Args:
        as_json: Whether results are written as JSON, one document a line.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, document: Mapping[str, Any]) -> None:
        """Write a result as one line of JSON; nothing without ``as_json``."""
        if self.as_json:
            print(json.dumps(document, default=str), flush=True)  # noqa: T201 - the result

    def line(self, text: str = "", style: str = "") -> None:  # noqa: ARG002 - Output's
        """Write a line for people; nothing with JSON."""
        if not self.as_json:
            print(text, flush=True)  # noqa: T201 - the result

    def note(self, text: str, style: str = "") -> None:  # noqa: ARG002 - Output's
        """Write a line on standard error."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - a command-line program


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cdk_gtm_connector_cli.verify",
        description="Check a deployed connector for what only an AWS account can show.",
    )
    parser.add_argument("stack", nargs="?", default="", metavar="STACK")
    parser.add_argument("--connector", default="", metavar="NAME")
    parser.add_argument("--region", metavar="REGION")
    parser.add_argument("--profile", metavar="PROFILE")
    parser.add_argument("--local", action="store_true", help="use the local pipeline of make run")
    parser.add_argument("--json", action="store_true", help="write JSON, one document per line")
    parser.add_argument("--yes", action="store_true", help="begin without asking")
    parser.add_argument(
        "--resume",
        metavar="FILE",
        help="continue a stopped run, from a file with the output of --json",
    )
    parser.add_argument("--only", action="append", default=[], metavar="QUESTION")
    parser.add_argument("--token", default="", help="a visitor's token, for /events/authenticated")
    parser.add_argument(
        "--may-redeploy",
        action="store_true",
        help="permit new deployments of the API, under traffic",
    )
    parser.add_argument(
        "--may-write-profiles",
        action="store_true",
        help="permit test profiles in the Customer Profiles domain",
    )
    parser.add_argument("--wait", type=float, default=60, metavar="SECONDS")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run verify; return its exit status."""
    given = _parser().parse_args(arguments)
    output = cast("Output", PlainOutput(as_json=given.json))
    try:
        run = LocalRun.find() if given.local else None
        context = Context(
            output=output,
            stack=given.stack or (run.stack if run else ""),
            connector_key=given.connector,
            region=given.region,
            profile=given.profile,
            local=run,
        )
        return verify(
            context,
            Options(
                yes=given.yes,
                resume=given.resume,
                only=tuple(given.only),
                token=given.token,
                permissions=Options.permitted(
                    may_redeploy=given.may_redeploy, may_write_profiles=given.may_write_profiles
                ),
                wait=given.wait,
            ),
        )
    except CommandError as error:
        output.note(f"error: {error.problem}")
        output.note(f"to do: {error.remedy}")
    except (BotoCoreError, ClientError) as error:
        output.note(f"error: {error}")
    except KeyboardInterrupt:
        output.note("stopped: to continue, give --resume the output of --json")
        return Status.INTERRUPTED
    return Status.FAILED


if __name__ == "__main__":
    sys.exit(main())
