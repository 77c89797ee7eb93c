"""Amazon Pinpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from capacity.destinations.base import DestinationModel, Month, Quota
from capacity.prices import Evidence, prices_in
from gtm_events.destinations.pinpoint import REQUESTS_PER_SECOND, Pinpoint

if TYPE_CHECKING:
    from capacity.model import Traffic

_PRICES: Final = prices_in(Path(__file__).with_suffix(".toml"))
EVENTS: Final = _PRICES["EVENTS"]


def _charges(month: Month) -> dict[str, float | None]:
    return {"Pinpoint": EVENTS.cost(month.events)}


def _quotas(traffic: Traffic) -> list[Quota]:
    return [
        Quota(
            "Pinpoint `PutEvents`",
            f"{REQUESTS_PER_SECOND:g} requests per second, bursts of as many, per account "
            "and Region",
            REQUESTS_PER_SECOND * MODEL.events(traffic),
            "AWS Support or Service Quotas; whether it is raised after the end of support is open. "
            "Then set `PinpointDestination(requests_per_second=…)`",
            "Pinpoint developer guide, *Amazon Pinpoint quotas*, read by a third party on "
            "2026-08-13",
            Evidence.SECONDARY,
            "Pinpoint {} requests/s",
            REQUESTS_PER_SECOND,
        )
    ]


MODEL: Final = DestinationModel(
    name="Pinpoint",
    service=Pinpoint,
    requests_per_second=REQUESTS_PER_SECOND,
    paced_by="the default quota, which a prop overrides",
    settable=True,
    quotas=_quotas,
    charges=_charges,
    prices=tuple(_PRICES.values()),
)
