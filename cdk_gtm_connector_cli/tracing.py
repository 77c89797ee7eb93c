"""Finds an event at its destinations and in the queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cdk_gtm_connector_cli.destination_search import search
from cdk_gtm_connector_cli.messages import content_of, is_meant
from cdk_gtm_connector_cli.queues import counted, looked_at, rejection_queues

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cdk_gtm_connector_cli.context import Context
    from cdk_gtm_connector_cli.destination_search import EventQuery
    from cdk_gtm_connector_cli.messages import Content, Message
    from cdk_gtm_connector_cli.queues import RejectionQueue
    from cdk_gtm_connector_cli.stack import DeliveryResources

DELIVERED: Final = "delivered"
REJECTED: Final = "rejected"
WAITING: Final = "waiting"
GONE: Final = "left the queue"
MISSING: Final = "not found"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected message that contains the event.

    Attributes:
        queue: The queue that holds it.
        message: The message.
        content: Its decoded content.
    """

    queue: RejectionQueue
    message: Message
    content: Content


@dataclass(frozen=True, slots=True)
class EventStatus:
    """The status of an event at one destination.

    Attributes:
        destination: The destination's name.
        state: :data:`DELIVERED`, :data:`REJECTED`, :data:`WAITING`, :data:`GONE` or
            :data:`MISSING`.
        words: The state in words.
    """

    destination: str
    state: str
    words: str


def rejections(context: Context, event_ids: Sequence[str], most: int) -> Iterator[Rejection]:
    """Yield the rejected messages that contain an event.

    Args:
        context: The connector.
        event_ids: The event's possible ids.
        most: Maximum number of messages to read from each queue.
    """
    sqs = context.client("sqs")
    for queue in rejection_queues(context.connector):
        if not sum(counted(sqs, queue.url)):
            continue
        for message in looked_at(sqs, queue.url, most):
            content = content_of(message)
            if any(is_meant(event_id, content) for event_id in event_ids):
                yield Rejection(queue, message, content)


def status_of(
    context: Context, delivery: DeliveryResources, event: EventQuery, rejected: Iterable[Rejection]
) -> EventStatus:
    """Return the status of an event at a destination.

    Args:
        context: The connector.
        delivery: The destination's resources.
        event: The event.
        rejected: Rejected messages that contain it; see :func:`rejections`.
    """
    name = delivery.destination
    for it in rejected:
        refused_by = it.message.attributes.get("Destination", "").partition(":")[0]
        if it.queue.delivery is delivery or (
            it.queue.delivery is None and refused_by in ("", name)
        ):
            words = f"{it.message.reason}, in {it.queue.name}: {it.message.detail}".rstrip(": ")
            return EventStatus(name, REJECTED, words)
    waiting, in_flight, delayed = counted(context.client("sqs"), delivery.queue_url)
    result = search(context, delivery, event)
    if result.found:
        return EventStatus(name, DELIVERED, result.words)
    if waiting + in_flight + delayed:
        words = f"it may be one of {waiting:,} messages that wait and {in_flight:,} in flight"
        return EventStatus(name, WAITING, f"{words}; {result.words}")
    if result.found is None:
        words = (
            "nothing waits, and it was not rejected; this command cannot check whether it arrived"
        )
        return EventStatus(name, GONE, f"{words}: {result.words}")
    return EventStatus(name, MISSING, f"nothing waits, it was not rejected, and {result.words}")
