"""Amazon Data Firehose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from capacity.destinations.base import DestinationModel, Month, Quota, rounded_up
from capacity.model import GB, invocations_per_second
from capacity.prices import Evidence, prices_in
from gtm_events.destinations.firehose import (
    MAX_EVENTS_PER_RECORD,
    MAX_RECORD_BYTES,
    REQUESTS_PER_SECOND,
    Firehose,
)

if TYPE_CHECKING:
    from capacity.model import Traffic

STREAM_BYTES: Final = 5 * 1_024**2
"""Bytes per second of a delivery stream."""

_BILLED_RECORD = 5 * 1_024  # bytes, to which a record is rounded up

# Beyond 5 PB AWS agrees on a price with the customer.
_PRICES: Final = prices_in(Path(__file__).with_suffix(".toml"))
DIRECT_PUT: Final = _PRICES["DIRECT_PUT"]


def billed_bytes(events: float, event_size: int, events_per_record: int) -> float:
    """Return the bytes that Firehose bills for records with a number of lines each."""
    record = rounded_up(events_per_record * event_size, _BILLED_RECORD)
    return events / events_per_record * record


def lines_per_record(event_size: int) -> int:
    """Return the number of lines that the function puts into a record."""
    return min(MAX_EVENTS_PER_RECORD, MAX_RECORD_BYTES // event_size)


def _charges(month: Month) -> dict[str, float | None]:
    events, size = month.events, month.traffic.event
    invocations = invocations_per_second(month.rate, month.settings, month.traffic)
    lines = max(1, int(min(lines_per_record(size), month.rate / invocations)))
    return {
        "Firehose, packed records": DIRECT_PUT.cost(billed_bytes(events, size, lines) / GB),
        "Firehose, one event per record": DIRECT_PUT.cost(billed_bytes(events, size, 1) / GB),
    }


def _quotas(traffic: Traffic) -> list[Quota]:
    return [
        Quota(
            "Firehose Direct PUT",
            "5 MiB, 2,000 requests and 500,000 records per second per stream in us-east-1, "
            "us-west-2 and eu-west-1; 1 MiB and 1,000 requests in most other Regions",
            STREAM_BYTES / traffic.event,
            "Service Quotas; AWS raises the three together",
            "Firehose developer guide, *Amazon Data Firehose Quota*",
            Evidence.AWS,
            "Firehose {} MiB/s",
            STREAM_BYTES / 1_024**2,
        )
    ]


MODEL: Final = DestinationModel(
    name="Firehose",
    service=Firehose,
    requests_per_second=REQUESTS_PER_SECOND,
    paced_by="the lowest default quota of any Region",
    quotas=_quotas,
    charges=_charges,
    staged=("Firehose, packed records",),
    prices=tuple(_PRICES.values()),
)
