"""Keeps requests within a rate quota, and admits the oldest retries first."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gtm_events.deadline import Deadline

RECOVERY_REQUESTS: Final = 20
"""Answered requests after which a halved rate is the full rate again."""
SLOW_DOWN_SECONDS: Final = 1.0
"""Shortest time between two halvings: requests under way may still be refused at the old rate."""

# Calls of this length can still use the whole quota.
_CALL_SECONDS: Final = 0.25
_LEAST_AT_ONCE: Final = 2


class Pacer:
    """A token bucket that halves its rate when throttled and recovers it request by request.

    The quota is known, so the bucket enforces it from the first request on. Others may share the
    quota: a second instance of the function, or another application of the account. Throttling
    shows that they do. botocore's adaptive mode would first have to learn the quota, through a
    burst of refused requests after each cold start, and its waits ignore the invocation's deadline.

    Thread-safe. One instance serves many invocations.

    Args:
        rate: Requests per second. The burst is one less than the rate, although services such as
            Amazon Pinpoint allow as many: requests vary in travel time, so a full burst could
            arrive together with the request after it.
    """

    def __init__(self, rate: float) -> None:
        self._quota = rate
        self._rate = rate
        self._burst = max(1.0, rate - 1)
        self._tokens = self._burst
        self._counted_at = time.monotonic()
        self._slowed_at = -math.inf
        self._lock = threading.Lock()

    @property
    def rate(self) -> float:
        """Current requests per second."""
        return self._rate

    def acquire(self, deadline: Deadline) -> bool:
        """Wait for the next request's turn. Return ``False`` at once if ``deadline`` is earlier."""
        with self._lock:
            now = time.monotonic()
            self._refill(now)
            wait = max(0.0, (1 - self._tokens) / self._rate)
            if now + wait >= deadline.at:
                return False
            self._tokens -= 1
        if wait:
            time.sleep(wait)
        return True

    def throttled(self) -> None:
        """Note that a request was throttled."""
        with self._lock:
            now = time.monotonic()
            self._refill(now)
            self._tokens = min(self._tokens, 0.0)
            if now - self._slowed_at >= SLOW_DOWN_SECONDS:
                self._slowed_at = now
                self._rate = max(1.0, self._rate / 2)

    def answered(self) -> None:
        """Note that a request was answered."""
        with self._lock:
            if self._rate < self._quota:
                self._refill(time.monotonic())
                self._rate = min(self._quota, self._rate + self._quota / RECOVERY_REQUESTS)

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._counted_at) * self._rate)
        self._counted_at = now


class RetryLine:
    """Admits tasks that need further requests, oldest first and few at a time.

    A message counts as delivered only when all its events are. If all tasks with throttled or
    refused entries proceeded at once, the quota could run out before any message is complete.

    Thread-safe. One instance serves one invocation.

    Args:
        pacer: Its rate limits the number of admitted tasks. Throttling of single entries lowers
            that number without changing the rate.
        at_once: Maximum number of calls under way.
    """

    def __init__(self, pacer: Pacer, at_once: int) -> None:
        self._pacer = pacer
        self._at_once = at_once
        self._width = at_once
        # Number of pending answers to calls that began before the width was last reduced. They say
        # nothing about the new width.
        self._stale = 0
        self._waiting: set[int] = set()
        self._moved = threading.Condition()

    def wait(self, number: int, deadline: Deadline) -> bool:
        """Wait until a task may proceed. Return ``False`` if ``deadline`` comes first.

        Args:
            number: Number of the task: lower is older. It stays in line until :meth:`leave`.
            deadline: When to stop waiting.
        """
        with self._moved:
            self._waiting.add(number)
            return self._moved.wait_for(
                lambda: self._is_in_front(number), timeout=max(0.0, deadline.remaining())
            )

    def leave(self, number: int) -> None:
        """Note that a task needs no further request."""
        with self._moved:
            if number in self._waiting:
                self._waiting.remove(number)
                self._moved.notify_all()

    def throttled(self) -> None:
        """Note that some entries were throttled."""
        with self._moved:
            if self._stale > 0:
                self._stale -= 1
            else:
                self._stale = self._width
                self._width = max(1, self._width // 2)

    def answered(self) -> None:
        """Note that a retry was answered without throttled entries."""
        with self._moved:
            self._width = min(self._at_once, self._width + 1)
            self._moved.notify_all()

    def is_full(self) -> bool:
        """Return whether the waiting tasks use all capacity, so that no new one should begin."""
        with self._moved:
            return len(self._waiting) >= self._allowed()

    def _is_in_front(self, number: int) -> bool:
        return sum(other < number for other in self._waiting) < self._allowed()

    def _allowed(self) -> int:
        usable = max(_LEAST_AT_ONCE, math.ceil(self._pacer.rate * _CALL_SECONDS))
        return min(usable, self._width)
