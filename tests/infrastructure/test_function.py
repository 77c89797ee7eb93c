"""The delivering function and what feeds it."""

from __future__ import annotations

import json
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import pytest
from aws_cdk import aws_lambda as lambda_

from cdk_gtm_connector import IamAuthorizer, PinpointDestination
from cdk_gtm_connector.unset_values import UNSET_VALUES
from gtm_events.message import MaxEvents
from gtm_events.policy import AccessPolicy, Origins
from gtm_events.settings import FunctionSettings
from tests.destinations.kinesis.cases import add_stream
from tests.infrastructure.synthesis import APPLICATION_ID, add_connector

if TYPE_CHECKING:
    import aws_cdk as cdk

    from tests.infrastructure.conftest import Deployable, Synthesize
    from tests.infrastructure.synthesis import Template


def newest_python() -> str:
    """Return the newest Python runtime that the installed aws-cdk-lib knows."""
    versions = (re.fullmatch(r"PYTHON_(\d+)_(\d+)", name) for name in dir(lambda_.Runtime))
    major, minor = max((int(match[1]), int(match[2])) for match in versions if match)
    return f"python{major}.{minor}"


class TestFunction:
    """The function."""

    def test_it_runs_on_arm_and_the_newest_python(self, template: Template) -> None:
        # Fails when aws-cdk-lib learns of a new runtime: then take it, see delivery.py.
        assert template.function.properties["Runtime"] == newest_python()
        assert template.function.properties["Architectures"] == ["arm64"]

    def test_its_handler_is_there(self, template: Template) -> None:
        module, _, name = template.function.properties["Handler"].rpartition(".")
        assert callable(getattr(import_module(module), name))

    def test_its_code_is_the_packages_as_plain_files(self, deployable: Deployable) -> None:
        key = deployable.template.function.properties["Code"]["S3Key"]
        asset = deployable.outdir / f"asset.{key.removesuffix('.zip')}"
        # The other is the authorizer's: one asset for both functions.
        packages = {"gtm_events", "gtm_token_authorizer"}
        assert {entry.name for entry in asset.iterdir()} == packages
        carried = [path for path in asset.rglob("*") if path.is_file()]
        assert {path.suffix for path in carried} == {".py"}
        assert {asset / package / "handler.py" for package in packages} <= set(carried)

    def test_it_logs_json_into_its_own_log_group(self, template: Template) -> None:
        config = template.function.properties["LoggingConfig"]
        assert config["LogFormat"] == "JSON"
        assert config["ApplicationLogLevel"] == "INFO"  # the line per batch is at this level
        assert config["LogGroup"] in {log.ref for log in template.log_groups}

    def test_it_is_traced(self, template: Template) -> None:
        assert template.function.properties["TracingConfig"] == {"Mode": "Active"}

    def test_it_waits_for_its_permissions(self, template: Template) -> None:
        # A function that starts without them would send its first batches back.
        (policy,) = (
            policy.logical_id
            for policy in template.all("AWS::IAM::Policy")
            if template.role("lambda.amazonaws.com").ref in policy.properties["Roles"]
        )
        assert policy in template.function.depends_on


class TestEnvironment:
    """What the construct tells the function, as the function reads it."""

    def test_the_defaults(self, template: Template) -> None:
        assert FunctionSettings.from_environment(template.environment) == FunctionSettings(
            destination="pinpoint",
            dead_letter_queue_url=template.dead_letter_queue.ref,
            access_policy=AccessPolicy(anonymous=frozenset(), authenticated=None, origins=None),
            accept_client_timestamp=False,
            unset_values=frozenset(UNSET_VALUES),
            max_events=MaxEvents(anonymous=20, authenticated=100),
            invalid_message_queue_url=template.invalid_message_queue.ref,
            keep_invalid_messages=True,
        )
        assert template.environment["PINPOINT_APPLICATION_ID"] == APPLICATION_ID

    def test_there_is_nothing_that_the_function_does_not_read(self, template: Template) -> None:
        assert template.environment.keys() == {
            "DESTINATION",
            "PINPOINT_APPLICATION_ID",
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

    @pytest.mark.parametrize(
        ("names", "variable", "read"),
        [
            ("*", "*", None),
            ([], [], frozenset()),
            (["plan"], ["plan"], frozenset({"plan"})),
            # The order in which they are written must not redeploy the function.
            (["plan", 'ci"ty', "Größe"], ['ci"ty', "Größe", "plan"], {'ci"ty', "plan", "Größe"}),
        ],
    )
    @pytest.mark.parametrize("who", ["anonymous", "authenticated"])
    def test_user_attributes(
        self,
        synthesized: Synthesize,
        who: str,
        names: list[str] | Literal["*"],
        variable: list[str] | Literal["*"],
        read: set[str] | None,
    ) -> None:
        props: dict[str, Any] = {f"{who}_user_attributes": names, "authorizer": IamAuthorizer()}
        template = synthesized(lambda s: add_connector(s, **props))
        written = json.loads(template.environment[f"{who.upper()}_USER_ATTRIBUTES"])
        assert written == (variable if variable == "*" else sorted(variable))
        settings = FunctionSettings.from_environment(template.environment)
        assert getattr(settings.access_policy, who) == read

    def test_allowed_origins(self, synthesized: Synthesize) -> None:
        origins = ["https://shop.example", "https://*.shop.example"]
        template = synthesized(lambda s: add_connector(s, allowed_origins=origins))
        # The order in which they are written must not redeploy the function.
        assert json.loads(template.environment["ALLOWED_ORIGINS"]) == sorted(origins)
        settings = FunctionSettings.from_environment(template.environment)
        assert settings.access_policy.origins == Origins(sorted(origins))

    def test_accept_client_timestamp(self, synthesized: Synthesize) -> None:
        template = synthesized(lambda s: add_connector(s, accept_client_timestamp=True))
        assert (
            FunctionSettings.from_environment(template.environment).accept_client_timestamp is True
        )


class TestEventSource:
    """The event source."""

    def test_it_feeds_the_function_from_the_queue(self, template: Template) -> None:
        source = template.event_source.properties
        assert source["EventSourceArn"] == template.queue.arn
        assert source["FunctionName"] == template.function.ref

    def test_it_takes_only_the_failed_ones_of_a_batch_back(self, template: Template) -> None:
        types = template.event_source.properties["FunctionResponseTypes"]
        assert types == ["ReportBatchItemFailures"]

    def test_it_collects_large_batches(self, template: Template) -> None:
        source = template.event_source.properties
        assert source["BatchSize"] == 10_000
        assert source["MaximumBatchingWindowInSeconds"] == 5

    def test_it_does_not_outrun_the_destinations_quota(self, template: Template) -> None:
        assert template.event_source.properties["ScalingConfig"] == {"MaximumConcurrency": 2}
        # A reservation would throttle the event source and cost messages a receive each time.
        assert "ReservedConcurrentExecutions" not in template.function.properties


class TestTracing:
    """X-Ray, whose traces are a good part of a small bill."""

    def test_it_can_be_switched_off(self, options: dict[str, Deployable]) -> None:
        template = options["Untraced"].template
        assert "TracingConfig" not in template.function.properties
        grants = template.grants(template.role("lambda.amazonaws.com"))
        assert not [grant for grant in grants if grant[0].startswith("xray:")]

    def test_of_every_destination(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            destinations = [PinpointDestination("a"), add_stream(stack)]
            add_connector(stack, destination=None, destinations=destinations, tracing=False)

        template = synthesized(build)
        assert len(template.all("AWS::Lambda::Function")) == 2
        assert "Tracing" not in json.dumps(template.document)
        assert "xray:" not in json.dumps(template.document)
