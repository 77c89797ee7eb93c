"""``gtm-connector verify``: checks what only a connector in an AWS account can show.

Each question is declared once, in :mod:`cdk_gtm_connector_cli.verify.catalog`'s modules: the
assumption, the places that state it, how it is checked, what breaks if it is wrong, and the remedy.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    # `python -m cdk_gtm_connector_cli.verify` works without the packages that the command needs.
    if name == "command":
        from cdk_gtm_connector_cli.verify.click_command import command  # noqa: PLC0415 - see above

        return command
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
