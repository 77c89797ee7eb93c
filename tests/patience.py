"""Time limits that decide no test: a busy machine passes, and a test that hangs ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gtm_events.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

HANG_SECONDS: Final = 300.0
"""Long enough to be sure that nothing comes any more."""


@dataclass(frozen=True)
class DeadlineWhen(Deadline):
    """A deadline that passes when a test says so, whatever the clock says.

    Attributes:
        at: Of no meaning.
        passed: Returns whether it has passed. It may wait for that.
    """

    passed: Callable[[], bool]

    def remaining(self) -> float:
        """Return the seconds left: plenty, or none."""
        return 0.0 if self.passed() else HANG_SECONDS

    def earlier(self, seconds: float) -> Deadline:
        """Return the deadline for starting something: it never passes."""
        return Deadline.after(HANG_SECONDS - seconds)
