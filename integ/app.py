"""The CDK app of the three stacks, an integration test of aws-cdk.integ-tests-alpha."""

from __future__ import annotations

import importlib
from typing import Any

import aws_cdk as cdk

from integ.stacks import add_stacks


def main() -> None:
    """Synthesize the app."""
    # Imported by name, because only `make verify-all` installs it.
    integ_tests: Any = importlib.import_module("aws_cdk.integ_tests_alpha")
    app = cdk.App()
    integ_tests.IntegTest(app, "Verify", test_cases=add_stacks(app))
    app.synth()


if __name__ == "__main__":
    main()
