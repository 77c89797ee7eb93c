"""Settings of the destinations, chosen and not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest

from local.deploy import Assembly
from stacks.connector_stack import ConnectorStack
from stacks.destinations import destination_settings
from stacks.errors import SettingError
from stacks.settings import Settings
from tests.destinations.kinesis.cases import STREAM_ARN
from tests.infrastructure.options import SETTINGS
from tests.infrastructure.settings_cases import (
    NEEDED,
    deploy,
    read,
)
from tests.infrastructure.synthesis import APPLICATION_ID

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infrastructure.synthesis import Template


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """The templates of each destination's settings, and of a fan-out's."""
    names = {kind.replace("-", "_") for kind in destination_settings()} & SETTINGS.keys()
    return {
        name: deploy(tmp_path_factory.mktemp("settings"), **SETTINGS[name])
        for name in sorted(names | {"fan_out"})
    }


class TestDestinations:
    """Where the events go."""

    def test_each_is_told_what_its_settings_say(self, templates: dict[str, Template]) -> None:
        told = {
            kind: delivery.environment
            for name in set(destination_settings()) - {"pinpoint"}
            for kind, delivery in templates[name.replace("-", "_")].deliveries.items()
        }
        assert told.keys() == set(destination_settings()) - {"pinpoint"}
        assert told["kinesis"]["KINESIS_STREAM_ARN"] == STREAM_ARN
        assert told["firehose"]["FIREHOSE_DELIVERY_STREAM_NAME"] == "events"
        assert told["firehose"]["FIREHOSE_EVENTS_PER_RECORD"] == "1"
        assert told["eventbridge"]["EVENT_BUS_ARN"].endswith(":event-bus/default")
        assert told["eventbridge"]["EVENT_SOURCE"] == "shop.example"
        assert told["customer-profiles"]["CUSTOMER_PROFILES_DOMAIN_NAME"] == "shop"
        assert told["customer-profiles"]["CUSTOMER_PROFILES_OBJECT_TYPE_NAME"] == "GtmEvent"

    def test_customer_profiles_are_made_as_the_settings_say(
        self, templates: dict[str, Template]
    ) -> None:
        template = templates["customer_profiles"]
        assert template.only("AWS::CustomerProfiles::Domain").properties["DomainName"] == "shop"
        object_type = template.only(
            "AWS::CustomerProfiles::ObjectType", ObjectTypeName="GtmVisitor"
        ).properties
        targets = {
            field["Name"]: field["ObjectTypeField"]["Target"]
            for field in object_type["Fields"]
            if "Target" in field["ObjectTypeField"]
        }
        assert targets == {
            "usat_plan": "_profile.Attributes.plan",
            "usat_email": "_profile.EmailAddress",
        }
        trigger = template.only("AWS::CustomerProfiles::EventTrigger").properties
        assert trigger["EventTriggerName"] == "purchase"

    @pytest.mark.parametrize("vouched_for", [False, True])
    def test_a_trigger_may_be_for_authenticated_visitors(
        self, tmp_path: Path, *, vouched_for: bool
    ) -> None:
        context = {
            "destination": "customer-profiles",
            "customer_profiles_domain": "shop",
            "customer_profiles_trigger_event": "purchase",
            "signed_token": "true",
        }
        if vouched_for:
            context["customer_profiles_trigger_authenticated_only"] = "true"
        template = deploy(tmp_path, **context)
        trigger = template.only("AWS::CustomerProfiles::EventTrigger").properties
        assert ("authenticated" in json.dumps(trigger)) is vouched_for

    @pytest.mark.parametrize(
        ("without", "words"),
        [
            ("signed_token", "signed_token must be true with customer_profiles_trigger_auth"),
            (
                "customer_profiles_trigger_event",
                "customer_profiles_trigger_event must be given with customer_profiles_trigger_auth",
            ),
        ],
    )
    def test_a_trigger_that_nothing_would_start_is_refused(
        self, tmp_path: Path, without: str, words: str
    ) -> None:
        context = {
            "destination": "customer-profiles",
            "customer_profiles_domain": "shop",
            "customer_profiles_trigger_event": "purchase",
            "customer_profiles_trigger_authenticated_only": "true",
            "signed_token": "true",
        }
        del context[without]
        with pytest.raises(SettingError, match=words):
            deploy(tmp_path, **context)

    def test_an_object_type_that_was_left_behind_can_be_used_again(self, tmp_path: Path) -> None:
        context = {
            "destination": "customer-profiles",
            "customer_profiles_domain": "shop",
            "customer_profiles_create_object_type": "false",
        }
        template = deploy(tmp_path, **context, customer_profiles_trigger_event="buy")
        assert not template.all("AWS::CustomerProfiles::ObjectType")
        trigger = template.only("AWS::CustomerProfiles::EventTrigger").properties
        assert trigger["ObjectTypeName"] == "GtmEvent"
        assert template.environment["CUSTOMER_PROFILES_OBJECT_TYPE_NAME"] == "GtmEvent"

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            (
                {"customer_profiles_attributes": "plan"},
                (
                    "setting customer_profiles_attributes must not be given without "
                    "customer_profiles_create_object_type, .* cdk import.*, "
                    r"got \['plan'\] with customer_profiles_create_object_type=False: "
                    "set customer_profiles_create_object_type with "
                ),
            ),
            (
                {"customer_profiles_create_domain": "true"},
                (
                    "setting customer_profiles_create_object_type must not be False with "
                    "customer_profiles_create_domain, .*, got False with "
                    "customer_profiles_create_domain=True: set it with "
                ),
            ),
        ],
    )
    def test_but_it_keeps_its_mapping(
        self, tmp_path: Path, more: dict[str, str], words: str
    ) -> None:
        context = {
            "destination": "customer-profiles",
            "customer_profiles_domain": "shop",
            "customer_profiles_create_object_type": "false",
        }
        with pytest.raises(SettingError, match=rf"^{words}"):
            deploy(tmp_path, **context, **more)

    def test_all_can_be_chosen_at_once(self, tmp_path: Path) -> None:
        needed = {name: value for each in NEEDED.values() for name, value in each.items()}
        template = deploy(tmp_path, destination=",".join(destination_settings()), **needed)
        assert template.deliveries.keys() == destination_settings().keys()

    def test_several_are_a_fan_out_in_their_order(self, templates: dict[str, Template]) -> None:
        template = templates["fan_out"]
        assert template.deliveries.keys() == set(SETTINGS["fan_out"]["destination"].split(","))
        first = template.deliveries["pinpoint"]
        (topic,) = template.all("AWS::SNS::Topic")
        expected = {
            "QueueName": first.queue.attribute("QueueName"),
            "DeadLetterQueueName": first.dead_letter_queue.attribute("QueueName"),
            "FunctionName": first.function.ref,
            "InvalidMessageQueueName": template.invalid_message_queue.attribute("QueueName"),
            "TopicArn": topic.ref,
        }
        outputs = template.outputs
        names = {name.lower(): name for name in outputs}
        for kind in template.deliveries.keys() - {"pinpoint"}:
            delivery = template.deliveries[kind]
            name = names[f"{kind.replace('-', '')}queuename"].removesuffix("QueueName")
            expected |= {
                f"{name}QueueName": delivery.queue.attribute("QueueName"),
                f"{name}DeadLetterQueueName": delivery.dead_letter_queue.attribute("QueueName"),
                f"{name}FunctionName": delivery.function.ref,
            }
        assert {"KinesisQueueName", "CustomerProfilesQueueName"} <= expected.keys()
        assert outputs.keys() == {*expected, "EndpointUrl", "GtmImageUrl"}
        assert expected.items() <= outputs.items()

    @pytest.mark.parametrize(
        ("value", "targets"),
        [
            ("plan", ["plan"]),
            ("plan, city", ["plan", "city"]),
            ("", []),
            (["plan"], ["plan"]),
            (
                "plan,email = EmailAddress",
                {"plan": "Attributes.plan", "email": "EmailAddress"},
            ),
            ({"email": "EmailAddress"}, {"email": "EmailAddress"}),
        ],
    )
    def test_customer_profiles_attributes(self, value: object, targets: object) -> None:
        settings = read(
            destination="customer-profiles",
            customer_profiles_domain="shop",
            customer_profiles_attributes=value,
        ).destinations["customer-profiles"]
        assert settings.props("destination")["user_attributes"] == targets

    @pytest.mark.parametrize("destination", ["kinesis", "eventbridge,kinesis"])
    def test_only_pinpoint_needs_an_application(self, destination: str) -> None:
        app = cdk.App(context={"destination": destination, **NEEDED["kinesis"]})
        assert Settings.from_context(app.node).destination == destination.split(",")


class TestIgnored:
    """What is said of a setting whose destination is not chosen."""

    @pytest.mark.parametrize(
        ("context", "ignored"),
        [
            ({"destination": "kinesis"}, ["pinpoint_app_id"]),
            ({"destination": "kinesis,pinpoint"}, []),
            ({}, []),
            (
                {"destination": "kinesis", "pinpoint_app_id": None, "eventbridge_bus_name": "shop"},
                ["eventbridge_bus_name"],
            ),
            (
                {
                    "destination": "pinpoint",
                    "customer_profiles_domain": "shop",
                    "customer_profiles_create_domain": "true",
                    "firehose_delivery_stream_name": "events",
                },
                [
                    "customer_profiles_domain",
                    "customer_profiles_create_domain",
                    "firehose_delivery_stream_name",
                ],
            ),
        ],
    )
    def test_what_belongs_to_no_chosen_destination(
        self, context: dict[str, Any], ignored: list[str]
    ) -> None:
        needed = NEEDED["kinesis"] if "kinesis" in context.get("destination", "") else {}
        assert list(read(**needed, **context).warnings()) == ignored

    def test_the_synthesis_warns_of_it(self, tmp_path: Path) -> None:
        deploy(tmp_path, destination="kinesis,firehose", **NEEDED["kinesis"], **NEEDED["firehose"])
        (warning,) = Assembly.read(tmp_path).warnings
        # The setting, its value and both things that can have been meant.
        assert warning.startswith(f"setting pinpoint_app_id is ignored, got '{APPLICATION_ID}': ")
        assert "-c destination=kinesis,firehose,pinpoint" in warning
        assert "remove pinpoint_app_id" in warning

    def test_what_is_chosen_warns_of_nothing(self, tmp_path: Path) -> None:
        deploy(tmp_path)
        assert Assembly.read(tmp_path).warnings == []

    def test_whoever_keeps_it_can_acknowledge_the_warning(self, tmp_path: Path) -> None:
        context = {"pinpoint_app_id": APPLICATION_ID, "destination": "kinesis", **NEEDED["kinesis"]}
        app = cdk.App(outdir=str(tmp_path), context=context)
        stack = ConnectorStack(app, "GtmConnector", settings=Settings.from_context(app.node))
        cdk.Annotations.of(stack).acknowledge_warning("cdk-gtm-connector:pinpoint_app_id")
        app.synth(skip_validation=True)
        assert Assembly.read(tmp_path).warnings == []
