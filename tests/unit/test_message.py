"""Tests of ``decode()``, which reads queue messages."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtm_events.errors import MalformedMessage, TooManyEvents
from gtm_events.message import MaxEvents, decode, is_list
from tests.unit.builders import body, posted

DEEP = "[" * 100_000 + "]" * 100_000
NO_SUBJECT = "the envelope is authenticated and names no subject"
ENVELOPE = "v=1&time=1795000000000&access=anonymous"


def test_reads_envelope_and_query() -> None:
    request = decode(
        f"{ENVELOPE}&origin=https%3A%2F%2Fshop.example&referer=https%3A%2F%2Fshop.example%2Fa%3Fb"
        "\nevent=page+view&endpoint_id=e%26%3D1&empty="
    )
    assert request.time == 1_795_000_000_000
    assert not request.authenticated
    assert request.origin == "https://shop.example"
    assert request.referer == "https://shop.example/a?b"
    assert request.events == [
        [("event", "page view"), ("endpoint_id", "e&=1"), ("empty", "")],
    ]


@pytest.mark.parametrize("envelope", [f"v=2&time=5&{ENVELOPE}", f"{ENVELOPE}&origin=a&origin=b"])
def test_of_a_field_that_is_there_twice_the_last_counts(envelope: str) -> None:
    request = decode(f"{envelope}\nevent=e")
    assert request.time == 1_795_000_000_000
    assert request.origin in {"", "b"}


def test_envelopes_that_differ_in_their_time_are_two() -> None:
    others = "access=authenticated&subject=s&endpoint=e&origin=o"
    first, second = (decode(f"v=1&time={time}&{others}\nevent=e") for time in (1, 2))
    assert (first.time, second.time) == (1, 2)
    assert first.subject == second.subject == "s"


def test_origin_and_referer_are_optional() -> None:
    request = decode(f"{ENVELOPE}\nevent=e")
    assert (request.origin, request.referer) == ("", "")


@given(st.lists(st.tuples(st.text(), st.text())))
def test_every_value_comes_back(parameters: list[tuple[str, str]]) -> None:
    assert decode(body(parameters)).events == [parameters]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "the body is not two lines"),
        ("hello", "the body is not two lines"),
        ('{"Records": []}', "the body is not two lines"),
        (ENVELOPE, "the body is not two lines"),
        (f"{ENVELOPE}\nevent=e&endpoint_id=1\n", "the body is not two lines"),
        (f"{ENVELOPE}\nevent", "the query is not form-urlencoded"),
        (f"{ENVELOPE}\nevent=e&&a=b", "the query is not form-urlencoded"),
        ("v=1&time=%FF\nevent=e", "the envelope's time is not epoch milliseconds"),
        ("\nevent=e", "the envelope has no version; this function reads version 1"),
        ("v\nevent=e", "the envelope is not form-urlencoded"),
        (
            "time=1&access=anonymous\nevent=e",
            "the envelope has no version; this function reads version 1",
        ),
        (
            "v=2&time=1&access=anonymous\nevent=e",
            "the envelope is of another version; this function reads version 1",
        ),
        ("v=1&access=anonymous\nevent=e", "the envelope's time is not epoch milliseconds"),
        ("v=1&time=-1&access=anonymous\nevent=e", "the envelope's time is not epoch milliseconds"),
        ("v=1&time=1.5&access=anonymous\nevent=e", "the envelope's time is not epoch milliseconds"),
        ("v=1&time=&access=anonymous\nevent=e", "the envelope's time is not epoch milliseconds"),
        ("v=1&time=%C2%B2&access=anonymous\na=b", "the envelope's time is not epoch milliseconds"),
        (
            f"v=1&time={'9' * 5000}&access=anonymous\nevent=e",
            "the envelope's time is not epoch milliseconds",
        ),
        ("v=1&time=1\nevent=e", "the envelope's access is neither anonymous nor authenticated"),
        (
            "v=1&time=1&access=root\nevent=e",
            "the envelope's access is neither anonymous nor authenticated",
        ),
        (f"{ENVELOPE}\nevent=\ud800", "the message is not Unicode"),
        ("v=1&time=1&access=authenticated\na=b", NO_SUBJECT),
        ("v=1&time=1&access=authenticated&subject=\na=b", NO_SUBJECT),
        (posted("xml", "<a/>"), "the envelope's content is neither form nor json"),
        *[
            (posted("json", text), "the posted body is not JSON")
            for text in (
                "",
                "hello",
                "{",
                '{"a": 1} 2',
                "{'a': 1}",
                '{"a": 01}',
                '{"events": [{"event": "e"}, {"event": e}]}',
                '{"events": [' + "[" * 200_000,
                '{"a": ' + "[" * 200_000 + '], "events": [{}',
                '{"events": [{}, ' + DEEP + ", {]}",
                "{1: " + DEEP + "}",
                "{" + DEEP + "}",
            )
        ],
        *[
            (posted("json", text), "the posted JSON is not an object")
            for text in ("[]", "1", '"a"', "null", "NaN")
        ],
        *[
            (posted("json", f'{{"events": {text}}}'), "the posted events are not a list")
            for text in ("{}", "1", "null", '"a"')
        ],
        *[
            (posted("json", f'{{"events": {text}}}'), "the posted list has no events")
            for text in ("[]", " [ ]")
        ],
        *[
            (posted("json", text), "the posted event is nested too deeply")
            for text in (f'{{"event": "e", "evat_a": {DEEP}}}', DEEP)
        ],
        *[
            (
                posted("json", f'{{"event": "e", "{name}": {value}}}'),
                f"the parameter {name} is neither text nor a number",
            )
            for name in ("event", "endpoint_id")
            for value in ("true", "[]", '["a"]', "{}")
        ],
    ],
)
def test_bodies_not_written_by_the_endpoint_are_malformed(text: str, detail: str) -> None:
    with pytest.raises(MalformedMessage) as raised:
        decode(text)
    assert str(raised.value) == detail


@pytest.mark.parametrize("each", ["{}", "[" * 20_000 + "]" * 20_000], ids=["flat", "deep"])
@pytest.mark.parametrize(
    ("most", "fields", "detail"),
    [
        (MaxEvents(), {}, "the posted list has 101 events, and a request may have 100 events"),
        (MaxEvents(anonymous=20), {}, "the posted list has 21 events, and a request may have 20"),
        (
            MaxEvents(anonymous=1),
            {},
            "the posted list has 2 events, and a request may have 1 event",
        ),
        (
            MaxEvents(anonymous=1, authenticated=3),
            {"subject": "user"},
            "the posted list has 4 events, and a request may have 3 events",
        ),
    ],
)
def test_a_list_of_one_more_than_its_route_takes(
    each: str, most: MaxEvents, fields: dict[str, str], detail: str
) -> None:
    allowed = most.authenticated if fields else most.anonymous
    for count in (1, allowed):
        text = f'{{"events": [{",".join([each] * count)}]}}'
        assert len(decode(posted("json", text, **fields), most).events) == count
    text = f'{{"events": [{",".join([each] * (allowed + 1))}]}}'
    with pytest.raises(TooManyEvents, match=f"^{detail}"):
        decode(posted("json", text, **fields), most)


LISTS = {
    '{"events":[{}]}': True,
    ' { "events" : [ ] }': True,
    '{"\\u0065vents": [{}]}': True,
    '{"a": 1, "events": [{}]}': True,
    '{"events": 1, "events": [{}]}': True,
    f'{{"a": {DEEP}, "events": [{{}}]}}': True,
    '{"event": "e"}': False,
    '{"event": "events"}': False,
    '{"event": "\\u0065"}': False,
    '{"events": {}}': False,
    '{"events": "x"}': False,
    '["events"]': False,
    '"events"': False,
    '{"events": ': False,
    "": False,
}


@pytest.mark.parametrize(("text", "expected"), LISTS.items(), ids=range(len(LISTS)))
def test_a_list_is_told_without_reading_its_events(text: str, expected: bool) -> None:  # noqa: FBT001 - a case
    assert is_list(posted("json", text)) is expected
    assert not is_list(posted("form", text))
    assert not is_list(body({"event": text}))


@given(st.text(alphabet='{}[]":,\\ue0065vnts '))
def test_what_is_read_as_a_list_is_told_to_be_one(text: str) -> None:
    for posted_text in (text, f'{{"events":{text}}}', f'{{{text},"events":[{{}}]}}'):
        message = posted("json", posted_text)
        told = is_list(message)
        try:
            request = decode(message)
        except (MalformedMessage, TooManyEvents):
            continue
        assert told or not request.is_list


@given(st.text())
def test_is_list_reads_any_text(text: str) -> None:
    assert is_list(text) in (True, False)
    assert is_list(f"v=1&content=json\nevents{text}") in (True, False)


def test_a_byte_that_is_not_utf_8_spoils_nothing() -> None:
    for text in (f"{ENVELOPE}\nevent=a%E9&b=%C3", posted("form", "event=a%E9&b=%C3")):
        assert decode(text).events == [[("event", "a\ufffd"), ("b", "\ufffd")]]


@given(st.text())
def test_any_text_is_read_or_malformed(text: str) -> None:
    try:
        decode(text)
    except MalformedMessage:
        return
    assert text.startswith("v=1&")


@given(st.text(alphabet="ab=&%+\nv1time\ud800é\x00"))
def test_any_text_after_the_envelope_is_read_or_malformed(text: str) -> None:
    try:
        request = decode(f"{ENVELOPE}\n{text}")
    except MalformedMessage:
        return
    assert request.subject == ""
    assert request.time == 1_795_000_000_000


def test_an_authenticated_envelope_names_who_it_is() -> None:
    request = decode(body({"event": "e"}, subject="user&1", endpoint="ep=1"))
    assert request.authenticated
    assert (request.subject, request.endpoint) == ("user&1", "ep=1")


def test_an_anonymous_envelope_vouches_for_nobody() -> None:
    request = decode("v=1&time=1&access=anonymous&subject=me&endpoint=ep\nevent=e")
    assert not request.authenticated
    assert (request.subject, request.endpoint) == ("", "")


def test_of_a_visitor_who_opts_out_nothing_is_read() -> None:
    assert decode(body({"event": "e"}, privacy="1")).events == []
    assert decode(body({}, privacy="1")).opted_out
    assert not decode(body({"event": "e"})).opted_out


def test_a_posted_form_is_one_event() -> None:
    request = decode(posted("form", "event=a+b&usat_x=1&usat_x=2&evat_n=%F0%9F%98%80&bare"))
    assert request.events == [
        [("event", "a b"), ("usat_x", "1"), ("usat_x", "2"), ("evat_n", "\U0001f600"), ("bare", "")]
    ]
    assert not request.is_list


def test_a_posted_list_is_as_many_events() -> None:
    events = [{"event": f"e{i}", "endpoint_id": "ep"} for i in range(100)]
    request = decode(posted("json", json.dumps({"events": events})))
    assert request.events == [[("event", f"e{i}"), ("endpoint_id", "ep")] for i in range(100)]
    assert request.is_list


@given(st.dictionaries(st.text(), st.text()))
def test_every_posted_value_comes_back(document: dict[str, str]) -> None:
    for name in ("events", "event"):
        document.pop(name, None)
    assert decode(posted("json", json.dumps(document))).events == [list(document.items())]


@given(st.text())
def test_any_posted_text_is_read_or_malformed(text: str) -> None:
    for content in ("form", "json"):
        try:
            request = decode(posted(content, text.encode(errors="replace").decode()))
        except MalformedMessage:
            continue
        assert len(request.events) == 1
