"""Brings docs/capacity.md and its plots up to date: ``python -m benchmarks.document``.

A table stands between ``<!-- table: name -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from benchmarks import costs, plots, quotas, simulation

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "capacity.md"
IMAGES: Final = DOCUMENT.parent / "images"

TABLES: Final = costs.TABLES | quotas.TABLES | simulation.TABLES

_TABLE = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def names(text: str) -> list[str]:
    """Return the names of the tables that ``text`` has."""
    return [match["name"] for match in _TABLE.finditer(text)]


def rewritten(text: str) -> str:
    """Return ``text`` with its tables as the code prints them now.

    Raises:
        KeyError: It asks for a table that the code does not have.
    """
    return _TABLE.sub(lambda match: f"{match[1]}\n{TABLES[match['name']]()}\n\n{match[3]}", text)


def main() -> None:
    """Rewrite the tables and draw the plots."""
    DOCUMENT.write_text(rewritten(DOCUMENT.read_text("utf-8")), "utf-8")
    plots.draw(IMAGES)


if __name__ == "__main__":
    main()
