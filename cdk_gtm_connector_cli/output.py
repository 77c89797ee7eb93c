"""Writes results: tables for people, JSON for scripts."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# A tag can send the codes that move a terminal's cursor, or give it a title.
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

_WIDTH: Final = 160

GOOD: Final = "green"
BAD: Final = "bold red"
DOUBTFUL: Final = "yellow"
DIM: Final = "dim"


def safe(text: object) -> str:
    r"""Return a text with its control characters escaped (``\x1b``), so that no terminal acts."""
    return _CONTROL.sub(lambda it: it[0].encode("unicode_escape").decode(), str(text))


class Output:
    """The output of a command.

    Results go to standard output, and everything else to standard error: what a script reads has
    nothing else in it.

    Args:
        as_json: Whether results are written as JSON, one document a line.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        # Nothing that a tag sends is markup.
        common: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False}
        # A file or a pipe has no width.
        width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDTH
        self.console = Console(width=width, **common)
        self.messages = Console(stderr=True, **common)

    def result(self, document: Mapping[str, Any]) -> None:
        """Write a result as one line of JSON, if that is wanted. See :attr:`as_json`."""
        if self.as_json:
            print(json.dumps(document, default=str), flush=True)  # noqa: T201 - the result

    def line(self, text: str = "", style: str = "") -> None:
        """Write a line for people; nothing with JSON."""
        if not self.as_json:
            self.console.print(Text(safe(text), style=style), soft_wrap=True)

    def note(self, text: str, style: str = DIM) -> None:
        """Write a line on standard error."""
        self.messages.print(Text(safe(text), style=style), soft_wrap=True)

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = ""
    ) -> None:
        """Write a table for people; nothing with JSON. A cell may be a styled ``Text``."""
        if self.as_json:
            return
        table = Table(title=title or None, title_justify="left", show_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(cell if isinstance(cell, Text) else Text(safe(cell)) for cell in row))
        self.console.print(table)
