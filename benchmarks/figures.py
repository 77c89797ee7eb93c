"""The figures, each with what it must reach."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import batches, load, processes
from cdk_gtm_connector import mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVENTS: Final = 10_000
QUOTA: Final = 15.0
"""Requests a second and account that Amazon Pinpoint takes by default."""

LATENCIES_MS: Final = (0, 20, 50)
BATCH_SIZES: Final = (10, 100, 1_000, 10_000)

# What Lambda's documentation says is worth one processor, in MB, and sizes to choose from.
_ONE_PROCESSOR_MB: Final = 1_769
MEMORY_SIZES: Final = (128, 256, 512, 1_024, 1_769)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        name: What was measured.
        value: What it is, in words.
        must: What it must reach, in words; empty if it is only reported.
        holds: Whether it does; ``None`` if it is only reported.
    """

    name: str
    value: str
    must: str = ""
    holds: bool | None = None


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        runs: Counted runs of a measurement.
        sample: Records that the one-by-one handler is given; its time is extrapolated.
        quota_sample: The same inside the quota, where each takes a fifteenth of a second.
        starts: Cold starts of each kind.
        synths: Syntheses of each kind.
        requests: Requests to the whole pipeline on this machine.
    """

    runs: int = 5
    sample: int = 500
    quota_sample: int = 500
    starts: int = 15
    synths: int = 15
    requests: int = 20_000


@dataclass(frozen=True, slots=True)
class Payloads:
    """Events in files, as Lambda hands them to the runtime.

    Attributes:
        template: The endpoint's mapping template.
        events: 10,000 records.
        largest: As many as 6 MB hold.
        largest_records: How many those are.
    """

    template: str
    events: Path
    largest: Path
    largest_records: int


@contextmanager
def payloads() -> Iterator[Payloads]:
    """Write the events to temporary files."""
    template = mapping.message(
        call=mapping.send_message("https://sqs.us-east-1.amazonaws.com/123456789012/queue"),
        content="query",
        authorizer=None,
        # As a connector's own. Its module would load aws-cdk-lib, and start Node.
        rules=mapping.Rules(
            required=("event", "endpoint_id"),
            unset_values=processes.UNSET_VALUES,
            token_parameter="token",  # noqa: S106 - a parameter's name
            honor_privacy_signals=False,
            max_body_characters=300_000,
        ),
    )
    records = batches.records(EVENTS, template)
    largest = batches.fitting(records)
    with tempfile.TemporaryDirectory(prefix="gtm-connector-bench-") as temporary:
        made = Payloads(
            template, Path(temporary, "events.json"), Path(temporary, "6mb.json"), len(largest)
        )
        batches.write(made.events, records)
        batches.write(made.largest, largest)
        yield made


def requests(given: Payloads, _effort: Effort) -> Iterator[Figure]:
    """Yield how many requests 10,000 events make."""
    with processes.server() as server:
        _handled("shipped", given, url=server.url, records=EVENTS, runs=1, warm_up=0)
    made = server.totals["requests"]
    yield Figure(
        "PutEvents requests for 10,000 ordinary events",
        f"{made} ({server.totals['distinct']:,} distinct events arrived)",
        "100",
        made == 100 and server.totals["distinct"] == EVENTS,  # noqa: PLR2004 - the issue's
    )


def throughput(given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield how many events a second go through, without a quota, beside one-by-one."""
    for latency in LATENCIES_MS:
        with processes.server(latency_ms=latency) as server:
            ours = _handled("shipped", given, url=server.url, records=EVENTS, runs=effort.runs)
            theirs = _handled(
                "one-by-one", given, url=server.url, records=effort.sample, runs=1, warm_up=0
            )
        our_rate = EVENTS / _median(ours, "seconds")
        their_rate = effort.sample / _median(theirs, "seconds")
        judged = latency == 20  # noqa: PLR2004 - the issue's
        yield Figure(
            f"throughput against one-by-one at {latency} ms",
            f"{our_rate / their_rate:,.0f}× ({our_rate:,.0f} against {their_rate:,.1f} events/s)",
            "≥ 100×" if judged else "",
            our_rate / their_rate >= 100 if judged else None,  # noqa: PLR2004
        )


def quota(given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield the same inside Pinpoint's default quota, which the server enforces for both."""
    with processes.server(latency_ms=20, requests_per_second=QUOTA) as server:
        ours = _handled(
            "shipped", given, url=server.url, records=EVENTS, runs=1, warm_up=0, quota=QUOTA
        )
    wasted = server.totals["statuses"].get("429", 0)
    with processes.server(latency_ms=20, requests_per_second=QUOTA) as other:
        theirs = _handled(
            "one-by-one", given, url=other.url, records=effort.quota_sample, runs=1, warm_up=0
        )
    our_rate = EVENTS / _median(ours, "seconds")
    their_rate = effort.quota_sample / _median(theirs, "seconds")
    yield Figure(
        "the same inside the quota of 15 requests/s",
        f"{our_rate / their_rate:,.0f}× ({our_rate:,.0f} against {their_rate:,.1f} events/s; "
        f"one-by-one was throttled {other.totals['statuses'].get('429', 0)} times)",
        "≥ 90×",
        our_rate / their_rate >= 90,  # noqa: PLR2004 - the issue's
    )
    yield Figure("requests that were throttled", str(wasted), "0", wasted == 0)


def processor_time(given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield the processor's time for an event beside the floor's, and as the batch grows."""
    with processes.server() as server:
        pairs = [
            [
                _median(
                    _handled(handler, given, url=server.url, records=EVENTS, runs=3), "cpu_seconds"
                )
                for handler in ("shipped", "floor")
            ]
            for _ in range(effort.runs)
        ]
        by_size = []
        for size in BATCH_SIZES:
            # As many events of each size, or nearly: a small batch is over before the noise is.
            runs = max(effort.runs, min(500, 10_000 * effort.runs // size))
            result = _handled("shipped", given, url=server.url, records=size, runs=runs)
            by_size.append(_median(result, "cpu_seconds") / size * 1e6)
    ours, floor = (statistics.median(column) / EVENTS * 1e6 for column in zip(*pairs, strict=True))
    ratio = statistics.median(mine / least for mine, least in pairs)
    yield _at_most(
        1.5, "CPU per event against the floor", ratio, f"({ours:.1f} against {floor:.1f} µs)"
    )
    yield Figure(
        "CPU per event as the batch grows",
        ", ".join(
            f"{size:,}: {time:.0f} µs" for size, time in zip(BATCH_SIZES, by_size, strict=True)
        ),
        "flat or falling",
        # A tenth is what these figures move by from one run to the next.
        all(later <= 1.1 * earlier for earlier, later in pairwise(by_size))
        and by_size[-1] <= 1.1 * by_size[1],
    )


def cold_start(_given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield how long import and first client take beside boto3's, compiled and not."""
    with tempfile.TemporaryDirectory(prefix="gtm-connector-bench-") as temporary:
        source = Path(temporary, "lambda_src")
        shutil.copytree(
            processes.ROOT / "lambda_src", source, ignore=shutil.ignore_patterns("__pycache__")
        )
        processes.worker("start")  # leaves the compiled modules
        times: list[tuple[float, float, float]] = []
        for _ in range(effort.starts):
            compiled = processes.worker("start")["seconds"]
            plain = processes.worker("start", source=source, compiled=False)["seconds"]
            times.append((compiled, plain, processes.worker("client")["seconds"]))
    with_pyc, without, bare = (statistics.median(column) for column in zip(*times, strict=True))
    yield _at_most(
        0.7,
        "cold start against a bare boto3 client",
        without / bare,
        f"({without * 1e3:.0f} against {bare * 1e3:.0f} ms)",
    )
    yield Figure(
        "the same, were the asset's modules compiled",
        f"{with_pyc / bare:.2f}× ({with_pyc * 1e3:.0f} ms)",
    )


def memory(given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield the peak of memory for the largest batch, above a bare client's."""
    with processes.server() as server:
        peaks = [
            processes.worker("memory", url=server.url, payload=str(given.largest))
            for _ in range(effort.runs)
        ]
    bare = statistics.median(processes.worker("client")["peak_bytes"] for _ in range(effort.runs))
    received = peaks[0]["received_bytes"]
    above = [(peak["peak_bytes"] - bare) / received for peak in peaks]
    parsed = statistics.median((peak["parsed_bytes"] - bare) / received for peak in peaks)
    ratio = statistics.median(above)
    yield Figure(
        f"peak memory for a 6 MB batch ({given.largest_records:,} records)",
        f"{ratio:.2f}× the batch above a bare client ({parsed:.2f}× once it is parsed)",
        "≤ 4×",
        ratio <= 4 and not any(peak["failures"] for peak in peaks),  # noqa: PLR2004
    )


def queued_bytes(given: Payloads, _effort: Effort) -> Iterator[Figure]:
    """Yield what the reference request takes in the queue."""
    query, message = batches.query(1), batches.body(1, given.template)
    ratio = len(message.encode()) / len(query.encode())
    yield _at_most(
        1.5,
        "bytes in the queue for the reference request",
        ratio,
        f"its query string ({len(message)} against {len(query)})",
    )


def pipeline(_given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield what the whole pipeline takes on this machine."""
    result = load.run(effort.requests)
    lost = result.sent - result.delivered
    yield Figure(
        "`make run` on loopback: requests/s, nothing lost",
        f"{result.requests_per_second:,.0f} ({result.sent:,} sent, {result.refused} refused, "
        f"{result.delivered:,} delivered)",
        "≥ 150",
        result.requests_per_second >= 150 and not lost and not result.refused,  # noqa: PLR2004
    )


def synthesis(_given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield how long the app takes to synthesize beside an empty CDK app, both warm."""
    with tempfile.TemporaryDirectory(prefix="gtm-connector-bench-") as temporary:
        empty = Path(temporary, "empty.py")
        empty.write_text(
            'import aws_cdk as cdk\napp = cdk.App()\ncdk.Stack(app, "Empty")\napp.synth()\n',
            encoding="utf-8",
        )
        times = [
            [_synthesized(app, Path(temporary, "cdk.out")) for app in ("app.py", str(empty))]
            for _ in range(effort.synths + 1)
        ][1:]
    ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(mine / other for mine, other in times)
    yield _at_most(
        1.5,
        "warm synth of the app against an empty CDK app",
        ratio,
        f"({ours:.1f} against {theirs:.1f} s)",
    )


def memory_sizes(given: Payloads, _effort: Effort) -> Iterator[Figure]:
    """Yield how long a batch of 10,000 takes with a small function's share of a processor."""
    with processes.server(latency_ms=20) as server:
        for size in MEMORY_SIZES:
            share = min(1.0, size / _ONE_PROCESSOR_MB)
            result = _handled("shipped", given, url=server.url, records=EVENTS, runs=2, share=share)
            seconds = _median(result, "seconds")
            yield Figure(
                f"10,000 events with {size:,} MB",
                f"{seconds:.2f} s, {seconds * size / 1024:.3f} GB-s",
            )


def _at_most(most: float, name: str, ratio: float, words: str) -> Figure:
    """Return a ratio that must not be above ``most``, the issue's; ``words`` follow its value."""
    return Figure(name, f"{ratio:.2f}× {words}", f"≤ {most:g}×", ratio <= most)


ALL: Final[tuple[Callable[[Payloads, Effort], Iterator[Figure]], ...]] = (
    requests,
    throughput,
    quota,
    processor_time,
    cold_start,
    memory,
    queued_bytes,
    pipeline,
    synthesis,
    memory_sizes,
)


def _handled(
    handler: str,
    given: Payloads,
    *,
    url: str,
    records: int,
    runs: int,
    warm_up: int = 1,
    quota: float = 1_000_000,
    share: float = 1.0,
) -> list[dict[str, Any]]:
    result = processes.worker(
        "batches",
        url=url,
        requests_per_second=quota,
        share=share,
        handler=handler,
        payload=str(given.events),
        records=records,
        warm_up=warm_up,
        runs=runs,
    )
    measured: list[dict[str, Any]] = result["runs"]
    if any(run["failures"] for run in measured):
        raise RuntimeError(f"the {handler} handler gave records back: nothing was measured")
    return measured


def _median(runs: list[dict[str, Any]], name: str) -> float:
    return float(statistics.median(run[name] for run in runs))


def _synthesized(app: str, output: Path) -> float:

    context = '{"pinpoint_app_id": "benchmark"}'
    # Warm is with compiled modules, even where whoever runs this does not keep them.
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    began = time.perf_counter()
    subprocess.run(  # noqa: S603 - our own program
        [sys.executable, app],
        cwd=processes.ROOT,
        env={**environment, "CDK_OUTDIR": str(output), "CDK_CONTEXT_JSON": context},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - began
