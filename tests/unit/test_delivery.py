"""Every record in its right place, whatever the destination does."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.client import IncompleteRead
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from botocore.exceptions import NoCredentialsError
from hypothesis import given, settings
from hypothesis import strategies as st

from gtm_events import deadline, delivery, ledger, pacing, send_task
from gtm_events.deadline import Deadline
from gtm_events.delivery import Delivery
from gtm_events.destinations.batching import BatchService
from gtm_events.destinations.pinpoint import Pinpoint
from gtm_events.errors import Denied
from gtm_events.outcome import Delivered, Outcome, Retry, RetryReason
from gtm_events.pacing import Pacer
from gtm_events.policy import AccessPolicy
from tests.destinations.customer_profiles.service import FakeCustomerProfiles
from tests.destinations.kinesis.service import FakeKinesis
from tests.destinations.services import SERVICES
from tests.patience import HANG_SECONDS
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
    posted,
    records,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gtm_events.dead_letters import NotTaken
    from gtm_events.event import Event
    from gtm_events.message import Request
    from tests.destinations.fake import BatchFake, Verdict


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send_task, "BACKOFF_SECONDS", 0.0)


def events(*event_types: str) -> list[str]:
    return [
        body({"event": event_type, "endpoint_id": f"ep-{number}"})
        for number, event_type in enumerate(event_types)
    ]


class Raising:
    """A destination that raises ``exception`` for the first ``times`` requests."""

    def __init__(self, exception: Exception, times: int = 1_000_000) -> None:
        self.exception = exception
        self.times = times

    def __call__(
        self, _endpoint_id: str, _event_id: str, _event: dict[str, Any]
    ) -> tuple[int, str]:
        if self.times > 0:
            self.times -= 1
            raise self.exception
        return 202, "Accepted"


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
def test_a_passing_failure_is_tried_again(exception: Exception) -> None:
    pinpoint = FakePinpoint(respond=Raising(exception, times=2))
    batch = deliver(events("a", "b"), service=pinpoint)
    assert (batch.delivered, batch.failures) == (2, [])
    assert batch.counts["requests"] == len(pinpoint.requests) == 3
    assert batch.counts["throttles"] == (2 if exception is TRANSIENT["throttled"] else 0)


@pytest.mark.parametrize(("reason", "exception"), TRANSIENT.items(), ids=TRANSIENT)
def test_a_lasting_failure_sends_records_back_to_the_queue(
    reason: str, exception: Exception
) -> None:
    pinpoint, letters = FakePinpoint(respond=Raising(exception)), FakeDeadLetters()
    batch = deliver(events("a", "b"), service=pinpoint, dead_letters=letters)
    assert batch.failures == [message_id(0), message_id(1)]
    assert batch.retried == {reason.strip(): 2}
    assert len(pinpoint.requests) == (20 if reason == "throttled" else 4)
    check_totals(batch, letters)


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_when_it_is_not_let_in_it_stops_and_says_so(status: int) -> None:
    """A wrong application id or policy is the owner's to mend, not the events' fault."""
    pinpoint = FakePinpoint(respond=Raising(Answered(status, "TheCode", "secret words")))
    letters = FakeDeadLetters()
    batch = deliver(events(*["e"] * 5_000), service=pinpoint, dead_letters=letters)
    assert batch.retried == {"denied": 5_000}
    assert batch.problems == [f"the destination denies the function access: {status} TheCode"]
    assert len(pinpoint.requests) <= BatchService.max_calls  # those already under way
    check_totals(batch, letters)


def test_one_poisonous_event_does_not_take_its_neighbours_along() -> None:
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
    # Only what may be retried is sent again; what is throttled more often than the others.
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


def test_what_the_dead_letter_queue_does_not_take_stays_in_the_queue() -> None:
    letters = FakeDeadLetters(refuse=frozenset({message_id(1), message_id(2)}))
    batch = deliver(["x", "y", "z", *events("e")], dead_letters=letters)
    assert letters.reasons() == {message_id(0): "malformed"}
    assert batch.failures == [message_id(1), message_id(2)]
    assert batch.retried == {"dead_letter_queue_failed": 2}
    assert batch.problems == ["the dead-letter queue did not take 2 of 3 messages: TheCode"]
    check_totals(batch, letters)


def test_a_dead_letter_queue_that_raises_loses_nothing() -> None:
    class Broken(FakeDeadLetters):
        def send(self, *_: object) -> Iterator[NotTaken]:
            raise RuntimeError("secret words")

    batch = deliver(["x", *events("e")], dead_letters=Broken())
    assert batch.failures == [message_id(0)]
    assert batch.delivered == 1
    assert batch.problems == ["defect while rejecting: RuntimeError"]


def test_a_letter_that_cannot_be_written_takes_nothing_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def defective(*_: object) -> str:
        raise RecursionError("secret words")

    monkeypatch.setattr(ledger, "with_events", defective)
    letters = FakeDeadLetters()
    some_bad = posted("json", '{"events": [{"event": "e", "endpoint_id": "ep"}, {}]}')
    batch = deliver(["x", some_bad, *events("e")], dead_letters=letters)
    assert letters.reasons() == {message_id(0): "malformed"}
    assert batch.failures == [message_id(1)]
    assert batch.problems == ["defect while rejecting: RecursionError"]
    check_totals(batch, letters)


def test_a_defect_in_every_message_is_one_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def defective(*_: object) -> Request:
        raise KeyError("secret words")

    monkeypatch.setattr(delivery, "decode", defective)
    batch = deliver(events(*["e"] * 1_000))
    assert batch.retried == {"internal_error": 1_000}
    assert batch.problems == ["defect while reading a message: KeyError"]


def test_a_defect_in_the_destination_keeps_what_was_delivered() -> None:
    class Defective(FakePinpoint):
        def answer(self, body: bytes) -> Response:
            if len(self.requests) > 1:
                raise KeyError("secret words")
            return super().answer(body)

    letters = FakeDeadLetters()
    with one_at_a_time():
        batch = deliver(events(*["e"] * 150), service=Defective(), dead_letters=letters)
    assert batch.delivered == 100
    assert batch.retried == {"internal_error": 50}
    assert batch.problems == ["defect while delivering: KeyError"]
    check_totals(batch, letters)


def test_a_defect_and_a_denial_are_both_named() -> None:
    begun = threading.Event()

    class Both(FakePinpoint):
        def answer(self, body: bytes) -> Response:
            if b'"poison"' in body:
                begun.set()
                raise KeyError("secret words")
            assert begun.wait(HANG_SECONDS)
            raise Answered(403, "TheCode")

    batch = deliver(events(*["poison"] * 100, *["e"] * 100), service=Both())
    assert batch.retried.total() == 200
    assert sorted(batch.problems) == [
        "defect while delivering: KeyError",
        "the destination denies the function access: 403 TheCode",
    ]


def test_of_an_event_the_first_word_stands() -> None:
    class Repeating:
        limits = Pinpoint.limits

        def deliver(self, messages: Iterable[Sequence[Event]], *_: Any) -> Iterator[Outcome]:
            for [event] in messages:
                yield Delivered(event.id)
                yield Retry(event.id, RetryReason.TIMED_OUT)

    whole = Delivery(Repeating(), FakeDeadLetters(), AccessPolicy(), accept_client_timestamp=False)
    batch = whole.deliver(records(events("a", "b")), Deadline.after(60))
    assert (batch.delivered, batch.failures) == (2, [])


def test_a_defect_takes_nothing_away_from_the_requests_beside_it() -> None:
    class Defective(FakePinpoint):
        def answer(self, body: bytes) -> Response:
            if b'"poison"' in body:
                raise KeyError("secret words")
            return super().answer(body)

    letters = FakeDeadLetters()
    kinds = ["e"] * 50 + ["poison"] + ["e"] * 3_000
    batch = deliver(events(*kinds), service=Defective(), dead_letters=letters)
    assert batch.retried == {"internal_error": 100}
    assert batch.delivered == 2_951
    assert batch.problems == ["defect while delivering: KeyError"]
    check_totals(batch, letters)


@pytest.mark.parametrize(("throttled", "slower"), [("ab", 1), ("a", 0)])
def test_a_request_whose_every_entry_is_throttled_slows_the_sender_down(
    monkeypatch: pytest.MonkeyPatch, throttled: str, slower: int
) -> None:
    """A hot shard does not: its entries are throttled beside others that are taken."""
    noted: list[Pacer] = []
    monkeypatch.setattr(Pacer, "throttled", lambda pacer: noted.append(pacer))  # noqa: PLW0108 - bound
    still = set(throttled)

    def decide(event: Event) -> Verdict:
        if event.event_type in still:
            still.remove(event.event_type)
            return "throttled"
        return "ok"

    batch = deliver(events("a", "b"), service=FakeKinesis(decide))
    assert batch.delivered == 2
    assert batch.counts["throttles"] == 1
    assert len(noted) == slower


@contextmanager
def one_at_a_time() -> Iterator[None]:
    with patch.object(Pinpoint, "max_calls", 1):
        yield


@pytest.mark.parametrize("seconds", [0.0, 5.0, 13.9])
def test_near_the_deadline_nothing_is_sent_and_everything_comes_back(seconds: float) -> None:
    pinpoint, letters = FakePinpoint(), FakeDeadLetters()
    batch = deliver(events("a", "b"), service=pinpoint, dead_letters=letters, seconds=seconds)
    assert pinpoint.requests == []
    assert batch.retried == {"out_of_time": 2}
    check_totals(batch, letters)


def test_it_stops_before_its_deadline_when_the_destination_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0

    def slow(_endpoint_id: str, _event_id: str, _event: dict[str, Any]) -> tuple[int, str]:
        nonlocal now
        now += 0.004  # times 100 events
        return 202, "Accepted"

    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr(deadline, "time", clock)
    monkeypatch.setattr(pacing, "time", clock)
    letters = FakeDeadLetters()
    with one_at_a_time():
        batch = deliver(
            events(*["e"] * 2_000),
            service=FakePinpoint(respond=slow),
            dead_letters=letters,
            seconds=16,  # 14 of them are the margin for one call and for settling
        )
    # No request begins after the two seconds that are left: each takes 0.4.
    assert batch.delivered in {500, 600}
    assert batch.retried == {"out_of_time": 2_000 - batch.delivered}
    check_totals(batch, letters)


def test_the_quota_is_kept() -> None:
    pinpoint = FakePinpoint()
    started = time.monotonic()
    batch = deliver(events(*["e"] * 2_000), service=pinpoint, requests_per_second=10)
    assert batch.delivered == 2_000
    # 20 requests: a burst of 10, then 10 a second.
    assert time.monotonic() - started >= 0.9


def test_throttling_slows_the_sender_down() -> None:
    pinpoint = FakePinpoint(respond=Raising(Answered(429, "TooManyRequestsException"), times=1))
    started = time.monotonic()
    batch = deliver(events("a"), service=pinpoint, requests_per_second=4)
    assert batch.delivered == 1
    assert time.monotonic() - started >= 0.45  # half of 4 a second


KINDS = (
    "ok",
    "refused",
    "throttled",
    "failed",
    "unmentioned",
    "recovers",
    "malformed",
    "_reserved",
    "poison",
    "times out",
    "cut off",
    "raises",
)
# Of all kinds in a long list, one takes every neighbour along: some lists have few kinds.
MIXTURE = st.sets(st.sampled_from(KINDS), min_size=1).flatmap(
    lambda kinds: st.one_of(
        [
            st.lists(st.sampled_from(sorted(kinds)), min_size=least, max_size=230)
            for least in (1, 80)
        ]
    )
)


def deciding(kinds: type[BatchFake]) -> BatchFake:
    """Return a service to which an event's type says what becomes of the event."""
    seen: set[str] = set()
    whole = {
        "poison": kinds.whole["refused"],
        "times out": TimeoutError(),
        "cut off": IncompleteRead(b""),
        "raises": kinds.whole["throttled"],
    }
    own: dict[str, Verdict] = {
        "refused": "refused",
        "throttled": "throttled",
        "failed": "failed",
        "unmentioned": "unmentioned",
    }

    def decide(event: Event) -> Verdict:
        kind = event.event_type
        if kind in whole:
            raise whole[kind]
        if kind == "recovers":
            first = event.id not in seen
            seen.add(event.id)
            return "failed" if first else "ok"
        return own.get(kind, "ok")

    return kinds(decide)


@pytest.mark.parametrize("kind_of_service", SERVICES, ids=lambda service: service.name)
@settings(max_examples=60)
@given(kinds=MIXTURE, unlucky=st.sets(st.integers(0, 229)), one_endpoint=st.booleans())
def test_every_mixture_ends_with_each_record_in_its_right_place(  # noqa: C901, PLR0912 - a table
    *,
    kind_of_service: type[BatchFake],
    kinds: list[str],
    unlucky: set[int],
    one_endpoint: bool,
) -> None:
    """Whole-request failures take neighbours along into a retry, never into loss or rejection."""
    service = deciding(kind_of_service)
    letters = FakeDeadLetters(refuse=frozenset(map(message_id, unlucky)))
    if "refused" not in service.verdicts:  # it refuses whole requests only
        kinds = ["poison" if kind == "refused" else kind for kind in kinds]
    batch = deliver(
        [
            "not ours"
            if kind == "malformed"
            else body({"event": kind, "endpoint_id": "ep" if one_endpoint else f"ep-{number}"})
            for number, kind in enumerate(kinds)
        ],
        service=service,
        dead_letters=letters,
    )
    check_totals(batch, letters)
    sent = [kind for kind in kinds if kind != "malformed"]
    refused = len(sent) >= 10 and {*sent} <= {"refused", "poison"}
    assert [problem.partition(" ")[2][:14] for problem in batch.problems] == [
        *(["destination re"] * (len({*sent}) if refused else 0)),
        *(["dead-letter qu"] * bool(batch.retried["dead_letter_queue_failed"])),
    ]
    rejections = {"refused": "refused", "malformed": "malformed", "poison": "refused"}
    delivered = {"ok", "recovers"}
    if service.name == "pinpoint":
        rejections["_reserved"] = "reserved_event_type"
    else:
        delivered.add("_reserved")
    always_retried = {"throttled", "failed", "unmentioned", "times out", "cut off", "raises"}
    failures = set(batch.failures)
    for number, kind in enumerate(kinds):
        record = message_id(number)
        reason = letters.reasons().get(record)
        if reason:
            assert reason == rejections[kind]
            assert number not in unlucky
            assert record not in service.accepted
        elif record in failures:
            # What is known to be wrong before anything is sent is in the dead-letter queue.
            assert kind != "malformed" or number in unlucky
            assert rejections.get(kind) != "reserved_event_type" or number in unlucky
        else:
            assert kind in delivered
            assert record in service.accepted
        if kind in always_retried:
            assert record in failures
    if "unmentioned" not in service.shares_fate or "unmentioned" not in kinds:
        # Nothing was accepted without a word of it: nothing is delivered twice.
        assert set(service.accepted.values()) <= {1}
        assert not failures & set(service.accepted)
    if not set(kinds) & ({"times out", "cut off", "raises"} | service.shares_fate):
        # Nothing held a neighbour back, so each place is known to the letter.
        for number, kind in enumerate(kinds):
            record = message_id(number)
            if kind in delivered:
                assert record not in failures
            if kind in rejections:
                assert (record in letters.reasons()) == (number not in unlucky)


DENIAL_CODES = {
    "eventbridge": "NotAuthorizedForDetailTypeException",
    "customer-profiles": "403",
    "shop_webhook": "403",
}
DENYING = [service for service in SERVICES if "denied" in service.verdicts]


@pytest.mark.parametrize("kind_of_service", DENYING, ids=lambda service: service.name)
def test_when_every_entry_is_denied_it_stops_and_says_so(kind_of_service: type[BatchFake]) -> None:
    service, letters = kind_of_service(lambda _: "denied"), FakeDeadLetters()
    batch = deliver(events(*["e"] * 1_000), service=service, dead_letters=letters)
    assert batch.retried == {"denied": 1_000}
    code = DENIAL_CODES[service.name]
    assert batch.problems == [f"the destination denies the function access: {code}"]
    assert len(service.requests) <= BatchService.max_calls  # those already under way
    check_totals(batch, letters)


@pytest.mark.parametrize("kind_of_service", DENYING, ids=lambda service: service.name)
def test_a_denied_entry_goes_back_without_its_neighbours(kind_of_service: type[BatchFake]) -> None:
    service = kind_of_service(lambda event: "denied" if event.event_type == "no" else "ok")
    letters = FakeDeadLetters()
    batch = deliver(events("a", "no", "b"), service=service, dead_letters=letters)
    assert batch.delivered == 2
    assert batch.failures == [message_id(1)]
    assert batch.retried == {"denied": 1}
    code = DENIAL_CODES[service.name]
    assert batch.problems == [
        f"the destination denies the function access for 1 of 3 events: {code}"
    ]
    check_totals(batch, letters)


@pytest.mark.parametrize("kind_of_service", DENYING, ids=lambda service: service.name)
def test_denied_entries_are_named_once_and_stop_nothing(kind_of_service: type[BatchFake]) -> None:
    service = kind_of_service(lambda event: "denied" if event.event_type == "no" else "ok")
    letters = FakeDeadLetters()
    with patch.object(type(service.service()), "max_calls", 1):
        batch = deliver(events(*["no", "e", "e"] * 100), service=service, dead_letters=letters)
    assert batch.delivered == 200
    assert batch.retried == {"denied": 100}
    code = DENIAL_CODES[service.name]
    assert batch.problems == [
        f"the destination denies the function access for 100 of 300 events: {code}"
    ]
    assert len(service.requests) == -(-300 // service.service().max_entries)
    check_totals(batch, letters)


def test_an_entry_that_is_denied_alone_does_not_stop_the_next_round() -> None:
    """Customer Profiles' newest events wait for the older ones, of which there may be just one."""
    service = FakeCustomerProfiles(lambda event: "denied" if event.event_type == "no" else "ok")
    letters = FakeDeadLetters()
    bodies = [body({"event": kind, "endpoint_id": "ep"}) for kind in ("no", "e")]
    batch = deliver([*bodies, *events(*["e"] * 50)], service=service, dead_letters=letters)
    assert batch.delivered == 51
    assert batch.failures == [message_id(0)]
    assert batch.problems == ["the destination denies the function access for 1 of 52 events: 403"]
    check_totals(batch, letters)


@pytest.mark.parametrize(("second", "problems"), [("TheCode", 1), ("Other", 2)])
def test_a_denial_of_all_and_one_of_some_are_both_named(second: str, problems: int) -> None:
    class Denying:
        limits = Pinpoint.limits

        def deliver(self, messages: Iterable[Sequence[Event]], *_: object) -> Iterator[Outcome]:
            [whole], [entry] = messages
            yield Retry(whole.id, RetryReason.DENIED)
            yield Retry(entry.id, RetryReason.DENIED, second)
            raise Denied("TheCode")

    batch = Delivery(
        destination=Denying(),
        dead_letters=FakeDeadLetters(),
        policy=AccessPolicy(),
        accept_client_timestamp=False,
    ).deliver(records(events("a", "b")), Deadline.after(60))
    assert (
        batch.problems
        == [
            "the destination denies the function access: TheCode",
            "the destination denies the function access for 1 of 2 events: Other",
        ][:problems]
    )


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
