"""Amazon EventBridge."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam

from cdk_gtm_connector.destinations.base import Destination
from cdk_gtm_connector.destinations.module import BuiltInModule
from cdk_gtm_connector.destinations.places import check_named, in_another_account
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import check_construct, check_text

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

    from cdk_gtm_connector.delivery_options import DeliveryOptions

DETAIL_TYPE: Final = "GTM Event"
"""``detail-type`` of every event. The function writes it."""

_MAX_SOURCE: Final = 256  # of an event's ``source``, in characters
_SOURCE: Final = re.compile(
    rf"(?!aws\.)(?=\S).{{1,{_MAX_SOURCE}}}(?<=\S)", re.DOTALL | re.IGNORECASE
)


@named_props
class EventBridgeDestination(Destination):
    """An EventBridge event bus, whose rules pass the events on.

    Args:
        event_bus: Receives the events, whose ``detail-type`` is ``GTM Event``. The bus may be in
            another account or Region. If the same app makes it there, it needs a physical name, and
            the CDK adds to its policy. For an imported bus in another account, the warning
            ``cdk-gtm-connector:eventBusPolicy`` says what its policy must allow.
        source: ``source`` of the events, for rules to match: 1 to 256 characters that do not begin
            with ``aws.`` (EventBridge's limits), without white space around them. The function may
            put only events with this source. Default: ``cdk-gtm-connector``.
        construct_id: See :class:`Destination`.
        delivery: See :class:`Destination`.

    Raises:
        PropError: ``source`` is one that EventBridge refuses, or ``event_bus`` is a name, an ARN, a
            ``CfnEventBus``, or was imported by its ARN as if that were its name. The connector
            raises it if ``event_bus`` is in another account or Region of the same app and has no
            physical name.
    """

    def __init__(
        self,
        event_bus: events.IEventBus,
        *,
        source: str = "cdk-gtm-connector",
        construct_id: str | None = None,
        delivery: DeliveryOptions | None = None,
    ) -> None:
        super().__init__(construct_id=construct_id, delivery=delivery)
        check_construct(
            "event_bus",
            event_bus,
            "IEventBus",
            ("event_bus_arn", "grant_put_events_to"),
            'EventBus.from_event_bus_name(self, "Bus", name), or from_event_bus_arn with an ARN '
            "or a CfnEventBus's attr_arn",
        )
        problem = (
            f"must be 1 to {_MAX_SOURCE} characters that do not begin with aws., without white "
            "space around them"
        )
        check_text("source", source, _SOURCE, problem)
        self._event_bus = event_bus
        self._source = source

    @property
    def module(self) -> BuiltInModule:
        """See :attr:`Destination.module`."""
        return BuiltInModule("eventbridge")

    @property
    def event_bus(self) -> events.IEventBus:
        """The bus that receives the events."""
        return self._event_bus

    @property
    def source(self) -> str:
        """``source`` of the events."""
        return self._source

    def bind(self, function: lambda_.Function) -> None:
        """See :meth:`Destination.bind`."""
        bus = self._event_bus
        check_named("event_bus", "event_bus_name", bus, bus.event_bus_arn, function)
        function.add_environment("EVENT_BUS_ARN", self._event_bus.event_bus_arn)
        function.add_environment("EVENT_SOURCE", self._source)
        # The bus's own grant method takes no conditions. Conditions are needed because rules trust
        # an event's source and type.
        iam.Grant.add_to_principal(
            grantee=function,
            actions=["events:PutEvents"],
            resource_arns=[self._event_bus.event_bus_arn],
            conditions=self._conditions,
        )
        if in_another_account(bus, function) and function.role is not None:
            self._allow_role(function, function.role)

    def _allow_role(self, function: lambda_.Function, role: iam.IRole) -> None:
        """Allow a ``role`` in another account to put events, through the bus's policy."""
        bus = self._event_bus
        if isinstance(bus, events.EventBus):
            bus.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=cdk.Names.unique_resource_name(function, max_length=60),
                    principals=[iam.ArnPrincipal(role.role_arn)],
                    actions=["events:PutEvents"],
                    resources=[bus.event_bus_arn],
                    conditions=self._conditions,
                )
            )
            return
        cdk.Annotations.of(function).add_warning_v2(
            "cdk-gtm-connector:eventBusPolicy",
            "event_bus is imported and of another account, so its policy is not written here: it "
            "must allow events:PutEvents to the function's role.",
        )

    @property
    def _conditions(self) -> dict[str, dict[str, str]]:
        return {
            # A request holds several events, and each must have this source. ForAllValues is also
            # true for a request without any source, so the second condition requires one.
            "ForAllValues:StringEquals": {"events:source": self._source},
            "Null": {"events:source": "false"},
            "StringEquals": {"events:detail-type": DETAIL_TYPE},
        }
