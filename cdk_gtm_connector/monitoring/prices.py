"""List prices in us-east-1, from ``prices.toml``, which gives the source and date of each."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("prices.toml")
"""The file, which the capacity model reads too."""


@cache
def _first_tiers() -> dict[str, float]:
    entries = tomllib.loads(FILE.read_text("utf-8"))["price"]
    return {entry["key"]: entry["tiers"][0]["dollars"] / entry["per"] for entry in entries}


def price(key: str) -> str:
    """Return the price of one unit in US dollars, as a number in metric math.

    It is the price of the first tier, which is the highest.

    Args:
        key: The price's key in the file.
    """
    return f"{_first_tiers()[key]:.12f}".rstrip("0")
