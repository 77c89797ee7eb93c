"""Value classes of stand-ins: events, answers, counts, and behavior."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from local.model import text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


EVERY: Final = "*"
"""Every event type or endpoint, in a ``refuse_…`` field of :class:`Behavior`."""

CONNECTION_DROPPED: Final = 0
"""Status recorded for a request whose connection was closed without an answer."""

_LONGEST_WAIT_SECONDS = 600.0


class Outcome(StrEnum):
    """The outcome of a request for one event."""

    DELIVERED = "delivered"
    DROPPED = "dropped"
    """Answered as accepted, but lost."""
    THROTTLED = "throttled"
    FAILED = "failed"
    """A failure of the service, or no answer. The event may be sent again."""
    REFUSED = "refused"
    """A permanent refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behavior:
    """Misbehavior of a stand-in. The default is to behave like the service.

    A ``…_next`` field applies to that number of the next requests, and counts down. A ``…_share``
    field applies to that share of all requests, 0 to 1. A seeded generator selects them, so setting
    the same behavior again selects the same ones. If several fields apply to a request, the first
    in this order wins: drop, throttle, fail. Each service answers with its own error.

    Raises:
        ValueError: A value is out of its range, or of the wrong type.
    """

    latency_ms: float = 0
    """Delay of every answer, in milliseconds."""
    drop_next: int = 0
    drop_share: float = 0
    """Close the connection without an answer; the events are not recorded."""
    throttle_next: int = 0
    throttle_share: float = 0
    """Answer that there are too many requests, in addition to the quota."""
    fail_next: int = 0
    fail_share: float = 0
    """Answer that the service has failed."""
    slow_next: int = 0
    slow_seconds: float = 60
    """Record the events of the next requests, but delay the answer for this long."""
    fail_records_share: float = 0
    """In accepted requests, answer that this share of the records failed temporarily."""
    refuse_event_types: frozenset[str] = frozenset()
    """Refuse each event of these types permanently. ``"*"`` is every type."""
    refuse_endpoint_ids: frozenset[str] = frozenset()
    """Refuse each event of these endpoints permanently. ``"*"`` is every endpoint."""
    refuse_endpoint_data: frozenset[str] = frozenset()
    """Refuse these endpoints' data, but not their events. Only for Pinpoint, Customer Profiles."""
    refuse_message: str = "Refused by the local destination's settings"
    """Message of a refusal."""

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            if spec.name.endswith("_next"):
                if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                    raise ValueError(
                        f"{spec.name} must be a non-negative whole number, got {value!r}"
                    )
            elif spec.name.endswith("_share"):
                _check_number(spec.name, value, 1)
            elif spec.name == "latency_ms":
                _check_number(spec.name, value, _LONGEST_WAIT_SECONDS * 1000)
            elif spec.name == "slow_seconds":
                _check_number(spec.name, value, _LONGEST_WAIT_SECONDS)
            elif spec.name == "refuse_message":
                if not isinstance(value, str):
                    raise ValueError(f"refuse_message must be a string, got {value!r}")
            elif not isinstance(value, frozenset) or not all(isinstance(v, str) for v in value):
                raise ValueError(f"{spec.name} must be a set of strings, got {value!r}")

    @classmethod
    def from_json(cls, document: object) -> Behavior:
        """Return the behavior that ``document``, a JSON object with this class's fields, describes.

        Fields that it lacks have their defaults.

        Raises:
            ValueError: The document is not an object, has an unknown field, or a value out of
                range.
        """
        if not isinstance(document, dict):
            raise ValueError(  # noqa: TRY004 - a document's fault, like its other faults
                f"the behavior must be a JSON object, got {document!r}"
            )
        names = [spec.name for spec in fields(cls)]
        for name in document:
            if name not in names:
                raise ValueError(f"unknown field {name!r}, must be one of: {', '.join(names)}")
        values: dict[str, Any] = {
            name: frozenset(value)
            if isinstance(value, list) and all(isinstance(item, str) for item in value)
            else value
            for name, value in document.items()
        }
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return {
            spec.name: sorted(value) if isinstance(value, frozenset) else value
            for spec in fields(self)
            for value in [getattr(self, spec.name)]
        }

    def refuses(self, event: Event) -> bool:
        """Return whether to refuse an event permanently."""
        return _names(self.refuse_event_types, event.event_type) or _names(
            self.refuse_endpoint_ids, event.endpoint_id
        )

    def refuses_data_of(self, endpoint_id: str) -> bool:
        """Return whether to refuse an endpoint's data permanently."""
        return _names(self.refuse_endpoint_data, endpoint_id)


class ShownDocument(NamedTuple):
    """A document that the console shows, with a title."""

    title: str
    document: Any
    """JSON values."""


class Event(NamedTuple):
    """One event in a request."""

    event_id: str
    endpoint_id: str
    event_type: str
    event: Mapping[str, Any]
    """The event as it was sent."""
    endpoint: Mapping[str, Any]
    """The endpoint's data as it was sent; only Pinpoint has it."""
    got: tuple[ShownDocument, ...]
    """What the destination received, in its own format."""

    @classmethod
    def of_record(cls, document: Any, got: ShownDocument) -> Event:
        """Return the event in a record, whose ``document`` may be any JSON value."""
        record = document if isinstance(document, dict) else {}
        return cls(
            text(record, "event_id"),
            text(record, "endpoint_id"),
            text(record, "event_type"),
            record,
            {},
            (got,),
        )


class EventResult(NamedTuple):
    """The result for one event."""

    event: Event
    outcome: Outcome
    status: str
    """HTTP status, or code of an error."""
    message: str
    """The answer's message."""


class OperationResult(NamedTuple):
    """The result of an accepted request."""

    content: Any
    """The answer's body, as JSON values."""
    events: Sequence[EventResult]


class ActiveBehavior(NamedTuple):
    """The behavior for the current request."""

    behavior: Behavior
    fails: Callable[[], bool]
    """Returns whether the next record fails temporarily."""


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as received, and its answer."""

    time: float
    """Time of arrival, in seconds since the epoch."""
    target: str
    """Target, such as an application's id, a stream or a domain; empty if it has none."""
    body: bytes
    """The body as received; empty for a body over the size limit, which is not kept."""
    parsed: Mapping[str, Any] | None
    """The request's document; ``None`` unless the request was accepted."""
    status: int
    """HTTP status of the answer; :data:`CONNECTION_DROPPED` if there was none."""


class RecordedEvent(NamedTuple):
    """An event that the destination accepted and recorded."""

    endpoint_id: str
    event: Mapping[str, Any]
    endpoint: Mapping[str, Any]


class DroppedEvent(NamedTuple):
    """An event that the destination answered as accepted but lost."""

    event_id: str
    endpoint_id: str
    event: Mapping[str, Any]
    reason: str


@dataclass(slots=True)
class Counts:
    """Totals since the server started or was last reset, of all requests and events."""

    statuses: Counter[int] = field(default_factory=Counter)
    """Requests by HTTP status; :data:`CONNECTION_DROPPED` for those without an answer."""
    accepted: int = 0
    """Events accepted and recorded, repeats included."""
    repeated: int = 0
    """Accepted events whose endpoint and event ID had been recorded before."""
    refused: int = 0
    """Events that were not accepted in requests that were."""
    dropped: int = 0
    """Events that were answered as accepted but lost."""

    @property
    def requests(self) -> int:
        """Number of requests of every status."""
        return self.statuses.total()

    @property
    def distinct(self) -> int:
        """Number of recorded events, with repeats counted once."""
        return self.accepted - self.repeated


class Observer(Protocol):
    """An observer of every event in a request, once for each attempt."""

    def destination_answered(self, destination: str, answered: EventResult) -> None:
        """Record the result for one event.

        Args:
            destination: The destination's kind.
            answered: The event, with its own result if the request was accepted, or else the
                request's.
        """


def _names(chosen: frozenset[str], value: str) -> bool:
    return bool(chosen) and (value in chosen or EVERY in chosen)


def _check_number(name: str, value: object, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
        raise ValueError(f"{name} must be a number between 0 and {high:g}, got {value!r}")
