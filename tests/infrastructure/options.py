"""Option sets that README names, as a CDK developer would write them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53 as route53

from cdk_gtm_connector import (
    Authorizer,
    CognitoAuthorizer,
    Domain,
    Firewall,
    GtmConnector,
    IamAuthorizer,
    LambdaAuthorizer,
    SignedTokenAuthorizer,
)
from tests.infrastructure.synthesis import add_connector

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import aws_cdk as cdk

DOMAIN_NAME = "events.shop.example"
CERTIFICATE_ARN = "arn:aws:acm:us-east-1:123456789012:certificate/0123abcd"
USER_POOL_ARN = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_abcdefghi"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:theirs"

ONE_ORIGIN = ["https://shop.example"]
SEVERAL_ORIGINS = ["https://shop.example", "https://*.shop.example", "https://blog.example:8443"]


def add_domain(stack: cdk.Stack, *, with_zone: bool = False) -> Domain:
    """Return a domain whose certificate, and zone, are somebody's own."""
    zone = (
        route53.HostedZone.from_hosted_zone_attributes(
            stack, "Zone", hosted_zone_id="Z0123456789ABCDEFGHIJ", zone_name="shop.example"
        )
        if with_zone
        else None
    )
    certificate = acm.Certificate.from_certificate_arn(stack, "Certificate", CERTIFICATE_ARN)
    return Domain(name=DOMAIN_NAME, certificate=certificate, hosted_zone=zone)


def add_signed_token(stack: cdk.Stack) -> SignedTokenAuthorizer:
    """Add signed tokens."""
    return SignedTokenAuthorizer(stack, "Token", audience="shop")


def add_cognito(stack: cdk.Stack) -> CognitoAuthorizer:
    """Add a user pool's tokens."""
    pool = cognito.UserPool.from_user_pool_arn(stack, "Pool", USER_POOL_ARN)
    return CognitoAuthorizer(stack, "Token", user_pools=[pool], endpoint_claim="custom:endpoint_id")


def add_lambda(stack: cdk.Stack) -> LambdaAuthorizer:
    """Add a function of somebody's own."""
    function = lambda_.Function.from_function_attributes(
        stack, "Theirs", function_arn=FUNCTION_ARN, same_environment=True
    )
    return LambdaAuthorizer(
        stack,
        "Token",
        function=function,
        identity_sources=[apigateway.IdentitySource.header("X-Session")],
        headers=["X-Session"],
    )


def add_iam(_stack: cdk.Stack) -> IamAuthorizer:
    """Return what checks AWS signatures."""
    return IamAuthorizer()


AUTHORIZERS: dict[str, Callable[[cdk.Stack], Authorizer]] = {
    "SignedToken": add_signed_token,
    "Cognito": add_cognito,
    "Lambda": add_lambda,
    "Iam": add_iam,
}

ORIGINS: dict[str, list[str] | None] = {
    "Any": None,
    "One": ONE_ORIGIN,
    "Several": SEVERAL_ORIGINS,
}


def _add(
    stack: cdk.Stack,
    *,
    authorizer: Callable[[cdk.Stack], Authorizer] | None = None,
    origins: Sequence[str] | None = None,
    with_zone: bool | None = None,
    **props: Any,
) -> GtmConnector:
    if authorizer is not None:
        props["authorizer"] = authorizer(stack)
    if with_zone is not None:
        props["domain"] = add_domain(stack, with_zone=with_zone)
    return add_connector(stack, allowed_origins=origins, **props)


# Each by the name of the stack that holds it: every authorizer with every kind of list, the others
# alone and all at once.
OPTIONS: dict[str, Callable[[cdk.Stack], GtmConnector]] = {
    **{f"Nobody{name}": partial(_add, origins=origins) for name, origins in ORIGINS.items()},
    **{
        f"{kind}{name}": partial(_add, authorizer=authorizer, origins=origins)
        for kind, authorizer in AUTHORIZERS.items()
        for name, origins in ORIGINS.items()
    },
    "HttpOrigins": partial(_add, origins=["http://localhost:8000"], allow_http_origins=True),
    "Privacy": partial(_add, honor_privacy_signals=True),
    "Firewall": partial(_add, firewall=Firewall(rate_limit=1_000)),
    "Throttled": partial(_add, throttling_rate_limit=500, throttling_burst_limit=200),
    "Domain": partial(_add, with_zone=False),
    "DomainWithZone": partial(_add, with_zone=True, disable_execute_api_endpoint=True),
    "Attributes": partial(
        _add,
        authorizer=add_signed_token,
        anonymous_user_attributes=["newsletter"],
        authenticated_user_attributes=["plan", "city"],
    ),
    **{
        f"Everything{kind}": partial(
            _add,
            authorizer=authorizer,
            origins=SEVERAL_ORIGINS,
            with_zone=True,
            disable_execute_api_endpoint=True,
            honor_privacy_signals=True,
            firewall=Firewall(),
            throttling_rate_limit=500,
            throttling_burst_limit=200,
            anonymous_user_attributes="*",
            authenticated_user_attributes="*",
            accept_client_timestamp=True,
            cloud_watch_role=True,
        )
        for kind, authorizer in AUTHORIZERS.items()
    },
}

# What ``cdk deploy -c`` can be told, as the command line gives it.
SETTINGS: dict[str, dict[str, str]] = {
    "cloud_watch_role": {"cloud_watch_role": "true"},  # an account's first API needs it
    "open": {"anonymous_user_attributes": "*", "accept_client_timestamp": "true"},
    "batches": {"batch_size": "10", "max_batching_window": "0", "timeout": "900"},
    "signed_token": {"signed_token": "true"},
    "origins": {
        "allowed_origins": "https://shop.example,http://localhost:8000",
        "allow_http_origins": "true",
        "honor_privacy_signals": "true",
    },
    "firewall": {"firewall_rate_limit": "1000"},
    "throttling": {"throttling_rate_limit": "500", "throttling_burst_limit": "200"},
    "domain": {
        "domain_name": DOMAIN_NAME,
        "certificate_arn": CERTIFICATE_ARN,
        "disable_execute_api_endpoint": "true",
    },
    "everything": {
        "signed_token": "true",
        "token_audience": "shop",
        "anonymous_user_attributes": "newsletter",
        "authenticated_user_attributes": "plan,city",
        "allowed_origins": "https://shop.example,https://*.shop.example",
        "honor_privacy_signals": "true",
        "firewall_rate_limit": "1000",
        "throttling_rate_limit": "500",
        "throttling_burst_limit": "200",
        "domain_name": DOMAIN_NAME,
        "certificate_arn": CERTIFICATE_ARN,
        "disable_execute_api_endpoint": "true",
        "accept_client_timestamp": "true",
        "cloud_watch_role": "true",
    },
}
