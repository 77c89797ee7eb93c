"""``gtm-connector rejected``: looks at queues, and leaves them as they are."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import body_of, dead_event, new_request_id, put

if TYPE_CHECKING:
    from pathlib import Path

    from local.pipeline import Pipeline
    from tests.cli.conftest import Command


def test_it_counts_by_reason_and_detail_and_takes_nothing(
    pipeline: Pipeline, command: Command
) -> None:
    for _ in range(12):
        dead_event(pipeline, Reason="refused", Detail="400 no")
    dead_event(pipeline, "FirehoseDeadLetterQueueName")
    for _ in range(2):
        ran = command("rejected", "--json")
        assert ran.status == 0
        assert [
            (it["queue"], it["reason"], it["detail"], it["messages"])
            for it in ran.document["groups"]
        ] == [
            ("dead letters of kinesis", "refused", "400 no", 12),
            ("dead letters of firehose", "retried", "", 1),
        ]
    attributes = pipeline.client("sqs").get_queue_attributes(
        QueueUrl=pipeline.queue_url("DeadLetterQueueName"),
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ],
    )["Attributes"]
    assert set(attributes.values()) == {"12", "0"}


def test_it_chooses_by_reason_and_destination(pipeline: Pipeline, command: Command) -> None:
    dead_event(pipeline, Reason="refused")
    dead_event(pipeline, "FirehoseDeadLetterQueueName", Reason="too_large")
    ran = command("rejected", "--json", "--reason", "too_large")
    assert [it["reason"] for it in ran.document["groups"]] == ["too_large"]
    ran = command("rejected", "--json", "--destination", "kinesis")
    assert [it["reason"] for it in ran.document["groups"]] == ["refused"]
    ran = command("rejected", "--destination", "pinpoint")
    assert ran.status == 3
    assert "no destination 'pinpoint'" in ran.err
    assert "it has kinesis, firehose" in ran.err


def test_it_shows_what_the_tag_sent_and_no_code_that_a_terminal_obeys(
    pipeline: Pipeline, command: Command
) -> None:
    request_id = new_request_id()
    parameters = {"event": "buy [red]", "endpoint_id": "\x1b[2J\u202eme", "evat_page": "a&b=ü"}
    put(pipeline, "InvalidMessageQueueName", body_of(request_id, parameters), Reason="origin")
    ran = command("rejected", "--show")
    assert "event = buy [red]" in ran.out
    assert "evat_page = a&b=ü" in ran.out
    assert r"endpoint_id = \x1b[2J\u202eme" in ran.out
    assert "\x1b" not in ran.out


def test_it_exports_lines_that_only_their_owner_reads(
    pipeline: Pipeline, command: Command, tmp_path: Path
) -> None:
    event_id = dead_event(pipeline, Reason="refused", Detail="400 no")
    file = tmp_path / "rejected.jsonl"
    assert command("rejected", "--export", str(file)).status == 0
    (line,) = map(json.loads, file.read_text("utf-8").splitlines())
    assert line["event_ids"] == [event_id]
    assert line["events"] == [[["event", "buy"], ["endpoint_id", "me"]]]
    assert line["attributes"] == {"Reason": "refused", "Detail": "400 no"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = command("rejected", "--export", str(file))
    assert again.status == 3
    assert "File exists" in again.err


@pytest.mark.parametrize("body", ["nothing of ours", "v=9&time=x\nevent=a", "\u00fc\n\n"])
def test_it_shows_what_nobody_can_read(pipeline: Pipeline, command: Command, body: str) -> None:
    put(pipeline, "DeadLetterQueueName", body, Reason="malformed")
    (message,) = command("rejected", "--show", "--json").document["messages"]
    assert message["body"] == body
    assert message["events"] == []
    assert message["problem"]
    assert command("rejected", "--show").status == 0
