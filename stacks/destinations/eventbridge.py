"""Amazon EventBridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk

import cdk_gtm_connector as gtm
from stacks import values
from stacks.destinations.base import DestinationSettings
from stacks.setting import in_settings, setting

if TYPE_CHECKING:
    from constructs import Construct


def _bus_name(value: object) -> str:
    return values.matched(
        r"[A-Za-z0-9_./-]{1,256}", value, "must be the name of an EventBridge bus"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBridgeSettings(DestinationSettings):
    """Settings of the destination ``eventbridge``."""

    eventbridge_bus_name: str = setting(
        _bus_name,
        "EventBridge bus that receives the events",
        default="default",
        default_words="`default`",
        example="default",
        prop="destination.event_bus",
        old_name="event_bus_name",
    )
    eventbridge_source: str | None = setting(
        values.text,
        "`source` of the events, for rules to match",
        default_words="`cdk-gtm-connector`",
        example="shop.example",
        prop="destination.source",
        old_name="event_source",
    )

    def destination(self, scope: Construct, home: str | None) -> gtm.Destination:  # noqa: ARG002
        """See :meth:`DestinationSettings.destination`."""
        bus = cdk.aws_events.EventBus.from_event_bus_name(
            scope, "EventBus", self.eventbridge_bus_name
        )
        with in_settings(self.names("destination")):
            return gtm.EventBridgeDestination(**{**self.props("destination"), "event_bus": bus})


SETTINGS: Final = EventBridgeSettings
