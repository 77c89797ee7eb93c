#!/usr/bin/env python3
"""The CDK app: ``cdk deploy -c pinpoint_app_id=…``."""

from __future__ import annotations

import sys

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from stacks import nag
from stacks.connector_stack import ConnectorStack
from stacks.settings import SettingError, Settings


def main() -> None:
    """Synthesize the app."""
    app = cdk.App()
    stack = ConnectorStack(app, "GtmConnector", settings=Settings.from_context(app.node))
    nag.acknowledge(stack.connector)
    if stack.token is not None:
        nag.acknowledge_token(stack.token)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except SettingError as error:
        sys.exit(f"error: {error}")
