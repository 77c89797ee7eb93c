"""``python -m benchmarks``: measure, and print a table; ``--write`` saves it."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks import figures, measuring
from benchmarks.busy import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS: Final = Path(__file__).parent / "RESULTS.md"

_QUICK: Final = measuring.Effort(
    runs=1,
    sample=100,
    quota_events=2_000,
    starts=3,
    synths=1,
    requests=1_000,
    shapes=2,
    memory_sizes=(256, 1_024),
)
_BEGIN: Final = "<!-- figures: made by `make bench ARGS=--write` -->"
_END: Final = "<!-- end of figures -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and return 1 if a figure misses its goal."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the function, the endpoint and the app on this machine. "
        "Takes about ten minutes.",
    )
    parser.add_argument("--quick", action="store_true", help="fewer runs, less certain figures")
    parser.add_argument("--write", action="store_true", help="save the table in RESULTS.md")
    parser.add_argument(
        "--only",
        choices=[measure.__name__ for measure in figures.ALL],
        action="append",
        help="measure only this; can be repeated",
    )
    options = parser.parse_args(arguments)
    if options.write and options.only:
        parser.error("--write saves a complete table, so it cannot be used with --only")
    effort = _QUICK if options.quick else measuring.Effort()
    head = [_machine(), "", *_row("figure", "measured", "must reach", "")]
    head += ["|---|---|---|---|"]
    print("\n".join(head), flush=True)
    lines: list[str] = []
    verdicts: list[str] = []
    began = time.monotonic()
    with measuring.payloads() as given:
        for measure in figures.ALL:
            if options.only and measure.__name__ not in options.only:
                continue
            before = Usage.now()
            for figure in measure(given, effort):
                verdicts.append(figure.verdict(before.others_until(Usage.now())))
                lines += _row(figure.name, figure.value, figure.must, verdicts[-1])
                print(lines[-1], flush=True)
    print(f"\nIt took {time.monotonic() - began:.0f} seconds.")
    unjudged = any(verdict.startswith(measuring.NOT_JUDGED) for verdict in verdicts)
    if options.write and unjudged:
        print("RESULTS.md was not changed: wait until the machine is otherwise idle.")
    elif options.write:
        write(RESULTS, [*head, *lines])
    return 1 if measuring.FAILED in verdicts or (options.write and unjudged) else 0


def write(path: Path, table: Sequence[str]) -> None:
    """Replace the table in ``path``."""
    text = path.read_text(encoding="utf-8")
    begin, end = text.index(_BEGIN) + len(_BEGIN), text.index(_END)
    path.write_text(
        f"{text[:begin]}\n\n" + "\n".join(table) + f"\n\n{text[end:]}", encoding="utf-8"
    )


def _row(*cells: str) -> list[str]:
    return [f"| {' | '.join(cells)} |"]


def _machine() -> str:
    """Return a description of the machine, with the date."""
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    processor = model[1] if model else platform.machine()
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores of {processor}, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}."
    )


if __name__ == "__main__":
    sys.exit(main())
