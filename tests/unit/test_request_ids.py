"""Event ids where a request is written to several queues: the request's, not the message's."""

from __future__ import annotations

import json

import pytest

from gtm_events.message import decode, with_events
from gtm_events.policy import AccessPolicy, Origins
from tests.unit.builders import (
    FakeDeadLetters,
    FakePinpoint,
    body,
    deliver,
    message_id,
    posted,
)
from tests.unit.services import SERVICES, BatchFake

REQUEST_ID = "JKJaXmPLvHcESHA"  # of API Gateway's shape, without the padding
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
        ("a%2Bb%2Fc-d_e%3D%3D", "a-b_c-d_e"),
        (message_id(1), message_id(1)),
        ("x" * 60, "x" * 60),
        # What no event could be called: the message's own id serves.
        ("x" * 61, ""),
        ("", ""),
        ("%3D", ""),
        ("%24context.extendedRequestId", ""),
        ("%C3%A9", ""),
        ("a+b", ""),
        ("a%0A", ""),
    ],
)
def test_a_request_id_is_what_an_event_may_be_called(sent: str, request_id: str) -> None:
    request = decode(f"{TEMPLATE.format(sent)}\nevent=e")
    assert (request.id, request.time) == (request_id, 1_795_000_000_000)
    assert request.origin == "https://shop.example"
    # However the envelope is put together.
    assert decode(f"v=1&time=1&access=anonymous&id={sent}\nevent=e").id == request_id


def test_envelopes_that_differ_in_their_id_are_two() -> None:
    first, second, third = (decode(f"{TEMPLATE.format(text)}\nevent=e") for text in ("a", "b", ""))
    assert (first.id, second.id, third.id) == ("a", "b", "")
    assert decode("v=1&time=1&access=anonymous\nevent=e").id == ""


@pytest.mark.parametrize("kind_of_service", SERVICES, ids=lambda service: service.name)
def test_an_event_is_called_the_same_whatever_its_message_is(
    kind_of_service: type[BatchFake],
) -> None:
    service = kind_of_service()
    parameters = {"event": "e", "endpoint_id": "ep"}
    bodies = [
        body(parameters),
        body(parameters, id=f"{REQUEST_ID}="),
        posted("json", LIST.replace("_b", "b"), id="list"),
    ]
    batch = deliver(bodies, service=service)
    assert (batch.delivered, batch.failures) == (3, [])
    assert sorted(service.accepted.elements()) == sorted(
        [message_id(0), REQUEST_ID, "list-0", "list-1", "list-2"]
    )


def test_what_is_rejected_says_what_its_event_is_called() -> None:
    letters = FakeDeadLetters()
    foreign = AccessPolicy(origins=Origins(["https://shop.example"]))
    deliver(
        [
            body({"event": "e", "endpoint_id": "ep"}, id="foreign", origin="https://else.example"),
            body({"event": "_e", "endpoint_id": "ep"}, id="reserved"),
            body({"event": "_e", "endpoint_id": "ep"}),
            body({"event": "e"}, id="malformed"),
            "v=1&id=unreadable\nevent=e",
        ],
        dead_letters=letters,
        policy=foreign,
    )
    assert {(letter.message_id, letter.event_id) for letter in letters.letters} == {
        (message_id(0), "foreign"),
        (message_id(1), "reserved"),
        (message_id(2), message_id(2)),
        (message_id(3), "malformed"),
        (message_id(4), message_id(4)),
    }


def test_a_request_that_is_in_the_queue_twice_is_sent_once() -> None:
    pinpoint = FakePinpoint()
    text = body({"event": "e", "endpoint_id": "ep"}, id=REQUEST_ID)
    listed = posted("json", LIST.replace("_b", "b"), id="list")
    batch = deliver([text, listed, listed, text], service=pinpoint)
    assert (batch.received, batch.events, batch.delivered, batch.failures) == (4, 4, 4, [])
    # events() checks that none is there twice.
    assert sorted(pinpoint.events()) == sorted([REQUEST_ID, "list-0", "list-1", "list-2"])


def test_a_request_that_is_in_the_queue_twice_goes_back_twice() -> None:
    pinpoint = FakePinpoint(respond=lambda *_: (500, "later"))
    text = body({"event": "e", "endpoint_id": "ep"}, id=REQUEST_ID)
    batch = deliver([text, text], service=pinpoint)
    assert batch.failures == [message_id(0), message_id(1)]


def test_a_request_that_is_in_the_queue_twice_is_rejected_twice() -> None:
    letters = FakeDeadLetters(refuse=frozenset({message_id(1)}))
    text = body({"event": "_e", "endpoint_id": "ep"}, id=REQUEST_ID)
    batch = deliver([text, text], dead_letters=letters)
    assert [letter.message_id for letter in letters.letters] == [message_id(0)]
    assert batch.failures == [message_id(1)]


def test_what_is_rejected_of_a_list_is_not_called_like_what_was_delivered_of_it() -> None:
    pinpoint, letters = FakePinpoint(), FakeDeadLetters()
    deliver([posted("json", LIST, id="list")], service=pinpoint, dead_letters=letters)
    assert sorted(pinpoint.events()) == ["list-0", "list-2"]
    [letter] = letters.letters
    assert (letter.message_id, letter.event_id) == (message_id(0), "list")
    # Who repeats it once Pinpoint takes such events must not give it the first one's id: whoever
    # drops what he has had already would drop it.
    mended = letter.body.replace("_b", "b")
    assert "_b" not in mended
    again = FakePinpoint()
    deliver([mended], service=again)
    assert list(again.events()) == [f"{message_id(0)}-0"]


@pytest.mark.parametrize("fields", [{}, {"id": "list"}, {"id": "list", "subject": "me"}])
def test_a_list_that_is_cut_keeps_the_rest_of_its_envelope(fields: dict[str, str]) -> None:
    cut = decode(with_events(posted("json", LIST, **fields), {1}))
    assert (cut.id, cut.subject) == ("", fields.get("subject", ""))
    assert cut.events == [[("event", "_b"), ("endpoint_id", "e")]]


def test_nothing_of_a_visitor_who_opted_out_is_sent() -> None:
    pinpoint = FakePinpoint()
    batch = deliver([body({}, id=REQUEST_ID, privacy="1")], service=pinpoint)
    assert (batch.opted_out, batch.delivered, pinpoint.requests) == (1, 0, [])
