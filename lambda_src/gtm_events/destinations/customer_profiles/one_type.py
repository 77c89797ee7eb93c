"""One object type: each event becomes an object with everything in it.

The endpoint id is the type's unique key. Each endpoint is therefore a profile with one object, the
endpoint's newest event, and the type's field mapping copies user attributes from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gtm_events import record
from gtm_events.destinations.batching import BatchService
from gtm_events.destinations.customer_profiles import api
from gtm_events.destinations.customer_profiles.calculated import CalculatedFields
from gtm_events.newest import UserUpdate, use_newest_values
from gtm_events.send_task import PackedRequest

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Sequence

    from gtm_events.aws import Answer, ServiceRequest
    from gtm_events.event import Event
    from gtm_events.outcome import Outcome
    from gtm_events.packing import Window


@dataclass(slots=True)
class Entry:
    """One profile object.

    Attributes:
        event_id: The event's id.
        endpoint_id: The object's unique key.
        time: Time of the event, in epoch milliseconds.
        record: The event record without its closing brace and the user's members.
        size: Characters of the object: the service counts characters, not bytes.
        user: Data about the user; ``None`` if the event has none.
    """

    event_id: str
    endpoint_id: str
    time: int
    record: bytes
    size: int
    user: UserUpdate | None

    def object(self) -> bytes:
        """Return the object as JSON."""
        if self.user is None:
            return b'%b,"user_attributes":{}}' % self.record
        user_id = b"," + _user_id(self.user) if self.user.id else b""
        return b'%b%b,"user_attributes":{%b}}' % (
            self.record,
            user_id,
            b",".join(self.user.members),
        )


class OneObjectType(BatchService[Entry]):
    """Customer Profiles with one object type.

    Args:
        domain_name: Name of the domain.
        object_type_name: Name of the object type.
        calculated: The fields for calculated attributes.
    """

    name = api.NAME
    limits = api.LIMITS
    max_entries = api.MAX_OBJECTS
    max_bytes = api.MAX_REQUEST_CHARACTERS
    max_entry_bytes = api.MAX_OBJECT_CHARACTERS

    def __init__(
        self,
        domain_name: str,
        object_type_name: str,
        calculated: CalculatedFields = CalculatedFields({}),  # noqa: B008 - it never changes
    ) -> None:
        self._path = api.path(domain_name)
        self._object_type_name = object_type_name
        self._calculated = calculated

    def encode(self, event: Event, counts: Counter[str]) -> Entry:
        """See :meth:`BatchService.encode`."""
        user = None
        if event.user_id or event.user_attributes:
            attributes = api.single_values(event.user_attributes, counts)
            user = UserUpdate.of(event.endpoint_id, event.time, event.user_id, attributes)
        text = record.without_user(event) + self._calculated.member(event)
        size = len(text) + _USER_CHARACTERS
        return Entry(event.id, event.endpoint_id, event.time, text.encode(), size, user)

    def complete(self, entries: Iterable[Entry], counts: Counter[str]) -> None:  # noqa: ARG002
        """See :meth:`BatchService.complete`."""
        changing = [(entry, entry.user) for entry in entries if entry.user is not None]
        use_newest_values(user for _, user in changing)
        for entry, user in changing:
            if user.id:
                entry.size += len(_user_id(user).decode()) + 1
            if user.members:
                entry.size += sum(map(api.characters, user.members)) + len(user.members) - 1

    def plan(self, windows: Sequence[Window[Entry]]) -> Iterator[PackedRequest[Entry]]:
        """See :meth:`BatchService.plan`.

        The service keeps an endpoint's last object, so the endpoint's newest event is sent after
        the older ones of its window are settled. If a later window holds older events, the newest
        one is sent again after them. If it waited for them instead, its message could stay
        incomplete, and so could all other messages.
        """
        order = _Order(entry for window in windows for entry in window.entries)
        for number, window in enumerate(windows):
            # The oldest message does not wait for the others of its window.
            first = window.oldest if number == 0 and _repeats(window) else 0
            for part, overtaken in (
                (window.entries[:first], False),
                (window.entries[first:], True),
            ):
                older, newest = order.split(part)
                for entries in self.pack(older):
                    yield order.older(entries)
                for entries in self.pack(newest):
                    yield order.newest(entries, overtaken=overtaken)

    def request(self, entries: Sequence[Entry]) -> ServiceRequest:
        """See :meth:`BatchService.request`."""
        objects = ((entry.event_id, entry.object()) for entry in entries)
        return api.put(self._path, self._object_type_name, objects)

    def outcomes(self, entries: Sequence[Entry], answer: Answer) -> Iterator[Outcome]:
        """See :meth:`BatchService.outcomes`."""
        return api.outcomes([entry.event_id for entry in entries], answer)


class _Order:
    """Orders requests so that each endpoint's newest event is sent last.

    Args:
        entries: All entries of the batch. If times are equal, the later one is newer.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._newest: dict[str, Entry] = {}
        self._alone: set[str] = set()
        for entry in entries:
            known = self._newest.get(entry.endpoint_id)
            if known is None:
                self._alone.add(entry.endpoint_id)
                self._newest[entry.endpoint_id] = entry
                continue
            self._alone.discard(entry.endpoint_id)
            if known.time <= entry.time:
                self._newest[entry.endpoint_id] = entry
        self._sent: set[str] = set()
        self._requests: dict[str, set[int]] = {}
        self._number = 0

    def split(self, entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
        """Return the entries that may be sent at any time, and those that must follow them."""
        free: list[Entry] = []
        last: dict[str, Entry] = {}
        for entry in entries:
            endpoint_id = entry.endpoint_id
            newest = self._newest[endpoint_id]
            if newest is not entry or endpoint_id in self._alone:
                free.append(entry)
            if endpoint_id not in self._alone and (newest is entry or endpoint_id in self._sent):
                last[endpoint_id] = newest
        self._sent.update(last)
        return free, list(last.values())

    def older(self, entries: Sequence[Entry]) -> PackedRequest[Entry]:
        """Return the next request, with entries that may be sent at any time."""
        self._note(entries)
        return PackedRequest(entries)

    def newest(self, entries: Sequence[Entry], *, overtaken: bool) -> PackedRequest[Entry]:
        """Return the next request, with entries that must follow all others of their endpoints."""
        before = [self._requests.get(entry.endpoint_id, ()) for entry in entries]
        packed = PackedRequest(entries, after=frozenset().union(*before), overtaken=overtaken)
        self._note(entries)
        return packed

    def _note(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.endpoint_id not in self._alone:
                self._requests.setdefault(entry.endpoint_id, set()).add(self._number)
        self._number += 1


def _repeats(window: Window[Entry]) -> bool:
    """Return whether the oldest message has several events of one endpoint."""
    oldest = window.entries[: window.oldest]
    return len({entry.endpoint_id for entry in oldest}) < len(oldest)


def _user_id(user: UserUpdate) -> bytes:
    return record.to_json({"user_id": user.id})[1:-1].encode()


_USER_CHARACTERS: Final = len(',"user_attributes":{}}')
