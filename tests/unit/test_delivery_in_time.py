"""Delivery within the deadline and the destination's quota."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gtm_events import deadline, pacing
from gtm_events.pacing import Pacer
from tests.destinations.kinesis.service import FakeKinesis
from tests.unit.builders import Answered, FakeDeadLetters, FakePinpoint, check_totals, deliver
from tests.unit.delivering import FailingDestination, events, one_at_a_time

if TYPE_CHECKING:
    from gtm_events.event import Event
    from tests.destinations.fake import Verdict


pytestmark = pytest.mark.usefixtures("no_backoff")


@pytest.mark.parametrize(("throttled", "slower"), [("ab", 1), ("a", 0)])
def test_a_request_whose_every_entry_is_throttled_slows_the_sender_down(
    monkeypatch: pytest.MonkeyPatch, throttled: str, slower: int
) -> None:
    """A hot shard does not slow the sender down: other entries of its requests are accepted."""
    noted: list[Pacer] = []
    monkeypatch.setattr(Pacer, "throttled", lambda pacer: noted.append(pacer))  # noqa: PLW0108 - bound
    still = set(throttled)

    def decide(event: Event) -> Verdict:
        if event.event_type in still:
            still.remove(event.event_type)
            return "throttled"
        return "ok"

    batch = deliver(events("a", "b"), service=FakeKinesis(decide))
    assert batch.delivered == 2
    assert batch.counts["throttles"] == 1
    assert len(noted) == slower


@pytest.mark.parametrize("seconds", [0.0, 5.0, 13.9])
def test_near_the_deadline_nothing_is_sent_and_everything_comes_back(seconds: float) -> None:
    pinpoint, letters = FakePinpoint(), FakeDeadLetters()
    batch = deliver(events("a", "b"), service=pinpoint, dead_letters=letters, seconds=seconds)
    assert pinpoint.requests == []
    assert batch.retried == {"out_of_time": 2}
    check_totals(batch, letters)


def test_it_stops_before_its_deadline_when_the_destination_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0

    def slow(_endpoint_id: str, _event_id: str, _event: dict[str, Any]) -> tuple[int, str]:
        nonlocal now
        now += 0.004  # times 100 events
        return 202, "Accepted"

    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr(deadline, "time", clock)
    monkeypatch.setattr(pacing, "time", clock)
    letters = FakeDeadLetters()
    with one_at_a_time():
        batch = deliver(
            events(*["e"] * 2_000),
            service=FakePinpoint(respond=slow),
            dead_letters=letters,
            seconds=16,  # of which 14 are reserved for one call and for settling
        )
    # Two seconds remain, and each request takes 0.4. No request begins after that.
    assert batch.delivered in {500, 600}
    assert batch.retried == {"out_of_time": 2_000 - batch.delivered}
    check_totals(batch, letters)


def test_the_quota_is_kept() -> None:
    pinpoint = FakePinpoint()
    started = time.monotonic()
    batch = deliver(events(*["e"] * 2_000), service=pinpoint, requests_per_second=10)
    assert batch.delivered == 2_000
    # 20 requests: a burst of 10, then 10 a second.
    assert time.monotonic() - started >= 0.9


def test_throttling_slows_the_sender_down() -> None:
    pinpoint = FakePinpoint(
        respond=FailingDestination(Answered(429, "TooManyRequestsException"), times=1)
    )
    started = time.monotonic()
    batch = deliver(events("a"), service=pinpoint, requests_per_second=4)
    assert batch.delivered == 1
    assert time.monotonic() - started >= 0.45  # half of 4 per second
