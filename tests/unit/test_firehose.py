"""How Firehose's events share records."""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtm_events import sending
from gtm_events.destinations.firehose import (
    MAX_EVENTS_PER_RECORD,
    MAX_RECORD_BYTES,
    Entry,
    Firehose,
    _records,
)
from tests.unit.builders import body, deliver, message_id
from tests.unit.services import FakeFirehose

if TYPE_CHECKING:
    from gtm_events.event import Event
    from tests.unit.services import Verdict

SERVICE = Firehose("x" * 64)


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_BACKOFF_SECONDS", 0.0)


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
    records = _records(entries)
    assert [entry for record in records for entry in record] == entries
    assert records == _records(list(entries))  # an answer is read by the same records
    assert all(1 <= len(record) <= 500 for record in records)
    assert all(size <= 1_000_000 for size in sizes_of(records))
    # No record ends before it has to.
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
def test_a_records_bounds(sizes: list[int], expected: list[int]) -> None:
    assert [len(record) for record in _records(entries_of(sizes))] == expected


@settings(max_examples=40)
@given(SIZES)
def test_a_request_is_inside_the_limits_before_and_after_base64(sizes: list[int]) -> None:
    for entries in SERVICE.pack(entries_of(sizes)):
        call = SERVICE.call(entries)
        records = json.loads(call.body)["Records"]
        assert len(call.body) <= 4_000_000
        assert 1 <= len(records) <= 500
        assert sum(len(b64decode(record["Data"])) for record in records) == sum(
            entry.size for entry in entries
        )


def test_the_smallest_events_stay_inside_the_limits_too() -> None:
    [first, *_] = SERVICE.pack(entries_of([SMALLEST] * 40_000))
    call = SERVICE.call(first)
    assert 3_900_000 < len(call.body) <= 4_000_000
    assert len(json.loads(call.body)["Records"]) < 50


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
