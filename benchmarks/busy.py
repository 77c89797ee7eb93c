"""Tells whether anything else used this machine while something was measured."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MOST_FOR_OTHERS: Final = 0.1
"""Share of the machine's processors above which a figure of time says little about the project."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor time since the machine started, in seconds.

    Attributes:
        total: All their time together.
        used: The part of it in which they were at work, or another guest of the same host was.
        own: The part of that for this process and the children that it has waited for.
    """

    total: float
    used: float
    own: float

    @classmethod
    def now(cls) -> Usage:
        """Return the usage up to now."""
        first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
        user, nice, system, idle, waiting, *rest = (
            int(number) / os.sysconf("SC_CLK_TCK") for number in first.split()[1:9]
        )
        used = user + nice + system + sum(rest)  # rest: interrupts, and what the host took
        return cls(used + idle + waiting, used, sum(os.times()[:4]))

    def others_until(self, later: Usage) -> float:
        """Return the share of the processors' time that others used between this and ``later``."""
        total = later.total - self.total
        others = (later.used - self.used) - (later.own - self.own)
        return max(0.0, others / total) if total else 0.0
