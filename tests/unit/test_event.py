"""Tests of ``interpret()``: the URL contract."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from gtm_events.destinations.pinpoint import LIMITS
from gtm_events.errors import MalformedMessage, UnsetParameter
from gtm_events.event import Event, Limits, interpret, iso8601
from gtm_events.losses import TOTALS, EventLosses, Loss, by_reason, totals
from tests.unit.builders import EDGES, QUERIES, REQUEST_TIME, UNSET_VALUES, cases

if TYPE_CHECKING:
    from pathlib import Path


class Losses(Counter[str]):
    """Losses by reason, with the parameters that caused them."""

    def __init__(self) -> None:
        super().__init__()
        self.parameters: list[tuple[str, str]] = []

    def record_loss(self, loss: Loss, parameter: str) -> None:
        self[loss] += 1
        self.parameters.append((parameter, loss.value))


def read(
    parameters: list[tuple[str, str]] | dict[str, str],
    losses: Losses | None = None,
    *,
    limits: Limits = LIMITS,
    accept_client_timestamp: bool = False,
    unset_values: frozenset[str] = UNSET_VALUES,
) -> Event:
    pairs = list(parameters.items()) if isinstance(parameters, dict) else parameters
    return interpret(
        [("event", "buy"), ("endpoint_id", "ep"), *pairs],
        event_id="id",
        request_time=REQUEST_TIME,
        limits=limits,
        accept_client_timestamp=accept_client_timestamp,
        unset_values=unset_values,
        record_loss=(Losses() if losses is None else losses).record_loss,
    )


@pytest.fixture
def losses() -> Losses:
    return Losses()


def test_a_whole_event(losses: Losses) -> None:
    event = read(
        {"evat_page": "/a", "evmt_price": "19.99", "usat_plan": "gold", "gtmcb": "1", "utm": "x"},
        losses,
    )
    assert event == Event(
        id="id",
        endpoint_id="ep",
        event_type="buy",
        time=REQUEST_TIME,
        attributes={"page": "/a"},
        metrics={"price": 19.99},
        user_attributes={"plan": ["gold"]},
    )
    assert losses.parameters == [("utm", "unknown_parameter")]


def test_every_loss_is_in_one_total() -> None:
    assert sorted(loss for losses in TOTALS.values() for loss in losses) == sorted(Loss)


def test_losses_are_counted_once_the_event_is_known_to_be_delivered() -> None:
    counts: Counter[str] = Counter(requests=3)
    losses = EventLosses()
    losses.record_loss(Loss.UNSET, "evat_a")
    losses.forget()
    for loss in (Loss.EMPTY_NAME, Loss.UNSET, Loss.UNSET, Loss.VALUE_TOO_LONG):
        losses.record_loss(loss, "evat_a")
    losses.add_to(counts)
    assert by_reason(counts) == {"empty_name": 1, "unset": 2, "value_too_long": 1}
    assert totals(counts) == {
        "ignored_parameters": 3,
        "truncated_values": 1,
        "denied_user_attributes": 0,
        "ignored_timestamps": 0,
    }


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
            unset_values=frozenset(),
            record_loss=Losses().record_loss,
        )


@pytest.mark.parametrize("parameter", ["event", "endpoint_id"])
@pytest.mark.parametrize("word", sorted(UNSET_VALUES))
def test_an_event_without_a_type_or_an_id_names_the_parameter_and_the_word(
    parameter: str, word: str
) -> None:
    with pytest.raises(UnsetParameter) as raised:
        read({parameter: word})
    assert str(raised.value) == f"the parameter {parameter} is the word {word}: it has no value"


@pytest.mark.parametrize("parameter", ["event", "endpoint_id"])
@pytest.mark.parametrize("blank", [" ", "\t\n ", "\xa0", "\u2003\u3000"])
@pytest.mark.parametrize("unset_values", [UNSET_VALUES, frozenset[str]()])
def test_white_space_is_no_type_and_no_id(
    parameter: str, blank: str, unset_values: frozenset[str]
) -> None:
    with pytest.raises(UnsetParameter, match=f"the parameter {parameter} is white space"):
        read({parameter: blank}, unset_values=unset_values)


NOT_THE_WORDS = ["Null", "NULL", "nan", "Undefined", " undefined ", "undefined ", "undefineds"]
NOT_THE_WORDS += ["/undefined", "nullable", "[object Object],[object Object]", "[object object]"]


@pytest.mark.parametrize("value", NOT_THE_WORDS)
def test_exactly_these_words_are_no_value(value: str, losses: Losses) -> None:
    event = read({"event": value, "endpoint_id": value, "evat_a": value, "usat_a": value}, losses)
    assert (event.event_type, event.endpoint_id) == (value, value)
    assert (event.attributes, event.user_attributes) == ({"a": value}, {"a": [value]})
    assert losses == {"repeated": 2}  # as in read()


@pytest.mark.parametrize("word", sorted(UNSET_VALUES))
def test_a_word_for_no_value_is_left_out_and_overwrites_nothing(word: str, losses: Losses) -> None:
    event = read(
        [
            ("evat_a", "kept"),
            ("usat_tags", "x"),
            *[(name, word) for name in ("evat_a", "evat_b", "evmt_c", "usat_d", "usat_tags")],
            ("usat_tags", "y"),
            ("gtmcb", word),
        ],
        losses,
    )
    assert (event.attributes, event.metrics) == ({"a": "kept"}, {})
    assert event.user_attributes == {"tags": ["x", "y"]}
    assert losses == {"unset": 5}


def test_the_owner_says_which_words_are_no_value(losses: Losses) -> None:
    event = read(
        {"evat_a": "undefined", "evat_b": "(not set)", "evmt_c": "-1", "evmt_d": "-1.0"},
        losses,
        unset_values=frozenset({"(not set)", "-1"}),
    )
    assert (event.attributes, event.metrics) == ({"a": "undefined"}, {"d": -1.0})
    assert losses.parameters == [("evat_b", "unset"), ("evmt_c", "unset")]


LEFT_OUT: list[tuple[str, str, Loss]] = [
    *[(name, "1", Loss.EMPTY_NAME) for name in ("evat_", "evmt_", "usat_")],
    *[(f"{kind}_a", "", Loss.EMPTY_VALUE) for kind in ("evat", "evmt", "usat")],
    *[(f"{kind}_" + "n" * 51, "1", Loss.NAME_TOO_LONG) for kind in ("evat", "evmt", "usat")],
    *[
        (name, "x", Loss.UNKNOWN_PARAMETER)
        for name in ("evat", "evmt", "usat", "EVAT_a", "Event", "", "utm_source", "Timestamp")
    ],
    ("timestamp", "1795000000000", Loss.TIMESTAMP_NOT_ACCEPTED),
    ("timestamp", "undefined", Loss.TIMESTAMP_NOT_ACCEPTED),
    ("evmt_a", "NaN", Loss.UNSET),
    *[
        ("evmt_a", value, Loss.NOT_A_NUMBER)
        for value in (
            *(
                "inf",
                "-Infinity",
                "nan",
                "twelve",
                "1_000",
                "1e999",
                "0x10",
                "\u0661\u0662",
                "\xa0\u0661",
            ),
            *("1,5", "2,000.00", "--1", ".", "e5", "1e", "1 2", "1\n2", " ", "\n", "[5]", "1\0"),
            *("€5", "5 €", "1\N{EN DASH}2", "infinity", "1" * 400),
        )
    ],
]


@pytest.mark.parametrize(("parameter", "value", "loss"), LEFT_OUT)
def test_each_unusable_parameter_is_dropped_for_one_reason(
    parameter: str, value: str, loss: Loss, losses: Losses
) -> None:
    event = read({parameter: value}, losses)
    assert (event.attributes, event.metrics, event.user_attributes) == ({}, {}, {})
    assert losses.parameters == [(parameter, loss.value)]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *[("0", 0), ("-2.5", -2.5), ("1e3", 1000), (".5", 0.5), ("5.", 5), ("+7", 7), (" 7", 7)],
        *[
            ("-0", -0.0),
            ("007", 7),
            ("1E+5", 100_000),
            ("1.10", 1.1),
            ("1" * 300, float("1" * 300)),
        ],
        *[(f"{space}19.99{space}", 19.99) for space in ("\n  ", "\t", "\xa0", "\r\n", "\u2009")],
        *[(f"{space}1", 1) for space in ("\u2028", "\u3000", "\u202f", "\x0b", "\x85")],
    ],
)
def test_metrics_are_numbers(value: str, number: float, losses: Losses) -> None:
    assert repr(read({"evmt_a": value}, losses).metrics) == repr({"a": float(number)})
    assert losses == {}


def test_names_and_values_at_the_limit_stay_whole(losses: Losses) -> None:
    event = read({"evat_" + "é" * 50: "😀" * 200, "usat_" + "é" * 50: "😀" * 100}, losses)
    assert event.attributes == {"é" * 50: "😀" * 200}
    assert event.user_attributes == {"é" * 50: ["😀" * 100]}
    assert losses == {}


def test_long_values_are_cut_to_characters_and_counted(losses: Losses) -> None:
    event = read({"evat_a": "😀" * 201, "usat_b": "é" * 101}, losses)
    assert event.attributes == {"a": "😀" * 200}
    assert event.user_attributes == {"b": ["é" * 100]}
    assert losses.parameters == [("evat_a", "value_too_long"), ("usat_b", "value_too_long")]


def test_without_limits_nothing_is_cut(losses: Losses) -> None:
    name, value = "n" * 300, "v" * 3000
    event = read({"evat_" + name: value, "usat_" + name: value}, losses, limits=Limits())
    assert event.attributes == {name: value}
    assert event.user_attributes == {name: [value]}
    assert losses == {}


def test_the_first_40_attributes_and_metrics_by_name_are_kept(losses: Losses) -> None:
    parameters = [(f"evat_n{i:02}", "x") for i in range(0, 50, 2)]
    parameters += [(f"evmt_n{i:02}", "1") for i in range(1, 50, 2)]
    event = read(parameters[::-1], losses)
    assert sorted([*event.attributes, *event.metrics]) == [f"n{i:02}" for i in range(40)]
    assert sorted(name for name, _ in losses.parameters) == sorted(
        name for name, _ in parameters if int(name[-2:]) >= 40
    )
    assert losses == {"too_many_parameters": 10}


def test_an_attribute_and_a_metric_of_one_name_are_two() -> None:
    event = read({"evat_a": "x", "evmt_a": "1"})
    assert (event.attributes, event.metrics) == ({"a": "x"}, {"a": 1.0})


def test_of_a_repeated_parameter_the_last_counts(losses: Losses) -> None:
    event = read(
        [("evat_a", "1"), ("evat_a", "2"), ("evmt_b", "1"), ("evmt_b", "2"), ("event", "last")],
        losses,
    )
    assert (event.attributes, event.metrics, event.event_type) == ({"a": "2"}, {"b": 2.0}, "last")
    assert losses == {"repeated": 3}


def test_a_repeated_user_attribute_has_several_values_up_to_the_limit(losses: Losses) -> None:
    event = read([("usat_a", str(i)) for i in range(52)], losses)
    assert event.user_attributes == {"a": [str(i) for i in range(50)]}
    assert losses == {"too_many_values": 2}


@pytest.mark.parametrize(
    ("timestamp", "time"),
    [
        ("1794999999000", REQUEST_TIME - 1000),
        ("1794999999000.4", REQUEST_TIME - 1000),
        ("1794999999", REQUEST_TIME - 1000),
        ("1794999999.123", REQUEST_TIME - 877),
        ("1794999999.5", REQUEST_TIME - 500),
        (" 1794999999\n", REQUEST_TIME - 1000),
        ("2026-11-18T11:06:39Z", REQUEST_TIME - 1000),
        ("2026-11-18T11:06:39.250Z", REQUEST_TIME - 750),
        ("2026-11-18T11:06:39.2504999Z", REQUEST_TIME - 750),
        ("2026-11-18T13:06:39+02:00", REQUEST_TIME - 1000),
        ("2026-11-18T13:06:39 02:00", REQUEST_TIME - 1000),
        ("2026-11-18T13:06:39 0200", REQUEST_TIME - 1000),
        ("2026-11-18T13:06:39 02", REQUEST_TIME - 1000),
        ("2026-11-18 13:06:39 02:00", REQUEST_TIME - 1000),
        ("2026-11-18T09:06:39-02:00", REQUEST_TIME - 1000),
        ("20261118T130639.5 0200", REQUEST_TIME - 500),
        (str(REQUEST_TIME + 300_000), REQUEST_TIME + 300_000),
        (str(REQUEST_TIME // 1000 + 300), REQUEST_TIME + 300_000),
        (str(REQUEST_TIME - 7 * 86_400_000), REQUEST_TIME - 7 * 86_400_000),
    ],
)
def test_a_plausible_timestamp_is_the_events_time(
    timestamp: str, time: int, losses: Losses
) -> None:
    event = read({"timestamp": timestamp}, losses, accept_client_timestamp=True)
    assert event.time == time
    assert losses == {}


@pytest.mark.parametrize(
    ("timestamp", "loss"),
    [
        (str(REQUEST_TIME + 300_001), Loss.IMPLAUSIBLE_TIME),
        (str(REQUEST_TIME - 7 * 86_400_000 - 1), Loss.IMPLAUSIBLE_TIME),
        (str(REQUEST_TIME // 1000 + 301), Loss.IMPLAUSIBLE_TIME),
        ("1795000000000000", Loss.IMPLAUSIBLE_TIME),  # microseconds
        ("0", Loss.IMPLAUSIBLE_TIME),
        ("9" * 20, Loss.IMPLAUSIBLE_TIME),
        ("0001-01-01T00:00:00+14:00", Loss.IMPLAUSIBLE_TIME),
        ("9999-12-31T23:59:59-14:00", Loss.IMPLAUSIBLE_TIME),
        ("9" * 5000, Loss.NOT_A_TIME),
        ("2026-11-18T11:06:39", Loss.NOT_A_TIME),  # without a zone
        ("2026-11-18 11:06", Loss.NOT_A_TIME),
        ("yesterday", Loss.NOT_A_TIME),
        ("-1", Loss.NOT_A_TIME),
        ("1.795e9", Loss.NOT_A_TIME),
        ("1795000000,5", Loss.NOT_A_TIME),
        ("١٧٩٥٠٠٠٠٠٠", Loss.NOT_A_TIME),
        (" ", Loss.NOT_A_TIME),
        ("undefined", Loss.UNSET),
        ("", Loss.EMPTY_VALUE),
    ],
)
def test_an_unusable_timestamp_is_counted_and_the_request_time_stands(
    timestamp: str, loss: Loss, losses: Losses
) -> None:
    event = read({"timestamp": timestamp}, losses, accept_client_timestamp=True)
    assert event.time == REQUEST_TIME
    assert losses.parameters == [("timestamp", loss.value)]


def test_iso8601() -> None:
    assert iso8601(0) == "1970-01-01T00:00:00.000Z"
    assert iso8601(1_795_000_000_007) == "2026-11-18T11:06:40.007Z"
    assert iso8601(10**14 - 1) == "5138-11-16T09:46:39.999Z"


@pytest.mark.parametrize(("path", "count"), [(QUERIES, 400), (EDGES, 21)], ids=["queries", "edges"])
def test_queries_become_the_events_that_they_must(path: Path, count: int) -> None:
    all_cases: list[dict[str, Any]] = cases(path)
    assert len(all_cases) == count
    for case in all_cases:
        losses = Losses()
        event = interpret(
            parse_qsl(case["query"], keep_blank_values=True),
            event_id="id",
            request_time=1,
            limits=LIMITS,
            accept_client_timestamp=False,
            unset_values=UNSET_VALUES,
            record_loss=losses.record_loss,
        )
        assert {
            "query": case["query"],
            "event_type": event.event_type,
            "endpoint_id": event.endpoint_id,
            "attributes": event.attributes,
            "metrics": event.metrics,
            "user_attributes": event.user_attributes,
            "ignored_parameters": totals(losses)["ignored_parameters"],
        } == case
