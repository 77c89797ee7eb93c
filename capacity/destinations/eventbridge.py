"""Amazon EventBridge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from capacity.destinations.base import DestinationModel, Month, Quota
from capacity.prices import Evidence, prices_in
from gtm_events.destinations.eventbridge import REQUESTS_PER_SECOND, EventBridge

if TYPE_CHECKING:
    from capacity.model import Traffic

PUTS: Final = 10_000
"""Requests per second in the largest Regions."""

_PRICES: Final = prices_in(Path(__file__).with_suffix(".toml"))
CUSTOM_EVENTS: Final = _PRICES["CUSTOM_EVENTS"]


def _charges(month: Month) -> dict[str, float | None]:
    return {"EventBridge": CUSTOM_EVENTS.cost(month.events)}


def _quotas(traffic: Traffic) -> list[Quota]:
    return [
        Quota(
            "EventBridge `PutEvents`",
            "10,000 requests per second in us-east-1, us-west-2 and eu-west-1; 2,400 in us-east-2, "
            "eu-central-1 and eu-south-2; 1,200 or 600 in twelve others; 400 in the rest; up to "
            "10 events per request",
            PUTS * MODEL.events(traffic),
            "Service Quotas L-9B653E91",
            "EventBridge user guide, *Custom Event Bus - Classic quotas*: “Maximum number of "
            "requests per second for PutEvents API”",
            Evidence.AWS,
            "EventBridge {} requests/s",
            PUTS,
        )
    ]


MODEL: Final = DestinationModel(
    name="EventBridge",
    service=EventBridge,
    requests_per_second=REQUESTS_PER_SECOND,
    paced_by="the lowest default quota of any Region",
    quotas=_quotas,
    charges=_charges,
    prices=tuple(_PRICES.values()),
)
