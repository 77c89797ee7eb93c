"""Plots of the experiments as SVG, identical byte for byte on every run.

The background is transparent, and every color is readable on white and on black. Text remains text
and uses the reader's sans-serif font.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from capacity import simulation
from capacity.pipeline import percentiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from capacity.pipeline import Result

_INK = "#6e7781"
_GRID = "#6e778144"
_BLUE, _ORANGE, _GREEN = "#2f81f7", "#db6d28", "#2da44e"

_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "cdk-gtm-connector",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "axes.titlesize": 11,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.labelcolor": _INK,
    "path.simplify": True,
    "path.simplify_threshold": 0.5,
}

_QUOTA: Final = 1_500
_CUSTOMER_PROFILES: Final = 1_000


def _figure(height: float = 3.8) -> tuple[Figure, tuple[Axes, Axes]]:
    figure = Figure(figsize=(9.6, height), layout="constrained")
    left, right = figure.subplots(1, 2)
    return figure, (left, right)


def _seconds(axes: Axes) -> None:
    axes.set_ylabel("seconds")
    axes.set_yscale("log")
    axes.set_yticks([1, 3, 10, 30, 100, 300], labels=["1", "3", "10", "30", "100", "300"])


def rates() -> Figure:
    """Draw queue age and time to deliver against the arrival rate."""
    figure, panels = _figure()
    measures: Sequence[tuple[str, Callable[[Result], list[tuple[float, int]]]]] = (
        ("queue age when its batch is invoked", lambda result: result.waits),
        ("time to deliver", lambda result: result.latencies),
    )
    for axes, (title, measure) in zip(panels, measures, strict=True):
        for bursts, color, traffic in ((False, _BLUE, "steady"), (True, _ORANGE, "with bursts")):
            found = [
                percentiles(measure(simulation.at_rate(rate, bursts=bursts)), 0.5, 0.99)
                for rate in simulation.RATES
            ]
            for index, (line, name) in enumerate((("-", "p50"), ("--", "p99"))):
                axes.plot(
                    simulation.RATES,
                    [values[index] for values in found],
                    line,
                    marker="o",
                    color=color,
                    label=f"{traffic}, {name}",
                )
        axes.axvline(_QUOTA, color=_INK, linewidth=1, linestyle=":")
        axes.set_xticks(range(0, 1_600, 500), labels=["0", "500", "1,000", "1,500"])
        axes.set_xlim(0, 1_650)
        axes.set_xlabel("events a second (dotted: 1,500)")
        axes.set_title(title)
        _seconds(axes)
        axes.set_ylim(1, 400)
        axes.legend(loc="upper left")
    return figure


def destinations() -> Figure:
    """Draw several destinations at the same arrival rates."""
    figure, panels = _figure(4.4)
    colors = (_BLUE, _GREEN, _ORANGE)
    measures = (("queue age when its batch is invoked, p99", 0), ("time to deliver, p99", 2))
    for axes, (title, index) in zip(panels, measures, strict=True):
        for name, color in zip(simulation.DESTINATIONS, colors, strict=True):
            for bursts, line in ((False, "-"), (True, "--")):
                found = [
                    simulation.at_destination(name, rate, bursts=bursts)[index]
                    for rate in simulation.DESTINATION_RATES
                ]
                axes.plot(
                    simulation.DESTINATION_RATES,
                    found,
                    line,
                    marker="o",
                    color=color,
                    label=f"{name}, {'with bursts' if bursts else 'steady'}",
                )
        axes.axvline(_CUSTOMER_PROFILES, color=_INK, linewidth=1, linestyle=":")
        axes.set_xticks(range(0, 1_250, 250), labels=["0", "250", "500", "750", "1,000"])
        axes.set_xlim(0, 1_250)
        axes.set_xlabel("events a second (dotted: Customer Profiles' 1,000)")
        axes.set_title(title)
        _seconds(axes)
        axes.set_ylim(2, 200)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def batching() -> Figure:
    """Draw latency and invocations against the batching window and the batch size."""
    figure, (left, right) = _figure()
    sweeps = (
        (left, "batching window in seconds, batch size 10,000", simulation.WINDOWS, None),
        (right, "batch size, window 5 s", simulation.BATCH_SIZES, 5),
    )
    for axes, label, values, window in sweeps:
        results = [
            simulation.at_settings(10_000, value)
            if window is None
            else simulation.at_settings(value, window)
            for value in values
        ]
        found = [percentiles(result.latencies, 0.5, 0.99) for result in results]
        for index, (line, name) in enumerate((("-", "p50"), ("--", "p99"))):
            axes.plot(
                values,
                [times[index] for times in found],
                line,
                marker="o",
                color=_BLUE,
                label=f"seconds to deliver, {name}",
            )
        axes.plot(
            values,
            [result.invocations / result.arrived * 1_000 for result in results],
            marker="s",
            color=_GREEN,
            label="invocations for 1,000 events",
        )
        axes.set_xscale("log")
        axes.set_xticks(values, labels=[f"{value:,}" for value in values])
        axes.set_yscale("log")
        axes.set_yticks([0.1, 1, 10, 100], labels=["0.1", "1", "10", "100"])
        axes.set_ylim(0.1, 4_000)
        axes.set_xlabel(label)
        axes.legend(loc="upper left")
    left.set_title("a longer window")
    right.set_title("a smaller batch")
    return figure


def crowd() -> Figure:
    """Draw the number of waiting events and the age of the oldest during a crowd."""
    figure, (left, right) = _figure()
    samples = simulation.crowd().samples
    times = [sample.time for sample in samples]
    begin = simulation.CROWD_BEFORE
    end = begin + simulation.CROWD_SECONDS
    peak = (simulation.CROWD - _QUOTA) * simulation.CROWD_SECONDS
    drained = end + peak / (_QUOTA - simulation.CROWD_RATE)
    left.plot(times, [sample.undelivered for sample in samples], color=_BLUE, label="simulated")
    left.plot(
        [begin, end, drained],
        [0, peak, 0],
        "--",
        color=_ORANGE,
        label="3,000/s in, 1,500/s out",
    )
    left.set_yticks([0, 30_000, 60_000, 90_000], labels=["0", "30,000", "60,000", "90,000"])
    left.set_ylim(0, 130_000)
    left.set_title("events that wait or are under way")
    left.legend(loc="upper right")
    right.plot(times, [sample.oldest for sample in samples], color=_BLUE)
    right.set_ylabel("seconds")
    right.set_ylim(0, None)
    right.set_title("age of the oldest")
    for axes in (left, right):
        axes.axvspan(begin, end, color=_ORANGE, alpha=0.12, linewidth=0)
        axes.set_xlabel("seconds (shaded: the crowd)")
        axes.set_xlim(0, 190)
    return figure


FIGURES: Final = {
    "capacity-rates.svg": rates,
    "capacity-destinations.svg": destinations,
    "capacity-batching.svg": batching,
    "capacity-crowd.svg": crowd,
}


def draw(directory: Path) -> list[Path]:
    """Write every plot into ``directory``, and return their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    with mpl.rc_context(_STYLE):
        for name, figure in FIGURES.items():
            path = directory / name
            figure().savefig(path, format="svg", transparent=True, metadata={"Date": None})
            paths.append(path)
    return paths
