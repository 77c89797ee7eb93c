"""Acknowledged departures from cdk-nag's AwsSolutions rules, with their reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

if TYPE_CHECKING:
    from constructs import IConstruct

    from cdk_gtm_connector import GtmConnector, SignedTokenAuthorizer
    from stacks.connector_stack import ConnectorStack


def check(app: cdk.App, stack: ConnectorStack) -> None:
    """Make synthesis of ``app`` fail if cdk-nag's AwsSolutions pack finds anything in ``stack``."""
    acknowledge(stack.connector)
    if stack.token is not None:
        acknowledge_token(stack.token)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def acknowledge(connector: GtmConnector) -> None:
    """Acknowledge findings that ``connector`` causes on purpose, each on the smallest construct."""
    stage = connector.api.deployment_stage
    _acknowledge(
        stage,
        "APIG6",
        "Execution logs hold query strings, which hold personal data. The access log, without "
        "them, and the stage's metrics are on.",
    )
    if connector.node.try_find_child("WebAclAssociation") is None:
        _acknowledge(
            stage,
            "APIG3",
            "A web ACL costs a fixed monthly fee, so it is the owner's choice (firewall=); the "
            "endpoint takes no input that is interpreted, and API Gateway's throttling is on.",
        )
    # An image tag cannot send headers and its visitors are not logged in. What they may change is
    # decided at delivery: events always, user attributes only as the owner permits.
    for method in connector.collection.methods:
        reason = "A tag's visitors are anonymous: /events is open to everyone by design."
        _acknowledge(method, "APIG4", reason)
        _acknowledge(method, "COG4", reason)
    for method in connector.collection.authenticated_methods:
        _acknowledge(
            method,
            "COG4",
            "Another authorizer guards this route: an image tag cannot send the header in which "
            "Cognito's expects its token.",
        )
    for delivery in connector.deliveries:
        if delivery.tracing or delivery.function.is_bound_to_vpc:
            _acknowledge(
                delivery.role.node.find_child("DefaultPolicy"),
                "IAM5[Resource::*]",
                "X-Ray's actions, and EC2's for a function in a VPC, know no resource but *.",
            )

    _acknowledge(
        connector.invalid_message_queue,
        "SQS3",
        "Nothing takes messages out of it: it holds what callers got wrong, until that expires.",
    )

    cloud_watch_role = connector.api.node.try_find_child("CloudWatchRole")
    if cloud_watch_role is not None:
        _acknowledge(
            cloud_watch_role,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
            "AmazonAPIGatewayPushToCloudWatchLogs]",
            "The role serves every API of the account, so it is the one that AWS documents for it.",
        )


def acknowledge_token(token: SignedTokenAuthorizer) -> None:
    """Acknowledge the findings that ``token`` causes on purpose."""
    acknowledge_key(token.secret)


def acknowledge_key(secret: IConstruct) -> None:
    """Acknowledge that the key in ``secret`` is not rotated on a schedule."""
    _acknowledge(
        secret,
        "SMG4",
        "A new key must also reach the servers that sign tokens, so the owner rotates it.",
    )


def _acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    cdk.Validations.of(construct).acknowledge(
        cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    )
