"""Finds the entries that a destination refuses with the whole request, in few requests.

Some destinations refuse a request without a word about which of its entries is to blame. Each
request that holds none of those is a delivery at the same time, so the search is a group test: a
group that is refused is halved; if its first half is taken, the other must hold what was refused
and is halved without being sent whole; if its first half is refused, nothing is known of the other,
which goes back to those that were not tried. That is generalized binary splitting (Hwang, 1972).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

E = TypeVar("E")

# The share of refused entries is taken from about so many, the latest.
_MEMORY: Final = 500


class Refusals:
    """Estimates how many entries of a group are likely to be taken whole.

    Serves the process: what one batch holds, the next is likely to hold. Threads may share it: an
    update that is lost makes no difference to an estimate.
    """

    def __init__(self) -> None:
        self._taken = 0.0
        self._refused = 0.0

    def note(self, *, taken: int = 0, refused: int = 0) -> None:
        """Take note of entries whose fate is known."""
        self._taken += taken
        self._refused += refused
        total = self._taken + self._refused
        if total > _MEMORY:
            self._taken *= _MEMORY / total
            self._refused *= _MEMORY / total

    def group_size(self, most: int) -> int:
        """Return the size of a group that is as likely taken as refused: 1 to ``most``."""
        share = self._refused / max(1.0, self._taken + self._refused)
        if share * most < 0.5:  # noqa: PLR2004 - even the largest is likelier taken
            return most
        if share >= 0.5:  # noqa: PLR2004 - a group of one is likelier refused
            return 1
        return max(1, min(most, round(math.log(0.5) / math.log(1 - share))))


@dataclass(frozen=True, slots=True)
class _Group(Generic[E]):
    """Entries that have no outcome yet.

    Attributes:
        entries: The entries, oldest first.
        attempt: Number of the next attempt to send them.
        suspect: Whether one of them, at the least, is refused.
    """

    entries: Sequence[E]
    attempt: int = 1
    suspect: bool = False


class Todo(Generic[E]):
    """The entries of a batch that have no outcome yet, and in which requests they go out.

    Take the next request's entries, send them, and say what came of it: :meth:`refused`,
    :meth:`failed` or :meth:`answered`.

    Args:
        entries: The batch, oldest first.
        refusals: What is known of how many entries are refused.
    """

    def __init__(self, entries: Sequence[E], refusals: Refusals) -> None:
        self._refusals = refusals
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
            size = self._refusals.group_size(size)
        self._taken, self._rest = group.entries[:size], group.entries[size:]
        return self._taken, group.attempt

    def refused(self, *, blames_entry: bool) -> bool:
        """Note that the request was refused whole; return whether its one entry is to blame.

        Args:
            blames_entry: Whether one of the entries must be to blame, rather than all together, as
                their size is.
        """
        taken = self._taken
        if self._rest:
            self._put_back(self._rest)
        if len(taken) == 1:
            self._refusals.note(refused=1)
            return True
        if blames_entry:
            self._groups.append(_Group(taken, suspect=True))
        else:
            middle = len(taken) // 2
            self._groups += [_Group(taken[middle:]), _Group(taken[:middle])]
        return False

    def failed(self, *, again: bool) -> Sequence[E]:
        """Note that the request was not answered; return the entries that are given up.

        Args:
            again: Whether they are sent once more.
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
        """Note that the request was answered, and that the entries ``again`` are sent once more."""
        self._refusals.note(taken=len(self._taken) - len(again))
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
        """Put entries of which nothing is known before the others of that kind."""
        if self._groups:
            other = self._groups[-1]
            if other.attempt == 1 and not other.suspect:
                self._groups.pop()
                entries = [*entries, *other.entries]
        self._groups.append(_Group(entries))
