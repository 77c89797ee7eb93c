"""Stages from 1 to 1,000,000 events per second, with the first binding quota and its remedy."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from capacity import costs
from capacity.costs import batching
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
    PACKING,
    TO_PINPOINT,
    Packing,
    Quota,
    function_rate,
    in_flight_concurrency,
    path,
)
from capacity.tables import count, dollars, markdown, volume

if TYPE_CHECKING:
    from collections.abc import Callable

STAGES: Final = (1, 10, 100, 1_000, 1_500, 10_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Stage:
    """The system at one rate, with every quota raised as far as needed.

    Attributes:
        rate: Events a second.
        binding: Quotas whose defaults are too low, the lowest first.
        raised: These quotas, and others raised for headroom, in the same order.
        requests: Requests a second to the destination.
        concurrency: Value of ``max_concurrency``.
        functions: Invocations under way at once, on average.
        in_flight: Maximum messages received and not yet deleted.
        door: US dollars per month without the destination.
        charges: US dollars per month for each of the destination's charges; ``None`` if no price
            was found.
    """

    rate: float
    binding: tuple[Quota, ...]
    raised: tuple[Quota, ...]
    requests: float
    concurrency: int
    functions: float
    in_flight: float
    door: float
    charges: tuple[float | None, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the binding quotas."""
        return tuple(quota.name for quota in self.binding)


def stage(
    rate: float,
    packing: Packing = TO_PINPOINT,
    traffic: Traffic | None = None,
    timing: Timing = TIMING,
) -> Stage:
    """Return the system at a constant ``rate`` of events per second."""
    traffic = traffic or Traffic()
    defaults = packing.settings(traffic)
    quotas = sorted(path(packing, traffic, timing), key=lambda quota: quota.ceiling)
    busy = rate / function_rate(defaults, traffic, timing, paced=not packing.settable)
    concurrency = max(defaults.max_concurrency, math.ceil(CONCURRENCY_HEADROOM * busy))
    pace = defaults.requests_per_second
    if packing.settable:
        needed = requests_for(rate, defaults) / concurrency
        pace = max(pace, CONCURRENCY_HEADROOM * needed)
    settings = replace(defaults, max_concurrency=concurrency, requests_per_second=pace)
    bill = batching(rate * SECONDS_A_MONTH, settings, traffic, timing)
    charged = costs.destinations(bill.events, settings, traffic)
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
        tuple(charged[charge] for charge in packing.charges),
    )


def stages_table() -> str:
    """Return the table of the first binding quota at each stage, for each destination."""
    rows = [
        [
            f"{rate:,}",
            volume(rate * SECONDS_A_MONTH),
            *(
                stage(rate, packing).names[0] if stage(rate, packing).binding else "none"
                for packing in PACKING
            ),
        ]
        for rate in STAGES
    ]
    header = [
        "events a second",
        "events a month",
        *(f"with {packing.name}" for packing in PACKING),
    ]
    return markdown(header, rows, numbers=(0, 1))


def raised(at: Stage) -> str:
    """Return the quotas to raise at a stage with their new values, the first to bind first."""
    texts = []
    for quota in at.raised:
        needed = quota.needed(at.rate)
        full = " (full)" if needed == quota.limit else ""
        texts.append(quota.raised.format(count(needed, digits=3)) + full)
    return ", ".join(texts) or "nothing"


def stage_table(packing: Packing) -> str:
    """Return the table of raised quotas and costs at each stage for one destination."""
    rows = []
    for rate in STAGES:
        at = stage(rate, packing)
        rows.append(
            [
                f"{rate:,}",
                raised(at),
                count(at.requests),
                count(at.functions),
                count(at.in_flight),
                *map(dollars, at.charges),
                dollars(at.door),
            ]
        )
    header = [
        "events a second",
        "raise, the first to bind first",
        "requests/s",
        "functions at once",
        "in flight at most",
        *(f"{charge} a month" for charge in packing.charges),
        "everything else a month",
    ]
    return markdown(header, rows, numbers=(0, *range(2, len(header))))


def packing_table() -> str:
    """Return the table of each destination's requests and one function's throughput."""
    rows = []
    traffic = Traffic()
    for packing in PACKING:
        settings = packing.settings(traffic)
        held = messages_in_batch(settings, traffic)
        seconds = billed_seconds(held, settings)
        invocations = MILLION / held
        gb_seconds = invocations * seconds * settings.memory_size / 1_024
        rows.append(
            [
                packing.name,
                f"{settings.events_per_request:,}",
                f"{requests_for(10_000, settings):,}",
                f"{packing.requests_per_second:,g}",
                packing.paced_by,
                f"{seconds:.1f} s",
                count(held / seconds),
                f"${LAMBDA_INVOCATIONS.cost(invocations) + LAMBDA_ARM64.cost(gb_seconds):.4f}",
            ]
        )
    held = messages_in_batch(ConnectorSettings(), traffic)
    header = [
        "destination",
        "events a request",
        "requests for 10,000",
        "requests a second",
        "kept to because of",
        f"{held:,} events take",
        "events a second and function",
        "a million cost",
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
        "messages a batch",
        "batches that fit if full",
        "batches that fit",
        "in flight at `max_concurrency` 2",
    ]
    return markdown(header, rows)


TABLES: Final[dict[str, Callable[[], str]]] = {
    "stages": stages_table,
    **{
        f"stages-{packing.name.lower().replace(' ', '-')}": partial(stage_table, packing)
        for packing in PACKING
    },
    "packing": packing_table,
    "in-flight": in_flight_table,
}
