"""Progress: any invocation that can send requests completes at least one message."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from itertools import cycle, islice
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from gtm_events.deadline import Deadline
from gtm_events.delivery import Delivery
from gtm_events.destinations.batching import BatchDestination
from gtm_events.pacing import Pacer
from gtm_events.policy import AccessPolicy
from tests.destinations.customer_profiles.service import FakeCustomerProfiles, FakeTwoObjectTypes
from tests.destinations.pinpoint.service import FakePinpointEvents
from tests.destinations.services import SERVICES
from tests.unit.builders import Answered, FakeDeadLetters, message_id, posted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gtm_events.event import Event
    from tests.destinations.fake import BatchFake, Verdict

pytestmark = pytest.mark.usefixtures("no_backoff")

every_service = pytest.mark.parametrize(
    "kind_of_service", SERVICES, ids=lambda service: service.name
)


class LimitedPacer(Pacer):
    """A pacer that runs out of time after a fixed number of requests."""

    def __init__(self, requests: int) -> None:
        super().__init__(max(1.0, requests / 50))  # an invocation has about 50 seconds
        self._left = requests

    def acquire(self, deadline: Deadline) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0 and deadline.remaining() > 0


def received(
    service: BatchFake, messages: dict[str, str], budget: int, letters: FakeDeadLetters
) -> list[str]:
    """Deliver messages with at most so many requests; return the ids of those that are retried."""
    destination = service.destination()
    assert isinstance(destination, BatchDestination)
    destination._sender = replace(destination._sender, pacer=LimitedPacer(budget))
    records = [
        {"messageId": name, "body": body, "attributes": {"SentTimestamp": str(number)}}
        for number, (name, body) in enumerate(messages.items())
    ]
    Random(budget).shuffle(records)  # noqa: S311 - SQS hands them out in no order
    batch = Delivery(
        destination=destination,
        dead_letters=letters,
        policy=AccessPolicy(anonymous=None),
        accept_client_timestamp=True,
    ).deliver(records, Deadline.after(600))
    assert batch.problems == []
    assert set(batch.retried) <= {"out_of_time", "throttled"}
    return batch.failures


def receives(service: BatchFake, bodies: Sequence[str], budget: int) -> int:
    """Return the number of receives that settle everything; assert that each settles something."""
    messages = {message_id(number): body for number, body in enumerate(bodies)}
    letters, count = FakeDeadLetters(), 0
    while messages:
        count += 1
        failures = received(service, messages, budget, letters)
        assert len(failures) < len(messages), f"receive {count} settled nothing of {len(messages)}"
        messages = {name: messages[name] for name in messages if name in set(failures)}
    return count


def listed(events: Sequence[dict[str, str]]) -> str:
    return posted("json", json.dumps({"events": events}))


def lists(number: int, size: int, endpoint: Callable[[int, int], str]) -> list[str]:
    """Return posted lists. ``endpoint`` returns the endpoint id of an event in a list."""
    return [
        listed(
            [
                {"event": "e", "endpoint_id": endpoint(place, n), "usat_plan": f"{place}"}
                for n in range(size)
            ]
        )
        for place in range(number)
    ]


ENDPOINTS: dict[str, Callable[[int, int], str]] = {
    "one endpoint each": lambda place, _: f"ep-{place}",
    "one endpoint in all": lambda _place, _: "ep",
    "the same endpoints in all": lambda _, n: f"ep-{n}",
    "an endpoint each event": lambda place, n: f"ep-{place}-{n}",
    "one endpoint in all beside others": lambda place, n: f"ep-{place}-{n}" if n else "ep",
}


def needed(service: BatchFake, bodies: Sequence[str]) -> int:
    """Return the number of requests that the largest message needs by itself."""
    largest = max(bodies, key=len)
    alone = type(service)(service.decide)
    assert not received(alone, {message_id(0): largest}, 1_000, FakeDeadLetters())
    return len(alone.requests)


@every_service
@pytest.mark.parametrize("size", [1, 7, 20, 100])
@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_enough_requests_for_one_message_settle_one(
    kind_of_service: type[BatchFake], size: int, endpoint: Callable[[int, int], str]
) -> None:
    bodies = lists(12, size, endpoint)
    service = kind_of_service()
    assert receives(service, bodies, needed(service, bodies)) <= 12


@every_service
@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_a_backlog_of_lists_is_settled_in_as_many_receives_as_its_requests_take(
    kind_of_service: type[BatchFake], endpoint: Callable[[int, int], str]
) -> None:
    """Once, none of 4,302 lists of 20 was settled at Customer Profiles in ten receives."""
    bodies = lists(150, 20, endpoint)
    whole = kind_of_service()
    assert not received(whole, dict(enumerate_ids(bodies)), 100_000, FakeDeadLetters())
    budget = max(25, len(whole.requests) // 3)
    # Requests under way at the end, and Customer Profiles' last window, are sent again.
    again = 32 + 17 if issubclass(kind_of_service, FakeCustomerProfiles) else 0
    most = -(-len(whole.requests) // (budget - again)) + 1
    assert receives(kind_of_service(), bodies, budget) <= most


def enumerate_ids(bodies: Sequence[str]) -> list[tuple[str, str]]:
    return [(message_id(number), body) for number, body in enumerate(bodies)]


@every_service
def test_lists_of_all_sizes_among_single_events(kind_of_service: type[BatchFake]) -> None:
    sizes = list(islice(cycle([1, 100, 3, 50, 1, 20, 99]), 40))
    bodies = [
        listed([{"event": "e", "endpoint_id": f"ep-{n % 5}"} for n in range(size)])
        for size in sizes
    ]
    service = kind_of_service()
    assert receives(service, bodies, needed(service, bodies)) <= 40


@every_service
@pytest.mark.parametrize("smallest", [False, True], ids=["oldest largest", "oldest smallest"])
def test_the_oldest_message_of_large_events_is_not_scattered(
    kind_of_service: type[BatchFake], *, smallest: bool
) -> None:
    """Larger entries are packed first, but after the oldest message."""
    sizes = [200_000, 90_000, 30_000, 150_000] * 3
    sizes.sort(reverse=not smallest)
    bodies = [
        listed([{"event": "e" * size, "endpoint_id": f"{i}"}, {"event": "e", "endpoint_id": "p"}])
        for i, size in enumerate(sizes)
    ]
    service = kind_of_service()
    assert receives(service, bodies, needed(service, bodies)) <= len(bodies)


@every_service
@pytest.mark.parametrize("whole", [False, True], ids=["entries", "requests"])
def test_throttling_does_not_stop_progress(
    kind_of_service: type[BatchFake], *, whole: bool
) -> None:
    """Every second event is throttled. Tasks under way finish before new ones begin."""
    random = Random(1)  # noqa: S311 - not for cryptography

    def throttle(_: Event) -> Verdict:
        if random.random() < 1 / 2:
            if whole:
                raise kind_of_service.whole["throttled"]
            return "throttled"
        return "ok"

    service = kind_of_service(throttle)
    if whole or "throttled" in service.shares_fate:
        service.decide = once_a_request(service, throttle)
    bodies = lists(60, 20, ENDPOINTS["one endpoint each"])
    assert receives(service, bodies, 150) <= 12


def once_a_request(
    service: BatchFake, decide: Callable[[Event], Verdict]
) -> Callable[[Event], Verdict]:
    """Apply the verdict only to a request's first event. Accept the others."""
    decided: set[int] = set()

    def once(event: Event) -> Verdict:
        number = len(service.requests)
        if number in decided:
            return "ok"
        decided.add(number)
        return decide(event)

    return once


@pytest.mark.parametrize(
    "kind_of_service", [FakePinpointEvents, FakeCustomerProfiles, FakeTwoObjectTypes]
)
def test_refused_requests_do_not_stop_progress(
    kind_of_service: type[BatchFake],
) -> None:
    """One event in ten makes its whole request refused, so each list takes many requests."""

    def refuse(event: Event) -> Verdict:
        if event.event_type == "bad":
            raise Answered(400, "BadRequestException")
        return "ok"

    bodies = [
        listed(
            [
                {"event": "bad" if (place + n) % 10 == 0 else "e", "endpoint_id": f"{place}-{n}"}
                for n in range(100)
            ]
        )
        for place in range(24)
    ]
    assert receives(kind_of_service(refuse), bodies, 200) <= 12


@pytest.mark.parametrize("size", [2, 20])
@pytest.mark.parametrize("budget", [17, 40, 1_000])
def test_of_an_endpoint_the_newest_stays_though_it_is_early_in_the_batch(
    size: int, budget: int
) -> None:
    """A tag may set an event's time, so the newest event may be anywhere in the batch."""
    random = Random(size)  # noqa: S311 - not for cryptography
    minute = 60_000
    times = [random.randint(0, 1_000) for _ in range(60 * size)]
    events = [
        {
            "event": f"{time}",
            "endpoint_id": f"ep-{n % 7}",
            "timestamp": str(1_795_000_000_000 - minute * (1_000 - time)),
        }
        for n, time in enumerate(times)
    ]
    bodies = [listed(events[start : start + size]) for start in range(0, len(events), size)]
    service = FakeCustomerProfiles()
    if budget == 1_000:
        assert receives(service, bodies, budget) == 1
        stays = {
            event.endpoint_id: int(event.event_type)
            for entries in service.entries
            for [event] in entries
        }
        assert stays == {
            f"ep-{n}": max(int(e["event"]) for e in events if e["endpoint_id"] == f"ep-{n}")
            for n in range(7)
        }
        # Events after the newest one cause it to be sent again, which takes a few requests.
        assert len(service.requests) <= 1.3 * len(events) / 10 + 3
    else:
        receives(service, bodies, budget)


def test_ordinary_events_take_no_request_more() -> None:
    service = FakeCustomerProfiles()
    bodies = [listed([{"event": "e", "endpoint_id": f"ep-{n}"}]) for n in range(1_000)]
    assert receives(service, bodies, 1_000) == 1
    assert len(service.requests) == 100


def refusing_every_tenth(document: dict[str, Any]) -> Verdict:
    """Refuse each visitor object that contains any of a tenth of all events."""
    time.sleep(0.003)  # lets the other threads send all that they may
    plans = document["user_attributes"].values()
    return "refused" if any(plan.endswith("0") for plan in plans) else "ok"


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_refused_visitors_do_not_stop_progress(
    endpoint: Callable[[int, int], str],
) -> None:
    """Isolating a refused visitor takes many requests, one after the other."""
    bodies = [
        listed(
            [
                {
                    "event": "e",
                    "endpoint_id": endpoint(place, n),
                    f"usat_a{n}": f"{place * 20 + n}",
                }
                for n in range(20)
            ]
        )
        for place in range(60)
    ]
    service = FakeTwoObjectTypes(decide_visitor=refusing_every_tenth)
    assert receives(service, bodies, 200) <= 12


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_throttled_visitors_do_not_stop_progress(
    endpoint: Callable[[int, int], str],
) -> None:
    random = Random(1)  # noqa: S311 - not for cryptography
    service = FakeTwoObjectTypes(
        decide_visitor=lambda _: "throttled" if random.random() < 1 / 2 else "ok"
    )
    assert receives(service, lists(60, 20, endpoint), 150) <= 12
