"""Pinpoint: the content and the number of PutEvents requests."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from gtm_events.destinations.pinpoint import (
    MAX_ENDPOINT_BYTES,
    MAX_EVENT_BYTES,
    MAX_EVENTS,
    MAX_REQUEST_BYTES,
    Pinpoint,
)
from tests.destinations.entry_codes import STATUSES, outcome, reason
from tests.unit.builders import (
    REQUEST_TIME,
    FakeDeadLetters,
    FakePinpoint,
    accept_all,
    body,
    check_totals,
    counted,
    deliver,
    message_id,
)

if TYPE_CHECKING:
    from gtm_events.outcome import Reason, RetryReason


def check_requests(pinpoint: FakePinpoint) -> None:
    """Assert that every request keeps all limits and conforms to the SDK's model."""
    model = botocore.session.get_session().get_service_model("pinpoint")
    shape = model.operation_model("PutEvents").input_shape
    assert shape is not None
    for request in pinpoint.requests:
        assert len(request) <= MAX_REQUEST_BYTES
        parsed = json.loads(request)
        report = ParamValidator().validate({"ApplicationId": "app", "EventsRequest": parsed}, shape)
        assert not report.has_errors(), report.generate_report()
        assert sum(len(i["Events"]) for i in parsed["BatchItem"].values()) <= MAX_EVENTS
        for item in parsed["BatchItem"].values():
            encoded = json.dumps(item["Endpoint"], ensure_ascii=False, separators=(",", ":"))
            assert len(encoded.encode()) <= MAX_ENDPOINT_BYTES
            for event in item["Events"].values():
                assert len(json.dumps(event, ensure_ascii=False).encode()) <= MAX_EVENT_BYTES


def test_an_event_as_pinpoint_gets_it() -> None:
    pinpoint = FakePinpoint()
    query = {
        "event": "buy",
        "endpoint_id": "ep",
        "evat_page": "/a",
        "evmt_price": "19.99",
        "usat_plan": "gold",
    }
    deliver([body(query)], service=pinpoint)
    assert [json.loads(request) for request in pinpoint.requests] == [
        {
            "BatchItem": {
                "ep": {
                    "Endpoint": {"User": {"UserAttributes": {"plan": ["gold"]}}},
                    "Events": {
                        message_id(0): {
                            "EventType": "buy",
                            "Timestamp": "2026-11-18T11:06:40.000Z",
                            "Attributes": {"page": "/a"},
                            "Metrics": {"price": 19.99},
                        }
                    },
                }
            }
        }
    ]
    assert pinpoint.urls == {"https://pinpoint/v1/apps/app/events"}
    check_requests(pinpoint)


def test_10_000_distinct_events_make_exactly_100_requests() -> None:
    pinpoint = FakePinpoint()
    batch = deliver(
        [
            body({"event": "e", "endpoint_id": f"ep-{i}", "evat_n": str(i), "usat_n": str(i)})
            for i in range(10_000)
        ],
        service=pinpoint,
    )
    assert batch.delivered == 10_000
    assert batch.counts["requests"] == len(pinpoint.requests) == 100
    assert len(pinpoint.events()) == 10_000
    check_requests(pinpoint)


@pytest.mark.parametrize("events_per_endpoint", [1, 2, 3, 60, 99, 100, 101, 250, 10_000])
def test_the_number_of_requests_does_not_depend_on_the_endpoints(events_per_endpoint: int) -> None:
    pinpoint = FakePinpoint()
    bodies = [
        body({"event": "e", "endpoint_id": f"ep-{i // events_per_endpoint}"}) for i in range(10_000)
    ]
    assert deliver(bodies, service=pinpoint).delivered == 10_000
    assert len(pinpoint.requests) == 100
    assert len(pinpoint.events()) == 10_000


def test_large_events_make_as_many_requests_as_4_mb_need() -> None:
    pinpoint = FakePinpoint()
    query = {"event": "e" * 20_000} | {f"evat_{i}": "\u0001" * 200 for i in range(40)}
    bodies = [body({"endpoint_id": str(i)} | query) for i in range(150)]
    assert deliver(bodies, service=pinpoint).delivered == 150
    check_requests(pinpoint)
    # A control character is six bytes as JSON, so 100 of these do not fit into one request.
    assert len(pinpoint.requests) == -(-sum(map(len, pinpoint.requests)) // MAX_REQUEST_BYTES) == 3


def test_small_and_large_events_share_requests_without_gaps() -> None:
    """In the order of arrival, large events would leave gaps that small ones cannot fill."""
    pinpoint = FakePinpoint()
    sizes = [900_000, 700_000, 2_000, 950_000, 300_000, 100_000] * 6
    bodies = [body({"event": "e" * size, "endpoint_id": str(i)}) for i, size in enumerate(sizes)]
    assert deliver(bodies, service=pinpoint).delivered == len(sizes)
    check_requests(pinpoint)
    assert len(pinpoint.requests) == -(-sum(sizes) // MAX_REQUEST_BYTES)


def test_two_events_of_one_endpoint_both_arrive() -> None:
    pinpoint = FakePinpoint()
    query = {"event": "same", "endpoint_id": "ep", "evat_a": "same"}
    assert deliver([body(query), body(query)], service=pinpoint).delivered == 2
    assert pinpoint.events().keys() == {message_id(0), message_id(1)}
    assert len(pinpoint.requests) == 1


def test_a_redelivered_batch_sends_the_same_event_ids() -> None:
    bodies = [body({"event": "e", "endpoint_id": f"ep-{i % 7}"}) for i in range(250)]
    first, second = FakePinpoint(), FakePinpoint()
    deliver(bodies, service=first)
    deliver(bodies, service=second)
    assert first.events() == second.events()


def test_a_message_that_is_twice_in_a_batch_is_one_event() -> None:
    from gtm_events.deadline import Deadline  # noqa: PLC0415
    from gtm_events.delivery import Delivery  # noqa: PLC0415
    from gtm_events.policy import AccessPolicy  # noqa: PLC0415
    from tests.unit.builders import records  # noqa: PLC0415

    pinpoint, letters = FakePinpoint(), FakeDeadLetters()
    delivery = Delivery(
        pinpoint.destination(),
        letters,
        AccessPolicy(),
        accept_client_timestamp=False,
    )
    twice = records([body({"event": "e", "endpoint_id": "ep"})]) * 2
    batch = delivery.deliver(twice, Deadline.after(60))
    assert (batch.received, batch.delivered, batch.failures) == (1, 1, [])
    assert len(pinpoint.events()) == 1


def test_of_one_endpoints_user_attributes_the_newest_win() -> None:
    pinpoint = FakePinpoint()
    minute = 60_000
    deliver(
        [
            body({"event": "b", "endpoint_id": "ep", "usat_plan": "new"}, time=2 * minute),
            body(
                {"event": "a", "endpoint_id": "ep", "usat_plan": "old", "usat_x": "kept"},
                time=minute,
            ),
            body({"event": "c", "endpoint_id": "ep"}, time=3 * minute),
            body({"event": "d", "endpoint_id": "other", "usat_plan": "other"}),
        ],
        service=pinpoint,
    )
    assert pinpoint.user_attributes("ep") == [{"plan": ["new"], "x": ["kept"]}]
    assert pinpoint.user_attributes("other") == [{"plan": ["other"]}]


def test_no_request_carries_an_older_value_than_another() -> None:
    """Requests are sent in parallel, so an older value could arrive last."""
    pinpoint = FakePinpoint()
    bodies = [
        body({"event": "e", "endpoint_id": "ep", "usat_n": str(i)}, time=REQUEST_TIME + i)
        for i in range(250)
    ]
    deliver(bodies, service=pinpoint)
    assert pinpoint.user_attributes("ep") == [{"n": ["249"]}] * 3


def test_an_older_value_is_not_sent_again_by_a_retry() -> None:
    throttled = set[str]()

    def throttle_the_older_once(
        _endpoint_id: str, event_id: str, event: dict[str, object]
    ) -> tuple[int, str]:
        if event["EventType"] == "older" and event_id not in throttled:
            throttled.add(event_id)
            return 429, "slow down"
        return 202, "Accepted"

    pinpoint = FakePinpoint(respond=throttle_the_older_once)
    deliver(
        [
            body({"event": "older", "endpoint_id": "ep", "usat_n": "1"}, time=REQUEST_TIME),
            body({"event": "newer", "endpoint_id": "ep", "usat_n": "2"}, time=REQUEST_TIME + 1),
        ],
        service=pinpoint,
    )
    assert pinpoint.user_attributes("ep") == [{"n": ["2"]}, {"n": ["2"]}]


def test_an_endpoint_over_15_kb_is_spread_over_requests() -> None:
    pinpoint = FakePinpoint()
    bodies = [
        body({"event": "e", "endpoint_id": "ep", f"usat_{i:03}": "\U0001f600" * 100})
        for i in range(100)
    ]
    assert deliver(bodies, service=pinpoint).delivered == 100
    check_requests(pinpoint)
    merged = Counter(name for names in pinpoint.user_attributes("ep") for name in names)
    assert merged == {f"{i:03}": 1 for i in range(100)}
    assert len(pinpoint.requests) == 3


def test_user_attributes_of_one_event_over_15_kb_are_cut_and_counted() -> None:
    pinpoint = FakePinpoint()
    query = {f"usat_{i:03}": "\U0001f600" * 100 for i in range(100)}
    batch = deliver([body({"event": "e", "endpoint_id": "ep"} | query)], service=pinpoint)
    assert batch.delivered == 1
    check_requests(pinpoint)
    [kept] = pinpoint.user_attributes("ep")
    assert list(kept) == [f"{i:03}" for i in range(len(kept))]
    assert counted(batch) == {"no_room": 100 - len(kept)}
    assert len(kept) == 36


@pytest.mark.parametrize("event_type", ["_session.start", "_custom", "_"])
def test_pinpoints_own_event_types_are_rejected(event_type: str) -> None:
    pinpoint, letters = FakePinpoint(), FakeDeadLetters()
    bodies = [body({"event": name, "endpoint_id": "ep"}) for name in ("a", event_type, "b_")]
    batch = deliver(bodies, service=pinpoint, dead_letters=letters)
    assert letters.reasons() == {message_id(1): "reserved_event_type"}
    assert pinpoint.events().keys() == {message_id(0), message_id(2)}
    check_totals(batch, letters)


def test_an_event_over_1_000_kb_is_rejected() -> None:
    letters = FakeDeadLetters()
    batch = deliver(
        [body({"event": "e" * MAX_EVENT_BYTES, "endpoint_id": "ep"})], dead_letters=letters
    )
    assert letters.reasons() == {message_id(0): "too_large"}
    check_totals(batch, letters)


# An endpoint id of only white space is rejected.
text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda value: not value.isspace()
)


@settings(max_examples=50)
@given(st.lists(st.tuples(text, text, text), min_size=1, max_size=120))
def test_any_text_arrives_byte_for_byte(triples: list[tuple[str, str, str]]) -> None:
    pinpoint, letters = FakePinpoint(respond=accept_all), FakeDeadLetters()
    batch = deliver(
        [
            body({"event": f"x{name}", "endpoint_id": endpoint, f"evat_{name}": value})
            for endpoint, name, value in triples
        ],
        service=pinpoint,
        dead_letters=letters,
    )
    check_totals(batch, letters)
    check_requests(pinpoint)
    got = {
        event_id: (endpoint, event["EventType"], event["Attributes"])
        for endpoint, item in pinpoint.items()
        for event_id, event in item["Events"].items()
    }
    assert got == {
        message_id(i): (endpoint, f"x{name}", {name: value})
        for i, (endpoint, name, value) in enumerate(triples)
    }


@pytest.mark.parametrize(("status", "expected"), STATUSES)
def test_statuses_of_events(status: int, expected: RetryReason | Reason) -> None:
    events = {"id": {"StatusCode": status, "Message": "words"}}
    document = {"Results": {"ep": {"EventsItemResponse": events}}}
    assert reason(outcome(Pinpoint("app"), document)) is expected
