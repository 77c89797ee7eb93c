"""Texts that the stand-in of Customer Profiles takes for numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from local.destinations.customer_profiles.comparisons import number


@pytest.mark.parametrize("text", ["0", "-1", "12.50", "1e3", "1E+3", "1e-07", "-0.0"])
def test_what_json_writes_is_a_number(text: str) -> None:
    assert number(text) == Decimal(text)


@pytest.mark.parametrize(
    "text", ["", " 5 ", "1_000", "\u0663", "NaN", "Infinity", "1e999999", "5.", "0x10", "1,5"]
)
def test_what_it_does_not_write_is_none(text: str) -> None:
    assert number(text) is None
