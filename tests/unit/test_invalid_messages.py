"""Messages rejected through the caller's fault: kept in their own queue, and only once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gtm_events.dead_letters import InvalidMessages
from gtm_events.message import MaxEvents, decode
from gtm_events.outcome import Reason
from gtm_events.policy import AccessPolicy, Origins
from tests.destinations.customer_profiles.service import FakeCustomerProfiles
from tests.destinations.kinesis.service import FakeKinesis
from tests.unit.builders import (
    Answered,
    FakeDeadLetters,
    FakePinpoint,
    body,
    deliver,
    message_id,
    posted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gtm_events.dead_letters import DeadLetter, UnsentLetter
    from gtm_events.deadline import Deadline

POLICY = AccessPolicy(anonymous=None, origins=Origins(["https://shop.example"]))


def one(**parameters: str) -> dict[str, str]:
    return {"event": "e", "endpoint_id": "ep", **parameters}


def listed(events: Sequence[Mapping[str, str]], **fields: str) -> str:
    return posted("json", json.dumps({"events": events}), **fields)


# For each reason, a message that any caller can send.
OF_CALLERS = {
    "malformed": "not ours",
    "unset": body(one(event="undefined")),
    "too_many_events": listed([one()] * 3),
    "origin": body(one(), origin="https://other.example"),
    "foreign_endpoint": body(one(), subject="user", endpoint="another"),
    "reserved_event_type": body(one(event="_e")),
    "too_large": posted(
        "form",
        "event=e&endpoint_id=ep&evat_"
        + "&evat_".join(f"{number}=" + "%F0%9F%98%80" * 200 for number in range(40)),
    ),
}
REFUSED = body(one(event="refused"))


def refusing(_endpoint_id: str, _event_id: str, event: dict[str, Any]) -> tuple[int, str]:
    return (400, "no") if event["EventType"] == "refused" else (202, "Accepted")


def queues(letters: FakeDeadLetters) -> dict[str, str]:
    """Return the queue of each message, by its reason."""
    return {
        letter.reason.value: "invalid" if letter.invalid else "dead" for letter in letters.letters
    }


def test_every_reason_is_classified() -> None:
    """A new reason must be classified, too."""
    owners = {"refused", "user_attributes_refused"}
    assert {reason.value for reason in Reason if reason.is_callers_fault} == set(OF_CALLERS)
    assert {reason.value for reason in Reason if not reason.is_callers_fault} == owners


@pytest.mark.parametrize("kind", InvalidMessages)
def test_each_goes_to_the_queue_of_its_kind(
    kind: InvalidMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gtm_events.destinations.pinpoint.Pinpoint.max_entry_bytes", 30_000)
    letters = FakeDeadLetters()
    batch = deliver(
        [*OF_CALLERS.values(), REFUSED, body(one(), subject="user")],
        service=FakePinpoint(refusing),
        dead_letters=letters,
        policy=POLICY,
        max_events=MaxEvents(anonymous=2),
        invalid_messages=kind,
        destination_name="pinpoint",
    )
    assert batch.failures == []
    assert batch.delivered == 1
    # They are counted, whichever function keeps them.
    assert batch.rejected == dict.fromkeys([*OF_CALLERS, "refused"], 1)
    of_this_destination = {"reserved_event_type", "too_large"}
    match kind:
        case InvalidMessages.DEAD_LETTERS:
            assert queues(letters) == dict.fromkeys([*OF_CALLERS, "refused"], "dead")
        case InvalidMessages.APART:
            assert queues(letters) == {**dict.fromkeys(OF_CALLERS, "invalid"), "refused": "dead"}
        case InvalidMessages.LEFT:
            # All destinations' functions reject the others, and one function keeps them.
            kept = dict.fromkeys(of_this_destination, "invalid")
            assert queues(letters) == {**kept, "refused": "dead"}
    assert batch.dead_letters == sum(not letter.invalid for letter in letters.letters)
    assert batch.invalid_messages == sum(letter.invalid for letter in letters.letters)
    assert {letter.reason.value for letter in letters.letters if letter.destination} == {
        "refused",
        *of_this_destination,
    }


def test_with_several_destinations_a_message_is_kept_once() -> None:
    """Every destination's function gets the same messages."""
    letters = FakeDeadLetters()
    for service, kind in (
        (FakeKinesis(), InvalidMessages.APART),
        (FakePinpoint(), InvalidMessages.LEFT),
        (FakeCustomerProfiles(), InvalidMessages.LEFT),
    ):
        batch = deliver(
            [*OF_CALLERS.values(), body(one())],
            service=service,
            dead_letters=letters,
            policy=POLICY,
            max_events=MaxEvents(anonymous=2),
            invalid_messages=kind,
        )
        assert batch.failures == []
        assert batch.dead_letters == 0
    kept = [letter.reason.value for letter in letters.letters]
    # An event may be too large for Pinpoint only. Here, it is not too large for Pinpoint either.
    assert sorted(kept) == sorted(set(OF_CALLERS) - {"too_large"})


def test_a_list_with_both_kinds_is_split() -> None:
    letters = FakeDeadLetters()
    events = [
        one(event="ok"),
        one(event="null"),
        one(event="refused", endpoint_id="a"),
        one(event="_reserved"),
        one(event="refused", endpoint_id="b"),
    ]
    batch = deliver(
        [listed(events, id="JKJaXmPLvHcESHA=")],
        service=FakePinpoint(refusing),
        dead_letters=letters,
        invalid_messages=InvalidMessages.APART,
        destination_name="pinpoint",
    )
    assert batch.failures == []
    # It is one message. A reason that the owner can fix takes precedence.
    assert batch.rejected == {"refused": 1}
    assert (batch.dead_letters, batch.invalid_messages) == (1, 1)
    dead, invalid = letters.letters
    assert (dead.invalid, invalid.invalid) == (False, True)
    assert dead.reason == "refused"
    assert dead.detail == "2 of 5 events: 400 no"
    assert invalid.reason == "unset"
    assert invalid.detail.startswith("2 of 5 events: the parameter event is the word null")
    assert [numbers_and_types(letter) for letter in letters.letters] == [
        [(2, "refused"), (4, "refused")],
        [(1, "null"), (3, "_reserved")],
    ]


def numbers_and_types(letter: DeadLetter) -> list[tuple[int, str]]:
    request = decode(letter.body)
    return [
        (number, dict(event)["event"])
        for number, event in zip(request.numbers, request.events, strict=True)
        if isinstance(event, list)
    ]


def test_of_a_list_whose_mistakes_another_keeps_only_the_owners_part_is_kept() -> None:
    letters = FakeDeadLetters()
    batch = deliver(
        [
            listed([one(event="null"), one(event="refused")]),
            listed([one(event="null"), one(event="ok")]),
        ],
        service=FakePinpoint(refusing),
        dead_letters=letters,
        invalid_messages=InvalidMessages.LEFT,
    )
    assert batch.failures == []
    assert batch.rejected == {"refused": 1, "unset": 1}
    [letter] = letters.letters
    assert (letter.message_id, letter.reason, letter.invalid) == (message_id(0), "refused", False)


class OneQueueFails(FakeDeadLetters):
    """Two queues, one of which accepts nothing."""

    def __init__(self, *, invalid: bool) -> None:
        super().__init__()
        self.failing = invalid

    def send(self, letters: Sequence[DeadLetter], deadline: Deadline) -> Iterator[UnsentLetter]:
        """Take the letters of the other queue."""
        self.refuse = frozenset(
            letter.message_id for letter in letters if letter.invalid is self.failing
        )
        for letter in letters:
            yield from super().send([letter], deadline) if letter.invalid is self.failing else ()
        self.refuse = frozenset()
        yield from super().send(
            [letter for letter in letters if letter.invalid is not self.failing], deadline
        )


@pytest.mark.parametrize("invalid", [False, True])
def test_messages_that_a_queue_refuses_stay_and_are_reported(*, invalid: bool) -> None:
    letters = OneQueueFails(invalid=invalid)
    batch = deliver(
        ["not ours", REFUSED, listed([one(event="null"), one(event="refused")])],
        service=FakePinpoint(refusing),
        dead_letters=letters,
        invalid_messages=InvalidMessages.APART,
    )
    name = "invalid-message" if invalid else "dead-letter"
    assert batch.failures == [message_id(0 if invalid else 1), message_id(2)]
    assert batch.retried == {f"{name.replace('-', '_')}_queue_failed": 2}
    assert batch.problems == [f"the {name} queue did not take 2 of 2 messages: TheCode"]
    assert [letter.invalid for letter in letters.letters] == [not invalid] * 2
    assert (batch.dead_letters, batch.invalid_messages) == ((2, 0) if invalid else (0, 2))


def test_refusals_by_the_destination_go_to_the_dead_letter_queue() -> None:
    def refuse(*_: object) -> tuple[int, str]:
        raise Answered(400, "BadRequestException")

    letters = FakeDeadLetters()
    deliver(
        [body(one())],
        service=FakePinpoint(refuse),
        dead_letters=letters,
        invalid_messages=InvalidMessages.APART,
    )
    assert queues(letters) == {"refused": "dead"}
