"""Constructs of the destinations.

The code that sends events is in ``gtm_events.destinations``, the function's source.
"""

from __future__ import annotations

from cdk_gtm_connector.destinations.base import Destination
from cdk_gtm_connector.destinations.customer_profiles import (
    BeginsWith,
    CalculatedAttribute,
    Contains,
    CustomerProfilesDestination,
    EndsWith,
    EqualTo,
    Exclusive,
    GreaterThan,
    GreaterThanOrEqual,
    Inclusive,
    LessThan,
    LessThanOrEqual,
    ProfileEventTrigger,
    Segment,
)
from cdk_gtm_connector.destinations.eventbridge import EventBridgeDestination
from cdk_gtm_connector.destinations.firehose import FirehoseDestination
from cdk_gtm_connector.destinations.kinesis import KinesisDestination
from cdk_gtm_connector.destinations.module import DestinationModule
from cdk_gtm_connector.destinations.pinpoint import PinpointDestination

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
