"""Arrivals of messages: steady, in bursts, or as a crowd."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

# Above this many events per bin, the events of a bin form one cohort.
_BIN_EVENTS = 10
_BIN_SECONDS = 0.1


class Cohort(NamedTuple):
    """A group of messages that arrived together.

    Attributes:
        arrived: Time of arrival, in seconds.
        receives: Number of times that the messages were received.
        size: Number of messages.
    """

    arrived: float
    receives: int
    size: int


class Phase(NamedTuple):
    """A period of even traffic: ``seconds`` at ``rate`` events per second."""

    seconds: float
    rate: float


def steady(rate: float, seconds: float) -> list[Phase]:
    """Return traffic without bursts: a Poisson process."""
    return [Phase(seconds, rate)]


def bursty(
    rate: float,
    seconds: float,
    random: Random,
    *,
    factor: float = 10.0,
    burst: float = 20.0,
    quiet: float = 100.0,
) -> list[Phase]:
    """Return traffic that is quiet for about ``quiet`` seconds, then bursts for ``burst``.

    A burst has ``factor`` times the events of a quiet period. The overall average is exactly
    ``rate`` events per second.
    """
    phases: list[Phase] = []
    left = seconds
    bursting = False
    while left > 0:
        length = min(left, burst if bursting else random.uniform(0.5, 1.5) * quiet)
        phases.append(Phase(length, factor if bursting else 1.0))
        left -= length
        bursting = not bursting
    scale = rate * seconds / sum(phase.seconds * phase.rate for phase in phases)
    return [Phase(phase.seconds, phase.rate * scale) for phase in phases]


def flash_crowd(rate: float, crowd: float, *, before: float, during: float) -> list[Phase]:
    """Return steady traffic followed by one crowd."""
    return [Phase(before, rate), Phase(during, crowd)]


def poisson(mean: float, random: Random) -> int:
    """Draw from a Poisson distribution."""
    if mean > 30:  # noqa: PLR2004 - above this the normal distribution is as good, and faster
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    count = 0
    limit = math.exp(-mean)
    product = random.random()
    while product > limit:
        count += 1
        product *= random.random()
    return count


def binomial(count: int, share: float, random: Random) -> int:
    """Draw from a binomial distribution of ``count`` trials with probability ``share``."""
    if share >= 1:
        return count
    if count * share * (1 - share) > 9:  # noqa: PLR2004 - above this the normal distribution is close enough
        drawn = random.gauss(count * share, math.sqrt(count * share * (1 - share)))
        return min(count, max(0, round(drawn)))
    return sum(random.random() < share for _ in range(count))


def arrivals(phases: Iterable[Phase], random: Random) -> Iterator[Cohort]:
    """Yield the arriving cohorts, in order."""
    start = 0.0
    for seconds, rate in phases:
        end = start + seconds
        if rate * _BIN_SECONDS <= _BIN_EVENTS:
            now = start
            while rate > 0 and (now := now + random.expovariate(rate)) < end:
                yield Cohort(now, 0, 1)
        else:
            bins = round(seconds / _BIN_SECONDS)
            for number in range(bins):
                if count := poisson(rate * seconds / bins, random):
                    yield Cohort(start + (number + 0.5) * seconds / bins, 0, count)
        start = end
