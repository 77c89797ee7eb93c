"""Checks before a deployment for a mistake that would make CloudFormation fail and roll back.

A stage with logging cannot be created before API Gateway has a role for writing logs. That role is
a setting of the account in each Region. ``make deploy`` runs this.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CDK_JSON: Final = Path("cdk.json")
_DEFAULT_REGION: Final = "us-east-1"  # the CDK's


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 1 if a deployment would fail, with the remedy on standard error.

    Args:
        arguments: Arguments of ``cdk deploy``. Default: the process's own.
    """
    parser = argparse.ArgumentParser(prog="preflight", description=__doc__, allow_abbrev=False)
    parser.add_argument("-c", "--context", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--profile")
    given, _ = parser.parse_known_args(arguments)
    context = _context(_CDK_JSON, given.context)
    if str(context.get("cloud_watch_role", "")).lower() == "true":
        return 0
    try:
        session = botocore.session.Session(profile=given.profile)
        region = _region(session)
        account = _account(session, region)
    except (BotoCoreError, ClientError) as error:
        # Permission to deploy does not imply permission to read the account's settings.
        print(f"Cannot check whether API Gateway may write logs: {error}", file=sys.stderr)  # noqa: T201
        return 0
    if account.get("cloudwatchRoleArn"):
        return 0
    print(  # noqa: T201
        f"error: API Gateway has no role to write logs with in {region}, so the deployment would "
        "fail: set cloud_watch_role=true, which creates one for all APIs of the account in this "
        'Region (under "context" in cdk.json, or in CONTEXT)',
        file=sys.stderr,
    )
    return 1


def _context(cdk_json: Path, given: Sequence[str]) -> Mapping[str, Any]:
    """Return the context. Values on the command line override those in ``cdk_json``."""
    context: dict[str, Any] = {}
    if cdk_json.exists():
        context |= json.loads(cdk_json.read_text(encoding="utf-8")).get("context", {})
    return context | dict(pair.partition("=")[::2] for pair in given)


def _region(session: botocore.session.Session) -> str:
    """Return the Region that the CDK deploys to."""
    return (
        os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
        or session.get_config_variable("region")
        or _DEFAULT_REGION
    )


def _account(session: botocore.session.Session, region: str) -> Mapping[str, Any]:
    client: Any = session.create_client(
        "apigateway",
        region_name=region,
        config=Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2}),
    )
    account: Mapping[str, Any] = client.get_account()
    return account


if __name__ == "__main__":
    sys.exit(main())
