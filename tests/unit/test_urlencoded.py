"""Tests of ``parse()``, a faster equivalent of the standard library's ``parse_qsl()``."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gtm_events.urlencoded import _parse_plain, parse

ESCAPES = st.integers(0, 255).flatmap(
    lambda byte: st.sampled_from([f"%{byte:02X}", f"%{byte:02x}"])
)
WELL_FORMED = st.lists(
    st.tuples(st.text(max_size=8), st.text(max_size=8)), min_size=1, max_size=6
).map(urlencode)
# Pieces that the two decoders might read differently.
PIECES = st.one_of(
    ESCAPES,
    st.sampled_from(
        [
            "&",
            "=",
            "+",
            "%",
            "==",
            "%zz",
            "%4",
            "%C3%A9",
            "%C3",
            "%ED%A0%80",
            "%E2%82%AC",
            "%3D%26",
            "%25",
            "%1E",
            "%1f",
        ]
    ),
    st.sampled_from(
        ["=\r", "=\n", "%\r", "%\n", "\r", "\n", "\t", " ", "_", ".", "~", "\x7f", "/"]
    ),
    st.sampled_from(["\x1e", "\x1f", "\x00", "é", "😀", "\ud800"]),
    st.sampled_from(["a=b", "&c=d", "evat_x=%41", "n="]),
)


def read_by_the_standard_library(text: str, *, strict: bool) -> object:
    try:
        return parse_qsl(text, keep_blank_values=True, strict_parsing=strict)
    except ValueError as error:
        return type(error)


@settings(max_examples=1_000)
@given(
    text=st.one_of(WELL_FORMED, st.lists(PIECES, min_size=1, max_size=12).map("".join)),
    strict=st.booleans(),
)
@example(text="a=%zz&b=1", strict=True)
@example(text="a=%\r%zz\n", strict=False)
@example(text="a=1%1Eb%1f2", strict=True)
def test_it_reads_what_the_standard_library_reads(*, text: str, strict: bool) -> None:
    try:
        got: object = parse(text, strict=strict)
    except ValueError as error:
        got = type(error)
    assert got == read_by_the_standard_library(text, strict=strict)


def test_a_byte_that_is_not_utf_8_becomes_a_replacement_character() -> None:
    assert parse("a%E9=caf%E9&b=%C3%A9&c=%F0%9F%98") == [
        ("a\ufffd", "caf\ufffd"),
        ("b", "é"),
        ("c", "\ufffd"),
    ]


def test_an_empty_text_has_no_parameters() -> None:
    assert parse("") == parse("", strict=False) == []


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]))] * 2),
        min_size=1,
    )
)
def test_the_endpoints_output_is_parsed_the_fast_way(parameters: list[tuple[str, str]]) -> None:
    assert _parse_plain(urlencode(parameters)) == parameters


@pytest.mark.parametrize("text", ["a=%1E", "a", "a=b=c", "a=%FF", "a=%4", "a=é", "a=b\r", "a=b "])
def test_irregular_text_is_parsed_the_slow_way(text: str) -> None:
    assert _parse_plain(text) is None
