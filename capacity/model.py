"""The function and its event source as arithmetic: batches, invocations, seconds and requests."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

MILLION: Final = 1e6
BILLION: Final = 1e9
GB: Final = 1e9
"""AWS does not say on its pricing pages whether it means this or 2**30: 7 % between them."""

SECONDS_A_MONTH: Final = 730 * 3_600
"""As AWS's calculator has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long the function takes for what. CPU is that of one whole vCPU.

    Attributes:
        invocation_cpu: CPU seconds that an invocation takes besides.
        event_cpu: CPU seconds to read, interpret, encode and settle one event.
        request_cpu: CPU seconds to sign, send and read the answer of one request.
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
"""CPU as measured, within a tenth, on two cores of an AMD EPYC with Python 3.11
(``benchmarks/RESULTS.md``; Lambda's is another processor). The latency is assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """How large things are, in bytes: estimates for a shop's page view.

    Attributes:
        message: An SQS message's body.
        record_overhead: What Lambda's event adds to a message: receipt handle, ids, attributes.
        event: The event as its destination gets it.
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
class Settings:
    """The construct's settings that matter here, with its defaults.

    Attributes:
        memory_size: In MB.
        batch_size: Messages an invocation takes at most.
        batching_window: Seconds that the event source waits to fill a batch.
        max_concurrency: Invocations at once.
        requests_per_second: The destination's quota, burst included.
        events_per_request: What packing puts into one request at most.
        log_retention: Months that logs are kept.
    """

    memory_size: int = 256
    batch_size: int = 10_000
    batching_window: float = 5.0
    max_concurrency: int = 2
    requests_per_second: float = 15.0
    events_per_request: int = 100
    log_retention: float = 3.0


VCPU_MEMORY: Final = 1_769
"""MB at which a function has one vCPU (AWS Lambda developer guide, *Configure memory*)."""

MAX_PAYLOAD: Final = 6_000_000
"""Bytes of an event source's batch (AWS Lambda developer guide): 6 MB, read as the smaller."""

WORKERS: Final = 32
"""Requests under way at once: ``BatchService.max_calls``."""

RECEIVED: Final = 10
"""Messages that one ReceiveMessage or DeleteMessageBatch holds at most (SQS API reference)."""

POLLERS: Final = 5
"""Lambda starts with five (AWS Lambda developer guide, *Configuring scaling behavior*)."""

POLL_SECONDS: Final = 20
"""Longest wait of a long poll (SQS developer guide, *standard queue quotas*)."""

LOG_COMPRESSION: Final = 0.15
"""Stored bytes for an ingested one: AWS's examples on aws.amazon.com/cloudwatch/pricing."""

TRACED: Final = 0.05
"""Share of the invocations beyond one a second that Lambda samples (X-Ray developer guide)."""


def messages_in_batch(settings: Settings, traffic: Traffic) -> int:
    """Return how many messages a batch holds at most: its size, or Lambda's 6 MB."""
    by_payload = MAX_PAYLOAD // (traffic.message + traffic.record_overhead)
    return min(settings.batch_size, by_payload)


def requests_for(events: float, settings: Settings) -> int:
    """Return how many requests ``events`` of one batch are packed into."""
    return math.ceil(events / settings.events_per_request)


def cpu_share(memory_size: int) -> float:
    """Return the part of a vCPU that one thread gets: Python runs one at a time."""
    return min(1.0, memory_size / VCPU_MEMORY)


def billed_seconds(events: float, settings: Settings, timing: Timing = TIMING) -> float:
    """Return how long an invocation of ``events`` takes if the destination does not throttle."""
    requests = requests_for(events, settings)
    share = cpu_share(settings.memory_size)
    cpu = (timing.invocation_cpu + events * timing.event_cpu) / share
    sending = requests * timing.request_cpu / share
    # The pacer keeps one request of the burst back.
    burst = max(1.0, settings.requests_per_second - 1)
    paced = max(0.0, requests - burst) / settings.requests_per_second
    rounds = (math.ceil(requests / WORKERS) - 1) * timing.request_latency
    return cpu + max(sending, paced, rounds) + timing.request_latency


def invocations_per_second(
    rate: float, settings: Settings, traffic: Traffic, timing: Timing = TIMING
) -> float:
    """Return how many invocations ``rate`` events a second make.

    ``max_concurrency`` batches are gathered side by side, and each takes its share of what arrives
    at random. A window in which nothing came invokes nothing; a batch that is full does not wait.
    """
    gatherers = settings.max_concurrency
    most = messages_in_batch(settings, traffic)
    cycle = max(settings.batching_window, 1e-3)
    invocations = 0.0
    for _ in range(20):  # the window starts anew when the invocation ends: a fixed point
        waiting = rate / gatherers * cycle
        invocations = gatherers * -math.expm1(-waiting) / cycle
        size = min(most, rate / invocations)
        cycle = settings.batching_window + billed_seconds(size, settings, timing) * -math.expm1(
            -waiting
        )
    return max(invocations, rate / most)
