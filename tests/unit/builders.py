"""Builders and in-memory fakes for the function's tests."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode

from gtm_events.aws import Client, ServiceEndpoint
from gtm_events.dead_letters import UnsentLetter
from gtm_events.deadline import Deadline
from gtm_events.delivery import Delivery
from gtm_events.destinations.batching import BatchDestination
from gtm_events.destinations.pinpoint import Pinpoint
from gtm_events.policy import AccessPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gtm_events.batch_result import BatchResult
    from gtm_events.dead_letters import DeadLetter
    from gtm_events.destinations import Destination
    from gtm_events.signing import SignedRequest

REQUEST_TIME = 1_795_000_000_000  # 2026-11-18T11:06:40Z
UNSET_VALUES = frozenset({"undefined", "null", "NaN", "[object Object]"})

_CASES = Path(__file__).parents[1] / "cases"
QUERIES = _CASES / "queries.jsonl"
"""Queries as tags send them, with the resulting event within Pinpoint's limits."""
EDGES = _CASES / "edges.jsonl"
"""Edge cases of queries, with the resulting events."""


def envelope(*, time: int | str = REQUEST_TIME, **fields: str) -> str:
    """Return an envelope as the endpoint's templates write it, anonymous without ``subject``."""
    access = "authenticated" if "subject" in fields else "anonymous"
    return urlencode({"v": "1", "time": time, "access": access, **fields})


def body(
    parameters: Mapping[str, str] | Sequence[tuple[str, str]],
    *,
    time: int | str = REQUEST_TIME,
    **fields: str,
) -> str:
    """Return a message body as the endpoint's template writes it after a GET."""
    return f"{envelope(time=time, **fields)}\n{urlencode(parameters, quote_via=quote_plus)}"


def posted(content: str, text: str, **fields: str) -> str:
    """Return a message body as the endpoint's template writes it after a POST."""
    return f"{envelope(content=content, **fields)}\n{urlencode({'body': text})}"


def cases(path: Path) -> list[dict[str, Any]]:
    """Return the cases of a file."""
    with path.open(encoding="utf-8") as lines:  # splitlines() splits at more than \n
        return [json.loads(line) for line in lines]


def message_id(number: int) -> str:
    """Return a message id in SQS's format."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def records(bodies: Sequence[str]) -> list[dict[str, Any]]:
    """Return the records of an SQS event, numbered from 0."""
    return [
        {"messageId": message_id(number), "body": text, "eventSource": "aws:sqs"}
        for number, text in enumerate(bodies)
    ]


@dataclass
class Response:
    """The parts of an HTTP response that the function reads."""

    status_code: int
    content: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Answered(Exception):
    """Raised by a fake service to answer a whole request with an error."""

    def __init__(self, status: int, code: str, message: str = "words") -> None:
        super().__init__(status, code, message)
        self.response = Response(
            status,
            json.dumps({"Message": message}).encode(),
            {"x-amzn-ErrorType": f"{code}:http://internal.amazon.com/"},
        )


class FakeService(ABC):
    """A service in memory that replaces the network, below signing and reading of answers.

    It may raise what :class:`gtm_events.connections.Connections` raises.

    Attributes:
        requests: The bodies that were sent.
        urls: The URLs of the requests.
        last: The last request, signed.
    """

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.urls: set[str] = set()
        self.last: SignedRequest
        self._lock = threading.Lock()

    def send(self, request: SignedRequest) -> Response:
        """Answer one request."""
        assert isinstance(request.body, bytes)
        body = request.body
        with self._lock:
            self.requests.append(body)
            self.urls.add(request.url)
            self.last = request
        self.check_signature(request)
        try:
            return self.answer(body)
        except Answered as error:
            return error.response

    def check_signature(self, request: SignedRequest) -> None:
        """Assert that a request is signed as the service requires. Default: as AWS does."""
        assert "AWS4-HMAC-SHA256 Credential=test/" in str(request.headers["Authorization"])

    @abstractmethod
    def answer(self, body: bytes) -> Response:
        """Answer one request's body."""


class FakeDestination(FakeService):
    """A service to which events are delivered."""

    @abstractmethod
    def destination(self, *, requests_per_second: float = 1_000_000) -> Destination:
        """Return the destination that sends to this service."""


def accept_all(_endpoint_id: str, _event_id: str, _event: dict[str, Any]) -> tuple[int, str]:
    """Accept every event."""
    return 202, "Accepted"


class FakePinpoint(FakeDestination):
    """``PutEvents`` in memory.

    Args:
        respond: Decides an event's status and message; ``None`` leaves the event out of the answer.
            It may raise :class:`Answered` or what the SDK raises.
        respond_endpoint: Decides an endpoint's status and message.
    """

    def __init__(
        self,
        respond: Callable[[str, str, dict[str, Any]], tuple[int, str] | None] = accept_all,
        respond_endpoint: Callable[[str, dict[str, Any]], tuple[int, str]] = lambda *_: (
            202,
            "Accepted",
        ),
    ) -> None:
        super().__init__()
        self.respond = respond
        self.respond_endpoint = respond_endpoint

    def destination(self, *, requests_per_second: float = 1_000_000) -> Destination:
        """See :meth:`FakeDestination.destination`."""
        endpoint = ServiceEndpoint("mobiletargeting", "us-east-1", "https://pinpoint")
        return BatchDestination(
            Pinpoint("app"), Client(endpoint, self), requests_per_second=requests_per_second
        )

    def answer(self, body: bytes) -> Response:
        """Answer one ``PutEvents``."""
        results: dict[str, Any] = {}
        for endpoint_id, item in json.loads(body)["BatchItem"].items():
            events = {}
            for event_id, event in item["Events"].items():
                if answer := self.respond(endpoint_id, event_id, event):
                    events[event_id] = {"StatusCode": answer[0], "Message": answer[1]}
            status, message = self.respond_endpoint(endpoint_id, item["Endpoint"])
            results[endpoint_id] = {
                "EndpointItemResponse": {"StatusCode": status, "Message": message},
                "EventsItemResponse": events,
            }
        return Response(202, json.dumps({"Results": results}).encode())

    def items(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the endpoints of every request, with their data."""
        for request in self.requests:
            yield from json.loads(request)["BatchItem"].items()

    def events(self) -> dict[str, dict[str, Any]]:
        """Return every sent event by event id. Fail if an id was sent twice."""
        events: dict[str, dict[str, Any]] = {}
        for _, item in self.items():  # noqa: PERF102 - a method of this class
            assert not events.keys() & item["Events"].keys(), "an event was sent twice"
            events.update(item["Events"])
        return events

    def user_attributes(self, endpoint_id: str) -> list[dict[str, list[str]]]:
        """Return the user attributes that each request set on the endpoint."""
        return [
            item["Endpoint"].get("User", {}).get("UserAttributes", {})
            for name, item in self.items()
            if name == endpoint_id
        ]


@dataclass
class FakeDeadLetters:
    """A dead-letter queue in memory.

    Attributes:
        refuse: Message ids that it refuses.
        letters: The accepted messages.
    """

    refuse: frozenset[str] = frozenset()
    letters: list[DeadLetter] = field(default_factory=list)

    def send(self, letters: Sequence[DeadLetter], deadline: Deadline) -> Iterator[UnsentLetter]:
        """Accept the messages."""
        for letter in letters:
            if letter.message_id in self.refuse or deadline.remaining() <= 0:
                yield UnsentLetter(letter, "TheCode")
            else:
                self.letters.append(letter)

    def reasons(self) -> dict[str, str]:
        """Return the reason of each message by message id."""
        assert len({letter.message_id for letter in self.letters}) == len(self.letters)
        return {letter.message_id: letter.reason.value for letter in self.letters}


def deliver(
    bodies: Sequence[str],
    *,
    service: FakeDestination | None = None,
    dead_letters: FakeDeadLetters | None = None,
    policy: AccessPolicy | None = None,
    accept_client_timestamp: bool = False,
    unset_values: frozenset[str] = UNSET_VALUES,
    seconds: float = 60,
    requests_per_second: float = 1_000_000,
    **more: Any,
) -> BatchResult:
    """Deliver one batch of message bodies to a service in memory, which is Pinpoint by default.

    All user attributes may change unless ``policy`` says otherwise. ``more`` is passed to the
    delivery.
    """
    delivery = Delivery(
        destination=(service or FakePinpoint()).destination(
            requests_per_second=requests_per_second
        ),
        dead_letters=dead_letters or FakeDeadLetters(),
        policy=policy or AccessPolicy(anonymous=None),
        accept_client_timestamp=accept_client_timestamp,
        unset_values=unset_values,
        **more,
    )
    return delivery.deliver(records(bodies), Deadline.after(seconds))


def check_totals(batch: BatchResult, dead_letters: FakeDeadLetters) -> None:
    """Assert that every record has exactly one outcome."""
    places = batch.delivered + batch.opted_out + batch.retried.total() + batch.rejected.total()
    assert batch.received == places, batch.summary()
    assert len(batch.failures) == len(set(batch.failures)) == batch.retried.total()
    assert len(dead_letters.letters) == batch.rejected.total()
    assert not set(batch.failures) & set(dead_letters.reasons())


def counted(batch: BatchResult) -> Counter[str]:
    """Return the batch's counts that are not zero, without requests."""
    return Counter({name: n for name, n in batch.counts.items() if n and name != "requests"})
