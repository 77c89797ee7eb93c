"""Quotas between the endpoint and a destination, with the defaults of us-east-1."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from capacity.destinations import destination_models, pinpoint
from capacity.destinations.base import DestinationModel, Quota
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

API_GATEWAY_REQUESTS: Final = 10_000
LAMBDA_CONCURRENCY: Final = 1_000
IN_FLIGHT: Final = 120_000
SNS_PUBLISHES: Final = 30_000

CONCURRENCY_HEADROOM: Final = 1.5
"""Factor over the average concurrency, because there are gaps between batches."""


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
    destination: DestinationModel = pinpoint.MODEL,
    traffic: Traffic | None = None,
    timing: Timing = TIMING,
) -> list[Quota]:
    """Return the quotas between the endpoint and a destination, including its own."""
    traffic = traffic or Traffic()
    settings = destination.settings(traffic)
    each = function_rate(settings, traffic, timing, paced=not destination.settable)
    batch = messages_in_batch(settings, traffic)
    return [
        own(destination, traffic),
        Quota(
            "concurrent batches",
            f"{settings.max_concurrency}, the default of `max_concurrency`; at most 1,000",
            settings.max_concurrency * each,
            "raise `max_concurrency`; `memory_size`, up to 1,769 MB, makes each batch faster",
            "Lambda developer guide, *Configuring scaling behavior for SQS event source mappings*",
            Evidence.AWS,
            "`max_concurrency` {}",
            settings.max_concurrency,
            headroom=CONCURRENCY_HEADROOM,
            whole=True,
        ),
        Quota(
            "API Gateway requests",
            "10,000 per second, bursts of 5,000, per account and Region; 2,500 and 1,250 in newer "
            "Regions",
            API_GATEWAY_REQUESTS,
            "Service Quotas L-8A5B8E43; AWS adapts the burst, which you cannot request",
            "API Gateway developer guide, *Amazon API Gateway quotas*",
            Evidence.AWS,
            "API Gateway {} requests/s",
            API_GATEWAY_REQUESTS,
        ),
        Quota(
            "SQS messages in flight",
            f"about {IN_FLIGHT:,} per queue",
            in_flight_concurrency(settings, traffic) * each,
            "Service Quotas; a smaller `batch_size`; several connectors, each with a queue",
            "SQS developer guide, *Amazon SQS standard queue quotas*",
            Evidence.AWS,
            "SQS {} in flight",
            IN_FLIGHT,
            headroom=CONCURRENCY_HEADROOM,
        ),
        Quota(
            "Lambda concurrency",
            f"{LAMBDA_CONCURRENCY:,} per account and Region",
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
            f"6 MB per batch: {batch:,} messages of {traffic.message} bytes, plus "
            f"{traffic.record_overhead} that Lambda adds to each",
            math.inf,
            "none needed: batches become smaller, and no event is held back",
            "Lambda developer guide, *How Lambda processes records from event sources*",
            Evidence.AWS,
        ),
        Quota(
            "SQS requests",
            "nearly unlimited for a standard queue, as are stored messages",
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
        "30,000 messages per second in us-east-1, 9,000 in us-west-2, 1,500 in us-east-2, 300 in "
        "the smallest Regions",
        SNS_PUBLISHES,
        "Service Quotas",
        "AWS General Reference, *Amazon SNS endpoints and quotas*, quoted by third parties",
        Evidence.SECONDARY,
    )


def own(destination: DestinationModel, traffic: Traffic) -> Quota:
    """Return the quota of a destination's that binds by default."""
    return destination.quotas(traffic)[0]


def quotas_table() -> str:
    """Return the table of quotas on the path, lowest first."""
    return _table(sorted([*path(), topic()], key=lambda quota: quota.ceiling))


def destinations_table() -> str:
    """Return the table of the quotas of all destinations but Pinpoint, which the first has."""
    models = [model for model in destination_models() if model is not pinpoint.MODEL]
    return _table([quota for model in models for quota in model.quotas(Traffic())])


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
    header = ["quota", "events per second", "default", "how to raise it", "source", "evidence"]
    return markdown(header, rows, numbers=(1,))


TABLES: Final = {"quotas": quotas_table, "destination-quotas": destinations_table}
