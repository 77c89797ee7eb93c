"""The bill, by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

import pytest

from capacity import costs, model, quotas, stages, tables
from capacity.costs import Bill, batching, behind_api_gateway, one_by_one
from capacity.destinations import (
    customer_profiles,
    destination_models,
    eventbridge,
    firehose,
    kinesis,
    pinpoint,
)
from capacity.model import MILLION, SECONDS_A_MONTH, ConnectorSettings, Timing, Traffic
from capacity.prices import (
    ACCESS_LOGS,
    API_GATEWAY,
    DATA_OUT,
    LAMBDA_ARM64,
    LAMBDA_INVOCATIONS,
    LAMBDA_LOGS,
    SNS,
    SQS,
    XRAY,
    Price,
)
from cdk_gtm_connector.delivery_options import DEFAULT_DELIVERY
from gtm_events import destinations
from gtm_events.destinations.batching import BatchService
from gtm_events.destinations.firehose import MAX_EVENTS_PER_RECORD

if TYPE_CHECKING:
    from capacity.destinations.base import DestinationModel

DESIGNS = (batching, one_by_one, behind_api_gateway)

# Round numbers, so that a bill can be added up by hand.
PLAIN = Timing(invocation_cpu=0.0, event_cpu=0.0, request_cpu=0.0, request_latency=0.1)


def units(bill: Bill, price: Price) -> float:
    return sum(item.units for item in bill.items if item.price is price)


@pytest.mark.parametrize(
    ("price", "amount", "dollars"),
    [
        (API_GATEWAY, 1e6, 3.50),
        (API_GATEWAY, 333e6, 1_165.50),
        (API_GATEWAY, 334e6, 1_165.50 + 2.80),
        (API_GATEWAY, 1e9, 1_165.50 + 667 * 2.80),
        (API_GATEWAY, 20e9, 1_165.50 + 667 * 2.80 + 19_000 * 2.38),
        (API_GATEWAY, 21e9, 1_165.50 + 667 * 2.80 + 19_000 * 2.38 + 1_000 * 1.51),
        # AWS's own example for 60 TB of a function's logs, as duckbillgroup.com tells it.
        (LAMBDA_LOGS, 60e3, 12_500.0),
        (SQS, 101e9, 40_000 + 300),
        (pinpoint.EVENTS, 100e6, 0.0),
        (pinpoint.EVENTS, 101e6, 1.0),
        (LAMBDA_ARM64, 7.5e9 + 1e6, 100_000.5 + 12.0001),
    ],
)
def test_tiers(price: Price, amount: float, dollars: float) -> None:
    assert price.cost(amount) == pytest.approx(dollars)


@pytest.mark.parametrize("price", costs.all_prices(), ids=lambda price: price.name)
def test_a_price_has_rising_tiers_to_infinity_and_never_falls(price: Price) -> None:
    limits = [limit for limit, _ in price.tiers]
    assert limits == sorted(set(limits))
    assert limits[-1] == math.inf
    amounts = [0.0, *(limit * share for limit in limits[:-1] for share in (0.5, 1, 1.5)), 1e13]
    bills = [price.cost(amount) for amount in sorted(amounts)]
    assert bills == sorted(bills)
    assert bills[0] == 0


def test_the_later_tiers_of_lambda_are_a_tenth_and_a_fifth_cheaper() -> None:
    first, *later = (price for _, price in LAMBDA_ARM64.tiers)
    # As AWS's blog has it; prices are rounded to ten digits behind the point.
    assert later == [pytest.approx(0.9 * first, abs=1e-10), pytest.approx(0.8 * first, abs=1e-10)]


def test_the_bill_of_a_busy_month_by_hand() -> None:
    # 100 events a second: windows of 5 s in two batches, so 250 events and 3 requests each.
    events = 100 * SECONDS_A_MONTH
    settings = ConnectorSettings(batching_window=4.9)
    bill = batching(events, settings, Traffic(), PLAIN)
    invocations = units(bill, LAMBDA_INVOCATIONS)
    assert invocations == pytest.approx(2 * SECONDS_A_MONTH / (4.9 + 0.1))
    assert units(bill, LAMBDA_ARM64) == pytest.approx(invocations * 0.1 * 0.25)
    assert bill.requests == pytest.approx(3 * invocations)
    # Sent one by one; received and deleted by tens, 25 of each a batch.
    assert units(bill, SQS) == pytest.approx(events + 2 * 25 * invocations)
    # 0.4 invocations a second: each is the first of its second.
    assert units(bill, XRAY) == pytest.approx(invocations)
    gigabytes = events * 426 / 1e9
    assert bill.of(ACCESS_LOGS) == pytest.approx(gigabytes * 0.50)
    assert bill.of(DATA_OUT) == pytest.approx(events * 800 / 1e9 * 0.09)
    assert bill.dollars == pytest.approx(sum(item.dollars for item in bill.items))


def test_a_quiet_queue_is_polled_all_the_same() -> None:
    # Five polls of 20 seconds, day and night.
    assert units(batching(1.0), SQS) == pytest.approx(5 * SECONDS_A_MONTH / 20, rel=1e-4)


def test_traces_are_one_a_second_and_a_twentieth_of_the_rest() -> None:
    bill = behind_api_gateway(21 * SECONDS_A_MONTH)
    assert units(bill, XRAY) == pytest.approx(2 * SECONDS_A_MONTH)


def test_lambda_behind_api_gateway_by_hand() -> None:
    bill = behind_api_gateway(MILLION, timing=PLAIN)
    assert bill.of(LAMBDA_INVOCATIONS) == pytest.approx(0.20)
    assert bill.of(LAMBDA_ARM64) == pytest.approx(1e6 * 0.1 * 0.25 * 0.0000133334)
    assert bill.of(SQS) == 0
    assert bill.requests == MILLION


def test_one_by_one_fills_its_batches_when_it_is_busy() -> None:
    for rate, size in ((0.1, 1), (1_000, 10)):
        events = rate * SECONDS_A_MONTH
        invocations = units(one_by_one(events, timing=PLAIN), LAMBDA_INVOCATIONS)
        assert events / invocations == pytest.approx(size)


@pytest.mark.parametrize("design", DESIGNS)
def test_more_events_cost_more_and_each_costs_no_more(design: Any) -> None:
    bills = [design(10.0**exponent) for exponent in range(4, 13)]
    totals = [bill.dollars for bill in bills]
    each = [bill.dollars_per_million for bill in bills]
    assert totals == sorted(totals)
    assert all(later <= earlier * (1 + 1e-9) for earlier, later in pairwise(each))


def test_what_the_document_says_of_the_designs() -> None:
    for events in (100 * MILLION, 10_000 * MILLION):
        ours, *others = (design(events) for design in DESIGNS)
        assert all(ours.dollars < other.dollars for other in others)
        assert ours.of(API_GATEWAY) > 0.75 * ours.dollars
    month = batching(100 * MILLION)
    assert month.dollars_per_million == pytest.approx(4.34, abs=0.05)
    assert batching(MILLION).dollars_per_million > 1.8 * month.dollars_per_million
    assert batching(MILLION).of(XRAY) > 0.8 * batching(MILLION).of(API_GATEWAY)
    longer = batching(MILLION, ConnectorSettings(batching_window=60))
    fewer = units(batching(MILLION), LAMBDA_INVOCATIONS) / units(longer, LAMBDA_INVOCATIONS)
    assert fewer == pytest.approx(7, abs=0.5)
    assert longer.dollars == pytest.approx(5.04, abs=0.05)
    both = batching(100 * MILLION, destinations=2)
    assert both.dollars_per_million - month.dollars_per_million == pytest.approx(0.24, abs=0.01)
    assert batching(MILLION, ConnectorSettings(batching_window=60), destinations=2).dollars < 6.05
    # 15 events a second is where the others end.
    assert one_by_one(15 * SECONDS_A_MONTH).requests_per_second == pytest.approx(15)


def test_requests_are_what_packing_makes() -> None:
    assert model.requests_for(0, ConnectorSettings()) == 0
    assert model.requests_for(1, ConnectorSettings()) == 1
    assert model.requests_for(100, ConnectorSettings()) == 1
    assert model.requests_for(101, ConnectorSettings()) == 2
    assert model.requests_for(10_000, ConnectorSettings()) == 100


def test_a_batch_ends_at_its_size_or_at_6_megabytes() -> None:
    traffic = Traffic(message=100, record_overhead=500)
    assert model.messages_in_batch(ConnectorSettings(), traffic) == 10_000
    assert model.messages_in_batch(ConnectorSettings(batch_size=100), traffic) == 100
    assert model.messages_in_batch(ConnectorSettings(), replace(traffic, message=101)) == 9_983


def test_an_invocation_waits_for_its_turns() -> None:
    # 100 requests: 14 at once, the others a fifteenth of a second apart.
    assert model.billed_seconds(10_000, ConnectorSettings(), PLAIN) == pytest.approx(86 / 15 + 0.1)
    # With a quota that does not bind, four rounds of 32 calls.
    free = ConnectorSettings(requests_per_second=1_000)
    assert model.billed_seconds(10_000, free, PLAIN) == pytest.approx(0.4)


def test_cpu_grows_with_memory_up_to_one_core() -> None:
    timing = replace(PLAIN, event_cpu=0.001, request_latency=0.0)
    seconds = [step.seconds for step in costs.memory_sweep(100, timing, (885, 1_769, 3_538))]
    assert seconds == pytest.approx([0.1 * 1_769 / 885, 0.1, 0.1])


def test_waiting_costs_memory_times_time() -> None:
    small, large = costs.memory_sweep(100, PLAIN, (512, 1_024))
    requests = 10_000 * 0.20 / 1e6
    assert large.dollars_per_million - requests == pytest.approx(
        2 * (small.dollars_per_million - requests)
    )


def test_what_the_document_says_of_memory() -> None:
    for events in (100, model.messages_in_batch(ConnectorSettings(), Traffic())):
        small, default, large = costs.memory_sweep(events, sizes=(128, 256, 512))
        assert 0 < default.dollars_per_million - small.dollars_per_million < 0.002
        assert large.seconds > 0.85 * default.seconds
        assert large.dollars_per_million > 1.5 * default.dollars_per_million


def test_firehose_rounds_each_record_and_packing_avoids_it() -> None:
    assert firehose.billed_bytes(1, 600, 1) == 5_120
    assert firehose.lines_per_record(100_000) == 10
    lines = firehose.lines_per_record(600)
    assert lines == MAX_EVENTS_PER_RECORD
    assert firehose.billed_bytes(lines, 600, lines) == pytest.approx(lines * 600, rel=0.01)


def test_destinations_by_hand() -> None:
    charged = costs.destination_charges(MILLION)
    assert charged["EventBridge"] == pytest.approx(1)
    # A record of 600 bytes is billed as 1,024.
    assert charged["Kinesis on-demand"] == pytest.approx(1.024 * 0.08 + 730 * 0.04)
    assert charged["Kinesis provisioned"] == pytest.approx(730 * 0.015 + 0.014)
    assert charged["Firehose, one event per record"] == pytest.approx(5.12 * 0.029)
    assert charged["Customer Profiles"] is None


def test_messages_cost_what_the_decision_record_says() -> None:
    record = Path(__file__).parents[2] / "docs" / "decisions" / "0008-fan-out.md"
    rows = record.read_text("utf-8").splitlines()
    straight = next(row for row in rows if row.startswith("| directly into the queue |"))
    topic = next(row for row in rows if row.startswith("| **SNS**"))
    for number, row in ((1, straight), (2, topic), (3, topic)):
        written = row.split("|")[1 + number].strip(" *$")
        assert f"{costs.messages_per_million(number):.2f}" == written


def test_a_second_destination_by_hand() -> None:
    events = 100 * MILLION
    one, two = batching(events), batching(events, destinations=2)
    assert two.of(SNS) == pytest.approx(50)
    # Nothing is sent to a queue, and two are emptied.
    assert units(two, SQS) == pytest.approx(2 * (units(one, SQS) - events))
    for price in (LAMBDA_INVOCATIONS, LAMBDA_ARM64, LAMBDA_LOGS, XRAY):
        assert units(two, price) == pytest.approx(2 * units(one, price))
    for price in (API_GATEWAY, ACCESS_LOGS, DATA_OUT):
        assert units(two, price) == units(one, price)
    assert one.of(SNS) == 0


def test_requests_are_filled_and_paced_as_the_destinations_do_it() -> None:
    modules = [
        import_module(f"{destinations.__name__}.{module.name}")
        for module in iter_modules(destinations.__path__)
    ]
    described = {
        (module.__name__, service.max_entries, service.max_bytes, module.REQUESTS_PER_SECOND)
        for module in modules
        if hasattr(module, "create")
        for service in vars(module).values()
        if isinstance(service, type) and issubclass(service, BatchService)
        if service.__module__.startswith(module.__name__)  # the package's, of one that is one
    }
    assert described == {
        (
            # Of a package, the package.
            ".".join(model.service.__module__.split(".")[:3]),
            model.entries,
            model.bytes,
            model.requests_per_second,
        )
        for model in destination_models()
    }
    packed = {model.name: model.events(Traffic(event=600)) for model in destination_models()}
    expected = {
        "Pinpoint": 100,
        "Kinesis": 500,
        "Firehose": 4_990,
        "EventBridge": 10,
        "Customer Profiles": 10,
    }
    assert expected.items() <= packed.items()


def test_the_first_quota_to_bind() -> None:
    assert stages.stage(1_499, timing=PLAIN).names == ()
    assert stages.stage(1_500, timing=PLAIN).names == ("Pinpoint `PutEvents`",)
    assert "API Gateway requests" not in stages.stage(9_999, timing=PLAIN).names
    assert "API Gateway requests" in stages.stage(10_000, timing=PLAIN).names


@pytest.mark.parametrize(
    ("destination", "below", "name"),
    [
        (pinpoint.MODEL, 1_499, "Pinpoint `PutEvents`"),
        (kinesis.MODEL, 999, "Kinesis shard, provisioned"),
        # 5 MiB a second of 600 bytes.
        (firehose.MODEL, 8_738, "Firehose Direct PUT"),
        # Two functions: 4,444 events are 445 requests, 14 rounds of 32 calls of 0.1 seconds.
        (eventbridge.MODEL, 6_348, "concurrent batches"),
        # 100 requests of 10.
        (customer_profiles.MODEL, 999, "Customer Profiles `BatchPutProfileObject`"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_each_destination_has_its_own_first_quota(
    destination: DestinationModel, below: float, name: str
) -> None:
    assert stages.stage(below, destination, timing=PLAIN).binding == ()
    assert stages.stage(below + 1, destination, timing=PLAIN).names == (name,)


def test_small_records_fill_a_shard_by_their_number_and_large_ones_by_their_bytes() -> None:
    for size, shards in ((100, 20), (1_000, 20), (2_000, 40)):
        at = stages.stage(10_000, kinesis.MODEL, Traffic(event=size), PLAIN)
        # Twice what the average needs.
        assert at.binding[0].needed(10_000) == shards


def test_what_one_function_delivers_by_hand() -> None:
    def rate(destination: DestinationModel, *, paced: bool) -> float:
        return quotas.function_rate(destination.settings(Traffic()), Traffic(), PLAIN, paced=paced)

    # 4,444 events: 45 requests are two rounds, 9 are one, 445 are fourteen.
    assert rate(pinpoint.MODEL, paced=False) == pytest.approx(4_444 / 0.2)
    assert rate(kinesis.MODEL, paced=False) == pytest.approx(4_444 / 0.1)
    assert rate(eventbridge.MODEL, paced=False) == pytest.approx(4_444 / 1.4)
    # At 15 requests a second, 45 of them take three seconds; 400 do not hold up 445 in 1.4.
    assert rate(pinpoint.MODEL, paced=True) == pytest.approx(4_444 / 3)
    assert rate(eventbridge.MODEL, paced=True) == rate(eventbridge.MODEL, paced=False)


@pytest.mark.parametrize(
    ("rate", "destination", "text"),
    [
        (100, pinpoint.MODEL, "nothing"),
        (1_500, pinpoint.MODEL, "Pinpoint 15 requests/s (full)"),
        (1_500, customer_profiles.MODEL, "Customer Profiles 150 requests/s"),
        (8_000, kinesis.MODEL, "16 shards"),
        (
            20_000,
            firehose.MODEL,
            "Firehose 11.4 MiB/s, API Gateway 20,000 requests/s",
        ),
        (
            # Half as many functions again as 100,000 / 3,174 = 31.5, and 4,444 messages in each.
            100_000,
            eventbridge.MODEL,
            (
                "`max_concurrency` 48, API Gateway 100,000 requests/s, SQS 210,000 in flight, "
                "EventBridge 10,000 requests/s (full)"
            ),
        ),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_what_has_to_be_raised_by_hand(
    rate: float, destination: DestinationModel, text: str
) -> None:
    assert stages.raised(stages.stage(rate, destination, timing=PLAIN)) == text


def test_what_a_destination_charges_at_a_stage_by_hand() -> None:
    events = 1_000 * SECONDS_A_MONTH
    provisioned, on_demand = stages.stage(1_000, kinesis.MODEL).charges.values()
    assert provisioned == pytest.approx(2 * 730 * 0.015 + events / 1e6 * 0.014)
    assert on_demand == pytest.approx(730 * 0.04 + events * 1_024 / 1e9 * 0.08)
    (bus,) = stages.stage(1_000, eventbridge.MODEL).charges.values()
    assert bus == pytest.approx(events / 1e6)
    # Batches are large enough for records of 500 lines: 300,000 bytes, and 147 steps of 5 KB less.
    (lines,) = stages.stage(1_000, firehose.MODEL).charges.values()
    assert lines == pytest.approx(events / 500 * math.ceil(300_000 / 5_120) * 5_120 / 1e9 * 0.029)
    assert stages.stage(1_000, customer_profiles.MODEL).charges == {"Customer Profiles": None}


@pytest.mark.parametrize("destination", destination_models(), ids=lambda model: model.name)
def test_stages_fit_together(destination: DestinationModel) -> None:
    rising = [stages.stage(rate, destination) for rate in stages.STAGES]
    for at in rising:
        assert set(at.binding) <= set(at.raised)
        assert all(quota.raised.count("{}") == 1 for quota in at.raised)
        # Requests are never fuller than they can be, and never emptier than one event.
        assert at.rate / destination.events(Traffic()) <= at.requests * (1 + 1e-9)
        assert at.requests <= at.rate
        assert at.functions <= at.concurrency <= quotas.LAMBDA_CONCURRENCY
    for earlier, later in pairwise(rising):
        # What binds binds for good.
        assert set(earlier.names) <= set(later.names)
        assert earlier.without_destination < later.without_destination
        for charge, before in earlier.charges.items():
            after = later.charges[charge]
            assert before is None or after is None or before <= after
    assert quotas.own(destination, Traffic()).name.startswith(destination.name)
    assert rising[-1].names.count(quotas.own(destination, Traffic()).name) == 1


def test_the_destination_hardly_changes_the_rest_of_the_bill() -> None:
    for rate in stages.STAGES:
        costs = [
            stages.stage(rate, destination).without_destination
            for destination in destination_models()
        ]
        assert max(costs) < 1.01 * min(costs)


def test_what_the_document_says_of_the_stages() -> None:
    ceilings = {model.name: quotas.own(model, Traffic()).ceiling for model in destination_models()}
    assert ceilings["Pinpoint"] == 1_500
    assert ceilings["Kinesis"] == ceilings["Customer Profiles"] == 1_000
    assert ceilings["Firehose"] == pytest.approx(8_700, rel=0.01)
    assert ceilings["EventBridge"] == 100_000
    for destination in destination_models():
        million = stages.stage(1_000_000, destination)
        assert {"API Gateway requests", "concurrent batches", "SQS messages in flight"} <= set(
            million.names
        )
        assert "Lambda concurrency" not in million.names
        # With smaller batches there are more functions, and still fewer messages in flight.
        small = replace(destination.settings(Traffic()), batch_size=1_000)
        each = quotas.function_rate(small, Traffic(), paced=not destination.settable)
        in_flight = quotas.CONCURRENCY_HEADROOM * 100_000 / each * 1_000
        assert in_flight < quotas.IN_FLIGHT < 10 * in_flight
    charges = {
        model.name: tuple(stages.stage(10_000, model).charges.values())
        for model in destination_models()
    }
    assert charges["Pinpoint"] == pytest.approx((26_000,), rel=0.02)
    assert charges["Firehose"] == pytest.approx((460,), rel=0.02)
    assert charges["EventBridge"] == pytest.approx((26_000,), rel=0.02)
    provisioned, on_demand = charges["Kinesis"]
    assert provisioned is not None
    assert on_demand is not None
    assert provisioned == pytest.approx(590, rel=0.02)
    assert on_demand == pytest.approx(2_200, rel=0.02)
    assert on_demand / provisioned == pytest.approx(3.7, abs=0.05)


def test_messages_in_flight_by_hand() -> None:
    small = Traffic(message=100, record_overhead=500)
    assert quotas.in_flight_concurrency(ConnectorSettings(), small) == 12
    assert quotas.outage_rate(365) == pytest.approx(329, abs=0.5)
    for rate in stages.STAGES[:-2]:
        assert stages.stage(rate, timing=PLAIN).in_flight < quotas.IN_FLIGHT


def test_numbers_in_tables() -> None:
    assert [tables.count(value) for value in (0.123, 1, 15.2, 2_890, 249_000)] == [
        "0.12",
        "1",
        "15",
        "2,900",
        "250,000",
    ]
    assert [tables.dollars(value) for value in (None, 0, 4.336, 1_234.5)] == [
        "not found",
        "$0",
        "$4.34",
        "$1,234",
    ]


def test_the_defaults_are_the_constructs() -> None:
    settings = ConnectorSettings()
    for name in ("batch_size", "max_concurrency", "memory_size"):
        assert getattr(DEFAULT_DELIVERY, name) == getattr(settings, name)
    assert DEFAULT_DELIVERY.max_receive_count == 10
