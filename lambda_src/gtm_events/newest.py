"""The newest of what a batch says of each endpoint's user.

Requests go out in parallel and entries may be retried, so an older value must not be sent at all:
it could arrive last. Every event that sets an attribute goes out with its newest value.

What a batch says is kept as small as it came: an event's attributes as one piece of JSON, and an
attribute's newest value once for all events that set it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gtm_events.record import to_one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_NOTHING: Final = b"{}"


@dataclass(slots=True)
class User:
    """What one event says of its endpoint's user.

    Attributes:
        endpoint_id: The endpoint.
        time: The event's time, in epoch milliseconds.
        id: Who the user is vouched to be; empty if nobody does. :func:`renew` makes it the newest.
        attributes: The user attributes that the event sets, as a JSON object.
        members: The members of that object at their newest values, each ``"name":value`` or several
            of them, from :func:`renew`. The same bytes object serves all events.
    """

    endpoint_id: str
    time: int
    id: str
    attributes: bytes
    members: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, endpoint_id: str, time: int, user_id: str, attributes: Mapping[str, Any]) -> User:
        """Return what an event says of its user.

        Args:
            endpoint_id: The event's endpoint.
            time: Its time, in epoch milliseconds.
            user_id: Who sent it, vouched for.
            attributes: The user attributes that it sets, each with a value that JSON has.
        """
        by_name = dict(sorted(attributes.items()))
        return cls(endpoint_id, time, user_id, to_one_line(by_name).encode())

    def by_name(self) -> Iterator[tuple[str, bytes]]:
        """Yield each attribute's name with its newest member, in the names' order."""
        own: dict[str, Any] = json.loads(self.attributes)
        if len(own) == len(self.members):
            yield from zip(own, self.members, strict=True)
        else:  # the newest are its own, in one piece
            for name, value in own.items():
                yield name, _member(name, value)


def renew(users: Iterable[User]) -> None:
    """Give each of a batch's users the newest of what the batch says of it.

    Args:
        users: In the batch's order: of one millisecond the later is the newer.
    """
    by_endpoint: dict[str, list[User]] = {}
    for user in users:
        by_endpoint.setdefault(user.endpoint_id, []).append(user)
    for same in by_endpoint.values():
        _renew(same)


def _renew(users: Sequence[User]) -> None:
    first = users[0]
    if all(user.id == first.id and user.attributes == first.attributes for user in users):
        whole = (first.attributes[1:-1],) if first.attributes != _NOTHING else ()
        for user in users:
            user.attributes, user.members = first.attributes, whole
        return
    newest: dict[str, bytes] = {}
    newest_id = ""
    for user in sorted(users, key=lambda user: user.time):
        newest_id = user.id or newest_id
        for name, value in json.loads(user.attributes).items():
            newest[name] = _member(name, value)
    for user in users:
        user.members = tuple(newest[name] for name in json.loads(user.attributes))
        user.id = user.id and newest_id


def _member(name: str, value: object) -> bytes:
    return to_one_line({name: value})[1:-1].encode()
