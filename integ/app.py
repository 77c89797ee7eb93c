"""The CDK app of the three stacks, as an integration test of aws-cdk.integ-tests-alpha."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import integ_tests_alpha as integ_tests

from integ.stacks import add_stacks

if __name__ == "__main__":
    app = cdk.App()
    integ_tests.IntegTest(app, "Verify", test_cases=add_stacks(app))
    app.synth()
