"""Observers of queues and arrivals, for the console."""

from __future__ import annotations

import contextlib
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.error import URLError

from botocore.exceptions import BotoCoreError, ClientError

from cdk_gtm_connector_cli.errors import CommandError
from cdk_gtm_connector_cli.logs import lines
from local.messages import event_id_of
from local.pipeline.moving_back import connector_of
from local.pipeline.processes import STOP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cdk_gtm_connector_cli.stack import DeliveryResources
    from local.arrivals import Arrivals
    from local.console.journal import Journal
    from local.deployed import Deployed
    from local.pipeline.stack import Pipeline

_INVALID_MESSAGE_OUTPUT: Final = "InvalidMessageQueueName"

_OBSERVE_SECONDS: Final = 1.0

_FEW: Final = 200
"""Maximum size of a queue whose messages are read each time. Reading more slows the emulator."""


@contextmanager
def observing(pipeline: Pipeline) -> Iterator[None]:
    """Report the contents of queues and destinations to the journal."""
    stop = threading.Event()
    observers: list[Callable[[], None]] = [
        *(_QueueObserver(pipeline, each).observe for each in pipeline.deployed),
        *(each.observe for each in _log_observers(pipeline)),
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
                # The emulator may stop, as it does in tests. The page keeps its data.
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
    """A queue, and the messages that were seen in it.

    Args:
        pipeline: The pipeline that has the queue.
        output: Key of the stack output that names the queue.
    """

    def __init__(self, pipeline: Pipeline, output: str) -> None:
        self._pipeline = pipeline
        self._output = output
        self._sqs = pipeline.client("sqs")
        self._url = pipeline.queue_url(output)
        self._seen: dict[str, Mapping[str, Any]] = {}
        self._number = 0

    def count(self) -> tuple[int, int]:
        """Return the number of visible messages, and the number in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        visible, in_flight = (int(answer["Attributes"][name]) for name in names)
        return visible, in_flight

    def messages(self) -> list[dict[str, Any]]:
        """Return the queue's messages without receiving them."""
        return self._pipeline.peek(self._output)

    def changes(self, number: int) -> Changes:
        """Return the messages that are new since the last call, and those that are gone.

        Args:
            number: Number of messages in the queue. A long queue is read only if its number has
                changed. A short one is always read, because one message may have replaced another.
        """
        if number == self._number and not 0 < number <= _FEW:
            return Changes([], [])
        self._number = number
        there = {message["MessageId"]: message for message in self.messages()}
        gone = [self._seen.pop(each) for each in self._seen.keys() - there.keys()]
        new = [there[each] for each in there.keys() - self._seen.keys()]
        self._seen |= there
        return Changes(sorted(new, key=lambda message: message["SentTimestamp"]), gone)


class Changes(NamedTuple):
    """Messages that arrived in a queue, and those that left it."""

    new: Sequence[Mapping[str, Any]]
    gone: Sequence[Mapping[str, Any]]


def _attributes(message: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value.get("StringValue", "") for name, value in message["MessageAttributes"].items()
    }


def _log_observers(pipeline: Pipeline) -> list[_LogObserver]:
    connector = connector_of(pipeline)
    with contextlib.suppress(CommandError, BotoCoreError, ClientError):
        return [
            _LogObserver(pipeline, each) for each in (connector.deliveries if connector else ())
        ]
    return []


class _LogObserver:
    """An observer of the problems in the log of a destination's function."""

    def __init__(self, pipeline: Pipeline, delivery: DeliveryResources) -> None:
        self._journal = pipeline.journal
        self._kind = delivery.destination
        self._group = delivery.log_group
        self._logs = pipeline.client("logs")
        self._since = 0
        self._seen: set[str] = set()  # IDs of lines with that time

    def observe(self) -> None:
        for line in lines(self._logs, self._group, self._since):
            if line.id in self._seen:
                continue
            if line.time > self._since:
                self._since, self._seen = line.time, set()
            self._seen.add(line.id)
            if line.is_batch:
                self._journal.batch_logged(
                    self._kind,
                    time=line.time,
                    problems=line.fields.get("problems") or (),
                    delivered=bool(line.fields.get("delivered")),
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
        new, gone = self._queue.changes(number)
        for message in gone:
            kind = _attributes(message).get("Destination")
            self._journal.left_queue(
                event_id=event_id_of(message["Body"]),
                body=message["Body"],
                destination=kind if kind in self._kinds else None,
            )
        for message in new:
            attributes = _attributes(message)
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
        new, gone = self._dead_letter_queue.changes(dead_letters)
        for message in gone:
            self._journal.left_queue(
                event_id=event_id_of(message["Body"]),
                body=message["Body"],
                destination=self._kind,
            )
        for message in new:
            self._report(message, _attributes(message))
        self._schedule(waiting + in_flight)

    def _schedule(self, number: int) -> None:
        """Report when messages that were received before become visible again, if there are few."""
        messages = self._queue.messages() if 0 < number <= _FEW else []
        self._journal.next_attempts(
            self._kind,
            {
                event_id: message["VisibleAt"] * 1000
                for message in messages
                if message["ReceiveCount"] and (event_id := event_id_of(message["Body"]))
            },
        )

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
        elif message["ReceiveCount"] == 0:  # the topic's subscription sent it here
            self._journal.dead_lettered(
                destination=self._kind,
                event_id=event_id,
                reason="queue_gone",
                detail="The topic could not deliver the message to its queue",
                body=message["Body"],
            )
        else:  # the queue's redrive policy moved it here
            self._journal.dead_lettered(
                destination=self._kind,
                event_id=event_id,
                reason="too_many_receives",
                detail=f"Received {message['ReceiveCount']} times without being delivered",
                body=message["Body"],
            )
