"""Formatting of Markdown tables and the numbers in them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from capacity.model import BILLION, MILLION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def markdown(
    header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] | None = None
) -> str:
    """Return a table with right-aligned ``numbers`` columns. Default: all but the first."""
    if numbers is None:
        numbers = range(1, len(header))
    rule = ["---:" if column in numbers else "---" for column in range(len(header))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *rows))


def dollars(amount: float | None) -> str:
    """Return an amount in US dollars, formatted for a table."""
    if amount is None:
        return "not found"
    if amount == 0 or amount >= 100:  # noqa: PLR2004 - cents do not matter beyond
        return f"${amount:,.0f}"
    return f"${amount:,.2f}"


def volume(events: float) -> str:
    """Return a number of events in millions or billions."""
    if events >= BILLION:
        return f"{events / BILLION:,.4g} B"
    return f"{events / MILLION:,.4g} M"


def count(value: float, digits: int = 2) -> str:
    """Return a number formatted for a table, rounded to ``digits`` significant digits."""
    if math.isnan(value):
        return "not known"
    if math.isinf(value):
        return "does not bind"
    if value < 1:
        return f"{value:.2f}"
    return f"{round(value, digits - 1 - math.floor(math.log10(value))):,.10g}"
