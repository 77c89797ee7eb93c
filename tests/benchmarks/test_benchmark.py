"""The benchmark runs, and what it counts holds. Times are for `make bench`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from benchmarks import __main__ as command
from benchmarks import batches, figures, processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EFFORT = figures.Effort(runs=1, sample=20, quota_sample=20, starts=1, synths=1, requests=50)


@pytest.fixture(scope="module")
def payloads() -> Iterator[figures.Payloads]:
    """Return the events, written once."""
    with figures.payloads() as made:
        yield made


def test_10_000_events_make_100_requests(payloads: figures.Payloads) -> None:
    [figure] = figures.requests(payloads, EFFORT)
    assert figure.value == "100 (10,000 distinct events arrived)"
    assert figure.holds


@pytest.mark.parametrize(
    ("handler", "requests", "statuses"),
    [
        ("shipped", 3, {"202": 3}),
        ("one-by-one", 250, {"202": 250}),
        ("floor", 3, {"400": 3}),  # it sends no event
    ],
)
def test_each_handler_makes_the_requests_that_it_is_for(
    payloads: figures.Payloads, handler: str, requests: int, statuses: dict[str, int]
) -> None:
    with processes.server() as server:
        result = processes.worker(
            "batches",
            url=server.url,
            handler=handler,
            payload=str(payloads.events),
            records=250,
            warm_up=0,
            runs=1,
        )
    assert server.totals["requests"] == requests
    assert server.totals["statuses"] == statuses
    assert [run["failures"] for run in result["runs"]] == [0]


def test_no_request_is_throttled_inside_the_quota(payloads: figures.Payloads) -> None:
    with processes.server(latency_ms=1, requests_per_second=5) as server:
        processes.worker(
            "batches",
            url=server.url,
            requests_per_second=5,
            handler="shipped",
            payload=str(payloads.events),
            records=1_200,
            warm_up=0,
            runs=1,
        )
    assert server.totals["statuses"] == {"202": 12}


def test_the_largest_batch_is_one_that_lambda_takes(payloads: figures.Payloads) -> None:
    size = payloads.largest.stat().st_size
    assert 0.999 * batches.PAYLOAD_BYTES < size <= batches.PAYLOAD_BYTES
    assert len(json.loads(payloads.largest.read_bytes())["Records"]) == payloads.largest_records
    [figure] = figures.memory(payloads, EFFORT)
    assert figure.holds, figure.value


def test_the_reference_request_is_queued_whole(payloads: figures.Payloads) -> None:
    assert len(batches.parameters(7)) == 10
    head, _, sent = batches.body(7, payloads.template).partition("\n")
    assert parse_qsl(sent) == list(batches.parameters(7).items())
    # The other records only repeat what the template made of one.
    assert batches.records(8, payloads.template)[7]["body"].partition("\n")[2] == sent
    assert "referer=https%3A%2F%2Fshop.example%2F" in head


def test_a_cold_start_is_measured_with_and_without_compiled_modules(
    payloads: figures.Payloads,
) -> None:
    without, compiled = figures.cold_start(payloads, EFFORT)
    assert re.fullmatch(r"0\.\d\d× \(\d+ against \d+ ms\)", without.value)
    assert re.fullmatch(r"0\.\d\d× \(\d+ ms\)", compiled.value)


def test_the_command_prints_what_holds_and_fails_if_something_does_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command.main(["--quick", "--only", "queued_bytes"]) == 0
    assert "| bytes in the queue for the reference request | 1.39× " in capsys.readouterr().out

    def queued_bytes(*_: object) -> Iterator[figures.Figure]:
        yield figures.Figure("bytes", "9×", "≤ 1.5×", holds=False)

    monkeypatch.setattr(figures, "ALL", (queued_bytes,))
    assert command.main(["--only", "queued_bytes"]) == 1
    assert "| bytes | 9× | ≤ 1.5× | **no** |" in capsys.readouterr().out


def test_the_table_is_kept_where_it_was(tmp_path: Path) -> None:
    results = tmp_path / "RESULTS.md"
    results.write_text(command.RESULTS.read_text("utf-8"), encoding="utf-8")
    command.write(results, ["| a |", "| b |"])
    kept = results.read_text("utf-8")
    assert "\n\n| a |\n| b |\n\n<!-- end of figures -->" in kept
    command.write(results, ["| c |"])
    assert results.read_text("utf-8") == kept.replace("| a |\n| b |", "| c |")


def test_the_committed_figures_are_of_every_measurement_and_hold() -> None:
    table = command.RESULTS.read_text("utf-8").partition(command._BEGIN)[2]
    for name in (
        "PutEvents requests for 10,000 ordinary events",
        "throughput against one-by-one at 20 ms",
        "the same inside the quota of 15 requests/s",
        "requests that were throttled",
        "CPU per event against the floor",
        "CPU per event as the batch grows",
        "cold start against a bare boto3 client",
        "peak memory for a 6 MB batch",
        "bytes in the queue for the reference request",
        "`make run` on loopback: requests/s, nothing lost",
        "warm synth of the app against an empty CDK app",
    ):
        assert f"| {name}" in table
    assert "**no**" not in table
