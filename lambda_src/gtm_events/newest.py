"""The newest user attributes of each endpoint in a batch.

Requests go out in parallel and entries may be retried, so an older value could arrive last. It is
therefore never sent: each event that sets an attribute brings the attribute's newest value.

Memory stays in proportion to the input: each event's attributes are stored as one piece of JSON,
and all events that set an attribute share its newest value.
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
class UserUpdate:
    """The data that one event has about its endpoint's user.

    Attributes:
        endpoint_id: The endpoint.
        time: Time of the event, in epoch milliseconds.
        id: Verified id of the user; empty for an anonymous sender. Updated by
            :func:`use_newest_values`.
        attributes: User attributes that the event sets, as a JSON object.
        members: Members of that object with their newest values, set by
            :func:`use_newest_values`. Each is one or more ``"name":value``. Events share the bytes
            objects.
    """

    endpoint_id: str
    time: int
    id: str
    attributes: bytes
    members: tuple[bytes, ...] = ()

    @classmethod
    def of(
        cls, endpoint_id: str, time: int, user_id: str, attributes: Mapping[str, Any]
    ) -> UserUpdate:
        """Return an event's data about its user.

        Args:
            endpoint_id: The event's endpoint.
            time: Time of the event, in epoch milliseconds.
            user_id: Verified id of the sender.
            attributes: User attributes that the event sets, with values that JSON can
                represent.
        """
        by_name = dict(sorted(attributes.items()))
        return cls(endpoint_id, time, user_id, to_one_line(by_name).encode())

    def by_name(self) -> Iterator[tuple[str, bytes]]:
        """Yield each attribute's name and its member with the newest value, ordered by name."""
        own: dict[str, Any] = json.loads(self.attributes)
        if len(own) == len(self.members):
            yield from zip(own, self.members, strict=True)
        else:  # this event's values are the newest, and ``members`` holds them in one piece
            for name, value in own.items():
                yield name, _member(name, value)


def use_newest_values(users: Iterable[UserUpdate]) -> None:
    """Update the users of a batch to the newest values in the batch.

    Args:
        users: The users, in the batch's order. If times are equal, the later one is newer.
    """
    by_endpoint: dict[str, list[UserUpdate]] = {}
    for user in users:
        by_endpoint.setdefault(user.endpoint_id, []).append(user)
    for same in by_endpoint.values():
        _use_newest_values_of_one(same)


def _use_newest_values_of_one(users: Sequence[UserUpdate]) -> None:
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
