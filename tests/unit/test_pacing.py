"""Tests of the pacer, which keeps requests within a quota."""

from __future__ import annotations

from itertools import pairwise
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtm_events import pacing
from gtm_events.deadline import Deadline
from gtm_events.pacing import Pacer, RetryLine


class Clock:
    """A clock that only ``sleep()`` advances."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pacing, "time", clock)
    return clock


FOREVER = Deadline(1e9)


def times(pacer: Pacer, clock: Clock, requests: int) -> list[float]:
    started = clock.now
    seconds = []
    for _ in range(requests):
        assert pacer.acquire(FOREVER)
        pacer.answered()
        seconds.append(round(clock.now - started, 6))
    return seconds


def test_a_burst_then_the_rate(clock: Clock) -> None:
    seconds = times(Pacer(15), clock, 44)
    assert seconds[:14] == [0] * 14
    assert seconds[-1] == pytest.approx(2)
    gaps = [later - earlier for earlier, later in pairwise(seconds[13:])]
    assert gaps == pytest.approx([1 / 15] * 30, abs=1e-5)


def test_an_idle_second_fills_the_bucket_and_no_more(clock: Clock) -> None:
    pacer = Pacer(10)
    times(pacer, clock, 9)
    clock.now += 100
    assert times(pacer, clock, 10) == [0] * 9 + [0.1]


@given(st.lists(st.floats(0, 1 / 15), min_size=100, max_size=100))
def test_requests_that_take_longer_than_others_are_not_early(delays: list[float]) -> None:
    clock = Clock()
    with patch.object(pacing, "time", clock):
        sent = times(Pacer(15), clock, 100)
    tokens, counted_at = 15.0, 0.0
    for arrival in sorted(moment + delay for moment, delay in zip(sent, delays, strict=True)):
        tokens = min(15.0, tokens + (arrival - counted_at) * 15)
        counted_at = arrival
        assert tokens >= 1 - 1e-4  # because times() rounds
        tokens -= 1


def test_being_throttled_halves_the_rate_once_a_second(clock: Clock) -> None:
    pacer = Pacer(16)
    pacer.throttled()
    pacer.throttled()
    assert pacer.rate == 8
    clock.now += 1
    pacer.throttled()
    assert pacer.rate == 4
    for _ in range(10):
        clock.now += 1
        pacer.throttled()
    assert pacer.rate == 1


def test_after_being_throttled_there_is_no_burst(clock: Clock) -> None:
    pacer = Pacer(10)
    pacer.throttled()
    assert pacer.acquire(FOREVER)
    assert clock.now - 1_000 == pytest.approx(0.2)


@pytest.mark.usefixtures("clock")
def test_answers_win_the_rate_back() -> None:
    pacer = Pacer(20)
    pacer.throttled()
    for _ in range(10):
        pacer.answered()
    assert pacer.rate == pytest.approx(20)
    pacer.answered()
    assert pacer.rate == pytest.approx(20)


def test_a_turn_after_the_deadline_is_not_waited_for(clock: Clock) -> None:
    pacer = Pacer(1)
    assert pacer.acquire(Deadline(clock.now + 0.5))
    before = clock.now
    assert not pacer.acquire(Deadline(clock.now + 0.5))
    assert clock.now == before
    # The unused token is still there.
    assert pacer.acquire(Deadline(clock.now + 1.5))
    assert clock.now == before + 1


NOW = Deadline(0)  # in the past: a request that would have to wait gives up


def line(rate: float = 1_000, at_once: int = 8, waiting: int = 8) -> RetryLine:
    """Return a line with that many waiting tasks."""
    found = RetryLine(Pacer(rate), at_once)
    for number in range(waiting):
        found.wait(number, NOW)
    return found


def going_on(waiting: RetryLine) -> list[int]:
    return [number for number in range(8) if waiting.wait(number, NOW)]


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(1, 2), (8, 2), (15, 4), (20, 5), (1_000, 8)],  # a quarter of a second's requests
)
def test_the_oldest_go_on_as_many_as_the_rate_can_use(rate: float, expected: int) -> None:
    waiting = line(rate)
    assert going_on(waiting) == list(range(expected))
    assert waiting.is_full()


def test_when_one_leaves_the_next_goes_on() -> None:
    waiting = line(15)
    waiting.leave(1)
    waiting.leave(1)  # or who was never there
    assert waiting.wait(4, NOW)
    assert not waiting.wait(5, NOW)


def test_while_entries_are_throttled_fewer_go_on_and_then_more_again() -> None:
    waiting = line()
    waiting.throttled()
    assert going_on(waiting) == [0, 1, 2, 3]
    for _ in range(8):  # those already under way
        waiting.throttled()
    assert going_on(waiting) == [0, 1, 2, 3]
    for _ in range(20):
        waiting.throttled()
    assert going_on(waiting) == [0]  # at least one
    waiting.answered()
    assert going_on(waiting) == [0, 1]


def test_a_line_that_is_not_full_lets_others_begin() -> None:
    assert not line(15, waiting=3).is_full()
    assert line(15, waiting=4).is_full()
