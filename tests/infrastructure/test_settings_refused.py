"""Settings that stop the synthesis, in one sentence that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import aws_cdk as cdk
import pytest

import cdk_gtm_connector
from cdk_gtm_connector import GtmConnector
from cdk_gtm_connector.connector_parts import ConnectorParts
from stacks.connector_stack import ConnectorStack
from stacks.destinations import destination_of, destination_settings
from stacks.errors import SettingError
from stacks.settings import Settings, all_settings
from stacks.spelling import refuse_misspelt
from tests.destinations.kinesis.cases import STREAM_ARN
from tests.infrastructure.every_value import deliver_to
from tests.infrastructure.settings_cases import (
    ARN,
    EXAMPLES,
    MALFORMED,
    NEEDED,
    REMEDIES,
    assert_tells_what_to_do,
    context_of,
    deploy,
    read,
)
from tests.infrastructure.synthesis import APPLICATION_ID
from tests.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import Construct, Node

CHECKOUT = Path(__file__).parents[2]


class _Context:
    """A node of which only the context is asked for: jsii makes a real one slowly."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = context

    def get_all_context(self) -> Mapping[str, Any]:
        return self._context

    def try_get_context(self, key: str) -> Any:
        return self._context.get(key)


def read_from(context: Mapping[str, Any]) -> Settings:
    """Read settings from ``context``, together with the one that is always needed."""
    node = _Context({"pinpoint_app_id": APPLICATION_ID, **context})
    return Settings.from_context(cast("Node", node))


class _CheckedError(Exception):
    """Everything that a connector was given has passed its checks."""


class Checks:
    """The deployable stack, made until a value can no longer be refused.

    A connector checks its props before it makes anything, and stops there. Only the destinations
    are made, because they check some settings late. A connector would take ten times as long.
    """

    def __init__(self) -> None:
        self._app = cdk.App()
        self._stacks = 0

    def refusal(self, settings: Settings, *, of_a_destination: bool) -> SettingError | None:
        """Return what ``settings`` are refused with; ``None`` if they are taken."""
        self._stacks += 1

        def stop(*_args: Any) -> None:
            raise _CheckedError

        def check(scope: Construct, construct_id: str, **props: Any) -> None:
            with suppress(_CheckedError):
                GtmConnector(scope, construct_id, **props)
            for destination in props["destinations"] if of_a_destination else ():
                deliver_to(scope, destination)
            raise _CheckedError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ConnectorParts, "__init__", stop)
            patch.setattr(cdk_gtm_connector, "GtmConnector", check)
            try:
                ConnectorStack(self._app, f"Stack{self._stacks}", settings=settings)
            except SettingError as error:
                return error
            except _CheckedError:
                return None
        raise AssertionError("there is no connector")


@pytest.fixture(scope="module")
def checks() -> Checks:
    """The stacks of this file."""
    return Checks()


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
    "read_destinations": "names",
    "targets": "names mapping",
}


class TestEveryValue:
    """Each setting with values of every kind."""

    @pytest.mark.parametrize("setting", all_settings())
    def test_it_is_taken_or_refused_in_one_sentence(self, checks: Checks, setting: str) -> None:
        kinds = KINDS.get(all_settings()[setting].read.__name__, "text").split()
        # Several values are read as one, such as "true" and True.
        checked: list[tuple[Settings, SettingError | None]] = []
        for value, allowed in ANY:
            refusal = None
            try:
                settings = read_from({**context_of(setting), setting: value})
            except SettingError as error:
                refusal = error
            else:
                same = [found for known, found in checked if known == settings]
                refusal = (
                    same[0]
                    if same
                    else checks.refusal(
                        settings, of_a_destination=destination_of(setting) is not None
                    )
                )
                checked.append((settings, refusal))
            if refusal is None:
                assert set(kinds) & set(allowed.split()), value
            else:
                assert refusal.name == setting
                assert_tells_what_to_do(str(refusal), setting, refusal.remedy)

    @pytest.mark.parametrize("setting", EXAMPLES)
    def test_the_example_that_every_sentence_gives_is_taken(self, setting: str) -> None:
        more = (
            {"monitoring": "false"}  # the alarms do not depend on it
            if destination_of(setting)
            else {n: EXAMPLES[n] for n in ("domain_name", "certificate_arn", "signed_token")}
        )
        context = {**more, **context_of(setting), setting: EXAMPLES[setting]}
        if setting == "destination":
            context |= {name: EXAMPLES[name] for names in NEEDED.values() for name in names}
        if setting == "customer_profiles_create_object_type":
            context["customer_profiles_create_domain"] = "true"
        if setting == "customer_profiles_region":
            context["customer_profiles_create_object_type"] = "false"
        ConnectorStack(cdk.App(), "GtmConnector", settings=read_from(context))


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
        if destination := destination_of(setting):
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
            ({"eventbridge_source": "shop.example"}, "destination"),
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
            ("event_bus", "eventbridge_bus_name"),
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
        for name in all_settings():
            node = cast("Node", _Context({key.format(name): "1"}))
            try:
                refuse_misspelt(node, all_settings())
            except SettingError as error:
                reported[name] = str(error)
        assert reported == {}

    @pytest.mark.parametrize(
        "key",
        [
            *("owner", "cost_center", "domain", "stage_name", "certificate", "retention"),
            *("log_level", "my_domain_name", "hosted_zone_domain_name", "shop_certificate_arn"),
        ],
    )
    def test_other_context_is_other_peoples(self, key: str) -> None:
        assert read(**{key: "1"}).props("connector") == {}

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
        assert all(name in str(caught.value) for name in destination_settings())

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
