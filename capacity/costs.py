"""Monthly costs of events, by AWS's list prices in us-east-1.

Three designs are compared. This project's design batches. *One by one* has the same queue, but
takes 10 messages per invocation and sends each event in its own request. *Lambda behind API
Gateway* invokes a function for every hit, which sends one event before it answers. With several
destinations, this project's design has an SNS topic, and a queue and a function for each.

The only free allowance deducted is Amazon Pinpoint's 100 million events. The others (1 million SQS
requests, 1 million invocations, 400,000 GB-seconds, 100,000 traces, 5 GB of logs, 100 GB out)
belong to the whole account, which may have used them up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from capacity.destinations import destination_models
from capacity.destinations.base import Month
from capacity.model import (
    BILLION,
    GB,
    LOG_COMPRESSION,
    MILLION,
    POLL_SECONDS,
    POLLERS,
    RECEIVED,
    SECONDS_A_MONTH,
    TIMING,
    TRACED,
    ConnectorSettings,
    Timing,
    Traffic,
    billed_seconds,
    cpu_share,
    invocations_per_second,
    messages_in_batch,
    requests_for,
)
from capacity.prices import (
    ACCESS_LOGS,
    API_GATEWAY,
    DATA_OUT,
    LAMBDA_ARM64,
    LAMBDA_INVOCATIONS,
    LAMBDA_LOGS,
    LOG_STORAGE,
    PRICES,
    SNS,
    SQS,
    XRAY,
    Price,
)
from capacity.tables import dollars, markdown, volume

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a bill.

    Attributes:
        price: The price.
        units: Units per month.
    """

    price: Price
    units: float

    @property
    def dollars(self) -> float:
        """US dollars per month."""
        return self.price.cost(self.units)


@dataclass(frozen=True, slots=True)
class Bill:
    """The monthly bill of a design.

    Attributes:
        design: Name of the design.
        events: Events per month.
        items: The lines of the bill.
        requests: Requests to each destination.
    """

    design: str
    events: float
    items: tuple[Item, ...]
    requests: float

    @property
    def dollars(self) -> float:
        """US dollars per month."""
        return sum(item.dollars for item in self.items)

    @property
    def dollars_per_million(self) -> float:
        """US dollars per million events."""
        return self.dollars / self.events * MILLION

    @property
    def requests_per_second(self) -> float:
        """Average requests per second to the destination."""
        return self.requests / SECONDS_A_MONTH

    def of(self, *prices: Price) -> float:
        """Return the US dollars of the lines with these ``prices``."""
        return sum(item.dollars for item in self.items if item.price in prices)


def _collection(events: float, traffic: Traffic, settings: ConnectorSettings) -> list[Item]:
    """Return the endpoint's lines, which are the same for every design."""
    logged = events * traffic.access_log_line / GB
    return [
        Item(API_GATEWAY, events),
        Item(ACCESS_LOGS, logged),
        Item(LOG_STORAGE, logged * LOG_COMPRESSION * settings.log_retention),
        Item(DATA_OUT, events * traffic.answer / GB),
    ]


def _function(
    invocations: float, seconds: float, traffic: Traffic, settings: ConnectorSettings
) -> list[Item]:
    """Return the lines for ``invocations`` of ``seconds`` each, with logs and traces."""
    logged = invocations * traffic.function_log_line / GB
    rate = invocations / SECONDS_A_MONTH
    traced = min(rate, 1.0) + max(0.0, rate - 1.0) * TRACED
    return [
        Item(LAMBDA_INVOCATIONS, invocations),
        Item(LAMBDA_ARM64, invocations * seconds * settings.memory_size / 1_024),
        Item(LAMBDA_LOGS, logged),
        Item(LOG_STORAGE, logged * LOG_COMPRESSION * settings.log_retention),
        Item(XRAY, traced * SECONDS_A_MONTH),
    ]


def _taken(events: float, invocations: float) -> float:
    """Return the SQS requests that receive and delete ``events``, up to ten per request."""
    batch = events / invocations
    taken = invocations * math.ceil(batch / RECEIVED)
    # Empty polls are charged too; a busy queue answers at once.
    idle = POLLERS * SECONDS_A_MONTH / POLL_SECONDS
    return max(taken, idle) + taken


def _messages(events: float, taken: float, destinations: int) -> list[Item]:
    """Return the lines for bringing ``events`` to each destination's function.

    With one destination, API Gateway writes into its queue. With several, it publishes to a topic,
    which writes into each queue free of charge (docs/decisions/0008-fan-out.md).
    """
    if destinations == 1:
        return [Item(SQS, events + taken)]
    return [Item(SNS, events), Item(SQS, destinations * taken)]


def messages_per_million(destinations: int) -> float:
    """Return the US dollars per million events for SQS if every request is full."""
    taken = 2 * MILLION / RECEIVED
    return sum(item.dollars for item in _messages(MILLION, taken, destinations))


def batching(
    events: float,
    settings: ConnectorSettings | None = None,
    traffic: Traffic | None = None,
    timing: Timing = TIMING,
    destinations: int = 1,
) -> Bill:
    """Return this project's bill for ``events`` per month that arrive evenly.

    The functions of all destinations are assumed to work like the first one's.
    """
    settings, traffic = settings or ConnectorSettings(), traffic or Traffic()
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
            *_collection(events, traffic, settings),
            *_messages(events, _taken(events, invocations), destinations),
            *(replace(item, units=destinations * item.units) for item in function),
        ),
        invocations * requests_for(size, settings),
    )


def one_by_one(
    events: float,
    settings: ConnectorSettings | None = None,
    traffic: Traffic | None = None,
    timing: Timing = TIMING,
) -> Bill:
    """Return the bill for the same queue with batches of up to 10 and one request per event.

    There is no batching window. A batch holds the messages that arrived during its poller's
    previous batch. That favors this design, because Lambda adds pollers when messages wait.
    """
    settings, traffic = settings or ConnectorSettings(), traffic or Traffic()
    share = cpu_share(settings.memory_size)
    start = timing.invocation_cpu / share
    each = (timing.event_cpu + timing.request_cpu) / share + timing.request_latency
    arriving = events / SECONDS_A_MONTH / POLLERS
    # size = arriving * (start + size * each), between one message and ten.
    left = 1 - arriving * each
    size = min(RECEIVED, max(1.0, arriving * start / left)) if left > 0 else RECEIVED
    invocations = events / size
    seconds = start + size * each
    return Bill(
        "one by one",
        events,
        (
            *_collection(events, traffic, settings),
            *_messages(events, _taken(events, invocations), 1),
            *_function(invocations, seconds, traffic, settings),
        ),
        events,
    )


def behind_api_gateway(
    events: float,
    settings: ConnectorSettings | None = None,
    traffic: Traffic | None = None,
    timing: Timing = TIMING,
) -> Bill:
    """Return the bill of a function that sends each event before it answers."""
    settings, traffic = settings or ConnectorSettings(), traffic or Traffic()
    cpu = timing.invocation_cpu + timing.event_cpu + timing.request_cpu
    seconds = cpu / cpu_share(settings.memory_size) + timing.request_latency
    return Bill(
        "Lambda behind API Gateway",
        events,
        (*_collection(events, traffic, settings), *_function(events, seconds, traffic, settings)),
        events,
    )


def destination_charges(
    events: float, settings: ConnectorSettings | None = None, traffic: Traffic | None = None
) -> dict[str, float | None]:
    """Return each destination's charges for ``events`` per month; ``None`` if no price was found.

    Costs of reading from the destination and of its own targets are extra.
    """
    month = Month(events, settings or ConnectorSettings(), traffic or Traffic())
    return {
        name: charge
        for model in destination_models()
        for name, charge in model.charges(month).items()
    }


VOLUMES: Final = (1 * MILLION, 100 * MILLION, 10 * BILLION)
MEMORY_SIZES: Final = (128, 256, 512, 1_024, 1_769, 3_008)


@dataclass(frozen=True, slots=True)
class Memory:
    """One step of a sweep over memory sizes.

    Attributes:
        size: Memory size in MB.
        seconds: Duration of a full batch.
        dollars_per_million: US dollars for invocations and GB-seconds per million events.
    """

    size: int
    seconds: float
    dollars_per_million: float


def memory_sweep(
    events: int, timing: Timing = TIMING, sizes: Iterable[int] = MEMORY_SIZES
) -> list[Memory]:
    """Return the costs of batches of ``events`` at several memory sizes."""
    steps = []
    for size in sizes:
        seconds = billed_seconds(events, replace(ConnectorSettings(), memory_size=size), timing)
        batches = MILLION / events
        dollars = LAMBDA_INVOCATIONS.cost(batches) + LAMBDA_ARM64.cost(
            batches * seconds * size / 1_024
        )
        steps.append(Memory(size, seconds, dollars))
    return steps


_PARTS: Final = (
    ("API Gateway", (API_GATEWAY,)),
    ("SQS, SNS", (SQS, SNS)),
    ("Lambda", (LAMBDA_INVOCATIONS, LAMBDA_ARM64)),
    ("logs", (ACCESS_LOGS, LAMBDA_LOGS, LOG_STORAGE)),
    ("X-Ray", (XRAY,)),
    ("data out", (DATA_OUT,)),
)


def designs_table() -> str:
    """Return the table that compares the designs, without the destinations' charges."""
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
        "events per month, design",
        *(name for name, _ in _PARTS),
        "per month",
        "per million",
        "`PutEvents`/s",
    ]
    return markdown(header, rows)


def summary_table() -> str:
    """Return the table of costs per million events for docs/costs.md."""
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
    header = ["events per month", "one destination", "two", *(name for name, _ in _PARTS)]
    return markdown(header, rows)


def fan_out_table() -> str:
    """Return the table of costs of several destinations, without their own charges."""
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
        "messages, per million",
        *(f"{volume(events)} per month" for events in VOLUMES),
        *(f"per million at {volume(events)}" for events in VOLUMES),
    ]
    return markdown(header, rows)


def destinations_table() -> str:
    """Return the table of the destinations' charges."""
    columns = [destination_charges(events) for events in VOLUMES]
    rows = [[name, *(dollars(column[name]) for column in columns)] for name in columns[0]]
    return markdown(["destination", *(f"{volume(events)} events" for events in VOLUMES)], rows)


def memory_table() -> str:
    """Return the table of costs by memory size."""
    sizes = (100, messages_in_batch(ConnectorSettings(), Traffic()))
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
        header += [f"time for {events:,} events", "cost per million"]
    return markdown(header, rows)


def _fine(step: Memory) -> str:
    return f"${step.dollars_per_million:.4f}"


def _tier(price: Price) -> str:
    texts = []
    million = price.per == MILLION
    for limit, each in price.tiers:
        amount = f"${each * MILLION:.3f}".rstrip("0") if million else f"${each:.10f}".rstrip("0")
        whole, _, cents = amount.partition(".")
        amount = f"{whole}.{cents:0<2}"
        texts.append(amount if limit == math.inf else f"{amount} up to {_limit(limit)}")
    return ", ".join(texts) + (" per million" if million else "")


def _limit(units: float) -> str:
    return volume(units) if units >= MILLION else f"{units:,.0f}"


def all_prices() -> list[Price]:
    """Return the connector's prices, then the destinations'."""
    return [*PRICES, *(price for model in destination_models() for price in model.prices)]


def prices_table() -> str:
    """Return the table of all prices and their sources."""
    rows = [
        [price.name, _tier(price), price.unit, price.source, price.evidence.value]
        for price in all_prices()
    ]
    header = ["charge", "US dollars", "unit", "source", "evidence"]
    return markdown(header, rows, numbers=())


TABLES: Final = {
    "summary": summary_table,
    "designs": designs_table,
    "fan-out": fan_out_table,
    "destinations": destinations_table,
    "memory": memory_table,
    "prices": prices_table,
}
