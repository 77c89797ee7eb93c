"""Each destination: what the function is told, what it may do, and what is refused."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose

from cdk_gtm_connector import (
    CustomerProfilesDestination,
    Destination,
    EventBridgeDestination,
    FirehoseDestination,
    IamAuthorizer,
    KinesisDestination,
    PinpointDestination,
    ProfileEventTrigger,
    PropError,
)
from stacks.destinations import destination_settings
from tests.destinations.cases import destination_cases
from tests.destinations.kinesis.cases import STREAM_ARN
from tests.infrastructure.options import OWN_MODULE
from tests.infrastructure.synthesis import add_connector, warnings

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk import aws_lambda as lambda_

    from tests.infrastructure.conftest import Deployable, Synthesize
    from tests.infrastructure.synthesis import Template

OPTIONS = {
    name: option for cases in destination_cases().values() for name, option in cases.options.items()
}


class TestEach:
    """What each brings about."""

    def test_all_are_covered(self) -> None:
        covered = {option.environment["DESTINATION"] for option in OPTIONS.values()}
        assert covered == destination_settings().keys()

    @pytest.mark.parametrize("name", OPTIONS)
    def test_the_function_is_told(self, destinations: dict[str, Deployable], name: str) -> None:
        environment = destinations[name].template.environment
        common = {
            "DEAD_LETTER_QUEUE_URL",
            "ANONYMOUS_USER_ATTRIBUTES",
            "AUTHENTICATED_USER_ATTRIBUTES",
            "ALLOWED_ORIGINS",
            "REQUIRE_ORIGIN",
            "ACCEPT_CLIENT_TIMESTAMP",
            "UNSET_VALUES",
            "ANONYMOUS_MAX_EVENTS_PER_REQUEST",
            "AUTHENTICATED_MAX_EVENTS_PER_REQUEST",
            "INVALID_MESSAGE_QUEUE_URL",
            "KEEP_INVALID_MESSAGES",
        }
        assert {n: v for n, v in environment.items() if n not in common} == OPTIONS[
            name
        ].environment

    @pytest.mark.parametrize("name", OPTIONS)
    def test_the_function_may_do_its_work_and_nothing_else(
        self, destinations: dict[str, Deployable], template: Template, name: str
    ) -> None:
        tested = destinations[name].template
        role = tested.role("lambda.amazonaws.com")
        grants = tested.grants(role, condition=OPTIONS[name].condition)
        own = {g for g in grants if not g[0].startswith(("sqs:", "logs:", "xray:"))}
        assert own == OPTIONS[name].grants
        # The others are read whole in test_permissions.py.
        common = template.grants(template.role("lambda.amazonaws.com"))
        assert len(grants - own) == len(common) - 1

    def test_a_bus_is_put_events_of_one_source_only(
        self, destinations: dict[str, Deployable]
    ) -> None:
        template = destinations["EventBridge"].template
        conditional = [
            (statement["Action"], statement["Condition"])
            for policy in template.all("AWS::IAM::Policy")
            for statement in policy.properties["PolicyDocument"]["Statement"]
            if "Condition" in statement
        ]
        assert conditional == [("events:PutEvents", OPTIONS["EventBridge"].condition)]

    @pytest.mark.parametrize(
        "name", [it.replace("-", "_") for it in destination_settings() if it != "pinpoint"]
    )
    def test_moving_there_keeps_all_that_was_there(
        self, template: Template, settings: dict[str, Deployable], name: str
    ) -> None:
        # Above all the queue, with what waits in it, and the API, whose URL is in people's tags.
        moved = settings[name].template
        # Metrics and alarms of a destination come and go with it.
        watching = ("AWS::Logs::MetricFilter", "AWS::CloudWatch::Alarm")
        before = {(id_, kind) for id_, kind in template.logical_ids.items() if kind not in watching}
        after = {(id_, kind) for id_, kind in moved.logical_ids.items() if kind not in watching}
        assert before <= after
        added = dict(after - before).values()
        assert all(kind.startswith("AWS::CustomerProfiles::") for kind in added)
        assert moved.outputs == template.outputs

    def test_a_quota_may_be_known_only_at_deployment(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            rate: Any = cdk.CfnParameter(stack, "Rate", type="Number").value_as_number
            add_connector(
                stack,
                destination=None,
                destinations=[
                    PinpointDestination("a", requests_per_second=rate),
                    profiles(requests_per_second=rate),
                ],
            )

        told: dict[str, str] = {}
        for delivery in synthesized(build).deliveries.values():
            told |= delivery.environment
        assert told["PINPOINT_REQUESTS_PER_SECOND"] == "${Rate}"
        assert told["CUSTOMER_PROFILES_REQUESTS_PER_SECOND"] == "${Rate}"

    @pytest.mark.parametrize("requests_per_second", [1, 100_000])
    def test_pinpoints_quota(self, synthesized: Synthesize, requests_per_second: int) -> None:
        destination = PinpointDestination("a", requests_per_second=requests_per_second)
        template = synthesized(lambda s: add_connector(s, destination=destination))
        told = template.environment["PINPOINT_REQUESTS_PER_SECOND"]
        assert told == str(requests_per_second)


def bus(**props: Any) -> EventBridgeDestination:
    """Return a destination on a bus that nothing is done with."""
    return EventBridgeDestination(
        events.EventBus.from_event_bus_name(cdk.Stack(), "Bus", "default"), **props
    )


def profiles(**props: Any) -> CustomerProfilesDestination:
    """Return a destination in a domain that nothing is done with."""
    return CustomerProfilesDestination(**{"domain_name": "shop", **props})


class TestRefusals:
    """What is refused, in the words of who wrote it."""

    @pytest.mark.parametrize(
        ("make", "prop", "value", "shown"),
        [
            (
                lambda v: PinpointDestination("a", requests_per_second=v),
                "requests_per_second",
                0,
                "0",
            ),
            (
                lambda v: PinpointDestination("a", requests_per_second=v),
                "requests_per_second",
                100_001,
                "100,001",
            ),
            (PinpointDestination, "application_id", None, "None"),
            (PinpointDestination, "application_id", 7, "7"),
            (lambda v: PinpointDestination("a", construct_id=v), "construct_id", 7, "7"),
            (lambda v: PinpointDestination("a", construct_id=v), "construct_id", "", "''"),
            (lambda v: PinpointDestination("a", construct_id=v), "construct_id", "a", "'a'"),
            (lambda v: PinpointDestination("a", construct_id=v), "construct_id", "A/B", "'A/B'"),
            (lambda v: bus(source=v), "source", None, "None"),
            (lambda v: bus(source=v), "source", "", "''"),
            (lambda v: bus(source=v), "source", " ", "' '"),
            (lambda v: bus(source=v), "source", "aws.s3", "'aws.s3'"),
            (lambda v: bus(source=v), "source", "AWS.s3", "'AWS.s3'"),
            (lambda v: bus(source=v), "source", "x" * 257, repr("x" * 257)),
        ],
    )
    def test_the_message_names_prop_and_value(
        self, make: Callable[[Any], Destination], prop: str, value: object, shown: str
    ) -> None:
        with pytest.raises(PropError, match=rf"^{prop} must .*, got {re.escape(shown)}$"):
            make(value)

    @pytest.mark.parametrize(
        ("make", "prop", "instead"),
        [
            (KinesisDestination, "stream", "Stream.from_stream_arn"),
            (FirehoseDestination, "delivery_stream", "DeliveryStream.from_delivery_stream_name"),
            (EventBridgeDestination, "event_bus", "EventBus.from_event_bus_name"),
            (lambda v: profiles(create_domain=True, encryption_key=v), "encryption_key", "Key."),
            (lambda v: profiles(create_domain=True, dead_letter_queue=v), "dead_letter_", "Queue."),
            (lambda v: profiles(event_trigger=v), "event_trigger", "ProfileEventTrigger("),
        ],
    )
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (STREAM_ARN, repr(STREAM_ARN)),
            (7, "7"),
            (cdk.Stack, "the class Stack"),
            (lambda: kinesis.CfnStream(cdk.Stack(), "Stream"), "a CfnStream"),
            (
                lambda: firehose.CfnDeliveryStream(cdk.Stack(), "Stream"),
                "a CfnDeliveryStream",
            ),
            (lambda: events.CfnEventBus(cdk.Stack(), "Bus", name="b"), "a CfnEventBus"),
        ],
    )
    def test_what_is_no_such_construct_is_told_how_to_be_one(
        self, make: Callable[[Any], Destination], prop: str, instead: str, value: Any, shown: str
    ) -> None:
        if inspect.isfunction(value):
            value = value()
        with pytest.raises(
            PropError, match=rf"^{prop}\w* must be .*{re.escape(instead)}.*, got {shown}$"
        ):
            make(value)

    @pytest.mark.parametrize("source", ["x", "aws", "x" * 256])
    def test_other_sources_are_taken(self, source: str) -> None:
        assert bus(source=source).source == source

    def test_a_bus_is_told_who_sends(self) -> None:
        assert bus().source == "cdk-gtm-connector"


class Anything(Destination):
    """A destination of somebody's own, without any limit."""

    module = OWN_MODULE

    def bind(self, function: lambda_.Function) -> None:
        """Do nothing."""


class TestNames:
    """How long the name of a user attribute may be is for the destinations to say."""

    @pytest.mark.parametrize(
        ("give", "longest"),
        [
            (lambda: [PinpointDestination("a")], 50),
            (lambda: [bus(), PinpointDestination("a")], 50),
            (lambda: [profiles(), bus()], 255),
            (lambda: [profiles(), PinpointDestination("a")], 50),
        ],
    )
    def test_the_strictest_applies(
        self, give: Callable[[], list[Destination]], longest: int
    ) -> None:
        add_connector(
            cdk.Stack(),
            destination=None,
            destinations=give(),
            anonymous_user_attributes=["n" * longest],
        )
        for who in ("anonymous", "authenticated"):
            prop = f"{who}_user_attributes"
            props: dict[str, Any] = {prop: ["n" * (longest + 1)]}
            with pytest.raises(PropError, match=rf"^{prop} must .* 1 to {longest} characters"):
                add_connector(cdk.Stack(), destination=None, destinations=give(), **props)

    def test_there_may_be_none(self) -> None:
        add_connector(cdk.Stack(), destination=Anything(), anonymous_user_attributes=["n" * 999])
        with pytest.raises(PropError, match=r"^anonymous_user_attributes must .*, got ''$"):
            add_connector(cdk.Stack(), destination=Anything(), anonymous_user_attributes=[""])


WARNING = "cdk-gtm-connector:unsettableUserAttributes"


class TestUnsettable:
    """User attributes that become a profile's, and that nobody may set."""

    @pytest.mark.parametrize(
        ("props", "authorized", "unsettable"),
        [
            ({}, False, "plan, email"),
            ({}, True, None),
            ({"anonymous_user_attributes": ["plan"]}, False, "email"),
            ({"anonymous_user_attributes": "*"}, False, None),
            ({"anonymous_user_attributes": ["email", "plan", "more"]}, False, None),
            ({"authenticated_user_attributes": ["plan"]}, True, "email"),
            (
                {
                    "anonymous_user_attributes": ["plan"],
                    "authenticated_user_attributes": ["email"],
                },
                True,
                None,
            ),
        ],
    )
    def test_they_get_a_warning(
        self, props: dict[str, Any], *, authorized: bool, unsettable: str | None
    ) -> None:
        stack = cdk.Stack(env=cdk.Environment(region="us-east-1"))
        connector = add_connector(
            stack,
            destination=profiles(user_attributes={"plan": "Attributes.p", "email": "EmailAddress"}),
            authorizer=IamAuthorizer() if authorized else None,
            **props,
        )
        words = None if unsettable is None else f"Nobody may set the user attributes {unsettable},"
        assert warnings(stack).get(WARNING, "").startswith(words or "")
        assert (WARNING in warnings(stack)) == (words is not None)
        cdk.Annotations.of(connector).acknowledge_warning(WARNING)
        assert warnings(stack) == {}

    @pytest.mark.parametrize("authorized", [False, True])
    @pytest.mark.parametrize("authenticated_only", [False, True])
    def test_so_does_a_trigger_that_nobody_can_start(
        self, *, authorized: bool, authenticated_only: bool
    ) -> None:
        stack = cdk.Stack(env=cdk.Environment(region="us-east-1"))
        trigger = ProfileEventTrigger(event_type="buy", authenticated_only=authenticated_only)
        add_connector(
            stack,
            destination=profiles(event_trigger=trigger),
            authorizer=IamAuthorizer() if authorized else None,
        )
        told = warnings(stack).get("cdk-gtm-connector:nobodyAuthenticated", "")
        assert bool(told) is (authenticated_only and not authorized)
        if told:
            assert told.startswith("CustomerProfiles: authenticated_only is True, and there is no ")

    def test_in_a_fan_out_there_is_one(self) -> None:
        stack = cdk.Stack(env=cdk.Environment(region="us-east-1"))
        given = [
            profiles(user_attributes=["plan", "city"]),
            PinpointDestination("a"),
            profiles(object_type_name="B", user_attributes=["city", "zip"], construct_id="B"),
        ]
        add_connector(stack, destination=None, destinations=given)
        assert "attributes plan, city, zip, which" in warnings(stack)[WARNING]

    def test_who_may_be_known_only_at_deployment(self) -> None:
        stack = cdk.Stack(env=cdk.Environment(region="us-east-1"))
        name = cdk.CfnParameter(stack, "Name").value_as_string
        add_connector(
            stack,
            destination=profiles(user_attributes=["plan"]),
            anonymous_user_attributes=[name],
        )
        assert warnings(stack) == {}


class TestOwn:
    """A destination of the importing app's own."""

    def test_it_is_named_by_its_class(self) -> None:
        assert Anything().construct_id == "Anything"
        assert Anything(construct_id="Else").construct_id == "Else"
        assert PinpointDestination("a").construct_id == "Pinpoint"
