"""Values of stand-ins: events, answers, counts, and misbehavior on demand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from local.model import text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


EVERY: Final = "*"
"""In a ``refuse_…`` field of :class:`Behavior`: every event type, every endpoint."""

CONNECTION_DROPPED: Final = 0
"""Status recorded for a request whose connection was closed without an answer."""

_LONGEST_WAIT_SECONDS = 600.0


class Outcome(StrEnum):
    """The meaning of an answer for one event."""

    DELIVERED = "delivered"
    DROPPED = "dropped"
    """Answered as accepted, but lost."""
    THROTTLED = "throttled"
    FAILED = "failed"
    """An error of the service, or no answer: the event may be sent again."""
    REFUSED = "refused"
    """Refused for good: the destination would refuse it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behavior:
    """Instructions to a destination to misbehave. The default is to behave.

    A ``…_next`` field applies to that many of the next requests and counts down. A ``…_share``
    field applies to that share of all requests, 0 to 1. A seeded generator chooses them, so the
    same behavior set twice chooses the same way. If several fields apply to a request, the first
    in this order wins: drop, throttle, fail. Each service answers with its own error.

    Raises:
        ValueError: A value is out of its range, or of the wrong type.
    """

    latency_ms: float = 0
    """Every answer takes this many milliseconds longer."""
    drop_next: int = 0
    drop_share: float = 0
    """Close the connection without an answer; the events are not recorded."""
    throttle_next: int = 0
    throttle_share: float = 0
    """Answer that there are too many requests, besides the quota's own."""
    fail_next: int = 0
    fail_share: float = 0
    """Answer that the service has failed."""
    slow_next: int = 0
    slow_seconds: float = 60
    """Record the events of the next requests at once, but hold the answer for this long."""
    fail_records_share: float = 0
    """Answer, in a request that is accepted, that this share of its records failed for now."""
    refuse_event_types: frozenset[str] = frozenset()
    """Refuse each event of these types for good. ``"*"`` is every type."""
    refuse_endpoint_ids: frozenset[str] = frozenset()
    """Refuse each event of these endpoints for good. ``"*"`` is every endpoint."""
    refuse_endpoint_data: frozenset[str] = frozenset()
    """Refuse the data of these endpoints; their events are accepted. Pinpoint alone can."""
    refuse_message: str = "Refused by the local destination's settings"
    """What a refusal says."""

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            if spec.name.endswith("_next"):
                if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                    raise ValueError(f"{spec.name} must be a whole number from 0, got {value!r}")
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
        """Return the behavior that ``document``, a JSON object of this class's fields, describes.

        The document replaces the behavior: fields left out have their defaults.

        Raises:
            ValueError: It is not an object, has an unknown field or a value out of range.
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
        """Return the fields as JSON values, every one of them."""
        return {
            spec.name: sorted(value) if isinstance(value, frozenset) else value
            for spec in fields(self)
            for value in [getattr(self, spec.name)]
        }

    def refuses(self, event: Event) -> bool:
        """Return whether an event is to be refused for good."""
        return _names(self.refuse_event_types, event.event_type) or _names(
            self.refuse_endpoint_ids, event.endpoint_id
        )

    def refuses_data_of(self, endpoint_id: str) -> bool:
        """Return whether an endpoint's data is to be refused for good."""
        return _names(self.refuse_endpoint_data, endpoint_id)


class Exposition(NamedTuple):
    """A part of the destination's state, for the page to show."""

    title: str
    document: Any
    """JSON values."""


class Event(NamedTuple):
    """One event in a request."""

    event_id: str
    endpoint_id: str
    event_type: str
    event: Mapping[str, Any]
    """As it was sent."""
    endpoint: Mapping[str, Any]
    """Its endpoint's data as it was sent; Pinpoint's only."""
    got: tuple[Exposition, ...]
    """What the destination got, in its own terms."""

    @classmethod
    def of_record(cls, document: Any, got: Exposition) -> Event:
        """Return the event whose record is ``document``, which may be anything."""
        record = document if isinstance(document, dict) else {}
        return cls(
            text(record, "event_id"),
            text(record, "endpoint_id"),
            text(record, "event_type"),
            record,
            {},
            (got,),
        )


class Answered(NamedTuple):
    """One event and its answer."""

    event: Event
    outcome: Outcome
    status: str
    """The answer in short: a status, or the name of an error."""
    message: str
    """The answer in words."""


class Settled(NamedTuple):
    """The answer to an accepted request."""

    content: Any
    """The answer's body, as JSON values."""
    events: Sequence[Answered]


class Told(NamedTuple):
    """The treatment of the current request."""

    behavior: Behavior
    fails: Callable[[], bool]
    """Returns, once for each record, whether it fails for now."""


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as received, and its answer."""

    time: float
    """When it came in, seconds since the epoch."""
    target: str
    """What it was for: an application's id, a stream, a domain. Empty if it did not say."""
    body: bytes
    """As received; empty for a body over the size limit, which is not kept."""
    parsed: Mapping[str, Any] | None
    """Its document; ``None`` unless the request was accepted."""
    status: int
    """HTTP status of the answer; :data:`CONNECTION_DROPPED` when there was none."""


class Delivered(NamedTuple):
    """An event that the destination accepted and recorded."""

    endpoint_id: str
    event: Mapping[str, Any]
    endpoint: Mapping[str, Any]


class Dropped(NamedTuple):
    """An event that the destination answered as accepted, and lost."""

    event_id: str
    endpoint_id: str
    event: Mapping[str, Any]
    reason: str


@dataclass(slots=True)
class Counts:
    """Totals since the server started or was last reset; never bounded."""

    statuses: Counter[int] = field(default_factory=Counter)
    """Requests by HTTP status; :data:`CONNECTION_DROPPED` for those without an answer."""
    accepted: int = 0
    """Events accepted and recorded, repeats included."""
    repeated: int = 0
    """Of them, those whose endpoint and event ID had been recorded before."""
    refused: int = 0
    """Events not accepted in requests that were."""
    dropped: int = 0
    """Events answered as accepted and lost."""

    @property
    def requests(self) -> int:
        """Requests of every status."""
        return self.statuses.total()

    @property
    def distinct(self) -> int:
        """Events recorded, repeats counted once."""
        return self.accepted - self.repeated


class Observer(Protocol):
    """A listener for every event that a request carried, once for each attempt."""

    def destination_answered(self, destination: str, answered: Answered) -> None:
        """Take note of one event.

        Args:
            destination: The destination's :attr:`DestinationServer.kind`.
            answered: The event, and its own answer if the request was accepted, else the request's.
        """


def _names(chosen: frozenset[str], value: str) -> bool:
    return bool(chosen) and (value in chosen or EVERY in chosen)


def _check_number(name: str, value: object, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
        raise ValueError(f"{name} must be a number between 0 and {high:g}, got {value!r}")
