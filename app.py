#!/usr/bin/env python3
"""The CDK app: ``cdk deploy -c destination=… -c …``."""

from __future__ import annotations

import os
import sys

import aws_cdk as cdk

from stacks.connector_stack import ConnectorStack
from stacks.errors import SettingError
from stacks.settings import Settings


def main() -> None:
    """Synthesize the app."""
    app = cdk.App()
    settings = Settings.from_context(app.node)
    # The stack is deployed to the account and Region of the credentials in use: its template names
    # no Region.
    home = os.environ.get("CDK_DEFAULT_REGION")
    stack = ConnectorStack(app, "GtmConnector", settings=settings, home=home)
    if settings.cdk_nag:
        # Imported only when needed: the pack takes a tenth of the synthesis time, and finds
        # something only if the stack was changed. The tests check every setting with it.
        from stacks import nag  # noqa: PLC0415

        nag.check(app, stack)
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except SettingError as error:
        sys.exit(f"error: {error}")
