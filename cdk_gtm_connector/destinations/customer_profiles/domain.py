"""The domain, with the policies of its key and its dead-letter queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_customerprofiles as customer_profiles
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from cdk_gtm_connector.keys import SENDING, allow_service

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from constructs import Construct

_SERVICE: Final = "profile.amazonaws.com"
_KEY_POLICY_WARNING: Final = "cdk-gtm-connector:customerProfilesKeyPolicy"
_QUEUE_POLICY_WARNING: Final = "cdk-gtm-connector:customerProfilesQueuePolicy"


def add_domain(
    scope: Construct,
    domain_name: str,
    *,
    default_expiration: cdk.Duration,
    encryption_key: kms.IKey | None,
    dead_letter_queue: sqs.IQueue | None,
) -> customer_profiles.CfnDomain:
    """Add a domain, and allow Customer Profiles to use its key and its queue.

    Args:
        scope: Parent construct.
        domain_name: The domain's name.
        default_expiration: How long the domain keeps data.
        encryption_key: Encrypts the domain; ``None`` for AWS's own key.
        dead_letter_queue: Queue for records that the domain cannot ingest; ``None`` for none.
    """
    domain = customer_profiles.CfnDomain(
        scope,
        "Domain",
        domain_name=domain_name,
        default_expiration_days=default_expiration.to_days(),
        default_encryption_key=None if encryption_key is None else encryption_key.key_arn,
        dead_letter_queue_url=None if dead_letter_queue is None else dead_letter_queue.queue_url,
    )
    domain.apply_removal_policy(cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
    stack = cdk.Stack.of(domain)
    # The ARN is built from the name: a reference to the domain would make the key, which the domain
    # needs, depend on the domain.
    arn = stack.format_arn(service="profile", resource="domains", resource_name=domain_name)
    on_behalf: dict[str, dict[str, object]] = {
        "StringEquals": {"aws:SourceAccount": stack.account},
        # In calls for an object type the source is domains/{domain}/objects/{object type}.
        "ArnLike": {"aws:SourceArn": [arn, f"{arn}/*"]},
    }
    if encryption_key is not None:
        allow_service(
            domain,
            encryption_key,
            actions=("kms:GenerateDataKey", "kms:CreateGrant", "kms:Decrypt"),
            conditions=on_behalf,
            service=_SERVICE,
            warning=_KEY_POLICY_WARNING,
            name="encryption_key",
        )
    if dead_letter_queue is not None:
        _allow_queue(domain, dead_letter_queue, on_behalf)
    return domain


def _allow_queue(
    domain: customer_profiles.CfnDomain,
    queue: sqs.IQueue,
    on_behalf: dict[str, dict[str, object]],
) -> None:
    """Allow Customer Profiles to send to ``queue`` and to use the queue's key.

    Args:
        domain: The domain that sends to the queue.
        queue: The queue.
        on_behalf: Conditions that limit the permission to this domain.
    """
    added = queue.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(_SERVICE)],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions=on_behalf,
        )
    )
    if not added.statement_added:
        cdk.Annotations.of(domain).add_warning_v2(
            _QUEUE_POLICY_WARNING,
            "dead_letter_queue is imported, so its policy is not written here: it must allow "
            f"sqs:SendMessage to {_SERVICE}, and the policy of its key, if it has one, "
            "kms:GenerateDataKey and kms:Decrypt.",
        )
    # Customer Profiles may test the queue when it creates the domain.
    policy = queue.node.try_find_child("Policy")
    if policy is not None:
        domain.node.add_dependency(policy)
    if queue.encryption_master_key is not None:
        allow_service(
            domain,
            queue.encryption_master_key,
            actions=SENDING,
            conditions=on_behalf,
            service=_SERVICE,
            warning=_KEY_POLICY_WARNING,
            name="dead_letter_queue's key",
        )
    elif queue.encryption_type == sqs.QueueEncryption.KMS_MANAGED:
        cdk.Annotations.of(domain).add_warning_v2(
            _KEY_POLICY_WARNING,
            "dead_letter_queue is encrypted with alias/aws/sqs, whose policy lets no service "
            "in and cannot be changed: encrypt it with SQS_MANAGED, or with a key of your own.",
        )
