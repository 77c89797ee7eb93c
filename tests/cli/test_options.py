"""Options that no other test of the command gives: each does what its help says."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import jwt
import pytest

from local.stand_in.values import Behavior
from tests.cli.conftest import arrived, dead_event, wait_until
from tests.cli.test_redrive import in_queue

if TYPE_CHECKING:
    from local.pipeline.stack import Pipeline
    from tests.cli.conftest import Command


def test_most_says_what_it_has_not_looked_at(pipeline: Pipeline, command: Command) -> None:
    for _ in range(12):
        dead_event(pipeline, Reason="refused")
    ran = command("rejected", "--most", "3")
    assert (ran.status, "read 3 of about 12 dead letters of kinesis" in ran.err) == (0, True)
    ran = command("redrive", "--most", "3")
    assert "None of the 3 messages that were checked can be moved" in ran.out
    assert "There is nothing to move" in command("redrive").out


def test_most_does_not_limit_what_is_moved(pipeline: Pipeline, command: Command) -> None:
    ids = {dead_event(pipeline) for _ in range(12)}
    ran = command("redrive", "--most", "2", "--rate", "100", "--yes", "--json")
    assert ran.document["moved"] == 12
    assert in_queue(pipeline, "DeadLetterQueueName") == set()
    wait_until("all at the destination", lambda: ids <= arrived(pipeline, "kinesis"))


def test_where_looks_at_so_many_messages(pipeline: Pipeline, command: Command) -> None:
    older = dead_event(pipeline)
    time.sleep(1.1)  # the age decides, and the emulator may count it in seconds
    newer = dead_event(pipeline)

    def states(event_id: str, most: int) -> set[str]:
        document = command("where", event_id, "--most", str(most), "--json").document
        return {it["state"] for it in document["fates"]}

    assert "rejected" in states(older, 1)
    assert "rejected" not in states(newer, 1)
    assert "rejected" in states(newer, 2)


def test_no_follow_says_nothing_of_destinations(command: Command) -> None:
    ran = command("send", "--no-follow")
    assert (ran.status, "tag green" in ran.out) == (0, True)
    assert "kinesis" not in ran.out


def test_only_problems_are_shown(pipeline: Pipeline, command: Command) -> None:
    since = time.time()
    pipeline.servers["kinesis"].behavior = Behavior(refuse_event_types=frozenset("*"))
    sqs = pipeline.client("sqs")
    body = "v=1&time=1764000000123&access=anonymous\nevent=refuse_me&endpoint_id=me"
    for _ in range(10):
        sqs.send_message(QueueUrl=pipeline.queue_url("QueueName"), MessageBody=body)

    def shown() -> list[dict[str, object]]:
        age = f"{int(time.time() - since) + 1}s"
        arguments = ("--problems", "--since", age, "--for", "0s", "--json")
        ran = command("tail", "--destination", "kinesis", *arguments)
        return [json.loads(line) for line in ran.out.splitlines()]

    wait_until("the problem", lambda: bool(shown()))
    assert all(it["level"] in ("ERROR", "WARN") for it in shown())


def test_a_token_of_ones_own_secret(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWN_SECRET", "s" * 32)
    given = ("token", "--subject", "u", "--secret-env", "OWN_SECRET")
    token = command(*given, "--audience", "shop", "--json").document["token"]
    assert jwt.decode(token, "s" * 32, algorithms=["HS256"], audience="shop")["aud"] == "shop"
    ran = command(*given, "--expires-in", "2h", "--max-lifetime", "1h")
    assert (ran.status, "expires_in must be at most" in ran.err) == (3, True)


@pytest.mark.parametrize(("name", "status"), [("Connector", 0), ("Nobody", 3)])
def test_a_connector_is_chosen(command: Command, name: str, status: int) -> None:
    ran = command("rejected", "--connector", name)
    assert ran.status == status
    assert ("choose one with --connector" in ran.err) == (status != 0)
