"""Outcomes in a real pipeline of events that pages sent. Each event has its own name."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from local.serve import serving
from tests.pipeline.conftest import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page
    from starlette.requests import Request

    from local.pipeline.stack import Pipeline
    from local.stand_in.values import RecordedEvent

_LOAD_IMAGE = """url => new Promise(done => {
  const image = new Image(1, 1);
  image.onload = () => done("load");
  image.onerror = () => done("error");
  image.src = url;
})"""


@contextmanager
def site() -> Iterator[str]:
    """Serve an empty page, and yield its origin, which differs in its port."""

    async def page(_: Request) -> Response:
        return HTMLResponse("<!doctype html><title>A site</title><link rel=icon href='data:,'>")

    with serving(Starlette(routes=[Route("/", page)])) as origin:
        yield origin


def load_image(page: Page, url: str) -> str:
    """Return the event that an image like a GTM tag's fires, ``load`` or ``error``."""
    fired: str = page.evaluate(_LOAD_IMAGE, url)
    return fired


def delivered(pipeline: Pipeline, event: str) -> RecordedEvent:
    """Return the destination's record of ``event``."""

    def arrived() -> RecordedEvent | None:
        for each in pipeline.putevents.delivered.values():
            if each.event["EventType"] == event:
                return each
        return None

    return wait_for(f"{event} at the destination", arrived)


def rejection(pipeline: Pipeline, event: str) -> str:
    """Return the reason with which ``event`` is in the invalid-message queue."""

    def arrived() -> str | None:
        for message in pipeline.peek("InvalidMessageQueueName"):
            if event in message["Body"]:
                reason: str = message["MessageAttributes"]["Reason"]["StringValue"]
                return reason
        return None

    return wait_for(f"{event} in the invalid-message queue", arrived)


def check_nothing_came_of(pipeline: Pipeline, event: str) -> None:
    """Check that ``event``, already sent, is neither delivered nor rejected."""
    marker = f"after_{event}"
    # Names no site, like a server's request, which is therefore accepted.
    httpx.get(pipeline.endpoint_url, params={"event": marker, "endpoint_id": "marker"})
    delivered(pipeline, marker)
    wait_for("end of the queue", lambda: not pipeline.peek("QueueName") or None)
    came = [each.event["EventType"] for each in pipeline.putevents.delivered.values()]
    assert event not in came
    for output in ("DeadLetterQueueName", "InvalidMessageQueueName"):
        assert not any(event in message["Body"] for message in pipeline.peek(output))
