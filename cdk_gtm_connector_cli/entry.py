"""Starts the command, or says which packages it lacks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_NEEDS = ("boto3", "botocore", "click", "rich")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``gtm-connector``; return its exit status.

    Args:
        arguments: Arguments without the program's name; the process's own by default.
    """
    try:
        from cdk_gtm_connector_cli.main import run  # noqa: PLC0415 - what it needs may be missing
    except ModuleNotFoundError as error:
        if error.name not in _NEEDS:
            raise
        print(  # noqa: T201 - a command-line program
            f"error: gtm-connector needs the package {error.name}: "
            "pip install 'cdk-gtm-connector[cli]'",
            file=sys.stderr,
        )
        return 3
    return run(arguments)
