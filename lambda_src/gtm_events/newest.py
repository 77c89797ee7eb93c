"""What a batch says of each endpoint's user, the newest only.

Requests go out in parallel and entries may be retried, so an older value must not be sent at all:
it could arrive last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from gtm_events.event import Event

K = TypeVar("K")
V = TypeVar("V")


class Newest:
    """Remembers, by endpoint, who the user was last vouched to be and each attribute's last value.

    Of two events of the same millisecond the later noted one is the newer.
    """

    def __init__(self) -> None:
        self._user_ids: dict[str, tuple[int, str]] = {}
        self._user_attributes: dict[tuple[str, str], tuple[int, list[str]]] = {}

    def note(self, event: Event) -> None:
        """Take note of what ``event`` says."""
        if event.user_id:
            _keep(self._user_ids, event.endpoint_id, event.time, event.user_id)
        for name, values in event.user_attributes.items():
            _keep(self._user_attributes, (event.endpoint_id, name), event.time, values)

    def user_id(self, endpoint_id: str) -> str:
        """Return who the endpoint's user is.

        Raises:
            KeyError: No event that was noted says so.
        """
        return self._user_ids[endpoint_id][1]

    def user_attribute(self, endpoint_id: str, name: str) -> list[str]:
        """Return the values of one of the endpoint's user attributes.

        Raises:
            KeyError: No event that was noted sets it.
        """
        return self._user_attributes[endpoint_id, name][1]


def _keep(values: dict[K, tuple[int, V]], key: K, time: int, value: V) -> None:
    if key not in values or values[key][0] <= time:
        values[key] = time, value
