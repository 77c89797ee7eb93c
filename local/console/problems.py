"""Problems that a destination's function reports in its log."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROBLEMS_KEPT: Final = 5


@dataclass(slots=True)
class Problem:
    """A problem with its times, in milliseconds since the epoch.

    Attributes:
        words: The function's sentence.
        first: Time of the first report.
        last: Time of the last report.
        batches: Number of batches that reported it.
        over_at: Time when a batch delivered events without reporting it; ``None`` before that.
    """

    words: str
    first: int
    last: int
    batches: int = 1
    over_at: int | None = None


class Problems:
    """The problems of one destination. Not safe to use from several threads."""

    def __init__(self) -> None:
        self._problems: dict[str, Problem] = {}

    def batch(self, time: int, words: Sequence[str], *, delivered: bool) -> bool:
        """Record a batch.

        Args:
            time: Time when the batch ended, in milliseconds since the epoch.
            words: The problems that it reported.
            delivered: Whether it delivered any event.

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
        """Return the problems as JSON values, newest first."""
        return [asdict(problem) for problem in reversed(self._problems.values())]
