"""Delivery despite defects, and despite a dead-letter queue that refuses messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gtm_events import delivery, ledger
from tests.unit.builders import (
    FakeDeadLetters,
    FakePinpoint,
    Response,
    check_totals,
    deliver,
    message_id,
    posted,
)
from tests.unit.delivering import events, one_at_a_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtm_events.dead_letters import UnsentLetter
    from gtm_events.message import Request


pytestmark = pytest.mark.usefixtures("no_backoff")


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
        def send(self, *_: object) -> Iterator[UnsentLetter]:
            raise RuntimeError("secret words")

    batch = deliver(["x", *events("e")], dead_letters=Broken())
    assert batch.failures == [message_id(0)]
    assert batch.delivered == 1
    assert batch.problems == ["defect while rejecting: RuntimeError"]


def test_an_unwritable_letter_does_not_affect_other_messages(
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


def test_a_defect_does_not_affect_other_requests() -> None:
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
