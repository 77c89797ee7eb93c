"""The parts of a connector that deliver to one destination, for alarms and widgets."""

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
        namespace: Namespace of the metrics that are extracted from its function's log.
        delivery: The function and its event source.
    """

    name: str
    namespace: str
    delivery: EventDelivery

    @property
    def queue(self) -> sqs.IQueue:
        """The queue of waiting events."""
        return self.delivery.queue

    @property
    def dead_letter_queue(self) -> sqs.IQueue:
        """The queue of messages that cannot be delivered."""
        return self.delivery.dead_letter_queue

    @property
    def function(self) -> lambda_.Function:
        """The function that delivers."""
        return self.delivery.function

    @property
    def retention(self) -> float:
        """Maximum seconds that a message stays in the queue; a token if it is not known yet."""
        resource = self.queue.node.default_child
        if isinstance(resource, sqs.CfnQueue) and resource.message_retention_period is not None:
            return resource.message_retention_period
        raise TypeError(f"expected a queue with a retention period, got {resource!r}")

    @property
    def memory(self) -> str:
        """The function's memory in MB, as a number in metric math."""
        resource = self.function.node.default_child
        if isinstance(resource, lambda_.CfnFunction):
            return math_number(resource.memory_size or _DEFAULT_MEMORY)
        raise TypeError(f"expected a function's CfnFunction, got {resource!r}")


def math_number(number: float) -> str:
    """Return ``number``, which may be a token, as a number in metric math."""
    return cdk.Tokenization.stringify_number(number)
