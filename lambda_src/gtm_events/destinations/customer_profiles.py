"""Amazon Connect Customer Profiles' ``BatchPutProfileObject``: one profile object an event.

The object type that the construct makes has the endpoint id as its unique key: an endpoint is a
profile, which the objects' user attributes change through the object type's field mapping.

Limits are from the service's model. The runtime's SDK need not know the operation: the request is
written and signed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from gtm_events import record
from gtm_events.aws import Answer, Call, Endpoint
from gtm_events.destinations.answers import by_status
from gtm_events.destinations.batching import (
    BatchDestination,
    BatchService,
    requests_per_second,
)
from gtm_events.event import TRUNCATED_VALUES, Event, Limits
from gtm_events.newest import Newest
from gtm_events.outcome import Delivered, Outcome
from gtm_events.settings import required

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

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


@dataclass(frozen=True, slots=True)
class Entry:
    """One profile object.

    Attributes:
        event_id: The event's id.
        endpoint_id: The object's unique key.
        moment: The event's time in epoch milliseconds, and its place in the batch: the events of
            a posted list have one time.
        object: JSON.
    """

    event_id: str
    endpoint_id: str
    moment: tuple[int, int]
    object: str

    @property
    def size(self) -> int:
        """Characters, which is what the service counts."""
        return len(self.object)


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

    def encode(self, events: Iterable[Event], counts: Counter[str]) -> Iterator[Entry]:
        """See :meth:`BatchService.encode`."""
        newest = Newest()
        changing: list[tuple[int, Event]] = []
        for place, event in enumerate(events):
            if event.user_id or event.user_attributes:
                newest.note(event)
                changing.append((place, event))
            else:
                yield _entry(event, place, record.encode(event))
        for place, event in changing:
            user_id = newest.user_id(event.endpoint_id) if event.user_id else ""
            user_attributes = {
                name: _one_value(newest.user_attribute(event.endpoint_id, name), counts)
                for name in event.user_attributes
            }
            members = record.members(event, user_id, user_attributes)
            yield _entry(event, place, record.to_json(members))

    def rounds(self, entries: Sequence[Entry]) -> list[list[list[Entry]]]:
        """See :meth:`BatchService.rounds`.

        An endpoint's newest event goes out when the others have: the object that is put last stays.
        """
        newest: dict[str, Entry] = {}
        for entry in entries:
            known = newest.get(entry.endpoint_id)
            if known is None or known.moment < entry.moment:
                newest[entry.endpoint_id] = entry
        last = {entry.event_id for entry in newest.values()}
        older = [entry for entry in entries if entry.event_id not in last]
        return [self.pack(part) for part in (older, list(newest.values())) if part]

    def call(self, entries: Sequence[Entry]) -> Call:
        """See :meth:`BatchService.call`."""
        body: dict[str, Any] = {
            "ObjectTypeName": self._object_type_name,
            "Items": [{"Id": entry.event_id, "Object": entry.object} for entry in entries],
        }
        return Call(record.to_json(body).encode(), self._path, "PUT")

    def outcomes(self, entries: Sequence[Entry], answer: Answer) -> Iterator[Outcome]:
        """See :meth:`BatchService.outcomes`."""
        document = answer.json()
        successful = {item["Id"] for item in document.get("Successful") or ()}
        failed = {item["Id"]: item for item in document.get("Failed") or ()}
        for entry in entries:
            if entry.event_id in failed:
                item = failed[entry.event_id]
                yield by_status(entry.event_id, int(item["Code"]), item.get("Message"))
            elif entry.event_id in successful:
                yield Delivered(entry.event_id)


def _entry(event: Event, place: int, encoded: str) -> Entry:
    return Entry(event.id, event.endpoint_id, (event.time, place), encoded)


def _one_value(values: Sequence[str], counts: Counter[str]) -> str:
    """Return the one value that a profile attribute has."""
    value = _SEPARATOR.join(values)
    if len(value) > MAX_ATTRIBUTE:
        counts[TRUNCATED_VALUES] += 1
    return value[:MAX_ATTRIBUTE]
