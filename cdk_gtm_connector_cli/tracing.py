"""Finds an event at its destinations and in the queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cdk_gtm_connector_cli.asking import ask
from cdk_gtm_connector_cli.messages import content_of, is_meant
from cdk_gtm_connector_cli.queues import counted, looked_at, rejection_queues

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cdk_gtm_connector_cli.asking import Sought
    from cdk_gtm_connector_cli.context import Context
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
class Fate:
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
    """Yield the rejected messages that have an event.

    Args:
        context: Where to look.
        event_ids: The event's id, or those that it may have.
        most: How many messages of each queue to read.
    """
    sqs = context.client("sqs")
    for queue in rejection_queues(context.connector):
        if not sum(counted(sqs, queue.url)):
            continue
        for message in looked_at(sqs, queue.url, most):
            content = content_of(message)
            if any(is_meant(event_id, content) for event_id in event_ids):
                yield Rejection(queue, message, content)


def fate(
    context: Context, delivery: DeliveryResources, sought: Sought, rejected: Iterable[Rejection]
) -> Fate:
    """Return the status of an event at a destination.

    Args:
        context: Where it was sent.
        delivery: What delivers to the destination.
        sought: The event.
        rejected: Messages that have it: see :func:`rejections`.
    """
    name = delivery.destination
    for it in rejected:
        refused_by = it.message.attributes.get("Destination", "").partition(":")[0]
        if it.queue.delivery is delivery or (
            it.queue.delivery is None and refused_by in ("", name)
        ):
            words = f"{it.message.reason}, in {it.queue.name}: {it.message.detail}".rstrip(": ")
            return Fate(name, REJECTED, words)
    waiting, in_flight, delayed = counted(context.client("sqs"), delivery.queue_url)
    answer = ask(context, delivery, sought)
    if answer.has:
        return Fate(name, DELIVERED, answer.words)
    if waiting + in_flight + delayed:
        words = f"it may be one of {waiting:,} messages that wait and {in_flight:,} in flight"
        return Fate(name, WAITING, f"{words}; {answer.words}")
    if answer.has is None:
        words = (
            "nothing waits, and it was not rejected; this command cannot check whether it arrived"
        )
        return Fate(name, GONE, f"{words}: {answer.words}")
    return Fate(name, MISSING, f"nothing waits, it was not rejected, and {answer.words}")
