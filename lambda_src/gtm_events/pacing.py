"""Keeps a client inside a quota of requests a second, and lets the oldest go on first."""

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
# So long a call may take, and the quota is used all the same.
_CALL_SECONDS = 0.25
_LEAST_AT_ONCE = 2


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


class Line:
    """Lets those that need further requests go on, the oldest first and few at a time.

    A message is delivered when all of it is. If everything that was throttled, or has a refused
    entry in it, went on at the same time, a quota could end before any of it is whole.

    Thread-safe; one instance serves one invocation.

    Args:
        pacer: As many go on as its rate can use; fewer while single entries are throttled, which
            does not change its rate.
        at_once: Calls under way at once.
    """

    def __init__(self, pacer: Pacer, at_once: int) -> None:
        self._pacer = pacer
        self._at_once = at_once
        self._width = at_once
        # Answers to what was under way when fewer were let on say nothing of that.
        self._stale = 0
        self._waiting: set[int] = set()
        self._moved = threading.Condition()

    def wait(self, number: int, deadline: Deadline) -> bool:
        """Wait until ``number`` may go on; ``False`` if that is not before ``deadline``.

        Args:
            number: The lower, the older. It stays in the line until :meth:`leave`.
            deadline: When to stop waiting.
        """
        with self._moved:
            self._waiting.add(number)
            return self._moved.wait_for(
                lambda: self._is_in_front(number), timeout=max(0.0, deadline.remaining())
            )

    def leave(self, number: int) -> None:
        """Note that ``number`` needs no further request."""
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
        """Note that no entry of a further request was throttled."""
        with self._moved:
            self._width = min(self._at_once, self._width + 1)
            self._moved.notify_all()

    def is_full(self) -> bool:
        """Return whether those in the line need all there is: nothing new should begin."""
        with self._moved:
            return len(self._waiting) >= self._allowed()

    def _is_in_front(self, number: int) -> bool:
        return sum(other < number for other in self._waiting) < self._allowed()

    def _allowed(self) -> int:
        usable = max(_LEAST_AT_ONCE, math.ceil(self._pacer.rate * _CALL_SECONDS))
        return min(usable, self._width)
