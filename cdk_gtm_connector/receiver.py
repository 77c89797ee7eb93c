"""Receivers of the requests: a queue, or a topic before several queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aws_cdk import aws_iam as iam

from cdk_gtm_connector import mapping
from cdk_gtm_connector.keys import let_senders_in

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
        """The rest of that URI."""
        ...

    @property
    def region(self) -> str:
        """The receiver's Region, which may be another stack's."""
        ...

    @property
    def role_id(self) -> str:
        """Construct id of the role with which API Gateway calls the receiver.

        A queue and a topic have different ones: while a stack changes from one to the other, the
        stage that is still deployed needs its old role.
        """
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the call."""
        ...

    @property
    def call(self) -> mapping.Call:
        """The call's body, and the signs of a refused call in the answer."""
        ...

    def grant(self, role: iam.Role) -> None:
        """Allow ``role`` to make the call, and nothing else."""


class QueueReceiver:
    """A queue, called by SQS's AWS JSON protocol."""

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
        # Not grant_send_messages(): it would also allow reading the queue's attributes.
        self._queue.grant(role, "sqs:SendMessage")
        let_senders_in(self._queue.encryption_master_key, role)


class TopicReceiver:
    """A topic, called by the query protocol, SNS's only one."""

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
        # Not grant_publish(): it would also allow GenerateDataKeyWithoutPlaintext and the like.
        iam.Grant.add_to_principal_or_resource(
            grantee=role,
            actions=["sns:Publish"],
            resource_arns=[self._topic.topic_arn],
            resource=self._topic,
        )
        let_senders_in(self._topic.master_key, role)
