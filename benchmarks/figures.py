"""The measurements. Each yields figures with their goals."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import batches, crafted, load, processes
from benchmarks.certificates import Certificates
from benchmarks.measuring import (
    EVENTS,
    Effort,
    Figure,
    Payloads,
    at_most,
    handled,
    median,
    share_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUOTA: Final = 15.0
"""Amazon Pinpoint's default quota of requests per second. The goals are stated for this number."""

LATENCIES_MS: Final = (0, 20, 50)
BATCH_SIZES: Final = (10, 100, 1_000, 10_000)
FIRST_BATCH: Final = 1_000
DEFAULT_MEMORY_SIZE: Final = 256
MOST_MEMORY: Final = 200_000_000
DESTINATIONS: Final = ("customer-profiles", "eventbridge", "firehose", "kinesis", "pinpoint")

_BASELINES: Final = {
    "floor": "the floor",
    "afternoon": "an afternoon's handler",
    "one-by-one": "one-by-one",
}

# Each measurement ends its processes before it yields, so that all time is accounted for.
Measurement = "Callable[[Payloads, Effort], Iterator[Figure]]"


def requests(given: Payloads, _effort: Effort) -> Iterator[Figure]:
    """Yield the number of requests for 10,000 events."""
    with processes.putevents() as server:
        handled("shipped", given.events, url=server.url, records=EVENTS, runs=1, warm_up=0)
    made = server.totals["requests"]
    yield Figure(
        "PutEvents requests for 10,000 ordinary events",
        f"{made} ({server.totals['distinct']:,} distinct events arrived)",
        "100",
        made == 100 and server.totals["distinct"] == EVENTS,  # noqa: PLR2004 - the issue's
    )


def throughput(given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield the throughput without a quota, compared with the other handlers."""
    for latency in LATENCIES_MS:
        rates: dict[str, float] = {}
        with processes.putevents(latency_ms=latency) as server:
            for handler, records, runs, warm_up in (
                ("shipped", EVENTS, effort.runs, 1),
                ("afternoon", EVENTS, 1, 1),
                ("one-by-one", effort.sample, 1, 0),
            ):
                result = handled(
                    handler,
                    given.events,
                    url=server.url,
                    records=records,
                    runs=runs,
                    warm_up=warm_up,
                )
                rates[handler] = records / median(result, "seconds")
        ours = rates.pop("shipped")
        for handler, theirs in rates.items():
            judged = handler == "one-by-one" and latency == 20  # noqa: PLR2004 - the issue's
            yield Figure(
                f"throughput at {latency} ms against {_BASELINES[handler]}",
                f"{_short(ours / theirs)}× ({_short(ours)} against {_short(theirs)} events/s)",
                "≥ 100×" if judged else "",
                ours / theirs >= 100 if judged else None,  # noqa: PLR2004
                timed=True,
            )


def quota(given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield the throughput within Pinpoint's default quota, which the server enforces."""
    sample = effort.quota_events // 20
    with processes.putevents(latency_ms=20, requests_per_second=QUOTA) as server:
        ours = handled(
            "shipped",
            given.events,
            url=server.url,
            records=effort.quota_events,
            runs=1,
            warm_up=0,
            quota=QUOTA,
        )
    wasted = server.totals["statuses"].get("429", 0)
    with processes.putevents(latency_ms=20, requests_per_second=QUOTA) as other:
        theirs = handled(
            "one-by-one", given.events, url=other.url, records=sample, runs=1, warm_up=0
        )
    our_rate = effort.quota_events / median(ours, "seconds")
    their_rate = sample / median(theirs, "seconds")
    yield Figure(
        "the same inside the quota of 15 requests/s",
        f"{our_rate / their_rate:,.0f}× ({our_rate:,.0f} against {their_rate:,.1f} events/s; "
        f"one-by-one was throttled {other.totals['statuses'].get('429', 0)} times)",
        "≥ 90×",
        our_rate / their_rate >= 90,  # noqa: PLR2004 - the issue's
        timed=True,
    )
    yield Figure("requests that were throttled", str(wasted), "0", wasted == 0)


def processor_time(given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield the CPU time per event, compared with the baselines and by batch size."""
    rounds: list[dict[str, float]] = []
    with processes.putevents() as server:
        for _ in range(effort.runs):
            times = {}
            for handler, records in (
                ("shipped", EVENTS),
                ("floor", EVENTS),
                ("afternoon", EVENTS),
                ("one-by-one", effort.sample),
            ):
                result = handled(handler, given.events, url=server.url, records=records, runs=3)
                times[handler] = median(result, "cpu_seconds") / records * 1e6
            rounds.append(times)
        by_size = []
        for size in BATCH_SIZES:
            # Nearly the same number of events for each size, because small batches are noisy.
            runs = max(effort.runs, min(500, EVENTS * effort.runs // size))
            result = handled("shipped", given.events, url=server.url, records=size, runs=runs)
            by_size.append(median(result, "cpu_seconds") / size * 1e6)
    ours = statistics.median(times["shipped"] for times in rounds)
    # On an idle machine the function took 5.3 to 5.8 times as long as the floor, 0.40 times as long
    # as the afternoon's handler, and 0.04 times as long as one-by-one. The goals add a fifth for
    # variation.
    for handler, most in (("floor", 7.0), ("afternoon", 0.6), ("one-by-one", 0.05)):
        theirs = statistics.median(times[handler] for times in rounds)
        yield at_most(
            most,
            f"CPU per event against {_BASELINES[handler]}",
            statistics.median(times["shipped"] / times[handler] for times in rounds),
            f"({ours:.1f} against {theirs:.1f} µs)",
        )
    yield Figure(
        "CPU per event as the batch grows",
        ", ".join(
            f"{size:,}: {spent:.0f} µs" for size, spent in zip(BATCH_SIZES, by_size, strict=True)
        ),
        "flat or falling",
        # These figures vary by a tenth between runs.
        all(later <= 1.1 * earlier for earlier, later in pairwise(by_size))
        and by_size[-1] <= 1.1 * by_size[1],
        timed=True,
    )


def tls(given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield the cost of a batch over HTTPS, compared with HTTP."""
    made = Certificates.make(given.directory)
    settings = {"AWS_CA_BUNDLE": str(made.bundle)}
    firsts: list[tuple[dict[str, Any], dict[str, Any]]] = []
    with (
        processes.accepting(latency_ms=20, certificate=made.server) as secure,
        processes.accepting(latency_ms=20) as plain,
    ):
        for _ in range(effort.starts):
            over_tls, over_http = (
                processes.worker(
                    "first_batch",
                    url=server.url,
                    requests_per_second=QUOTA,
                    settings=settings,
                    payload=str(given.events),
                    records=FIRST_BATCH,
                )
                for server in (secure, plain)
            )
            firsts.append((over_tls, over_http))
    if any(run["failures"] for pair in firsts for run in pair):
        raise RuntimeError("the function returned records, so the measurement is invalid")
    connections = secure.totals["connections"] / effort.starts
    for name, most, parts in (
        (f"CPU of a first batch of {FIRST_BATCH:,} over HTTPS against HTTP", 1.6, ("cpu_seconds",)),
        ("the same with the start before it", None, ("start_cpu_seconds", "cpu_seconds")),
    ):
        spent = [[sum(run[part] for part in parts) for run in pair] for pair in firsts]
        ratio = statistics.median(one / other for one, other in spent)
        ours, theirs = (statistics.median(column) * 1e3 for column in zip(*spent, strict=True))
        words = f"({ours:.0f} against {theirs:.0f} ms)"
        if most is None:
            yield Figure(name, f"{ratio:.2f}× {words}")
        else:
            words = f"{words[:-1]}; {connections:.1f} connections)"
            yield at_most(most, name, ratio, words)
    yield _small_function(given, made, settings)


def _small_function(given: Payloads, made: Certificates, settings: dict[str, str]) -> Figure:
    """Return the seconds for 6 MB with the default memory size, over HTTPS and over HTTP."""
    name = f"6 MB with {DEFAULT_MEMORY_SIZE} MB over HTTPS against HTTP"
    seconds = []
    for certificate in (made.server, None):
        with processes.accepting(latency_ms=20, certificate=certificate) as server:
            try:
                result = handled(
                    "shipped",
                    given.largest,
                    url=server.url,
                    records=given.largest_records,
                    runs=1,
                    warm_up=0,
                    share=share_of(DEFAULT_MEMORY_SIZE),
                    settings=settings,
                )
            except processes.NoQuotaError:
                return Figure(name, _NO_QUOTA)
        seconds.append(median(result, "seconds"))
    return Figure(
        name, f"{seconds[0] / seconds[1]:.2f}× ({seconds[0]:.2f} against {seconds[1]:.2f} s)"
    )


def cold_start(_given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield the cost of import and first client, compared with boto3, compiled and not."""
    with tempfile.TemporaryDirectory(prefix="gtm-connector-bench-") as temporary:
        source = Path(temporary, "lambda_src")
        shutil.copytree(
            processes.ROOT / "lambda_src", source, ignore=shutil.ignore_patterns("__pycache__")
        )
        processes.worker("start")  # creates the compiled modules
        starts = [
            (
                processes.worker("start", source=source, compiled=False)["cpu_seconds"],
                processes.worker("start")["cpu_seconds"],
                processes.worker("client")["cpu_seconds"],
            )
            for _ in range(effort.starts)
        ]
    plain, compiled, bare = (
        statistics.median(column) * 1e3 for column in zip(*starts, strict=True)
    )
    yield at_most(
        0.7,
        "cold start against a bare boto3 client",
        statistics.median(each[0] / each[2] for each in starts),
        f"({plain:.0f} against {bare:.0f} ms)",
    )
    yield Figure(
        "the same, were the asset's modules compiled",
        f"{statistics.median(each[1] / each[2] for each in starts):.2f}× ({compiled:.0f} ms)",
    )


def memory(given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield the peak memory for the largest ordinary batch, compared with a bare client."""
    with processes.putevents() as server:
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


def worst_memory(given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield the peak memory for crafted batches of 6 MB at each destination."""
    payload = given.directory / "crafted.json"
    peaks: dict[str, dict[str, int]] = {destination: {} for destination in DESTINATIONS}
    for shape in crafted.SHAPES[: effort.shapes]:
        batches.write(payload, crafted.batch(shape))
        name = shape.__name__.replace("_", " ")
        with processes.accepting() as server:
            for destination, found in peaks.items():
                found[name] = _peak(payload, server.url, destination)
    for destination, found in peaks.items():
        ordered = sorted(found, key=lambda name: -found[name])
        words = ", ".join(f"{name} {found[name] / 1e6:.0f} MB" for name in ordered[:3])
        yield Figure(
            f"worst memory of {len(found)} crafted 6 MB batches, {destination}",
            words,
            f"< {MOST_MEMORY / 1e6:.0f} MB",
            found[ordered[0]] < MOST_MEMORY,
        )


def _peak(payload: Path, url: str, destination: str) -> int:
    """Return the function's peak memory for a batch, in bytes.

    Raises:
        RuntimeError: The function reported a problem, so the measurement is invalid.
    """
    result = processes.worker(
        "memory",
        url=url,
        settings={
            "DESTINATION": destination,
            "ANONYMOUS_USER_ATTRIBUTES": '"*"',
            "ALLOWED_ORIGINS": '["https://shop.example"]',
        },
        payload=str(payload),
        seconds=60,  # the default timeout
    )
    if problems := result["log"]["problems"]:
        raise RuntimeError(f"{destination}: {problems}")
    return int(result["peak_bytes"])


def queued_bytes(_given: Payloads, _effort: Effort) -> Iterator[Figure]:
    """Yield the size of the reference request in the queue."""
    query, message = batches.query(1), batches.body(1)
    ratio = len(message.encode()) / len(query.encode())
    yield at_most(
        1.5,
        "bytes in the queue for the reference request",
        ratio,
        f"its query string ({len(message)} against {len(query)})",
        timed=False,
    )


def pipeline(_given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield the throughput of the local pipeline."""
    result = load.run(effort.requests)
    lost = result.sent - result.delivered
    yield Figure(
        "`make run` on loopback: requests/s, nothing lost",
        f"{result.requests_per_second:,.0f} ({result.sent:,} sent, {result.refused} refused, "
        f"{result.delivered:,} delivered)",
        "≥ 150",
        result.requests_per_second >= 150 and not lost and not result.refused,  # noqa: PLR2004
        timed=not lost and not result.refused,
    )


def synthesis(_given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield the app's synthesis time, compared with an empty CDK app, both warm."""
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
    yield at_most(
        1.5,
        "warm synth of the app against an empty CDK app",
        ratio,
        f"({ours:.1f} against {theirs:.1f} s)",
    )


def memory_sizes(given: Payloads, effort: Effort) -> Iterator[Figure]:
    """Yield the time of a batch of 10,000 with a small function's share of a processor."""
    for size in effort.memory_sizes:
        with processes.putevents(latency_ms=20) as server:
            try:
                result = handled(
                    "shipped",
                    given.events,
                    url=server.url,
                    records=EVENTS,
                    runs=1,
                    share=share_of(size),
                )
            except processes.NoQuotaError:
                result = []
        seconds = median(result, "seconds") if result else 0.0
        yield Figure(
            f"10,000 events with {size:,} MB",
            f"{seconds:.2f} s, {seconds * size / 1024:.3f} GB-s" if result else _NO_QUOTA,
        )


_NO_QUOTA: Final = "not measured: this machine does not support limiting a processor share"

ALL: Final[tuple[Callable[[Payloads, Effort], Iterator[Figure]], ...]] = (
    requests,
    throughput,
    quota,
    processor_time,
    tls,
    cold_start,
    memory,
    worst_memory,
    queued_bytes,
    pipeline,
    synthesis,
    memory_sizes,
)


def _short(number: float) -> str:
    """Return a number, with a decimal place if it is small."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"  # noqa: PLR2004


def _synthesized(app: str, output: Path) -> float:
    """Synthesize an app into ``output`` and return the seconds."""
    context = '{"pinpoint_app_id": "benchmark"}'
    # A warm run uses compiled modules, even if the environment disables caching them.
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    began = time.perf_counter()
    subprocess.run(  # noqa: S603 - the project's own program
        [sys.executable, app],
        cwd=processes.ROOT,
        env={**environment, "CDK_OUTDIR": str(output), "CDK_CONTEXT_JSON": context},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - began
