"""Firehose: events that share records."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtm_events.destinations.firehose import (
    MAX_EVENTS_PER_RECORD,
    MAX_RECORD_BYTES,
    Entry,
    Firehose,
    _records,
    create,
)
from gtm_events.errors import SettingsError
from tests.destinations.entry_codes import THROTTLED, UNAVAILABLE, outcome, reason
from tests.destinations.firehose.service import DELIVERY_STREAM, FakeFirehose
from tests.unit.builders import body, deliver, message_id

if TYPE_CHECKING:
    from gtm_events.event import Event
    from gtm_events.outcome import RetryReason
    from tests.destinations.fake import Verdict

pytestmark = pytest.mark.usefixtures("no_backoff")

SERVICE = Firehose("x" * 64)


def entries_of(sizes: list[int]) -> list[Entry]:
    return [Entry(f"id-{number}", b"x" * size) for number, size in enumerate(sizes)]


def sizes_of(records: list[list[Entry]]) -> list[int]:
    return [sum(entry.size for entry in record) for record in records]


# An event record is at least this long: more of them do not fit into a request's bytes, so that its
# records are few, and their limits never bind.
SMALLEST = 190


def test_no_event_record_is_shorter_than_the_tests_assume() -> None:
    service = FakeFirehose()
    deliver([body({"event": "e", "endpoint_id": "p"})], service=service)
    [record] = service.parsed(service.requests[0])["Records"]
    assert len(record["Data"]) >= SMALLEST


SIZES = st.one_of(
    st.lists(st.integers(SMALLEST, 2_000), max_size=1_500),
    st.lists(st.integers(SMALLEST, MAX_RECORD_BYTES), max_size=12),
)


@settings(max_examples=60)
@given(SIZES)
def test_records_hold_every_event_in_order_inside_their_limits(sizes: list[int]) -> None:
    entries = entries_of(sizes)
    records = _records(entries, 500)
    assert [entry for record in records for entry in record] == entries
    assert records == _records(list(entries), 500)  # answers are divided alike
    assert all(1 <= len(record) <= 500 for record in records)
    assert all(size <= 1_000_000 for size in sizes_of(records))
    # Each record is as full as possible.
    for record, following in pairwise(records):
        assert (
            len(record) == MAX_EVENTS_PER_RECORD
            or sum(entry.size for entry in record) + following[0].size > MAX_RECORD_BYTES
        )


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([200] * 500, [500]),
        ([200] * 501, [500, 1]),
        ([1_000_000], [1]),
        ([999_800, 200], [2]),
        ([999_800, 201], [1, 1]),
        ([600_000, 300_000, 100_000, 1_000], [3, 1]),
    ],
)
def test_the_limits_of_a_record(sizes: list[int], expected: list[int]) -> None:
    assert [len(record) for record in _records(entries_of(sizes), 500)] == expected


@settings(max_examples=40)
@given(SIZES)
def test_a_request_is_inside_the_limits_before_and_after_base64(sizes: list[int]) -> None:
    for entries in SERVICE.pack(entries_of(sizes)):
        request = SERVICE.request(entries)
        records = json.loads(request.body)["Records"]
        assert len(request.body) <= 4_000_000
        assert 1 <= len(records) <= 500
        assert sum(len(b64decode(record["Data"])) for record in records) == sum(
            entry.size for entry in entries
        )


@pytest.mark.parametrize("size", [5_988, 5_989, 5_990])  # base64 adds 0, 2 and 1 bytes of padding
def test_the_padding_of_each_record_counts(size: int) -> None:
    service = Firehose("x" * 64, events_per_record=1)
    [first, *_] = service.pack(entries_of([size] * 600))
    assert 3_980_000 < len(service.request(first).body) <= 4_000_000


def test_the_smallest_events_stay_inside_the_limits_too() -> None:
    [first, *_] = SERVICE.pack(entries_of([SMALLEST] * 40_000))
    request = SERVICE.request(first)
    assert 3_900_000 < len(request.body) <= 4_000_000
    assert len(json.loads(request.body)["Records"]) < 50


@pytest.mark.parametrize("failing", [0, 499, 500, 1_000, 1_199])
def test_a_record_that_fails_is_sent_again_and_nothing_else(failing: int) -> None:
    seen: Counter[str] = Counter()

    def once(event: Event) -> Verdict:
        seen[event.id] += 1
        return "throttled" if event.id == message_id(failing) and seen[event.id] == 1 else "ok"

    service = FakeFirehose(once)
    bodies = [body({"event": "e", "endpoint_id": "ep"}) for _ in range(1_200)]
    assert deliver(bodies, service=service).delivered == 1_200
    assert set(service.accepted.values()) == {1}
    first, again = service.entries
    assert [len(entry) for entry in first] == [500, 500, 200]
    [record] = [entry for entry in first if message_id(failing) in {event.id for event in entry}]
    assert again == [record]


FEW = st.sampled_from([1, 2, 3, 50, 499])


@settings(max_examples=60)
@given(SIZES, FEW)
def test_with_fewer_events_a_record_all_limits_hold(sizes: list[int], few: int) -> None:
    entries = entries_of(sizes)
    service = Firehose("x" * 64, events_per_record=few)
    requests = service.pack(entries)
    packed = [entry for request in requests for entry in request]
    assert sorted(map(id, packed)) == sorted(map(id, entries))
    for request in requests:
        body_bytes = service.request(request).body
        records = [b64decode(record["Data"]) for record in json.loads(body_bytes)["Records"]]
        assert len(body_bytes) <= 4_000_000
        assert 1 <= len(records) <= 500
        assert max(map(len, records)) <= 1_000_000
        assert max(map(len, _records(request, few))) <= few


def test_large_events_that_end_records_early_leave_room_for_no_more_than_500() -> None:
    # 1,000 events in pairs would be 500 records, but two large events do not fit into one record.
    entries = entries_of([600_000] * 3 + [500] * 997)
    service = Firehose("x", events_per_record=2)
    requests = service.pack(entries)
    assert [len(_records(request, 2)) for request in requests] == [500, 1]


@pytest.mark.parametrize(
    ("count", "size", "requests"),
    [
        (500, 1_000, 1),
        (501, 1_000, 2),  # 500 records a request
        (10_000, 600, 20),
        (500, 10_000, 2),  # 4 MB a request, after base64
        (1_100, 10_000, 4),
    ],
)
def test_one_event_a_record_takes_the_fewest_requests(count: int, size: int, requests: int) -> None:
    service = FakeFirehose()
    service.events_per_record = 1
    bodies = [body({"event": "e", "endpoint_id": "ep", "evat_x": "x" * size})] * count
    assert deliver(bodies, service=service).delivered == count
    assert len(service.requests) == service.fewest_requests() == requests
    assert all(len(entry) == 1 for entries in service.entries for entry in entries)


def test_one_event_a_record_is_one_json_object() -> None:
    service = FakeFirehose()
    service.events_per_record = 1
    deliver([body({"event": f"e{n}", "endpoint_id": "ep"}) for n in range(3)], service=service)
    [request] = map(service.parsed, service.requests)
    documents = [json.loads(record["Data"]) for record in request["Records"]]
    assert [document["event_type"] for document in documents] == ["e0", "e1", "e2"]


def test_one_event_a_record_fails_alone() -> None:
    seen: Counter[str] = Counter()

    def once(event: Event) -> Verdict:
        seen[event.id] += 1
        return "throttled" if event.id == message_id(1) and seen[event.id] == 1 else "ok"

    service = FakeFirehose(once)
    service.events_per_record = 1
    bodies = [body({"event": "e", "endpoint_id": "ep"}) for _ in range(3)]
    assert deliver(bodies, service=service).delivered == 3
    first, again = service.entries
    assert [len(first), len(again)] == [3, 1]
    assert [event.id for event in again[0]] == [message_id(1)]


def environment(**more: str) -> dict[str, str]:
    return {"AWS_REGION": "eu-west-1", "FIREHOSE_DELIVERY_STREAM_NAME": "events", **more}


@pytest.mark.parametrize(("number", "records"), [("", 1), ("500", 1), ("1", 3), ("2", 2)])
def test_how_many_is_read_from_the_environment(number: str, records: int) -> None:
    service = create(environment(FIREHOSE_EVENTS_PER_RECORD=number))._service
    request = service.request(entries_of([200, 200, 200]))
    assert len(json.loads(request.body)["Records"]) == records


@pytest.mark.parametrize("number", ["0", "501", "-1", "1.0", "many", " 1", "\u0663"])
def test_how_many_is_a_whole_number_up_to_500(number: str) -> None:
    with pytest.raises(SettingsError, match=r"FIREHOSE_EVENTS_PER_RECORD must be .* 1 and 500"):
        create(environment(FIREHOSE_EVENTS_PER_RECORD=number))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # PutRecordBatch: "the service is unavailable", for lack of throughput, or InternalFailure.
        ("ServiceUnavailableException", THROTTLED),
        ("InternalFailure", UNAVAILABLE),
        ("SomethingNew", UNAVAILABLE),
    ],
)
def test_error_codes(code: str, expected: RetryReason) -> None:
    document = {"RequestResponses": [{"ErrorCode": code, "ErrorMessage": "words"}]}
    assert reason(outcome(Firehose("stream"), document)) is expected


def test_firehose_gets_lines() -> None:
    service = FakeFirehose()
    query = {"event": "two\nlines", "endpoint_id": "ep"}
    deliver([body(query), body(query)], service=service)
    document = json.loads(service.requests[0])
    assert document["DeliveryStreamName"] == DELIVERY_STREAM
    line = (
        '{"schema_version":"1","event_id":"%s","event_type":"two\\nlines","endpoint_id":"ep",'
        '"timestamp":"2026-11-18T11:06:40.000Z","access":"anonymous","attributes":{},"metrics":{},'
        '"user_attributes":{}}\n'
    )
    data = "".join(line % message_id(i) for i in range(2)).encode()
    assert document["Records"] == [{"Data": b64encode(data).decode()}]
