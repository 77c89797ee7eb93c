"""Distributes entries over as few requests as a service's limits allow."""

from __future__ import annotations

from heapq import nlargest
from operator import attrgetter
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Sized(Protocol):
    """Something that goes into a request."""

    @property
    def size(self) -> int:
        """Bytes that it takes there at the most."""
        ...


S = TypeVar("S", bound=Sized)


class Room(Generic[S]):
    """A request that is being filled.

    Args:
        max_bytes: Bytes that the service takes in a request.
    """

    def __init__(self, max_bytes: int) -> None:
        self.entries: list[S] = []
        self._max_bytes = max_bytes
        self._size = 0

    def add(self, entry: S) -> bool:
        """Add ``entry`` if there is room for it. There always is in an empty request."""
        growth = self._growth(entry)
        if self.entries and self._size + growth > self._max_bytes:
            return False
        self.entries.append(entry)
        self._size += growth
        return True

    def _growth(self, entry: S) -> int:
        """Return the bytes that ``entry`` adds to this request."""
        return entry.size


def pack(
    entries: Sequence[S],
    *,
    max_entries: int,
    max_bytes: int,
    room: Callable[[], Room[S]] | None = None,
) -> list[list[S]]:
    """Return the entries of each request.

    The order stays where the number of entries is the limit. Where it is their size, the largest go
    first, each into the first request that has room for it: that leaves the fewest gaps.

    Args:
        entries: Each fits into a request of its own.
        max_entries: Entries that the service takes in a request.
        max_bytes: Bytes that it takes, of all entries together.
        room: Makes an empty request that has limits of its own besides. Default: there are none.
    """
    largest = nlargest(max_entries, entries, key=_size)
    size_matters = sum(map(_size, largest)) > max_bytes
    if room is None and not size_matters:
        starts = range(0, len(entries), max_entries)
        return [list(entries[start : start + max_entries]) for start in starts]
    ordered = sorted(entries, key=_size, reverse=True) if size_matters else entries
    requests: list[list[S]] = []
    open_requests: list[Room[S]] = []
    for entry in ordered:
        for request in open_requests:
            if request.add(entry):
                break
        else:
            request = room() if room else Room(max_bytes)
            request.add(entry)
            open_requests.append(request)
            requests.append(request.entries)
        if len(request.entries) == max_entries:
            open_requests.remove(request)
    return requests


_size = attrgetter("size")
