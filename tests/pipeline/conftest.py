"""One pipeline for all tests here: the synthesized app, the emulator, a destination."""

from __future__ import annotations

import http.client
import json
import queue
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

import pytest

from local.console.journal import Journal
from local.destinations.pinpoint.server import PutEventsServer
from local.destinations.pinpoint.service import PutEventsLimits
from local.emulator.targets import mask_token
from local.messages import event_id_of
from local.stand_in.values import Behavior, RecordedEvent
from tests.patience import HANG_SECONDS
from tests.pipelines import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local.pipeline.stack import Pipeline

T = TypeVar("T")

BATCHING_WINDOW_SECONDS = 1  # the minimum for batches of more than 10 messages


class RecordingJournal(Journal):
    """A journal that also keeps the emulator's reports, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()

    def gateway_answered(self, report: Mapping[str, Any]) -> None:
        """Record a request that the API answered."""
        super().gateway_answered(report)
        self.reports.put(report)


@dataclass(frozen=True, slots=True)
class Answer:
    """The API's answer, and the id of the accepted event, if any."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    event_id: str | None
    """With several destinations, the id of the message in each queue, by kind."""
    time: int
    """When the request arrived, in epoch milliseconds."""


class Send(Protocol):
    """A function that sends one request with a raw query string to the endpoint."""

    def __call__(
        self,
        query: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
        url: str | None = None,
    ) -> Answer:
        """Send the request, and return the answer."""
        ...


@pytest.fixture(scope="session")
def journal() -> RecordingJournal:
    """Return the pipeline's journal."""
    return RecordingJournal()


@pytest.fixture(scope="session")
def _running_pipeline(journal: RecordingJournal) -> Iterator[Pipeline]:
    context = {
        "anonymous_user_attributes": "*",
        "max_batching_window": str(BATCHING_WINDOW_SECONDS),
    }
    putevents = PutEventsServer(
        observer=journal,
        # An application's quotas count all of its events, and these tests use one application for
        # many.
        limits=PutEventsLimits(event_types=10_000, attribute_keys=10_000),
    )
    with running(context=context, journal=journal, putevents=putevents) as pipeline:
        yield pipeline


@pytest.fixture
def pipeline(_running_pipeline: Pipeline) -> Iterator[Pipeline]:
    """Return the pipeline, with normal behavior of its destinations."""
    yield _running_pipeline
    for server in _running_pipeline.servers.values():
        server.behavior = Behavior()
    _running_pipeline.emulator.check()


@pytest.fixture
def send(pipeline: Pipeline, journal: RecordingJournal) -> Iterator[Send]:
    """Return a function that sends requests over one connection without re-encoding them."""
    parts = urlsplit(pipeline.endpoint_url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=HANG_SECONDS)

    def send_request(
        query: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
        url: str | None = None,
    ) -> Answer:
        target = f"{urlsplit(url).path if url else parts.path}?{query}"
        connection.request(
            method, target, body and body.encode("utf-8", "surrogatepass"), dict(headers or {})
        )
        response = connection.getresponse()
        content = response.read()
        report = journal.reports.get(timeout=HANG_SECONDS)
        assert (report["method"], report["query"]) == (method, mask_token(query))
        assert report["status"] == response.status
        return Answer(
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            content,
            report["event_id"],
            report["time"],
        )

    yield send_request
    connection.close()


def wait_for(what: str, probe: Callable[[], T | None]) -> T:
    """Wait until ``probe`` returns a value other than ``None``, and return it."""
    deadline = time.monotonic() + HANG_SECONDS
    while (found := probe()) is None:
        assert time.monotonic() < deadline, f"no {what} within {HANG_SECONDS:g} seconds"
        time.sleep(0.05)
    return found


def delivered(pipeline: Pipeline, answer: Answer, *, index: int | None = None) -> RecordedEvent:
    """Return the destination's record for a request, by its answer.

    Args:
        pipeline: The pipeline.
        answer: The endpoint's answer.
        index: Index of the event in a posted list.
    """
    assert answer.status in {200, 204}, answer.body
    assert answer.event_id is not None
    event_id = answer.event_id if index is None else f"{answer.event_id}-{index}"

    def arrived() -> RecordedEvent | None:
        for lost in pipeline.putevents.dropped:
            assert lost.event_id != event_id, f"the destination dropped it: {lost.reason}"
        return pipeline.putevents.delivered.get(event_id)

    return wait_for(f"event {event_id} at the destination", arrived)


def event_of(message: Mapping[str, Any]) -> str | None:
    """Return the id of a queued message's event, or that of its list."""
    return event_id_of(message["Body"])


def dead_letter(
    pipeline: Pipeline, event_id: str | None, *, output: str = "DeadLetterQueueName"
) -> dict[str, Any]:
    """Return the dead letter of a message: its body and attributes.

    Args:
        pipeline: The pipeline.
        event_id: Id of the event or its list.
        output: Key of the stack output that names the queue.
    """

    def arrived() -> dict[str, Any] | None:
        for message in pipeline.peek(output):
            attributes = {
                name: value["StringValue"] for name, value in message["MessageAttributes"].items()
            }
            # A message that did not come through the endpoint only has its own id.
            if event_id in {event_of(message), attributes.get("MessageId")} and attributes:
                return {"Body": message["Body"], **attributes}
        return None

    return wait_for(f"dead letter of {event_id}", arrived)


def invalid_message(pipeline: Pipeline, event_id: str | None) -> dict[str, Any]:
    """Return a message in the invalid-message queue; see :func:`dead_letter`."""
    return dead_letter(pipeline, event_id, output="InvalidMessageQueueName")


def logged_batches(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Return the function's log lines about batches, oldest first, once the queue is empty.

    MiniStack stores the log of an invocation before it removes the invocation's messages.
    """
    sqs, queue_url = pipeline.client("sqs"), pipeline.queue_url("QueueName")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def empty() -> bool | None:
        answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        return None if any(int(answer["Attributes"][name]) for name in names) else True

    wait_for("end of the queue", empty)
    function = pipeline.client("lambda").get_function_configuration(
        FunctionName=pipeline.outputs["FunctionName"]
    )
    pages = pipeline.client("logs").get_paginator("filter_log_events")
    messages = [
        event["message"]
        for page in pages.paginate(logGroupName=function["LoggingConfig"]["LogGroup"])
        for event in page["events"]
    ]
    lines = [json.loads(message) for message in messages if message.startswith("{")]
    return [line for line in lines if line["message"] == "batch"]
