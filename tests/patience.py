"""Time limits that only end tests that hang, so that a busy machine passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gtm_events.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

HANG_SECONDS: Final = 300.0
"""Seconds after which nothing more is expected."""


@dataclass(frozen=True)
class DeadlineWhen(Deadline):
    """A deadline that passes when a test decides, regardless of the clock.

    Attributes:
        at: Not used.
        passed: Returns whether the deadline has passed, and may wait for it.
    """

    passed: Callable[[], bool]

    def remaining(self) -> float:
        """Return the remaining seconds: many, or none."""
        return 0.0 if self.passed() else HANG_SECONDS

    def earlier(self, seconds: float) -> Deadline:
        """Return the deadline for starting a call, which never passes."""
        return Deadline.after(HANG_SECONDS - seconds)
