"""What the one who sends the request gets back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.pipeline.conftest import delivered

if TYPE_CHECKING:
    from local.pipeline.stack import Pipeline
    from tests.pipeline.conftest import Send

IMAGE_REQUEST = {
    "Accept": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    "Referer": "https://shop.example/",
    "Sec-Fetch-Dest": "image",
    "Sec-Fetch-Mode": "no-cors",
    "Sec-Fetch-Site": "cross-site",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
}
"""What Chromium sends for ``new Image().src = …`` on a page of another site."""


def test_a_good_request_gets_a_transparent_image_that_nobody_caches(send: Send) -> None:
    answer = send("event=page_view&endpoint_id=e1&gtmcb=1234567890", headers=IMAGE_REQUEST)

    assert answer.status == 200
    assert answer.body == b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cache-control"] == "no-store, no-cache, must-revalidate, private"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.event_id is not None


@pytest.mark.parametrize(
    ("query", "missing"),
    [
        ("endpoint_id=e1", "event"),
        ("event=&endpoint_id=e1", "event"),
        ("event&endpoint_id=e1", "event"),
        ("Event=page_view&endpoint_id=e1", "event"),
        ("event=page_view&event=&endpoint_id=e1", "event"),
        ("event=page_view", "endpoint_id"),
        ("event=page_view&endpoint_id=", "endpoint_id"),
        ("", "event, endpoint_id"),
        ("gtmcb=1&evat_event=x", "event, endpoint_id"),
    ],
)
def test_a_required_parameter_that_is_missing_or_empty_is_refused_by_name(
    send: Send, query: str, missing: str
) -> None:
    answer = send(query, headers=IMAGE_REQUEST)

    assert answer.status == 400
    assert answer.body == (
        b'{"message": "Missing required request parameters: [%b]"}' % missing.encode()
    )
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.event_id is None


def test_a_url_that_api_gateway_does_not_take_is_refused(send: Send) -> None:
    assert send("event=a|b&endpoint_id=e1").status == 400
    assert send(f"event=a&endpoint_id=e1&evat_long={'x' * 10_240}").status == 414
    assert send(f"event=a&endpoint_id=e1&evat_long={'x' * 10_000}").status == 200


def test_a_preflight_is_answered(send: Send) -> None:
    answer = send(
        "event=page_view&endpoint_id=e1",
        method="OPTIONS",
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "content-type",
        },
    )

    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET,POST,OPTIONS"
    assert answer.headers["access-control-allow-headers"] == "Content-Type"
    assert answer.event_id is None


@pytest.mark.parametrize("method", ["PUT", "HEAD", "DELETE"])
def test_other_methods_are_refused(send: Send, method: str) -> None:
    answer = send("event=page_view&endpoint_id=e1", method=method)

    assert answer.status == 403
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.event_id is None


def test_other_paths_are_refused(send: Send, pipeline: Pipeline) -> None:
    answer = send("event=page_view&endpoint_id=e1", url=f"{pipeline.endpoint_url}/more")

    assert answer.status == 403
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_content_type_without_a_template_is_refused(send: Send) -> None:
    answer = send("event=page_view&endpoint_id=e1", headers={"Content-Type": "video/mp4"})

    assert answer.status == 415
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.event_id is None


@pytest.mark.parametrize(
    "content_type",
    [
        *("application/json; charset=utf-8", "application/x-www-form-urlencoded", "Text/Plain"),
        *("multipart/form-data; boundary=x", "text/html", "text/xml", "application/xml"),
        "application/octet-stream",
    ],
)
def test_a_get_is_a_get_whatever_its_content_type(
    send: Send, pipeline: Pipeline, content_type: str
) -> None:
    answer = send("event=page_view&endpoint_id=e1", headers={"Content-Type": content_type})

    assert delivered(pipeline, answer).event["EventType"] == "page_view"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("event=undefined&endpoint_id=e1", "event is undefined, as a tag writes"),
        ("event=e&endpoint_id=NaN", "endpoint_id is NaN, as a tag writes"),
        ("event=e&endpoint_id=%5Bobject+Object%5D", "endpoint_id is [object Object], as a tag"),
        ("event=%C2%A0%0A&endpoint_id=e1", "event is missing or blank."),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_variable_without_a_value_is_refused_by_name(
    send: Send, query: str, sentence: str, method: str
) -> None:
    answer = send(query, method=method, headers=IMAGE_REQUEST)

    assert answer.status == 400
    assert json.loads(answer.body)["message"].startswith(f"Not queued: {sentence}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.event_id is None


@pytest.mark.parametrize("body", ["", "{}"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "application/json"},
        {"Content-Type": "text/plain;charset=UTF-8"},
        {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"},
    ],
)
def test_a_post_with_an_empty_body_is_read_from_its_query(
    send: Send, pipeline: Pipeline, headers: dict[str, str], body: str
) -> None:
    query = "event=page_view&endpoint_id=e1&evat_a=1"
    answer = send(query, method="POST", headers=headers, body=body)
    assert answer.status == 204
    assert delivered(pipeline, answer).event["Attributes"] == {"a": "1"}

    for query in ("", "event=page_view", "endpoint_id=e1", "event=&endpoint_id=e1"):
        answer = send(query, method="POST", headers=headers, body=body)
        assert (answer.status, answer.event_id) == (400, None)
        assert b"is missing or blank." in answer.body


def test_json_is_json_as_text_too(send: Send, pipeline: Pipeline) -> None:
    headers = {"Content-Type": "text/plain;charset=UTF-8"}
    event = {"event": "page_view", "endpoint_id": "e1", "evat_a": "ü"}
    answer = send("", method="POST", headers=headers, body=json.dumps(event))
    assert answer.status == 204
    assert delivered(pipeline, answer).event["Attributes"] == {"a": "ü"}

    for body in ("hello", "event=e&endpoint_id=e1", '{"event": NaN}', '{"event": "e"}'):
        answer = send("", method="POST", headers=headers, body=body)
        assert (answer.status, answer.event_id) == (400, None)


@pytest.mark.parametrize("word", ["undefined", "null"])
def test_one_unset_id_in_a_list_refuses_the_list(send: Send, word: str) -> None:
    events = [{"event": "e", "endpoint_id": each} for each in ("e1", word, "e2")]
    answer = send(
        "",
        method="POST",
        headers={"Content-Type": "application/json"},
        body=json.dumps({"events": events}),
    )
    assert (answer.status, answer.event_id) == (400, None)
    assert json.loads(answer.body)["message"].startswith(f"Not queued: endpoint_id is {word}")


def test_a_message_that_the_queue_refuses_is_never_answered_with_success(
    send: Send, pipeline: Pipeline
) -> None:
    sqs, queue_url = pipeline.client("sqs"), pipeline.queue_url("QueueName")
    query = f"event=page_view&endpoint_id=e1&evat_long={'x' * 2_000}"
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"MaximumMessageSize": "1024"})
    try:
        refused = send(query, headers=IMAGE_REQUEST)
    finally:
        sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"MaximumMessageSize": "1048576"})

    assert refused.status == 502
    assert refused.headers["content-type"] == "application/json"
    assert refused.headers["access-control-allow-origin"] == "*"
    assert refused.headers["cache-control"] == "no-store"
    assert b"message" in refused.body
    assert refused.event_id is None
    assert send(query).status == 200
