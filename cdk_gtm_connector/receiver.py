"""Receivers of the messages: a queue, or a topic that feeds several queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aws_cdk import aws_iam as iam

from cdk_gtm_connector import mapping
from cdk_gtm_connector.keys import allow_sender

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs


class Receiver(Protocol):
    """An AWS service that API Gateway calls without code in between."""

    @property
    def service(self) -> str:
        """The service's name in an integration's URI."""
        ...

    @property
    def path(self) -> str:
        """The rest of the integration's URI."""
        ...

    @property
    def region(self) -> str:
        """The receiver's Region, which may differ from this stack's."""
        ...

    @property
    def role_id(self) -> str:
        """Construct id of the role with which API Gateway calls the receiver.

        The ids for a queue and for a topic differ, so that while a stack changes from one to the
        other, the stage that is still deployed keeps its old role.
        """
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the call."""
        ...

    @property
    def call(self) -> mapping.ServiceCall:
        """The service call, with the texts that show in an error why it was refused."""
        ...

    def grant(self, role: iam.Role) -> None:
        """Allow ``role`` to make the call, and nothing else."""


class QueueReceiver:
    """A queue, called with SQS's AWS JSON protocol."""

    service = "sqs"
    role_id = "IntegrationRole"
    headers: Mapping[str, str] = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS.SendMessage",
    }

    def __init__(self, queue: sqs.IQueue) -> None:
        self._queue = queue
        self.region = queue.env.region
        self.path = f"{queue.env.account}/{queue.queue_name}"
        self.call = mapping.send_message(queue.queue_url)

    def grant(self, role: iam.Role) -> None:
        """See :meth:`Receiver.grant`."""
        # grant_send_messages() would also allow reading the queue's attributes.
        self._queue.grant(role, "sqs:SendMessage")
        allow_sender(self._queue.encryption_master_key, role)


class TopicReceiver:
    """A topic, called with the query protocol, SNS's only one."""

    service = "sns"
    role_id = "PublishRole"
    path = "/"
    headers: Mapping[str, str] = {"Content-Type": "application/x-www-form-urlencoded"}

    def __init__(self, topic: sns.ITopic) -> None:
        self._topic = topic
        self.region = topic.env.region
        self.call = mapping.publish(topic.topic_arn)

    def grant(self, role: iam.Role) -> None:
        """See :meth:`Receiver.grant`."""
        # grant_publish() would also allow GenerateDataKeyWithoutPlaintext and similar actions.
        iam.Grant.add_to_principal_or_resource(
            grantee=role,
            actions=["sns:Publish"],
            resource_arns=[self._topic.topic_arn],
            resource=self._topic,
        )
        allow_sender(self._topic.master_key, role)
