"""Which quota binds first, from 1 to 1,000,000 events a second.

``python -m benchmarks.quotas`` prints the tables of ``docs/capacity.md`` as Markdown. Values are
the defaults of us-east-1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.costs import (
    LAMBDA_ARM64,
    LAMBDA_INVOCATIONS,
    MILLION,
    PINPOINT,
    SECONDS_A_MONTH,
    TIMING,
    Evidence,
    Settings,
    Timing,
    Traffic,
    batching,
    billed_seconds,
    dollars,
    markdown,
    messages_in_batch,
    requests_for,
    volume,
)

API_GATEWAY_REQUESTS: Final = 10_000
LAMBDA_CONCURRENCY: Final = 1_000
IN_FLIGHT: Final = 120_000
PUT_EVENTS: Final = 15
KINESIS_NEW_STREAM_BYTES: Final = 4e6
KINESIS_NEW_STREAM_RECORDS: Final = 4_000
KINESIS_STREAM_BYTES: Final = 10e9
KINESIS_SHARD_RECORDS: Final = 1_000
FIREHOSE_BYTES: Final = 5 * 1_024**2
FIREHOSE_REQUESTS: Final = 2_000
EVENTBRIDGE_PUTS: Final = 10_000
SNS_PUBLISHES: Final = 30_000

STAGES: Final = (1, 10, 100, 1_000, 1_500, 10_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Quota:
    """A default that can bind.

    Attributes:
        name: What is limited.
        default: The limit in AWS's terms.
        ceiling: Events a second that it lets through; infinite if it never binds here.
        remedy: How it is raised, or avoided.
        source: Where the default is written.
        evidence: How it is known.
    """

    name: str
    default: str
    ceiling: float
    remedy: str
    source: str
    evidence: Evidence


def function_rate(settings: Settings, traffic: Traffic, timing: Timing = TIMING) -> float:
    """Return the events a second that one busy function delivers if no quota stops it."""
    events = messages_in_batch(settings, traffic)
    free = replace(settings, requests_per_second=math.inf)
    return events / billed_seconds(events, free, timing)


def in_flight_concurrency(settings: Settings, traffic: Traffic) -> int:
    """Return how many full batches the in-flight quota has room for."""
    return IN_FLIGHT // messages_in_batch(settings, traffic)


def outage_rate(visibility: float) -> float:
    """Return the rate at which failed messages alone fill the in-flight quota.

    A message that is reported as failed stays in flight until its visibility timeout has passed.
    """
    return IN_FLIGHT / visibility


def path(
    settings: Settings | None = None, traffic: Traffic | None = None, timing: Timing = TIMING
) -> list[Quota]:
    """Return the quotas on the way from the endpoint to Pinpoint."""
    settings, traffic = settings or Settings(), traffic or Traffic()
    each = function_rate(settings, traffic, timing)
    batch = messages_in_batch(settings, traffic)
    return [
        Quota(
            "Pinpoint `PutEvents`",
            f"{PUT_EVENTS} requests a second and at once, an account and Region",
            PUT_EVENTS * settings.events_per_request,
            "AWS Support or Service Quotas; whether it is raised after the end of support is open. "
            "Then `PinpointDestination(requests_per_second=…)`",
            "Pinpoint developer guide, *Amazon Pinpoint quotas*, read by others on 2026-08-13",
            Evidence.SECONDARY,
        ),
        Quota(
            "batches at once",
            f"`max_concurrency`, {settings.max_concurrency}; at most 1,000",
            settings.max_concurrency * each,
            "the setting; `memory_size` up to 1,769 MB makes each batch faster",
            "Lambda developer guide, *Configuring scaling behavior for SQS event source mappings*",
            Evidence.AWS,
        ),
        Quota(
            "API Gateway requests",
            "10,000 a second, bursts of 5,000, an account and Region; 2,500 and 1,250 in the newer "
            "Regions",
            API_GATEWAY_REQUESTS,
            "Service Quotas L-8A5B8E43; the burst follows and cannot be requested",
            "API Gateway developer guide, *Amazon API Gateway quotas*",
            Evidence.AWS,
        ),
        Quota(
            "SQS messages in flight",
            f"about {IN_FLIGHT:,} a queue",
            in_flight_concurrency(settings, traffic) * each,
            "Service Quotas; a smaller `batch_size`; more connectors, each with its queue",
            "SQS developer guide, *Amazon SQS standard queue quotas*",
            Evidence.AWS,
        ),
        Quota(
            "Lambda concurrency",
            f"{LAMBDA_CONCURRENCY:,} an account and Region",
            LAMBDA_CONCURRENCY * each,
            "Service Quotas, *Concurrent executions*",
            "Lambda developer guide; serverlessland.com, *Scaling and concurrency in Lambda*",
            Evidence.SECONDARY,
        ),
        Quota(
            "Lambda payload",
            f"6 MB a batch: {batch:,} messages of {traffic.message} bytes with what Lambda adds",
            math.inf,
            "none needed: smaller batches, not fewer events",
            "Lambda developer guide, *How Lambda processes records from event sources*",
            Evidence.AWS,
        ),
        Quota(
            "SQS requests",
            "nearly unlimited for a standard queue, messages stored unlimited",
            math.inf,
            "none needed",
            "SQS developer guide, *Amazon SQS message quotas*",
            Evidence.AWS,
        ),
    ]


def topic() -> Quota:
    """Return the quota that only several destinations meet."""
    return Quota(
        "SNS `Publish`, with several destinations",
        "30,000 messages a second in us-east-1, 9,000 in us-west-2, 1,500 in us-east-2, 300 in the "
        "smallest Regions",
        SNS_PUBLISHES,
        "Service Quotas",
        "AWS General Reference, *Amazon SNS endpoints and quotas*, as others quote it",
        Evidence.SECONDARY,
    )


def destinations(traffic: Traffic | None = None) -> list[Quota]:
    """Return the quotas of the other destinations."""
    size = (traffic or Traffic()).event
    kinesis = "Kinesis developer guide, *Quotas and limits*"
    firehose = "Firehose developer guide, *Amazon Data Firehose Quota*"
    return [
        Quota(
            "Kinesis provisioned",
            "1,000 records and 1 MB a second a shard",
            min(KINESIS_SHARD_RECORDS, 1e6 / size),
            "more shards, 20,000 an account by default in us-east-1",
            kinesis,
            Evidence.AWS,
        ),
        Quota(
            "Kinesis on-demand, new",
            "4 MB a second",
            min(KINESIS_NEW_STREAM_RECORDS, KINESIS_NEW_STREAM_BYTES / size),
            "grows by itself to twice the peak of the last 30 days; On-demand Advantage can be "
            "warmed up",
            kinesis,
            Evidence.AWS,
        ),
        Quota(
            "Kinesis on-demand, grown",
            "10 GB a second in us-east-1, us-west-2, eu-west-1; 200 MB elsewhere",
            KINESIS_STREAM_BYTES / size,
            "AWS Support outside these Regions",
            kinesis,
            Evidence.AWS,
        ),
        Quota(
            "Firehose Direct PUT",
            "5 MiB, 2,000 requests and 500,000 records a second a stream; 1 MiB and 1,000 requests "
            "in most Regions but us-east-1, us-west-2 and eu-west-1",
            FIREHOSE_BYTES / size,
            "Service Quotas; the three grow together",
            firehose,
            Evidence.AWS,
        ),
        Quota(
            "EventBridge `PutEvents`",
            "10,000 a second in us-east-1, 2,400 in us-east-2, 400 in the smallest Regions; up to "
            "10 events a request, and it is not written whether each of them counts: taken as if "
            "it did",
            EVENTBRIDGE_PUTS,
            "Service Quotas",
            "EventBridge user guide, *Amazon EventBridge quotas*",
            Evidence.AWS,
        ),
        Quota(
            "Customer Profiles `BatchPutProfileObject`",
            "10 objects a request; no rate found (a generated list says 100 requests a second for "
            "other operations)",
            math.nan,
            "Service Quotas, once you see it there. Then "
            "`CustomerProfilesDestination(requests_per_second=…)`",
            "Amazon Connect API reference; Amazon Connect administrator guide, *service quotas*",
            Evidence.UNSEEN,
        ),
    ]


@dataclass(frozen=True, slots=True)
class Packing:
    """How a destination's requests are filled and paced: the tests hold it against its code.

    Attributes:
        name: The destination.
        entries: Events in a request at most.
        bytes: Bytes of a request at most, as the service counts them.
        requests_per_second: What one function keeps to, unless it is told otherwise.
        paced_by: Why.
    """

    name: str
    entries: int
    bytes: int
    requests_per_second: float
    paced_by: str

    def events(self, traffic: Traffic) -> int:
        """Return how many ordinary events a request holds."""
        return min(self.entries, self.bytes // traffic.event)


PACKING: Final = (
    Packing("Pinpoint", 100, 4_000_000, 15, "the default quota; a prop"),
    Packing("Kinesis", 500, 10_485_760, 1_000, "being throttled: the quota is a shard's"),
    Packing("Firehose", 250_000, 2_994_600, 1_000, "the lower of the default quotas"),
    Packing("EventBridge", 10, 999_999, 400, "the lowest of the default quotas"),
    Packing("Customer Profiles", 10, 2_560_000, 100, "a guess, no rate is published; a prop"),
)


def count(value: float) -> str:
    """Return a number as a table shows it: two digits of it are known."""
    if math.isnan(value):
        return "not known"
    if math.isinf(value):
        return "does not bind"
    if value < 1:
        return f"{value:.2f}"
    return f"{round(value, 1 - math.floor(math.log10(value))):,.10g}"


def quotas_table() -> str:
    """Return the quotas of the path, the lowest first."""
    return _table(sorted([*path(), topic()], key=lambda quota: quota.ceiling))


def destinations_table() -> str:
    """Return the quotas of the other destinations."""
    return _table(destinations())


def _table(quotas: list[Quota]) -> str:
    rows = [
        [
            quota.name,
            count(quota.ceiling),
            quota.default,
            quota.remedy,
            quota.source,
            quota.evidence.value,
        ]
        for quota in quotas
    ]
    header = ["quota", "events a second", "default", "how it is raised", "source", "read on"]
    return markdown(header, rows, numbers=(1,))


@dataclass(frozen=True, slots=True)
class Stage:
    """The system at one rate, with every quota raised as far as the rate needs it.

    Attributes:
        rate: Events a second.
        binding: The quotas that would stop it at their defaults, the lowest first.
        requests: ``PutEvents`` requests a second.
        functions: Invocations under way at once, on average.
        in_flight: Messages received and not yet deleted, at most.
        door: US dollars a month without the destination.
        pinpoint: US dollars a month for Pinpoint.
    """

    rate: float
    binding: tuple[str, ...]
    requests: float
    functions: float
    in_flight: float
    door: float
    pinpoint: float


def stage(rate: float, traffic: Traffic | None = None, timing: Timing = TIMING) -> Stage:
    """Return the system at ``rate`` events a second, all month long."""
    traffic = traffic or Traffic()
    defaults = Settings()
    quotas = sorted(path(defaults, traffic, timing), key=lambda quota: quota.ceiling)
    busy = rate / function_rate(defaults, traffic, timing)
    concurrency = max(defaults.max_concurrency, math.ceil(1.5 * busy))
    settings = replace(
        defaults,
        max_concurrency=concurrency,
        requests_per_second=max(
            defaults.requests_per_second, 1.5 * requests_for(rate, defaults) / concurrency
        ),
    )
    bill = batching(rate * SECONDS_A_MONTH, settings, traffic, timing)
    # Each batch is gathered for a window at most, and then under way.
    batch = messages_in_batch(settings, traffic)
    filling = min(rate * defaults.batching_window, concurrency * batch)
    computing = sum(item.units for item in bill.items if item.price is LAMBDA_ARM64)
    return Stage(
        rate,
        tuple(quota.name for quota in quotas if quota.ceiling <= rate),
        bill.requests_per_second,
        computing / (settings.memory_size / 1_024) / SECONDS_A_MONTH,
        min(filling + busy * batch, concurrency * batch),
        bill.dollars,
        PINPOINT.cost(bill.events),
    )


def stages_table() -> str:
    """Return what binds at each stage, and what the stage costs."""
    rows = []
    for rate in STAGES:
        at = stage(rate)
        first, *others = at.binding or ("none",)
        rows.append(
            [
                f"{rate:,}",
                volume(rate * SECONDS_A_MONTH),
                first,
                ", ".join(others) or "none",
                count(at.requests),
                count(at.functions),
                count(at.in_flight),
                dollars(at.door),
                dollars(at.pinpoint),
            ]
        )
    header = [
        "events a second",
        "events a month",
        "binds first",
        "binds as well",
        "`PutEvents`/s",
        "functions at once",
        "in flight at most",
        "a month without destination",
        "Pinpoint a month",
    ]
    return markdown(header, rows, numbers=(0, 1, 4, 5, 6, 7, 8))


def packing_table() -> str:
    """Return how many requests each destination needs, and what one function does with them."""
    rows = []
    traffic = Traffic()
    for packing in PACKING:
        settings = replace(
            Settings(),
            events_per_request=packing.events(traffic),
            requests_per_second=packing.requests_per_second,
        )
        held = messages_in_batch(settings, traffic)
        seconds = billed_seconds(held, settings)
        invocations = MILLION / held
        gb_seconds = invocations * seconds * settings.memory_size / 1_024
        rows.append(
            [
                packing.name,
                f"{settings.events_per_request:,}",
                f"{requests_for(10_000, settings):,}",
                f"{packing.requests_per_second:,}",
                packing.paced_by,
                f"{seconds:.1f} s",
                count(held / seconds),
                f"${LAMBDA_INVOCATIONS.cost(invocations) + LAMBDA_ARM64.cost(gb_seconds):.4f}",
            ]
        )
    held = messages_in_batch(Settings(), traffic)
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
    """Return how many batches the in-flight quota has room for, by what limits a batch."""
    rows = []
    traffic = Traffic()
    for batch_size in (10_000, 1_000, 100):
        settings = Settings(batch_size=batch_size)
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


TABLES: Final = {
    "stages": stages_table,
    "quotas": quotas_table,
    "destination-quotas": destinations_table,
    "packing": packing_table,
    "in-flight": in_flight_table,
}


def main() -> None:
    """Print every table."""
    for name, table in TABLES.items():
        print(f"## {name}\n\n{table()}\n")


if __name__ == "__main__":
    main()
