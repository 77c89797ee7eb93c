"""One measurement in a process of its own: ``python -m benchmarks.worker '{"…": …}'``.

Prints what it measured as JSON on the last line.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def main(specification: str) -> None:
    """Measure what the JSON object ``specification`` asks for: ``measure`` and its arguments."""
    arguments: dict[str, Any] = json.loads(specification)
    measures: dict[str, Callable[..., dict[str, Any]]] = {
        "batches": batches,
        "start": start,
        "client": client,
        "memory": memory,
    }
    print(json.dumps(measures[arguments.pop("measure")](**arguments)))


def batches(handler: str, payload: str, records: int, warm_up: int, runs: int) -> dict[str, Any]:
    """Handle the first ``records`` of the event in the file ``payload``, several times.

    Returns:
        For each counted run ``seconds``, ``cpu_seconds`` of this process with all its threads, and
        how many records came back.
    """
    from benchmarks import handlers  # noqa: PLC0415 - a start is measured without it

    handle = handlers.create(handler)
    event = json.loads(Path(payload).read_bytes())
    event["Records"] = event["Records"][:records]
    results = []
    for run in range(warm_up + runs):
        wall, cpu = time.perf_counter(), time.process_time()
        answer = _quietly(handle, event)
        seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
        failures = len(answer["batchItemFailures"]) if isinstance(answer, dict) else 0
        if run >= warm_up:
            results.append({"seconds": seconds, "cpu_seconds": cpu_seconds, "failures": failures})
    return {"runs": results}


def start() -> dict[str, Any]:
    """Import the shipped handler and make its client."""
    began = time.perf_counter()
    from gtm_events import handler  # noqa: PLC0415 - it is what is measured

    handler._delivery()  # noqa: SLF001 - what Lambda does while it starts the process
    return {"seconds": time.perf_counter() - began}


def client() -> dict[str, Any]:
    """Import boto3 and make Pinpoint's client, nothing else."""
    began = time.perf_counter()
    import boto3  # noqa: PLC0415 - it is what is measured

    boto3.client("pinpoint")
    return {"seconds": time.perf_counter() - began, "peak_bytes": _peak_bytes()}


def memory(payload: str) -> dict[str, Any]:
    """Read the event in the file ``payload`` as Lambda's runtime does, and handle it."""
    from benchmarks import handlers  # noqa: PLC0415 - see above

    handle = handlers.create("shipped")
    received = Path(payload).read_bytes()
    event = json.loads(received)
    parsed = _peak_bytes()
    answer = _quietly(handle, event)
    return {
        "parsed_bytes": parsed,
        "peak_bytes": _peak_bytes(),
        "received_bytes": len(received),
        "failures": _failures(answer),
    }


def _failures(answer: object) -> int:
    return len(answer["batchItemFailures"]) if isinstance(answer, dict) else 0


def _quietly(handle: Callable[[dict[str, Any]], object], event: dict[str, Any]) -> object:
    with contextlib.redirect_stdout(io.StringIO()):  # the batch's log line
        return handle(event)


def _peak_bytes() -> int:
    """Return the most memory that this process has had.

    Not getrusage()'s: that begins with what the parent had when it started this process.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main(sys.argv[1])
