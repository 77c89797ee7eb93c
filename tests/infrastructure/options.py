"""Option sets of the constructs and of the app."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53

from cdk_gtm_connector import (
    Authorizer,
    CognitoAuthorizer,
    DestinationModule,
    Domain,
    Firewall,
    GtmConnector,
    IamAuthorizer,
    LambdaAuthorizer,
    Monitoring,
    SignedTokenAuthorizer,
)
from stacks.destinations import destination_settings
from tests.destinations.cases import destination_cases
from tests.destinations.customer_profiles.cases import add_new_profiles, add_profiles
from tests.destinations.eventbridge.cases import add_bus
from tests.destinations.firehose.cases import add_delivery_stream
from tests.destinations.kinesis.cases import STREAM_ARN, add_stream
from tests.destinations.pinpoint.cases import add_pinpoint
from tests.infrastructure.synthesis import KEY_ARN, add_connector

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdk_gtm_connector import Destination
    from tests.destinations.cases import Option

DOMAIN_NAME = "events.shop.example"
CERTIFICATE_ARN = "arn:aws:acm:us-east-1:123456789012:certificate/0123abcd"
USER_POOL_ARN = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_abcdefghi"
ALARM_TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:alarms"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:theirs"

ONE_ORIGIN = ["https://shop.example"]
SEVERAL_ORIGINS = [
    "https://shop.example",
    "https://*.shop.example",
    "https://blog.example:8443",
    "capacitor://localhost",
]


def add_domain(stack: cdk.Stack, *, with_zone: bool = False) -> Domain:
    """Return a domain with an imported certificate and zone."""
    zone = (
        route53.HostedZone.from_hosted_zone_attributes(
            stack, "Zone", hosted_zone_id="Z0123456789ABCDEFGHIJ", zone_name="shop.example"
        )
        if with_zone
        else None
    )
    certificate = acm.Certificate.from_certificate_arn(stack, "Certificate", CERTIFICATE_ARN)
    return Domain(name=DOMAIN_NAME, certificate=certificate, hosted_zone=zone)


def add_signed_token(
    stack: cdk.Stack, *, encryption_key: kms.IKey | None = None
) -> SignedTokenAuthorizer:
    """Add signed tokens."""
    return SignedTokenAuthorizer(
        stack,
        "Token",
        audience="shop",
        max_token_lifetime=cdk.Duration.minutes(15),
        reserved_concurrent_executions=20,
        encryption_key=encryption_key,
    )


def add_key(stack: cdk.Stack) -> kms.Key:
    """Add a key in the stack."""
    return kms.Key(stack, "OwnKey", enable_key_rotation=True)


def import_key(stack: cdk.Stack) -> kms.IKey:
    """Return an imported key."""
    return kms.Key.from_key_arn(stack, "OwnKey", KEY_ARN)


def import_vpc(stack: cdk.Stack) -> ec2.IVpc:
    """Return an imported VPC."""
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-0123abcd",
        availability_zones=["us-east-1a", "us-east-1b"],
        private_subnet_ids=["subnet-0123abcd", "subnet-4567abcd"],
        private_subnet_route_table_ids=["rtb-0123abcd", "rtb-4567abcd"],
    )


def add_cognito(stack: cdk.Stack) -> CognitoAuthorizer:
    """Add an authorizer with a user pool."""
    pool = cognito.UserPool.from_user_pool_arn(stack, "Pool", USER_POOL_ARN)
    return CognitoAuthorizer(stack, "Token", user_pools=[pool], endpoint_claim="custom:endpoint_id")


def add_lambda(stack: cdk.Stack) -> LambdaAuthorizer:
    """Add an authorizer with a custom function."""
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
    """Return an authorizer for AWS signatures."""
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
    key: Callable[[cdk.Stack], kms.IKey] | None = None,
    vpc: Callable[[cdk.Stack], ec2.IVpc] | None = None,
    **props: Any,
) -> GtmConnector:
    if key is not None:
        props["encryption_key"] = key(stack)
        authorizer = partial(add_signed_token, encryption_key=props["encryption_key"])
    if vpc is not None:
        props["vpc"] = vpc(stack)
    if authorizer is not None:
        props["authorizer"] = authorizer(stack)
    if with_zone is not None:
        props["domain"] = add_domain(stack, with_zone=with_zone)
    return add_connector(stack, allowed_origins=origins, **props)


# Option sets by the name of the stack: every authorizer with every kind of list, and the other
# options alone and all together.
OPTIONS: dict[str, Callable[[cdk.Stack], GtmConnector]] = {
    **{f"Nobody{name}": partial(_add, origins=origins) for name, origins in ORIGINS.items()},
    **{
        f"{kind}{name}": partial(_add, authorizer=authorizer, origins=origins)
        for kind, authorizer in AUTHORIZERS.items()
        for name, origins in ORIGINS.items()
    },
    "HttpOrigins": partial(_add, origins=["http://localhost:8000"], allow_http_origins=True),
    "AppOrigin": partial(_add, origins=["capacitor://localhost"]),
    "Privacy": partial(_add, honor_privacy_signals=True),
    "UnsetValues": partial(_add, unset_values=["(not set)", "#N/A", '"$x"']),
    "NoUnsetValues": partial(_add, unset_values=[]),
    "Firewall": partial(_add, firewall=Firewall(rate_limit=1_000)),
    "Throttled": partial(_add, throttling_rate_limit=500, throttling_burst_limit=200),
    "Untraced": partial(_add, tracing=False),
    "Encrypted": partial(_add, key=add_key),
    "EncryptedByAnImportedKey": partial(_add, key=import_key),
    "InAVpc": partial(_add, vpc=import_vpc),
    "InAVpcUntraced": partial(_add, vpc=import_vpc, tracing=False),
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
            unset_values=["undefined", "(not set)"],
            firewall=Firewall(log_retention=logs.RetentionDays.ONE_MONTH),
            throttling_rate_limit=500,
            throttling_burst_limit=200,
            anonymous_user_attributes="*",
            authenticated_user_attributes="*",
            accept_client_timestamp=True,
            require_origin=True,
            cloud_watch_role=True,
        )
        for kind, authorizer in AUTHORIZERS.items()
    },
}

RUNTIME = Path(__file__).parents[2] / "examples" / "webhook" / "runtime"
OWN_MODULE = DestinationModule(name="shop_webhook", directory=RUNTIME)
"""The code of a custom destination."""

SEVERAL: tuple[Callable[[cdk.Stack], Destination], ...] = (
    add_pinpoint,
    add_stream,
    add_delivery_stream,
    add_bus,
    add_profiles,
)


def _add_one(stack: cdk.Stack, *, option: Option) -> GtmConnector:
    return _add(stack, destination=option.make(stack))


def _add_several(
    stack: cdk.Stack, *destinations: Callable[[cdk.Stack], Destination], **props: Any
) -> GtmConnector:
    return _add(stack, destination=None, destinations=[add(stack) for add in destinations], **props)


# Destinations by the name of the stack.
DESTINATIONS: dict[str, Callable[[cdk.Stack], GtmConnector]] = {
    **{
        name: partial(_add_one, option=option)
        for cases in destination_cases().values()
        for name, option in cases.options.items()
    },
    "FanOut": lambda stack: _add_several(stack, *SEVERAL),
    "ReversedFanOut": lambda stack: _add_several(stack, *reversed(SEVERAL)),
    "EncryptedFanOut": lambda stack: _add_several(stack, add_stream, add_bus, key=add_key),
    "FanOutEncryptedByAnImportedKey": lambda stack: _add_several(
        stack, add_stream, add_bus, key=import_key
    ),
    "TwoOfAKind": lambda stack: _add_several(
        stack, add_pinpoint, add_stream, partial(add_stream, construct_id="Archive")
    ),
    "FanOutEverything": lambda stack: _add_several(
        stack,
        add_stream,
        add_new_profiles,
        authorizer=add_signed_token,
        origins=SEVERAL_ORIGINS,
        with_zone=True,
        disable_execute_api_endpoint=True,
        honor_privacy_signals=True,
        unset_values=["undefined", "(not set)"],
        firewall=Firewall(),
        accept_client_timestamp=True,
        cloud_watch_role=True,
    ),
}

# Monitoring options by the name of the stack.
MONITORED: dict[str, Callable[[cdk.Stack], GtmConnector]] = {
    "Monitored": partial(_add, monitoring=Monitoring()),
    "MonitoredWithoutADashboard": partial(_add, monitoring=Monitoring(dashboard=False)),
    "MonitoredEverything": partial(
        _add,
        authorizer=add_signed_token,
        with_zone=True,
        firewall=Firewall(log_retention=logs.RetentionDays.ONE_MONTH),
        tracing=False,
        message_retention=cdk.Duration.days(13),
        monitoring=Monitoring(
            alarm_email="oncall@shop.example",
            max_message_age=cdk.Duration.hours(2),
            expiry_percent=50,
            throttled_periods=12,
            server_error_percent=5,
            blocked_percent=50,
            invalid_percent=10,
            runbook_url="https://wiki.shop.example/operations",
        ),
    ),
    "MonitoredAndEncrypted": partial(
        _add, key=add_key, monitoring=Monitoring(alarm_email="oncall@shop.example")
    ),
    "MonitoredIam": partial(_add, authorizer=add_iam, monitoring=Monitoring()),
    "MonitoredCognito": partial(_add, authorizer=add_cognito, monitoring=Monitoring()),
    "MonitoredFanOut": lambda stack: _add_several(
        stack, *SEVERAL, monitoring=Monitoring(alarm_email="oncall@shop.example")
    ),
    "MonitoredTwoOfAKind": lambda stack: _add_several(
        stack,
        add_stream,
        partial(add_stream, construct_id="Archive"),
        key=add_key,
        firewall=Firewall(),
        monitoring=Monitoring(invalid_percent=1),
    ),
}

REQUIRED: dict[str, dict[str, str]] = {
    kind: {name: each.example for name, each in settings.definitions().items() if each.required}
    for kind, settings in destination_settings().items()
}
"""The settings that a destination requires, by its name."""

# What ``cdk deploy -c`` can be told, as the command line gives it.
SETTINGS: dict[str, dict[str, str]] = {
    "cloud_watch_role": {"cloud_watch_role": "true"},  # an account's first API needs it
    "open": {"anonymous_user_attributes": "*", "accept_client_timestamp": "true"},
    "batches": {"batch_size": "10", "max_batching_window": "0", "timeout": "900"},
    **{
        kind.replace("-", "_"): {"destination": kind, **REQUIRED[kind], **cases.settings}
        for kind, cases in destination_cases().items()
        if kind != "pinpoint"  # the others are for it
    },
    "customer_profiles_elsewhere": {
        "destination": "customer-profiles",
        "customer_profiles_domain": "shop",
        "customer_profiles_region": "eu-west-2",
        "customer_profiles_create_object_type": "false",
        "customer_profiles_visitor_object_type": "GtmVisitor",
    },
    "fan_out": {
        "destination": "pinpoint,kinesis,firehose,eventbridge,customer-profiles",
        "kinesis_stream_arn": STREAM_ARN,
        "firehose_delivery_stream_name": "events",
        "eventbridge_bus_name": "shop",
        "customer_profiles_domain": "shop",
    },
    "signed_token": {"signed_token": "true"},
    "origins": {
        "allowed_origins": "https://shop.example,http://localhost:8000",
        "require_origin": "true",
        "allow_http_origins": "true",
        "honor_privacy_signals": "true",
    },
    "app_origin": {"allowed_origins": "https://shop.example,capacitor://localhost"},
    "unset_values": {"unset_values": "undefined,(not set)"},
    "no_unset_values": {"unset_values": ""},
    "untraced": {"tracing": "false"},
    "encryption_key": {"encryption_key_arn": KEY_ARN, "signed_token": "true"},
    "firewall": {"firewall_rate_limit": "1000", "firewall_log_retention": "30"},
    "alarms": {"alarm_email": "oncall@shop.example", "alarm_topic_arn": ALARM_TOPIC_ARN},
    "encrypted_alarms": {"alarm_email": "oncall@shop.example", "encryption_key_arn": KEY_ARN},
    "unwatched": {"monitoring": "false"},
    "guarded_tokens": {
        "signed_token": "true",
        "max_token_lifetime": "3600",
        "require_endpoint_id": "true",
        "authorizer_reserved_concurrent_executions": "50",
    },
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
        "unset_values": "undefined,null",
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
