"""Visitor objects: the user attributes of an endpoint, merged from the events of a batch.

An endpoint has one visitor object, with the newest value of each attribute. Only one object per
endpoint is sent at a time, because requests can overtake each other and the last object wins.
Memory stays in proportion to the input: an event's attributes are one piece of JSON, and a merged
object is made only when it is due to be sent.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gtm_events import record
from gtm_events.destinations.customer_profiles.api import MAX_OBJECT_CHARACTERS, characters
from gtm_events.event import iso8601
from gtm_events.outcome import Delivered, Outcome, Reason, Rejected, Retry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gtm_events.event import Event

_MAX_SIZE: Final = MAX_OBJECT_CHARACTERS


@dataclass(slots=True)
class Contribution:
    """One event's data about its endpoint's user.

    Attributes:
        event_id: The event's id.
        endpoint_id: The endpoint.
        time: Time of the event, in epoch milliseconds.
        access: ``authenticated`` or ``anonymous``.
        user_id: Verified id of the sender; empty for an anonymous sender.
        attributes: The user attributes that the event sets, as the members of a JSON object.
    """

    event_id: str
    endpoint_id: str
    time: int
    access: str
    user_id: str
    attributes: bytes

    @classmethod
    def of(cls, event: Event, attributes: Mapping[str, str]) -> Contribution:
        """Return an event's contribution.

        Args:
            event: The event.
            attributes: The user attributes that it sets, each with a single value.
        """
        by_name = dict(sorted(attributes.items()))  # so that the same attributes are the same JSON
        members = record.to_one_line(by_name)[1:-1].encode()
        return cls(event.id, event.endpoint_id, event.time, event.access, event.user_id, members)


@dataclass(slots=True, eq=False)
class VisitorObject:
    """A profile object with the user attributes of an endpoint.

    Attributes:
        event_id: The object's own id, which differs from every event's id.
        contributions: Contributions that it is merged from, oldest first.
        user_id: Verified id of the user; empty if there is none.
        attributes: User attributes in it, as the members of a JSON object.
        document: The object as JSON.
        size: Characters of the object.
    """

    event_id: str
    contributions: Sequence[Contribution]
    user_id: str
    attributes: bytes
    document: bytes
    size: int


class Visitor:
    """The visitor objects of one endpoint, sent one after the other.

    Usually there is one, merged from all contributions. There are several, oldest first, if a
    merged object is larger than the service accepts, or if the service refuses it. A refusal counts
    for each contribution that would produce the same object alone, such as one that overrides all
    others. The other contributions are halved and sent again, which isolates the refused ones and
    delivers the rest.

    Args:
        contributions: Contributions in the batch's order. If times are equal, the later one is
            newer.
    """

    def __init__(self, contributions: Iterable[Contribution]) -> None:
        by_time = sorted(contributions, key=lambda contribution: contribution.time)
        self._due: deque[Sequence[Contribution]] = deque((by_time,))

    @property
    def is_due(self) -> bool:
        """Whether there is another object to send."""
        return bool(self._due)

    def next(self, object_id: str) -> VisitorObject:
        """Return the next object, with an id of its own. Call this only if :meth:`is_due`."""
        contributions = self._due.popleft()
        attributes, size, taken = _merge(contributions)
        if taken < len(contributions):
            self._due.appendleft(contributions[taken:])
            contributions = contributions[:taken]
        start, end = _frame(contributions)
        return VisitorObject(
            object_id,
            contributions,
            _user_id(contributions),
            attributes,
            b"%b%b%b" % (start, attributes, end),
            size,
        )

    def settle(self, sent: VisitorObject, outcome: Outcome) -> Iterator[Outcome]:
        """Record an object's outcome, and yield the outcomes of the contributions that it settles.

        Args:
            sent: The object that :meth:`next` returned last.
            outcome: Its outcome.
        """
        contributions = sent.contributions
        match outcome:
            case Delivered():
                for each in contributions:
                    yield Delivered(each.event_id)
            case Retry(reason=reason, code=code):
                # Newer contributions go back with this one. Otherwise this one would be sent after
                # them and restore older values.
                while self._due:
                    contributions = [*contributions, *self._due.popleft()]
                for each in contributions:
                    yield Retry(each.event_id, reason, code)
            case Rejected(detail=detail, code=code):
                others = []
                for each in contributions:
                    if (each.attributes, each.user_id) == (sent.attributes, sent.user_id):
                        # Sent alone, it would produce this object again.
                        reject = Reason.USER_ATTRIBUTES_REFUSED
                        yield Rejected(each.event_id, reject, detail, code)
                    else:
                        others.append(each)
                middle = len(others) // 2
                halves = (others[middle:], others[:middle])
                self._due.extendleft(half for half in halves if half)


def object_size(contribution: Contribution) -> int:
    """Return the number of characters of the object that a contribution alone produces."""
    return _merge([contribution])[1]


def _merge(contributions: Sequence[Contribution]) -> tuple[bytes, int, int]:
    """Merge as many contributions as fit into an object, and at least one.

    Args:
        contributions: Contributions of one endpoint, oldest first.

    Returns:
        The members of ``user_attributes``; the characters of the whole object; the number of
        contributions, from the oldest on, that it is merged from.
    """
    first = contributions[0]
    if all(each.attributes == first.attributes for each in contributions):
        size = characters(first.attributes) + _frame_characters(contributions)
        return first.attributes, size, len(contributions)
    newest: dict[str, bytes] = {}
    size, frame, taken = -1, 0, 0  # a comma precedes each member but the first
    for each in contributions:
        own = {name: _member(name, value) for name, value in _decoded(each.attributes).items()}
        grown = size + sum(
            characters(member) - (characters(newest[name]) if name in newest else -1)
            for name, member in own.items()
        )
        frame = max(frame, _frame_characters((each,)))
        if taken and grown + frame > _MAX_SIZE:
            break
        newest.update(own)
        size, taken = grown, taken + 1
    members = b",".join(newest[name] for name in sorted(newest))
    return members, size + _frame_characters(contributions[:taken]), taken


def _decoded(members: bytes) -> dict[str, str]:
    decoded: dict[str, str] = json.loads(b"{%b}" % members)
    return decoded


def _member(name: str, value: str) -> bytes:
    return record.to_one_line({name: value})[1:-1].encode()


def _frame(contributions: Sequence[Contribution]) -> tuple[bytes, bytes]:
    """Return an object's text before and after the members of ``user_attributes``."""
    newest = contributions[-1]
    members = {
        "endpoint_id": newest.endpoint_id,
        "timestamp": iso8601(newest.time),
        "access": newest.access,
    }
    if user_id := _user_id(contributions):
        members["user_id"] = user_id
    return record.to_one_line(members)[:-1].encode() + b',"user_attributes":{', b"}}"


def _user_id(contributions: Sequence[Contribution]) -> str:
    """Return the newest verified id. A newer anonymous event does not remove it."""
    return next((each.user_id for each in reversed(contributions) if each.user_id), "")


def _frame_characters(contributions: Sequence[Contribution]) -> int:
    return sum(map(characters, _frame(contributions)))
