"""The Lambda entry point: from the environment to batchItemFailures and one log line."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from gtm_events import handler
from gtm_events.aws import Client
from gtm_events.dead_letters import InvalidMessages, RejectionQueues
from gtm_events.destinations import create
from gtm_events.errors import SettingsError
from gtm_events.message import MaxEvents
from gtm_events.policy import AccessPolicy, Origins
from gtm_events.settings import FunctionSettings
from tests.unit.builders import FakeDeadLetters, FakePinpoint, body, message_id, posted, records

if TYPE_CHECKING:
    from collections.abc import Iterator

ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "DESTINATION": "pinpoint",
    "PINPOINT_APPLICATION_ID": "the-app",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/1/dlq",
    "ANONYMOUS_USER_ATTRIBUTES": '["plan"]',
    "AUTHENTICATED_USER_ATTRIBUTES": '"*"',
    "ALLOWED_ORIGINS": '["https://shop.example"]',
    "ACCEPT_CLIENT_TIMESTAMP": "false",
    "UNSET_VALUES": '["undefined", "null"]',
}
INVALID = "https://sqs.us-east-1.amazonaws.com/1/invalid"
SECRET = "secret-4711"  # noqa: S105 - stands for customer data


class Context:
    """The parts of Lambda's context that the function uses."""

    aws_request_id = "the-invocation"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FakePinpoint, FakeDeadLetters]]:
    """The handler in its environment, with all network services in memory."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    destination, letters = FakePinpoint(), FakeDeadLetters()
    monkeypatch.setattr(
        Client, "to", lambda endpoint, **_: Client(endpoint=endpoint, session=destination)
    )
    monkeypatch.setattr(RejectionQueues, "send", lambda _self, *args: letters.send(*args))
    handler._delivery.cache_clear()
    yield destination, letters
    handler._delivery.cache_clear()


def test_a_batch_ends_in_failures_and_one_line(
    fakes: tuple[FakePinpoint, FakeDeadLetters], capsys: pytest.CaptureFixture[str]
) -> None:
    destination, letters = fakes
    destination.respond = lambda _endpoint, _event_id, event: (
        (500 if event["EventType"] == "retry" else 202),
        "words",
    )
    answer = handler.handle(
        {
            "Records": records(
                [
                    body({"event": "ok", "endpoint_id": "a", "usat_plan": "x", "usat_no": "y"}),
                    body({"event": "retry", "endpoint_id": "b"}),
                    "not ours",
                ]
            )
        },
        Context(),
    )
    assert answer == {"batchItemFailures": [{"itemIdentifier": message_id(1)}]}
    assert letters.reasons() == {message_id(2): "malformed"}
    assert destination.urls == {"https://pinpoint.eu-west-1.amazonaws.com/v1/apps/the-app/events"}
    assert destination.user_attributes("a") == [{"plan": ["x"]}]
    [line] = capsys.readouterr().out.splitlines()
    fields = json.loads(line)
    assert fields.pop("timestamp").endswith("Z")
    assert isinstance(fields.pop("duration_ms"), int)
    assert fields == {
        "level": "WARN",
        "message": "batch",
        "received": 3,
        "events": 2,
        "delivered": 1,
        "retried": 1,
        "rejected": 1,
        "opted_out": 0,
        "dead_letters": 1,
        "invalid_messages": 0,
        "retried_by_reason": {"unavailable": 1},
        "rejected_by_reason": {"malformed": 1},
        "ignored_parameters": 0,
        "truncated_values": 0,
        "denied_user_attributes": 1,
        "ignored_timestamps": 0,
        "losses_by_reason": {"not_for_anonymous": 1},
        "requests": 4,
        "throttles": 0,
        "problems": [],
        "request_id": "the-invocation",
    }


@pytest.mark.parametrize(
    ("variables", "level", "kept"),
    [
        ({}, "WARN", [False]),
        ({"INVALID_MESSAGE_QUEUE_URL": INVALID}, "INFO", [True]),
        ({"INVALID_MESSAGE_QUEUE_URL": INVALID, "KEEP_INVALID_MESSAGES": "false"}, "INFO", []),
    ],
)
def test_a_strangers_request_is_no_warning_where_it_is_kept_apart(
    fakes: tuple[FakePinpoint, FakeDeadLetters],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    variables: dict[str, str],
    level: str,
    kept: list[bool],
) -> None:
    """A stranger must not be able to set off an alarm on warnings."""
    _, letters = fakes
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    answer = handler.handle({"Records": records(["not ours"])}, Context())
    assert answer == {"batchItemFailures": []}
    assert [letter.invalid for letter in letters.letters] == kept
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["rejected_by_reason"]) == (level, {"malformed": 1})
    assert line["invalid_messages"] == sum(kept)


def test_a_letter_names_the_destination_that_refuses(
    fakes: tuple[FakePinpoint, FakeDeadLetters],
) -> None:
    _, letters = fakes
    handler.handle(
        {"Records": records([body({"event": "_e", "endpoint_id": "a"}), "not ours"])}, Context()
    )
    assert {letter.reason: letter.destination for letter in letters.letters} == {
        "reserved_event_type": "pinpoint",
        "malformed": "",
    }


def test_lists_are_held_to_the_limits_of_the_environment(
    fakes: tuple[FakePinpoint, FakeDeadLetters], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, letters = fakes
    monkeypatch.setenv("ANONYMOUS_MAX_EVENTS_PER_REQUEST", "1")
    monkeypatch.setenv("AUTHENTICATED_MAX_EVENTS_PER_REQUEST", "2")
    two = json.dumps({"events": [{"event": "e", "endpoint_id": "a"}] * 2})
    bodies = [posted("json", two), posted("json", two, subject="user")]
    assert handler.handle({"Records": records(bodies)}, Context()) == {"batchItemFailures": []}
    assert letters.reasons() == {message_id(0): "too_many_events"}


def test_an_empty_answer_keeps_nothing_back(fakes: tuple[FakePinpoint, FakeDeadLetters]) -> None:
    assert fakes
    event = {"Records": records([body({"event": "e", "endpoint_id": "ep"})])}
    assert handler.handle(event, Context()) == {"batchItemFailures": []}


def test_customer_data_is_in_no_log_at_any_level(
    fakes: tuple[FakePinpoint, FakeDeadLetters],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    destination, _ = fakes
    destination.respond = lambda _endpoint, _event_id, event: (
        {"ok": 202, "_": 202}.get(event["EventType"][:2], 400),
        SECRET,
    )
    parameters = {
        "endpoint_id": SECRET,
        f"evat_{SECRET}": SECRET * 30,
        f"evmt_{SECRET}": SECRET,
        f"usat_{SECRET}": SECRET,
        SECRET: SECRET,
        "timestamp": SECRET,
    }
    with caplog.at_level(logging.DEBUG):
        handler.handle(
            {
                "Records": records(
                    [
                        body({"event": "ok"} | parameters),
                        body({"event": SECRET} | parameters),
                        body({"event": f"_{SECRET}"} | parameters),
                        f"v=1&time={SECRET}&access={SECRET}\n{SECRET}",
                        SECRET,
                    ]
                )
            },
            Context(),
        )
    out = capsys.readouterr()
    assert '"received": 5' in out.out
    assert SECRET not in out.out + out.err + caplog.text


def test_settings_are_read() -> None:
    assert FunctionSettings.from_environment(ENVIRONMENT) == FunctionSettings(
        destination="pinpoint",
        dead_letter_queue_url="https://sqs.us-east-1.amazonaws.com/1/dlq",
        access_policy=AccessPolicy(
            anonymous=frozenset({"plan"}),
            authenticated=None,
            origins=Origins(["https://shop.example"]),
        ),
        accept_client_timestamp=False,
        unset_values=frozenset({"undefined", "null"}),
    )
    everyone = FunctionSettings.from_environment(ENVIRONMENT | {"ANONYMOUS_USER_ATTRIBUTES": '"*"'})
    assert everyone.access_policy.anonymous is None
    anywhere = FunctionSettings.from_environment(ENVIRONMENT | {"ALLOWED_ORIGINS": '"*"'})
    assert anywhere.access_policy.origins is None
    scripts = FunctionSettings.from_environment(ENVIRONMENT | {"REQUIRE_ORIGIN": "true"})
    assert scripts.access_policy.require_origin is True
    assert (
        FunctionSettings.from_environment(ENVIRONMENT | {"UNSET_VALUES": "[]"}).unset_values
        == set()
    )


def test_settings_that_older_deployments_do_not_have() -> None:
    """During a deployment, Lambda may run new code with the old environment."""
    old = FunctionSettings.from_environment(ENVIRONMENT)
    assert old.max_events == MaxEvents(anonymous=100, authenticated=100)
    assert old.invalid_messages is InvalidMessages.DEAD_LETTERS
    new = ENVIRONMENT | {
        "ANONYMOUS_MAX_EVENTS_PER_REQUEST": "1",
        "AUTHENTICATED_MAX_EVENTS_PER_REQUEST": "100",
        "INVALID_MESSAGE_QUEUE_URL": INVALID,
    }
    assert FunctionSettings.from_environment(new).max_events == MaxEvents(
        anonymous=1, authenticated=100
    )
    for keep, then in (("true", InvalidMessages.APART), ("false", InvalidMessages.LEFT)):
        settings = FunctionSettings.from_environment(new | {"KEEP_INVALID_MESSAGES": keep})
        assert settings.invalid_messages is then
    assert FunctionSettings.from_environment(new).invalid_messages is InvalidMessages.APART
    # There is no invalid-message queue, so this function must keep all messages itself.
    nowhere = ENVIRONMENT | {"KEEP_INVALID_MESSAGES": "false"}
    assert (
        FunctionSettings.from_environment(nowhere).invalid_messages is InvalidMessages.DEAD_LETTERS
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DESTINATION", ""),
        ("DEAD_LETTER_QUEUE_URL", None),
        ("ANONYMOUS_USER_ATTRIBUTES", "plan"),
        ("ANONYMOUS_USER_ATTRIBUTES", "*"),
        ("ANONYMOUS_USER_ATTRIBUTES", "[1]"),
        ("ANONYMOUS_USER_ATTRIBUTES", '{"plan": 1}'),
        ("AUTHENTICATED_USER_ATTRIBUTES", None),
        ("ALLOWED_ORIGINS", "https://shop.example"),
        ("ACCEPT_CLIENT_TIMESTAMP", "True"),
        ("REQUIRE_ORIGIN", "1"),
        ("UNSET_VALUES", None),
        ("UNSET_VALUES", ""),
        ("UNSET_VALUES", "undefined"),
        ("UNSET_VALUES", '"*"'),
        ("UNSET_VALUES", "[null]"),
        ("KEEP_INVALID_MESSAGES", "no"),
        *[
            (f"{route}_MAX_EVENTS_PER_REQUEST", number)
            for route in ("ANONYMOUS", "AUTHENTICATED")
            for number in ("0", "101", "-1", "1.5", "all", "²", "9" * 5_000)
        ],
    ],
)
def test_a_wrong_setting_is_named_with_its_value(variable: str, value: str | None) -> None:
    environment = {**ENVIRONMENT, variable: value}
    given = {name: text for name, text in environment.items() if text is not None}
    with pytest.raises(SettingsError) as raised:
        FunctionSettings.from_environment(given)
    assert f"environment variable {variable} must be" in str(raised.value)
    assert (repr(value) if value is not None else "it is not set") in str(raised.value)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PINPOINT_APPLICATION_ID": ""}, "PINPOINT_APPLICATION_ID must be set"),
        (
            {"PINPOINT_REQUESTS_PER_SECOND": "many"},
            "a number from 1 to 1,000,000, got 'many'",
        ),
        ({"PINPOINT_REQUESTS_PER_SECOND": "0"}, "a number from 1 to 1,000,000, got '0'"),
        (
            {"PINPOINT_REQUESTS_PER_SECOND": "nan"},
            "a number from 1 to 1,000,000, got 'nan'",
        ),
        (
            {"PINPOINT_REQUESTS_PER_SECOND": "inf"},
            "a number from 1 to 1,000,000, got 'inf'",
        ),
    ],
)
def test_a_wrong_setting_of_the_destination_is_named(
    environment: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        create("pinpoint", ENVIRONMENT | environment)


def test_an_unknown_destination_is_named() -> None:
    words = r"^environment variable DESTINATION must name .* like kinesis, .*, got 'pinball'$"
    with pytest.raises(SettingsError, match=words):
        create("pinball", ENVIRONMENT)
