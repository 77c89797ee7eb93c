"""Cases of settings that several test files share."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk

from stacks.connector_stack import ConnectorStack
from stacks.destinations import destination_of, destination_settings
from stacks.settings import Settings, all_settings
from tests.destinations.cases import destination_cases
from tests.infrastructure.options import REQUIRED
from tests.infrastructure.synthesis import APPLICATION_ID, KEY_ARN, Template
from tests.infrastructure.wrong_values import TOPIC_ARN

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = {name: each.example for name, each in all_settings().items()}

# Settings that a destination requires. Pinpoint's application is in every context here.
NEEDED = {kind: {} if kind == "pinpoint" else needed for kind, needed in REQUIRED.items()}

ARN = "arn:aws:acm:us-east-1:123456789012:certificate/0123abcd"

_PINPOINT: dict[str, object] = {
    "pinpoint_app_id": ("pinpoint", APPLICATION_ID),
    "pinpoint_requests_per_second": "100",
}


def _in_json(example: str) -> Any:
    """Return an example as somebody would write it in cdk.json."""
    return json.loads(example) if re.fullmatch(r"true|false|\d+", example) else example


# Setting, as the command line gives it, as cdk.json gives it, what it becomes in the template.
TAKEN: list[tuple[str, str, Any, object]] = [
    ("destination", "pinpoint", ["pinpoint"], None),
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
    # The destinations': the example that each sentence gives. Pinpoint is the one that is chosen.
    *(
        (name, each.example, _in_json(each.example), _PINPOINT.get(name))
        for settings in destination_settings().values()
        for name, each in settings.definitions().items()
    ),
]

MALFORMED: list[tuple[str, Any]] = [
    ("destination", ""),
    ("destination", "s3"),
    ("destination", "pinpoint,"),
    ("destination", "Kinesis"),
    ("destination", "pinpoint,pinpoint"),
    ("destination", []),
    ("destination", {"kinesis": True}),
    *(case for cases in destination_cases().values() for case in cases.malformed),
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


# The setting to set instead, by the refused value.
REMEDIES = {
    "disable_execute_api_endpoint=true": "domain_name",
    "authenticated_user_attributes=plan": "signed_token",
}


def read(**context: Any) -> Settings:
    """Read settings from context, with the setting that is always required."""
    app = cdk.App(context={"pinpoint_app_id": APPLICATION_ID, **context})
    return Settings.from_context(app.node)


def deploy(outdir: Path, **context: Any) -> Template:
    """Synthesize the deployable stack as ``context`` says."""
    context = {"pinpoint_app_id": APPLICATION_ID, **context}
    app = cdk.App(outdir=str(outdir), context=context, tree_metadata=False)  # nobody reads it
    ConnectorStack(app, "GtmConnector", settings=Settings.from_context(app.node))
    app.synth(skip_validation=True)
    return Template.read(outdir, "GtmConnector")


def context_of(setting: str) -> dict[str, Any]:
    """Return a context in which ``setting`` has an effect, without the setting itself."""
    destination = destination_of(setting) or "pinpoint"
    context: dict[str, Any] = {"destination": destination, **NEEDED[destination]}
    needed = [*all_settings()[setting].needs]
    while needed:
        name = needed.pop()
        if name not in context:
            context[name] = EXAMPLES[name]
            needed += [other for other in all_settings()[name].needs if other != setting]
    return context


def assert_tells_what_to_do(message: str, setting: str, remedy: str | None = None) -> None:
    """Assert that ``message`` is one sentence about ``setting`` that says how to set ``remedy``."""
    assert message.startswith(f"setting {setting} ")
    assert f"-c {remedy or setting}=" in message
    assert "cdk.json" in message
    assert "\n" not in message
    assert not re.search(r"[.;!?] [A-Z]", message)
