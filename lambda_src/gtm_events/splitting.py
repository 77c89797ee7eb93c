"""Finds refused entries in few requests, for destinations that refuse whole requests.

Some destinations refuse a request without saying which of its entries is to blame. A request
without such entries is a delivery, so the search is a group test. A refused group is halved. If its
first half is accepted, the second half must hold a refused entry, and is halved without being sent
whole. If the first half is refused, nothing is known about the second half, which then counts as
untested again. This is generalized binary splitting (Hwang, 1972).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

E = TypeVar("E")

# The share of refused entries is estimated from about this many of the latest entries.
_MEMORY: Final = 500


class RefusalRate:
    """Estimates the rate of refused entries, and from it a good size for a group of entries.

    It serves the whole process, because batches resemble each other. Threads share it without a
    lock, because a lost update makes no difference to an estimate.
    """

    def __init__(self) -> None:
        self._taken = 0.0
        self._refused = 0.0

    def note(self, *, taken: int = 0, refused: int = 0) -> None:
        """Count accepted and refused entries."""
        self._taken += taken
        self._refused += refused
        total = self._taken + self._refused
        if total > _MEMORY:
            self._taken *= _MEMORY / total
            self._refused *= _MEMORY / total

    def group_size(self, most: int) -> int:
        """Return the size, 1 to ``most``, at which a group is as likely accepted as refused."""
        share = self._refused / max(1.0, self._taken + self._refused)
        if share * most < 0.5:  # noqa: PLR2004 - even the largest group is likely accepted
            return most
        if share >= 0.5:  # noqa: PLR2004 - even a group of one is likely refused
            return 1
        return max(1, min(most, round(math.log(0.5) / math.log(1 - share))))


@dataclass(frozen=True, slots=True)
class _Group(Generic[E]):
    """A group of entries without an outcome.

    Attributes:
        entries: The entries, oldest first.
        attempt: Number of the next attempt to send them.
        suspect: Whether at least one of them is refused.
    """

    entries: Sequence[E]
    attempt: int = 1
    suspect: bool = False


class PendingEntries(Generic[E]):
    """The unsettled entries of a request, divided into the requests to send next.

    Take the next request's entries, send them, and report the result: :meth:`refused`,
    :meth:`failed`, or :meth:`answered`.

    Args:
        entries: The entries, oldest first.
        refusal_rate: The estimate of refused entries.
    """

    def __init__(self, entries: Sequence[E], refusal_rate: RefusalRate) -> None:
        self._refusal_rate = refusal_rate
        self._groups = [_Group(entries)]
        self._taken: Sequence[E] = ()
        self._rest: Sequence[E] = ()
        self._group = self._groups[0]

    def __bool__(self) -> bool:
        return bool(self._groups)

    def take(self) -> tuple[Sequence[E], int]:
        """Return the entries of the next request, and the number of this attempt."""
        group = self._group = self._groups.pop()
        size = len(group.entries)
        if group.suspect:
            size = max(1, size // 2)
        elif group.attempt == 1:
            size = self._refusal_rate.group_size(size)
        self._taken, self._rest = group.entries[:size], group.entries[size:]
        return self._taken, group.attempt

    def refused(self, *, blames_entry: bool) -> bool:
        """Note that the request was refused. Return whether a single entry is to blame.

        Args:
            blames_entry: Whether at least one entry must be to blame. It is false if the cause may
                be the entries' total size.
        """
        taken = self._taken
        if self._rest:
            self._put_back(self._rest)
        if len(taken) == 1:
            self._refusal_rate.note(refused=1)
            return True
        if blames_entry:
            self._groups.append(_Group(taken, suspect=True))
        else:
            middle = len(taken) // 2
            self._groups += [_Group(taken[middle:]), _Group(taken[:middle])]
        return False

    def failed(self, *, again: bool) -> Sequence[E]:
        """Note that the request was not answered. Return the entries that are not sent again.

        Args:
            again: Whether to send the entries again.
        """
        group = self._group
        if again and group.suspect:
            self._groups.append(_Group(group.entries, group.attempt + 1, suspect=True))
            return ()
        if self._rest:
            self._put_back(self._rest)
        if not again:
            return self._taken
        self._retry(self._taken)
        return ()

    def answered(self, again: Sequence[E]) -> None:
        """Note that the request was answered and that the entries ``again`` are to be resent."""
        self._refusal_rate.note(taken=len(self._taken) - len(again))
        if self._rest:
            if self._group.suspect:
                self._groups.append(_Group(self._rest, suspect=True))
            else:
                self._put_back(self._rest)
        self._retry(again)

    def _retry(self, entries: Sequence[E]) -> None:
        if entries:
            self._groups.append(_Group(entries, self._group.attempt + 1))

    def _put_back(self, entries: Sequence[E]) -> None:
        """Put untested entries back in front of the other untested ones."""
        if self._groups:
            other = self._groups[-1]
            if other.attempt == 1 and not other.suspect:
                self._groups.pop()
                entries = [*entries, *other.entries]
        self._groups.append(_Group(entries))
