"""Amazon Kinesis Data Streams."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

from capacity.destinations.base import DestinationModel, Month, Quota, rounded_up
from capacity.model import GB
from capacity.prices import Evidence, prices_in
from gtm_events.destinations.kinesis import REQUESTS_PER_SECOND, Kinesis

if TYPE_CHECKING:
    from capacity.model import Traffic

SHARD_RECORDS: Final = 1_000
SHARD_BYTES: Final = 1e6
"""Bytes per second of a shard (Kinesis developer guide, *Quotas and limits*)."""

SHARD_HEADROOM: Final = 2
"""Factor over the average number of shards, for peaks and unevenly spread keys."""

NEW_STREAM_BYTES: Final = 4e6
NEW_STREAM_RECORDS: Final = 4_000
STREAM_BYTES: Final = 10e9

_RECORD = 1_024  # bytes, to which an on-demand stream rounds up

_PRICES: Final = prices_in(Path(__file__).with_suffix(".toml"))
ON_DEMAND: Final = _PRICES["ON_DEMAND"]
STREAM_HOURS: Final = _PRICES["STREAM_HOURS"]
SHARD_HOURS: Final = _PRICES["SHARD_HOURS"]
PUT_UNITS: Final = _PRICES["PUT_UNITS"]


def _charges(month: Month) -> dict[str, float | None]:
    """Return the charges of both kinds of stream.

    A provisioned one has :data:`SHARD_HEADROOM` times the average number of shards.
    """
    written = month.events * rounded_up(month.traffic.event, _RECORD) / GB
    needed = max(month.rate / SHARD_RECORDS, month.rate * month.traffic.event / SHARD_BYTES)
    shards = math.ceil(SHARD_HEADROOM * needed)
    return {
        "Kinesis provisioned": SHARD_HOURS.cost(shards * month.hours)
        + PUT_UNITS.cost(month.events),
        "Kinesis on-demand": ON_DEMAND.cost(written) + STREAM_HOURS.cost(month.hours),
    }


def _quotas(traffic: Traffic) -> list[Quota]:
    source = "Kinesis developer guide, *Quotas and limits*"
    return [
        Quota(
            "Kinesis shard, provisioned",
            "1,000 records and 1 MB per second per shard",
            min(SHARD_RECORDS, SHARD_BYTES / traffic.event),
            "more shards; by default up to 20,000 per account in us-east-1",
            source,
            Evidence.AWS,
            "{} shards",
            1,
            headroom=SHARD_HEADROOM,
            whole=True,
        ),
        Quota(
            "Kinesis on-demand, new stream",
            "4 MB per second",
            min(NEW_STREAM_RECORDS, NEW_STREAM_BYTES / traffic.event),
            "AWS scales it to twice the peak of the last 30 days; with On-demand Advantage you can "
            "warm it up",
            source,
            Evidence.AWS,
        ),
        Quota(
            "Kinesis on-demand, scaled up",
            "10 GB per second in us-east-1, us-west-2 and eu-west-1; 200 MB elsewhere",
            STREAM_BYTES / traffic.event,
            "AWS Support, in the other Regions",
            source,
            Evidence.AWS,
        ),
    ]


MODEL: Final = DestinationModel(
    name="Kinesis",
    service=Kinesis,
    requests_per_second=REQUESTS_PER_SECOND,
    paced_by="an upper bound; the quota is per shard",
    quotas=_quotas,
    charges=_charges,
    prices=tuple(_PRICES.values()),
)
