"""The console in its surroundings: reports as the emulator makes them, real destinations."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
from playwright.sync_api import Page, expect

from local.console.app import TokenRequest, create_app
from local.console.journal import Journal
from local.destinations.customer_profiles.objects import ObjectType
from local.destinations.customer_profiles.server import ProfilesServer
from local.destinations.kinesis import KinesisServer
from local.destinations.pinpoint.server import PutEventsServer
from local.rules import FunctionRules
from local.serve import serving
from tests.local.profile_objects import PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.stand_in.server import DestinationServer


TIME = "2026-11-23T22:11:00.000Z"


class Pipeline:
    """The console's surroundings: reports as the emulator makes them, real destinations."""

    def __init__(
        self,
        url: str,
        journal: Journal,
        putevents: PutEventsServer,
        others: list[DestinationServer],
    ) -> None:
        self.url = url
        self.journal = journal
        self.putevents = putevents
        self.servers = {server.kind: server for server in (*others, putevents)}

    def request(
        self, query: str, *, event_id: str | None, status: int = 200, **changes: Any
    ) -> None:
        """Report a request that the endpoint answered."""
        self.journal.gateway_answered(
            {
                "time": 1_795_471_860_000,
                "method": "GET",
                "path": "/events",
                "query": query,
                "status": status,
                "event_id": event_id,
                "detail": '{"message": "Missing parameters"}' if status >= 400 else "",
                **changes,
            }
        )

    def deliver(self, event_id: str, endpoint_id: str = "ep-1", **event: Any) -> None:
        """Send one event to the destination, as the function does."""
        events = {event_id: {"EventType": "page_view", "Timestamp": TIME} | event}
        httpx.post(
            f"{self.url}/v1/apps/local/events",
            json={"BatchItem": {endpoint_id: {"Endpoint": {}, "Events": events}}},
        )


def rules(kind: str) -> FunctionRules:
    """Return the rules of a function that lets anonymous visitors change two user attributes."""
    return FunctionRules.of(
        {
            "DESTINATION": kind,
            "ANONYMOUS_USER_ATTRIBUTES": '["plan", "tags"]',
            "AUTHENTICATED_USER_ATTRIBUTES": '["plan", "city"]',
            "ALLOWED_ORIGINS": '"*"',
            "ACCEPT_CLIENT_TIMESTAMP": "false",
            "UNSET_VALUES": '["undefined", "null"]',
        }
    )


@contextmanager
def console(
    endpoint_url: str | None,
    port: int = 0,
    *,
    authenticated_endpoint_url: str | None = None,
    mint: Callable[[TokenRequest], str] | None = None,
    fanned_out: bool = False,
) -> Iterator[Pipeline]:
    journal = Journal()
    putevents = PutEventsServer(observer=journal)
    others: list[DestinationServer] = []
    if fanned_out:
        object_types = [ObjectType.from_properties(PROPERTIES)]
        others = [KinesisServer(observer=journal), ProfilesServer(object_types, observer=journal)]
    servers = (*others, putevents)
    journal.destinations_known(
        {server.kind: server.title for server in servers},
        {server.kind: rules(server.kind) for server in servers},
    )
    app = create_app(
        journal,
        [*others, putevents],
        endpoint_url=endpoint_url,
        authenticated_endpoint_url=authenticated_endpoint_url,
        mint=mint,
    )
    with serving(app, port=port) as url:
        yield Pipeline(url, journal, putevents, others)


def open_console(page: Page, pipeline: Pipeline) -> None:
    """Show the console, once it follows what happens."""
    page.goto(pipeline.url)
    expect(page.locator("#connection")).to_have_text("Live")


def counter(page: Page, name: str) -> Any:
    return page.locator(f"[data-counter={name}]")


def notes(row: Any, name: str) -> Any:
    return row.locator(f"tr:has(th:text-is('{name}')) .left-out")


def deliver_together(pipeline: Pipeline, events: list[str], **user_attributes: list[str]) -> None:
    """Send events of one endpoint in one request, as the function does of one batch."""
    endpoint = {"User": {"UserAttributes": user_attributes}}
    entries = {each: {"EventType": "plan_changed", "Timestamp": TIME} for each in events}
    httpx.post(
        f"{pipeline.url}/v1/apps/local/events",
        json={"BatchItem": {"ep-1": {"Endpoint": endpoint, "Events": entries}}},
    )
