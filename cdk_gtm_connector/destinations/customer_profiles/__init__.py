"""Amazon Connect Customer Profiles, with calculated attributes, segments and triggers."""

from __future__ import annotations

from cdk_gtm_connector.destinations.customer_profiles.calculated_attribute import (
    CalculatedAttribute,
)
from cdk_gtm_connector.destinations.customer_profiles.comparisons import (
    BeginsWith,
    Contains,
    EndsWith,
    EqualTo,
    Exclusive,
    GreaterThan,
    GreaterThanOrEqual,
    Inclusive,
    LessThan,
    LessThanOrEqual,
)
from cdk_gtm_connector.destinations.customer_profiles.destination import (
    CustomerProfilesDestination,
)
from cdk_gtm_connector.destinations.customer_profiles.event_trigger import ProfileEventTrigger
from cdk_gtm_connector.destinations.customer_profiles.segment import Segment

__all__ = [
    "BeginsWith",
    "CalculatedAttribute",
    "Contains",
    "CustomerProfilesDestination",
    "EndsWith",
    "EqualTo",
    "Exclusive",
    "GreaterThan",
    "GreaterThanOrEqual",
    "Inclusive",
    "LessThan",
    "LessThanOrEqual",
    "ProfileEventTrigger",
    "Segment",
]
