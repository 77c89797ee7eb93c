"""Permissions on customer managed keys, for roles and for AWS services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from cdk_gtm_connector.validation import check_construct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_kms as kms
    from constructs import IConstruct

SENDING: Final = ("kms:GenerateDataKey", "kms:Decrypt")
"""Permissions on the key for senders to an encrypted queue and publishers to a topic."""

_WARNING: Final = "cdk-gtm-connector:encryptionKeyPolicy"

# From the CloudWatch Logs user guide, "Encrypt log data in CloudWatch Logs".
_LOGGING: Final = (
    *("kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*"),
    *("kms:GenerateDataKey*", "kms:Describe*"),
)


def check_key(prop: str, key: object) -> None:
    """Require a key.

    Args:
        prop: The prop as the caller wrote it.
        key: What the caller gave.
    """
    check_construct(
        prop,
        key,
        "IKey",
        ("key_arn", "add_to_resource_policy"),
        'Key.from_key_arn(self, "Key", arn)',
    )


def allow_sender(key: kms.IKey | None, sender: iam.IGrantable) -> None:
    """Allow ``sender`` to use the key of the queue or topic that it sends to."""
    if key is not None:
        key.grant(sender, *SENDING)


def allow_logs(scope: IConstruct, key: kms.IKey | None) -> None:
    """Allow CloudWatch Logs to use ``key`` for all log groups in the stack's account and Region."""
    if key is None:
        return
    stack = cdk.Stack.of(scope)
    # The permission is for all log groups: a log group depends on its key, so the key's policy
    # cannot refer to it.
    groups = stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name="*",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    allow_service(
        stack,
        key,
        service=f"logs.{stack.region}.{stack.url_suffix}",
        actions=_LOGGING,
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        warning=_WARNING,
        name="encryption_key",
    )


def allow_sns(scope: IConstruct, key: kms.IKey | None) -> None:
    """Allow topics in the stack's account and Region to send to queues that ``key`` encrypts."""
    if key is None:
        return
    stack = cdk.Stack.of(scope)
    # The permission is for all topics: the topic is encrypted with the key, so the key's policy
    # cannot refer to it.
    topics = stack.format_arn(service="sns", resource="*")
    allow_service(
        stack,
        key,
        service="sns.amazonaws.com",
        actions=SENDING,
        conditions={"ArnLike": {"aws:SourceArn": topics}},
        warning=_WARNING,
        name="encryption_key",
    )


def allow_service(
    scope: IConstruct,
    key: kms.IKey,
    *,
    service: str,
    actions: Sequence[str],
    conditions: Mapping[str, object],
    warning: str,
    name: str,
) -> None:
    """Allow a service to use ``key``, with a statement in the key's policy.

    The CDK cannot change the policy of an imported key, so a warning says what it must allow.

    Args:
        scope: Construct that gets the warning.
        key: The key.
        service: The service's principal.
        actions: Actions to allow.
        conditions: Conditions of the statement.
        warning: Id of the warning.
        name: Name of the key in the warning.
    """
    # For an imported key, grant() reports success but changes nothing.
    added = key.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(service)],
            actions=list(actions),
            resources=["*"],
            conditions=conditions,
        ),
        True,  # noqa: FBT003 - jsii: allow_no_op is positional
    )
    if not added.statement_added:
        cdk.Annotations.of(scope).add_warning_v2(
            warning,
            f"{name} is imported, so its policy is not written here: it must allow "
            f"{', '.join(actions)} to {service}.",
        )
