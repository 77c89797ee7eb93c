"""Posted JSON: values keep their spelling, and events of a list are independent."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gtm_events.errors import MalformedMessage
from gtm_events.message import decode, with_events
from tests.unit.builders import (
    FakeDeadLetters,
    FakePinpoint,
    check_totals,
    deliver,
    message_id,
    posted,
)

DEEP = "[" * 100_000 + "]" * 100_000


def parameters(members: str) -> list[tuple[str, str]]:
    """Return the parameters of an event with these additional members."""
    [event] = decode(posted("json", f"{{{members}}}")).events
    assert not isinstance(event, MalformedMessage)
    return event


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('"a\\n\\"b\\""', 'a\n"b"'),
        ("true", "true"),
        ("false", "false"),
        ("null", ""),
        ("7", "7"),
        ("1.10", "1.10"),
        ("-0", "-0"),
        ("-0.0", "-0.0"),
        ("1E5", "1E5"),
        ("1e400", "1e400"),
        ("12345678901234567890", "12345678901234567890"),
        ("9" * 5_000, "9" * 5_000),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ('"tab\t and line\n"', "tab\t and line\n"),
        (r'"Sale \ud83d"', "Sale \ufffd"),
        (r'"\ude00\ud83d"', "\ufffd\ufffd"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"\\ud83d"', r"\ud83d"),
        ("[]", ""),
        ('["a","b"]', "a,b"),
        ('["a",null,1.10,true,["b",["c"]]]', "a,,1.10,true,b,c"),
        ('[{"a": 1.10}, "b"]', '{"a":1.10},b'),
        ("{}", "{}"),
        (
            '{"a": 1.10, "b": [1E5, null, true, "1.10"], "c": {"\\"": "é\\n"}}',
            '{"a":1.10,"b":[1E5,null,true,"1.10"],"c":{"\\"":"é\\n"}}',
        ),
        (r'{"\ud83d": ["\ud83d"]}', '{"\ufffd":["\ufffd"]}'),
        ('{"a": 1, "a": 2}', '{"a":2}'),
    ],
)
def test_a_value_is_the_text_that_was_posted(value: str, text: str) -> None:
    assert parameters(f'"evat_a": {value}') == [("evat_a", text)]


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ('["a", "b,c"]', ["a", "b,c"]),
        ('[1.10, null, true, ["a", 2], {"b": 1}]', ["1.10", "", "true", "a,2", '{"b":1}']),
        ("[]", [""]),
        ("[[]]", [""]),
        ('{"a": [1]}', ['{"a":[1]}']),
        ("4711", ["4711"]),
        (r'["\ud83d", "x"]', ["\ufffd", "x"]),
    ],
)
def test_of_a_user_attribute_a_list_is_several_values(value: str, texts: list[str]) -> None:
    assert parameters(f'"usat_a": {value}') == [("usat_a", text) for text in texts]


@pytest.mark.parametrize("value", ["[5]", "[]", "[1, 2]", '{"a": 5}', "{}", "true", "null"])
def test_a_metric_is_one_number_or_none(value: str) -> None:
    pinpoint = FakePinpoint()
    text = f'{{"event": "e", "endpoint_id": 1, "evmt_a": {value}, "evmt_b": 1.50}}'
    batch = deliver([posted("json", text)], service=pinpoint)
    [event] = pinpoint.events().values()
    assert event["Metrics"] == {"b": 1.5}
    assert batch.summary()["ignored_parameters"] == 1


@pytest.mark.parametrize("number", ["4711", "1.10", "12345678901234567890", "-0", "1E5"])
def test_a_number_is_an_id_as_it_was_written(number: str) -> None:
    pinpoint = FakePinpoint()
    text = f'{{"event": {number}, "endpoint_id": {number}, "usat_n": [{number}]}}'
    deliver([posted("json", text)], service=pinpoint)
    [(endpoint_id, item)] = pinpoint.items()
    [event] = item["Events"].values()
    assert (endpoint_id, event["EventType"]) == (number, number)
    assert item["Endpoint"] == {"User": {"UserAttributes": {"n": [number]}}}


def test_names_are_mended_and_of_one_that_is_there_twice_the_last_counts() -> None:
    assert parameters(r'"evat_\ud83d": 1, "evat_a": 1, "evat_a": 2') == [
        ("evat_\ufffd", "1"),
        ("evat_a", "2"),
    ]


GOOD = '{"event": "good", "endpoint_id": "neighbor", "evat_n": 1.10}'
FAULTS = {
    "no object": "1",
    "null": "null",
    "a list": "[{}]",
    "text": '"{}"',
    "empty": "{}",
    "no id": '{"event": "e"}',
    "an empty id": '{"event": "e", "endpoint_id": ""}',
    "null as id": '{"event": "e", "endpoint_id": null}',
    "an unset id": '{"event": "e", "endpoint_id": "undefined"}',
    "a blank id": '{"event": "e", "endpoint_id": " "}',
    "an unset type": '{"event": "null", "endpoint_id": "x"}',
    "NaN as id": '{"event": "e", "endpoint_id": NaN}',
    "an object as id": '{"event": "e", "endpoint_id": {"id": 1}}',
    "a list as id": '{"event": "e", "endpoint_id": ["x"]}',
    "true as id": '{"event": "e", "endpoint_id": true}',
    "a list as type": '{"event": ["e"], "endpoint_id": "x"}',
    "a type that is reserved": '{"event": "_e", "endpoint_id": "x"}',
    "too deep": DEEP,
    "too deep inside": f'{{"event": "e", "endpoint_id": "x", "evat_a": {DEEP}}}',
    "too deep as id": f'{{"event": "e", "endpoint_id": {DEEP}}}',
    "too deep, and brackets in texts": f'{{"a]": "[\\"[", "b": {DEEP.replace("[]", chr(34) * 2)}}}',
    # On some versions of Python, the parser accepts this depth, but readers of its result do not.
    **{f"{depth} lists deep": f'{{"evat_a": {"[" * depth}{"]" * depth}}}' for depth in (400, 900)},
    "400 objects deep": '{"evat_a": ' + '{"a": ' * 400 + "1" + "}" * 401,
}
UNSET = {"an unset id", "a blank id", "an unset type", "NaN as id"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_event_does_not_affect_the_others(fault: str) -> None:
    pinpoint, letters = FakePinpoint(), FakeDeadLetters()
    text = f'{{"events": [{GOOD}, {FAULTS[fault]}, {GOOD}]}}'
    batch = deliver([posted("json", text)], service=pinpoint, dead_letters=letters)
    check_totals(batch, letters)
    assert set(pinpoint.events()) == {f"{message_id(0)}-0", f"{message_id(0)}-2"}
    assert all(event["Attributes"] == {"n": "1.10"} for event in pinpoint.events().values())
    reason = "unset" if fault in UNSET else "malformed"
    if fault == "a type that is reserved":
        reason = "reserved_event_type"
    assert letters.reasons() == {message_id(0): reason}
    [letter] = letters.letters
    assert letter.detail.startswith("1 of 3 events: the ") or reason == "reserved_event_type"
    # The dead letter holds the event exactly as it was posted.
    assert letter.body.endswith(quote_plus(f'{{"events":[{FAULTS[fault]}]}}', safe="*"))


FINE = {
    "half an emoji": r'"evat_t": "\ud83d"',
    "half an emoji as a name": r'"evat_\ud83d": "x"',
    "half an emoji as a metric's name": r'"evmt_\ud83d": 1',
    "half an emoji for the user": r'"usat_\ud83d": ["\ud83d"]',
    "NaN": '"evmt_a": NaN, "evat_b": -Infinity',
    "a control character": '"evat_t": "a\tb\x01"',
    "many digits": f'"evmt_a": {"9" * 5_000}, "evat_b": {"9" * 5_000}, "evmt_c": 1e999',
    "other types": '"evat_a": {"a": [1]}, "evmt_a": [1], "usat_a": {"b": 2}, "timestamp": []',
    "a name that is there twice": '"evat_a": 1, "evat_a": 2',
}


@pytest.mark.parametrize("fine", FINE)
def test_unusual_values_are_delivered(fine: str) -> None:
    pinpoint, letters = FakePinpoint(), FakeDeadLetters()
    text = f'{{"events": [{GOOD}, {{"event": "e", "endpoint_id": "x", {FINE[fine]}}}, {GOOD}]}}'
    batch = deliver([posted("json", text)], service=pinpoint, dead_letters=letters)
    check_totals(batch, letters)
    assert len(pinpoint.events()) == 3
    assert letters.letters == []


def test_other_members_do_not_affect_the_list() -> None:
    text = f'{{"sent": {DEEP}, "events": 1, "events": [{GOOD}, {{}}]}}'
    request = decode(posted("json", text))
    assert request.is_list
    assert request.events[0] == [("event", "good"), ("endpoint_id", "neighbor"), ("evat_n", "1.10")]


numbers = st.one_of(
    st.integers().map(str),
    st.floats().map(json.dumps),
    st.sampled_from(["1.10", "-0", "1E5", "1e400", "9" * 400, "12345678901234567890"]),
)
any_text = st.text(st.characters(), max_size=8)
names = st.one_of(
    any_text,
    st.sampled_from(["event", "endpoint_id", "timestamp", "evat_a", "evmt_a", "usat_a"]),
    st.tuples(st.sampled_from(["evat_", "evmt_", "usat_"]), any_text).map("".join),
)


def _json(value: Any) -> str:
    """Return JSON, of numbers that are written already."""
    match value:
        case tuple():
            return str(value[0])
        case list():
            return f"[{','.join(map(_json, value))}]"
        case dict():
            return f"{{{','.join(f'{json.dumps(n)}:{_json(v)}' for n, v in value.items())}}}"
        case _:
            return json.dumps(value)


any_json = st.recursive(
    st.one_of(st.none(), st.booleans(), any_text, st.tuples(numbers)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
).map(_json)


@settings(max_examples=300)
@given(any_json)
@example(DEEP)
def test_whatever_one_event_is_its_neighbors_are_delivered(value: str) -> None:
    pinpoint, letters = FakePinpoint(), FakeDeadLetters()
    text = posted("json", f'{{"events": [{GOOD}, {value}, {GOOD}]}}')
    batch = deliver([text], service=pinpoint, dead_letters=letters)
    check_totals(batch, letters)
    assert batch.problems == []
    delivered = {event_id[-2:] for event_id in pinpoint.events()}
    assert delivered | {"-1"} == {"-0", "-1", "-2"}
    assert letters.reasons().keys() == ({message_id(0)} if "-1" not in delivered else set())


@settings(max_examples=300)
@given(st.lists(any_json, min_size=1, max_size=5), st.data())
@example([DEEP, r'{"evat_\ud83d": "\ud83d", "evat_n": 1.10}', '{"evat_a": "é"}'], None)
def test_what_is_left_of_a_list_is_as_it_was_posted(values: list[str], data: Any) -> None:
    indexes = st.sets(st.integers(0, len(values) - 1), min_size=1)
    kept = {0, len(values) - 1} if data is None else data.draw(indexes)
    whole = posted("json", f'{{"events": [{" , ".join(values)}]}}', subject="me", origin="o")
    rest = with_events(whole, kept)
    assert rest.isascii()
    before, after = decode(whole), decode(rest)
    assert after.subject == "me"
    assert list(after.numbers) == sorted(kept)
    assert _texts(after.events) == _texts([before.events[index] for index in sorted(kept)])
    # A shortened list can be shortened again, and does not grow.
    last = with_events(rest, {len(kept) - 1})
    assert list(decode(last).numbers) == [max(kept)]
    assert len(with_events(rest, range(len(kept)))) == len(rest)
    if len(kept) < len(values):
        assert len(rest) <= len(whole) + len("&numbers=") + 3 * len(kept)


def _texts(events: Any) -> list[object]:
    return [str(event) if isinstance(event, MalformedMessage) else event for event in events]


def test_what_is_left_of_a_list_is_no_larger_than_it_was() -> None:
    event = '{"event":"e","endpoint_id":"x","evat_t":"éé漢*~ .-_","evat_u":"\\u00e9"}'
    # Like $util.urlEncode: the asterisk stays, the tilde is escaped.
    text = quote_plus(f'{{"events":[{",".join([event] * 100)}]}}', safe="*").replace("~", "%7E")
    head = "v=1&time=1795000000000&access=anonymous&content=json"
    rest = with_events(f"{head}\nbody={text}", range(99))
    assert len(rest) < len(f"{head}\nbody={text}") + len("&numbers=") + 3 * 99 - len(event)
    assert "%C3%A9%C3%A9" in rest  # not as %5Cu00e9, which is twice as long
