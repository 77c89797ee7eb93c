"""Settings of the deployable app, taken from ``cdk deploy -c`` and ``cdk.json``."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import aws_cdk as cdk
import pytest

from cdk_gtm_connector import GtmConnector
from local.deploy import Assembly
from stacks import settings_page
from stacks.destinations import destination_of, destination_settings
from stacks.errors import SettingError
from stacks.settings import Settings, all_settings
from tests.infrastructure.settings_cases import (
    MALFORMED,
    TAKEN,
    assert_tells_what_to_do,
    deploy,
    read,
)

if TYPE_CHECKING:
    from tests.infrastructure.synthesis import Template

CHECKOUT = Path(__file__).parents[2]


class TestTaken:
    """What a setting takes."""

    def test_the_table_covers_every_setting(self) -> None:
        assert {case[0] for case in TAKEN} == all_settings().keys()
        assert {setting for setting, _ in MALFORMED} == {case[0] for case in TAKEN}

    def test_every_prop_is_a_setting(self) -> None:
        props = set(inspect.signature(GtmConnector.__init__).parameters)
        props -= {"self", "scope", "construct_id"}
        settings = {
            each.prop.removeprefix("connector.")
            for each in all_settings().values()
            if each.prop.startswith("connector.")
        }
        made = {"destination", "destinations", "authorizer", "firewall", "domain"}
        made |= {"encryption_key", "vpc", "vpc_subnets", "security_groups", "monitoring"}
        assert props - made == settings
        assert made <= props

    @pytest.mark.parametrize("source", ["command line", "cdk.json"])
    def test_every_setting_reaches_the_template(self, tmp_path: Path, source: str) -> None:
        from_command_line = source == "command line"
        context = {case[0]: case[1] if from_command_line else case[2] for case in TAKEN}
        expected = {case[0]: case[3] for case in TAKEN}
        # Those of other destinations do nothing beside this one; see TestDestinations.
        others = [name for name in expected if destination_of(name) not in (None, "pinpoint")]
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

    def test_the_page_of_settings_is_that_of_the_code(self) -> None:
        assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page(), (
            "run make settings"
        )

    def test_the_defaults_that_the_page_tells_are_the_constructs(
        self, tmp_path: Path, imported: Template
    ) -> None:
        told = {name: each.default_words for name, each in all_settings().items()}
        # A default in words has no value that could be given instead.
        defaults = {
            name: words.strip("`")
            for name, words in told.items()
            if re.fullmatch(r"`[^`]+`", words)
        }
        del defaults["authenticated_max_events_per_request"]  # another setting's name
        assert len(defaults) > 30
        # The app has monitoring unless it is told otherwise, the construct if it is told.
        assert deploy(tmp_path, **defaults).props == {**imported.props, "monitoring": True}

    @pytest.mark.parametrize("name", all_settings())
    def test_a_setting_of_a_destination_has_its_prefix(self, name: str) -> None:
        kind = destination_of(name)
        owner = destination_settings()[kind] if kind else Settings
        assert name in owner.definitions()

    def test_an_old_name_goes_on_working_with_a_warning(self, tmp_path: Path) -> None:
        template = deploy(
            tmp_path, destination="eventbridge", event_bus_name="shop", event_source="x"
        )
        assert template.environment["EVENT_BUS_ARN"].endswith(":event-bus/shop")
        assert template.environment["EVENT_SOURCE"] == "x"
        warnings = [text for text in Assembly.read(tmp_path).warnings if "called" in text]
        assert warnings == [
            "setting event_bus_name is called eventbridge_bus_name now: rename it",
            "setting event_source is called eventbridge_source now: rename it",
        ]

    def test_an_old_name_beside_the_new_one_is_refused(self) -> None:
        with pytest.raises(
            SettingError, match="must not be given with eventbridge_source"
        ) as caught:
            read(destination="eventbridge", event_source="a", eventbridge_source="b")
        assert_tells_what_to_do(str(caught.value), "event_source", "eventbridge_source")

    def test_a_malformed_value_is_told_by_the_name_that_was_used(self) -> None:
        with pytest.raises(SettingError, match="must be the name of an EventBridge bus") as caught:
            read(destination="eventbridge", event_bus_name="*")
        assert_tells_what_to_do(str(caught.value), "event_bus_name", "eventbridge_bus_name")

    def test_what_is_not_set_is_left_to_the_construct(self) -> None:
        assert read().props("connector") == {}

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
        assert read(allowed_origins=value).props("connector") == {}

    @pytest.mark.parametrize("value", ["false", False])
    def test_false_is_not_true(self, value: object) -> None:
        assert read(accept_client_timestamp=value).accept_client_timestamp is False
        assert read(cloud_watch_role=value).cloud_watch_role is False
        assert read(signed_token=value).signed_token is False

    def test_space_around_the_application_id_is_no_part_of_it(self) -> None:
        settings = read(pinpoint_app_id=" abc ").destinations["pinpoint"]
        assert settings.props("destination")["application_id"] == "abc"


class TestCommands:
    """The commands that a reader copies."""

    def test_each_is_complete(self) -> None:
        guides = [
            (CHECKOUT / name).read_text(encoding="utf-8")
            for name in (
                "README.md",
                "docs/deploy.md",
                "docs/first-event.md",
                "docs/migrating-from-pinpoint.md",
                "Makefile",
            )
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
            assert Settings.from_context(app.node).warnings() == {}, command

    def test_so_is_the_context_that_the_guide_writes_into_cdk_json(self) -> None:
        guide = (CHECKOUT / "docs" / "deploy.md").read_text(encoding="utf-8")
        (block,) = re.findall(r'^```json\n(  "context": .*?)^```$', guide, re.DOTALL | re.MULTILINE)
        app = cdk.App(context=json.loads(f"{{{block}}}")["context"])
        assert Settings.from_context(app.node).warnings() == {}

    def test_none_in_the_help_begins_with_pinpoint(self) -> None:
        makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
        helped = "\n".join(re.findall(r"^[a-z-]+:.*## (.*)", makefile, re.MULTILINE))
        assert "destination=" in helped
        assert "pinpoint" not in helped
