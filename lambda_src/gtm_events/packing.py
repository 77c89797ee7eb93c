"""Packs entries into as few requests as a service's limits allow."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nlargest
from itertools import accumulate, chain
from operator import attrgetter
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Sized(Protocol):
    """An object with a size, to be packed into a request."""

    @property
    def size(self) -> int:
        """Maximum bytes that the object needs in a request."""
        ...


S = TypeVar("S", bound=Sized)


class OpenRequest(Generic[S]):
    """A request to which entries can still be added.

    Args:
        max_bytes: Maximum bytes of a request.
    """

    def __init__(self, max_bytes: int) -> None:
        self.entries: list[S] = []
        self._max_bytes = max_bytes
        self._size = 0

    def add(self, entry: S) -> bool:
        """Add ``entry`` if there is room. An empty request has room for any entry."""
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
    """Entries that may be reordered among themselves, after those of the previous window.

    Attributes:
        entries: The entries, message by message.
        oldest: Number of leading entries that belong to the oldest message. They go first.
    """

    entries: Sequence[S]
    oldest: int = 0


def windows(messages: Sequence[Sequence[S]], size: int) -> Iterator[Window[S]]:
    """Cut a batch into windows.

    Entries are reordered only within a window, to save requests. So the requests of a message are
    close together, however many messages follow.

    Args:
        messages: Each message's entries, oldest first.
        size: Number of entries in a window.
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
    room: Callable[[], OpenRequest[S]] | None = None,
) -> list[list[S]]:
    """Return the entries of each request.

    The order is kept if that takes no more requests. Otherwise the largest entries go first, each
    into the first request with room for it, which leaves the fewest gaps.

    Args:
        entries: The entries. Each fits into a request of its own.
        max_entries: Maximum number of entries in a request.
        max_bytes: Maximum bytes of all entries in a request.
        oldest: Number of leading entries that go first, whatever their size.
        room: Creates an empty request with further limits. Default: no further limits.
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
    open_requests: list[OpenRequest[S]] = []
    for entry in ordered:
        for request in open_requests:
            if request.add(entry):
                break
        else:
            request = room() if room else OpenRequest(max_bytes)
            request.add(entry)
            open_requests.append(request)
            requests.append(request.entries)
        if len(request.entries) == max_entries:
            open_requests.remove(request)
    return requests


def next_fit(entries: Sequence[S], *, max_entries: int, max_bytes: int) -> list[list[S]]:
    """Return the entries of each request, in order. An entry that does not fit begins a request.

    Args:
        entries: The entries. Each fits into a request of its own.
        max_entries: Maximum number of entries in a request.
        max_bytes: Maximum bytes of all entries in a request.
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
