"""Reads, returns and deletes messages of queues without losing any."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from cdk_gtm_connector_cli.errors import CommandError
from cdk_gtm_connector_cli.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cdk_gtm_connector_cli.context import Connector
    from cdk_gtm_connector_cli.stack import DeliveryResources

_AT_ONCE: Final = 10  # SQS's limit for every batch
_TIMES_WITHOUT_NEWS: Final = 3
_LOOKING_SECONDS: Final = 120
_COUNTS: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True, slots=True)
class RejectionQueue:
    """A queue of rejected messages.

    Attributes:
        name: The queue's name for people: ``dead letters of kinesis``, ``invalid messages``.
        url: The queue's URL.
        delivery: The delivery whose dead-letter queue it is; ``None`` for the invalid-message
            queue, which all deliveries share.
    """

    name: str
    url: str
    delivery: DeliveryResources | None


def rejection_queues(
    connector: Connector, destinations: Sequence[str] = ()
) -> list[RejectionQueue]:
    """Return a connector's queues of rejected messages.

    Args:
        connector: The connector.
        destinations: Names of the destinations whose dead-letter queues to return; empty for all.
            The invalid-message queue is always returned.

    Raises:
        CommandError: The connector has no destination of such a name.
    """
    deliveries = (
        [connector.delivery(name) for name in destinations]
        if destinations
        else list(connector.deliveries)
    )
    found = [
        RejectionQueue(f"dead letters of {each.destination}", each.dead_letter_queue_url, each)
        for each in deliveries
    ]
    if connector.invalid_message_queue_url:
        found.append(RejectionQueue("invalid messages", connector.invalid_message_queue_url, None))
    return found


def counted(sqs: Any, url: str) -> tuple[int, int, int]:
    """Return SQS's approximate numbers of messages that wait, are in flight, and are delayed."""
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_COUNTS))["Attributes"]
    waiting, in_flight, delayed = (int(answer.get(name, 0)) for name in _COUNTS)
    return waiting, in_flight, delayed


def received(sqs: Any, url: str, seconds: int) -> Iterator[list[Message]]:
    """Receive a queue's messages, ten at a time.

    Stop when the queue is empty, or returns only messages that it returned before.

    Args:
        sqs: A boto3 client.
        url: The queue.
        seconds: Visibility timeout of the received messages.
    """
    known: set[str] = set()
    nothing_new = 0
    while nothing_new < _TIMES_WITHOUT_NEWS:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=_AT_ONCE,
            VisibilityTimeout=seconds,
            WaitTimeSeconds=1,  # long polling asks all of SQS's servers: empty means the end
            AttributeNames=["SentTimestamp"],
            MessageAttributeNames=["All"],
        )
        messages = [Message.of(it) for it in answer.get("Messages", [])]
        if not messages:
            return
        nothing_new = 0 if {it.id for it in messages} - known else nothing_new + 1
        known |= {it.id for it in messages}
        yield messages


def looked_at(sqs: Any, url: str, most: int) -> list[Message]:
    """Return a queue's messages, and make them visible again.

    If this is interrupted, they become visible by themselves after two minutes.

    Args:
        sqs: A boto3 client.
        url: The queue. It must not be one that a function reads, because the messages are hidden
            from the function meanwhile.
        most: Maximum number of messages.
    """
    found: dict[str, Message] = {}
    try:
        for messages in received(sqs, url, _LOOKING_SECONDS):
            found |= {it.id: it for it in messages}
            if len(found) >= most:
                break
    finally:
        give_back(sqs, url, list(found.values()))
    return sorted(found.values(), key=lambda it: it.sent)[:most]


def give_back(sqs: Any, url: str, messages: Sequence[Message]) -> None:
    """Make received messages visible again."""
    for batch in batches(messages):
        # If this fails, they become visible when their visibility timeout ends.
        with contextlib.suppress(BotoCoreError, ClientError):
            sqs.change_message_visibility_batch(
                QueueUrl=url,
                Entries=[
                    {"Id": str(at), "ReceiptHandle": it.receipt, "VisibilityTimeout": 0}
                    for at, it in enumerate(batch)
                ],
            )


def batches(messages: Sequence[Message], most_bytes: int = 1_048_576) -> Iterator[list[Message]]:
    """Split messages into batches that SQS or SNS accepts in one request.

    Args:
        messages: The messages.
        most_bytes: Maximum bytes of a batch's bodies. A larger message becomes its own batch.
    """
    batch: list[Message] = []
    size = 0
    for message in messages:
        if batch and (len(batch) == _AT_ONCE or size + message.size > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += message.size
    if batch:
        yield batch


def delete(sqs: Any, url: str, messages: Sequence[Message]) -> None:
    """Delete received messages.

    Raises:
        CommandError: SQS did not delete all of them. The others become visible again.
    """
    for batch in batches(messages):
        answer = sqs.delete_message_batch(
            QueueUrl=url,
            Entries=[{"Id": str(at), "ReceiptHandle": it.receipt} for at, it in enumerate(batch)],
        )
        if failed := answer.get("Failed"):
            raise CommandError(
                f"SQS did not delete {len(failed)} messages that were copied: {failed[0]}",
                "run the command again: it copies them once more, with the same event ids",
            )
