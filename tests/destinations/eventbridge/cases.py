"""The construct and the settings of EventBridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import aws_events as events

from cdk_gtm_connector import EventBridgeDestination
from tests.destinations.cases import DestinationCases, Option

if TYPE_CHECKING:
    import aws_cdk as cdk

BUS_ARN: Final = "arn:aws:events:us-east-1:123456789012:event-bus/shop"


def add_bus(stack: cdk.Stack) -> EventBridgeDestination:
    """Return an existing event bus."""
    return EventBridgeDestination(
        events.EventBus.from_event_bus_arn(stack, "Bus", BUS_ARN), source="shop.example"
    )


CASES: Final = DestinationCases(
    options={
        "EventBridge": Option(
            make=add_bus,
            environment={
                "DESTINATION": "eventbridge",
                "EVENT_BUS_ARN": BUS_ARN,
                "EVENT_SOURCE": "shop.example",
            },
            grants=frozenset({("events:PutEvents", BUS_ARN)}),
            condition={
                "ForAllValues:StringEquals": {"events:source": "shop.example"},
                "Null": {"events:source": "false"},
                "StringEquals": {"events:detail-type": "GTM Event"},
            },
        )
    },
    settings={"eventbridge_source": "shop.example"},
    malformed=[
        ("eventbridge_bus_name", ""),
        ("eventbridge_bus_name", "*"),
        ("eventbridge_source", ""),
        ("eventbridge_source", "aws.shop"),
        ("eventbridge_source", "x" * 257),
    ],
    values={
        "bus": lambda stack: events.EventBus.from_event_bus_arn(stack, "Bus", BUS_ARN),
        "bus, ARN as name": lambda stack: events.EventBus.from_event_bus_name(
            stack, "NamedBus", BUS_ARN
        ),
        "CfnEventBus": lambda stack: events.CfnEventBus(stack, "CfnBus", name="theirs"),
    },
    types={"events.IEventBus": "bus"},
)
