"""Amazon Pinpoint's ``PutEvents``.

Limits are from the quotas page of the Amazon Pinpoint developer guide, archived before the end of
support on 2026-10-30. Sizes are taken as decimal, which is safe if they are binary.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from gtm_events.aws import Answer, ServiceEndpoint, ServiceRequest
from gtm_events.destinations.answers import by_status
from gtm_events.destinations.batching import (
    BatchDestination,
    BatchService,
    requests_per_second,
)
from gtm_events.environment import required
from gtm_events.event import Event, Limits, iso8601
from gtm_events.json_values import object_of, status_of
from gtm_events.losses import Loss
from gtm_events.newest import UserUpdate, use_newest_values
from gtm_events.outcome import Delivered, Outcome, Reason, Rejected
from gtm_events.packing import OpenRequest, pack

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_EVENTS: Final = 100
"""Events in a request."""
MAX_REQUEST_BYTES: Final = 4_000_000
MAX_EVENT_BYTES: Final = 1_000_000
MAX_ENDPOINT_BYTES: Final = 15_000
LIMITS: Final = Limits(
    name_length=50,
    value_length=200,  # Pinpoint silently drops events that exceed it
    attributes_and_metrics=40,
    user_attribute_name_length=50,
    user_attribute_value_length=100,
    user_attribute_values=50,
)

REQUESTS_PER_SECOND: Final = 15.0
"""Default quota of an account in a Region; its burst is as large."""


def create(environment: Mapping[str, str]) -> BatchDestination[Entry]:
    """Return the destination that ``environment`` describes.

    ``PINPOINT_APPLICATION_ID`` is required. ``PINPOINT_REQUESTS_PER_SECOND`` is the account's quota
    for ``PutEvents`` (default: 15).

    Raises:
        SettingsError: A variable is missing or malformed.
    """
    return BatchDestination.at(
        Pinpoint(required(environment, "PINPOINT_APPLICATION_ID")),
        ServiceEndpoint.of(
            "pinpoint", environment, host="pinpoint", signing_name="mobiletargeting"
        ),
        requests_per_second=requests_per_second(
            environment, "PINPOINT_REQUESTS_PER_SECOND", REQUESTS_PER_SECOND
        ),
    )


@dataclass(slots=True)
class Entry:
    """One event, encoded.

    Attributes:
        event_id: The event's id.
        endpoint_id: The event's endpoint.
        event: ``"id":{…}`` as JSON.
        size: Bytes of a request that holds only this event.
        user: Data about the user; ``None`` if the event has none.
    """

    event_id: str
    endpoint_id: str
    event: bytes
    size: int
    user: UserUpdate | None


class Pinpoint(BatchService[Entry]):
    """Limits, requests and answers of Pinpoint.

    Args:
        application_id: Id of the Pinpoint application.
    """

    name = "Amazon Pinpoint"
    limits = LIMITS
    max_entries = MAX_EVENTS
    max_bytes = MAX_REQUEST_BYTES
    max_entry_bytes = MAX_EVENT_BYTES

    def __init__(self, application_id: str) -> None:
        self._path = f"/v1/apps/{quote(application_id, safe='')}/events"

    def encode(self, event: Event, counts: Counter[str]) -> Entry | Rejected:  # noqa: ARG002
        """See :meth:`BatchService.encode`."""
        if event.event_type.startswith("_"):
            return Rejected(
                event.id,
                Reason.RESERVED_EVENT_TYPE,
                "Amazon Pinpoint keeps event types that begin with _ for its own events",
            )
        fields: dict[str, Any] = {"EventType": event.event_type, "Timestamp": iso8601(event.time)}
        if event.attributes:
            fields["Attributes"] = event.attributes
        if event.metrics:
            fields["Metrics"] = event.metrics
        encoded = _member(event.id, fields)
        size = len(encoded) + len(_json(event.endpoint_id)) + _OVERHEAD_BYTES
        user = None
        if event.user_id or event.user_attributes:
            user = UserUpdate.of(
                event.endpoint_id, event.time, event.user_id, event.user_attributes
            )
        return Entry(event.id, event.endpoint_id, encoded, size, user)

    def complete(self, entries: Iterable[Entry], counts: Counter[str]) -> None:
        """See :meth:`BatchService.complete`."""
        changing = [(entry, entry.user) for entry in entries if entry.user is not None]
        use_newest_values(user for _, user in changing)
        for entry, user in changing:
            room = MAX_ENDPOINT_BYTES - _EMPTY_ENDPOINT_BYTES - len(_user_id(user))
            counts[Loss.NO_ROOM] += _shorten(user, room)
            entry.size += len(_user_id(user)) + sum(map(len, user.members)) + len(user.members)

    def pack(self, entries: Sequence[Entry], oldest: int = 0) -> list[list[Entry]]:
        """See :meth:`BatchService.pack`.

        Entries of an endpoint share a request, so that its user attributes are sent once.
        """
        by_endpoint: dict[str, list[Entry]] = {}
        for entry in entries[oldest:]:
            by_endpoint.setdefault(entry.endpoint_id, []).append(entry)
        changing = any(entry.user is not None for entry in entries)
        return pack(
            [*entries[:oldest], *chain.from_iterable(by_endpoint.values())],
            max_entries=MAX_EVENTS,
            max_bytes=MAX_REQUEST_BYTES,
            oldest=oldest,
            room=_OpenRequest if changing else None,
        )

    def request(self, entries: Sequence[Entry]) -> ServiceRequest:
        """See :meth:`BatchService.request`."""
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
        return ServiceRequest(b'{"BatchItem":{%b}}' % items, self._path)

    def outcomes(self, entries: Sequence[Entry], answer: Answer) -> Iterator[Outcome]:
        """See :meth:`BatchService.outcomes`."""
        results = object_of(answer.json().get("Results"))
        for entry in entries:
            outcome = _outcome(entry, object_of(results.get(entry.endpoint_id)))
            if outcome:
                yield outcome


def _shorten(user: UserUpdate, room: int) -> int:
    """Drop user attributes that exceed an endpoint's limit, starting with the last by name.

    Args:
        user: The user.
        room: Maximum bytes of the attributes.

    Returns:
        The number of dropped attributes.
    """
    if sum(map(len, user.members)) + len(user.members) <= room:
        return 0
    by_name = list(user.by_name())
    kept: list[bytes] = []
    for _, member in by_name:
        room -= len(member) + 1
        if room < 0:
            break
        kept.append(member)
    user.members = tuple(kept)
    return len(by_name) - len(kept)


class _OpenRequest(OpenRequest[Entry]):
    """A request that limits each endpoint's size and sends each user once."""

    def __init__(self) -> None:
        super().__init__(MAX_REQUEST_BYTES - _REQUEST_BYTES)
        self._members: dict[str, set[bytes]] = {}
        self._sizes: dict[str, int] = {}

    def add(self, entry: Entry) -> bool:
        """See :meth:`OpenRequest.add`."""
        endpoint_id = entry.endpoint_id
        new = self._new_members(entry)
        size = self._sizes.get(endpoint_id, _EMPTY_ENDPOINT_BYTES)
        grown = size + sum(map(len, new)) + len(new)
        if (self.entries and grown > MAX_ENDPOINT_BYTES) or not super().add(entry):
            return False
        self._members.setdefault(endpoint_id, set()).update(new)
        self._sizes[endpoint_id] = grown
        return True

    def _growth(self, entry: Entry) -> int:
        growth = len(entry.event) + 1
        if entry.endpoint_id not in self._members:
            growth += len(_json(entry.endpoint_id)) + _ENDPOINT_ITEM_BYTES
        new = self._new_members(entry)
        return growth + sum(map(len, new)) + len(new)

    def _new_members(self, entry: Entry) -> Sequence[bytes]:
        """Return the members that ``entry`` adds to its endpoint's user."""
        if entry.user is None:
            return ()
        known = self._members.get(entry.endpoint_id, _NOTHING)
        return [member for member in _user_members(entry.user) if member not in known]


_NOTHING: Final[frozenset[bytes]] = frozenset()


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _json(value: object) -> bytes:
    return _encode(value).encode()


def _member(name: str, value: object) -> bytes:
    return _json({name: value})[1:-1]


def _user_id(user: UserUpdate) -> bytes:
    return _member("UserId", user.id) if user.id else b""


def _user_members(user: UserUpdate) -> Sequence[bytes]:
    return (_user_id(user), *user.members) if user.id else user.members


def _endpoint(entries: Sequence[Entry]) -> bytes:
    """Return Pinpoint's ``Endpoint`` object for one endpoint: empty if nothing changes."""
    user_id = b""
    user_attributes: dict[bytes, None] = {}
    for entry in entries:
        if entry.user is not None:
            user_id = _user_id(entry.user) or user_id
            user_attributes.update(dict.fromkeys(entry.user.members))
    members = [user_id] if user_id else []
    if user_attributes:
        members.append(b'"UserAttributes":{%b}' % b",".join(user_attributes))
    return b'{"User":{%b}}' % b",".join(members) if members else b"{}"


_REQUEST_BYTES: Final = len(b'{"BatchItem":{}}')
_EMPTY_ENDPOINT_BYTES: Final = len(b'{"User":{"UserAttributes":{}}}')
# Bytes of an endpoint's item without its key, user and events.
_ENDPOINT_ITEM_BYTES: Final = len(b',:{"Endpoint":,"Events":{}}') + _EMPTY_ENDPOINT_BYTES
# Bytes of a request with one event, without the endpoint's key, user and event.
_OVERHEAD_BYTES: Final = _REQUEST_BYTES + _ENDPOINT_ITEM_BYTES + 1


def _outcome(entry: Entry, result: Mapping[str, Any]) -> Outcome | None:
    """Return the outcome of ``entry``, or ``None`` if the result does not mention it."""
    item = object_of(object_of(result.get("EventsItemResponse")).get(entry.event_id))
    reason = Reason.REFUSED
    status = status_of(item.get("StatusCode"))
    if entry.user is not None and status is not None and 200 <= status < 300:  # noqa: PLR2004
        # The event was accepted. Its user attributes belong to the endpoint, which has a status of
        # its own.
        item = object_of(result.get("EndpointItemResponse"))
        reason = Reason.USER_ATTRIBUTES_REFUSED
        status = status_of(item.get("StatusCode"))
    if status is None:
        return None
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's success
        return Delivered(entry.event_id)
    return by_status(entry.event_id, status, item.get("Message"), reason)
