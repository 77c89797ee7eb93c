"""``python -m benchmarks.worker``: run one measurement in its own process.

It reads a JSON object from standard input, ``measure`` and its arguments, and prints the result as
JSON on the last line.
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
    """Run the measurement in a JSON object: ``measure`` and its arguments."""
    arguments: dict[str, Any] = json.loads(specification)
    measures: dict[str, Callable[..., dict[str, Any]]] = {
        "batches": batches,
        "start": start,
        "client": client,
        "memory": memory,
        "first_batch": first_batch,
    }
    print(json.dumps(measures[arguments.pop("measure")](**arguments)))


def batches(handler: str, payload: str, records: int, warm_up: int, runs: int) -> dict[str, Any]:
    """Handle the first ``records`` of the event in the file ``payload``, several times.

    Returns:
        For each measured run ``seconds``, ``cpu_seconds`` of all threads of this process, and the
        number of returned records.
    """
    from benchmarks import handlers  # noqa: PLC0415 - a start is measured without it

    handle = handlers.create(handler)
    event = json.loads(Path(payload).read_bytes())
    event["Records"] = event["Records"][:records]
    timed = [_timed(handle, event) for _ in range(warm_up + runs)]
    return {"runs": timed[warm_up:]}


def first_batch(payload: str, records: int) -> dict[str, Any]:
    """Start as Lambda does, then handle the first ``records`` of an event once.

    Returns:
        ``start_cpu_seconds`` until the handler is ready, and the numbers of :func:`batches`.
    """
    event = json.loads(Path(payload).read_bytes())
    event["Records"] = event["Records"][:records]
    began = time.process_time()
    from benchmarks import handlers  # noqa: PLC0415 - importing the function is a part of it

    handle = handlers.create("shipped")
    ready = time.process_time() - began
    return {"start_cpu_seconds": ready, **_timed(handle, event)}


def start() -> dict[str, Any]:
    """Import the shipped handler and create its client."""
    wall, cpu = time.perf_counter(), time.process_time()
    from gtm_events import handler  # noqa: PLC0415 - it is what is measured

    handler._delivery()  # noqa: SLF001 - what Lambda does while it starts the process
    return _since(wall, cpu)


def client() -> dict[str, Any]:
    """Import boto3 and create a Pinpoint client."""
    wall, cpu = time.perf_counter(), time.process_time()
    import boto3  # noqa: PLC0415 - it is what is measured

    boto3.client("pinpoint")
    return {**_since(wall, cpu), "peak_bytes": _peak_bytes()}


def memory(payload: str, seconds: float = 900) -> dict[str, Any]:
    """Read an event as Lambda's runtime does, and handle it.

    Args:
        payload: File with the event.
        seconds: Time for the invocation.
    """
    from benchmarks import handlers  # noqa: PLC0415 - see above
    from gtm_events import handler  # noqa: PLC0415 - see above

    handler._delivery()  # noqa: SLF001 - see above
    received = Path(payload).read_bytes()
    event = json.loads(received)
    parsed = _peak_bytes()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        answer = handler.handle(event, handlers.Context(seconds))
    return {
        "parsed_bytes": parsed,
        "peak_bytes": _peak_bytes(),
        "received_bytes": len(received),
        "failures": _failures(answer),
        "log": json.loads(said.getvalue().splitlines()[-1]),
    }


def _timed(handle: Callable[[dict[str, Any]], object], event: dict[str, Any]) -> dict[str, Any]:
    """Handle ``event``. Return its seconds, CPU seconds, and the number of returned records."""
    wall, cpu = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):  # the batch's log line
        answer = handle(event)
    return {**_since(wall, cpu), "failures": _failures(answer)}


def _since(wall: float, cpu: float) -> dict[str, float]:
    """Return elapsed seconds, and CPU seconds of all threads of this process."""
    return {
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
    }


def _failures(answer: object) -> int:
    return len(answer["batchItemFailures"]) if isinstance(answer, dict) else 0


def _peak_bytes() -> int:
    """Return the peak memory of this process.

    The value of getrusage() would include the parent's memory at the start of this process.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main(sys.stdin.read())
