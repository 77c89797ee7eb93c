"""Experiments with the model in :mod:`capacity.pipeline`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Final, NamedTuple

from capacity.arrivals import Phase, bursty, flash_crowd, steady
from capacity.destinations import customer_profiles, kinesis
from capacity.model import MILLION, ConnectorSettings, Traffic
from capacity.pipeline import SEED, Result, Setup, percentiles, simulate
from capacity.tables import markdown
from gtm_events.destinations.pinpoint import REQUESTS_PER_SECOND

RATES: Final = (1, 10, 100, 500, 1_000, 1_400, 1_500, 1_600)
SECONDS: Final = 600.0
CASE_SECONDS: Final = 300.0

DESTINATION_RATES: Final = (10, 200, 500, 1_000, 1_200)
DESTINATION_SECONDS: Final = 200.0
SHARDS: Final = 2

WINDOWS: Final = (1, 2, 5, 10, 20, 60)
BATCH_SIZES: Final = (10, 100, 1_000, 10_000)
SWEEP_RATE: Final = 100
SWEEP_SECONDS: Final = 200.0

CROWD: Final = 3_000
CROWD_SECONDS: Final = 60.0
CROWD_RATE: Final = 100
CROWD_BEFORE: Final = 30.0


@cache
def at_rate(rate: float, *, bursts: bool) -> Result:
    """Simulate the construct's defaults at ``rate`` events per second."""
    phases = bursty(rate, SECONDS, Random(SEED)) if bursts else steady(rate, SECONDS)  # noqa: S311 - not for cryptography
    return simulate(Setup(), phases)


@cache
def at_settings(batch_size: int, window: float) -> Result:
    """Simulate a batch size and a window at 100 events per second."""
    settings = ConnectorSettings(batch_size=batch_size, batching_window=window)
    return simulate(Setup(settings=settings), steady(SWEEP_RATE, SWEEP_SECONDS))


@cache
def crowd() -> Result:
    """Simulate the defaults with a minute of twice the events that the quota allows."""
    phases = [
        *flash_crowd(CROWD_RATE, CROWD, before=CROWD_BEFORE, during=CROWD_SECONDS),
        Phase(120.0, CROWD_RATE),
    ]
    return simulate(DEFAULT, phases)


DEFAULT: Final = Setup()


def to_kinesis(shards: int) -> Setup:
    """Return the defaults with a provisioned Kinesis stream as the destination."""
    return Setup(settings=kinesis.MODEL.settings(Traffic()), shards=shards)


def to_customer_profiles() -> Setup:
    """Return the defaults with Customer Profiles as the destination."""
    return Setup(
        settings=customer_profiles.MODEL.settings(Traffic()),
        quota=customer_profiles.MODEL.requests_per_second,
    )


DESTINATIONS: Final = {
    "Pinpoint": DEFAULT,
    f"Kinesis, {SHARDS} shards": to_kinesis(SHARDS),
    "Customer Profiles": to_customer_profiles(),
}


class Times(NamedTuple):
    """Latencies of one destination at one rate, in seconds.

    Attributes:
        waited: Age of a message when its batch is invoked, p99.
        median: Time to deliver, p50.
        delivered: Time to deliver, p99.
    """

    waited: float
    median: float
    delivered: float


@cache
def at_destination(name: str, rate: float, *, bursts: bool) -> Times:
    """Simulate a destination at ``rate`` events per second."""
    seconds = DESTINATION_SECONDS
    phases = bursty(rate, seconds, Random(SEED)) if bursts else steady(rate, seconds)  # noqa: S311 - not for cryptography
    result = simulate(DESTINATIONS[name], phases)
    (waited,) = percentiles(result.waits, 0.99)
    return Times(waited, *percentiles(result.latencies, 0.5, 0.99))


@dataclass(frozen=True, slots=True)
class Case:
    """A variation of the defaults.

    Attributes:
        name: Description of the change.
        setup: The complete setup.
        rate: Events per second, without bursts.
    """

    name: str
    setup: Setup
    rate: float


def cases() -> list[Case]:
    """Return the variations to compare."""
    defaults = ConnectorSettings()
    single = replace(defaults, batch_size=10, batching_window=0.0, events_per_request=1)
    return [
        Case("defaults: two functions, each set to the whole quota", DEFAULT, 1_600),
        Case("4 attempts a request instead of 20", Setup(max_attempts=4), 1_600),
        Case("each set to 7 of the 15", _with(requests_per_second=7.0), 1_600),
        Case("five functions, each set to the whole quota", _with(max_concurrency=5), 1_600),
        Case(
            "five functions, each set to 3 of the 15",
            _with(max_concurrency=5, requests_per_second=3.0),
            1_600,
        ),
        Case(
            "the account's quota raised to 100 per second, and each set to that",
            Setup(settings=replace(defaults, requests_per_second=100.0), quota=100.0),
            3_000,
        ),
        Case("reading limited to 500 messages per second and batch", _reading(500), 800),
        Case("reading limited to 500 messages per second and batch", _reading(500), 1_200),
        Case("to Kinesis, one shard", to_kinesis(1), 900),
        Case("to Kinesis, one shard", to_kinesis(1), 1_200),
        Case(
            "one by one: batches of 10, no window, one event per request",
            Setup(settings=single),
            10,
        ),
        Case(
            "one by one: batches of 10, no window, one event per request",
            Setup(settings=single),
            20,
        ),
    ]


def _with(*, max_concurrency: int = 2, requests_per_second: float = REQUESTS_PER_SECOND) -> Setup:
    return Setup(
        settings=ConnectorSettings(
            max_concurrency=max_concurrency, requests_per_second=requests_per_second
        )
    )


def _reading(rate: float) -> Setup:
    return replace(DEFAULT, receive_rate=rate)


@cache
def of_case(case: Case) -> Result:
    """Simulate a case."""
    return simulate(case.setup, steady(case.rate, CASE_SECONDS))


def seconds(value: float) -> str:
    """Return a time formatted for a table."""
    if math.isnan(value):
        return ""
    return f"{value:,.0f} s" if value >= 100 else f"{value:.1f} s"  # noqa: PLR2004 - enough digits


def share(part: float, whole: float) -> str:
    """Return a share formatted for a table."""
    if not part:
        return "0"
    percent = 100 * part / whole
    return f"{percent:.2f} %" if percent < 1 else f"{percent:.0f} %"


def _row(name: str, result: Result) -> list[str]:
    waited = percentiles(result.waits, 0.5, 0.99)
    delivered = percentiles(result.latencies, 0.5, 0.99, 1.0)
    return [
        name,
        *(seconds(value) for value in (*waited, *delivered)),
        f"{result.delivered / (result.requests - result.refused):.0f}",
        share(result.throttled, result.requests),
        share(result.returned, result.arrived),
    ]


_HEADER = [
    "queue age p50",
    "p99",
    "time to deliver p50",
    "p99",
    "longest",
    "events per request",
    "requests refused",
    "events returned",
]


def rates_table() -> str:
    """Return the table of queue age and delivery time by arrival rate."""
    rows = [
        _row(f"{rate:,}/s{', bursts' if bursts else ''}", at_rate(rate, bursts=bursts))
        for bursts in (False, True)
        for rate in RATES
    ]
    return markdown(["arriving", *_HEADER], rows)


def destination_rates_table() -> str:
    """Return the table of queue age and delivery time by destination."""
    rows = [
        [
            f"{rate:,}/s{', bursts' if bursts else ''}",
            *(
                seconds(value)
                for name in DESTINATIONS
                for value in at_destination(name, rate, bursts=bursts)
            ),
        ]
        for bursts in (False, True)
        for rate in DESTINATION_RATES
    ]
    header = ["arriving"]
    for name in DESTINATIONS:
        header += [f"{name}: queue age p99", "time to deliver p50", "p99"]
    return markdown(header, rows)


def cases_table() -> str:
    """Return the table of variations."""
    rows = [_row(f"{case.rate:,}/s, {case.name}", of_case(case)) for case in cases()]
    return markdown(["arriving, with", *_HEADER], rows)


def settings_table() -> str:
    """Return the table of latency, invocations and requests by batch size and window."""
    rows = []
    for batch_size, window in [
        *((10_000, window) for window in WINDOWS),
        *((size, 5) for size in BATCH_SIZES[:-1]),
        (10, 0),
    ]:
        result = at_settings(batch_size, window)
        delivered = percentiles(result.latencies, 0.5, 0.99, 1.0)
        rows.append(
            [
                f"{batch_size:,}, {window} s",
                *(seconds(value) for value in delivered),
                f"{result.arrived / result.invocations:.0f}",
                f"{result.invocations / result.arrived * MILLION:,.0f}",
                f"{result.requests / result.arrived * MILLION:,.0f}",
            ]
        )
    header = [
        "batch size, window",
        "time to deliver p50",
        "p99",
        "longest",
        "events per batch",
        "invocations per million",
        "requests per million",
    ]
    return markdown(header, rows)


TABLES: Final = {
    "rates": rates_table,
    "destination-rates": destination_rates_table,
    "settings": settings_table,
    "cases": cases_table,
}
