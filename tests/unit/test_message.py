"""decode(): the queue message read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtm_events.errors import MalformedMessage
from gtm_events.message import decode
from tests.unit.builders import body

ENVELOPE = "v=1&time=1795000000000&access=anonymous"


def test_reads_envelope_and_query() -> None:
    request = decode(
        f"{ENVELOPE}&origin=https%3A%2F%2Fshop.example&referer=https%3A%2F%2Fshop.example%2Fa%3Fb"
        "\nevent=page+view&endpoint_id=e%26%3D1&empty="
    )
    assert request.time == 1_795_000_000_000
    assert request.access == "anonymous"
    assert request.origin == "https://shop.example"
    assert request.referer == "https://shop.example/a?b"
    assert request.parameters == [("event", "page view"), ("endpoint_id", "e&=1"), ("empty", "")]


def test_origin_and_referer_are_optional() -> None:
    request = decode(f"{ENVELOPE}\nevent=e")
    assert (request.origin, request.referer) == ("", "")


@given(st.lists(st.tuples(st.text(), st.text())))
def test_every_value_comes_back(parameters: list[tuple[str, str]]) -> None:
    assert decode(body(parameters)).parameters == parameters


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "the body is not two lines"),
        ("hello", "the body is not two lines"),
        ('{"Records": []}', "the body is not two lines"),
        (ENVELOPE, "the body is not two lines"),
        (f"{ENVELOPE}\nevent=e&endpoint_id=1\n", "the body is not two lines"),
        (f"{ENVELOPE}\nevent", "the query line is not form-urlencoded"),
        (f"{ENVELOPE}\nevent=e&&a=b", "the query line is not form-urlencoded"),
        (f"{ENVELOPE}\nevent=%FF", "the query line is not UTF-8 once decoded"),
        (f"{ENVELOPE}\n%C3=1&event=e", "the query line is not UTF-8 once decoded"),
        ("v=1&time=%FF\nevent=e", "the envelope line is not UTF-8 once decoded"),
        ("\nevent=e", "the envelope has no version; this function reads version 1"),
        ("v\nevent=e", "the envelope line is not form-urlencoded"),
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
        ("v=1&time=1\nevent=e", "the envelope's access is not anonymous"),
        ("v=1&time=1&access=root\nevent=e", "the envelope's access is not anonymous"),
        (f"{ENVELOPE}\nevent=\ud800", "the body is not Unicode"),
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
    assert request.access == "anonymous"
    assert request.time == 1_795_000_000_000
