"""The console's stream of changes to its pages."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from local.console.app import create_app, stream
from local.destinations.pinpoint.server import PutEventsServer
from local.stand_in.values import Behavior
from tests.local.reports import AUTHENTICATED_URL, ENDPOINT_URL, answered, report
from tests.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from local.console.journal import Journal


HOSTILE = "</script><b onclick=x>\n\ndata: {}"


async def next_state(messages: AsyncIterator[str]) -> tuple[str, dict[str, Any]]:
    async for message in messages:
        found = re.fullmatch(r"id: (\S+)\ndata: ([^\n\r]*)\n\n", message)
        if found:
            return found[1], json.loads(found[2])
    pytest.fail("the stream ended")


def test_the_stream_begins_with_everything_and_goes_on_with_changes(journal: Journal) -> None:
    journal.endpoint_ready(ENDPOINT_URL)
    journal.gateway_answered(report())
    server = PutEventsServer(observer=journal)
    create_app(journal, [server])

    async def read() -> None:
        messages = stream(journal, [server], stopping=threading.Event())
        _, first = await next_state(messages)
        assert first["reset"] is True
        assert first["authenticated"] is None
        assert (first["endpoint_url"], first["image_url"]) == (
            ENDPOINT_URL,
            f"{ENDPOINT_URL}?event={{{{Event}}}}&endpoint_id={{{{endpoint_id}}}}",
        )
        assert [each["status"] for each in first["hits"]] == ["waiting"]
        [pinpoint] = first["destinations"]
        assert (pinpoint["title"], pinpoint["operation"]) == ("Amazon Pinpoint", "PutEvents")
        assert pinpoint["behavior"] == Behavior().to_json()

        await asyncio.to_thread(answered, journal)
        _, second = await next_state(messages)
        assert second["reset"] is False
        assert [each["status"] for each in second["hits"]] == ["delivered"]

        server.behavior = Behavior(fail_next=3)
        _, third = await next_state(messages)
        assert third["hits"] == []
        assert third["destinations"][0]["behavior"]["fail_next"] == 3

        journal.endpoint_ready(ENDPOINT_URL, AUTHENTICATED_URL)
        _, fourth = await next_state(messages)
        assert fourth["authenticated"] == {
            "endpoint_url": AUTHENTICATED_URL,
            "image_url": f"{AUTHENTICATED_URL}?event={{{{Event}}}}&endpoint_id={{{{endpoint_id}}}}"
            "&token={{token}}",
        }

    asyncio.run(asyncio.wait_for(read(), HANG_SECONDS))


def test_a_page_that_reconnects_gets_only_what_it_lacks(journal: Journal) -> None:
    server = PutEventsServer()
    journal.gateway_answered(report())

    async def states(last_event_id: str) -> tuple[str, dict[str, Any]]:
        messages = stream(
            journal, [server], last_event_id=last_event_id, stopping=threading.Event()
        )
        return await next_state(messages)

    async def read() -> None:
        known, _ = await states("")
        journal.gateway_answered(report(event_id="m-2"))
        _, later = await states(known)
        assert (later["reset"], [each["number"] for each in later["hits"]]) == (False, [2])
        for foreign in ("another-1", "nonsense", f"{journal.session}-x", "-"):
            _, all_of_it = await states(foreign)
            assert (all_of_it["reset"], len(all_of_it["hits"])) == (True, 2)

    asyncio.run(asyncio.wait_for(read(), HANG_SECONDS))


def test_the_stream_ends_when_the_server_stops(journal: Journal) -> None:
    async def read() -> list[str]:
        stopping = threading.Event()
        messages = stream(journal, [PutEventsServer()], stopping=stopping)
        await next_state(messages)
        stopping.set()
        return [message async for message in messages]

    assert asyncio.run(asyncio.wait_for(read(), HANG_SECONDS)) == []


def test_nothing_sent_can_break_out_of_a_message(journal: Journal) -> None:
    sent = quote(HOSTILE)
    journal.gateway_answered(report(query=f"event={sent}&endpoint_id={sent}&{sent}={sent}"))
    answered(journal, 400, message=HOSTILE, endpoint_id="\ud800")

    async def read() -> dict[str, Any]:
        messages = stream(journal, [PutEventsServer()], stopping=threading.Event())
        return (await next_state(messages))[1]

    [shown] = asyncio.run(read())["hits"]
    assert (shown["event"], shown["preview"], shown["reason"]) == (
        HOSTILE,
        [[HOSTILE, HOSTILE]],
        HOSTILE,
    )
