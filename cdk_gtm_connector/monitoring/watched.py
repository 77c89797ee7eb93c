"""One destination's half of a connector, as its alarms and widgets see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

if TYPE_CHECKING:
    from cdk_gtm_connector.delivery import EventDelivery

_DEFAULT_MEMORY = 128  # Lambda's


@dataclass(frozen=True, slots=True)
class WatchedDelivery:
    """One destination's queues, function and metrics.

    Attributes:
        name: Name of the destination within its connector.
        namespace: Namespace of the metrics that are made of its function's log.
        delivery: Its delivering half.
    """

    name: str
    namespace: str
    delivery: EventDelivery

    @property
    def queue(self) -> sqs.IQueue:
        """The queue where events wait."""
        return self.delivery.queue

    @property
    def dead_letter_queue(self) -> sqs.IQueue:
        """The queue where messages end that cannot be delivered."""
        return self.delivery.dead_letter_queue

    @property
    def function(self) -> lambda_.Function:
        """The function that delivers."""
        return self.delivery.function

    @property
    def retention(self) -> float:
        """Seconds that a message waits in the queue at most; a token if it is not known yet."""
        resource = self.queue.node.default_child
        if isinstance(resource, sqs.CfnQueue) and resource.message_retention_period is not None:
            return resource.message_retention_period
        raise TypeError(f"expected a queue with a retention period, got {resource!r}")

    @property
    def memory(self) -> str:
        """MB of the function's memory, as metric math writes a number."""
        resource = self.function.node.default_child
        if isinstance(resource, lambda_.CfnFunction):
            return math_number(resource.memory_size or _DEFAULT_MEMORY)
        raise TypeError(f"expected a function's CfnFunction, got {resource!r}")


def math_number(number: float) -> str:
    """Return ``number``, which may be a token, as metric math writes it."""
    return cdk.Tokenization.stringify_number(number)
