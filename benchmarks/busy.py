"""Detection of other load on this machine during a measurement."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MOST_FOR_OTHERS: Final = 0.1
"""Share of the processors used by others above which measured times are unreliable."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor times since the machine started, in seconds.

    Attributes:
        total: Total time of all processors.
        used: Time in which they were busy, or in use by another guest of the same host.
        own: Busy time of this process and of its children that have ended.
    """

    total: float
    used: float
    own: float

    @classmethod
    def now(cls) -> Usage:
        """Return the current usage."""
        first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
        user, nice, system, idle, waiting, *rest = (
            int(number) / os.sysconf("SC_CLK_TCK") for number in first.split()[1:9]
        )
        used = user + nice + system + sum(rest)  # rest: interrupts, and time taken by the host
        return cls(used + idle + waiting, used, sum(os.times()[:4]))

    def others_until(self, later: Usage) -> float:
        """Return the share of processor time that others used from this usage to ``later``."""
        total = later.total - self.total
        others = (later.used - self.used) - (later.own - self.own)
        return max(0.0, others / total) if total else 0.0
