"""What a month of events costs, by AWS's list prices in us-east-1.

Three designs are compared: this project's; *one by one*, which has the same queue in front but
takes 10 messages an invocation and sends each event in a request of its own; and *Lambda behind API
Gateway*, in which every hit invokes a function that sends one event before it answers. With several
destinations this project's has an SNS topic, and behind it a queue and a function for each.

No allowance is deducted except Amazon Pinpoint's 100 million events: the others (1 million SQS
requests, 1 million invocations, 400,000 GB-seconds, 100,000 traces, 5 GB of logs, 100 GB out)
belong to the whole account, which may have used them up.

``python -m benchmarks.costs`` prints the tables of ``docs/capacity.md`` as Markdown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MILLION: Final = 1e6
BILLION: Final = 1e9
GB: Final = 1e9
"""AWS does not say on its pricing pages whether it means this or 2**30: 7 % between them."""

SECONDS_A_MONTH: Final = 730 * 3_600
"""As AWS's calculator has it."""


class Evidence(Enum):
    """How a number is known. All were looked up on 2026-11-25, in stored copies of the pages."""

    AWS = "AWS's own page"
    INFERRED = "inferred from AWS's own page"
    SECONDARY = "somebody else's page"


@dataclass(frozen=True, slots=True)
class Price:
    """A list price in us-east-1.

    Attributes:
        name: What is charged.
        unit: What one of it is.
        tiers: For each tier, up to how many units a month it goes and US dollars a unit.
        source: The page, with its date where it has one.
        evidence: How the price is known.
    """

    name: str
    unit: str
    tiers: tuple[tuple[float, float], ...]
    source: str
    evidence: Evidence

    def cost(self, units: float) -> float:
        """Return the US dollars that ``units`` in one month cost."""
        dollars = 0.0
        below = 0.0
        for limit, price in self.tiers:
            dollars += max(0.0, min(units, limit) - below) * price
            below = limit
        return dollars


def _million(dollars: float) -> float:
    return dollars / MILLION


API_GATEWAY: Final = Price(
    "API Gateway REST API",
    "request",
    (
        (333e6, _million(3.50)),
        (1e9, _million(2.80)),
        (20e9, _million(2.38)),
        (math.inf, _million(1.51)),
    ),
    "AWS whitepaper *Best Practices for Designing Amazon API Gateway Private APIs*, table 4",
    Evidence.AWS,
)
SQS: Final = Price(
    "SQS standard queue",
    "request of up to 64 KB",
    ((100e9, _million(0.40)), (200e9, _million(0.30)), (math.inf, _million(0.24))),
    "cloudburn.io, *Amazon SQS Pricing*, 2026-03-14",
    Evidence.SECONDARY,
)
LAMBDA_INVOCATIONS: Final = Price(
    "Lambda invocations",
    "invocation",
    ((math.inf, _million(0.20)),),
    "api-evangelist/aws-lambda, read from aws.amazon.com/lambda/pricing on 2026-09-20",
    Evidence.SECONDARY,
)
LAMBDA_ARM64: Final = Price(
    "Lambda arm64",
    "GB-second",
    # The tiers, 10 % and 20 % below the first, are from the AWS Compute Blog, *Introducing tiered
    # pricing for AWS Lambda*. No table here reaches the third.
    ((7.5e9, 0.0000133334), (18.75e9, 0.0000120001), (math.inf, 0.0000106667)),
    "cloudchipr.com, *AWS Lambda Pricing Breakdown*, 2024; the tiers are AWS's (Compute Blog, "
    "*Introducing tiered pricing for AWS Lambda*)",
    Evidence.SECONDARY,
)
LAMBDA_LOGS: Final = Price(
    "CloudWatch Logs, the function's",
    "GB ingested",
    ((10e3, 0.50), (30e3, 0.25), (50e3, 0.10), (math.inf, 0.05)),
    "duckbillgroup.com on the prices of 2025-05-01",
    Evidence.SECONDARY,
)
ACCESS_LOGS: Final = Price(
    "CloudWatch Logs, API Gateway's access log",
    "GB ingested",
    # API Gateway writes it with a role of the account's, as any program would: no vended log.
    ((math.inf, 0.50),),
    "hykell.com, *Amazon CloudWatch Logs pricing*",
    Evidence.SECONDARY,
)
LOG_STORAGE: Final = Price(
    "CloudWatch Logs, kept",
    "GB-month",
    ((math.inf, 0.03),),
    "hykell.com, *Amazon CloudWatch Logs pricing*",
    Evidence.SECONDARY,
)
XRAY: Final = Price(
    "X-Ray",
    "trace",
    ((math.inf, _million(5.00)),),
    "aws.amazon.com/xray/pricing",
    Evidence.AWS,
)
DATA_OUT: Final = Price(
    "Data transfer to the internet",
    "GB",
    ((10e3, 0.09), (50e3, 0.085), (150e3, 0.07), (math.inf, 0.05)),
    "wring.co, *AWS Data Transfer Pricing 2026*, 2026-03-08",
    Evidence.SECONDARY,
)
PINPOINT: Final = Price(
    "Pinpoint events",
    "event",
    ((100e6, 0.0), (math.inf, _million(1.00))),
    "api-evangelist/amazon-pinpoint, read from aws.amazon.com/pinpoint/pricing on 2026-08-13",
    Evidence.SECONDARY,
)
KINESIS_ON_DEMAND: Final = Price(
    "Kinesis on-demand Standard, written",
    "GB, each record rounded up to 1 KB",
    ((math.inf, 0.08),),
    "trek10.com, *Amazon Kinesis Data Streams On-demand vs. Provisioned*, 2023-09-21; the rounding "
    "is AWS's (aws.amazon.com/kinesis/data-streams/pricing)",
    Evidence.SECONDARY,
)
KINESIS_STREAM_HOURS: Final = Price(
    "Kinesis on-demand Standard, stream",
    "hour",
    ((math.inf, 0.04),),
    "trek10.com, *Amazon Kinesis Data Streams On-demand vs. Provisioned*, 2023-09-21",
    Evidence.SECONDARY,
)
KINESIS_SHARD_HOURS: Final = Price(
    "Kinesis provisioned, shard",
    "hour",
    ((math.inf, 0.015),),
    "kindatechnical.com, *Understanding Kinesis Pricing*",
    Evidence.SECONDARY,
)
KINESIS_PUT_UNITS: Final = Price(
    "Kinesis provisioned, PUT payload unit",
    "record of up to 25 KB",
    ((math.inf, _million(0.014)),),
    "i05nagai/memorandum, *Kinesis Streams*",
    Evidence.SECONDARY,
)
FIREHOSE: Final = Price(
    "Firehose, Direct PUT",
    "GB, each record rounded up to 5 KB",
    # Beyond 5 PB the price is by agreement.
    ((500e3, 0.029), (2_000e3, 0.025), (math.inf, 0.020)),
    "i05nagai/memorandum, *Kinesis Firehose*; the rounding is AWS's (firehose/pricing)",
    Evidence.SECONDARY,
)
EVENTBRIDGE: Final = Price(
    "EventBridge custom events",
    "event of up to 64 KB",
    ((math.inf, _million(1.00)),),
    "cloudburn.io, *Amazon EventBridge Pricing*, 2026-03-13",
    Evidence.SECONDARY,
)
SNS: Final = Price(
    "SNS standard topic",
    "publish of up to 64 KB",
    ((math.inf, _million(0.50)),),
    "factualminds.com, *Amazon SNS Pricing*, 2026-06-13",
    Evidence.SECONDARY,
)

PRICES: Final = (
    API_GATEWAY,
    SQS,
    LAMBDA_INVOCATIONS,
    LAMBDA_ARM64,
    LAMBDA_LOGS,
    ACCESS_LOGS,
    LOG_STORAGE,
    XRAY,
    DATA_OUT,
    PINPOINT,
    KINESIS_ON_DEMAND,
    KINESIS_STREAM_HOURS,
    KINESIS_SHARD_HOURS,
    KINESIS_PUT_UNITS,
    FIREHOSE,
    EVENTBRIDGE,
    SNS,
)


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

_POLLERS = 5
"""Lambda starts with five (AWS Lambda developer guide, *Configuring scaling behavior*)."""

_POLL_SECONDS = 20
"""Longest wait of a long poll (SQS developer guide, *standard queue quotas*)."""

_LOG_COMPRESSION = 0.15
"""Stored bytes for an ingested one: AWS's examples on aws.amazon.com/cloudwatch/pricing."""

_TRACED = 0.05
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


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a bill.

    Attributes:
        price: What is charged.
        units: How much of it, in a month.
    """

    price: Price
    units: float

    @property
    def dollars(self) -> float:
        """US dollars a month."""
        return self.price.cost(self.units)


@dataclass(frozen=True, slots=True)
class Bill:
    """A design's month.

    Attributes:
        design: Its name.
        events: Events in the month.
        items: What is charged.
        requests: Requests to the destination; to each, if there are several.
    """

    design: str
    events: float
    items: tuple[Item, ...]
    requests: float

    @property
    def dollars(self) -> float:
        """US dollars a month."""
        return sum(item.dollars for item in self.items)

    @property
    def dollars_per_million(self) -> float:
        """US dollars for a million events."""
        return self.dollars / self.events * MILLION

    @property
    def requests_per_second(self) -> float:
        """Requests a second to the destination, on average."""
        return self.requests / SECONDS_A_MONTH

    def of(self, *prices: Price) -> float:
        """Return the US dollars of some of its lines."""
        return sum(item.dollars for item in self.items if item.price in prices)


def _door(events: float, traffic: Traffic, settings: Settings) -> list[Item]:
    """Return what every design pays for the endpoint."""
    logged = events * traffic.access_log_line / GB
    return [
        Item(API_GATEWAY, events),
        Item(ACCESS_LOGS, logged),
        Item(LOG_STORAGE, logged * _LOG_COMPRESSION * settings.log_retention),
        Item(DATA_OUT, events * traffic.answer / GB),
    ]


def _function(
    invocations: float, seconds: float, traffic: Traffic, settings: Settings
) -> list[Item]:
    """Return what ``invocations`` a month of ``seconds`` each cost, with log and traces."""
    logged = invocations * traffic.function_log_line / GB
    rate = invocations / SECONDS_A_MONTH
    traced = min(rate, 1.0) + max(0.0, rate - 1.0) * _TRACED
    return [
        Item(LAMBDA_INVOCATIONS, invocations),
        Item(LAMBDA_ARM64, invocations * seconds * settings.memory_size / 1_024),
        Item(LAMBDA_LOGS, logged),
        Item(LOG_STORAGE, logged * _LOG_COMPRESSION * settings.log_retention),
        Item(XRAY, traced * SECONDS_A_MONTH),
    ]


def _taken(events: float, invocations: float) -> float:
    """Return the requests that take ``events`` out of a queue: received and deleted by tens."""
    batch = events / invocations
    taken = invocations * math.ceil(batch / RECEIVED)
    # A poll that finds nothing is charged too; a busy queue answers at once.
    idle = _POLLERS * SECONDS_A_MONTH / _POLL_SECONDS
    return max(taken, idle) + taken


def _messages(events: float, taken: float, destinations: int) -> list[Item]:
    """Return what it costs to bring ``events`` to each destination's function.

    With one destination API Gateway writes into its queue; with several it publishes to a topic,
    which writes into each one's queue for nothing (docs/decisions/0008-fan-out.md).
    """
    if destinations == 1:
        return [Item(SQS, events + taken)]
    return [Item(SNS, events), Item(SQS, destinations * taken)]


def messages_per_million(destinations: int) -> float:
    """Return the US dollars of a million events' messages if every request to SQS is full."""
    taken = 2 * MILLION / RECEIVED
    return sum(item.dollars for item in _messages(MILLION, taken, destinations))


def batching(
    events: float,
    settings: Settings | None = None,
    traffic: Traffic | None = None,
    timing: Timing = TIMING,
    destinations: int = 1,
) -> Bill:
    """Return this project's bill for ``events`` a month that arrive evenly.

    Each destination's function is taken to work like the first's.
    """
    settings, traffic = settings or Settings(), traffic or Traffic()
    rate = events / SECONDS_A_MONTH
    each = invocations_per_second(rate, settings, traffic, timing)
    invocations = each * SECONDS_A_MONTH
    size = rate / each
    seconds = billed_seconds(size, settings, timing)
    function = _function(invocations, seconds, traffic, settings)
    return Bill(
        "batches" if destinations == 1 else f"batches, {destinations} destinations",
        events,
        (
            *_door(events, traffic, settings),
            *_messages(events, _taken(events, invocations), destinations),
            *(replace(item, units=destinations * item.units) for item in function),
        ),
        invocations * requests_for(size, settings),
    )


def one_by_one(
    events: float,
    settings: Settings | None = None,
    traffic: Traffic | None = None,
    timing: Timing = TIMING,
) -> Bill:
    """Return the bill of the same queue, batches of up to 10 without a window, a request an event.

    A batch holds what came while its poller's last one was under way, which is to its favour:
    Lambda adds pollers when messages wait.
    """
    settings, traffic = settings or Settings(), traffic or Traffic()
    share = cpu_share(settings.memory_size)
    start = timing.invocation_cpu / share
    each = (timing.event_cpu + timing.request_cpu) / share + timing.request_latency
    arriving = events / SECONDS_A_MONTH / _POLLERS
    # size = arriving * (start + size * each), between one message and ten.
    left = 1 - arriving * each
    size = min(RECEIVED, max(1.0, arriving * start / left)) if left > 0 else RECEIVED
    invocations = events / size
    seconds = start + size * each
    return Bill(
        "one by one",
        events,
        (
            *_door(events, traffic, settings),
            *_messages(events, _taken(events, invocations), 1),
            *_function(invocations, seconds, traffic, settings),
        ),
        events,
    )


def behind_api_gateway(
    events: float,
    settings: Settings | None = None,
    traffic: Traffic | None = None,
    timing: Timing = TIMING,
) -> Bill:
    """Return the bill of a function that sends each event before it answers."""
    settings, traffic = settings or Settings(), traffic or Traffic()
    cpu = timing.invocation_cpu + timing.event_cpu + timing.request_cpu
    seconds = cpu / cpu_share(settings.memory_size) + timing.request_latency
    return Bill(
        "Lambda behind API Gateway",
        events,
        (*_door(events, traffic, settings), *_function(events, seconds, traffic, settings)),
        events,
    )


KIB: Final = 1_024
_KINESIS_RECORD = KIB
_FIREHOSE_RECORD = 5 * KIB
FIREHOSE_MAX_RECORD: Final = 1_000_000
FIREHOSE_MAX_LINES: Final = 500
"""How the function fills records: ``gtm_events.destinations.firehose``."""

SHARD_RECORDS: Final = 1_000
SHARD_BYTES: Final = 1e6
"""What a Kinesis shard takes a second (Kinesis developer guide, *Quotas and limits*)."""

SHARD_HEADROOM: Final = 2
"""Shards for each that the average needs: for peaks, and because keys do not spread evenly."""


def _rounded(size: float, step: int) -> float:
    return math.ceil(size / step) * step


def firehose_bytes(events: float, event_size: int, events_per_record: int) -> float:
    """Return the bytes that Firehose charges when a record holds so many lines."""
    record = _rounded(events_per_record * event_size, _FIREHOSE_RECORD)
    return events / events_per_record * record


def firehose_lines(event_size: int) -> int:
    """Return how many lines the function puts into one record."""
    return min(FIREHOSE_MAX_LINES, FIREHOSE_MAX_RECORD // event_size)


def destinations(
    events: float, settings: Settings | None = None, traffic: Traffic | None = None
) -> dict[str, float | None]:
    """Return what each destination charges for ``events`` a month; ``None``: no price found.

    Reading from it, and what it delivers to, comes on top. Kinesis provisioned has
    :data:`SHARD_HEADROOM` times the shards that the average needs.
    """
    settings, traffic = settings or Settings(), traffic or Traffic()
    hours = SECONDS_A_MONTH / 3_600
    rate = events / SECONDS_A_MONTH
    kinesis = events * _rounded(traffic.event, _KINESIS_RECORD) / GB
    needed = max(rate / SHARD_RECORDS, rate * traffic.event / SHARD_BYTES)
    shards = math.ceil(SHARD_HEADROOM * needed)
    invocations = invocations_per_second(rate, settings, traffic)
    lines = max(1, int(min(firehose_lines(traffic.event), rate / invocations)))
    return {
        "Pinpoint": PINPOINT.cost(events),
        "Kinesis on-demand": KINESIS_ON_DEMAND.cost(kinesis) + KINESIS_STREAM_HOURS.cost(hours),
        "Kinesis provisioned": KINESIS_SHARD_HOURS.cost(shards * hours)
        + KINESIS_PUT_UNITS.cost(events),
        "Firehose, lines packed": FIREHOSE.cost(firehose_bytes(events, traffic.event, lines) / GB),
        "Firehose, a record an event": FIREHOSE.cost(firehose_bytes(events, traffic.event, 1) / GB),
        "EventBridge": EVENTBRIDGE.cost(events),
        "Customer Profiles": None,
    }


VOLUMES: Final = (1 * MILLION, 100 * MILLION, 10 * BILLION)
MEMORY_SIZES: Final = (128, 256, 512, 1_024, 1_769, 3_008)


@dataclass(frozen=True, slots=True)
class Memory:
    """One step of a sweep over memory sizes.

    Attributes:
        size: In MB.
        seconds: How long a full batch takes.
        dollars_per_million: Invocations and GB-seconds of a million events.
    """

    size: int
    seconds: float
    dollars_per_million: float


def memory_sweep(
    events: int, timing: Timing = TIMING, sizes: Iterable[int] = MEMORY_SIZES
) -> list[Memory]:
    """Return what batches of ``events`` cost at several memory sizes."""
    steps = []
    for size in sizes:
        seconds = billed_seconds(events, replace(Settings(), memory_size=size), timing)
        batches = MILLION / events
        dollars = LAMBDA_INVOCATIONS.cost(batches) + LAMBDA_ARM64.cost(
            batches * seconds * size / 1_024
        )
        steps.append(Memory(size, seconds, dollars))
    return steps


def markdown(
    header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] | None = None
) -> str:
    """Return a table; the columns of numbers, by default all but the first, are right-aligned."""
    if numbers is None:
        numbers = range(1, len(header))
    rule = ["---:" if column in numbers else "---" for column in range(len(header))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *rows))


def dollars(amount: float | None) -> str:
    """Return ``amount`` as a table shows it."""
    if amount is None:
        return "not found"
    if amount == 0 or amount >= 100:  # noqa: PLR2004 - cents say nothing beyond
        return f"${amount:,.0f}"
    return f"${amount:,.2f}"


def volume(events: float) -> str:
    """Return a number of events in words."""
    if events >= BILLION:
        return f"{events / BILLION:,.4g} B"
    return f"{events / MILLION:,.4g} M"


_PARTS: Final = (
    ("API Gateway", (API_GATEWAY,)),
    ("SQS, SNS", (SQS, SNS)),
    ("Lambda", (LAMBDA_INVOCATIONS, LAMBDA_ARM64)),
    ("logs", (ACCESS_LOGS, LAMBDA_LOGS, LOG_STORAGE)),
    ("X-Ray", (XRAY,)),
    ("data out", (DATA_OUT,)),
)


def designs_table() -> str:
    """Return the comparison of the designs, without what the destinations charge."""
    rows = [
        [
            f"{volume(events)}, {bill.design}",
            *(dollars(bill.of(*prices)) for _, prices in _PARTS),
            f"**{dollars(bill.dollars)}**",
            dollars(bill.dollars_per_million),
            f"{bill.requests_per_second:,.2f}",
        ]
        for events in VOLUMES
        for bill in (
            batching(events),
            batching(events, destinations=2),
            one_by_one(events),
            behind_api_gateway(events),
        )
    ]
    header = [
        "events a month, design",
        *(name for name, _ in _PARTS),
        "a month",
        "a million",
        "`PutEvents`/s",
    ]
    return markdown(header, rows)


def readme_table() -> str:
    """Return what a million events cost, in short."""
    rows = []
    for events in VOLUMES:
        bill = batching(events)
        rows.append(
            [
                volume(events),
                f"**{dollars(bill.dollars_per_million)}**",
                f"**{dollars(batching(events, destinations=2).dollars_per_million)}**",
                *(f"${bill.of(*prices) / events * MILLION:,.3f}" for _, prices in _PARTS),
            ]
        )
    header = ["events a month", "one destination", "two", *(name for name, _ in _PARTS)]
    return markdown(header, rows)


def fan_out_table() -> str:
    """Return what several destinations cost, without what they charge."""
    rows = []
    for number in (1, 2, 3):
        bills = [batching(events, destinations=number) for events in VOLUMES]
        rows.append(
            [
                f"{number}",
                dollars(messages_per_million(number)),
                *(f"**{dollars(bill.dollars)}**" for bill in bills),
                *(dollars(bill.dollars_per_million) for bill in bills),
            ]
        )
    header = [
        "destinations",
        "messages, a million",
        *(f"{volume(events)} a month" for events in VOLUMES),
        *(f"a million at {volume(events)}" for events in VOLUMES),
    ]
    return markdown(header, rows)


def destinations_table() -> str:
    """Return what the destinations charge."""
    columns = [destinations(events) for events in VOLUMES]
    rows = [[name, *(dollars(column[name]) for column in columns)] for name in columns[0]]
    return markdown(["destination", *(f"{volume(events)} events" for events in VOLUMES)], rows)


def memory_table() -> str:
    """Return the sweep over memory sizes."""
    sizes = (100, messages_in_batch(Settings(), Traffic()))
    sweeps = [memory_sweep(events) for events in sizes]
    rows = [
        [
            f"{steps[0].size:,} MB",
            *(text for step in steps for text in (f"{step.seconds:.2f} s", _fine(step))),
        ]
        for steps in zip(*sweeps, strict=True)
    ]
    header = ["memory"]
    for events in sizes:
        header += [f"{events:,} events take", "a million cost"]
    return markdown(header, rows)


def _fine(step: Memory) -> str:
    return f"${step.dollars_per_million:.4f}"


def _tier(price: Price) -> str:
    texts = []
    million = price.tiers[-1][1] < 1e-4  # noqa: PLR2004 - cheaper than that is quoted by the million
    if price is LAMBDA_ARM64:
        million = False
    for limit, each in price.tiers:
        amount = f"${each * MILLION:.3f}".rstrip("0") if million else f"${each:.10f}".rstrip("0")
        whole, _, cents = amount.partition(".")
        amount = f"{whole}.{cents:0<2}"
        texts.append(amount if limit == math.inf else f"{amount} up to {_limit(limit)}")
    return ", ".join(texts) + (" a million" if million else "")


def _limit(units: float) -> str:
    return volume(units) if units >= MILLION else f"{units:,.0f}"


def prices_table() -> str:
    """Return every price with its source."""
    rows = [
        [price.name, _tier(price), price.unit, price.source, price.evidence.value]
        for price in PRICES
    ]
    header = ["what", "US dollars", "unit", "source", "read on"]
    return markdown(header, rows, numbers=())


TABLES: Final = {
    "readme": readme_table,
    "designs": designs_table,
    "fan-out": fan_out_table,
    "destinations": destinations_table,
    "memory": memory_table,
    "prices": prices_table,
}


def main() -> None:
    """Print every table."""
    for name, table in TABLES.items():
        print(f"## {name}\n\n{table()}\n")


if __name__ == "__main__":
    main()
