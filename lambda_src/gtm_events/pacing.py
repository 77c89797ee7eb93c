"""Keeps a client inside a quota of requests a second."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gtm_events.deadline import Deadline

_RECOVERY_REQUESTS = 20
# Requests that were under way when the rate was halved are refused for the old one.
_SLOW_DOWN_SECONDS = 1.0


class Pacer:
    """A token bucket that halves its rate when throttled and wins it back request by request.

    The quota is known, so it is kept from the first request on. Somebody else may be using a part
    of it (a second instance of the function, another application of the account): that is learnt
    from being throttled. botocore's adaptive mode learns both, at the price of a burst of refused
    requests on every cold start, and waits without regard to the invocation's deadline.

    Thread-safe; one instance serves many invocations.

    Args:
        rate: Requests a second; also the service's burst, as Amazon Pinpoint's quotas have it. One
            request less goes out at once: some are a little longer on their way than others, and
            those would make the next ones early.
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
        """Requests a second at the moment."""
        return self._rate

    def acquire(self, deadline: Deadline) -> bool:
        """Wait for the next request's turn; ``False``, at once, if that is after ``deadline``."""
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
        """Note that a request was refused for its rate."""
        with self._lock:
            now = time.monotonic()
            self._refill(now)
            self._tokens = min(self._tokens, 0.0)
            if now - self._slowed_at >= _SLOW_DOWN_SECONDS:
                self._slowed_at = now
                self._rate = max(1.0, self._rate / 2)

    def answered(self) -> None:
        """Note that a request was answered."""
        with self._lock:
            if self._rate < self._quota:
                self._refill(time.monotonic())
                self._rate = min(self._quota, self._rate + self._quota / _RECOVERY_REQUESTS)

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._counted_at) * self._rate)
        self._counted_at = now
