"""Figures, and helpers for measurements."""

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

# Memory in MB at which a function has one full processor (AWS Lambda developer guide).
_ONE_PROCESSOR_MB: Final = 1_769


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        name: Name of the figure.
        value: Measured value, as text.
        must: Goal, as text; empty if there is none.
        holds: Whether the goal is reached; ``None`` if there is none.
        timed: Whether other load on the machine can distort the value.
    """

    name: str
    value: str
    must: str = ""
    holds: bool | None = None
    timed: bool = False

    def verdict(self, others: float) -> str:
        """Return the table's verdict on the figure.

        Args:
            others: Share of the processors that others used during the measurement.
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
    """Return a figure for a ratio of at most ``most``; ``words`` follow its value."""
    return Figure(name, f"{ratio:.2f}× {words}", f"≤ {most:g}×", ratio <= most, timed)


@dataclass(frozen=True, slots=True)
class Effort:
    """Numbers of runs and samples of each measurement.

    Attributes:
        runs: Counted runs of a measurement.
        sample: Records for the one-by-one handler, whose time is extrapolated.
        quota_events: Events to deliver within the quota; one-by-one gets a twentieth.
        starts: Starts of each kind.
        synths: Syntheses of each kind.
        requests: Requests to the local pipeline.
        shapes: Number of crafted batches to try at each destination.
        memory_sizes: Memory sizes of the function, in MB.
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
    """Files with invocation events, in Lambda's format.

    Attributes:
        directory: Directory for further files.
        events: File with 10,000 records.
        largest: File with as many records as fit into 6 MB.
        largest_records: Number of records in that file.
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
    """Return a function's share of a processor by its memory size in MB, at most one."""
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
    """Measure a handler repeatedly on the first records of an event.

    Args:
        handler: Name of the handler; see :mod:`benchmarks.handlers`.
        payload: File with the event.
        url: URL of the server.
        records: Number of records.
        runs: Number of measured runs.
        warm_up: Number of runs before these.
        quota: Quota of requests per second for the shipped handler.
        share: Share of a processor.
        settings: See :func:`benchmarks.processes.worker`.

    Returns:
        ``seconds`` and ``cpu_seconds`` of each run.

    Raises:
        RuntimeError: The handler returned records, so the measurement is invalid.
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
        raise RuntimeError(f"the {handler} handler returned records, so the measurement is invalid")
    return measured


def median(runs: list[dict[str, Any]], name: str) -> float:
    """Return the median of one number over all runs."""
    return float(statistics.median(run[name] for run in runs))
