"""*Move back* on the console page: through the emulator's queues to the destination."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from local.stand_in.values import Behavior
from tests.pipeline.conftest import delivered, wait_for

if TYPE_CHECKING:
    from local.pipeline.stack import Pipeline
    from tests.pipeline.conftest import Answer, Send


def hit_of(pipeline: Pipeline, answer: Answer, queue: str) -> dict[str, Any]:
    """Return the hit of an event once its message is in a queue of rejected ones."""

    def found() -> dict[str, Any] | None:
        hits = pipeline.journal.changes(0)["hits"]
        assert answer.event_id is not None
        numbers = set(pipeline.journal.search(answer.event_id))
        return next((it for it in hits if it["number"] in numbers and it[queue]), None)

    return wait_for(f"hit in the queue {queue}", found)


def move_back(pipeline: Pipeline, number: int, queue: str) -> dict[str, Any]:
    """Press the button."""
    parts = urlsplit(pipeline.console_url)
    answer = httpx.post(
        f"{pipeline.console_url}api/hits/{number}/pinpoint/{queue}/move-back",
        headers={
            "Content-Type": "application/json",
            "Origin": f"{parts.scheme}://{parts.netloc}",
            "Sec-Fetch-Site": "same-origin",
        },
        content="{}",
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_a_dead_letter_goes_back_and_is_delivered(send: Send, pipeline: Pipeline) -> None:
    pipeline.putevents.behavior = Behavior(refuse_event_types=frozenset({"mended"}))
    answer = send("event=mended&endpoint_id=e1")
    hit = hit_of(pipeline, answer, "dead_letter")
    pipeline.putevents.behavior = Behavior()

    moved = move_back(pipeline, hit["number"], "dead_letter")
    assert moved == {"moved": True, "words": "Goes back to pinpoint."}
    assert delivered(pipeline, answer).event["EventType"] == "mended"

    def settled() -> bool | None:
        [now] = [it for it in pipeline.journal.changes(0)["hits"] if it["number"] == hit["number"]]
        return (now["status"] == "delivered" and not now["dead_letter"]) or None

    wait_for("the hit to be delivered", settled)


def test_what_would_be_rejected_again_stays(send: Send, pipeline: Pipeline) -> None:
    answer = send("", method="POST", headers=FORM, body="event=undefined&endpoint_id=e1")
    hit = hit_of(pipeline, answer, "invalid_message")
    moved = move_back(pipeline, hit["number"], "invalid_message")
    assert moved["moved"] is False
    assert moved["words"].startswith("Stays: it would be rejected again as unset")
    assert hit_of(pipeline, answer, "invalid_message")["status"] == "rejected"


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
