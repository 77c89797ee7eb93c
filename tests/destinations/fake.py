"""The base of the fake services: destinations in memory, each with its limits and answers.

A test decides about an event with a :data:`Verdict`, which each service translates into its own
answer. Every request is checked against the SDK's model of the operation, more strictly than the
SDK does, and against the limits in the service's documentation. The fakes repeat these limits on
purpose: limits read from the runtime could not show that the runtime has one wrong.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from botocore.validate import ParamValidator

from gtm_events.aws import Client
from gtm_events.destinations.batching import BatchDestination, BatchService
from gtm_events.event import Event
from tests.destinations.sdk import input_shape, violations
from tests.unit.builders import Answered, FakeDestination, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from gtm_events.aws import Target
    from gtm_events.destinations import Destination

Verdict = Literal["ok", "refused", "throttled", "failed", "denied", "unmentioned"]


class BatchFake(FakeDestination):
    """A service with a batch operation.

    Args:
        decide: Returns the verdict on an event. It may raise :class:`Answered` or an SDK error.

    Attributes:
        accepted: Number of times that each event was accepted, by event id.
        events: The accepted events, by event id.
        entries: The events of each entry of each request.
        bytes: Bytes sent, as the service counts them.
    """

    name: ClassVar[str]
    """Name of the destination, as in ``DESTINATION``."""

    model: ClassVar[tuple[str, str]]
    """The SDK's names of the service and of the operation."""

    parameters: ClassVar[dict[str, Any]] = {}
    """Parameters of the request beside its body."""

    whole: ClassVar[dict[str, Answered]]
    """Answers that refuse and that throttle a whole request."""

    verdicts: ClassVar[frozenset[Verdict]]
    """Verdicts that the service can give on an entry."""

    shares_fate: ClassVar[frozenset[str]] = frozenset()
    """Verdicts on an event that apply to the events beside it too."""

    cuts: ClassVar[bool] = False
    """Whether the service limits an event's attributes and metrics."""

    sends_newest: ClassVar[bool] = False
    """Whether each event brings its user attributes at the newest values of its batch."""

    sends_access: ClassVar[bool] = True
    """Whether the service learns if an event's sender is authenticated."""

    max_entries: ClassVar[int]
    """Maximum number of entries in a request."""

    max_bytes: ClassVar[int]
    """Maximum bytes of a request, as the service counts them."""

    max_entry_bytes: ClassVar[int]
    """Maximum size of an entry, as the service counts it."""

    counts_exactly: ClassVar[bool] = True
    """Whether an entry of exactly :attr:`max_entry_bytes` can be made."""

    sizes: ClassVar[Sequence[int]] = ()
    """Sizes of events whose bytes, rather than their number, limit the requests."""

    endpoint: ClassVar[Target]

    environment: ClassVar[Mapping[str, str]]
    """Required environment variables of an AWS service's destination."""

    optional: ClassVar[Mapping[str, str]] = {}
    """Environment variables that this service needs besides, and that others may leave out."""

    url: ClassVar[str]
    """URL of its requests from a function in eu-west-1."""

    def __init__(self, decide: Callable[[Event], Verdict] = lambda _: "ok") -> None:
        super().__init__()
        self.decide = decide
        self.accepted: Counter[str] = Counter()
        self.events: dict[str, Event] = {}
        self.entries: list[list[list[Event]]] = []
        self.bytes = 0

    def fewest_requests(self) -> int:
        """Return the smallest number of requests that the service's limits allow."""
        entries = sum(map(len, self.entries))
        return max(-(-entries // self.max_entries), -(-self.bytes // self.max_bytes))

    def entry_size(self, request: dict[str, Any]) -> int:  # noqa: ARG002
        """Return the size of a request's only entry, as the service counts it."""
        return self.bytes

    def adapt(self, expected: Event, got: Event) -> None:
        """Adapt events to how the service represents user attributes. Default: no change."""

    def destination(self, *, requests_per_second: float = 1_000_000) -> Destination:
        """See :meth:`FakeDestination.destination`."""
        return BatchDestination(
            self.service(), Client(self.endpoint, self), requests_per_second=requests_per_second
        )

    def answer(self, body: bytes) -> Response:
        """Answer one request."""
        request = self.parsed(body)
        self.check(request)
        size = self.size(request, body)
        assert size <= self.max_bytes
        entries = [list(entry) for entry in self.read(request)]
        # An entry gets the worst verdict on its events.
        verdicts = [max(map(self.decide, entry), key=lambda v: v != "ok") for entry in entries]
        with self._lock:
            self.entries.append(entries)
            self.bytes += size
            for entry, verdict in zip(entries, verdicts, strict=True):
                if verdict == "ok":
                    self.accepted.update(event.id for event in entry)
                    self.events.update((event.id, event) for event in entry)
        return Response(200, json.dumps(self.written(entries, verdicts)).encode())

    def check(self, request: dict[str, Any]) -> None:
        """Assert that a request conforms to the SDK's model of the operation."""
        shape = input_shape(*self.model)
        report = ParamValidator().validate(request, shape)
        assert not report.has_errors(), report.generate_report()
        assert not list(violations(request, shape))

    def parsed(self, body: bytes) -> dict[str, Any]:
        """Return the operation's input, with its blobs decoded."""
        return {**json.loads(body), **self.parameters}

    @abstractmethod
    def service(self) -> BatchService[Any]:
        """Return the service under test."""

    @abstractmethod
    def size(self, request: dict[str, Any], body: bytes) -> int:
        """Return a request's bytes; assert the documentation's other limits."""

    @abstractmethod
    def read(self, request: dict[str, Any]) -> Iterator[Iterable[Event]]:
        """Yield the events of each entry."""

    @abstractmethod
    def written(self, entries: list[list[Event]], verdicts: list[Verdict]) -> dict[str, Any]:
        """Return the answer."""


def milliseconds(timestamp: str) -> int:
    """Return an event record's time in epoch milliseconds."""
    return round(datetime.fromisoformat(timestamp).timestamp() * 1000)


def event_of(text: str | bytes) -> Event:
    """Return the event of an event record."""
    record = json.loads(text)
    assert record["access"] == ("authenticated" if "user_id" in record else "anonymous")
    assert set(record) - {"access", "user_id"} == {
        "schema_version",
        "event_id",
        "event_type",
        "endpoint_id",
        "timestamp",
        "attributes",
        "metrics",
        "user_attributes",
    }
    assert record["schema_version"] == "1"
    return Event(
        id=record["event_id"],
        endpoint_id=record["endpoint_id"],
        event_type=record["event_type"],
        time=milliseconds(record["timestamp"]),
        attributes=record["attributes"],
        metrics=record["metrics"],
        user_attributes=record["user_attributes"],
        user_id=record.get("user_id", ""),
    )


def listed(
    codes: dict[Verdict, str], success: dict[str, Any], verdicts: list[Verdict]
) -> list[dict[str, Any]]:
    """Return an answer's list in the request's order, shorter if an entry is left out."""
    return [
        success
        if verdict == "ok"
        else {"ErrorCode": codes[verdict], "ErrorMessage": f"it is {verdict}"}
        for verdict in verdicts
        if verdict != "unmentioned"
    ]
