"""Quotas between the endpoint and a destination, with the defaults of us-east-1."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from capacity import costs
from capacity.model import (
    TIMING,
    ConnectorSettings,
    Timing,
    Traffic,
    billed_seconds,
    messages_in_batch,
    requests_for,
)
from capacity.prices import Evidence
from capacity.tables import count, markdown
from gtm_events.destinations import customer_profiles, eventbridge, firehose, kinesis
from gtm_events.destinations import pinpoint as pinpoint_runtime
from gtm_events.destinations.customer_profiles import TwoObjectTypes
from gtm_events.destinations.eventbridge import EventBridge
from gtm_events.destinations.firehose import Firehose
from gtm_events.destinations.kinesis import Kinesis
from gtm_events.destinations.pinpoint import Pinpoint

API_GATEWAY_REQUESTS: Final = 10_000
LAMBDA_CONCURRENCY: Final = 1_000
IN_FLIGHT: Final = 120_000
KINESIS_NEW_STREAM_BYTES: Final = 4e6
KINESIS_NEW_STREAM_RECORDS: Final = 4_000
KINESIS_STREAM_BYTES: Final = 10e9
FIREHOSE_BYTES: Final = 5 * 1_024**2
FIREHOSE_REQUESTS: Final = 2_000
EVENTBRIDGE_PUTS: Final = 10_000
SNS_PUBLISHES: Final = 30_000

CONCURRENCY_HEADROOM: Final = 1.5
"""Factor over the average concurrency, because there are gaps between batches."""


@dataclass(frozen=True, slots=True)
class Packing:
    """The limits within which the function fills and paces a destination's requests.

    Attributes:
        name: The destination.
        entries: Maximum events in a request.
        bytes: Maximum bytes of a request, as the service counts them.
        requests_per_second: Default rate limit of one function.
        paced_by: Reason for this limit.
        charges: The destination's charges, by their names in :func:`capacity.costs.destinations`.
        settable: Whether a setting changes the rate limit.
    """

    name: str
    entries: int
    bytes: int
    requests_per_second: float
    paced_by: str
    charges: tuple[str, ...]
    settable: bool = False

    def events(self, traffic: Traffic) -> int:
        """Return the number of ordinary events in a request."""
        return min(self.entries, self.bytes // traffic.event)

    def settings(self, traffic: Traffic) -> ConnectorSettings:
        """Return the construct's defaults with this destination."""
        return replace(
            ConnectorSettings(),
            events_per_request=self.events(traffic),
            requests_per_second=self.requests_per_second,
        )


TO_PINPOINT: Final = Packing(
    "Pinpoint",
    Pinpoint.max_entries,
    Pinpoint.max_bytes,
    pinpoint_runtime.REQUESTS_PER_SECOND,
    "the default quota; a prop",
    ("Pinpoint",),
    settable=True,
)
TO_KINESIS: Final = Packing(
    "Kinesis",
    Kinesis.max_entries,
    Kinesis.max_bytes,
    kinesis.REQUESTS_PER_SECOND,
    "being throttled: the quota is a shard's",
    ("Kinesis provisioned", "Kinesis on-demand"),
)
TO_FIREHOSE: Final = Packing(
    "Firehose",
    Firehose.max_entries,
    Firehose.max_bytes,
    firehose.REQUESTS_PER_SECOND,
    "the lower of the default quotas",
    ("Firehose, lines packed",),
)
TO_EVENTBRIDGE: Final = Packing(
    "EventBridge",
    EventBridge.max_entries,
    EventBridge.max_bytes,
    eventbridge.REQUESTS_PER_SECOND,
    "the lowest of the default quotas",
    ("EventBridge",),
)
TO_CUSTOMER_PROFILES: Final = Packing(
    "Customer Profiles",
    TwoObjectTypes.max_entries,
    TwoObjectTypes.max_bytes,
    customer_profiles.REQUESTS_PER_SECOND,
    "`PutProfileObject`'s default quota; a prop",
    ("Customer Profiles",),
    settable=True,
)
PACKING: Final = (TO_PINPOINT, TO_KINESIS, TO_FIREHOSE, TO_EVENTBRIDGE, TO_CUSTOMER_PROFILES)


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota that can bind.

    Attributes:
        name: Name of the quota.
        default: The default in AWS's terms.
        ceiling: Events per second that it admits; infinite if it never binds here.
        remedy: How to raise or avoid it.
        source: The page that states the default.
        evidence: Evidence for the default.
        raised: Text for a raised value; ``{}`` stands for the number.
        limit: The default as a number.
        headroom: Factor over the steady rate's need when it is raised.
        whole: Whether the number must be whole.
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
        """Return the value needed for ``rate`` events per second, at least the default."""
        needed = self.headroom * self.limit * rate / self.ceiling
        return max(self.limit, math.ceil(needed - 1e-9) if self.whole else needed)


def function_rate(
    settings: ConnectorSettings, traffic: Traffic, timing: Timing = TIMING, *, paced: bool = False
) -> float:
    """Return the events per second that one busy function delivers.

    Args:
        settings: Settings of the construct.
        traffic: Sizes.
        timing: Times of the function's steps.
        paced: Whether the rate limit of requests applies.
    """
    events = messages_in_batch(settings, traffic)
    free = replace(settings, requests_per_second=math.inf)
    seconds = billed_seconds(events, free, timing)
    if paced:  # a busy function never saves up a burst
        seconds = max(seconds, requests_for(events, settings) / settings.requests_per_second)
    return events / seconds


def in_flight_concurrency(settings: ConnectorSettings, traffic: Traffic) -> int:
    """Return the number of full batches that fit into the in-flight quota."""
    return IN_FLIGHT // messages_in_batch(settings, traffic)


def outage_rate(visibility: float) -> float:
    """Return the rate at which failed messages alone fill the in-flight quota.

    A failed message stays in flight until its visibility timeout expires.
    """
    return IN_FLIGHT / visibility


def path(
    packing: Packing = TO_PINPOINT, traffic: Traffic | None = None, timing: Timing = TIMING
) -> list[Quota]:
    """Return the quotas between the endpoint and a destination, including its own."""
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
    """Return the quota that applies only with several destinations."""
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
        f"{TO_PINPOINT.requests_per_second:g} requests a second and at once, an account and Region",
        TO_PINPOINT.requests_per_second * TO_PINPOINT.events(traffic or Traffic()),
        "AWS Support or Service Quotas; whether it is raised after the end of support is open. "
        "Then `PinpointDestination(requests_per_second=…)`",
        "Pinpoint developer guide, *Amazon Pinpoint quotas*, read by others on 2026-08-13",
        Evidence.SECONDARY,
        "Pinpoint {} requests/s",
        TO_PINPOINT.requests_per_second,
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
            TO_CUSTOMER_PROFILES.requests_per_second * TO_CUSTOMER_PROFILES.events(traffic),
            "Service Quotas, or AWS Support. Then "
            "`CustomerProfilesDestination(requests_per_second=…)`",
            "Amazon Connect administrator guide, *Customer Profiles API throttling quotas*",
            Evidence.INFERRED,
            "Customer Profiles {} requests/s",
            TO_CUSTOMER_PROFILES.requests_per_second,
        ),
    ]


def own(packing: Packing, traffic: Traffic) -> Quota:
    """Return a destination's own quota; for Kinesis, that of a provisioned stream."""
    quotas = [pinpoint(traffic), *destinations(traffic)]
    return next(quota for quota in quotas if quota.name.startswith(packing.name))


def quotas_table() -> str:
    """Return the table of quotas on the path, lowest first."""
    return _table(sorted([*path(), topic()], key=lambda quota: quota.ceiling))


def destinations_table() -> str:
    """Return the table of the other destinations' quotas."""
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
