"""decode(): the queue message read back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtm_events.errors import MalformedMessage
from gtm_events.message import decode, with_events
from tests.unit.builders import body, posted

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
        (f"{ENVELOPE}\nevent=%FF", "the query is not UTF-8 once decoded"),
        (f"{ENVELOPE}\n%C3=1&event=e", "the query is not UTF-8 once decoded"),
        ("v=1&time=%FF\nevent=e", "the envelope is not UTF-8 once decoded"),
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
        (posted("form", "event=%FF"), "the body is not UTF-8 once decoded"),
        *[
            (posted("json", text), "the posted body is not JSON")
            for text in (
                "",
                "hello",
                "{",
                '{"a": NaN}',
                "[" * 200_000,
                '{"a": ' + "9" * 5_000 + "}",
            )
        ],
        *[
            (posted("json", text), "the posted JSON is not an object")
            for text in ("[]", "1", '"a"')
        ],
        *[
            (posted("json", f'{{"events": {text}}}'), "the posted events are not a list of objects")
            for text in ("{}", "[1]", "null", '"a"', "[[]]")
        ],
        *[
            (posted("json", f'{{"events": {text}}}'), "the posted events are not 1 to 100")
            for text in ("[]", json.dumps([{}] * 101))
        ],
        (posted("json", r'{"event": "\ud800"}'), "the message is not Unicode"),
        (posted("json", r'{"\udfff": 1}'), "the message is not Unicode"),
    ],
)
def test_what_is_not_ours_is_malformed(text: str, detail: str) -> None:
    with pytest.raises(MalformedMessage) as raised:
        decode(text)
    assert str(raised.value) == detail


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


def test_a_posted_object_is_one_event() -> None:
    document = {
        "event": "e",
        "evmt_price": 19.5,
        "evmt_count": 3,
        "evat_yes": True,
        "evat_null": None,
        "evat_object": {"a": 1},
        "usat_tags": ["a", 'b\n"', 1],
    }
    request = decode(posted("json", json.dumps(document)))
    assert request.events == [
        [
            ("event", "e"),
            ("evmt_price", "19.5"),
            ("evmt_count", "3"),
            ("evat_yes", "true"),
            ("evat_null", ""),
            ("evat_object", ""),
            ("usat_tags", "a"),
            ("usat_tags", 'b\n"'),
            ("usat_tags", "1"),
        ]
    ]
    assert not request.is_list


def test_a_posted_list_is_as_many_events() -> None:
    events = [{"event": f"e{i}", "endpoint_id": "ep"} for i in range(100)]
    request = decode(posted("json", json.dumps({"events": events})))
    assert request.events == [[("event", f"e{i}"), ("endpoint_id", "ep")] for i in range(100)]
    assert request.is_list


def test_a_posted_list_can_be_cut_down_to_some_of_its_events() -> None:
    events = [{"event": f"e{i}é"} for i in range(4)]
    text = posted("json", json.dumps({"events": events}), subject="me")
    cut = decode(with_events(text, {1, 3}))
    assert cut.events == [[("event", "e1é")], [("event", "e3é")]]
    assert cut.subject == "me"


def test_what_is_cut_down_means_what_it_did() -> None:
    """It is sent again from the dead-letter queue: an infinite number must not spoil the rest."""
    text = posted("json", '{"events": [{}, {"evmt_a": 1e999, "evmt_b": -1e999, "evmt_c": 2.50}]}')
    _, whole = decode(text).events
    assert decode(with_events(text, {1})).events == [whole]


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
