"""The queues of a connector, and the topic that feeds them if there are several destinations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdk_gtm_connector.delivery_options import MAX_SQS_RETENTION
from cdk_gtm_connector.keys import allow_sns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_kms as kms
    from constructs import Construct

    from cdk_gtm_connector.collection_api import CollectionApi
    from cdk_gtm_connector.delivery_options import EffectiveDeliveryOptions

_MAX_MESSAGE_SIZE: Final = 1_048_576  # SQS's limit, and the largest that an SNS topic can be set to


class ConnectorQueues:
    """A connector's queues, and the topic that feeds them if there are several destinations.

    Attributes:
        pairs: The queue and the dead-letter queue of each destination.
        invalid_messages: The queue of invalid messages. All destinations share it, because each
            invalid message is kept once.
        topic: Passes each message on to every queue; ``None`` for one destination.
    """

    def __init__(
        self,
        connector: Construct,
        scopes: Sequence[Construct],
        options: Sequence[EffectiveDeliveryOptions],
        encryption_key: kms.IKey | None,
    ) -> None:
        """Add the queues and the topic.

        Args:
            connector: Scope of the resources that all destinations share.
            scopes: Scope of each destination's queues.
            options: Delivery options of each destination.
            encryption_key: Encrypts the queues and the topic; ``None`` for AWS's own keys.
        """
        self._connector = connector
        self.pairs = [
            _add_queues(parent, each, encryption_key)
            for parent, each in zip(scopes, options, strict=True)
        ]
        self.invalid_messages = _add_rejection_queue(
            connector, "InvalidMessageQueue", encryption_key
        )
        self.topic = None if len(scopes) == 1 else _add_topic(connector, encryption_key)

    def subscribe(self, collection: CollectionApi, encryption_key: kms.IKey | None) -> None:
        """Subscribe the queues to the topic, before ``collection`` publishes to it.

        Without a topic, there is nothing to subscribe. But an earlier deployment may have had one,
        so the policy that lets it send to the queue is removed only after the stage has changed:
        SNS neither retries nor keeps a message that a queue's policy refuses.
        """
        if self.topic is None:
            for queue in self.pairs[0]:
                queue.node.find_child("Policy").node.add_dependency(collection.api.deployment_stage)
            return
        allow_sns(self._connector, encryption_key)
        for queue, dead_letter_queue in self.pairs:
            # A message that is published before a queue is subscribed never reaches that queue.
            collection.deploy_after(_subscribe(self.topic, queue, dead_letter_queue))


def _add_queues(
    scope: Construct, options: EffectiveDeliveryOptions, encryption_key: kms.IKey | None
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
        # The messages in it were accepted, so they must not be deleted with the stack.
        removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    )


def _encryption(key: kms.IKey | None) -> sqs.QueueEncryption:
    return sqs.QueueEncryption.SQS_MANAGED if key is None else sqs.QueueEncryption.KMS


def _add_topic(scope: Construct, encryption_key: kms.IKey | None) -> sns.Topic:
    """Add the topic to ``scope``."""
    topic = sns.Topic(scope, "Topic", enforce_ssl=True, master_key=encryption_key)
    resource = topic.node.default_child
    if not isinstance(resource, sns.CfnTopic):  # aws-cdk-lib's own topic always has a CfnTopic
        raise TypeError(f"expected the topic's CfnTopic, got {resource!r}")
    if encryption_key is None:
        # Only the CfnTopic is given SNS's own key, by its alias. The policy of that key lets every
        # principal in the account that may use SNS use the key through SNS, so API Gateway's role
        # needs no grant.
        resource.kms_master_key_id = "alias/aws/sns"
    # The same as SQS's maximum, so that the limit of a body does not depend on the number of
    # destinations.
    resource.maximum_message_size = _MAX_MESSAGE_SIZE
    return topic


def _subscribe(
    topic: sns.Topic, queue: sqs.Queue, dead_letter_queue: sqs.Queue
) -> sns.Subscription:
    """Subscribe ``queue`` to ``topic``, whose messages pass unchanged.

    ``SqsSubscription`` is not used, because it also changes the policy of the queue's key.
    Depending on a feature flag of the app, it opens the key to every topic of any account, or to
    the one topic, which depends on the key itself.
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
        # Otherwise the queue would get the message inside a JSON document.
        raw_message_delivery=True,
        # SNS retries for 23 days, but not at all if it lacks permission or the queue is gone.
        dead_letter_queue=dead_letter_queue,
    )
    if allowed.policy_dependable is not None:
        subscription.node.add_dependency(allowed.policy_dependable)
    return subscription
