"""The processes that measurements run in: the local PutEvents server, and workers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent

UNSET_VALUES: Final = ("undefined", "null", "NaN", "[object Object]")
"""As a connector's own."""

_SERVER_SECONDS: Final = 600
_WORKER_SECONDS: Final = 300
_START_SECONDS: Final = 30


@dataclass
class Server:
    """The local PutEvents server.

    Attributes:
        url: Where it listens.
        totals: What it counted, once it has stopped.
    """

    url: str
    totals: dict[str, Any] = field(default_factory=dict)


@contextmanager
def server(*, latency_ms: float = 0, requests_per_second: float = 0) -> Iterator[Server]:
    """Run the server in a process of its own while the block lasts.

    Args:
        latency_ms: Each answer takes this much longer.
        requests_per_second: Its quota, with a burst as large; 0 is none.
    """
    command = [sys.executable, "-m", "local.putevents", "--latency-ms", str(latency_ms)]
    command += ["--rate", str(requests_per_second), "--duration", str(_SERVER_SECONDS)]
    if requests_per_second:
        command += ["--burst", str(int(requests_per_second))]
    process = subprocess.Popen(  # noqa: S603 - our own program
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        match = re.search(r"http://\S+", line)
        if match is None:
            raise RuntimeError(f"the PutEvents server did not start, it said {line!r}")
        running = Server(match[0])
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=_START_SECONDS)
    running.totals = json.loads(said)


def worker(
    measure: str,
    *,
    url: str = "http://127.0.0.1:9",
    requests_per_second: float = 1_000_000,
    source: Path = ROOT / "lambda_src",
    compiled: bool = True,
    share: float = 1.0,
    **arguments: Any,
) -> dict[str, Any]:
    """Run one measurement in a fresh process and return what it found.

    Args:
        measure: See :mod:`benchmarks.worker`.
        url: Of the PutEvents server.
        requests_per_second: The quota that the shipped handler is told.
        source: The function's source.
        compiled: Whether Python may keep the modules' compiled form.
        share: Of the time, in which the process may run: what a small Lambda function gets of a
            processor.
        arguments: Of the measurement.
    """
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "PYTHONPATH": os.pathsep.join([str(source), str(ROOT)]),
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_PINPOINT": url,
        "DESTINATION": "pinpoint",
        "PINPOINT_APPLICATION_ID": "benchmark",
        "PINPOINT_REQUESTS_PER_SECOND": str(requests_per_second),
        "DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/none",
        "ANONYMOUS_USER_ATTRIBUTES": "[]",
        "AUTHENTICATED_USER_ATTRIBUTES": '"*"',
        "ALLOWED_ORIGINS": '"*"',
        "ACCEPT_CLIENT_TIMESTAMP": "false",
        "UNSET_VALUES": json.dumps(UNSET_VALUES),
    }
    if not compiled:
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "benchmarks.worker", json.dumps({"measure": measure, **arguments})],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if share < 1:
            _ration(process, share)
        said, _ = process.communicate(timeout=_WORKER_SECONDS)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"the measurement {measure} ended with status {process.returncode}")
    result: dict[str, Any] = json.loads(said.splitlines()[-1])
    return result


def _ration(process: subprocess.Popen[str], share: float) -> None:
    """Let the process run for its share of every 20 milliseconds, until it ends."""
    period = 0.02
    while process.poll() is None:
        process.send_signal(signal.SIGCONT)
        time.sleep(period * share)
        process.send_signal(signal.SIGSTOP)
        time.sleep(period * (1 - share))
    # It may have been stopped in the very moment in which it ended.
