"""Models of the function's pacer and of a destination's quotas."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from capacity.arrivals import Cohort, binomial
from capacity.destinations.kinesis import SHARD_RECORDS
from gtm_events.pacing import RECOVERY_REQUESTS, SLOW_DOWN_SECONDS

if TYPE_CHECKING:
    from random import Random


class ModelPacer:
    """:class:`gtm_events.pacing.Pacer` with a simulated clock."""

    def __init__(self, rate: float, now: float = 0.0) -> None:
        self.quota = rate
        self.rate = rate
        self.burst = max(1.0, rate - 1)
        self.tokens = self.burst
        self.counted_at = now
        self.slowed_at = -math.inf

    def acquire(self, now: float, deadline: float) -> float | None:
        """Return the seconds until the next request may start, or ``None`` if that is too late."""
        self._refill(now)
        wait = max(0.0, (1 - self.tokens) / self.rate)
        if now + wait >= deadline:
            return None
        self.tokens -= 1
        return wait

    def throttled(self, now: float) -> None:
        """Record a throttled request, which halves the rate."""
        self._refill(now)
        self.tokens = min(self.tokens, 0.0)
        if now - self.slowed_at >= SLOW_DOWN_SECONDS:
            self.slowed_at = now
            self.rate = max(1.0, self.rate / 2)

    def answered(self, now: float) -> None:
        """Record a request that was not throttled, which raises the rate again."""
        if self.rate < self.quota:
            self._refill(now)
            self.rate = min(self.quota, self.rate + self.quota / RECOVERY_REQUESTS)

    def _refill(self, now: float) -> None:
        self.tokens = min(self.burst, self.tokens + (now - self.counted_at) * self.rate)
        self.counted_at = now


class Bucket:
    """A token bucket, initially full, whose capacity is one second's worth of tokens."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.tokens = rate
        self.counted_at = 0.0

    def take(self, now: float, wanted: int) -> int:
        """Take up to ``wanted`` tokens; return how many there were."""
        self.tokens = min(self.rate, self.tokens + (now - self.counted_at) * self.rate)
        self.counted_at = now
        taken = min(wanted, int(self.tokens))
        self.tokens -= taken
        return taken


class Quota:
    """An account's quota of requests. Each request is accepted or refused as a whole."""

    def __init__(self, rate: float) -> None:
        self._bucket = Bucket(rate)

    def takes(self, now: float) -> bool:
        """Return whether the quota accepts a request that arrives now."""
        return self._bucket.take(now, 1) == 1

    def split(self, now: float, cohorts: list[Cohort]) -> tuple[list[Cohort], list[Cohort]]:
        """Return the accepted and the refused cohorts of a request."""
        return (cohorts, []) if self.takes(now) else ([], cohorts)


class Shards:
    """The quotas of a provisioned Kinesis stream: records per shard, independent of requests."""

    def __init__(self, number: int, random: Random) -> None:
        self._shards = [Bucket(SHARD_RECORDS) for _ in range(number)]
        self._random = random

    def split(self, now: float, cohorts: list[Cohort]) -> tuple[list[Cohort], list[Cohort]]:
        """Return the accepted and the refused cohorts of a request."""
        taken: list[Cohort] = []
        refused: list[Cohort] = []
        for cohort in cohorts:
            left, let_in = cohort.size, 0
            for index, shard in enumerate(self._shards):
                share = 1 / (len(self._shards) - index)
                here = binomial(left, share, self._random)
                left -= here
                let_in += shard.take(now, here)
            if let_in:
                taken.append(Cohort(cohort.arrived, cohort.receives, let_in))
            if let_in < cohort.size:
                refused.append(Cohort(cohort.arrived, cohort.receives, cohort.size - let_in))
        return taken, refused
