"""Deploy the three stacks, run all checks on them, and remove them: ``make verify-all``."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from capacity import prices
from capacity.destinations import kinesis
from integ.stacks import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

_REQUESTS: Final = 400  # requests to each stack: those of verify, and the traffic of stage-change
_MEGABYTES: Final = 5  # of logs, per stack
_QUEUE_REQUESTS: Final = 20_000  # of all event sources in an hour, and of verify
_PERMISSIONS: Final = ("--yes", "--may-redeploy", "--may-write-profiles")


def cost(hours: float = 1) -> dict[str, float]:
    """Return the US dollars of a run by charge, at the list prices of ``capacity/``.

    Args:
        hours: Lifetime of the stacks, in hours.
    """
    stacks = len(NAMES)
    return {
        "API Gateway": prices.API_GATEWAY.cost(stacks * _REQUESTS),
        "SQS": prices.SQS.cost(_QUEUE_REQUESTS),
        "SNS": prices.SNS.cost(2 * _REQUESTS),
        "Lambda": prices.LAMBDA_INVOCATIONS.cost(stacks * _REQUESTS)
        + prices.LAMBDA_ARM64.cost(stacks * _REQUESTS * 0.25),
        "logs": prices.ACCESS_LOGS.cost(stacks * _MEGABYTES / 1_000),
        "a shard of Kinesis": kinesis.SHARD_HOURS.cost(hours),
    }


def announcement() -> str:
    """Return a description of the run and its costs, for the user to confirm."""
    parts = cost()
    listed = ", ".join(f"{name} ${dollars:.4f}" for name, dollars in parts.items())
    return (
        f"This deploys the stacks {', '.join(NAMES)} to the account and Region of your "
        "credentials, sends some 1,200 requests to them, and removes them.\n"
        f"It costs about {100 * sum(parts.values()):.0f} cents for an hour: {listed}.\n"
        "The sum leaves out a secret of Secrets Manager and three profiles of Customer Profiles: "
        "docs/capacity.md has no price for them.\n"
        "If a run is interrupted, run make verify-all ARGS=--remove-only."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks. Return 0 if all assumptions hold, 1 if one does not, 3 if the run failed."""
    parser = argparse.ArgumentParser(prog="python -m integ", description=__doc__)
    parser.add_argument("--cdk", default="npx --yes aws-cdk", help="the CDK's command line")
    parser.add_argument("--verify", default=f"{sys.executable} -m cdk_gtm_connector_cli.verify")
    parser.add_argument("--yes", action="store_true", help="ask nobody")
    parser.add_argument("--remove-only", action="store_true", help="remove what is left")
    given = parser.parse_args(arguments)
    cdk = [*shlex.split(given.cdk), "--app", f"{sys.executable} -m integ.app"]
    if given.remove_only:
        return _remove(cdk)
    print(announcement(), flush=True)
    if not given.yes and input("Begin? [y/N] ").strip().lower() not in {"y", "yes"}:
        return 3
    worst = 0
    try:
        if _run([*cdk, "deploy", "--require-approval", "never", *NAMES]):
            return 3
        for name in NAMES:
            print(f"\n{name}", flush=True)
            worst = max(worst, _run([*shlex.split(given.verify), name, *_PERMISSIONS]))
    finally:
        removed = _remove(cdk)
    return removed or worst


def _remove(cdk: Sequence[str]) -> int:
    if not _run([*cdk, "destroy", "--force", *NAMES]):
        return 0
    print(
        f"Not all of {', '.join(NAMES)} could be removed, so they go on costing: look at them in "
        "CloudFormation, then make verify-all ARGS=--remove-only",
        file=sys.stderr,
    )
    return 3


def _run(command: Sequence[str]) -> int:
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own command


if __name__ == "__main__":
    sys.exit(main())
