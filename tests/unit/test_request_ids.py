"""Event ids come from the request, not from the message in the queue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gtm_events.message import decode, with_events
from gtm_events.policy import AccessPolicy, Origins
from tests.destinations.services import SERVICES
from tests.unit.builders import (
    FakeDeadLetters,
    FakePinpoint,
    body,
    deliver,
    message_id,
    posted,
)

if TYPE_CHECKING:
    from tests.destinations.fake import BatchFake

REQUEST_ID = "JKJaXmPLvHcESHA"  # of API Gateway's shape, without the padding
PADDED = f"{REQUEST_ID}="


def padded(name: str) -> str:
    """Return a request id of API Gateway's shape."""
    return f"{name:_<15}="


LISTED = padded("list").rstrip("=")
TEMPLATE = "v=1&time=1795000000000&id={}&access=anonymous&origin=https%3A%2F%2Fshop.example"
LIST = json.dumps(
    {
        "events": [
            {"event": "a", "endpoint_id": "e"},
            {"event": "_b", "endpoint_id": "e"},
            {"event": "c", "endpoint_id": "e"},
        ]
    }
)


@pytest.mark.parametrize(
    ("sent", "request_id"),
    [
        ("JKJaXmPLvHcESHA%3D", REQUEST_ID),
        ("a%2Bb%2Fc-d_e90%3D%3D", "a-b_c-d_e90"),
        ("x" * 60 + "%3D", "x" * 60),
        # Not valid as an event's id, so the message's own id is used.
        ("x" * 61 + "%3D", ""),
        ("x" * 10 + "%3D", ""),
        # Every test request of API Gateway's console has this id.
        ("test-invoke-extendedRequestId", ""),
        (message_id(1), ""),
        ("", ""),
        ("%3D", ""),
        ("%24context.extendedRequestId", ""),
        ("%C3%A9", ""),
        ("abcdef+ghijkl%3D", ""),
        ("abcdefghijkl%3D%0A", ""),
    ],
)
def test_a_request_id_is_what_an_event_may_be_called(sent: str, request_id: str) -> None:
    request = decode(f"{TEMPLATE.format(sent)}\nevent=e")
    assert (request.id, request.time) == (request_id, 1_795_000_000_000)
    assert request.origin == "https://shop.example"
    # whatever the order of the envelope's fields
    assert decode(f"v=1&time=1&access=anonymous&id={sent}\nevent=e").id == request_id


def test_envelopes_that_differ_in_their_id_are_two() -> None:
    ids = ("a" * 15, "b" * 15, "")
    requests = [decode(f"{TEMPLATE.format(f'{text}%3D')}\nevent=e") for text in ids]
    assert [request.id for request in requests] == list(ids)
    assert decode("v=1&time=1&access=anonymous\nevent=e").id == ""


@pytest.mark.parametrize("kind_of_service", SERVICES, ids=lambda service: service.name)
def test_an_event_id_does_not_depend_on_the_message_id(
    kind_of_service: type[BatchFake],
) -> None:
    service = kind_of_service()
    parameters = {"event": "e", "endpoint_id": "ep"}
    bodies = [
        body(parameters),
        body(parameters, id=PADDED),
        posted("json", LIST.replace("_b", "b"), id=padded("list")),
    ]
    batch = deliver(bodies, service=service)
    assert (batch.delivered, batch.failures) == (3, [])
    assert sorted(service.accepted.elements()) == sorted(
        [message_id(0), REQUEST_ID, f"{LISTED}-0", f"{LISTED}-1", f"{LISTED}-2"]
    )


def test_a_rejected_message_keeps_its_message_id() -> None:
    letters = FakeDeadLetters()
    shop = AccessPolicy(origins=Origins(["https://shop.example"]))
    bodies = [
        body(
            {"event": "e", "endpoint_id": "ep"}, id=padded("foreign"), origin="https://else.example"
        ),
        body({"event": "_e", "endpoint_id": "ep"}, id=padded("reserved")),
        body({"event": "_e", "endpoint_id": "ep"}),
        body({"event": "e"}, id=padded("malformed")),
        "v=1&id=unreadable\nevent=e",
    ]
    batch = deliver(bodies, dead_letters=letters, policy=shop)
    assert batch.failures == []
    assert sorted((letter.message_id, letter.body) for letter in letters.letters) == [
        (message_id(number), text) for number, text in enumerate(bodies)
    ]


def test_a_request_that_is_in_the_queue_twice_is_sent_once() -> None:
    pinpoint = FakePinpoint()
    text = body({"event": "e", "endpoint_id": "ep"}, id=PADDED)
    listed = posted("json", LIST.replace("_b", "b"), id=padded("list"))
    batch = deliver([text, listed, listed, text], service=pinpoint)
    assert (batch.received, batch.events, batch.delivered, batch.failures) == (4, 4, 4, [])
    # events() asserts that no id is repeated.
    assert sorted(pinpoint.events()) == sorted(
        [REQUEST_ID, f"{LISTED}-0", f"{LISTED}-1", f"{LISTED}-2"]
    )


def test_a_request_that_is_in_the_queue_twice_goes_back_twice() -> None:
    pinpoint = FakePinpoint(respond=lambda *_: (500, "later"))
    text = body({"event": "e", "endpoint_id": "ep"}, id=PADDED)
    batch = deliver([text, text], service=pinpoint)
    assert batch.failures == [message_id(0), message_id(1)]


def test_a_request_that_is_in_the_queue_twice_is_rejected_twice() -> None:
    letters = FakeDeadLetters(refuse=frozenset({message_id(1)}))
    text = body({"event": "_e", "endpoint_id": "ep"}, id=PADDED)
    batch = deliver([text, text], dead_letters=letters)
    assert [letter.message_id for letter in letters.letters] == [message_id(0)]
    assert batch.failures == [message_id(1)]


def test_what_is_rejected_of_a_list_keeps_its_id() -> None:
    first, letters = FakePinpoint(), FakeDeadLetters()
    deliver([posted("json", LIST, id=padded("list"))], service=first, dead_letters=letters)
    assert sorted(first.events()) == [f"{LISTED}-0", f"{LISTED}-2"]
    [letter] = letters.letters
    # If the owner fixes the letter and sends it again, its event must not get the first event's id.
    # A reader that drops repeated events would drop it.
    again = FakePinpoint()
    deliver([letter.body.replace("_b", "b")], service=again)
    assert list(again.events()) == [f"{LISTED}-1"]


def test_an_event_that_comes_again_in_another_message_has_the_same_id() -> None:
    lists = [posted("json", LIST.replace("_b", "b"), id=padded(name)) for name in ("l1", "l2")]
    bodies = [body({"event": "e", "endpoint_id": "ep"}, id=padded("single")), *lists]
    first, moved = FakePinpoint(), FakePinpoint()
    deliver(bodies, service=first)
    deliver(bodies[::-1], service=moved)  # other message ids
    assert first.events().keys() == moved.events().keys()


@pytest.mark.parametrize(
    "fields", [{}, {"id": padded("list")}, {"id": padded("list"), "subject": "me"}]
)
def test_a_list_that_is_cut_keeps_its_numbers(fields: dict[str, str]) -> None:
    events = [{"event": f"e{number}", "endpoint_id": "ep"} for number in range(100)]
    whole = posted("json", json.dumps({"events": events}), **fields)
    assert decode(whole).numbers == range(100)
    cut = with_events(whole, {99, 3, 42})
    request = decode(cut)
    assert (request.id, request.subject) == (
        fields.get("id", "").rstrip("="),
        fields.get("subject", ""),
    )
    assert request.numbers == [3, 42, 99]
    assert request.events == [
        [("event", f"e{number}"), ("endpoint_id", "ep")] for number in (3, 42, 99)
    ]
    # A second cut keeps the numbers, too.
    assert decode(with_events(cut, {0, 2})).numbers == [3, 99]


@pytest.mark.parametrize("numbers", ["", "1", "1-1", "1-2-3", "1-", "1-a", "1-100", "-1-2"])
def test_numbers_that_do_not_fit_a_list_are_those_from_0(numbers: str) -> None:
    two = json.dumps({"events": [{"event": "a"}, {"event": "b"}]})
    assert decode(posted("json", two, numbers=numbers)).numbers == range(2)


def test_nothing_of_a_visitor_who_opted_out_is_sent() -> None:
    pinpoint = FakePinpoint()
    batch = deliver([body({}, id=PADDED, privacy="1")], service=pinpoint)
    assert (batch.opted_out, batch.delivered, pinpoint.requests) == (1, 0, [])


def test_different_requests_with_the_same_id_are_two_events() -> None:
    pinpoint = FakePinpoint()
    bodies = [
        body({"event": name, "endpoint_id": "ep"}, id=id_)
        for id_ in (PADDED, "test-invoke-extendedRequestId")
        for name in ("a", "b")
    ]
    batch = deliver(bodies, service=pinpoint)
    assert (batch.events, batch.delivered) == (4, 4)
    assert len(pinpoint.events()) == 4
    assert REQUEST_ID in pinpoint.events()


@pytest.mark.parametrize("kept", [{1, 2}, {0, 1, 2}])
@pytest.mark.parametrize("rest_first", [True, False])
def test_the_rest_of_a_list_and_the_whole_of_it_in_one_batch_are_one(
    kept: set[int], *, rest_first: bool
) -> None:
    pinpoint = FakePinpoint()
    whole = posted("json", LIST.replace("_b", "b"), id=padded("list"))
    rest = with_events(whole, kept)
    batch = deliver([rest, whole] if rest_first else [whole, rest], service=pinpoint)
    assert (batch.events, batch.delivered, batch.failures) == (3, 2, [])
    assert sorted(pinpoint.events()) == [f"{LISTED}-0", f"{LISTED}-1", f"{LISTED}-2"]
