"""Stages from 1 to 1,000,000 events per second, and the quotas to raise at each."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from capacity.costs import batching
from capacity.destinations import destination_models, pinpoint
from capacity.destinations.base import Month
from capacity.model import (
    MILLION,
    SECONDS_A_MONTH,
    TIMING,
    ConnectorSettings,
    Timing,
    Traffic,
    billed_seconds,
    messages_in_batch,
    requests_for,
)
from capacity.prices import LAMBDA_ARM64, LAMBDA_INVOCATIONS
from capacity.quotas import (
    CONCURRENCY_HEADROOM,
    IN_FLIGHT,
    function_rate,
    in_flight_concurrency,
    path,
)
from capacity.tables import count, dollars, markdown, volume

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from capacity.destinations.base import DestinationModel, Quota

STAGES: Final = (1, 10, 100, 1_000, 1_500, 10_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Stage:
    """The system at one rate, with every quota raised as far as needed.

    Attributes:
        rate: Events a second.
        binding: Quotas that bind with their defaults, the lowest first.
        raised: These quotas, and others raised for headroom, in the same order.
        requests: Requests a second to the destination.
        concurrency: Value of ``max_concurrency``.
        functions: Invocations under way at once, on average.
        in_flight: Maximum messages received and not yet deleted.
        without_destination: US dollars per month without the destination.
        charges: US dollars per month by the destination's charge; ``None`` if no price was found.
    """

    rate: float
    binding: tuple[Quota, ...]
    raised: tuple[Quota, ...]
    requests: float
    concurrency: int
    functions: float
    in_flight: float
    without_destination: float
    charges: Mapping[str, float | None]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the binding quotas."""
        return tuple(quota.name for quota in self.binding)


def stage(
    rate: float,
    destination: DestinationModel = pinpoint.MODEL,
    traffic: Traffic | None = None,
    timing: Timing = TIMING,
) -> Stage:
    """Return the system at a constant ``rate`` of events per second."""
    traffic = traffic or Traffic()
    defaults = destination.settings(traffic)
    quotas = sorted(path(destination, traffic, timing), key=lambda quota: quota.ceiling)
    busy = rate / function_rate(defaults, traffic, timing, paced=not destination.settable)
    concurrency = max(defaults.max_concurrency, math.ceil(CONCURRENCY_HEADROOM * busy))
    pace = defaults.requests_per_second
    if destination.settable:
        needed = requests_for(rate, defaults) / concurrency
        pace = max(pace, CONCURRENCY_HEADROOM * needed)
    settings = replace(defaults, max_concurrency=concurrency, requests_per_second=pace)
    bill = batching(rate * SECONDS_A_MONTH, settings, traffic, timing)
    # A batch takes at most a window to gather, and is then under way.
    batch = messages_in_batch(settings, traffic)
    filling = min(rate * defaults.batching_window, concurrency * batch)
    computing = sum(item.units for item in bill.items if item.price is LAMBDA_ARM64)
    return Stage(
        rate,
        tuple(quota for quota in quotas if quota.ceiling <= rate),
        tuple(q for q in quotas if q.ceiling <= rate or q.needed(rate) > q.limit),
        bill.requests_per_second,
        concurrency,
        computing / (settings.memory_size / 1_024) / SECONDS_A_MONTH,
        min(filling + busy * batch, concurrency * batch),
        bill.dollars,
        destination.staged_charges(Month(bill.events, settings, traffic)),
    )


def stages_table() -> str:
    """Return the table of the quota that binds first at each stage, for each destination."""
    rows = [
        [
            f"{rate:,}",
            volume(rate * SECONDS_A_MONTH),
            *(
                stage(rate, destination).names[0] if stage(rate, destination).binding else "none"
                for destination in destination_models()
            ),
        ]
        for rate in STAGES
    ]
    header = [
        "events per second",
        "events per month",
        *(f"with {destination.name}" for destination in destination_models()),
    ]
    return markdown(header, rows, numbers=(0, 1))


def raised(at: Stage) -> str:
    """Return the quotas to raise at a stage and their new values, in the order they bind."""
    texts = []
    for quota in at.raised:
        needed = quota.needed(at.rate)
        full = " (full)" if needed == quota.limit else ""
        texts.append(quota.raised.format(count(needed, digits=3)) + full)
    return ", ".join(texts) or "nothing"


def stage_table(destination: DestinationModel) -> str:
    """Return the table of raised quotas and costs at each stage for one destination."""
    stages = [stage(rate, destination) for rate in STAGES]
    rows = [
        [
            f"{at.rate:,}",
            raised(at),
            count(at.requests),
            count(at.functions),
            count(at.in_flight),
            *map(dollars, at.charges.values()),
            dollars(at.without_destination),
        ]
        for at in stages
    ]
    header = [
        "events per second",
        "raise, in the order in which they bind",
        "requests/s",
        "concurrent functions",
        "most in flight",
        *(f"{charge} per month" for charge in stages[0].charges),
        "everything else per month",
    ]
    return markdown(header, rows, numbers=(0, *range(2, len(header))))


def packing_table() -> str:
    """Return the table of each destination's requests and one function's throughput."""
    rows = []
    traffic = Traffic()
    for destination in destination_models():
        settings = destination.settings(traffic)
        held = messages_in_batch(settings, traffic)
        seconds = billed_seconds(held, settings)
        invocations = MILLION / held
        gb_seconds = invocations * seconds * settings.memory_size / 1_024
        rows.append(
            [
                destination.name,
                f"{settings.events_per_request:,}",
                f"{requests_for(10_000, settings):,}",
                f"{destination.requests_per_second:,g}",
                destination.paced_by,
                f"{seconds:.1f} s",
                count(held / seconds),
                f"${LAMBDA_INVOCATIONS.cost(invocations) + LAMBDA_ARM64.cost(gb_seconds):.4f}",
            ]
        )
    held = messages_in_batch(ConnectorSettings(), traffic)
    header = [
        "destination",
        "events per request",
        "requests for 10,000 events",
        "requests per second",
        "reason for this rate",
        f"time for {held:,} events",
        "events per second and function",
        "cost per million",
    ]
    return markdown(header, rows, numbers=(1, 2, 3, 5, 6, 7))


def in_flight_table() -> str:
    """Return the table of batches that fit into the in-flight quota, by batch size."""
    rows = []
    traffic = Traffic()
    for batch_size in (10_000, 1_000, 100):
        settings = ConnectorSettings(batch_size=batch_size)
        held = messages_in_batch(settings, traffic)
        rows.append(
            [
                f"{batch_size:,}",
                f"{held:,}",
                f"{IN_FLIGHT // batch_size:,}",
                f"{in_flight_concurrency(settings, traffic):,}",
                f"{settings.max_concurrency * held:,}",
            ]
        )
    header = [
        "batch size",
        "messages per batch",
        "batches that fit without the 6 MB limit",
        "batches that fit",
        "in flight at `max_concurrency` 2",
    ]
    return markdown(header, rows)


TABLES: Final[dict[str, Callable[[], str]]] = {
    "stages": stages_table,
    **{each.table: partial(stage_table, each) for each in destination_models()},
    "packing": packing_table,
    "in-flight": in_flight_table,
}
