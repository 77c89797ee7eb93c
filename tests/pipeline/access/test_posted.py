"""What is posted: forms, JSON, lists of events, and what is refused of them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from cdk_gtm_connector.endpoint import MAX_BODY_CHARACTERS
from cdk_gtm_connector.max_events import DEFAULT_MAX_EVENTS
from tests.pipeline.access.sending import (
    ALLOWED,
    EVENT,
    FORM,
    check_cors,
    json_event,
    post_json,
    received,
)
from tests.pipeline.conftest import delivered, invalid_message

if TYPE_CHECKING:
    from local.pipeline.stack import Pipeline
    from tests.pipeline.conftest import Send


def test_a_form_becomes_an_event(send: Send, pipeline: Pipeline) -> None:
    body = urlencode({"event": "sign up & more", "endpoint_id": "é", "evat_a": "1\n2", "evmt_b": 3})
    answer = send(
        "", method="POST", headers={"Content-Type": FORM, "Origin": ALLOWED[0]}, body=body
    )

    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["cache-control"] == "no-store"
    event = delivered(pipeline, answer)
    assert event.endpoint_id == "é"
    assert event.event["EventType"] == "sign up & more"
    assert event.event["Attributes"] == {"a": "1\n2"}
    assert event.event["Metrics"] == {"b": 3.0}


def test_a_json_object_becomes_an_event(send: Send, pipeline: Pipeline) -> None:
    event = delivered(pipeline, post_json(send, json_event()))

    assert event.endpoint_id == "😀"
    assert event.event["Attributes"] == {"a": 'quote" \\ ü'}
    assert event.event["Metrics"] == {"b": 1.0}


@pytest.mark.parametrize("count", [1, 3, DEFAULT_MAX_EVENTS.anonymous])
def test_a_json_list_becomes_as_many_events(send: Send, pipeline: Pipeline, count: int) -> None:
    answer = post_json(send, {"events": [json_event(number) for number in range(count)]})

    assert (answer.status, answer.body) == (204, b"")
    for number in range(count):
        event = delivered(pipeline, answer, index=number)
        assert event.event["EventType"] == f"posted{number % 3}"


@pytest.mark.usefixtures("nothing_queued")
@pytest.mark.parametrize(
    "document",
    [
        pytest.param('{"event": "a", "endpoint_id"', id="cut off"),
        pytest.param(EVENT, id="a form"),
        pytest.param([json_event()], id="bare list"),
        pytest.param("null", id="null"),
        pytest.param({"event": "a"}, id="no endpoint_id"),
        pytest.param({"event": "", "endpoint_id": "e1"}, id="blank event"),
        pytest.param({"event": " ", "endpoint_id": "e1"}, id="event is white space"),
        pytest.param({"event": 1, "endpoint_id": "e1"}, id="event is a number"),
        pytest.param({"event": "a", "endpoint_id": True}, id="endpoint_id is a boolean"),
        pytest.param({**json_event(), "events": []}, id="an event with no events"),
        pytest.param({"events": []}, id="no events"),
        pytest.param({"events": {}}, id="events are no list"),
        pytest.param({"events": [json_event(), {"event": "a"}]}, id="one of two is no event"),
    ],
)
def test_json_that_is_no_event_is_refused(send: Send, document: object) -> None:
    answer = post_json(send, document)

    assert (answer.status, answer.body) == (400, b'{"message": "Invalid request body"}')
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.event_id is None


@pytest.mark.usefixtures("nothing_queued")
@pytest.mark.parametrize("count", [DEFAULT_MAX_EVENTS.anonymous + 1, 100, 1_000])
def test_a_longer_list_is_refused_in_a_sentence(send: Send, count: int) -> None:
    answer = post_json(send, {"events": [json_event()] * count})

    said = b'{"message": "Not queued: a request may have at most 20 events."}'
    assert (answer.status, answer.body) == (400, said)
    assert answer.event_id is None


@pytest.mark.parametrize("body", ["event=a", "endpoint_id=e1", "event=&endpoint_id=e1", "{ }"])
def test_a_form_that_is_no_event_is_rejected(send: Send, pipeline: Pipeline, body: str) -> None:
    answer = send("", method="POST", headers={"Content-Type": FORM}, body=body)

    assert answer.status == 204
    assert invalid_message(pipeline, answer.event_id)["Reason"] == "malformed"


@pytest.mark.usefixtures("nothing_queued")
@pytest.mark.parametrize("content_type", ["text/html", "multipart/form-data", "*/*"])
def test_another_media_type_is_refused(send: Send, content_type: str) -> None:
    answer = send(
        EVENT,
        method="POST",
        headers={"Content-Type": content_type, "Origin": ALLOWED[0]},
        body=EVENT,
    )

    assert answer.status == 415
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("content_type", [FORM, "application/json"])
def test_a_body_that_is_too_large_is_refused(
    send: Send, pipeline: Pipeline, content_type: str
) -> None:
    def body(size: int, filling: str = "x") -> str:
        if content_type == FORM:
            start, end = f"{EVENT}&evat_long=", ""
        else:
            start, end = '{"event": "page_view", "endpoint_id": "e1", "evat_long": "', '"}'
        return start + filling * (size - len(start + end)) + end

    headers = {"Content-Type": content_type, "Origin": ALLOWED[0]}
    before = received(pipeline)
    refused = [
        send("", method="POST", headers=headers, body=body(MAX_BODY_CHARACTERS + 1)),
        # Fewer characters, but percent-encoding makes more than SQS's 1 MiB of them.
        send("", method="POST", headers=headers, body=body(MAX_BODY_CHARACTERS, "é")),
    ]

    for answer in refused:
        assert (answer.status, answer.event_id) == (413, None)
        assert b"300,000 characters" in answer.body
        check_cors(answer, ALLOWED[0], allowed=True)
    assert received(pipeline) == before
    largest = send("", method="POST", headers=headers, body=body(MAX_BODY_CHARACTERS))
    assert delivered(pipeline, largest).event["EventType"] == "page_view"
