"""Updates the tables and plots of docs/capacity.md and docs/costs.md.

A table stands between ``<!-- table: name -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from capacity import costs, quotas, simulation, stages

DOCUMENTS: Final = tuple(
    Path(__file__).parents[1] / path for path in ("docs/costs.md", "docs/capacity.md")
)
IMAGES: Final = DOCUMENTS[-1].parent / "images"

TABLES: Final = costs.TABLES | quotas.TABLES | stages.TABLES | simulation.TABLES

_TABLE = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def names(text: str) -> list[str]:
    """Return the names of the tables in ``text``."""
    return [match["name"] for match in _TABLE.finditer(text)]


def rewritten(text: str) -> str:
    """Return ``text`` with up-to-date tables.

    Raises:
        KeyError: The text names an unknown table.
    """
    return _TABLE.sub(lambda match: f"{match[1]}\n{TABLES[match['name']]()}\n\n{match[3]}", text)


def write() -> None:
    """Rewrite the tables and draw the plots."""
    # matplotlib takes a second to import, and printing a table does not need it.
    from capacity import plots  # noqa: PLC0415 - see above

    for document in DOCUMENTS:
        document.write_text(rewritten(document.read_text("utf-8")), "utf-8")
    plots.draw(IMAGES)
