"""Every price with its source and its date."""

from __future__ import annotations

import importlib
import math
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from capacity import costs, destinations, prices

ROOT = Path(__file__).parents[2]
FILES = {
    ROOT / "cdk_gtm_connector" / "monitoring" / "prices.toml": prices.__name__,
    **{
        path: f"{destinations.__name__}.{path.stem}"
        for path in sorted(ROOT.joinpath("capacity", "destinations").glob("*.toml"))
    },
}
"""The modules that name the prices, by the files that have them."""


def entries_of(file: Path) -> list[dict[str, Any]]:
    """Return the prices in a file."""
    entries: list[dict[str, Any]] = tomllib.loads(file.read_text("utf-8"))["price"]
    return entries


ENTRIES = [entry for file in FILES for entry in entries_of(file)]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["key"])
def test_an_entry_has_these_keys(entry: dict[str, Any]) -> None:
    assert set(entry) - {"note"} == {
        *("key", "name", "unit", "per", "tiers", "source", "evidence", "looked_up")
    }
    assert isinstance(entry["looked_up"], date)
    assert all(set(tier) == {"up_to", "dollars"} for tier in entry["tiers"])


@pytest.mark.parametrize("price", costs.all_prices(), ids=lambda price: price.name)
def test_a_price_says_where_it_is_from_and_when_it_was_read(price: prices.Price) -> None:
    assert len(price.source) > 10
    # A page can be no younger than the day on which it was read.
    written = [date.fromisoformat(day) for day in re.findall(r"20\d\d-\d\d-\d\d", price.source)]
    assert all(day <= price.looked_up for day in written)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_entry_is_a_price_of_that_name_and_no_price_is_left_out(file: Path) -> None:
    module = importlib.import_module(FILES[file])
    named = {name: value for name, value in vars(module).items() if isinstance(value, prices.Price)}
    assert list(named) == [entry["key"] for entry in entries_of(file)]
    assert set(named.values()) <= set(costs.all_prices())


def test_no_price_is_written_in_the_code() -> None:
    # A second place would be right for as long as nobody changes the first.
    written = {
        f"{tier['dollars']:.10f}".rstrip("0").rstrip(".")
        for entry in ENTRIES
        for tier in entry["tiers"]
        if 0 < tier["dollars"] / entry["per"] < 1e-4
    }
    for path in Path(costs.__file__).parent.rglob("*.py"):
        code = re.sub(r'""".*?"""|#.*', "", path.read_text("utf-8"), flags=re.DOTALL)
        assert written.isdisjoint(re.findall(r"0\.0000\d+", code)), path
    assert any(text.startswith("0.0000") for text in written)


def test_a_price_is_quoted_for_as_many_units_as_its_file_says() -> None:
    assert prices.API_GATEWAY.per == 1_000_000
    assert prices.API_GATEWAY.tiers[0] == (333e6, 3.50 / 1e6)
    assert prices.LAMBDA_ARM64.tiers[0] == (7.5e9, 0.0000133334)
    assert prices.SNS.tiers == ((math.inf, 0.50 / 1e6),)
    table = costs.prices_table()
    for price in costs.all_prices():
        (row,) = (row for row in table.splitlines() if row.startswith(f"| {price.name} |"))
        assert (" per million |" in row) is (price.per == 1_000_000)
        assert price.source in row
