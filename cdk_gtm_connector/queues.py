"""The queues in which events wait, and the topic before several of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdk_gtm_connector.delivery_options import MAX_SQS_RETENTION

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from constructs import Construct

    from cdk_gtm_connector.delivery_options import Delivering

_MAX_MESSAGE_SIZE: Final = 1_048_576  # SQS's, and the most that an SNS topic can be told to take


def add_queues(
    scope: Construct, options: Delivering, encryption_key: kms.IKey | None
) -> tuple[sqs.Queue, sqs.Queue]:
    """Add a queue and its dead-letter queue to ``scope``."""
    dead_letter_queue = _add_rejection_queue(scope, "DeadLetterQueue", encryption_key)
    queue = sqs.Queue(
        scope,
        "Queue",
        encryption=_encryption(encryption_key),
        encryption_master_key=encryption_key,
        enforce_ssl=True,
        retention_period=options.message_retention,
        removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        visibility_timeout=options.visibility_timeout,
        dead_letter_queue=sqs.DeadLetterQueue(
            queue=dead_letter_queue, max_receive_count=options.max_receive_count
        ),
    )
    return queue, dead_letter_queue


def add_invalid_message_queue(scope: Construct, encryption_key: kms.IKey | None) -> sqs.Queue:
    """Add the queue of what callers do wrong to ``scope``."""
    return _add_rejection_queue(scope, "InvalidMessageQueue", encryption_key)


def _add_rejection_queue(
    scope: Construct, construct_id: str, encryption_key: kms.IKey | None
) -> sqs.Queue:
    return sqs.Queue(
        scope,
        construct_id,
        encryption=_encryption(encryption_key),
        encryption_master_key=encryption_key,
        enforce_ssl=True,
        retention_period=MAX_SQS_RETENTION,
        # What is in it was accepted: it is somebody's to look at.
        removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    )


def _encryption(key: kms.IKey | None) -> sqs.QueueEncryption:
    return sqs.QueueEncryption.SQS_MANAGED if key is None else sqs.QueueEncryption.KMS


def add_topic(scope: Construct, encryption_key: kms.IKey | None) -> sns.Topic:
    """Add the topic to ``scope``."""
    topic = sns.Topic(scope, "Topic", enforce_ssl=True, master_key=encryption_key)
    resource = topic.node.default_child
    if not isinstance(resource, sns.CfnTopic):  # aws-cdk-lib's own topic always has one
        raise TypeError(f"expected the topic's CfnTopic, got {resource!r}")
    if encryption_key is None:
        # The topic itself does not know SNS's own key, by its alias: its policy lets every
        # principal of the account use it through SNS that may use SNS, so API Gateway's role needs
        # no grant.
        resource.kms_master_key_id = "alias/aws/sns"
    # As much as SQS takes, so that what a body may be does not depend on the destinations.
    resource.maximum_message_size = _MAX_MESSAGE_SIZE
    return topic


def subscribe(topic: sns.Topic, queue: sqs.Queue, dead_letter_queue: sqs.Queue) -> sns.Subscription:
    """Let ``topic`` pass each message on to ``queue``, as it is.

    Not by ``SqsSubscription``: an app's feature flag decides whether that lets every topic of
    everybody's into the queues' key, or the one that cannot be named before the key.
    """
    allowed = queue.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("sns.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={"ArnEquals": {"aws:SourceArn": topic.topic_arn}},
        )
    )
    subscription = sns.Subscription(
        queue,
        cdk.Names.node_unique_id(topic.node),
        topic=topic,
        endpoint=queue.queue_arn,
        protocol=sns.SubscriptionProtocol.SQS,
        # Else the queue would get a JSON document about the message.
        raw_message_delivery=True,
        # SNS tries for 23 days, and not at all if it may not, or the queue is gone.
        dead_letter_queue=dead_letter_queue,
    )
    if allowed.policy_dependable is not None:
        subscription.node.add_dependency(allowed.policy_dependable)
    return subscription
