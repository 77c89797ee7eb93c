"""Processes of measurements: servers and workers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import cgroup

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parent.parent

UNSET_VALUES: Final = ("undefined", "null", "NaN", "[object Object]")
"""The default of a connector."""

# Time limits that only end hanging processes.
_SERVER_SECONDS: Final = 1_800
_WORKER_SECONDS: Final = 900
_END_SECONDS: Final = 120

_ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "example",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "DESTINATION": "pinpoint",
    "PINPOINT_APPLICATION_ID": "benchmark",
    "CUSTOMER_PROFILES_DOMAIN_NAME": "benchmark",
    "CUSTOMER_PROFILES_OBJECT_TYPE_NAME": "GtmEvent",
    "KINESIS_STREAM_ARN": "arn:aws:kinesis:us-east-1:123456789012:stream/benchmark",
    "FIREHOSE_DELIVERY_STREAM_NAME": "benchmark",
    "EVENT_BUS_ARN": "arn:aws:events:us-east-1:123456789012:event-bus/benchmark",
    "EVENT_SOURCE": "gtm",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/none",
    "ANONYMOUS_USER_ATTRIBUTES": "[]",
    "AUTHENTICATED_USER_ATTRIBUTES": '"*"',
    "ALLOWED_ORIGINS": '"*"',
    "ACCEPT_CLIENT_TIMESTAMP": "false",
    "UNSET_VALUES": json.dumps(UNSET_VALUES),
}


class NoQuotaError(RuntimeError):
    """This machine does not let the user limit a process's share of a processor."""


@dataclass
class Server:
    """A destination's server.

    Attributes:
        url: URL of the server.
        totals: Its counts, once it has stopped.
    """

    url: str
    totals: dict[str, Any] = field(default_factory=dict)


@contextmanager
def putevents(*, latency_ms: float = 0, requests_per_second: float = 0) -> Iterator[Server]:
    """Run the local PutEvents server, which checks every request, for the duration of the block.

    Args:
        latency_ms: Delay of each answer.
        requests_per_second: Quota, with a burst as large; 0 for none.
    """
    options = ["--latency-ms", str(latency_ms), "--rate", str(requests_per_second)]
    options += ["--duration", str(_SERVER_SECONDS)]
    if requests_per_second:
        options += ["--burst", str(int(requests_per_second))]
    with _server("local.destinations.pinpoint", *options) as server:
        yield server


@contextmanager
def accepting(*, latency_ms: float = 0, certificate: Path | None = None) -> Iterator[Server]:
    """Run :mod:`benchmarks.server`, which accepts everything, for the duration of the block.

    Args:
        latency_ms: Delay of each answer.
        certificate: File with certificate and key for TLS. Default: plain HTTP.
    """
    options = ["--latency-ms", str(latency_ms)]
    if certificate:
        options += ["--certificate", str(certificate)]
    with _server("benchmarks.server", *options) as server:
        yield server


@contextmanager
def _server(module: str, *options: str) -> Iterator[Server]:
    process = subprocess.Popen(  # noqa: S603 - the project's own program
        [sys.executable, "-m", module, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        match = re.search(r"https?://\S+", line)
        if match is None:
            raise RuntimeError(f"{module} did not start, its output was {line!r}")
        running = Server(match[0])
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=_END_SECONDS)
    running.totals = json.loads(output)


def worker(
    measure: str,
    *,
    url: str = "https://127.0.0.1:9",
    requests_per_second: float = 1_000_000,
    source: Path = ROOT / "lambda_src",
    compiled: bool = True,
    share: float = 1.0,
    settings: Mapping[str, str] | None = None,
    **arguments: Any,
) -> dict[str, Any]:
    """Run one measurement in a new process and return its result.

    Args:
        measure: Name of the measurement; see :mod:`benchmarks.worker`.
        url: URL of the server that stands in for all services.
        requests_per_second: Quota for the shipped handler.
        source: Directory of the function's source.
        compiled: Whether Python may cache compiled modules.
        share: Share of a processor, as a small Lambda function has.
        settings: Environment variables of the function that replace or extend those for Pinpoint.
        arguments: Arguments of the measurement.

    Raises:
        NoQuotaError: ``share`` is below 1, and this machine cannot enforce it.
    """
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        **_ENVIRONMENT,
        "PYTHONPATH": os.pathsep.join([str(source), str(ROOT)]),
        "AWS_ENDPOINT_URL": url,
        "PINPOINT_REQUESTS_PER_SECOND": str(requests_per_second),
        "CUSTOMER_PROFILES_REQUESTS_PER_SECOND": str(requests_per_second),
        **(settings or {}),
    }
    if not compiled:
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
    with nullcontext() if share >= 1 else cgroup.quota(share) as group:
        if share < 1 and group is None:
            raise NoQuotaError
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            if group is not None:
                group.add(process.pid)
            # The worker waits for its input, so all of its work happens within the quota.
            specification = json.dumps({"measure": measure, **arguments})
            output, _ = process.communicate(specification, timeout=_WORKER_SECONDS)
        except BaseException:
            process.kill()
            process.communicate()
            raise
    if process.returncode != 0:
        raise RuntimeError(f"the measurement {measure} ended with status {process.returncode}")
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result
