"""Lists must not delay single events, and must not starve behind them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.destinations.customer_profiles.service import FakeCustomerProfiles, FakeTwoObjectTypes
from tests.destinations.pinpoint.service import FakePinpointEvents
from tests.destinations.services import SERVICES
from tests.unit.builders import FakeDeadLetters, body, posted
from tests.unit.test_progress import listed, needed, received, receives

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.destinations.fake import BatchFake

pytestmark = pytest.mark.usefixtures("no_backoff")

JUNK_EVENTS = 20  # as many as an anonymous request may hold
MOST_RECEIVES = 10  # max_receive_count's default

every_service = pytest.mark.parametrize(
    "kind_of_service", SERVICES, ids=lambda service: service.name
)


def single(number: int) -> str:
    return body({"event": "buy", "endpoint_id": f"customer-{number}"})


def junk(number: int) -> str:
    return listed(
        [{"event": "junk", "endpoint_id": f"junk-{number}-{n}"} for n in range(JUNK_EVENTS)]
    )


@dataclass
class Queue:
    """A queue that is drained by invocations with a fixed number of requests each.

    Attributes:
        service: Where the events go.
        budget: Requests of an invocation.
        waiting: The messages, the oldest first.
        receives: How often each was received.
    """

    service: BatchFake
    budget: int
    waiting: dict[str, str] = field(default_factory=dict)
    receives: dict[str, int] = field(default_factory=dict)

    def put(self, kind: str, bodies: Iterable[str]) -> None:
        """Add messages at the end of the queue."""
        for text in bodies:
            name = f"{len(self.receives):08}-{kind}"
            self.waiting[name] = text
            self.receives[name] = 0

    def receive(self) -> None:
        """Deliver all waiting messages to one invocation."""
        for name in self.waiting:
            self.receives[name] += 1
        failures = set(received(self.service, self.waiting, self.budget, FakeDeadLetters()))
        self.waiting = {name: text for name, text in self.waiting.items() if name in failures}

    def of(self, kind: str) -> list[str]:
        """Return the waiting messages of a kind, oldest first."""
        return [name for name in self.waiting if name.endswith(kind)]


@every_service
def test_junk_that_came_first_does_not_push_single_events_out(
    kind_of_service: type[BatchFake],
) -> None:
    """In the order of age they waited for 24 receives, and SQS removes a message after 10."""
    service = kind_of_service()
    size = service.destination()._service.max_entries  # type: ignore[attr-defined]
    # An invocation sends at least 500 events; the lists have 12,000.
    queue = Queue(service, budget=max(2, 500 // size))
    queue.put("junk", map(junk, range(600)))
    queue.put("single", map(single, range(300)))
    queue.receive()
    assert not queue.of("single")
    assert queue.of("junk") or size * queue.budget >= 12_000


@pytest.mark.parametrize(
    ("kind_of_service", "budget"),
    [(FakeCustomerProfiles, 100), (FakeTwoObjectTypes, 100), (FakePinpointEvents, 10)],
)
def test_a_flood_of_junk_over_many_receives(kind_of_service: type[BatchFake], budget: int) -> None:
    """Each invocation can send 1,000 events. 4,000 junk events arrive together with 600 others."""
    queue = Queue(kind_of_service(), budget)
    numbers = itertools.count()
    for _ in range(5):
        queue.put("junk", (junk(next(numbers)) for _ in range(100)))
        queue.put("single", (single(next(numbers)) for _ in range(600)))
        queue.put("junk", (junk(next(numbers)) for _ in range(100)))
        before = len(queue.of("junk"))
        queue.receive()
        assert not queue.of("single")
        # The lists get the rest, oldest first: at least 200 of 1,000 events.
        assert len(queue.of("junk")) <= before - 200 // JUNK_EVENTS
    assert max(n for name, n in queue.receives.items() if name.endswith("single")) == 1
    gone = [name for name in queue.receives if name not in queue.waiting and "junk" in name]
    assert gone == sorted(gone)
    assert all(name < waiting for name in gone for waiting in queue.of("junk")[:1])


@pytest.mark.parametrize(
    ("kind_of_service", "budget"),
    [(FakeCustomerProfiles, 100), (FakeTwoObjectTypes, 100), (FakePinpointEvents, 10)],
)
def test_more_single_events_than_an_invocation_can_send(
    kind_of_service: type[BatchFake], budget: int
) -> None:
    """Single events and lists share the capacity four to one, and a few receives send all."""
    queue = Queue(kind_of_service(), budget)
    queue.put("junk", map(junk, range(500)))
    queue.put("single", map(single, range(3_000)))
    queue.receive()
    # Up to 32 requests may be under way at the end, all with events of the same turn.
    assert len(queue.of("single")) <= 3_000 - 750
    assert len(queue.of("junk")) < 500
    while queue.of("single"):
        queue.receive()
    singles = {n for name, n in queue.receives.items() if name.endswith("single")}
    assert max(singles) <= 5 < MOST_RECEIVES


@pytest.mark.parametrize(
    ("kind_of_service", "budget"),
    [(FakeCustomerProfiles, 100), (FakeTwoObjectTypes, 100), (FakePinpointEvents, 10)],
)
def test_lists_are_not_starved_by_a_flood_of_single_events(
    kind_of_service: type[BatchFake], budget: int
) -> None:
    """Lists wait for four times as many single events, not for all of them."""
    queue = Queue(kind_of_service(), budget)
    queue.put("honest", map(junk, range(40)))  # 800 events
    for receive in range(MOST_RECEIVES):
        queue.put("single", (single(10_000 * receive + n) for n in range(1_500)))
        queue.receive()
    assert not queue.of("honest")


@every_service
@pytest.mark.parametrize("size", [2, 20, 100])
def test_a_budget_for_one_message_settles_one_of_any_mix(
    kind_of_service: type[BatchFake], size: int
) -> None:
    events = [{"event": "e", "endpoint_id": f"ep-{n}"} for n in range(size)]
    bodies = [listed(events) if n % 3 else single(n) for n in range(18)]
    service = kind_of_service()
    assert receives(service, bodies, needed(service, bodies)) <= len(bodies)


def test_a_list_of_whatever_shape_is_a_list() -> None:
    """No spelling of a list makes it count as a single event."""
    shapes = [
        '{"events":[%s]}',
        ' {"events" : [%s]}',
        '{"\\u0065vents":[%s]}',
        '{"event":"e","events":[%s]}',
        '{"events":1,"events":[%s]}',
    ]
    events = ",".join(['{"event":"junk","endpoint_id":"j"}'] * JUNK_EVENTS)
    service = FakePinpointEvents()
    queue = Queue(service, budget=1)
    queue.put("junk", (posted("json", shape % events) for shape in shapes * 20))
    queue.put("single", map(single, range(100)))
    queue.receive()
    assert not queue.of("single")
