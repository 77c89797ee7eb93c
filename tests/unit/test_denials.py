"""Destinations that deny the function access, entirely or for some events."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from gtm_events.deadline import Deadline
from gtm_events.delivery import Delivery
from gtm_events.destinations.batching import BatchService
from gtm_events.destinations.pinpoint import Pinpoint
from gtm_events.errors import Denied
from gtm_events.outcome import Outcome, Retry, RetryReason
from gtm_events.policy import AccessPolicy
from tests.destinations.customer_profiles.service import FakeCustomerProfiles
from tests.destinations.services import SERVICES
from tests.patience import HANG_SECONDS
from tests.unit.builders import (
    Answered,
    FakeDeadLetters,
    FakePinpoint,
    Response,
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
    from tests.destinations.fake import BatchFake


pytestmark = pytest.mark.usefixtures("no_backoff")


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_denied_access_stops_the_batch_and_is_reported(status: int) -> None:
    """The owner must fix a wrong application id or policy. No event is at fault."""
    pinpoint = FakePinpoint(respond=FailingDestination(Answered(status, "TheCode", "secret words")))
    letters = FakeDeadLetters()
    batch = deliver(events(*["e"] * 5_000), service=pinpoint, dead_letters=letters)
    assert batch.retried == {"denied": 5_000}
    assert batch.problems == [f"the destination denies the function access: {status} TheCode"]
    assert len(pinpoint.requests) <= BatchService.max_calls  # requests that were already under way
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
    assert len(service.requests) <= BatchService.max_calls  # requests that were already under way
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
    """Customer Profiles' newest events wait for the older ones. There may be only one of these."""
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
