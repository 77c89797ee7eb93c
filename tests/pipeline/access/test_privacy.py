"""Browsers that ask not to be tracked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.pipeline.access.sending import ALLOWED, EVENT, FOREIGN, FORM, envelope_of, json_event
from tests.pipeline.conftest import delivered, invalid_message, logged_batches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.pipeline.stack import Pipeline
    from tests.pipeline.access.sending import Mint
    from tests.pipeline.conftest import Answer, Send


@pytest.mark.parametrize("signal", ["Sec-GPC", "DNT", "sec-gpc"])
def test_who_asks_not_to_be_tracked_is_not(
    send: Send, send_signed: Send, pipeline: Pipeline, mint: Mint, signal: str
) -> None:
    before = logged_batches(pipeline)
    headers = {signal: "1", "Origin": ALLOWED[0]}
    answers = [
        send(EVENT, headers=headers),
        send("", method="POST", headers=headers | {"Content-Type": FORM}, body=EVENT),
        _posted_with(send, headers),
        send_signed(f"{EVENT}&token={mint(subject='u1')}", headers=headers),
    ]

    assert [answer.status for answer in answers] == [200, 204, 204, 200]
    batches = logged_batches(pipeline)[len(before) :]
    assert sum(batch["opted_out"] for batch in batches) == len(answers)
    assert sum(batch["delivered"] + batch["rejected"] for batch in batches) == 0


def test_nothing_is_stored_of_who_asks_not_to_be_tracked(
    send: Send, send_signed: Send, pipeline: Pipeline, mint: Mint
) -> None:
    headers = {"Sec-GPC": "1", "Origin": FOREIGN[0]}  # so that it ends where it can be seen
    answers = [
        send(EVENT, headers=headers),
        _posted_with(send, headers),
        send_signed(f"{EVENT}&token={mint(subject='u1')}", headers=headers),
    ]

    for answer in answers:
        body = invalid_message(pipeline, answer.event_id)["Body"]
        assert envelope_of(body)["privacy"] == "1"
        assert body.endswith("\n")


@pytest.mark.parametrize("headers", [{"Sec-GPC": "0"}, {"DNT": "0"}, {"DNT": "unspecified"}])
def test_who_does_not_ask_is_delivered(
    send: Send, pipeline: Pipeline, headers: Mapping[str, str]
) -> None:
    delivered(pipeline, send(f"{EVENT}&Sec-GPC=1&DNT=1", headers=headers))


def _posted_with(send: Send, headers: Mapping[str, str]) -> Answer:
    return send(
        "",
        method="POST",
        headers={**headers, "Content-Type": "application/json"},
        body=json.dumps(json_event()),
    )
