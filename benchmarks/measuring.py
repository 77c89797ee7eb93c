"""Figures, and what measurements have in common."""

from __future__ import annotations

import statistics
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import batches, busy, processes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EVENTS: Final = 10_000

# What Lambda's documentation says is worth one processor, in MB.
_ONE_PROCESSOR_MB: Final = 1_769


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        name: What was measured.
        value: What it is, in words.
        must: What it must reach, in words; empty if it is only reported.
        holds: Whether it does; ``None`` if it is only reported.
        timed: Whether it depends on time, so that a busy machine can spoil it.
    """

    name: str
    value: str
    must: str = ""
    holds: bool | None = None
    timed: bool = False

    def verdict(self, others: float) -> str:
        """Return what the table says of it.

        Args:
            others: Share of the machine's processors that others used meanwhile.
        """
        if self.holds is None:
            return ""
        if self.holds:
            return "yes"
        if self.timed and others > busy.MOST_FOR_OTHERS:
            return f"{NOT_JUDGED}: the machine is busy, others used {others:.0%} of it"
        return FAILED


NOT_JUDGED: Final = "not judged"
FAILED: Final = "**no**"


def at_most(most: float, name: str, ratio: float, words: str, *, timed: bool = True) -> Figure:
    """Return a ratio that must not be above ``most``; ``words`` follow its value."""
    return Figure(name, f"{ratio:.2f}× {words}", f"≤ {most:g}×", ratio <= most, timed)


@dataclass(frozen=True, slots=True)
class Effort:
    """Numbers of runs and samples of each measurement.

    Attributes:
        runs: Counted runs of a measurement.
        sample: Records that the one-by-one handler is given; its time is extrapolated.
        quota_events: Events that are delivered inside the quota; one-by-one gets a twentieth.
        starts: Starts of each kind.
        synths: Syntheses of each kind.
        requests: Requests to the whole pipeline on this machine.
        shapes: Of the crafted batches, how many are tried at each destination.
        memory_sizes: Sizes of the function in MB.
    """

    runs: int = 5
    sample: int = 500
    quota_events: int = EVENTS
    starts: int = 15
    synths: int = 15
    requests: int = 20_000
    shapes: int = 100
    memory_sizes: tuple[int, ...] = (128, 256, 512, 1_024, _ONE_PROCESSOR_MB)


@dataclass(frozen=True, slots=True)
class Payloads:
    """Events in files, as Lambda hands them to the runtime.

    Attributes:
        directory: Where files may be put.
        events: 10,000 records.
        largest: As many as 6 MB hold.
        largest_records: How many those are.
    """

    directory: Path
    events: Path
    largest: Path
    largest_records: int


@contextmanager
def payloads() -> Iterator[Payloads]:
    """Write the events to temporary files."""
    records = batches.records(EVENTS)
    largest = list(batches.fitting(records))
    with tempfile.TemporaryDirectory(prefix="gtm-connector-bench-") as temporary:
        directory = Path(temporary)
        made = Payloads(directory, directory / "events.json", directory / "6mb.json", len(largest))
        batches.write(made.events, records)
        batches.write(made.largest, largest)
        yield made


def share_of(memory_size: int) -> float:
    """Return the share of a processor that a function with so many MB has, at most one."""
    return min(1.0, memory_size / _ONE_PROCESSOR_MB)


def handled(
    handler: str,
    payload: Path,
    *,
    url: str,
    records: int,
    runs: int,
    warm_up: int = 1,
    quota: float = 1_000_000,
    share: float = 1.0,
    settings: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Let a handler handle the first records of an event, again and again.

    Args:
        handler: Its name, see :mod:`benchmarks.handlers`.
        payload: The event's file.
        url: Of the server.
        records: How many.
        runs: How often that is measured.
        warm_up: How often it is done before.
        quota: Requests a second that the shipped handler is told.
        share: Of a processor.
        settings: See :func:`benchmarks.processes.worker`.

    Returns:
        Each run's ``seconds`` and ``cpu_seconds``.

    Raises:
        RuntimeError: Records came back: nothing was measured.
    """
    result = processes.worker(
        "batches",
        url=url,
        requests_per_second=quota,
        share=share,
        settings=settings,
        handler=handler,
        payload=str(payload),
        records=records,
        warm_up=warm_up,
        runs=runs,
    )
    measured: list[dict[str, Any]] = result["runs"]
    if any(run["failures"] for run in measured):
        raise RuntimeError(f"the {handler} handler gave records back: nothing was measured")
    return measured


def median(runs: list[dict[str, Any]], name: str) -> float:
    """Return the median of one of the runs' numbers."""
    return float(statistics.median(run[name] for run in runs))
