"""What the console says is left out, and why: by the function's own rules."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from gtm_events.destinations.pinpoint import LIMITS
from gtm_events.errors import SettingsError
from gtm_events.event import Limits
from gtm_events.policy import AccessPolicy
from local.console.journal import Journal
from local.deploy import AssemblyError
from local.deployed import Deployed
from local.destinations import stand_ins
from local.rules import FunctionRules
from tests.unit.builders import EDGES, QUERIES, REQUEST_TIME, UNSET_VALUES, body, cases, deliver

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = {
    "DESTINATION": "pinpoint",
    "ANONYMOUS_USER_ATTRIBUTES": '["plan"]',
    "AUTHENTICATED_USER_ATTRIBUTES": '["plan", "city"]',
    "ALLOWED_ORIGINS": '"*"',
    "ACCEPT_CLIENT_TIMESTAMP": "false",
    "UNSET_VALUES": '["undefined"]',
}
RULES = FunctionRules.of(VARIABLES)


def losses(
    parameters: list[tuple[str, str]],
    rules: FunctionRules = RULES,
    *,
    authenticated: bool = False,
    in_query: bool = False,
) -> dict[int, str]:
    """Return the losses of an event that has these parameters beside the required ones."""
    found = rules.losses(
        [*parameters, ("event", "e"), ("endpoint_id", "ep")],
        time=REQUEST_TIME,
        authenticated=authenticated,
        in_query=in_query,
    )
    return {at: str(loss) for at, loss in found.items()}


def test_rules_are_those_of_the_functions_environment() -> None:
    policy = AccessPolicy(anonymous=frozenset({"plan"}), authenticated=frozenset({"plan", "city"}))
    assert FunctionRules.of(VARIABLES) == FunctionRules(
        LIMITS, policy, accept_client_timestamp=False, unset_values=frozenset({"undefined"})
    )
    for kind in stand_ins():
        assert FunctionRules.of(VARIABLES | {"DESTINATION": kind}).limits.name_length >= 50


def test_a_function_that_would_not_start_is_named() -> None:
    without = {name: value for name, value in VARIABLES.items() if name != "UNSET_VALUES"}
    with pytest.raises(SettingsError, match="UNSET_VALUES must be set"):
        FunctionRules.of(without)
    with pytest.raises(AssemblyError, match="the function of pinpoint would not start"):
        Deployed("pinpoint", "", without).rules()


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ([("evat_a", "1"), ("gtmcb", "2"), ("token", "***")], {}),
        ([("evat_a", "undefined"), ("utm", "1")], {0: "unset", 1: "unknown_parameter"}),
        ([("evat_a", "1"), ("evat_a", "2"), ("evat_a", "3")], {0: "repeated", 1: "repeated"}),
        ([("evat_a", "1"), ("evat_a", "undefined")], {1: "unset"}),
        ([("evat_a", "x" * 201), ("evat_a", "1")], {0: "repeated"}),
        ([("evat_a", "1"), ("evat_a", "x" * 201)], {0: "repeated", 1: "value_too_long"}),
        ([("event", "first"), ("timestamp", "1")], {0: "repeated", 1: "timestamp_not_accepted"}),
        ([("usat_plan", "a"), ("usat_plan", ""), ("usat_plan", "b")], {1: "empty_value"}),
        (
            [("usat_city", "x" * 101), ("usat_city", ""), ("usat_plan", "x" * 101)],
            {0: "not_for_anonymous", 1: "empty_value", 2: "value_too_long"},
        ),
    ],
)
def test_each_parameter_has_its_one_reason(
    parameters: list[tuple[str, str]], expected: dict[int, str]
) -> None:
    assert losses(parameters) == expected


def test_of_a_query_api_gateway_passes_the_last_on() -> None:
    twice = [("usat_plan", "a"), ("usat_plan", "b"), ("utm", "1"), ("utm", "2")]
    assert losses(twice) == {2: "unknown_parameter", 3: "unknown_parameter"}
    assert losses(twice, in_query=True) == {0: "repeated", 2: "repeated", 3: "unknown_parameter"}


def test_who_sends_decides_what_may_be_changed() -> None:
    sent = [("usat_city", "x"), ("usat_other", "y")]
    assert losses(sent) == {0: "not_for_anonymous", 1: "not_for_anonymous"}
    assert losses(sent, authenticated=True) == {1: "not_for_authenticated"}


def test_attributes_and_metrics_that_are_too_many_are_the_last_by_name() -> None:
    rules = replace(RULES, limits=Limits(attributes_and_metrics=2))
    sent = [("evmt_c", "1"), ("evat_b", "x"), ("evat_a", "y"), ("evat_c", "z")]
    assert losses(sent, rules) == {0: "too_many_parameters", 3: "too_many_parameters"}


def test_nothing_is_said_of_an_event_that_is_rejected() -> None:
    for parameters in (
        [("utm", "1")],
        [("utm", "1"), ("event", "undefined"), ("endpoint_id", "x")],
    ):
        assert RULES.losses(parameters, time=REQUEST_TIME, authenticated=False, in_query=True) == {}


@pytest.mark.parametrize("path", [QUERIES, EDGES], ids=["queries", "edges"])
def test_the_console_says_what_the_function_counts(path: Path) -> None:
    rules = FunctionRules(LIMITS, AccessPolicy(), False, UNSET_VALUES)  # noqa: FBT003
    for case in cases(path):
        parameters = parse_qsl(case["query"], keep_blank_values=True)
        found = rules.losses(parameters, time=REQUEST_TIME, authenticated=False, in_query=False)
        said = Counter(map(str, found.values()))
        batch = deliver([body(parameters)], policy=AccessPolicy())
        counted = Counter(batch.summary()["losses_by_reason"])
        # A user attribute is denied once, whatever number of values it has.
        names = {parameters[at][0] for at, loss in found.items() if loss == "not_for_anonymous"}
        assert counted.pop("not_for_anonymous", 0) == len(names)
        said.pop("not_for_anonymous", 0)
        # What is cut and then denied is lost for the latter reason.
        counted.pop("value_too_long", 0)
        said.pop("value_too_long", 0)
        assert (case["query"], said) == (case["query"], counted)


def report(**changes: Any) -> dict[str, Any]:
    return {
        "time": REQUEST_TIME,
        "method": "GET",
        "path": "/events",
        "query": "event=e&endpoint_id=ep&evat_a=" + "x" * 201 + "&evmt_n=abc&usat_city=Graz",
        "status": 200,
        "event_id": "JKJaXmPLvHcESHA",
        "detail": "",
    } | changes


@pytest.fixture
def journal() -> Journal:
    journal = Journal()
    journal.destinations_known(
        {"pinpoint": "Amazon Pinpoint", "kinesis": "Amazon Kinesis"},
        {"pinpoint": RULES, "kinesis": FunctionRules.of(VARIABLES | {"DESTINATION": "kinesis"})},
    )
    return journal


def test_a_hit_says_what_is_lost_somewhere_and_where(journal: Journal) -> None:
    journal.gateway_answered(report())
    [hit] = journal.snapshot()["hits"]
    # Once each, though two destinations leave it out.
    assert hit["losses"] == {"value_too_long": 1, "not_a_number": 1, "not_for_anonymous": 1}
    details = journal.details(1)
    assert details is not None
    assert {kind: each["losses"] for kind, each in details["deliveries"].items()} == {
        "pinpoint": [{2: "value_too_long", 3: "not_a_number", 4: "not_for_anonymous"}],
        "kinesis": [{3: "not_a_number", 4: "not_for_anonymous"}],
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"event_id": None, "status": 400},
        {"opted_out": True},
        {"method": "POST", "content_type": "application/json", "body": '{"evat_', "body_cut": True},
        {"query": "event=e&endpoint_id=ep&evat_a=1"},
    ],
)
def test_where_nothing_is_lost_or_known_nothing_is_said(
    journal: Journal, changes: dict[str, Any]
) -> None:
    journal.gateway_answered(report(**changes))
    [hit] = journal.snapshot()["hits"]
    assert hit["losses"] == {}


def test_the_events_of_a_list_keep_their_places(journal: Journal) -> None:
    text = (
        '{"events": [{"event": "e", "endpoint_id": 1, "evat_a": null}, 1, '
        '{"event": "undefined", "endpoint_id": 1, "utm": 1},'
        '{"event": "e", "endpoint_id": 1, "usat_plan": ["a", "undefined"], "evmt_a": [5]}]}'
    )
    posted = {"method": "POST", "content_type": "text/plain;charset=UTF-8", "body": text}
    journal.gateway_answered(report(query="", **posted))
    details = journal.details(1)
    assert details is not None
    assert details["deliveries"]["kinesis"]["losses"] == [
        {2: "empty_value"},
        {},
        {},
        {3: "unset", 4: "not_a_number"},
    ]
    assert details["asked"][3][2:] == [
        ("usat_plan", "a"),
        ("usat_plan", "undefined"),
        ("evmt_a", "[5]"),
    ]


def test_an_empty_body_leaves_the_query(journal: Journal) -> None:
    for number, text in enumerate(("", "{}")):
        posted = {"method": "POST", "content_type": "text/plain", "body": text}
        journal.gateway_answered(report(event_id=f"e-{number}", **posted))
    assert [hit["losses"]["not_a_number"] for hit in journal.snapshot()["hits"]] == [1, 1]
