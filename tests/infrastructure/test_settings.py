"""Settings of the deployable app: what ``cdk deploy -c`` and ``cdk.json`` may say."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import aws_cdk as cdk
import pytest

from cdk_gtm_connector import GtmConnector
from local.deploy import Assembly
from stacks.connector_stack import ConnectorStack
from stacks.errors import EXAMPLES, SettingError
from stacks.settings import _OWN, _READ, Settings
from stacks.spelling import refuse_misspelt
from stacks.values import DESTINATIONS
from tests.infrastructure.options import KEY_ARN, STREAM_ARN
from tests.infrastructure.synthesis import APPLICATION_ID, Template
from tests.infrastructure.wrong_values import TOPIC_ARN
from tests.patience import HANG_SECONDS

if TYPE_CHECKING:
    from constructs import Node

    from tests.infrastructure.conftest import Deployable

CHECKOUT = Path(__file__).parents[2]

# What a setting is read with: those of the destinations are read with theirs alone.
DESTINATION_OF = {
    "pinpoint": "pinpoint",
    "kinesis": "kinesis",
    "firehose": "firehose",
    "event": "eventbridge",
    "customer": "customer-profiles",
}
NEEDED = {
    "pinpoint": {},
    "kinesis": {"kinesis_stream_arn": STREAM_ARN},
    "firehose": {"firehose_delivery_stream_name": "events"},
    "eventbridge": {},
    "customer-profiles": {"customer_profiles_domain": "shop"},
}

ARN = "arn:aws:acm:us-east-1:123456789012:certificate/0123abcd"

# Setting, as the command line gives it, as cdk.json gives it, what it becomes in the template.
TAKEN: list[tuple[str, str, Any, object]] = [
    ("pinpoint_app_id", APPLICATION_ID, APPLICATION_ID, ("pinpoint", APPLICATION_ID)),
    ("destination", "pinpoint", ["pinpoint"], None),
    ("pinpoint_requests_per_second", "100", 100, "100"),
    ("kinesis_stream_arn", STREAM_ARN, STREAM_ARN, None),
    ("firehose_delivery_stream_name", "events", "events", None),
    ("firehose_events_per_record", "1", 1, None),
    ("event_bus_name", "shop", "shop", None),
    ("event_source", "shop.example", "shop.example", None),
    ("customer_profiles_domain", "shop", "shop", None),
    ("customer_profiles_region", "eu-west-2", "eu-west-2", None),
    ("customer_profiles_create_domain", "true", True, None),
    ("customer_profiles_object_type", "ShopEvent", "ShopEvent", None),
    ("customer_profiles_visitor_object_type", "ShopVisitor", "ShopVisitor", None),
    ("customer_profiles_create_object_type", "true", True, None),
    ("customer_profiles_single_object_type", "true", True, None),
    ("customer_profiles_event_expiration", "30", 30, None),
    ("customer_profiles_max_events", "100", 100, None),
    ("customer_profiles_attributes", "plan, email=EmailAddress", {"plan": "Attributes.plan"}, None),
    ("customer_profiles_trigger_event", "purchase", "purchase", None),
    ("customer_profiles_trigger_authenticated_only", "true", True, None),
    ("customer_profiles_requests_per_second", "50", 50, None),
    ("anonymous_user_attributes", "plan, city", ["plan", "city"], ["city", "plan"]),
    ("authenticated_user_attributes", "plan", ["plan"], ["plan"]),
    ("signed_token", "true", True, "CUSTOM"),
    ("token_audience", "shop", "shop", "shop"),
    ("max_token_lifetime", "3600", 3600, "3600"),
    ("require_endpoint_id", "true", True, True),
    ("authorizer_reserved_concurrent_executions", "50", 50, 50),
    (
        "allowed_origins",
        "https://shop.example, http://localhost:8000",
        ["https://shop.example", "http://localhost:8000"],
        ["http://localhost:8000", "https://shop.example"],
    ),
    ("require_origin", "true", True, "true"),
    ("allow_http_origins", "true", True, True),
    ("honor_privacy_signals", "true", True, True),
    (
        "unset_values",
        "undefined, (not set)",
        ["undefined", "(not set)"],
        ["undefined", "(not set)"],
    ),
    ("unset_values", "", [], []),
    ("max_events_per_request", "5", 5, 5),
    ("authenticated_max_events_per_request", "50", 50, 50),
    ("throttling_rate_limit", "500", 500, 500),
    ("throttling_burst_limit", "200", 200, 200),
    ("firewall_rate_limit", "1000", 1000, 1000),
    ("firewall_log_retention", "30", 30, 30),
    ("domain_name", "events.shop.example", "events.shop.example", "events.shop.example"),
    ("certificate_arn", ARN, ARN, ARN),
    ("disable_execute_api_endpoint", "true", True, True),
    ("accept_client_timestamp", "true", True, "true"),
    ("batch_size", "100", 100, 100),
    ("max_batching_window", "20", 20, 20),
    ("max_concurrency", "5", 5, 5),
    ("memory_size", "1024", 1024, 1024),
    ("timeout", "120", 120, 120),
    ("max_receive_count", "3", 3, 3),
    ("message_retention", "2", 2, 2 * 24 * 60 * 60),
    ("log_retention", "365", 365, 365),
    ("cloud_watch_role", "true", True, True),
    ("tracing", "false", False, False),
    ("encryption_key_arn", KEY_ARN, KEY_ARN, KEY_ARN),
    ("monitoring", "true", True, True),
    ("alarm_email", "oncall@shop.example", "oncall@shop.example", None),
    ("alarm_topic_arn", TOPIC_ARN, TOPIC_ARN, None),
    ("cdk_nag", "true", True, True),
]

MALFORMED: list[tuple[str, Any]] = [
    ("pinpoint_app_id", None),
    ("pinpoint_app_id", ""),
    ("pinpoint_app_id", "  "),
    ("pinpoint_app_id", "*"),
    ("pinpoint_app_id", "<your id>"),
    ("pinpoint_app_id", "apps/abc"),
    ("pinpoint_app_id", "x" * 65),
    ("pinpoint_app_id", "a\nb"),
    ("pinpoint_app_id", ["abc"]),
    ("pinpoint_app_id", True),
    ("destination", ""),
    ("destination", "s3"),
    ("destination", "pinpoint,"),
    ("destination", "Kinesis"),
    ("destination", "pinpoint,pinpoint"),
    ("destination", []),
    ("destination", {"kinesis": True}),
    ("pinpoint_requests_per_second", "fast"),
    ("pinpoint_requests_per_second", 0),
    ("kinesis_stream_arn", None),
    ("kinesis_stream_arn", "events"),
    ("kinesis_stream_arn", STREAM_ARN + "/consumer/x"),
    ("firehose_delivery_stream_name", None),
    ("firehose_delivery_stream_name", "a/b"),
    ("firehose_events_per_record", "all"),
    ("firehose_events_per_record", 0),
    ("firehose_events_per_record", 501),
    ("event_bus_name", ""),
    ("event_bus_name", "*"),
    ("event_source", ""),
    ("event_source", "aws.shop"),
    ("event_source", "x" * 257),
    ("customer_profiles_domain", None),
    ("customer_profiles_domain", "the shop"),
    ("customer_profiles_region", "London"),
    ("customer_profiles_region", ""),
    ("customer_profiles_create_domain", "yes"),
    ("customer_profiles_object_type", "1st"),
    ("customer_profiles_visitor_object_type", "GtmEvent"),
    ("customer_profiles_create_object_type", "no"),
    ("customer_profiles_single_object_type", "no"),
    ("customer_profiles_event_expiration", "a month"),
    ("customer_profiles_max_events", 0),
    ("customer_profiles_attributes", "*"),
    ("customer_profiles_attributes", "plan,,city"),
    ("customer_profiles_attributes", "plan=Attributes.plan,plan"),
    ("customer_profiles_attributes", {"plan": 1}),
    ("customer_profiles_attributes", "email=Email"),
    ("customer_profiles_attributes", "e.mail"),
    ("customer_profiles_trigger_event", "x" * 256),
    ("customer_profiles_trigger_event", ""),
    ("customer_profiles_trigger_authenticated_only", "yes"),
    ("customer_profiles_requests_per_second", 0),
    ("anonymous_user_attributes", "plan,,city"),
    ("anonymous_user_attributes", ["plan", ""]),
    ("anonymous_user_attributes", ["plan", 1]),
    ("anonymous_user_attributes", {"plan": True}),
    ("anonymous_user_attributes", True),
    ("anonymous_user_attributes", ["*"]),
    ("anonymous_user_attributes", "plan,*"),
    ("anonymous_user_attributes", "n" * 51),
    ("authenticated_user_attributes", "plan"),  # without a signed_token
    ("authenticated_user_attributes", "plan,,city"),
    ("authenticated_user_attributes", "n" * 51),
    ("signed_token", "yes"),
    ("token_audience", ""),
    ("token_audience", ["shop"]),
    ("max_token_lifetime", "a day"),
    ("max_token_lifetime", 1.5),
    ("require_endpoint_id", "yes"),
    ("authorizer_reserved_concurrent_executions", "some"),
    ("firewall_log_retention", "8"),
    ("firewall_log_retention", "for ever"),
    ("allowed_origins", "https://shop.example,"),
    ("allowed_origins", "shop.example"),
    ("allowed_origins", "http://shop.example"),
    ("allowed_origins", "https://shop.example/"),
    ("allowed_origins", []),
    ("allowed_origins", 1),
    ("require_origin", "yes"),
    ("allow_http_origins", "yes"),
    ("honor_privacy_signals", "yes"),
    ("max_events_per_request", 0),
    ("max_events_per_request", 101),
    ("max_events_per_request", "many"),
    ("authenticated_max_events_per_request", "all"),
    ("authenticated_max_events_per_request", 2.5),
    ("unset_values", "undefined,,null"),
    ("unset_values", ["undefined", 1]),
    ("unset_values", True),
    ("unset_values", "x" * 101),
    ("throttling_rate_limit", "0.5"),
    ("throttling_rate_limit", 0),
    ("throttling_burst_limit", "many"),
    ("throttling_burst_limit", 0),
    ("firewall_rate_limit", "many"),
    ("firewall_rate_limit", 9),
    ("domain_name", ""),
    ("domain_name", "https://events.shop.example"),
    ("certificate_arn", None),
    ("certificate_arn", "certificate/0123abcd"),
    ("disable_execute_api_endpoint", "yes"),
    ("disable_execute_api_endpoint", "true"),
    ("accept_client_timestamp", "yes"),
    ("accept_client_timestamp", "True"),
    ("accept_client_timestamp", 1),
    ("accept_client_timestamp", ""),
    ("batch_size", "ten"),
    ("batch_size", ""),
    ("batch_size", "10.0"),
    ("batch_size", "-1"),
    ("batch_size", "1_000"),
    ("batch_size", "\u0663"),  # a digit to str.isdigit
    ("batch_size", 10.5),
    ("batch_size", True),
    ("batch_size", [10]),
    ("batch_size", 0),
    ("batch_size", 10001),
    ("max_batching_window", "5s"),
    ("max_batching_window", 301),
    ("max_batching_window", 0),
    ("max_concurrency", "many"),
    ("max_concurrency", 1),
    ("memory_size", "1GB"),
    ("memory_size", 64),
    ("timeout", "1m"),
    ("timeout", 10),
    ("max_receive_count", "never"),
    ("max_receive_count", 0),
    ("message_retention", "a week"),
    ("message_retention", 0),
    ("message_retention", 14),
    ("log_retention", "one week"),
    ("log_retention", 8),
    ("cloud_watch_role", "maybe"),
    ("tracing", "off"),
    ("encryption_key_arn", "alias/shop"),
    ("encryption_key_arn", "arn:aws:kms:us-east-1:123456789012:alias/shop"),
    ("monitoring", "off"),
    ("alarm_email", "oncall"),
    ("alarm_email", ""),
    ("alarm_topic_arn", "alarms"),
    ("alarm_topic_arn", TOPIC_ARN + ".fifo"),
    ("cdk_nag", "maybe"),
]


# What has to be set instead, by what is refused.
REMEDIES = {
    "disable_execute_api_endpoint=true": "domain_name",
    "authenticated_user_attributes=plan": "signed_token",
}


def read(**context: Any) -> Settings:
    """Read settings from context, together with the one that is always needed."""
    app = cdk.App(context={"pinpoint_app_id": APPLICATION_ID, **context})
    return Settings.from_context(app.node)


def deploy(outdir: Path, **context: Any) -> Template:
    """Synthesize the deployable stack as ``context`` says."""
    app = cdk.App(outdir=str(outdir), context={"pinpoint_app_id": APPLICATION_ID, **context})
    ConnectorStack(app, "GtmConnector", settings=Settings.from_context(app.node))
    app.synth(skip_validation=True)
    return Template.read(outdir, "GtmConnector")


class _Context:
    """A node of which only the context is asked for: jsii makes a real one slowly."""

    def __init__(self, context: dict[str, str]) -> None:
        self._context = context

    def get_all_context(self) -> dict[str, str]:
        return self._context


def assert_tells_what_to_do(message: str, setting: str, remedy: str | None = None) -> None:
    """Assert that ``message`` is one sentence of ``setting`` that says how to set ``remedy``."""
    assert message.startswith(f"setting {setting} ")
    assert f"-c {remedy or setting}=" in message
    assert "cdk.json" in message
    assert "\n" not in message
    assert not re.search(r"[.;!?] [A-Z]", message)


class TestTaken:
    """What a setting takes."""

    def test_the_table_covers_every_setting(self) -> None:
        assert {case[0] for case in TAKEN} == {field.name for field in fields(Settings)}
        assert {setting for setting, _ in MALFORMED} == {case[0] for case in TAKEN}

    def test_every_prop_is_a_setting(self) -> None:
        props = set(inspect.signature(GtmConnector.__init__).parameters)
        props -= {"self", "scope", "construct_id"}
        settings = {field.name for field in fields(Settings)}
        made = {"destination", "destinations", "authorizer", "firewall", "domain"}
        made |= {"encryption_key", "vpc", "vpc_subnets", "security_groups", "monitoring"}
        assert props - made == settings - _OWN
        assert made <= props

    @pytest.mark.parametrize("source", ["command line", "cdk.json"])
    def test_every_setting_reaches_the_template(self, tmp_path: Path, source: str) -> None:
        from_command_line = source == "command line"
        context = {case[0]: case[1] if from_command_line else case[2] for case in TAKEN}
        expected = {case[0]: case[3] for case in TAKEN}
        # Those of other destinations do nothing beside this one; see TestDestinations.
        others = [
            name
            for name in expected
            if DESTINATION_OF.get(name.partition("_")[0], "pinpoint") != "pinpoint"
        ]
        for name in ("destination", *others):
            assert expected.pop(name) is None
        assert expected.pop("cdk_nag")  # it changes nothing; see TestCdkNag
        for name in ("alarm_email", "alarm_topic_arn"):  # see test_monitoring.py
            assert expected.pop(name) is None
        requests_per_second = expected.pop("pinpoint_requests_per_second")
        for setting, prop in {
            "pinpoint_app_id": "destination",
            "signed_token": "authorizer",
            "firewall_rate_limit": "firewall",
            "domain_name": "domain",
            "encryption_key_arn": "encryption_key",
        }.items():
            expected[prop] = expected.pop(setting)
        template = deploy(tmp_path, **context)
        (web_acl_log,) = (
            log for log in template.all("AWS::Logs::LogGroup") if "LogGroupName" in log.properties
        )
        assert web_acl_log.properties["RetentionInDays"] == expected.pop("firewall_log_retention")
        token = template.token_function.properties
        reserved = expected.pop("authorizer_reserved_concurrent_executions")
        assert token["ReservedConcurrentExecutions"] == reserved
        lifetime = token["Environment"]["Variables"]["MAX_TOKEN_LIFETIME"]
        assert lifetime == expected.pop("max_token_lifetime")
        queued = template.routes["/events/authenticated"]["GET"].properties["Integration"]
        assert expected.pop("require_endpoint_id")
        assert "&bound=1" in queued["RequestTemplates"]["application/json"]
        audience = template.token_function.properties["Environment"]["Variables"]["AUDIENCE"]
        assert audience == expected.pop("token_audience")
        (domain,) = template.all("AWS::ApiGateway::DomainName")
        assert domain.properties["RegionalCertificateArn"] == expected.pop("certificate_arn")
        assert template.props == expected
        assert template.environment["PINPOINT_REQUESTS_PER_SECOND"] == requests_per_second

    def test_readme_tells_every_setting_and_its_default(
        self, tmp_path: Path, imported: Template
    ) -> None:
        readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
        _, _, section = readme.partition("\n### Settings\n")
        table, _, _ = section.partition("\n#")
        told = {
            name: default
            for names, default in re.findall(r"^\| (`.*?`) \| (.*?) \|", table, re.MULTILINE)
            for name in re.findall(r"\w+", names)
        }
        assert told.keys() == {field.name for field in fields(Settings)}
        # What has no value that could be given instead.
        for name, words in {
            "pinpoint_app_id": "required with `pinpoint`",
            "kinesis_stream_arn": "required with `kinesis`",
            "firehose_delivery_stream_name": "required with `firehose`",
            "customer_profiles_domain": "required with `customer-profiles`",
            "customer_profiles_region": "the stack's",
            "customer_profiles_attributes": "none",
            "customer_profiles_trigger_event": "none",
            "anonymous_user_attributes": "none",
            "token_audience": "none",
            "allowed_origins": "every site",
            "firewall_rate_limit": "no web ACL",
            "firewall_log_retention": "no log",
            "max_token_lifetime": "24 hours",
            "authorizer_reserved_concurrent_executions": "none",
            "throttling_rate_limit": "the account's",
            "throttling_burst_limit": "the account's",
            "domain_name": "API Gateway's",
            "certificate_arn": "API Gateway's",
            "encryption_key_arn": "keys of AWS's",
            "alarm_email": "nobody",
            "alarm_topic_arn": "none",
            "max_events_per_request": "20, or 100 if authenticated",
            "authenticated_max_events_per_request": "that of all",
        }.items():
            assert told.pop(name) == words
        assert all(re.fullmatch(r"`.+`", default) for default in told.values()), told
        defaults = {name: default.strip("`") for name, default in told.items()}
        # The app has monitoring unless it is told otherwise, the construct if it is told.
        assert deploy(tmp_path, **defaults).props == {**imported.props, "monitoring": True}

    def test_what_is_not_set_is_left_to_the_construct(self) -> None:
        assert read().props() == {}

    @pytest.mark.parametrize(
        ("value", "names"),
        [
            ("*", "*"),
            (" * ", "*"),
            ("plan", ["plan"]),
            ("", []),
            (" ", []),
            ([], []),
            ([" plan "], ["plan"]),
        ],
    )
    def test_anonymous_user_attributes(self, value: object, names: object) -> None:
        assert read(anonymous_user_attributes=value).anonymous_user_attributes == names

    @pytest.mark.parametrize("value", ["*", " * "])
    def test_every_site_can_be_said(self, value: object) -> None:
        assert read(allowed_origins=value).props() == {}

    @pytest.mark.parametrize("value", ["false", False])
    def test_false_is_not_true(self, value: object) -> None:
        assert read(accept_client_timestamp=value).accept_client_timestamp is False
        assert read(cloud_watch_role=value).cloud_watch_role is False
        assert read(signed_token=value).signed_token is False

    def test_space_around_the_application_id_is_no_part_of_it(self) -> None:
        assert read(pinpoint_app_id=" abc ").pinpoint_app_id == "abc"


class TestDestinations:
    """Where the events go."""

    def test_each_is_told_what_its_settings_say(self, settings: dict[str, Deployable]) -> None:
        told = {
            kind: delivery.environment
            for name in ("kinesis", "firehose", "eventbridge", "customer_profiles")
            for kind, delivery in settings[name].template.deliveries.items()
        }
        assert told.keys() == set(DESTINATIONS) - {"pinpoint"}
        assert told["kinesis"]["KINESIS_STREAM_ARN"] == STREAM_ARN
        assert told["firehose"]["FIREHOSE_DELIVERY_STREAM_NAME"] == "events"
        assert told["firehose"]["FIREHOSE_EVENTS_PER_RECORD"] == "1"
        assert told["eventbridge"]["EVENT_BUS_ARN"].endswith(":event-bus/default")
        assert told["eventbridge"]["EVENT_SOURCE"] == "shop.example"
        assert told["customer-profiles"]["CUSTOMER_PROFILES_DOMAIN_NAME"] == "shop"
        assert told["customer-profiles"]["CUSTOMER_PROFILES_OBJECT_TYPE_NAME"] == "GtmEvent"

    def test_customer_profiles_are_made_as_the_settings_say(
        self, settings: dict[str, Deployable]
    ) -> None:
        template = settings["customer_profiles"].template
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

    def test_several_are_a_fan_out_in_their_order(self, settings: dict[str, Deployable]) -> None:
        template = settings["fan_out"].template
        assert template.deliveries.keys() == set(DESTINATIONS)
        first = template.deliveries["pinpoint"]
        (topic,) = template.all("AWS::SNS::Topic")
        expected = {
            "QueueName": first.queue.attribute("QueueName"),
            "DeadLetterQueueName": first.dead_letter_queue.attribute("QueueName"),
            "FunctionName": first.function.ref,
            "InvalidMessageQueueName": template.invalid_message_queue.attribute("QueueName"),
            "TopicArn": topic.ref,
        }
        for kind, name in {
            "kinesis": "Kinesis",
            "firehose": "Firehose",
            "eventbridge": "EventBridge",
            "customer-profiles": "CustomerProfiles",
        }.items():
            delivery = template.deliveries[kind]
            expected |= {
                f"{name}QueueName": delivery.queue.attribute("QueueName"),
                f"{name}DeadLetterQueueName": delivery.dead_letter_queue.attribute("QueueName"),
                f"{name}FunctionName": delivery.function.ref,
            }
        outputs = template.outputs
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
        assert (
            read(
                destination="customer-profiles",
                customer_profiles_domain="shop",
                customer_profiles_attributes=value,
            ).customer_profiles_attributes
            == targets
        )

    @pytest.mark.parametrize("destination", ["kinesis", "eventbridge,kinesis"])
    def test_only_pinpoint_needs_an_application(self, destination: str) -> None:
        app = cdk.App(context={"destination": destination, **NEEDED["kinesis"]})
        assert Settings.from_context(app.node).destination == destination.split(",")


class TestCommands:
    """The commands that a reader copies."""

    def test_each_is_complete(self) -> None:
        guides = [
            (CHECKOUT / name).read_text(encoding="utf-8")
            for name in ("README.md", "docs/migrating-from-pinpoint.md", "Makefile")
        ]
        commands = [
            command
            for guide in guides
            for command in re.findall(r'make \w+ CONTEXT="([^"]*)"', guide)
            if "…" not in command
        ]
        assert len(commands) >= 7
        for command in commands:
            words = command.replace("\\\n", " ").split()
            app = cdk.App(context=dict(word.split("=", 1) for word in words))
            assert Settings.from_context(app.node).ignored() == {}, command

    def test_so_is_the_context_that_readme_writes_into_cdk_json(self) -> None:
        readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
        (block,) = re.findall(
            r'^```json\n(  "context": .*?)^```$', readme, re.DOTALL | re.MULTILINE
        )
        app = cdk.App(context=json.loads(f"{{{block}}}")["context"])
        assert Settings.from_context(app.node).ignored() == {}

    def test_none_in_the_help_begins_with_pinpoint(self) -> None:
        makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
        helped = "\n".join(re.findall(r"^[a-z-]+:.*## (.*)", makefile, re.MULTILINE))
        assert "destination=" in helped
        assert "pinpoint" not in helped


class TestIgnored:
    """What is said of a setting whose destination is not chosen."""

    @pytest.mark.parametrize(
        ("context", "ignored"),
        [
            ({"destination": "kinesis"}, ["pinpoint_app_id"]),
            ({"destination": "kinesis,pinpoint"}, []),
            ({}, []),
            (
                {"destination": "kinesis", "pinpoint_app_id": None, "event_bus_name": "shop"},
                ["event_bus_name"],
            ),
            (
                {
                    "destination": "pinpoint",
                    "customer_profiles_domain": "shop",
                    "customer_profiles_create_domain": "true",
                    "firehose_delivery_stream_name": "events",
                },
                [
                    "firehose_delivery_stream_name",
                    "customer_profiles_domain",
                    "customer_profiles_create_domain",
                ],
            ),
        ],
    )
    def test_what_belongs_to_no_chosen_destination(
        self, context: dict[str, Any], ignored: list[str]
    ) -> None:
        needed = NEEDED["kinesis"] if "kinesis" in context.get("destination", "") else {}
        assert list(read(**needed, **context).ignored()) == ignored

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


# Values of every kind, as the command line (texts alone) or cdk.json gives them, and which kinds of
# setting may take each.
ANY: list[tuple[Any, str]] = [
    ("", "names"),
    (" ", "names"),
    ("plan", "text names"),
    (" plan ", "text names"),
    ("a b", "text names"),
    ("plan,city", "text names"),
    ("*", "text names"),
    ("true", "text names boolean"),
    ("false", "text names boolean"),
    ("True", "text names"),
    ("0", "text names number"),
    ("1", "text names number"),
    ("-1", "text names"),
    ("1.5", "text names"),
    ("1e3", "text names"),
    ("NaN", "text names"),
    ("9" * 30, "text names"),
    ("null", "text names"),
    ("https://shop.example", "text names"),
    ("events.shop.example", "text names"),
    (STREAM_ARN, "text names"),
    ("usat_plan", "text names"),
    ("plan=EmailAddress", "text names"),
    ("a\nb", "text names"),
    (True, "boolean"),
    (False, "boolean"),
    (0, "number"),
    (1, "number"),
    (-1, ""),
    (1.0, "number"),
    (1.5, ""),
    (10**15, "number"),
    ([], "names"),
    (["plan"], "names"),
    (["pinpoint"], "names"),
    (["plan", "plan"], "names"),
    ([1], ""),
    ([None], ""),
    ([["plan"]], ""),
    ({}, "mapping"),
    ({"plan": "EmailAddress"}, "mapping"),
    ({"plan": 1}, ""),
]
KINDS = {
    "boolean": "boolean",
    "whole_number": "number",
    "seconds": "number",
    "days": "number",
    "retention": "number",
    "names": "names",
    "words": "text names",
    "origins": "names",
    "destinations": "names",
    "targets": "names mapping",
}


class TestEveryValue:
    """Each setting with values of every kind."""

    @pytest.mark.parametrize("setting", [field.name for field in fields(Settings)])
    def test_it_is_taken_or_refused_in_one_sentence(self, setting: str) -> None:
        kinds = KINDS.get(_READ[setting].__name__, "text").split()
        destination = DESTINATION_OF.get(setting.partition("_")[0], "pinpoint")
        for value, allowed in ANY:
            context: dict[str, Any] = {"destination": destination, **NEEDED[destination]}
            context |= {
                "certificate_arn": {"domain_name": "events.shop.example"},
                "domain_name": {"certificate_arn": ARN},
                "token_audience": {"signed_token": "true"},
                "max_token_lifetime": {"signed_token": "true"},
                "require_endpoint_id": {"signed_token": "true"},
                "authorizer_reserved_concurrent_executions": {"signed_token": "true"},
                "customer_profiles_trigger_authenticated_only": {
                    "signed_token": "true",
                    "customer_profiles_trigger_event": "buy",
                },
                "require_origin": {"allowed_origins": "https://shop.example"},
                "firewall_log_retention": {"firewall_rate_limit": "2000"},
                "authenticated_max_events_per_request": {"signed_token": "true"},
            }.get(setting, {})
            context[setting] = value
            refusal = None
            try:
                app = cdk.App(context={"pinpoint_app_id": APPLICATION_ID, **context})
                ConnectorStack(app, "GtmConnector", settings=Settings.from_context(app.node))
            except SettingError as error:
                refusal = error
            if refusal is None:
                assert set(kinds) & set(allowed.split()), value
            else:
                assert refusal.name == setting
                assert_tells_what_to_do(str(refusal), setting, refusal.remedy)

    @pytest.mark.parametrize("setting", EXAMPLES)
    def test_the_example_that_every_sentence_gives_is_taken(self, setting: str) -> None:
        destination = DESTINATION_OF.get(setting.partition("_")[0], "pinpoint")
        context: dict[str, Any] = {
            "destination": destination,
            **{name: EXAMPLES[name] for name in NEEDED[destination]},
            **{name: EXAMPLES[name] for name in ("domain_name", "certificate_arn", "signed_token")},
            "pinpoint_app_id": APPLICATION_ID,
            setting: EXAMPLES[setting],
        }
        if setting == "destination":
            context |= {name: EXAMPLES[name] for names in NEEDED.values() for name in names}
        needed = {
            "customer_profiles_trigger_authenticated_only": "customer_profiles_trigger_event",
            "require_origin": "allowed_origins",
        }.get(setting)
        if needed is not None:
            context[needed] = EXAMPLES[needed]
        if setting == "customer_profiles_create_object_type":
            context["customer_profiles_create_domain"] = "true"
        if setting == "customer_profiles_region":
            context["customer_profiles_create_object_type"] = "false"
        if setting == "firewall_log_retention":
            context["firewall_rate_limit"] = "2000"
        app = cdk.App(context=context)
        ConnectorStack(app, "GtmConnector", settings=Settings.from_context(app.node))

    def test_there_is_one_for_every_setting(self) -> None:
        names = [field.name for field in fields(Settings)]
        assert sorted(EXAMPLES) == sorted(_READ) == sorted(names)


class TestMalformed:
    """What stops the synthesis, in one sentence that says what to do."""

    @pytest.mark.parametrize(("setting", "value"), MALFORMED)
    def test_the_sentence_names_setting_value_and_remedy(
        self, tmp_path: Path, setting: str, value: object
    ) -> None:
        # Only who names a domain needs a certificate for it.
        context: dict[str, Any] = (
            {"domain_name": "events.shop.example"} if setting == "certificate_arn" else {}
        )
        context |= {"certificate_arn": ARN} if setting == "domain_name" else {}
        if destination := DESTINATION_OF.get(setting.partition("_")[0]):
            context |= {"destination": destination, **NEEDED[destination]}
        context[setting] = value
        with pytest.raises(SettingError) as caught:
            deploy(tmp_path, **context)
        message = str(caught.value)
        assert_tells_what_to_do(message, setting, REMEDIES.get(f"{setting}={value}"))
        shown = "it is not set" if value is None else f"got {_shown(value)}"
        assert shown in message.replace("10,001", "10001")

    @pytest.mark.parametrize(
        ("given", "missing"),
        [
            ({"domain_name": "events.shop.example"}, "certificate_arn"),
            ({"certificate_arn": ARN}, "domain_name"),
            ({"kinesis_stream_arn": STREAM_ARN}, "destination"),
            ({"event_source": "shop.example"}, "destination"),
            ({"customer_profiles_domain": "shop"}, "destination"),
            ({"destination": "kinesis"}, "kinesis_stream_arn"),
            ({"destination": "pinpoint,firehose"}, "firehose_delivery_stream_name"),
            ({"destination": "customer-profiles"}, "customer_profiles_domain"),
            ({"authenticated_max_events_per_request": "50"}, "signed_token"),
            ({"token_audience": "shop"}, "signed_token"),
            ({"max_token_lifetime": "60"}, "signed_token"),
            ({"require_endpoint_id": "true"}, "signed_token"),
            ({"authorizer_reserved_concurrent_executions": "5"}, "signed_token"),
            ({"firewall_log_retention": "30"}, "firewall_rate_limit"),
            ({"token_audience": "shop", "signed_token": "false"}, "signed_token"),
        ],
    )
    def test_a_setting_that_needs_another_is_not_ignored(
        self, given: dict[str, str], missing: str
    ) -> None:
        with pytest.raises(SettingError, match="must be") as caught:
            read(**given)
        assert_tells_what_to_do(str(caught.value), missing)

    @pytest.mark.parametrize(
        ("key", "meant"),
        [
            ("pinpoint_app_ids", "pinpoint_app_id"),
            ("pinpoint-app-id", "pinpoint_app_id"),
            ("anonymous_user_attribute", "anonymous_user_attributes"),
            ("anonymous_attributes", "anonymous_user_attributes"),
            ("acceptClientTimestamp", "accept_client_timestamp"),
            ("memorySize", "memory_size"),
            ("Timeout", "timeout"),
            ("allow_origins", "allowed_origins"),
            ("signed_tokens", "signed_token"),
            ("destinations", "destination"),
            ("kinesis_stream_arns", "kinesis_stream_arn"),
            ("customer_profile_domain", "customer_profiles_domain"),
            ("firewall_rate_limits", "firewall_rate_limit"),
            ("pinpointAppId", "pinpoint_app_id"),
            ("PINPOINT_APP_ID", "pinpoint_app_id"),
            ("pinpoint_application_id", "pinpoint_app_id"),
            ("app_id", "pinpoint_app_id"),
            ("cdk-nag", "cdk_nag"),
            (" batch-size ", "batch_size"),
            ("log_retention_days", "log_retention"),
            ("firehose_stream_name", "firehose_delivery_stream_name"),
            ("event_bus", "event_bus_name"),
            ("user_attributes", "anonymous_user_attributes"),
        ],
    )
    def test_a_misspelt_key_is_not_ignored(self, key: str, meant: str) -> None:
        with pytest.raises(SettingError, match="misspelt") as caught:
            read(**{key: "1"})
        assert_tells_what_to_do(str(caught.value), meant)
        assert repr(key) in str(caught.value)

    @pytest.mark.parametrize(
        "key",
        [
            "@aws-cdk/{}",
            "@aws-cdk/core:{}",
            "aws:cdk:{}",
            "aws-cdk:{}",
            "availability-zones:account=123456789012:region=us-east-1",
            "{}:account=123456789012:region=us-east-1",
            "cli-{}",
        ],
    )
    def test_cdks_own_context_is_never_reported(self, key: str) -> None:
        # However much what it is called for resembles a setting.
        reported = {}
        for field in fields(Settings):
            try:
                refuse_misspelt(cast("Node", _Context({key.format(field.name): "1"})))
            except SettingError as error:
                reported[field.name] = str(error)
        assert reported == {}

    @pytest.mark.parametrize(
        "key",
        [
            *("owner", "cost_center", "domain", "stage_name", "certificate", "retention"),
            *("log_level", "my_domain_name", "hosted_zone_domain_name", "shop_certificate_arn"),
        ],
    )
    def test_other_context_is_other_peoples(self, key: str) -> None:
        assert read(**{key: "1"}).props() == {}

    @pytest.mark.parametrize(
        ("value", "shown"),
        [("kinesis,kinesis", "'kinesis,kinesis'"), (["firehose"] * 2, "['firehose', 'firehose']")],
    )
    def test_the_remedy_for_a_list_is_a_list(self, value: object, shown: str) -> None:
        with pytest.raises(SettingError, match="must name each destination once") as caught:
            read(destination=value)
        assert f"got {shown}" in str(caught.value)
        assert "-c destination=customer-profiles,firehose " in str(caught.value)

    def test_whoever_sets_nothing_is_told_of_all_destinations(self) -> None:
        with pytest.raises(SettingError) as caught:
            Settings.from_context(cdk.App().node)
        assert_tells_what_to_do(str(caught.value), "destination")
        assert all(name in str(caught.value) for name in DESTINATIONS)

    def test_the_app_says_it_in_one_line(self) -> None:
        node = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True)  # noqa: S607 - jsii takes it from PATH too
        environment = {
            **os.environ,
            # jsii's banner is not ours to count.
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": node.stdout[1:].partition(".")[0],
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
            "CDK_CONTEXT_JSON": "{}",
        }
        app = subprocess.run(
            [sys.executable, "app.py"],
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        assert app.returncode == 1
        assert app.stdout == ""
        (line,) = app.stderr.splitlines()
        assert line.startswith("error: ")
        # To begin with, and not to begin with Pinpoint.
        assert_tells_what_to_do(line.removeprefix("error: "), "destination")


def _shown(value: object) -> str:
    """Return how a message shows ``value``, which may be converted when a construct refuses it."""
    return {
        "plan,*": "['plan', '*']",
        "email=Email": "'Email'",
        "301": "5 minutes 1 second",
        "true": "True with domain_name=None",
        "plan": "['plan'] with signed_token=None",
    }.get(str(value), repr(value))
