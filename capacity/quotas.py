"""Quotas on the way from the endpoint to a destination, with the defaults of us-east-1."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from capacity import costs
from capacity.model import (
    TIMING,
    Settings,
    Timing,
    Traffic,
    billed_seconds,
    messages_in_batch,
    requests_for,
)
from capacity.prices import Evidence
from capacity.tables import count, markdown

API_GATEWAY_REQUESTS: Final = 10_000
LAMBDA_CONCURRENCY: Final = 1_000
IN_FLIGHT: Final = 120_000
PUT_EVENTS: Final = 15
KINESIS_NEW_STREAM_BYTES: Final = 4e6
KINESIS_NEW_STREAM_RECORDS: Final = 4_000
KINESIS_STREAM_BYTES: Final = 10e9
FIREHOSE_BYTES: Final = 5 * 1_024**2
FIREHOSE_REQUESTS: Final = 2_000
EVENTBRIDGE_PUTS: Final = 10_000
CUSTOMER_PROFILES_PUTS: Final = 100
SNS_PUBLISHES: Final = 30_000

CONCURRENCY_HEADROOM: Final = 1.5
"""Of what would be busy on average: batches do not follow each other without a gap."""


@dataclass(frozen=True, slots=True)
class Packing:
    """How a destination's requests are filled and paced: the tests hold it against its code.

    Attributes:
        name: The destination.
        entries: Events in a request at most.
        bytes: Bytes of a request at most, as the service counts them.
        requests_per_second: What one function keeps to, unless it is told otherwise.
        paced_by: Why.
        charges: What it charges for, as :func:`capacity.costs.destinations` names it.
        settable: Whether it can be told otherwise.
    """

    name: str
    entries: int
    bytes: int
    requests_per_second: float
    paced_by: str
    charges: tuple[str, ...]
    settable: bool = False

    def events(self, traffic: Traffic) -> int:
        """Return how many ordinary events a request holds."""
        return min(self.entries, self.bytes // traffic.event)

    def settings(self, traffic: Traffic) -> Settings:
        """Return the construct's defaults with this destination."""
        return replace(
            Settings(),
            events_per_request=self.events(traffic),
            requests_per_second=self.requests_per_second,
        )


TO_PINPOINT: Final = Packing(
    "Pinpoint",
    100,
    4_000_000,
    15,
    "the default quota; a prop",
    ("Pinpoint",),
    settable=True,
)
TO_KINESIS: Final = Packing(
    "Kinesis",
    500,
    10_485_760,
    1_000,
    "being throttled: the quota is a shard's",
    ("Kinesis provisioned", "Kinesis on-demand"),
)
TO_FIREHOSE: Final = Packing(
    "Firehose",
    250_000,
    2_994_225,
    1_000,
    "the lower of the default quotas",
    ("Firehose, lines packed",),
)
TO_EVENTBRIDGE: Final = Packing(
    "EventBridge", 10, 999_999, 400, "the lowest of the default quotas", ("EventBridge",)
)
TO_CUSTOMER_PROFILES: Final = Packing(
    "Customer Profiles",
    10,
    2_560_000,
    100,
    "`PutProfileObject`'s default quota; a prop",
    ("Customer Profiles",),
    settable=True,
)
PACKING: Final = (TO_PINPOINT, TO_KINESIS, TO_FIREHOSE, TO_EVENTBRIDGE, TO_CUSTOMER_PROFILES)


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
        raised: How a stage says what it is raised to: ``{}`` is the number.
        limit: The default as that number.
        headroom: How many times what a steady rate needs it is raised to.
        whole: Whether only whole numbers make sense.
    """

    name: str
    default: str
    ceiling: float
    remedy: str
    source: str
    evidence: Evidence
    raised: str = ""
    limit: float = math.nan
    headroom: float = 1.0
    whole: bool = False

    def needed(self, rate: float) -> float:
        """Return what it is raised to for ``rate`` events a second, at least its default."""
        needed = self.headroom * self.limit * rate / self.ceiling
        return max(self.limit, math.ceil(needed - 1e-9) if self.whole else needed)


def function_rate(
    settings: Settings, traffic: Traffic, timing: Timing = TIMING, *, paced: bool = False
) -> float:
    """Return the events a second that one busy function delivers.

    Args:
        settings: The construct's.
        traffic: How large things are.
        timing: How long the function takes.
        paced: Whether it keeps to its requests a second; if not, no quota stops it.
    """
    events = messages_in_batch(settings, traffic)
    free = replace(settings, requests_per_second=math.inf)
    seconds = billed_seconds(events, free, timing)
    if paced:  # a function that is always busy saves up no burst
        seconds = max(seconds, requests_for(events, settings) / settings.requests_per_second)
    return events / seconds


def in_flight_concurrency(settings: Settings, traffic: Traffic) -> int:
    """Return how many full batches the in-flight quota has room for."""
    return IN_FLIGHT // messages_in_batch(settings, traffic)


def outage_rate(visibility: float) -> float:
    """Return the rate at which failed messages alone fill the in-flight quota.

    A message that is reported as failed stays in flight until its visibility timeout has passed.
    """
    return IN_FLIGHT / visibility


def path(
    packing: Packing = TO_PINPOINT, traffic: Traffic | None = None, timing: Timing = TIMING
) -> list[Quota]:
    """Return the quotas on the way from the endpoint to a destination, its own among them."""
    traffic = traffic or Traffic()
    settings = packing.settings(traffic)
    each = function_rate(settings, traffic, timing, paced=not packing.settable)
    batch = messages_in_batch(settings, traffic)
    return [
        own(packing, traffic),
        Quota(
            "batches at once",
            f"`max_concurrency`, {settings.max_concurrency}; at most 1,000",
            settings.max_concurrency * each,
            "the setting; `memory_size` up to 1,769 MB makes each batch faster",
            "Lambda developer guide, *Configuring scaling behavior for SQS event source mappings*",
            Evidence.AWS,
            "`max_concurrency` {}",
            settings.max_concurrency,
            headroom=CONCURRENCY_HEADROOM,
            whole=True,
        ),
        Quota(
            "API Gateway requests",
            "10,000 a second, bursts of 5,000, an account and Region; 2,500 and 1,250 in the newer "
            "Regions",
            API_GATEWAY_REQUESTS,
            "Service Quotas L-8A5B8E43; the burst follows and cannot be requested",
            "API Gateway developer guide, *Amazon API Gateway quotas*",
            Evidence.AWS,
            "API Gateway {} requests/s",
            API_GATEWAY_REQUESTS,
        ),
        Quota(
            "SQS messages in flight",
            f"about {IN_FLIGHT:,} a queue",
            in_flight_concurrency(settings, traffic) * each,
            "Service Quotas; a smaller `batch_size`; more connectors, each with its queue",
            "SQS developer guide, *Amazon SQS standard queue quotas*",
            Evidence.AWS,
            "SQS {} in flight",
            IN_FLIGHT,
            headroom=CONCURRENCY_HEADROOM,
        ),
        Quota(
            "Lambda concurrency",
            f"{LAMBDA_CONCURRENCY:,} an account and Region",
            LAMBDA_CONCURRENCY * each,
            "Service Quotas, *Concurrent executions*",
            "Lambda developer guide; serverlessland.com, *Scaling and concurrency in Lambda*",
            Evidence.SECONDARY,
            "Lambda concurrency {}",
            LAMBDA_CONCURRENCY,
            headroom=CONCURRENCY_HEADROOM,
            whole=True,
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


def pinpoint(traffic: Traffic | None = None) -> Quota:
    """Return Pinpoint's quota."""
    return Quota(
        "Pinpoint `PutEvents`",
        f"{PUT_EVENTS} requests a second and at once, an account and Region",
        PUT_EVENTS * TO_PINPOINT.events(traffic or Traffic()),
        "AWS Support or Service Quotas; whether it is raised after the end of support is open. "
        "Then `PinpointDestination(requests_per_second=…)`",
        "Pinpoint developer guide, *Amazon Pinpoint quotas*, read by others on 2026-08-13",
        Evidence.SECONDARY,
        "Pinpoint {} requests/s",
        PUT_EVENTS,
    )


def destinations(traffic: Traffic | None = None) -> list[Quota]:
    """Return the quotas of the other destinations."""
    traffic = traffic or Traffic()
    size = traffic.event
    kinesis = "Kinesis developer guide, *Quotas and limits*"
    return [
        Quota(
            "Kinesis shard, provisioned",
            "1,000 records and 1 MB a second a shard",
            min(costs.SHARD_RECORDS, costs.SHARD_BYTES / size),
            "more shards, 20,000 an account by default in us-east-1",
            kinesis,
            Evidence.AWS,
            "{} shards",
            1,
            headroom=costs.SHARD_HEADROOM,
            whole=True,
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
            "Firehose developer guide, *Amazon Data Firehose Quota*",
            Evidence.AWS,
            "Firehose {} MiB/s",
            FIREHOSE_BYTES / 1_024**2,
        ),
        Quota(
            "EventBridge `PutEvents`",
            "10,000 requests a second in us-east-1, us-west-2 and eu-west-1, 2,400 in us-east-2, "
            "eu-central-1 and eu-south-2, 1,200 or 600 in twelve more, 400 in every other; up to "
            "10 events a request",
            EVENTBRIDGE_PUTS * TO_EVENTBRIDGE.events(traffic),
            "Service Quotas L-9B653E91",
            "EventBridge user guide, *Custom Event Bus - Classic quotas*: “Maximum number of "
            "requests per second for PutEvents API”",
            Evidence.AWS,
            "EventBridge {} requests/s",
            EVENTBRIDGE_PUTS,
        ),
        Quota(
            "Customer Profiles `BatchPutProfileObject`",
            "100 requests a second is `PutProfileObject`'s; the page has no line for the batch "
            "operation, which is newer: taken to be the same, for up to 10 objects a request",
            CUSTOMER_PROFILES_PUTS * TO_CUSTOMER_PROFILES.events(traffic),
            "Service Quotas, or AWS Support. Then "
            "`CustomerProfilesDestination(requests_per_second=…)`",
            "Amazon Connect administrator guide, *Customer Profiles API throttling quotas*",
            Evidence.INFERRED,
            "Customer Profiles {} requests/s",
            CUSTOMER_PROFILES_PUTS,
        ),
    ]


def own(packing: Packing, traffic: Traffic) -> Quota:
    """Return a destination's own quota; of Kinesis a provisioned stream's."""
    quotas = [pinpoint(traffic), *destinations(traffic)]
    return next(quota for quota in quotas if quota.name.startswith(packing.name))


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


TABLES: Final = {"quotas": quotas_table, "destination-quotas": destinations_table}
