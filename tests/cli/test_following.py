"""``send``, ``where``, ``tail``, ``token`` and ``gtm`` on the local pipeline."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from cdk_gtm_connector_cli.messages import event_id_of, request_ids_of
from cdk_gtm_connector_cli.sending import WHY, Sent, send
from local.stand_in.values import Behavior
from tests.cli.conftest import SITE, arrived, dead_event, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from local.pipeline.stack import Pipeline
    from tests.cli.conftest import Command


def fates(document: Any) -> dict[str, str]:
    """Return what became of an event, by destination."""
    return {it["destination"]: it["state"] for it in document["fates"]}


@pytest.mark.parametrize(
    "how",
    [(), ("--method", "form"), ("--method", "json"), ("--subject", "user-42"), ("--origin", SITE)],
    ids=" ".join,
)
def test_an_event_is_followed_to_every_destination(
    pipeline: Pipeline, command: Command, how: tuple[str, ...]
) -> None:
    ran = command("send", "--json", "--set", "evat_page=/a&b", *how)
    document = ran.document
    assert (ran.status, document["tag"], document["accepted"]) == (0, "green", True)
    assert fates(document) == {"kinesis": "delivered", "firehose": "delivered"}
    # The command has seen it in the stream; what the pipeline itself has read there comes after.
    wait_until("read", lambda: document["event_id"] in arrived(pipeline, "kinesis"))
    (event,) = pipeline.arrivals["kinesis"].events[document["event_id"]]
    record = json.dumps(event.event)
    assert "/a&b" in record
    assert ("user-42" in record) == ("--subject" in how)


def test_a_red_tag_says_why_and_what_to_do(command: Command) -> None:
    ran = command("send", "--json", "--endpoint-id", "undefined")
    assert ran.status == 1
    assert (ran.document["status"], ran.document["tag"]) == (400, "red")
    assert "endpoint_id is undefined" in ran.document["why"]
    assert ran.document["event_id"] == ""
    ran = command("send", "--token", "junk")
    assert ran.status == 1
    assert "tag red: 401" in ran.out or "tag red: 403" in ran.out
    assert "to do: " in ran.out


def test_what_is_rejected_is_followed_into_its_queue(command: Command) -> None:
    ran = command("send", "--json", "--origin", "https://evil.example")
    assert ran.status == 1
    assert ran.document["tag"] == "green"
    assert fates(ran.document) == {"kinesis": "rejected", "firehose": "rejected"}
    assert "the Origin header names another site" in ran.document["fates"][0]["words"]
    where = command("where", ran.document["request_id"], "--json")
    assert where.status == 1
    assert fates(where.document) == {"kinesis": "rejected", "firehose": "rejected"}


def test_one_destination_may_refuse_what_the_other_takes(
    pipeline: Pipeline, command: Command
) -> None:
    pipeline.servers["kinesis"].behavior = Behavior(refuse_event_types=frozenset({"odd"}))
    ran = command("send", "--json", "--event", "odd")
    found = fates(ran.document)
    assert found["firehose"] == "delivered"
    assert found["kinesis"] in ("rejected", "waiting")
    assert ran.status == 1


def test_the_browsers_id_leads_to_the_event(pipeline: Pipeline, command: Command) -> None:
    sent = send(pipeline.endpoint_url, [("event", "buy"), ("endpoint_id", "me")])
    assert sent.request_id
    assert sent.event_id == event_id_of(sent.request_id)
    wait_until("delivered", lambda: sent.event_id in arrived(pipeline, "kinesis"))
    wait_until("written", lambda: sent.event_id in arrived(pipeline, "firehose"))
    for asked in (sent.request_id, sent.event_id):
        ran = command("where", asked, "--json")
        assert ran.document["event_id"] == sent.event_id
        assert fates(ran.document) == {"kinesis": "delivered", "firehose": "delivered"}
        assert ran.status == 0
        # The emulator writes no access log, so nobody knows when it came.
        assert ran.document["access_log"] == []
    text = command("where", sent.event_id, "--endpoint-id", "me").out
    assert "found in the stream: shardId-" in text


def test_an_event_that_nobody_has_is_not_found(command: Command) -> None:
    ran = command("where", "AAAAAAAAAAAAAAA=", "--json", "--since", "1h")
    assert ran.status == 1
    assert fates(ran.document) == {"kinesis": "not found", "firehose": "not found"}


def test_a_dead_letter_is_found_for_its_destination_alone(
    pipeline: Pipeline, command: Command
) -> None:
    event_id = dead_event(pipeline, Reason="refused", Detail="400 no")
    ran = command("where", event_id, "--json")
    assert fates(ran.document) == {"kinesis": "rejected", "firehose": "not found"}
    assert "refused, in dead letters of kinesis: 400 no" in ran.document["fates"][0]["words"]
    assert set(ran.document["batches"]) == {"kinesis", "firehose"}


def test_an_event_ids_request_has_one_id_in_the_access_log() -> None:
    assert request_ids_of("yYyactA6RrnH1p8") == ["yYyactA6RrnH1p8="]
    # With a number of a list after it, or with the same characters in it.
    assert request_ids_of("a-b_ctA6RrnH1p8-12") == ["a+b/ctA6RrnH1p8+12==", "a+b/ctA6RrnH1p8="]


def test_tail_says_batches_in_words(pipeline: Pipeline, command: Command) -> None:
    sent = send(pipeline.endpoint_url, [("event", "buy"), ("endpoint_id", "me"), ("what", "1")])
    wait_until("delivered", lambda: sent.event_id in arrived(pipeline, "kinesis"))
    ran = command("tail", "--for", "3s", "--destination", "kinesis")
    assert ran.status == 0
    assert "kinesis: 1 messages, 1 delivered, left out or cut: unknown_parameter 1" in ran.out
    assert "firehose" not in ran.out
    ran = command("tail", "--for", "0s", "--json")
    batches = [json.loads(line) for line in ran.out.splitlines()]
    assert {it["destination"] for it in batches} == {"kinesis", "firehose"}
    assert {it["message"] for it in batches} == {"batch"}


def test_a_token_is_one_that_the_stack_takes(
    pipeline: Pipeline, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = command("token", "--subject", "user-42", "--endpoint-id", "ep-1", "--json")
    token = ran.document["token"]
    url = pipeline.authenticated_endpoint_url
    assert url is not None
    assert send(url, [("event", "buy"), ("endpoint_id", "ep-1")], token=token).status == 200
    assert command("token", "--subject", "user-42").out.count(".") == 2
    monkeypatch.setenv("OWN_SECRET", "s" * 32)
    ran = command("token", "--subject", "user-42", "--secret-env", "OWN_SECRET", "--json")
    assert jwt.decode(ran.document["token"], "s" * 32, algorithms=["HS256"])["sub"] == "user-42"
    ran = command("token", "--subject", "user-42", "--secret-env", "NOBODYS_SECRET")
    assert (ran.status, "NOBODYS_SECRET is not set" in ran.err) == (3, True)
    secret = pipeline.outputs["TokenSecretArn"]
    ran = command("token", "--subject", "user-42", "--secret-id", secret, "--json")
    assert send(url, [("event", "buy"), ("endpoint_id", "x")], token=ran.document["token"]).is_green
    ran = command("token", "--subject", "user-42", "--expires-in", "48h")
    assert (ran.status, "expires_in must be at most" in ran.err) == (3, True)


def test_gtm_writes_what_is_imported(pipeline: Pipeline, command: Command, tmp_path: Path) -> None:
    ran = command("gtm", "--out", str(tmp_path / "gtm"), "--json")
    assert ran.document["endpoint"] == pipeline.endpoint_url
    assert sorted(ran.document["files"]) == sorted(
        path.relative_to(tmp_path / "gtm").as_posix()
        for path in tmp_path.rglob("*")
        if path.is_file()
    )
    ran = command("gtm", "--endpoint", "ftp://nowhere", "--out", str(tmp_path))
    assert (ran.status, "must begin with https://" in ran.err) == (3, True)


@pytest.mark.parametrize(
    ("sent", "green"),
    [
        (Sent(200, {"content-type": "image/svg+xml"}, b"<svg/>", by_get=True), True),
        (Sent(200, {"content-type": "image/svg+xml"}, b"", by_get=True), False),
        (Sent(200, {"content-type": "text/html"}, b"<svg/>", by_get=True), False),
        (Sent(403, {"content-type": "image/png"}, b"png", by_get=True), True),
        (Sent(204, {}, b"", by_get=True), False),
        (Sent(204, {}, b"", by_get=False), True),
        (Sent(200, {}, b"ok", by_get=False), False),
    ],
)
def test_a_tag_is_green_as_browsers_have_it(sent: Sent, *, green: bool) -> None:
    assert sent.is_green == green
    assert all(sent.why) or sent.is_accepted


def test_every_status_that_the_endpoint_has_is_explained() -> None:
    assert {400, 401, 403, 413, 415, 429, 502} <= set(WHY)
    for status, (why, to_do) in WHY.items():
        sent = Sent(status, {}, b'{"message": "in its words"}', by_get=True)
        assert sent.why == (f"{why} (in its words)", to_do)
