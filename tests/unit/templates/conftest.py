"""The request templates under test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cognito as cognito

from cdk_gtm_connector.authorizers import CognitoAuthorizer, IamAuthorizer, SignedTokenAuthorizer
from tests.unit.templates.request_templates import VARIANTS, Caller, Variant

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture(scope="session")
def callers() -> Mapping[str, Caller]:
    """The callers to test, by the names of :data:`CALLERS`."""
    stack = cdk.Stack()
    pool = cognito.UserPool(stack, "Pool")
    return {
        "anonymous": Caller(None, {"identity": {"sourceIp": "192.0.2.1", "userArn": None}}),
        "token": Caller(
            SignedTokenAuthorizer(stack, "Token"),
            {"authorizer": {"principalId": "user 4&2", "endpoint_id": "e+1", "subject": "x"}},
            subject="user 4&2",
            endpoint="e+1",
        ),
        "cognito": Caller(
            CognitoAuthorizer(
                stack, "Cognito", user_pools=[pool], endpoint_claim="custom:endpoint_id"
            ),
            {"authorizer": {"claims": {"sub": "6f0e-1", "custom:endpoint_id": "é=1"}}},
            subject="6f0e-1",
            endpoint="é=1",
        ),
        "iam": Caller(
            IamAuthorizer(),
            {"identity": {"cognitoIdentityId": None, "userArn": "arn:aws:iam::1:user/a b"}},
            subject="arn:aws:iam::1:user/a b",
        ),
    }


@pytest.fixture(scope="session")
def variants(callers: Mapping[str, Caller]) -> Mapping[str, Variant]:
    """The request templates, by the names of :data:`VARIANTS`."""
    return {
        name: Variant(content, callers[caller], privacy, service)
        for name, (content, caller, privacy, service) in VARIANTS.items()
    }


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest, variants: Mapping[str, Variant]) -> Variant:
    """Each of the request templates."""
    return variants[request.param]
