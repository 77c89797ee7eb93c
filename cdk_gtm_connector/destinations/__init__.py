"""Where events go: the infrastructure half of each destination.

The runtime half, which sends the events, is ``gtm_events.destinations`` in the function's source.
"""

from __future__ import annotations

from cdk_gtm_connector.destinations.base import Destination
from cdk_gtm_connector.destinations.calculated_attribute import CalculatedAttribute
from cdk_gtm_connector.destinations.comparisons import (
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
from cdk_gtm_connector.destinations.customer_profiles import CustomerProfilesDestination
from cdk_gtm_connector.destinations.event_bridge import EventBridgeDestination
from cdk_gtm_connector.destinations.firehose import FirehoseDestination
from cdk_gtm_connector.destinations.kinesis import KinesisDestination
from cdk_gtm_connector.destinations.module import DestinationModule
from cdk_gtm_connector.destinations.pinpoint import PinpointDestination
from cdk_gtm_connector.destinations.profile_event_trigger import ProfileEventTrigger
from cdk_gtm_connector.destinations.segment import Segment

__all__ = [
    "BeginsWith",
    "CalculatedAttribute",
    "Contains",
    "CustomerProfilesDestination",
    "Destination",
    "DestinationModule",
    "EndsWith",
    "EqualTo",
    "EventBridgeDestination",
    "Exclusive",
    "FirehoseDestination",
    "GreaterThan",
    "GreaterThanOrEqual",
    "Inclusive",
    "KinesisDestination",
    "LessThan",
    "LessThanOrEqual",
    "PinpointDestination",
    "ProfileEventTrigger",
    "Segment",
]
