"""The benchmark runs, and what it counts holds. Times are for `make bench`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from botocore.exceptions import ClientError
from starlette.requests import Request

from benchmarks import __main__ as command
from benchmarks import batches, cgroup, crafted, figures, handlers, measuring, processes
from benchmarks.busy import Usage
from benchmarks.certificates import Certificates
from gtm_events.errors import MalformedMessage
from gtm_events.message import decode
from local.signature import signature_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EFFORT = measuring.Effort(
    runs=1,
    sample=20,
    quota_events=200,
    starts=1,
    synths=1,
    requests=50,
    shapes=1,
    memory_sizes=(256,),
)


@pytest.fixture(scope="module")
def payloads() -> Iterator[measuring.Payloads]:
    """Return the events, written once."""
    with measuring.payloads() as made:
        yield made


def test_10_000_events_make_100_requests(payloads: measuring.Payloads) -> None:
    [figure] = figures.requests(payloads, EFFORT)
    assert figure.value == "100 (10,000 distinct events arrived)"
    assert figure.holds


@pytest.mark.parametrize(
    ("handler", "requests", "statuses"),
    [
        ("shipped", 3, {"202": 3}),
        ("one-by-one", 250, {"202": 250}),
        ("afternoon", 3, {"202": 3}),
        ("floor", 3, {"202": 3}),
    ],
)
def test_each_handler_makes_the_requests_that_it_is_for(
    payloads: measuring.Payloads, handler: str, requests: int, statuses: dict[str, int]
) -> None:
    with processes.putevents() as server:
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
    assert server.totals["distinct"] == 250
    assert [run["failures"] for run in result["runs"]] == [0]


def test_no_request_is_throttled_inside_the_quota(payloads: measuring.Payloads) -> None:
    with processes.putevents(latency_ms=1, requests_per_second=5) as server:
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


def test_the_largest_batch_is_one_that_lambda_takes(payloads: measuring.Payloads) -> None:
    size = payloads.largest.stat().st_size
    assert 0.999 * batches.PAYLOAD_BYTES < size <= batches.PAYLOAD_BYTES
    assert len(json.loads(payloads.largest.read_bytes())["Records"]) == payloads.largest_records
    [figure] = figures.memory(payloads, EFFORT)
    assert figure.holds, figure.value


def test_the_reference_request_is_queued_whole() -> None:
    assert len(batches.parameters(7)) == 10
    head, _, sent = batches.body(7).partition("\n")
    assert parse_qsl(sent) == list(batches.parameters(7).items())
    # The other records only repeat what the template made of one.
    assert batches.records(8)[7]["body"] == batches.body(7)
    assert "referer=https%3A%2F%2Fshop.example%2F" in head


def test_a_cold_start_is_measured_with_and_without_compiled_modules(
    payloads: measuring.Payloads,
) -> None:
    without, compiled = figures.cold_start(payloads, EFFORT)
    assert re.fullmatch(r"0\.\d\d× \(\d+ against \d+ ms\)", without.value)
    assert re.fullmatch(r"0\.\d\d× \(\d+ ms\)", compiled.value)


def test_the_floor_is_signed_as_aws_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    headers = handlers._signature("127.0.0.1:80", "/v1/apps/a/events", b"{}")
    named = {"host": "127.0.0.1:80", **{name.lower(): headers[name] for name in headers}}
    request = Request(
        {
            "type": "http",
            "method": "POST",
            "scheme": "http",
            "path": "/v1/apps/a/events",
            "raw_path": b"/v1/apps/a/events",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        }
    )
    assert signature_fault(request, b"{}", "secret", service="mobiletargeting") is None
    assert signature_fault(request, b"[]", "secret", service="mobiletargeting") is not None


def test_the_floor_sends_every_parameter() -> None:
    records = batches.records(3)
    items = json.loads(handlers._least_body(records))["BatchItem"]
    sent = [event["Attributes"] for event in items["all"]["Events"].values()]
    assert sent == [batches.parameters(number) for number in range(3)]


def test_an_afternoons_handler_returns_what_pinpoint_did_not_accept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records = batches.records(250)
    refused = records[130]["messageId"]

    class Pinpoint:
        """Accepts all events but one, and refuses the last request whole."""

        def put_events(self, *, ApplicationId: str, EventsRequest: Any) -> Any:  # noqa: N803
            assert ApplicationId
            items = EventsRequest["BatchItem"]
            if len(items) < 100:
                raise ClientError({"Error": {"Code": "BadRequestException"}}, "PutEvents")
            results = {
                endpoint_id: {
                    "EventsItemResponse": {
                        event_id: {"StatusCode": 400 if event_id == refused else 202}
                        for event_id in item["Events"]
                    }
                }
                for endpoint_id, item in items.items()
            }
            return {"EventsResponse": {"Results": results}}

    monkeypatch.setattr(handlers, "_boto3_client", Pinpoint)
    answer: Any = handlers.create("afternoon")({"Records": records})
    failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    assert failed == [refused, *(record["messageId"] for record in records[200:])]


def test_https_is_measured_with_a_bundle_of_the_usual_size(
    payloads: measuring.Payloads, tmp_path: Path
) -> None:
    made = Certificates.make(tmp_path)
    with processes.accepting(certificate=made.server) as server:
        assert server.url.startswith("https://127.0.0.1:")
        result = processes.worker(
            "first_batch",
            url=server.url,
            settings={"AWS_CA_BUNDLE": str(made.bundle)},
            payload=str(payloads.events),
            records=300,
        )
    assert result["failures"] == 0
    assert (server.totals["requests"], server.totals["pinpoint"]) == (3, 300)
    assert result["cpu_seconds"] > 0 < result["start_cpu_seconds"]
    assert made.bundle.read_text("ascii").count("BEGIN CERTIFICATE") > 100


def test_a_server_that_the_bundle_does_not_vouch_for_gets_nothing(
    payloads: measuring.Payloads, tmp_path: Path
) -> None:
    made = Certificates.make(tmp_path)
    with processes.accepting(certificate=made.server) as server:
        result = processes.worker(
            "first_batch", url=server.url, payload=str(payloads.events), records=1
        )
    assert result["failures"] == 1
    assert "requests" not in server.totals


def test_https_is_judged_by_the_processors_time(
    payloads: measuring.Payloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "DEFAULT_MEMORY_SIZE", 1_769)  # a whole processor is faster
    first, start, _small = figures.tls(payloads, EFFORT)
    assert re.fullmatch(r"\d+\.\d\d× \(\d+ against \d+ ms; \d+\.\d connections\)", first.value)
    assert (first.must, first.timed) == ("≤ 1.6×", True)
    assert re.fullmatch(r"\d+\.\d\d× \(\d+ against \d+ ms\)", start.value)


@pytest.mark.parametrize("destination", figures.DESTINATIONS)
def test_the_accepting_server_speaks_every_destinations_language(
    payloads: measuring.Payloads, destination: str
) -> None:
    with processes.accepting() as server:
        result = processes.worker(
            "first_batch",
            url=server.url,
            settings={"DESTINATION": destination},
            payload=str(payloads.events),
            records=120,
        )
    assert result["failures"] == 0
    # Firehose's records hold many events each.
    assert server.totals[destination] == (1 if destination == "firehose" else 120)


@pytest.mark.parametrize("shape", crafted.SHAPES, ids=lambda shape: shape.__name__)
def test_a_crafted_batch_is_what_the_endpoint_can_make(
    shape: Callable[[], Iterator[crafted.Body]],
) -> None:
    records = crafted.batch(shape, 3)
    assert len({record["messageId"] for record in records}) == 3
    for record in records:
        assert len(record["body"]) < 310_000
        if shape is crafted.no_events:
            with pytest.raises(MalformedMessage):
                decode(record["body"])
        else:
            request = decode(record["body"])
            assert 1 <= len(request.events) <= 100
            assert request.id


def test_a_crafted_batch_is_as_large_as_lambda_takes() -> None:
    size = len(json.dumps({"Records": crafted.batch(crafted.long_headers)}, separators=(",", ":")))
    assert 0.99 * batches.PAYLOAD_BYTES < size <= batches.PAYLOAD_BYTES


def test_the_worst_batch_is_named_at_each_destination(
    payloads: measuring.Payloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crafted, "SHAPES", (crafted.no_events,))
    monkeypatch.setattr(figures, "DESTINATIONS", ("kinesis",))
    [figure] = figures.worst_memory(payloads, EFFORT)
    assert figure.name == "worst memory of 1 crafted 6 MB batches, kinesis"
    assert re.fullmatch(r"no events \d+ MB", figure.value)
    assert figure.holds
    monkeypatch.setattr(figures, "MOST_MEMORY", 10_000_000)
    [figure] = figures.worst_memory(payloads, EFFORT)
    assert figure.holds is False


def test_a_share_of_a_processor_is_a_quota_or_not_measured(
    payloads: measuring.Payloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroup, "_parents", lambda: iter([payloads.directory]))
    [figure] = figures.memory_sizes(payloads, EFFORT)
    assert figure.value == "not measured: this machine does not support limiting a processor share"
    small = list(figures.tls(payloads, EFFORT))[-1]
    assert small.value == figure.value


class TestBusyMachine:
    """A figure of time that a busy machine spoils is no failure."""

    def test_what_others_use_is_what_nobody_of_ours_did(self) -> None:
        before = Usage(total=100, used=50, own=5)
        assert before.others_until(Usage(total=110, used=58, own=12)) == pytest.approx(0.1)
        assert before.others_until(Usage(total=110, used=51, own=7)) == 0
        assert before.others_until(before) == 0

    def test_this_process_is_not_another(self) -> None:
        before = Usage.now()
        while Usage.now().own < before.own + 0.2:
            pass
        after = Usage.now()
        assert after.used > before.used
        assert after.total >= after.used

    @pytest.mark.parametrize(
        ("holds", "timed", "others", "verdict"),
        [
            (None, True, 0.9, ""),
            (True, True, 0.9, "yes"),
            (False, True, 0.05, "**no**"),
            (False, False, 0.9, "**no**"),
            (False, True, 0.43, "not judged: the machine is busy, others used 43% of it"),
        ],
    )
    def test_verdict(self, holds: bool | None, timed: bool, others: float, verdict: str) -> None:  # noqa: FBT001
        assert measuring.Figure("a", "b", "c", holds, timed).verdict(others) == verdict

    def test_the_command_passes_and_keeps_nothing(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def slow(*_: object) -> Iterator[measuring.Figure]:
            yield measuring.Figure("speed", "9×", "≤ 1.5×", holds=False, timed=True)

        results = tmp_path / "RESULTS.md"
        monkeypatch.setattr(figures, "ALL", (slow,))
        monkeypatch.setattr(Usage, "others_until", lambda *_: 0.5)
        monkeypatch.setattr(command, "RESULTS", results)
        assert command.main(["--quick"]) == 0
        assert "not judged: the machine is busy" in capsys.readouterr().out
        assert command.main(["--write"]) == 1
        assert not results.exists()


def test_the_command_prints_what_holds_and_fails_if_something_does_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command.main(["--quick", "--only", "queued_bytes"]) == 0
    assert "| bytes in the queue for the reference request | 1.39× " in capsys.readouterr().out

    def queued_bytes(*_: object) -> Iterator[measuring.Figure]:
        yield measuring.Figure("bytes", "9×", "≤ 1.5×", holds=False)

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
        "throughput at 20 ms against one-by-one",
        "throughput at 20 ms against an afternoon's handler",
        "the same inside the quota of 15 requests/s",
        "requests that were throttled",
        "CPU per event against the floor",
        "CPU per event against an afternoon's handler",
        "CPU per event against one-by-one",
        "CPU per event as the batch grows",
        "CPU of a first batch of 1,000 over HTTPS against HTTP",
        "6 MB with 256 MB over HTTPS against HTTP",
        "cold start against a bare boto3 client",
        "peak memory for a 6 MB batch",
        *(
            f"worst memory of {len(crafted.SHAPES)} crafted 6 MB batches, {destination}"
            for destination in figures.DESTINATIONS
        ),
        "bytes in the queue for the reference request",
        "`make run` on loopback: requests/s, nothing lost",
        "warm synth of the app against an empty CDK app",
    ):
        assert f"| {name}" in table
    assert measuring.FAILED not in table
    assert measuring.NOT_JUDGED not in table
