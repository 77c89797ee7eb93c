"""Updates of the tables and plots in docs/capacity.md and docs/costs.md.

A table stands between ``<!-- table: name -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from capacity import costs, quotas, simulation, stages
from capacity.destinations import destination_models

DOCUMENTS: Final = tuple(
    Path(__file__).parents[1] / path for path in ("docs/costs.md", "docs/capacity.md")
)
IMAGES: Final = DOCUMENTS[-1].parent / "images"

TABLES: Final = costs.TABLES | quotas.TABLES | stages.TABLES | simulation.TABLES

_AFTER_THE_DESTINATIONS: Final = "### 10,000 and more, with any destination\n"
_TABLE = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def names(text: str) -> list[str]:
    """Return the names of the tables in ``text``."""
    return [match["name"] for match in _TABLE.finditer(text)]


def with_every_destination(text: str) -> str:
    """Return ``text`` with a section of stages for each destination that has none yet."""
    sections = [
        f"### {model.name}\n\n<!-- table: {model.table} -->\n<!-- end -->\n\n"
        for model in destination_models()
        if model.table not in names(text)
    ]
    return text.replace(_AFTER_THE_DESTINATIONS, "".join(sections) + _AFTER_THE_DESTINATIONS)


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
        text = with_every_destination(document.read_text("utf-8"))
        document.write_text(rewritten(text), "utf-8")
    plots.draw(IMAGES)
