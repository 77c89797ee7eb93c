"""Amazon Connect Customer Profiles. No price of a profile was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from capacity.destinations.base import DestinationModel, Month, Quota
from capacity.prices import Evidence
from gtm_events.destinations.customer_profiles import REQUESTS_PER_SECOND, TwoObjectTypes

if TYPE_CHECKING:
    from capacity.model import Traffic


def _charges(_month: Month) -> dict[str, float | None]:
    return {"Customer Profiles": None}


def _quotas(traffic: Traffic) -> list[Quota]:
    return [
        Quota(
            "Customer Profiles `BatchPutProfileObject`",
            "not listed for this operation; assumed to be 100 requests per second, like "
            "`PutProfileObject`, with up to 10 objects per request",
            REQUESTS_PER_SECOND * MODEL.events(traffic),
            "Service Quotas or AWS Support, then "
            "`CustomerProfilesDestination(requests_per_second=…)`",
            "Amazon Connect administrator guide, *Customer Profiles API throttling quotas*",
            Evidence.INFERRED,
            "Customer Profiles {} requests/s",
            REQUESTS_PER_SECOND,
        )
    ]


MODEL: Final = DestinationModel(
    name="Customer Profiles",
    service=TwoObjectTypes,
    requests_per_second=REQUESTS_PER_SECOND,
    paced_by="`PutProfileObject`'s default quota, which a prop overrides",
    settable=True,
    quotas=_quotas,
    charges=_charges,
)
