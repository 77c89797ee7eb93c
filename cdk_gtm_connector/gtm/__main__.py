"""Writes the files that Google Tag Manager imports: ``python -m cdk_gtm_connector.gtm``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdk_gtm_connector.gtm import files_for

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or an error on standard error; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m cdk_gtm_connector.gtm",
        description="Writes what Google Tag Manager imports: containers and templates that are "
        "made for your own endpoint.",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--endpoint", metavar="URL", help="the stack's output EndpointUrl")
    source.add_argument(
        "--stack",
        metavar="NAME",
        help="a deployed stack, whose outputs are read with your AWS credentials; needs boto3",
    )
    parser.add_argument("--region", metavar="REGION", help="the stack's Region, if not the default")
    parser.add_argument("--profile", metavar="PROFILE", help="the AWS profile, if not the default")
    parser.add_argument(
        "--out", metavar="DIRECTORY", default="build/gtm", help="default: %(default)s"
    )
    given = parser.parse_args(arguments)
    if given.endpoint is not None and (given.region or given.profile):
        parser.error("--region and --profile go with --stack")
    try:
        endpoint = given.endpoint or endpoint_of(given.stack, given.region, given.profile)
        made = files_for(endpoint)
        directory = Path(given.out)
        for name, text in made.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    except (LookupError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a command-line program
        return 1
    print(f"{directory / 'README.md'} says how to import it")  # noqa: T201 - a command-line program
    return 0


def endpoint_of(stack: str, region: str | None = None, profile: str | None = None) -> str:
    """Return the endpoint's URL from a deployed stack's outputs.

    Args:
        stack: The stack's name or ARN.
        region: Where it is; by default the Region that the AWS SDK is set to.
        profile: Whose credentials read it; by default those that the AWS SDK finds.

    Raises:
        LookupError: boto3 is not installed, the stack cannot be read, or it has no output
            ``EndpointUrl`` and none that ends so.
    """
    try:
        import boto3  # noqa: PLC0415 - only this needs it
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    except ImportError:
        raise LookupError(
            "--stack needs boto3: pip install boto3, or give the output EndpointUrl as --endpoint"
        ) from None
    try:
        client = boto3.session.Session(profile_name=profile, region_name=region).client(
            "cloudformation"
        )
        stacks = client.describe_stacks(StackName=stack)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise LookupError(f"the stack {stack} cannot be read: {error}") from None
    return _endpoint_in(stack, {str(it["OutputKey"]): it for it in stacks[0].get("Outputs", [])})


def _endpoint_in(stack: str, outputs: dict[str, Any]) -> str:
    # A custom app may have the construct's URL in an output with another name.
    for name in ("EndpointUrl", "GtmImageUrl"):
        found = [key for key in outputs if key.endswith(name) and "Authenticated" not in key]
        if name in found or len(found) == 1:
            value = str(outputs[name if name in found else found[0]]["OutputValue"])
            return value.partition("?")[0]
    raise LookupError(
        f"the stack {stack} has no output EndpointUrl, it has {', '.join(outputs) or 'none'}: "
        "give the URL as --endpoint"
    )


if __name__ == "__main__":
    sys.exit(main())
