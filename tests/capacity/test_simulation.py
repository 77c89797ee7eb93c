"""The simulation against the code it stands for, and against sums that can be done by hand."""

# ruff: noqa: S311 - random numbers are not for cryptography here

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from random import Random
from statistics import fmean, variance

import pytest

from capacity import arrivals, simulation
from capacity.arrivals import (
    Cohort,
    Phase,
    binomial,
    bursty,
    flash_crowd,
    poisson,
    steady,
)
from capacity.model import ConnectorSettings, Timing, Traffic, invocations_per_second
from capacity.pipeline import Result, Setup, pack, percentiles, simulate
from capacity.throttling import ModelPacer, Quota, Shards
from gtm_events import pacing
from gtm_events.deadline import Deadline
from gtm_events.pacing import Pacer

# Not capacity.model.TIMING, which changes with every measurement.
TIMING = Timing(invocation_cpu=0.0001, event_cpu=20e-6, request_cpu=0.0004, request_latency=0.1)
DEFAULT = Setup(timing=TIMING)
# Each of two functions is told half of the quota: nothing is refused, so sums come out even.
EVEN = replace(DEFAULT, settings=ConnectorSettings(requests_per_second=7.5))


def check_totals(result: Result) -> None:
    assert result.arrived == result.delivered + result.dead_lettered + result.waiting
    assert sum(count for _, count in result.latencies) == result.delivered


def mean(weighted: list[tuple[float, int]]) -> float:
    return sum(value * count for value, count in weighted) / sum(count for _, count in weighted)


class Clock:
    """A clock that only the test moves; what would be slept is noted."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept = seconds


def test_the_pacer_is_the_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(pacing, "time", clock)
    random = Random(1)
    real, model = Pacer(15), ModelPacer(15)
    for _ in range(5_000):
        clock.now += random.choice((0.0, 0.01, 0.1, 0.5, 3.0))
        match random.randrange(4):
            case 0:
                real.throttled()
                model.throttled(clock.now)
            case 1:
                real.answered()
                model.answered(clock.now)
            case _:
                deadline = clock.now + random.choice((0.05, 1.0, 60.0))
                clock.slept = 0.0
                wait = model.acquire(clock.now, deadline)
                assert real.acquire(Deadline(deadline)) == (wait is not None)
                assert clock.slept == pytest.approx(wait or 0.0)
        assert real.rate == pytest.approx(model.rate)


def test_the_quota_is_a_burst_and_a_rate() -> None:
    quota = Quota(15)
    assert [quota.takes(0.0) for _ in range(16)] == [True] * 15 + [False]
    taken = sum(quota.takes(number / 100) for number in range(1, 1_001))
    assert taken == pytest.approx(150, abs=1)


def sizes(cohorts: list[Cohort]) -> int:
    return sum(cohort.size for cohort in cohorts)


def test_a_shard_takes_records_whatever_the_request() -> None:
    shard = Shards(1, Random(6))
    request = [Cohort(0.0, 1, 300), Cohort(1.0, 2, 200)]
    assert shard.split(0.0, request) == (request, [])
    assert shard.split(0.0, request) == (request, [])
    assert shard.split(0.0, request) == ([], request)
    # 400 records later the first cohort is in, and a part of the second.
    assert shard.split(0.4, request) == ([request[0], Cohort(1.0, 2, 100)], [Cohort(1.0, 2, 100)])


def test_shards_share_the_records_and_lose_none() -> None:
    stream = Shards(4, Random(7))
    taken = refused = 0
    for number in range(10):
        let_in, left = stream.split(0.0, [Cohort(float(number), 1, 500)])
        assert sizes(let_in) + sizes(left) == 500
        taken, refused = taken + sizes(let_in), refused + sizes(left)
    assert taken == 4_000
    assert refused == 1_000
    # Not one shard after the other: after 2,000 records each has taken about 500.
    stream = Shards(4, Random(7))
    for _ in range(4):
        stream.split(0.0, [Cohort(0.0, 1, 500)])
    assert all(shard.tokens == pytest.approx(500, abs=60) for shard in stream._shards)


@pytest.mark.parametrize(("count", "share"), [(8, 0.25), (400, 0.5)])
def test_records_are_spread_binomially(count: int, share: float) -> None:
    random = Random(8)
    drawn = [binomial(count, share, random) for _ in range(4_000)]
    assert fmean(drawn) == pytest.approx(count * share, rel=0.05)
    assert variance(drawn) == pytest.approx(count * share * (1 - share), rel=0.1)
    assert min(drawn) >= 0
    assert max(drawn) <= count
    assert binomial(count, 1.0, random) == count


def test_packing_fills_requests() -> None:
    requests = pack([Cohort(0.0, 1, 250), Cohort(1.0, 1, 60)], 100)
    assert [[cohort.size for cohort in request] for request in requests] == [
        [100],
        [100],
        [50, 50],
        [10],
    ]


def test_percentiles_count_messages() -> None:
    weighted = [(3.0, 1), (1.0, 98), (2.0, 1)]
    assert percentiles(weighted, 0.5, 0.98, 0.99, 1.0) == [1.0, 1.0, 2.0, 3.0]
    assert all(math.isnan(value) for value in percentiles([], 0.5, 1.0))


@pytest.mark.parametrize("expected", [0.5, 20, 75])
def test_arrivals_are_poisson(expected: float) -> None:
    random = Random(2)
    drawn = [poisson(expected, random) for _ in range(4_000)]
    assert fmean(drawn) == pytest.approx(expected, rel=0.05)
    assert variance(drawn) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("rate", [2, 400])
def test_as_many_arrive_as_are_asked_for_and_in_order(rate: float) -> None:
    cohorts = list(arrivals.arrivals(steady(rate, 500), Random(3)))
    arrived = sum(cohort.size for cohort in cohorts)
    assert arrived == pytest.approx(rate * 500, abs=4 * math.sqrt(rate * 500))
    assert all(earlier.arrived <= later.arrived for earlier, later in pairwise(cohorts))


def test_bursts_keep_the_average() -> None:
    phases = bursty(500, 600, Random(4))
    assert sum(phase.seconds for phase in phases) == pytest.approx(600)
    assert sum(phase.seconds * phase.rate for phase in phases) == pytest.approx(500 * 600)
    rates = sorted({round(phase.rate, 6) for phase in phases})
    assert rates[1] / rates[0] == pytest.approx(10)


def test_the_same_seed_gives_the_same_run_and_another_another() -> None:
    phases = steady(200, 30)
    assert simulate(DEFAULT, phases, seed=5) == simulate(DEFAULT, phases, seed=5)
    assert simulate(DEFAULT, phases, seed=5) != simulate(DEFAULT, phases, seed=6)


@pytest.mark.parametrize("rate", [0.3, 30, 3_000])
@pytest.mark.parametrize("until", [3.0, 17.5, math.inf])
def test_nothing_is_lost(rate: float, until: float) -> None:
    result = simulate(DEFAULT, steady(rate, 30), until=until)
    check_totals(result)
    if until == math.inf:
        assert result.waiting == 0
    elif rate > 1:
        assert result.waiting > 0


@pytest.mark.parametrize("rate", [0.5, 5, 50, 500])
def test_invocations_and_requests_are_what_the_cost_model_takes(rate: float) -> None:
    result = simulate(EVEN, steady(rate, 600))
    expected = invocations_per_second(rate, EVEN.settings, Traffic(), TIMING) * result.ended
    assert result.invocations == pytest.approx(expected, rel=0.1)
    assert result.throttled < 0.01 * result.requests
    # Between as full as can be, and one request more for each batch.
    assert result.delivered / 100 <= result.requests
    assert result.requests <= result.delivered / 100 + result.invocations + result.throttled


def test_a_quiet_queue_waits_half_a_window() -> None:
    for window in (2.0, 10.0):
        settings = ConnectorSettings(batching_window=window)
        result = simulate(replace(DEFAULT, settings=settings), steady(5, 2_000))
        assert mean(result.waits) == pytest.approx(window / 2, rel=0.06)
        assert max(wait for wait, _ in result.waits) <= window + 1


def test_full_batches_do_not_wait_for_their_window() -> None:
    settings = ConnectorSettings(batch_size=100, batching_window=60)
    result = simulate(replace(DEFAULT, settings=settings), steady(200, 60))
    assert result.requests == pytest.approx(result.delivered / 100, abs=2)
    assert percentiles(result.waits, 0.5)[0] < 2


def test_saturation_is_15_requests_of_100_events() -> None:
    result = simulate(EVEN, steady(3_000, 90), until=90)
    check_totals(result)
    settled = [sample.delivered for sample in result.samples if sample.time > 20]
    # A batch is cut at 6 MB: 4,444 messages are 44 full requests and one that is not.
    assert fmean(settled) == pytest.approx(15 * 4_444 / 45, rel=0.01)
    assert result.throttled == 0


@pytest.mark.parametrize("shards", [1, 3])
def test_a_stream_saturates_at_1000_records_a_shard(shards: int) -> None:
    setup = replace(simulation.to_kinesis(shards), timing=TIMING)
    result = simulate(setup, steady(1_500 * shards, 60), until=60)
    check_totals(result)
    settled = [sample.delivered for sample in result.samples if sample.time > 10]
    assert fmean(settled) == pytest.approx(1_000 * shards, rel=0.03)
    # A part of most requests is refused, all of hardly any one that is not small.
    assert 0 < result.refused < result.throttled < result.requests


def test_below_its_quota_a_stream_gets_full_requests() -> None:
    setup = replace(simulation.to_kinesis(8), timing=TIMING)
    result = simulate(setup, steady(1_000, 120))
    check_totals(result)
    assert result.throttled == 0
    assert result.delivered / 500 <= result.requests
    assert result.requests <= result.delivered / 500 + result.invocations


def test_customer_profiles_saturate_at_100_requests_of_10_events() -> None:
    setup = replace(simulation.to_customer_profiles(), timing=TIMING)
    result = simulate(setup, steady(2_000, 60), until=60)
    check_totals(result)
    settled = [sample.delivered for sample in result.samples if sample.time > 20]
    assert fmean(settled) == pytest.approx(1_000, rel=0.02)
    # Of a request all is taken or nothing.
    assert result.refused == result.throttled > 0


def test_what_the_document_says_of_the_other_destinations() -> None:
    pinpoint, kinesis, profiles = simulation.DESTINATIONS
    for name in simulation.DESTINATIONS:
        for rate in (10, 200, 500, 1_000):
            assert simulation.at_destination(name, rate, bursts=False).delivered < 7
    assert simulation.at_destination(profiles, 1_200, bursts=False).delivered > 40
    for name in (pinpoint, kinesis):
        assert simulation.at_destination(name, 1_200, bursts=False).delivered < 10
    # In a burst it is the quotas' order: 1,000, 1,500 and 2,000 events a second.
    for rate in (500, 1_000, 1_200):
        times = [
            simulation.at_destination(name, rate, bursts=True).delivered
            for name in (profiles, pinpoint, kinesis)
        ]
        assert times == sorted(times, reverse=True)
    below, above = (
        simulation.of_case(case) for case in simulation.cases() if case.setup.shards == 1
    )
    assert below.returned == 0
    assert 0 < above.returned < 0.002 * above.arrived
    assert max(latency for latency, _ in above.latencies) > DEFAULT.visibility
    assert max(latency for latency, _ in below.latencies) < 5.6 + 3.5
    assert simulate(simulation.to_kinesis(2), steady(1_200, 120)).returned == 0


def test_one_by_one_saturates_at_15_events() -> None:
    settings = ConnectorSettings(batch_size=10, batching_window=0.0, events_per_request=1)
    setup = replace(DEFAULT, settings=replace(settings, requests_per_second=7.5))
    result = simulate(setup, steady(60, 60), until=60)
    settled = [sample.delivered for sample in result.samples if sample.time > 20]
    assert fmean(settled) == pytest.approx(15, rel=0.05)


def test_a_crowd_piles_up_and_drains_as_the_arithmetic_says() -> None:
    phases = [*flash_crowd(100, 3_000, before=20, during=40), Phase(80, 100)]
    samples = simulate(EVEN, phases).samples
    peak = max(sample.undelivered for sample in samples)
    # The first window of the crowd passes before anything of it is sent.
    assert peak == pytest.approx((3_000 - 1_500) * 40, abs=1_500 * 5)
    drained = next(s.time for s in samples if s.time > 60 and s.undelivered < 1_000)
    assert drained - 60 == pytest.approx(peak / (1_500 - 100), abs=6)


def test_two_functions_that_are_told_the_whole_quota_get_in_each_others_way() -> None:
    alike = simulate(DEFAULT, steady(1_800, 120))
    assert alike.throttled > 0.2 * alike.requests
    # But there is time for as many attempts as it takes.
    assert alike.returned == 0
    assert alike.ended == pytest.approx(1_800 * 120 / 1_500, rel=0.1)
    even = simulate(EVEN, steady(1_800, 120))
    assert even.throttled == even.returned == 0
    impatient = simulate(replace(DEFAULT, max_attempts=4), steady(1_800, 120))
    assert impatient.returned > 0
    # What is refused four times comes back after the visibility timeout, and then is delivered.
    slowest = max(latency for latency, _ in impatient.latencies)
    assert slowest > DEFAULT.visibility
    assert impatient.delivered == impatient.arrived


def test_a_destination_that_refuses_everything_fills_the_dead_letter_queue() -> None:
    result = simulate(replace(DEFAULT, quota=1e-9, max_receive_count=3), steady(1, 20))
    assert result.dead_lettered == result.arrived > 0
    assert result.delivered == 0
    assert result.returned == 3 * result.arrived
    assert result.ended >= 2 * DEFAULT.visibility


def test_an_invocation_ends_in_time() -> None:
    # One request a second: of 100 requests some 45 get their turn before 7 + 7 seconds are left.
    settings = ConnectorSettings(max_concurrency=2, requests_per_second=1.0, batch_size=4_000)
    setup = replace(DEFAULT, settings=settings, quota=1_000.0)
    result = simulate(setup, [Phase(1.0, 16_000.0)], until=100)
    assert result.returned == 0
    settings = replace(settings, batch_size=10_000)
    small = Traffic(message=50, record_overhead=500)
    setup = replace(DEFAULT, settings=settings, traffic=small, quota=1_000.0)
    result = simulate(setup, [Phase(1.0, 20_000.0)], until=61)
    check_totals(result)
    assert result.returned == pytest.approx(2 * 100 * (100 - 45), abs=400)


def test_messages_in_flight_are_at_most_the_batches() -> None:
    result = simulate(EVEN, steady(3_000, 60))
    assert result.most_in_flight == 2 * 4_444


def test_a_slow_event_source_binds_before_the_quota() -> None:
    setup = replace(EVEN, receive_rate=300.0)
    result = simulate(setup, steady(1_000, 60), until=60)
    settled = [sample.delivered for sample in result.samples if sample.time > 20]
    assert fmean(settled) < 620
