"""What becomes of messages that cannot be delivered at once, or at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from local.stand_in.values import Behavior
from tests.pipeline.conftest import (
    dead_letter,
    delivered,
    event_of,
    invalid_message,
    logged_batches,
    wait_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.pipeline.stack import Pipeline
    from tests.pipeline.conftest import RecordingJournal, Send

VISIBILITY_SECONDS = 6  # an invocation is over by then, or its messages would come twice
MAX_RECEIVE_COUNT = 2


@pytest.fixture
def impatient_queue(pipeline: Pipeline) -> Iterator[None]:
    """Let messages come back soon and give up soon: the stack's own values are for outages."""
    sqs, queue_url = pipeline.client("sqs"), pipeline.queue_url("QueueName")
    names = ["VisibilityTimeout", "RedrivePolicy"]
    before = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    redrive = json.loads(before["RedrivePolicy"]) | {"maxReceiveCount": MAX_RECEIVE_COUNT}
    sqs.set_queue_attributes(
        QueueUrl=queue_url,
        Attributes={
            "VisibilityTimeout": str(VISIBILITY_SECONDS),
            "RedrivePolicy": json.dumps(redrive),
        },
    )
    yield
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes=before)


@pytest.mark.usefixtures("impatient_queue")
def test_an_event_that_comes_back_keeps_its_id(send: Send, pipeline: Pipeline) -> None:
    failures = 4  # as often as one invocation tries
    pipeline.putevents.behavior = Behavior(fail_next=failures)
    answer = send("event=again&endpoint_id=e1&evat_a=1")

    assert delivered(pipeline, answer).event["Attributes"] == {"a": "1"}
    statuses = [
        request.status
        for request in pipeline.putevents.requests
        if answer.event_id and answer.event_id.encode() in request.body
    ]
    assert statuses == [500] * failures + [202]


@pytest.mark.usefixtures("impatient_queue")
def test_only_what_failed_comes_back(send: Send, pipeline: Pipeline) -> None:
    pipeline.putevents.behavior = Behavior(refuse_event_types=frozenset({"refused"}))
    good = [send(f"event=good&endpoint_id=e{number}") for number in range(3)]
    refused = send("event=refused&endpoint_id=e1")

    for answer in good:
        delivered(pipeline, answer)
    letter = dead_letter(pipeline, refused.event_id)
    assert letter["Reason"] == "refused"
    assert "Refused by the local destination's settings" in letter["Detail"]
    assert refused.event_id not in pipeline.putevents.delivered


@pytest.mark.usefixtures("impatient_queue")
def test_an_event_that_fails_for_too_long_ends_in_the_dead_letter_queue(
    send: Send, pipeline: Pipeline
) -> None:
    pipeline.putevents.behavior = Behavior(fail_share=1)
    answer = send("event=never&endpoint_id=e1")

    letter = wait_for(
        "message in the dead-letter queue",
        lambda: next(
            (
                message
                for message in pipeline.peek("DeadLetterQueueName")
                if event_of(message) == answer.event_id
            ),
            None,
        ),
    )
    assert letter["ReceiveCount"] == MAX_RECEIVE_COUNT
    assert letter["Body"].endswith("\nevent=never&endpoint_id=e1")
    assert letter["MessageAttributes"] == {}


def test_what_the_caller_got_wrong_is_set_aside_with_its_reason(
    send: Send, pipeline: Pipeline, journal: RecordingJournal
) -> None:
    answer = send("event=_session.start&endpoint_id=e1&evat_a=caf%C3%A9")

    letter = invalid_message(pipeline, answer.event_id)
    assert letter["Reason"] == "reserved_event_type"
    assert "begin with _" in letter["Detail"]
    assert letter["Body"].startswith("v=1&time=")
    assert letter["Body"].endswith("evat_a=caf%C3%A9")
    assert answer.event_id not in pipeline.putevents.delivered
    wait_for(
        "invalid message in the journal",
        lambda: next(
            (
                hit
                for hit in journal.snapshot()["hits"]
                if hit["event"] == "_session.start" and "reserved_event_type" in hit["reason"]
            ),
            None,
        ),
    )


@pytest.mark.parametrize(
    "body", ["hello", '{"json": true}', "v=1&time=x&access=anonymous\nevent=a"]
)
def test_a_message_that_is_not_ours_is_rejected_and_stops_nobody(
    send: Send, pipeline: Pipeline, body: str
) -> None:
    sent = pipeline.client("sqs").send_message(
        QueueUrl=pipeline.queue_url("QueueName"), MessageBody=body
    )
    answer = send("event=neighbour&endpoint_id=e1")

    assert delivered(pipeline, answer).event["EventType"] == "neighbour"
    letter = invalid_message(pipeline, sent["MessageId"])
    assert (letter["Reason"], letter["Body"]) == ("malformed", body)


def test_the_events_of_a_burst_share_requests(send: Send, pipeline: Pipeline) -> None:
    answers = [send(f"event=burst&endpoint_id=b{number}") for number in range(100)]
    for answer in answers:
        delivered(pipeline, answer)

    requests = [request for request in pipeline.putevents.requests if b'"burst"' in request.body]
    events = [
        event_id
        for request in requests
        for item in json.loads(request.body)["BatchItem"].values()
        for event_id in item["Events"]
    ]
    assert sorted(events) == sorted(str(answer.event_id) for answer in answers)
    assert len(requests) <= 4  # one, but for batching windows that end amid the burst


def test_the_functions_log_counts_and_tells_nothing_of_the_events(
    send: Send, pipeline: Pipeline
) -> None:
    before = logged_batches(pipeline)
    private = "do-not-log-me"
    send(f"event={private}&endpoint_id={private}&evat_{private}={private}&{private}={private}")
    send(f"event=_{private}&endpoint_id={private}&usat_{private}={private}")

    batches = logged_batches(pipeline)[len(before) :]
    assert sum(batch["received"] for batch in batches) == 2
    assert sum(batch["delivered"] for batch in batches) == 1
    assert sum(batch["rejected"] for batch in batches) == 1
    assert sum(batch["ignored_parameters"] for batch in batches) == 1
    assert {"reserved_event_type": 1} in [batch["rejected_by_reason"] for batch in batches]
    assert private not in json.dumps(batches)
