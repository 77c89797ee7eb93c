"""Observers of queues and arrivals, for the console."""

from __future__ import annotations

import contextlib
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.error import URLError

from botocore.exceptions import BotoCoreError, ClientError

from local.messages import event_id_of
from local.pipeline.processes import STOP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local.arrivals import Arrivals
    from local.console.journal import Journal
    from local.deployed import Deployed
    from local.pipeline.stack import Pipeline

_INVALID_MESSAGE_OUTPUT: Final = "InvalidMessageQueueName"

_OBSERVE_SECONDS: Final = 1.0


@contextmanager
def observing(pipeline: Pipeline) -> Iterator[None]:
    """Report the contents of queues and destinations to the journal."""
    stop = threading.Event()
    observers: list[Callable[[], None]] = [
        *(_QueueObserver(pipeline, each).observe for each in pipeline.deployed),
        *(
            [_InvalidMessageObserver(pipeline).observe]
            if _INVALID_MESSAGE_OUTPUT in pipeline.outputs
            else []
        ),
        *(
            partial(_observe_arrivals, pipeline.journal, arrivals)
            for arrivals in pipeline.arrivals.values()
        ),
    ]

    def observe() -> None:
        while not stop.wait(_OBSERVE_SECONDS):
            for each in observers:
                # The emulator may be gone for a moment, in tests for good. The page keeps its data.
                with contextlib.suppress(BotoCoreError, ClientError, URLError, OSError):
                    each()

    thread = threading.Thread(target=observe, name="observers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOP_SECONDS)


def _observe_arrivals(journal: Journal, arrivals: Arrivals) -> None:
    for event in arrivals.read():
        journal.destination_has(arrivals.kind, event)


class _WatchedQueue:
    """A queue, and the messages already seen in it.

    Args:
        pipeline: The pipeline that has the queue.
        output: The stack's output that names it.
    """

    def __init__(self, pipeline: Pipeline, output: str) -> None:
        self._pipeline = pipeline
        self._output = output
        self._sqs = pipeline.client("sqs")
        self._url = pipeline.queue_url(output)
        self._seen: set[str] = set()
        self._number = 0

    def count(self) -> tuple[int, int]:
        """Return the number of messages that wait, and the number in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        visible, in_flight = (int(answer["Attributes"][name]) for name in names)
        return visible, in_flight

    def new_ones(self, number: int) -> Iterator[tuple[Mapping[str, Any], dict[str, str]]]:
        """Yield the messages not seen before, each with its attributes.

        Args:
            number: Current number of messages. If it has not changed, the queue is not read.
        """
        if number == self._number:
            return
        self._number = number
        for message in self._pipeline.peek(self._output):
            if message["MessageId"] not in self._seen:
                self._seen.add(message["MessageId"])
                yield (
                    message,
                    {
                        name: value.get("StringValue", "")
                        for name, value in message["MessageAttributes"].items()
                    },
                )


class _InvalidMessageObserver:
    """An observer of the invalid-message queue, which all destinations share."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._journal = pipeline.journal
        self._kinds = {each.kind for each in pipeline.deployed}
        self._queue = _WatchedQueue(pipeline, _INVALID_MESSAGE_OUTPUT)

    def observe(self) -> None:
        number = sum(self._queue.count())
        self._journal.invalid_messages_counted(number)
        for message, attributes in self._queue.new_ones(number):
            kind = attributes.get("Destination")
            self._journal.found_invalid(
                event_id=event_id_of(message["Body"]),
                reason=attributes.get("Reason", ""),
                detail=attributes.get("Detail", ""),
                body=message["Body"],
                destination=kind if kind in self._kinds else None,
            )


class _QueueObserver:
    """An observer of a destination's queue and dead-letter queue."""

    def __init__(self, pipeline: Pipeline, deployed: Deployed) -> None:
        self._journal = pipeline.journal
        self._kind = deployed.kind
        self._queue = _WatchedQueue(pipeline, deployed.output("QueueName"))
        self._dead_letter_queue = _WatchedQueue(pipeline, deployed.output("DeadLetterQueueName"))

    def observe(self) -> None:
        waiting, in_flight = self._queue.count()
        dead_letters = sum(self._dead_letter_queue.count())
        self._journal.queues_counted(
            destination=self._kind,
            waiting=waiting,
            in_flight=in_flight,
            dead_letters=dead_letters,
        )
        for message, attributes in self._dead_letter_queue.new_ones(dead_letters):
            self._report(message, attributes)

    def _report(self, message: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
        event_id = event_id_of(message["Body"])
        if "Reason" in attributes:
            self._journal.dead_lettered(
                destination=self._kind,
                event_id=event_id,
                reason=attributes["Reason"],
                detail=attributes.get("Detail", ""),
                body=message["Body"],
            )
        elif message["ReceiveCount"] == 0:  # by the topic's subscription
            self._journal.dead_lettered(
                destination=self._kind,
                event_id=event_id,
                reason="queue_gone",
                detail="The topic could not deliver it to its queue",
                body=message["Body"],
            )
        else:  # the queue itself moved it here, as it was
            self._journal.dead_lettered(
                destination=self._kind,
                event_id=event_id,
                reason="too_many_receives",
                detail=f"Received {message['ReceiveCount']} times without being delivered",
                body=message["Body"],
            )
