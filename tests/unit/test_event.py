"""interpret(): the URL contract."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from gtm_events.destinations.pinpoint import LIMITS
from gtm_events.errors import MalformedMessage
from gtm_events.event import Event, Limits, interpret, iso8601
from tests.unit.builders import REQUEST_TIME, SHARED_CASES


def read(
    parameters: list[tuple[str, str]] | dict[str, str],
    *,
    limits: Limits = LIMITS,
    accept_client_timestamp: bool = False,
) -> Event:
    pairs = list(parameters.items()) if isinstance(parameters, dict) else parameters
    return interpret(
        [("event", "buy"), ("endpoint_id", "ep"), *pairs],
        event_id="id",
        request_time=REQUEST_TIME,
        limits=limits,
        accept_client_timestamp=accept_client_timestamp,
    )


def test_a_whole_event() -> None:
    event = read(
        {"evat_page": "/a", "evmt_price": "19.99", "usat_plan": "gold", "gtmcb": "1", "utm": "x"}
    )
    assert event == Event(
        id="id",
        endpoint_id="ep",
        event_type="buy",
        time=REQUEST_TIME,
        attributes={"page": "/a"},
        metrics={"price": 19.99},
        user_attributes={"plan": ["gold"]},
        ignored_parameters=1,
    )
    assert event.counts == {"ignored_parameters": 1}


@pytest.mark.parametrize("missing", ["event", "endpoint_id"])
@pytest.mark.parametrize("parameters", [[], [("event", ""), ("endpoint_id", "")]])
def test_event_and_endpoint_id_are_required(
    missing: str, parameters: list[tuple[str, str]]
) -> None:
    given = [(name, value) for name, value in parameters if name == missing]
    other = "endpoint_id" if missing == "event" else "event"
    with pytest.raises(MalformedMessage, match=f"the parameter {missing} is missing or empty"):
        interpret(
            [*given, (other, "x")],
            event_id="id",
            request_time=1,
            limits=LIMITS,
            accept_client_timestamp=False,
        )


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("evat_", "x"),
        ("evat", "x"),
        ("evat_a", ""),
        ("evmt_", "1"),
        ("evmt", "1"),
        ("usat_", "x"),
        ("usat", "x"),
        ("usat_a", ""),
        ("evat_" + "n" * 51, "x"),
        ("evmt_" + "n" * 51, "1"),
        ("usat_" + "n" * 51, "x"),
        ("EVAT_a", "x"),
        ("Event", "x"),
        ("", "x"),
        ("utm_source", "x"),
        ("timestamp", "1795000000000"),
        *[
            ("evmt_a", value)
            for value in ("", "NaN", "inf", "-Infinity", "twelve", "1_000", "1e999", "0x10", "١٢")
        ],
        *[("evmt_a", value) for value in ("1,5", "--1", ".", "e5", "1e", "1 2", "null")],
    ],
)
def test_what_cannot_be_used_is_ignored_and_counted(parameter: str, value: str) -> None:
    event = read({parameter: value})
    assert (event.attributes, event.metrics, event.user_attributes) == ({}, {}, {})
    assert event.counts == {"ignored_parameters": 1}


@pytest.mark.parametrize(
    ("value", "number"),
    [("0", 0), ("-2.5", -2.5), ("1e3", 1000), (".5", 0.5), ("5.", 5), ("+7", 7), (" 7", 7)],
)
def test_metrics_are_numbers(value: str, number: float) -> None:
    assert read({"evmt_a": value}).metrics == {"a": number}


def test_names_and_values_at_the_limit_stay_whole() -> None:
    event = read({"evat_" + "é" * 50: "😀" * 200, "usat_" + "é" * 50: "😀" * 100})
    assert event.attributes == {"é" * 50: "😀" * 200}
    assert event.user_attributes == {"é" * 50: ["😀" * 100]}
    assert event.counts == {}


def test_long_values_are_cut_to_characters_and_counted() -> None:
    event = read({"evat_a": "😀" * 201, "usat_b": "é" * 101})
    assert event.attributes == {"a": "😀" * 200}
    assert event.user_attributes == {"b": ["é" * 100]}
    assert event.counts == {"truncated_values": 2}


def test_without_limits_nothing_is_cut() -> None:
    name, value = "n" * 300, "v" * 3000
    event = read({"evat_" + name: value, "usat_" + name: value}, limits=Limits())
    assert event.attributes == {name: value}
    assert event.user_attributes == {name: [value]}
    assert event.counts == {}


def test_the_first_40_attributes_and_metrics_by_name_are_kept() -> None:
    parameters = [(f"evat_n{i:02}", "x") for i in range(0, 50, 2)]
    parameters += [(f"evmt_n{i:02}", "1") for i in range(1, 50, 2)]
    event = read(parameters[::-1])
    assert sorted([*event.attributes, *event.metrics]) == [f"n{i:02}" for i in range(40)]
    assert event.counts == {"ignored_parameters": 10}


def test_an_attribute_and_a_metric_of_one_name_are_two() -> None:
    event = read({"evat_a": "x", "evmt_a": "1"})
    assert (event.attributes, event.metrics) == ({"a": "x"}, {"a": 1.0})


def test_of_a_repeated_parameter_the_last_counts() -> None:
    event = read(
        [("evat_a", "1"), ("evat_a", "2"), ("evmt_b", "1"), ("evmt_b", "2"), ("event", "last")]
    )
    assert (event.attributes, event.metrics, event.event_type) == ({"a": "2"}, {"b": 2.0}, "last")
    assert event.counts == {"ignored_parameters": 2}


def test_a_repeated_user_attribute_has_several_values_up_to_the_limit() -> None:
    event = read([("usat_a", str(i)) for i in range(52)])
    assert event.user_attributes == {"a": [str(i) for i in range(50)]}
    assert event.counts == {"ignored_parameters": 2}


@pytest.mark.parametrize(
    ("timestamp", "time"),
    [
        ("1794999999000", REQUEST_TIME - 1000),
        ("2026-11-18T11:06:39Z", REQUEST_TIME - 1000),
        ("2026-11-18T11:06:39.250Z", REQUEST_TIME - 750),
        ("2026-11-18T13:06:39+02:00", REQUEST_TIME - 1000),
        (str(REQUEST_TIME + 300_000), REQUEST_TIME + 300_000),
        (str(REQUEST_TIME - 7 * 86_400_000), REQUEST_TIME - 7 * 86_400_000),
    ],
)
def test_a_plausible_timestamp_is_the_events_time(timestamp: str, time: int) -> None:
    event = read({"timestamp": timestamp}, accept_client_timestamp=True)
    assert event.time == time
    assert event.counts == {}


@pytest.mark.parametrize(
    "timestamp",
    [
        str(REQUEST_TIME + 300_001),
        str(REQUEST_TIME - 7 * 86_400_000 - 1),
        "1795000000",  # seconds
        "9" * 5000,
        "2026-11-18T11:06:39",  # whose clock?
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "yesterday",
        "-1",
    ],
)
def test_an_implausible_timestamp_is_counted_and_the_request_time_stands(timestamp: str) -> None:
    event = read({"timestamp": timestamp}, accept_client_timestamp=True)
    assert event.time == REQUEST_TIME
    assert event.counts == {"ignored_timestamps": 1}


def test_iso8601() -> None:
    assert iso8601(0) == "1970-01-01T00:00:00.000Z"
    assert iso8601(1_795_000_000_007) == "2026-11-18T11:06:40.007Z"
    assert iso8601(10**14 - 1) == "5138-11-16T09:46:39.999Z"


def _cases() -> list[dict[str, Any]]:
    lines = (SHARED_CASES.read_text("utf-8") if SHARED_CASES.exists() else "").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.skipif(not SHARED_CASES.exists(), reason="the shared request cases are not here")
def test_shared_cases() -> None:
    cases = _cases()
    assert len(cases) >= 400
    for case in cases:
        event = interpret(
            parse_qsl(case["query"], keep_blank_values=True),
            event_id="id",
            request_time=1,
            limits=LIMITS,
            accept_client_timestamp=False,
        )
        assert {
            "query": case["query"],
            "event_type": event.event_type,
            "endpoint_id": event.endpoint_id,
            "attributes": event.attributes,
            "metrics": event.metrics,
            "user_attributes": event.user_attributes,
            "ignored_parameters": event.counts["ignored_parameters"],
        } == case
