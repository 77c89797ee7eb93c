"""Delivery of a batch: each record gets its correct outcome, whatever the destination answers."""

from __future__ import annotations

import json
from http.client import IncompleteRead
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import NoCredentialsError

from gtm_events.deadline import Deadline
from gtm_events.delivery import Delivery
from gtm_events.destinations.pinpoint import Pinpoint
from gtm_events.outcome import Delivered, Outcome, Retry, RetryReason
from gtm_events.policy import AccessPolicy
from tests.unit.builders import (
    Answered,
    FakeDeadLetters,
    FakePinpoint,
    Response,
    accept_all,
    body,
    check_totals,
    deliver,
    message_id,
    records,
)
from tests.unit.delivering import FailingDestination, events

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gtm_events.event import Event


pytestmark = pytest.mark.usefixtures("no_backoff")


TRANSIENT = {
    "throttled": Answered(429, "TooManyRequestsException"),
    "unavailable": Answered(500, "InternalServerErrorException"),
    "unavailable ": Answered(503, "ServiceUnavailable"),
    "unavailable  ": NoCredentialsError(),
    "timed_out": TimeoutError(),
    "unreachable": ConnectionRefusedError(),
    "unreachable ": IncompleteRead(b""),
}


@pytest.mark.parametrize("exception", TRANSIENT.values(), ids=TRANSIENT)
def test_a_temporary_failure_is_retried(exception: Exception) -> None:
    pinpoint = FakePinpoint(respond=FailingDestination(exception, times=2))
    batch = deliver(events("a", "b"), service=pinpoint)
    assert (batch.delivered, batch.failures) == (2, [])
    assert batch.counts["requests"] == len(pinpoint.requests) == 3
    assert batch.counts["throttles"] == (2 if exception is TRANSIENT["throttled"] else 0)


@pytest.mark.parametrize(("reason", "exception"), TRANSIENT.items(), ids=TRANSIENT)
def test_a_lasting_failure_sends_records_back_to_the_queue(
    reason: str, exception: Exception
) -> None:
    pinpoint, letters = FakePinpoint(respond=FailingDestination(exception)), FakeDeadLetters()
    batch = deliver(events("a", "b"), service=pinpoint, dead_letters=letters)
    assert batch.failures == [message_id(0), message_id(1)]
    assert batch.retried == {reason.strip(): 2}
    assert len(pinpoint.requests) == (20 if reason == "throttled" else 4)
    check_totals(batch, letters)


def test_a_refused_event_does_not_affect_its_neighbors() -> None:
    def refuse_whole(_endpoint_id: str, _event_id: str, event: dict[str, Any]) -> tuple[int, str]:
        if event["EventType"] == "poison":
            raise Answered(400, "BadRequestException", "one of them is wrong")
        return 202, "Accepted"

    pinpoint, letters = FakePinpoint(respond=refuse_whole), FakeDeadLetters()
    batch = deliver(
        events(*["e"] * 41, "poison", *["e"] * 57, "poison"),
        service=pinpoint,
        dead_letters=letters,
    )
    assert letters.reasons() == {message_id(41): "refused", message_id(99): "refused"}
    assert letters.letters[0].detail == "400 BadRequestException: one of them is wrong"
    assert batch.delivered == 98
    assert len(pinpoint.requests) < 40
    check_totals(batch, letters)


def test_a_request_that_is_too_large_after_all_is_split() -> None:
    class Smaller(FakePinpoint):
        def answer(self, body: bytes) -> Response:
            if len(body) > 1_000:
                raise Answered(413, "PayloadTooLargeException")
            return super().answer(body)

    pinpoint, letters = Smaller(), FakeDeadLetters()
    batch = deliver(events(*["e"] * 50, "e" * 2_000), service=pinpoint, dead_letters=letters)
    assert letters.reasons() == {message_id(50): "too_large"}
    assert batch.delivered == 50
    check_totals(batch, letters)


def test_each_events_own_status_is_read() -> None:
    def respond(_endpoint_id: str, _event_id: str, event: dict[str, Any]) -> tuple[int, str] | None:
        statuses = {"ok": 202, "refused": 400, "throttled": 429, "failed": 500}
        kind = event["EventType"]
        return (statuses[kind], f"it is {kind}") if kind in statuses else None

    pinpoint, letters = FakePinpoint(respond=respond), FakeDeadLetters()
    batch = deliver(
        events("ok", "refused", "throttled", "failed", "unmentioned"),
        service=pinpoint,
        dead_letters=letters,
    )
    assert batch.delivered == 1
    assert letters.reasons() == {message_id(1): "refused"}
    assert letters.letters[0].detail == "400 it is refused"
    assert batch.retried == {"throttled": 1, "unavailable": 1, "unanswered": 1}
    # Only temporary failures are retried, and throttled entries more often than others.
    sent = [len(json.loads(request)["BatchItem"]) for request in pinpoint.requests]
    assert sent == [5, 3, 3, 3] + [1] * 16
    check_totals(batch, letters)


@pytest.mark.parametrize(
    ("status", "delivered", "rejected", "retried"),
    [
        (202, 2, {}, {}),
        (400, 1, {"user_attributes_refused": 1}, {}),
        (429, 1, {}, {"throttled": 1}),
        (500, 1, {}, {"unavailable": 1}),
    ],
)
def test_the_endpoints_status_counts_for_events_with_user_attributes(
    status: int, delivered: int, rejected: dict[str, int], retried: dict[str, int]
) -> None:
    pinpoint = FakePinpoint(respond_endpoint=lambda *_: (status, "no"))
    letters = FakeDeadLetters()
    batch = deliver(
        [
            body({"event": "e", "endpoint_id": "ep", "usat_plan": "gold"}),
            body({"event": "e", "endpoint_id": "ep"}),
        ],
        service=pinpoint,
        dead_letters=letters,
    )
    assert batch.delivered == delivered
    assert batch.rejected == rejected
    assert batch.retried == retried
    check_totals(batch, letters)


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"Results": {"ep-0"'])
def test_an_answer_that_cannot_be_read_delivers_nothing(content: bytes) -> None:
    class Unreadable(FakePinpoint):
        def answer(self, body: bytes) -> Response:
            assert body
            return Response(202, content)

    pinpoint, letters = Unreadable(), FakeDeadLetters()
    batch = deliver(events("a", "b"), service=pinpoint, dead_letters=letters)
    assert batch.retried == {"unavailable": 2}
    assert len(pinpoint.requests) == 4
    check_totals(batch, letters)


@pytest.mark.parametrize(
    "content", [b"{}", b'{"Results": null}', b'{"Results": {"ep-0": {"EventsItemResponse": null}}}']
)
def test_an_answer_that_says_nothing_delivers_nothing(content: bytes) -> None:
    class Silent(FakePinpoint):
        def answer(self, body: bytes) -> Response:
            assert body
            return Response(202, content)

    letters = FakeDeadLetters()
    batch = deliver(events("a", "b"), service=Silent(), dead_letters=letters)
    assert batch.retried == {"unanswered": 2}
    check_totals(batch, letters)


MALFORMED = [
    "",
    "x",
    "{}",
    "v=1&time=1&access=anonymous",
    body({"event": "cut", "endpoint_id": "off"})[:-30],
    "v=1&time=1&access=anonymous\nevent=%FF=&endpoint_id",
    "v=1&time=1&access=anonymous\nevent=e\ud800&endpoint_id=1",
    body({"event": "e"}),
    body({"endpoint_id": "e"}),
]


@pytest.mark.parametrize("malformed", MALFORMED)
def test_a_malformed_message_never_stops_its_neighbours(malformed: str) -> None:
    letters = FakeDeadLetters()
    first, last = events("a", "b")
    batch = deliver([first, malformed, last], dead_letters=letters)
    assert batch.delivered == 2
    assert letters.reasons() == {message_id(1): "malformed"}
    assert letters.letters[0].body == malformed
    assert letters.letters[0].detail
    check_totals(batch, letters)


def test_a_batch_of_nothing_but_malformed_messages_asks_nothing_of_the_destination() -> None:
    pinpoint, letters = FakePinpoint(), FakeDeadLetters()
    batch = deliver(MALFORMED, service=pinpoint, dead_letters=letters)
    assert batch.rejected == {"malformed": len(MALFORMED)}
    assert pinpoint.requests == []
    check_totals(batch, letters)


def test_the_first_outcome_of_an_event_is_final() -> None:
    class Repeating:
        limits = Pinpoint.limits

        def deliver(self, messages: Iterable[Sequence[Event]], *_: Any) -> Iterator[Outcome]:
            for [event] in messages:
                yield Delivered(event.id)
                yield Retry(event.id, RetryReason.TIMED_OUT)

    whole = Delivery(Repeating(), FakeDeadLetters(), AccessPolicy(), accept_client_timestamp=False)
    batch = whole.deliver(records(events("a", "b")), Deadline.after(60))
    assert (batch.delivered, batch.failures) == (2, [])


def test_the_summary_holds_numbers_and_reasons_only() -> None:
    letters = FakeDeadLetters()
    batch = deliver(
        [
            "not ours",
            body(
                {"event": "e", "endpoint_id": "ep", "evat_a": "x" * 201, "utm": "1", "usat_a": "1"}
            ),
            body({"event": "_e", "endpoint_id": "ep"}),
        ],
        dead_letters=letters,
        policy=AccessPolicy(),
    )
    assert batch.summary() == {
        "received": 3,
        "events": 2,
        "delivered": 1,
        "retried": 0,
        "rejected": 2,
        "opted_out": 0,
        "dead_letters": 2,
        "invalid_messages": 0,
        "retried_by_reason": {},
        "rejected_by_reason": {"malformed": 1, "reserved_event_type": 1},
        "ignored_parameters": 1,
        "truncated_values": 1,
        "denied_user_attributes": 1,
        "ignored_timestamps": 0,
        "losses_by_reason": {
            "unknown_parameter": 1,
            "value_too_long": 1,
            "not_for_anonymous": 1,
        },
        "requests": 1,
        "throttles": 0,
        "problems": [],
    }


def test_an_answer_may_arrive_in_parts_of_a_large_batch() -> None:
    pinpoint = FakePinpoint(respond=accept_all)
    batch = deliver(events(*["e"] * 1_001), service=pinpoint)
    assert batch.delivered == 1_001
    assert {message_id(i) for i in range(1_001)} == set(pinpoint.events())
    assert len(records(["x"])) == 1
