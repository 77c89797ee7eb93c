"""Distributes entries over as few requests as a service's limits allow."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nlargest
from itertools import accumulate, chain
from operator import attrgetter
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


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


@dataclass(frozen=True, slots=True)
class Window(Generic[S]):
    """Entries whose order in requests is free; those of the window before go out before them.

    Attributes:
        entries: The entries, message by message.
        oldest: How many of them, from the first on, are of the oldest message: they go first.
    """

    entries: Sequence[S]
    oldest: int = 0


def windows(messages: Sequence[Sequence[S]], size: int) -> Iterator[Window[S]]:
    """Cut a batch into windows.

    What puts entries in another order, to make fewer requests of them, is free to do so in a window
    only. So a message is whole soon after it is begun, however many come after it.

    Args:
        messages: Each message's entries, the oldest first.
        size: Entries of a window.
    """
    entries = list(chain.from_iterable(messages))
    ends = accumulate(map(len, messages))
    end = 0
    for start in range(0, len(entries), size):
        while end <= start:
            end = next(ends)
        yield Window(entries[start : start + size], min(end - start, size))


def pack(
    entries: Sequence[S],
    *,
    max_entries: int,
    max_bytes: int,
    oldest: int = 0,
    room: Callable[[], Room[S]] | None = None,
) -> list[list[S]]:
    """Return the entries of each request.

    The order stays where that takes no more requests. Otherwise the largest go first, each into the
    first request that has room for it: that leaves the fewest gaps.

    Args:
        entries: Each fits into a request of its own.
        max_entries: Entries that the service takes in a request.
        max_bytes: Bytes that it takes, of all entries together.
        oldest: How many entries, from the first on, go before all others whatever their size.
        room: Makes an empty request that has limits of its own besides. Default: there are none.
    """
    largest = nlargest(max_entries, entries, key=_size)
    size_matters = sum(map(_size, largest)) > max_bytes
    ordered = entries
    if size_matters:
        if room is None:
            in_order = next_fit(entries, max_entries=max_entries, max_bytes=max_bytes)
            fewest = max(-(-len(entries) // max_entries), -(-sum(map(_size, entries)) // max_bytes))
            if len(in_order) == fewest:
                return in_order
        by_size = sorted(entries[oldest:], key=_size, reverse=True)
        ordered = [*entries[:oldest], *by_size]
    elif room is None:
        starts = range(0, len(entries), max_entries)
        return [list(entries[start : start + max_entries]) for start in starts]
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


def next_fit(entries: Sequence[S], *, max_entries: int, max_bytes: int) -> list[list[S]]:
    """Return the entries of each request, in their order: the first without room begins the next.

    Args:
        entries: Each fits into a request of its own.
        max_entries: Entries that fit into a request.
        max_bytes: Bytes that fit into it, of all entries together.
    """
    requests: list[list[S]] = []
    size = max_bytes
    for entry in entries:
        size += entry.size
        if size > max_bytes or len(requests[-1]) == max_entries:
            requests.append([])
            size = entry.size
        requests[-1].append(entry)
    return requests


_size = attrgetter("size")
