"""Deadlines on the monotonic clock."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock.

    Attributes:
        at: The moment, in seconds of :func:`time.monotonic`.
    """

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline that many seconds from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Return the seconds left, negative once it has passed."""
        return self.at - time.monotonic()

    def earlier(self, seconds: float) -> Deadline:
        """Return a deadline that many seconds before this one."""
        return Deadline(self.at - seconds)
