"""Two object types: an object for each event, and one for the user attributes of each endpoint.

- The *event object* has the event id as its unique key, so that each event is counted. It changes
  nothing in the profile. Event objects may be sent in any order.
- The *visitor object* has the endpoint id as its unique key. A batch has at most one for each
  endpoint; see :mod:`.visitors`.

All objects in a request have the same type. An event is delivered when the service has accepted its
event object and, if it sets user attributes, the visitor object that contains them.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nsmallest
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeAlias

from gtm_events import record
from gtm_events.destinations.batching import BatchDestination, BatchService
from gtm_events.destinations.customer_profiles import api
from gtm_events.destinations.customer_profiles.calculated import CalculatedFields
from gtm_events.destinations.customer_profiles.visitors import (
    Contribution,
    Visitor,
    VisitorObject,
    object_size,
)
from gtm_events.outcome import Delivered, Outcome, Reason, Rejected, Retry
from gtm_events.send_task import PackedRequest

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence

    from gtm_events.aws import Answer, ServiceRequest
    from gtm_events.deadline import Deadline
    from gtm_events.event import Event


@dataclass(slots=True, eq=False)
class EventObject:
    """A profile object of one event.

    Attributes:
        event_id: The event's id, which is the object's unique key.
        document: The object as JSON.
        size: Characters of the object.
        contribution: User attributes that the event sets; ``None`` if it sets none.
    """

    event_id: str
    document: bytes
    size: int
    contribution: Contribution | None


ProfileObject: TypeAlias = EventObject | VisitorObject


class TwoObjectTypes(BatchService[ProfileObject]):
    """Customer Profiles with two object types.

    Args:
        domain_name: Name of the domain.
        event_type_name: Name of the event objects' type.
        visitor_type_name: Name of the visitor objects' type.
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
        event_type_name: str,
        visitor_type_name: str,
        calculated: CalculatedFields = CalculatedFields({}),  # noqa: B008 - it never changes
    ) -> None:
        self._path = api.path(domain_name)
        self._event_type_name = event_type_name
        self._visitor_type_name = visitor_type_name
        self._calculated = calculated

    def encode(self, event: Event, counts: Counter[str]) -> EventObject | Rejected:
        """See :meth:`BatchService.encode`."""
        contribution = None
        if event.user_attributes:
            attributes = api.single_values(event.user_attributes, counts)
            contribution = Contribution.of(event, attributes)
            if (size := object_size(contribution)) > api.MAX_OBJECT_CHARACTERS:
                return Rejected(
                    event.id,
                    Reason.TOO_LARGE,
                    f"the user attributes are {size:,} characters, {self.name} takes "
                    f"{api.MAX_OBJECT_CHARACTERS:,}",
                )
        text = f"{record.without_user_attributes(event)}{self._calculated.member(event)}}}"
        return EventObject(event.id, text.encode(), len(text), contribution)

    def request(self, entries: Sequence[ProfileObject]) -> ServiceRequest:
        """See :meth:`BatchService.request`. The entries are of one type."""
        of_visitors = isinstance(entries[0], VisitorObject)
        return api.put(
            self._path,
            self._visitor_type_name if of_visitors else self._event_type_name,
            ((entry.event_id, entry.document) for entry in entries),
        )

    def outcomes(self, entries: Sequence[ProfileObject], answer: Answer) -> Iterator[Outcome]:
        """See :meth:`BatchService.outcomes`."""
        return api.outcomes([entry.event_id for entry in entries], answer)


class EventsAndVisitors(BatchDestination[ProfileObject]):
    """Delivers the events of a batch as event objects and visitor objects."""

    def _send(
        self, encoded: Sequence[Sequence[ProfileObject]], deadline: Deadline, counts: Counter[str]
    ) -> Iterator[Outcome]:
        """See :meth:`BatchDestination._send`."""
        objects = BatchObjects(
            [entry for entry in chain.from_iterable(encoded) if isinstance(entry, EventObject)]
        )
        for outcome in self._sender.send(objects, deadline, counts):
            yield from objects.settle(outcome)


class BatchObjects:
    """The profile objects of a batch, their requests, and the resulting outcomes of the events.

    It is an iterator over the requests, each as full as possible. Event objects are sent in the
    batch's order. A visitor object is sent right after the first event object that needs it, so
    that the oldest message is complete soon. A request of visitor objects with space left is filled
    with those that are needed next: they are merged from the whole batch, so they are ready.

    An outcome can make a further visitor object of the same endpoint due, and that object's outcome
    another one. Further objects are sent for the oldest endpoints first, one request at a time, and
    no more event objects until all are settled. Otherwise the rest of a large batch could use up
    the quota before any message is complete. So the iterator may be exhausted, and yield more
    requests after an outcome.

    Args:
        events: The event objects, in the batch's order.
    """

    def __init__(self, events: Sequence[EventObject]) -> None:
        contributions: dict[str, list[Contribution]] = {}
        for event in events:
            if event.contribution is not None:
                own = contributions.setdefault(event.contribution.endpoint_id, [])
                own.append(event.contribution)
        self._events = iter(events)
        self._visitors = {endpoint: Visitor(own) for endpoint, own in contributions.items()}
        # In the order in which events first need them.
        self._next_endpoints = iter(contributions)
        self._positions = {endpoint: position for position, endpoint in enumerate(contributions)}
        self._needed: set[str] = set()
        self._begun: set[str] = set()
        # Endpoints with a further object, due or under way, and those of them where it is due.
        self._further: set[str] = set()
        self._due: set[str] = set()
        self._under_way: dict[str, VisitorObject] = {}
        self._made = 0
        # The first outcome of each event that sets user attributes and so needs two objects.
        self._waiting = {
            event.event_id: _ObjectOutcomes() for event in events if event.contribution is not None
        }

    def __iter__(self) -> Iterator[PackedRequest[ProfileObject]]:
        """Return itself."""
        return self

    def __next__(self) -> PackedRequest[ProfileObject]:
        """Return the next request."""
        if self._needed or (self._due and not self._further_under_way):
            return PackedRequest(list(self._visitor_objects()))
        events = [] if self._further else list(islice(self._events, api.MAX_OBJECTS))
        if not events:
            raise StopIteration
        for event in events:
            if event.contribution is not None:
                endpoint_id = event.contribution.endpoint_id
                if endpoint_id not in self._begun:
                    self._needed.add(endpoint_id)
        return PackedRequest(events)

    @property
    def _further_under_way(self) -> bool:
        return len(self._due) < len(self._further)

    def _visitor_objects(self) -> Iterator[VisitorObject]:
        """Yield the visitor objects of the next request, each of a different endpoint."""
        due: list[str] = []
        if not self._further_under_way:
            due = nsmallest(api.MAX_OBJECTS, self._due, key=self._positions.__getitem__)
            self._due.difference_update(due)
        following = list(islice(self._next_endpoints, api.MAX_OBJECTS - len(due)))
        self._begun.update(following)
        self._needed.difference_update(following)
        for endpoint_id in chain(due, following):
            # Event ids are longer, so this id cannot equal one.
            made = self._visitors[endpoint_id].next(f"v{self._made}")
            self._made += 1
            self._under_way[made.event_id] = made
            yield made

    def settle(self, outcome: Outcome) -> Iterator[Outcome]:
        """Record an object's outcome, and yield the outcomes of the events that it completes."""
        sent = self._under_way.pop(outcome.event_id, None)
        if sent is None:
            parts = self._waiting.get(outcome.event_id)
            if parts is None:
                yield outcome
            else:
                parts.event = outcome
                yield from self._decided(outcome.event_id)
            return
        endpoint_id = sent.contributions[0].endpoint_id
        visitor = self._visitors[endpoint_id]
        for each in visitor.settle(sent, outcome):
            self._waiting[each.event_id].visitor = each
            yield from self._decided(each.event_id)
        if visitor.is_due:
            self._further.add(endpoint_id)
            self._due.add(endpoint_id)
        else:
            self._further.discard(endpoint_id)

    def _decided(self, event_id: str) -> Iterator[Outcome]:
        parts = self._waiting[event_id]
        if parts.event is not None and parts.visitor is not None:
            del self._waiting[event_id]
            yield _worse(parts.event, parts.visitor)


@dataclass(slots=True)
class _ObjectOutcomes:
    """The outcomes of an event's two objects, as far as they are known."""

    event: Outcome | None = None
    visitor: Outcome | None = None


def _worse(event: Outcome, visitor: Outcome) -> Outcome:
    """Return an event's outcome: a retry if either object needs one, else any rejection."""
    if isinstance(visitor, Delivered) or isinstance(event, Retry):
        return event
    if isinstance(visitor, Retry) or isinstance(event, Delivered):
        return visitor
    return event
