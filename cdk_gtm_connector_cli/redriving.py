"""Moves rejected messages back to their queues: copies them first, then deletes them.

A redrive keeps no state of its own, so it can be stopped at any point and run again. A message that
was copied but not deleted is then copied again, with the same event ids.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cdk_gtm_connector_cli.judging import Judge
from cdk_gtm_connector_cli.queues import batches, delete, give_back, received

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdk_gtm_connector_cli.context import Context
    from cdk_gtm_connector_cli.messages import Message
    from cdk_gtm_connector_cli.queues import RejectionQueue
    from cdk_gtm_connector_cli.stack import DeliveryResources

HIDDEN_SECONDS: Final = 120
"""Visibility timeout of received messages, usually long enough to receive all others before those
that stay are received again. After a redrive is killed, its messages are hidden that long."""

_MOST_SNS_BYTES: Final = 262_144  # SNS's PublishBatch; a larger message goes alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A selection of messages to move back.

    Attributes:
        reasons: Only messages with these reasons; empty for all that can be delivered now.
        destinations: Only messages for these destinations; empty for all.
        sent_after: Only messages sent after this time, in epoch milliseconds; see
            :attr:`.Message.sent`.
        sent_before: Only messages sent before this time, in epoch milliseconds. Default: now.
            Without this bound, a message that is rejected again during the redrive would be moved
            again, without end.
    """

    reasons: Sequence[str] = ()
    destinations: Sequence[str] = ()
    sent_after: int = 0
    sent_before: int = field(default_factory=lambda: int(time.time() * 1000))

    def excludes(self, message: Message) -> str:
        """Return why a message is not selected; empty if it is."""
        if self.reasons and message.reason not in self.reasons:
            return "not selected by --reason"
        if message.sent < self.sent_after:
            return "not selected by its age"
        if message.sent > self.sent_before:
            return "not selected by its age, or rejected since the command began"
        return ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about a message.

    Attributes:
        target: URL of the queue, or ARN of the topic, that the message goes to; empty if it stays.
        words: The decision in words.
    """

    target: str
    words: str


class Redrive:
    """Decides about rejected messages, and moves them.

    Args:
        context: The connector with the messages.
        selection: The messages to move.
        hidden_seconds: Visibility timeout of received messages.
    """

    def __init__(
        self, context: Context, selection: Selection, *, hidden_seconds: int = HIDDEN_SECONDS
    ) -> None:
        self._hidden_seconds = hidden_seconds
        self._connector = context.connector
        self._selection = selection
        self._sqs = context.client("sqs")
        self._sns = context.client("sns")
        self._judges = {each.kind: Judge(each) for each in self._connector.deliveries}

    def decision(self, queue: RejectionQueue, message: Message) -> Decision:
        """Decide about a message of a queue."""
        if excluded := self._selection.excludes(message):
            return Decision("", f"stays: {excluded}")
        delivery = queue.delivery or self._named(message)
        chosen = self._selection.destinations
        if (
            delivery is not None
            and chosen
            and not {delivery.destination, delivery.kind} & {*chosen}
        ):
            return Decision("", "stays: not selected by --destination")
        first, *others = self._connector.deliveries
        if delivery is None and others and chosen:
            return Decision("", "stays: it is for every destination; omit --destination")
        # All destinations' functions have the same rules for invalid messages.
        objection = self._judges[(delivery or first).kind].objection(
            message, self._selection.reasons
        )
        if objection:
            return Decision("", f"stays: {objection}")
        topic = self._connector.topic_arn
        if delivery is None and topic:
            return Decision(topic, "goes back to every destination")
        to = delivery or first
        return Decision(to.queue_url, f"goes back to {to.destination}")

    def _named(self, message: Message) -> DeliveryResources | None:
        """Return the delivery of the only destination that rejected an invalid message, if any."""
        name = message.attributes.get("Destination", "").partition(":")[0]
        return next((it for it in self._connector.deliveries if it.destination == name), None)

    def run(self, queue: RejectionQueue, pace: Pace, report: Callable[[Progress], None]) -> None:
        """Move the selected messages of a queue.

        Args:
            queue: The queue.
            pace: Limits the rate.
            report: Called after each step.
        """
        progress = Progress()
        kept: dict[str, Message] = {}
        try:
            for messages in received(self._sqs, queue.url, self._hidden_seconds):
                going: dict[str, list[Message]] = {}
                kept |= {it.id: it for it in messages}
                for message in messages:
                    decision = self.decision(queue, message)
                    if decision.target:
                        going.setdefault(decision.target, []).append(message)
                for target, moving in going.items():
                    for batch in batches(moving, _most_bytes(target)):
                        pace.wait(len(batch))
                        copied, refusal = self._copy(target, batch)
                        delete(self._sqs, queue.url, copied)
                        for message in copied:
                            del kept[message.id]
                        progress.moved += len(copied)
                        if refusal:
                            progress.refused[refusal] += len(batch) - len(copied)
                progress.kept = len(kept)
                report(progress)
        finally:
            give_back(self._sqs, queue.url, list(kept.values()))

    def _copy(self, target: str, batch: Sequence[Message]) -> tuple[list[Message], str]:
        """Send messages. Return those that were accepted, and why the others were refused."""
        if target.startswith("arn:"):
            entries = [{"Id": str(at), "Message": it.body} for at, it in enumerate(batch)]
            answer = self._sns.publish_batch(TopicArn=target, PublishBatchRequestEntries=entries)
        else:
            entries = [{"Id": str(at), "MessageBody": it.body} for at, it in enumerate(batch)]
            answer = self._sqs.send_message_batch(QueueUrl=target, Entries=entries)
        failed = answer.get("Failed", [])
        refusal = f"{failed[0].get('Code')}: {failed[0].get('Message')}" if failed else ""
        return [batch[int(it["Id"])] for it in answer.get("Successful", [])], refusal


@dataclass(slots=True)
class Progress:
    """The progress of a redrive of one queue.

    Attributes:
        moved: Number of messages that are back in their queues.
        kept: Number of messages that were read and stay.
        refused: Numbers of messages that SQS or SNS refused, by its error. They stay.
    """

    moved: int = 0
    kept: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class Pace:
    """Limits the rate of messages.

    Args:
        rate: Messages per second; 0 for no limit.
        wait: Sleeps for some seconds.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        rate: float,
        *,
        wait: Callable[[float], Any] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._wait = wait
        self._clock = clock
        self._next = clock()

    def wait(self, number: int) -> None:
        """Wait until that number of messages may be sent."""
        if self._rate <= 0:
            return
        now = self._clock()
        if self._next > now:
            self._wait(self._next - now)
        self._next = max(self._next, now) + number / self._rate


def _most_bytes(target: str) -> int:
    return _MOST_SNS_BYTES if target.startswith("arn:") else 1_048_576
