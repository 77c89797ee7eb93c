"""Amazon Connect Customer Profiles' ``BatchPutProfileObject``: one profile object an event.

In the object type that the construct creates, the endpoint id is the unique key. Each endpoint is
therefore a profile, and the type's field mapping copies user attributes from objects to it.

Limits are from the service's model. The request is written and signed here, so the runtime's SDK
does not have to know the operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from gtm_events import record
from gtm_events.aws import Answer, ServiceEndpoint, ServiceRequest
from gtm_events.destinations.answers import by_status
from gtm_events.destinations.batching import (
    BatchDestination,
    BatchService,
    requests_per_second,
)
from gtm_events.destinations.calculated import CalculatedFields
from gtm_events.environment import required
from gtm_events.event import Event, Limits
from gtm_events.json_values import objects_of, status_of, text_of
from gtm_events.losses import Loss
from gtm_events.newest import User, renew
from gtm_events.outcome import Delivered, Outcome
from gtm_events.send_task import Packed

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gtm_events.packing import Window

MAX_OBJECTS: Final = 10
"""Objects in a request."""
MAX_OBJECT_CHARACTERS: Final = 256_000
MAX_ATTRIBUTE: Final = 255
"""Maximum characters of a profile attribute's name, and of its value."""

_SEPARATOR: Final = ", "

REQUESTS_PER_SECOND: Final = 100.0
"""Default quota of ``PutProfileObject``, from "Customer Profiles API throttling quotas" in the
Amazon Connect administrator guide. The page does not list ``BatchPutProfileObject``, which is new
in May 2026. Throttling halves the rate."""


def create(environment: Mapping[str, str]) -> BatchDestination[Entry]:
    """Return the destination that ``environment`` describes.

    ``CUSTOMER_PROFILES_DOMAIN_NAME`` and ``CUSTOMER_PROFILES_OBJECT_TYPE_NAME`` are required.
    ``CUSTOMER_PROFILES_REGION`` is the domain's Region (default: the function's), and
    ``CUSTOMER_PROFILES_REQUESTS_PER_SECOND`` the account's quota there (default: 100).
    ``CUSTOMER_PROFILES_CALCULATED_ATTRIBUTES`` names the fields that only some events fill.

    Raises:
        SettingsError: A variable is missing or malformed.
    """
    return BatchDestination.at(
        CustomerProfiles(
            required(environment, "CUSTOMER_PROFILES_DOMAIN_NAME"),
            required(environment, "CUSTOMER_PROFILES_OBJECT_TYPE_NAME"),
            CalculatedFields.of(environment),
        ),
        ServiceEndpoint.of(
            "customer-profiles",
            environment,
            host="profile",
            region=environment.get("CUSTOMER_PROFILES_REGION", ""),
        ),
        requests_per_second=requests_per_second(
            environment, "CUSTOMER_PROFILES_REQUESTS_PER_SECOND", REQUESTS_PER_SECOND
        ),
    )


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
    """Limits, requests and answers of Customer Profiles.

    Args:
        domain_name: Name of the domain.
        object_type_name: Name of the object type.
        calculated: The fields that only some events fill.
    """

    name = "Amazon Connect Customer Profiles"
    limits = Limits(
        user_attribute_name_length=MAX_ATTRIBUTE, user_attribute_value_length=MAX_ATTRIBUTE
    )
    max_entries = MAX_OBJECTS
    max_bytes = MAX_OBJECTS * MAX_OBJECT_CHARACTERS  # the service names no limit of its own
    max_entry_bytes = MAX_OBJECT_CHARACTERS

    def __init__(
        self,
        domain_name: str,
        object_type_name: str,
        calculated: CalculatedFields = CalculatedFields({}),  # noqa: B008 - it never changes
    ) -> None:
        domain = quote(domain_name, safe="")
        self._path = f"/domains/{domain}/profiles/objects/batch-put-profile-object"
        self._object_type_name = object_type_name
        self._calculated = calculated

    def encode(self, event: Event, counts: Counter[str]) -> Entry:
        """See :meth:`BatchService.encode`."""
        user = None
        if event.user_id or event.user_attributes:
            attributes = {
                name: _one_value(values, counts) for name, values in event.user_attributes.items()
            }
            user = User.of(event.endpoint_id, event.time, event.user_id, attributes)
        text = record.without_user(event) + self._calculated.member(event)
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

    def plan(self, windows: Sequence[Window[Entry]]) -> Iterator[Packed[Entry]]:
        """See :meth:`BatchService.plan`.

        The last object sent wins, so an endpoint's newest event goes out after the older ones of
        its window are settled. If a later window holds older events, the newest one is sent again
        after those. Waiting for them instead would keep its message, and perhaps all messages,
        from being complete.
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
        items = b",".join(
            b'{"Id":%b,"Object":%b}'
            % (record.to_json(entry.event_id).encode(), record.as_text(entry.object()))
            for entry in entries
        )
        object_type_name = record.to_json(self._object_type_name).encode()
        body = b'{"ObjectTypeName":%b,"Items":[%b]}' % (object_type_name, items)
        return ServiceRequest(body, self._path, "PUT")

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
    """The order of requests that keeps each endpoint's newest event last.

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
        """Return the entries that may go out at any time, and those that must follow them."""
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
        """Return the next request, with entries that may go out at any time."""
        self._note(entries)
        return Packed(entries)

    def newest(self, entries: Sequence[Entry], *, overtaken: bool) -> Packed[Entry]:
        """Return the next request, with entries that follow all others of their endpoints."""
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
    """Return whether the oldest message has several events of one endpoint."""
    oldest = window.entries[: window.oldest]
    return len({entry.endpoint_id for entry in oldest}) < len(oldest)


def _user_id(user: User) -> bytes:
    return record.to_json({"user_id": user.id})[1:-1].encode()


def _characters(encoded: bytes) -> int:
    return len(encoded) if encoded.isascii() else len(encoded.decode())


_USER_CHARACTERS: Final = len(',"user_attributes":{}}')


def _one_value(values: Sequence[str], counts: Counter[str]) -> str:
    """Return a user attribute's values as the single value of a profile attribute."""
    value = _SEPARATOR.join(values)
    if len(value) > MAX_ATTRIBUTE:
        counts[Loss.VALUE_TOO_LONG] += 1
    return value[:MAX_ATTRIBUTE]
