"""``python -m capacity``: bring docs/capacity.md, its plots and docs/costs.md up to date."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from capacity import document

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the documents, or print tables."""
    parser = argparse.ArgumentParser(
        prog="python -m capacity",
        description="Bring the tables and plots of docs/capacity.md and docs/costs.md up to date.",
    )
    parser.add_argument(
        "--print",
        choices=sorted(document.TABLES),
        action="append",
        dest="tables",
        help="print this table and change no file; repeatable; needs no matplotlib",
    )
    options = parser.parse_args(arguments)
    if not options.tables:
        document.write()
        return 0
    print("\n\n".join(document.TABLES[name]() for name in options.tables))
    return 0


if __name__ == "__main__":
    sys.exit(main())
