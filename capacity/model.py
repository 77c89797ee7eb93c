"""Sizes of batches, and numbers of invocations, seconds and requests, by arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from gtm_events.destinations import pinpoint
from gtm_events.destinations.batching import BatchService

MILLION: Final = 1e6
BILLION: Final = 1e9
GB: Final = 1e9
"""Bytes in a gigabyte. AWS's pricing pages may mean 2**30 bytes, which is 7 % more.
"""

SECONDS_A_MONTH: Final = 730 * 3_600
"""Seconds in a month, as AWS's calculator counts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Times of the function's steps. CPU times are for one full vCPU.

    Attributes:
        invocation_cpu: Fixed CPU seconds of an invocation.
        event_cpu: CPU seconds to read, interpret, encode and settle one event.
        request_cpu: CPU seconds to sign and send one request and read its answer.
        request_latency: Seconds from a request to its answer.
    """

    invocation_cpu: float
    event_cpu: float
    request_cpu: float
    request_latency: float


TIMING: Final = Timing(
    invocation_cpu=0.0001,
    event_cpu=19e-6,
    request_cpu=0.0004,
    request_latency=0.1,
)
"""CPU times measured, to a tenth, on two cores of an AMD EPYC with Python 3.11
(``benchmarks/RESULTS.md``). Lambda's processors differ. The latency is an assumption."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Sizes in bytes, estimated for a shop's page view.

    Attributes:
        message: Body of an SQS message.
        record_overhead: Data that Lambda adds to a message: receipt handle, ids, attributes.
        event: The event in the destination's format.
        answer: Status line, headers and image that API Gateway sends back.
        access_log_line: A line of API Gateway's access log, with CloudWatch's 26 bytes.
        function_log_line: The one line that an invocation writes, with CloudWatch's 26 bytes.
    """

    message: int = 450
    record_overhead: int = 900
    event: int = 600
    answer: int = 800
    access_log_line: int = 426
    function_log_line: int = 700


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorSettings:
    """The construct's settings that affect capacity and costs, with its defaults.

    Attributes:
        memory_size: Memory of the function, in MB.
        batch_size: Maximum messages of an invocation.
        batching_window: Seconds that the event source waits to fill a batch.
        max_concurrency: Maximum concurrent invocations.
        requests_per_second: The destination's quota, burst included.
        events_per_request: Maximum events in a request.
        log_retention: Retention of logs, in months.
    """

    memory_size: int = 256
    batch_size: int = 10_000
    batching_window: float = 5.0
    max_concurrency: int = 2
    requests_per_second: float = pinpoint.REQUESTS_PER_SECOND
    events_per_request: int = pinpoint.MAX_EVENTS
    log_retention: float = 3.0


VCPU_MEMORY: Final = 1_769
"""MB of memory that give a function one vCPU (AWS Lambda developer guide, *Configure memory*)."""

MAX_PAYLOAD: Final = 6_000_000
"""Maximum bytes of a batch (AWS Lambda developer guide): 6 MB, taken as decimal."""

WORKERS: Final = BatchService.max_calls
"""Maximum number of requests under way."""

RECEIVED: Final = 10
"""Maximum messages in one ReceiveMessage or DeleteMessageBatch (SQS API reference)."""

POLLERS: Final = 5
"""Initial number of pollers (AWS Lambda developer guide, *Configuring scaling behavior*)."""

POLL_SECONDS: Final = 20
"""Longest wait of a long poll (SQS developer guide, *standard queue quotas*)."""

LOG_COMPRESSION: Final = 0.15
"""Stored bytes per ingested byte, from AWS's examples on aws.amazon.com/cloudwatch/pricing."""

TRACED: Final = 0.05
"""Share of invocations that Lambda samples beyond one per second (X-Ray developer guide)."""


def messages_in_batch(settings: ConnectorSettings, traffic: Traffic) -> int:
    """Return the maximum messages in a batch, by its size or by Lambda's 6 MB."""
    by_payload = MAX_PAYLOAD // (traffic.message + traffic.record_overhead)
    return min(settings.batch_size, by_payload)


def requests_for(events: float, settings: ConnectorSettings) -> int:
    """Return the number of requests for ``events`` of one batch."""
    return math.ceil(events / settings.events_per_request)


def cpu_share(memory_size: int) -> float:
    """Return the share of a vCPU for one thread, because Python runs one thread at a time."""
    return min(1.0, memory_size / VCPU_MEMORY)


def billed_seconds(events: float, settings: ConnectorSettings, timing: Timing = TIMING) -> float:
    """Return the seconds of an invocation with ``events``, without throttling."""
    requests = requests_for(events, settings)
    share = cpu_share(settings.memory_size)
    cpu = (timing.invocation_cpu + events * timing.event_cpu) / share
    sending = requests * timing.request_cpu / share
    # The pacer's burst is one less than the rate.
    burst = max(1.0, settings.requests_per_second - 1)
    paced = max(0.0, requests - burst) / settings.requests_per_second
    rounds = (math.ceil(requests / WORKERS) - 1) * timing.request_latency
    return cpu + max(sending, paced, rounds) + timing.request_latency


def invocations_per_second(
    rate: float, settings: ConnectorSettings, traffic: Traffic, timing: Timing = TIMING
) -> float:
    """Return the number of invocations per second for ``rate`` events per second.

    The event source gathers ``max_concurrency`` batches at a time, and each gets a random share of
    the arrivals. An empty window causes no invocation, and a full batch does not wait.
    """
    gatherers = settings.max_concurrency
    most = messages_in_batch(settings, traffic)
    cycle = max(settings.batching_window, 1e-3)
    invocations = 0.0
    for _ in range(20):  # the next window begins after the invocation: find the fixed point
        waiting = rate / gatherers * cycle
        invocations = gatherers * -math.expm1(-waiting) / cycle
        size = min(most, rate / invocations)
        cycle = settings.batching_window + billed_seconds(size, settings, timing) * -math.expm1(
            -waiting
        )
    return max(invocations, rate / most)
