"""Amazon Connect Customer Profiles' ``BatchPutProfileObject``: one profile object an event.

The object type that the construct makes has the endpoint id as its unique key: an endpoint is a
profile, which the objects' user attributes change through the object type's field mapping.

Limits are from the service's model. The runtime's SDK need not know the operation: the request is
written and signed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from gtm_events import record
from gtm_events.aws import Answer, Call, Endpoint
from gtm_events.destinations.answers import by_status
from gtm_events.destinations.batching import (
    BatchDestination,
    BatchService,
    requests_per_second,
)
from gtm_events.event import Event, Limits
from gtm_events.json_values import objects_of, status_of, text_of
from gtm_events.losses import Loss
from gtm_events.newest import User, renew
from gtm_events.outcome import Delivered, Outcome
from gtm_events.sending import Packed
from gtm_events.settings import required

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gtm_events.packing import Window

MAX_OBJECT_CHARACTERS: Final = 256_000
MAX_ATTRIBUTE: Final = 255
"""Characters of a profile attribute's name, and of its value."""

_SEPARATOR: Final = ", "

# The administrator guide of Amazon Connect, "Customer Profiles API throttling quotas", has 100 a
# second for PutProfileObject and no line for this operation, which is new in May 2026. Being
# throttled halves it.
_REQUESTS_PER_SECOND: Final = 100.0


def create(environment: Mapping[str, str]) -> BatchDestination[Entry]:
    """Return the destination that ``environment`` describes.

    ``CUSTOMER_PROFILES_DOMAIN_NAME`` and ``CUSTOMER_PROFILES_OBJECT_TYPE_NAME`` are required.
    ``CUSTOMER_PROFILES_REGION`` is the domain's Region (default: the function's), and
    ``CUSTOMER_PROFILES_REQUESTS_PER_SECOND`` the account's quota there (default: 100).

    Raises:
        SettingsError: A variable is missing or malformed.
    """
    return BatchDestination.at(
        CustomerProfiles(
            required(environment, "CUSTOMER_PROFILES_DOMAIN_NAME"),
            required(environment, "CUSTOMER_PROFILES_OBJECT_TYPE_NAME"),
        ),
        Endpoint.of(
            "customer-profiles",
            environment,
            host="profile",
            region=environment.get("CUSTOMER_PROFILES_REGION", ""),
        ),
        requests_per_second=requests_per_second(
            environment, "CUSTOMER_PROFILES_REQUESTS_PER_SECOND", _REQUESTS_PER_SECOND
        ),
    )


@dataclass(slots=True)
class Entry:
    """One profile object.

    Attributes:
        event_id: The event's id.
        endpoint_id: The object's unique key.
        time: The event's, in epoch milliseconds.
        record: The event record, but for the last brace and what it says of its user.
        size: Characters of the object, which is what the service counts.
        user: What the event says of its user, ``None`` if that is nothing.
    """

    event_id: str
    endpoint_id: str
    time: int
    record: bytes
    size: int
    user: User | None

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


class CustomerProfiles(BatchService[Entry]):
    """What is Customer Profiles' own.

    Args:
        domain_name: The domain.
        object_type_name: The object type.
    """

    name = "Amazon Connect Customer Profiles"
    limits = Limits(
        user_attribute_name_length=MAX_ATTRIBUTE, user_attribute_value_length=MAX_ATTRIBUTE
    )
    max_entries = 10
    max_bytes = max_entries * MAX_OBJECT_CHARACTERS  # the service names no limit of its own
    max_entry_bytes = MAX_OBJECT_CHARACTERS

    def __init__(self, domain_name: str, object_type_name: str) -> None:
        domain = quote(domain_name, safe="")
        self._path = f"/domains/{domain}/profiles/objects/batch-put-profile-object"
        self._object_type_name = object_type_name

    def encode(self, event: Event, counts: Counter[str]) -> Entry:
        """See :meth:`BatchService.encode`."""
        user = None
        if event.user_id or event.user_attributes:
            attributes = {
                name: _one_value(values, counts) for name, values in event.user_attributes.items()
            }
            user = User.of(event.endpoint_id, event.time, event.user_id, attributes)
        text = record.without_user(event)
        size = len(text) + _USER_CHARACTERS
        return Entry(event.id, event.endpoint_id, event.time, text.encode(), size, user)

    def complete(self, entries: Iterable[Entry], counts: Counter[str]) -> None:  # noqa: ARG002
        """See :meth:`BatchService.complete`."""
        changing = [(entry, entry.user) for entry in entries if entry.user is not None]
        renew(user for _, user in changing)
        for entry, user in changing:
            if user.id:
                entry.size += len(_user_id(user).decode()) + 1
            if user.members:
                entry.size += sum(map(_characters, user.members)) + len(user.members) - 1

    def requests(self, windows: Sequence[Window[Entry]]) -> Iterator[Packed[Entry]]:
        """See :meth:`BatchService.requests`.

        The object that is put last stays, so an endpoint's newest event goes out when the older
        ones of its window are settled. If others follow in a later window, it goes out once more
        after those. To wait for them would keep its message, and perhaps all, from being whole.
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

    def call(self, entries: Sequence[Entry]) -> Call:
        """See :meth:`BatchService.call`."""
        items = b",".join(
            b'{"Id":%b,"Object":%b}'
            % (record.to_json(entry.event_id).encode(), record.as_text(entry.object()))
            for entry in entries
        )
        object_type_name = record.to_json(self._object_type_name).encode()
        body = b'{"ObjectTypeName":%b,"Items":[%b]}' % (object_type_name, items)
        return Call(body, self._path, "PUT")

    def outcomes(self, entries: Sequence[Entry], answer: Answer) -> Iterator[Outcome]:
        """See :meth:`BatchService.outcomes`."""
        document = answer.json()
        successful = {text_of(item.get("Id")) for item in objects_of(document.get("Successful"))}
        failed = {text_of(item.get("Id")): item for item in objects_of(document.get("Failed"))}
        for entry in entries:
            if item := failed.get(entry.event_id):
                if status := status_of(item.get("Code")):
                    yield by_status(entry.event_id, status, item.get("Message"))
            elif entry.event_id in successful:
                yield Delivered(entry.event_id)


class _Order:
    """The order of the requests that an endpoint's events are in.

    Args:
        entries: The batch's. Of one millisecond the later is the newer.
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
        """Return those that may go out at any time, and those that have to go out after them."""
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

    def older(self, entries: Sequence[Entry]) -> Packed[Entry]:
        """Return the next request, of entries that may go out at any time."""
        self._note(entries)
        return Packed(entries)

    def newest(self, entries: Sequence[Entry], *, overtaken: bool) -> Packed[Entry]:
        """Return the next request, of entries that go out after all others of their endpoints."""
        before = [self._requests.get(entry.endpoint_id, ()) for entry in entries]
        packed = Packed(entries, after=frozenset().union(*before), overtaken=overtaken)
        self._note(entries)
        return packed

    def _note(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.endpoint_id not in self._alone:
                self._requests.setdefault(entry.endpoint_id, set()).add(self._number)
        self._number += 1


def _repeats(window: Window[Entry]) -> bool:
    """Return whether an endpoint has several events in the window's oldest message."""
    oldest = window.entries[: window.oldest]
    return len({entry.endpoint_id for entry in oldest}) < len(oldest)


def _user_id(user: User) -> bytes:
    return record.to_json({"user_id": user.id})[1:-1].encode()


def _characters(encoded: bytes) -> int:
    return len(encoded) if encoded.isascii() else len(encoded.decode())


_USER_CHARACTERS: Final = len(',"user_attributes":{}}')


def _one_value(values: Sequence[str], counts: Counter[str]) -> str:
    """Return the one value that a profile attribute has."""
    value = _SEPARATOR.join(values)
    if len(value) > MAX_ATTRIBUTE:
        counts[Loss.VALUE_TOO_LONG] += 1
    return value[:MAX_ATTRIBUTE]
