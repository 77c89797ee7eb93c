"""Amazon Pinpoint's ``PutEvents``.

Limits are from the quotas page of the Amazon Pinpoint developer guide, as archived before the end
of support on 2026-10-30. Sizes are read as decimal: under the other reading they are merely safe.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from gtm_events.aws import Answer, Call, Endpoint
from gtm_events.destinations.answers import by_status
from gtm_events.destinations.batching import (
    BatchDestination,
    BatchService,
    requests_per_second,
)
from gtm_events.event import Event, Limits, iso8601
from gtm_events.losses import Loss
from gtm_events.newest import Newest
from gtm_events.outcome import Delivered, Outcome, Reason, Rejected
from gtm_events.packing import Room, pack
from gtm_events.settings import required

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_EVENTS: Final = 100
MAX_REQUEST_BYTES: Final = 4_000_000
MAX_EVENT_BYTES: Final = 1_000_000
MAX_ENDPOINT_BYTES: Final = 15_000
LIMITS: Final = Limits(
    name_length=50,
    value_length=200,  # Pinpoint drops an event over it without a word
    attributes_and_metrics=40,
    user_attribute_name_length=50,
    user_attribute_value_length=100,
    user_attribute_values=50,
)

# Default quota per account and Region, burst included.
_REQUESTS_PER_SECOND: Final = 15.0

_ACCEPTED: Final = 202


def create(environment: Mapping[str, str]) -> BatchDestination[Entry]:
    """Return the destination that ``environment`` describes.

    ``PINPOINT_APPLICATION_ID`` is required. ``PINPOINT_REQUESTS_PER_SECOND`` is the account's quota
    for ``PutEvents`` (default: 15).

    Raises:
        SettingsError: A variable is missing or malformed.
    """
    return BatchDestination.at(
        Pinpoint(required(environment, "PINPOINT_APPLICATION_ID")),
        Endpoint.of("pinpoint", environment, host="pinpoint", signing_name="mobiletargeting"),
        requests_per_second=requests_per_second(
            environment, "PINPOINT_REQUESTS_PER_SECOND", _REQUESTS_PER_SECOND
        ),
    )


@dataclass(slots=True)
class Entry:
    """One event as it goes into a request, encoded once.

    Attributes:
        event_id: The event's id.
        endpoint_id: The event's endpoint.
        event: ``"id":{…}`` as JSON.
        size: Bytes that the event takes in a request of its own.
        user_id: ``"UserId":"…"`` as JSON, empty if nobody vouches for who it is.
        user_attributes: Each user attribute's ``"name":[…]`` as JSON, by name.
    """

    event_id: str
    endpoint_id: str
    event: bytes
    size: int
    user_id: bytes = b""
    user_attributes: Mapping[str, bytes] = field(default_factory=lambda: _NOTHING)


_NOTHING: Final[Mapping[str, bytes]] = {}


class Pinpoint(BatchService[Entry]):
    """What is Pinpoint's own.

    Args:
        application_id: The Pinpoint application.
    """

    name = "Amazon Pinpoint"
    limits = LIMITS
    max_entries = MAX_EVENTS
    max_bytes = MAX_REQUEST_BYTES
    max_entry_bytes = MAX_EVENT_BYTES

    def __init__(self, application_id: str) -> None:
        self._path = f"/v1/apps/{quote(application_id, safe='')}/events"

    def encode(self, events: Iterable[Event], counts: Counter[str]) -> Iterator[Entry | Rejected]:
        """See :meth:`BatchService.encode`."""
        newest = Newest()
        changing: list[tuple[Entry, Event]] = []
        for event in events:
            if event.event_type.startswith("_"):
                yield Rejected(
                    event.id,
                    Reason.RESERVED_EVENT_TYPE,
                    "Amazon Pinpoint keeps event types that begin with _ for its own events",
                )
                continue
            entry = _encode_event(event)
            if event.user_id or event.user_attributes:
                newest.note(event)
                changing.append((entry, event))
            else:
                yield entry
        for entry, event in changing:
            _add_user(entry, event, newest, counts)
            yield entry

    def pack(self, entries: Sequence[Entry]) -> list[list[Entry]]:
        """See :meth:`BatchService.pack`.

        Entries of one endpoint go together, so that its user attributes are sent once.
        """
        by_endpoint: dict[str, list[Entry]] = {}
        changing = False
        for entry in entries:
            by_endpoint.setdefault(entry.endpoint_id, []).append(entry)
            changing = changing or bool(entry.user_id or entry.user_attributes)
        return pack(
            [entry for group in by_endpoint.values() for entry in group],
            max_entries=MAX_EVENTS,
            max_bytes=MAX_REQUEST_BYTES,
            room=_Room if changing else None,
        )

    def call(self, entries: Sequence[Entry]) -> Call:
        """See :meth:`BatchService.call`."""
        endpoints: dict[str, list[Entry]] = {}
        for entry in entries:
            endpoints.setdefault(entry.endpoint_id, []).append(entry)
        items = b",".join(
            b'%b:{"Endpoint":%b,"Events":{%b}}'
            % (
                _json(endpoint_id),
                _endpoint(group),
                b",".join([entry.event for entry in group]),
            )
            for endpoint_id, group in endpoints.items()
        )
        return Call(b'{"BatchItem":{%b}}' % items, self._path)

    def outcomes(self, entries: Sequence[Entry], answer: Answer) -> Iterator[Outcome]:
        """See :meth:`BatchService.outcomes`."""
        results = answer.json().get("Results") or {}
        for entry in entries:
            outcome = _outcome(entry, results.get(entry.endpoint_id) or {})
            if outcome:
                yield outcome


def _encode_event(event: Event) -> Entry:
    fields: dict[str, Any] = {"EventType": event.event_type, "Timestamp": iso8601(event.time)}
    if event.attributes:
        fields["Attributes"] = event.attributes
    if event.metrics:
        fields["Metrics"] = event.metrics
    encoded = _member(event.id, fields)
    size = len(encoded) + len(_json(event.endpoint_id)) + _OVERHEAD_BYTES
    return Entry(event.id, event.endpoint_id, encoded, size)


def _add_user(entry: Entry, event: Event, newest: Newest, counts: Counter[str]) -> None:
    """Add what ``event`` says of its user, at the batch's newest value, as far as there is room."""
    if event.user_id:
        entry.user_id = _member("UserId", newest.user_id(event.endpoint_id))
    user_attributes: dict[str, bytes] = {}
    room = MAX_ENDPOINT_BYTES - _EMPTY_ENDPOINT_BYTES - len(entry.user_id)
    for name in sorted(event.user_attributes):
        encoded = _member(name, newest.user_attribute(event.endpoint_id, name))
        room -= len(encoded) + 1
        if room < 0:
            counts[Loss.NO_ROOM] += len(event.user_attributes) - len(user_attributes)
            break
        user_attributes[name] = encoded
    entry.user_attributes = user_attributes
    entry.size += len(entry.user_id)
    entry.size += sum(len(encoded) + 1 for encoded in user_attributes.values())


class _Room(Room[Entry]):
    """A request in which endpoints have a limit of their own, and their users are sent once."""

    def __init__(self) -> None:
        super().__init__(MAX_REQUEST_BYTES - _REQUEST_BYTES)
        self._endpoints: dict[str, tuple[set[bytes], int]] = {}

    def add(self, entry: Entry) -> bool:
        """See :meth:`Room.add`."""
        members, size = self._endpoints.get(entry.endpoint_id, (_NO_MEMBERS, _EMPTY_ENDPOINT_BYTES))
        new = _new_members(entry, members)
        grown = size + sum(len(member) + 1 for member in new)
        if (self.entries and grown > MAX_ENDPOINT_BYTES) or not super().add(entry):
            return False
        self._endpoints[entry.endpoint_id] = members | new, grown
        return True

    def _growth(self, entry: Entry) -> int:
        growth = len(entry.event) + 1
        known = self._endpoints.get(entry.endpoint_id)
        if known is None:
            growth += len(_json(entry.endpoint_id)) + _ENDPOINT_ITEM_BYTES
        new = _new_members(entry, known[0] if known else _NO_MEMBERS)
        return growth + sum(len(member) + 1 for member in new)


_NO_MEMBERS: Final[set[bytes]] = set()


def _new_members(entry: Entry, members: set[bytes]) -> set[bytes]:
    """Return what ``entry`` adds to an endpoint that already has ``members``."""
    return ({entry.user_id, *entry.user_attributes.values()} - {b""}) - members


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _json(value: object) -> bytes:
    return _encode(value).encode()


def _member(name: str, value: object) -> bytes:
    return _json({name: value})[1:-1]


def _endpoint(entries: Sequence[Entry]) -> bytes:
    """Return the ``Endpoint`` that one endpoint's entries ask for: empty if they change nothing."""
    user_id = b""
    user_attributes: dict[str, bytes] = {}
    for entry in entries:
        user_id = entry.user_id or user_id
        user_attributes.update(entry.user_attributes)
    members = [user_id] if user_id else []
    if user_attributes:
        members.append(b'"UserAttributes":{%b}' % b",".join(user_attributes.values()))
    return b'{"User":{%b}}' % b",".join(members) if members else b"{}"


_REQUEST_BYTES: Final = len(b'{"BatchItem":{}}')
_EMPTY_ENDPOINT_BYTES: Final = len(b'{"User":{"UserAttributes":{}}}')
# Everything of an endpoint's item but its key, its user and its events.
_ENDPOINT_ITEM_BYTES: Final = len(b',:{"Endpoint":,"Events":{}}') + _EMPTY_ENDPOINT_BYTES
# Everything of a request of its own but the endpoint's key, its user and the event.
_OVERHEAD_BYTES: Final = _REQUEST_BYTES + _ENDPOINT_ITEM_BYTES + 1


def _outcome(entry: Entry, result: Mapping[str, Any]) -> Outcome | None:
    """Return what the endpoint's result says of ``entry``, ``None`` if it says nothing."""
    event = (result.get("EventsItemResponse") or {}).get(entry.event_id)
    if not event or "StatusCode" not in event:
        return None
    problem = _problem(entry, event, Reason.REFUSED)
    if problem or not (entry.user_id or entry.user_attributes):
        return problem or Delivered(entry.event_id)
    # The event is recorded, but its user attributes go with the endpoint, which has its own status.
    endpoint = result.get("EndpointItemResponse") or {"StatusCode": _ACCEPTED}
    return _problem(entry, endpoint, Reason.USER_ATTRIBUTES_REFUSED) or Delivered(entry.event_id)


def _problem(entry: Entry, item: Mapping[str, Any], reason: Reason) -> Outcome | None:
    status = item.get("StatusCode", _ACCEPTED)
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's success
        return None
    return by_status(entry.event_id, status, item.get("Message"), reason)
