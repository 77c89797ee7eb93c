"""Problems that a destination's function reports about itself, in the words of its log."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROBLEMS_KEPT: Final = 5


@dataclass(slots=True)
class Problem:
    """A problem, and how often it was reported. Times are milliseconds since the epoch.

    Attributes:
        words: The function's.
        first: When it was reported first.
        last: When it was reported last.
        batches: How many batches reported it.
        over_at: When a batch was delivered without it; ``None`` while it lasts.
    """

    words: str
    first: int
    last: int
    batches: int = 1
    over_at: int | None = None


class Problems:
    """The problems of one destination, the newest first. Not safe to use from several threads."""

    def __init__(self) -> None:
        self._problems: dict[str, Problem] = {}

    def batch(self, time: int, words: Sequence[str], *, delivered: bool) -> bool:
        """Take note of a batch.

        Args:
            time: When it ended, in milliseconds since the epoch.
            words: Its problems.
            delivered: Whether it delivered anything.

        Returns:
            Whether anything changed.
        """
        changed = bool(words)
        for each in words:
            known = self._problems.pop(each, None)
            if known is None or known.over_at is not None:
                known = Problem(each, time, time)
            else:
                known.last, known.batches = time, known.batches + 1
            self._problems[each] = known
        if delivered:
            for problem in self._problems.values():
                if problem.words not in words and problem.over_at is None:
                    problem.over_at = time
                    changed = True
        while len(self._problems) > _PROBLEMS_KEPT:
            del self._problems[next(iter(self._problems))]
        return changed

    def to_json(self) -> list[dict[str, Any]]:
        """Return them as JSON values."""
        return [asdict(problem) for problem in reversed(self._problems.values())]
