"""The console: a page that shows every hit as it happens, and the destinations that answer them.

One application serves the console, the demo page and the destinations, so that one loopback port
carries them all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Match, Mount, Route
from starlette.staticfiles import StaticFiles

from local.destinations.customer_profiles import ProfilesServer
from local.destinations.customer_profiles.view import profile_route
from local.guard import KeyedOnly, LoopbackOnly, check_own_page
from local.stand_in.stream import StreamServer, json_route
from local.stand_in.transport import EscapedJSONResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from local.console.journal import Journal
    from local.stand_in.server import DestinationServer

__all__ = ["MintRequest", "Moved", "create_app", "image_url", "stream"]

_STATIC: Final = Path(__file__).parent / "static"
_GTM: Final = Path(__file__).parents[2] / "gtm"
_DEMO: Final = _GTM / "demo"
_SHARED: Final = _GTM / "shared"  # by both pages

_DEMO_PAGES: Final = "<!-- pages:"

# Everything on the console comes from this server, except the test event: an image request to the
# endpoint, whose address is known only at run time.
_CONSOLE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' http: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_REJECTED: Final = ("dead_letter", "invalid_message")

_COALESCE_SECONDS: Final = 0.1
_HEARTBEAT_SECONDS: Final = 10.0
_STOP_CHECK_SECONDS: Final = 0.25


class Moved(NamedTuple):
    """The end of an attempt to move a rejected message back.

    Attributes:
        moved: Whether it is where it came from.
        words: Where it went, or why it stays.
    """

    moved: bool
    words: str


@dataclass(frozen=True, slots=True)
class MintRequest:
    """The token that the page asks for.

    Attributes:
        subject: Who the visitor is.
        endpoint_id: The one endpoint that the token may write; ``None`` for any.
        expired: Whether it is to be one that was good until lately, to see it refused.
    """

    subject: str
    endpoint_id: str | None = None
    expired: bool = False

    @classmethod
    def from_json(cls, document: object) -> MintRequest:
        """Read what the page sent.

        Raises:
            ValueError: It is not a token that can be asked for.
        """
        if not isinstance(document, dict):
            raise ValueError(f"the request must be a JSON object, got {document!r}")  # noqa: TRY004
        known = {"subject", "endpoint_id", "expired"}
        if unknown := document.keys() - known:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        subject, endpoint_id = document.get("subject"), document.get("endpoint_id")
        expired = document.get("expired", False)
        if not isinstance(subject, str) or not subject:
            raise ValueError(f"subject must be text and not empty, got {subject!r}")
        if endpoint_id is not None and not isinstance(endpoint_id, str):
            raise ValueError(f"endpoint_id must be text or null, got {endpoint_id!r}")
        if not isinstance(expired, bool):
            raise ValueError(f"expired must be true or false, got {expired!r}")  # noqa: TRY004
        return cls(subject, endpoint_id or None, expired)


def create_app(
    journal: Journal,
    servers: Sequence[DestinationServer],
    *,
    endpoint_url: str | None = None,
    authenticated_endpoint_url: str | None = None,
    mint: Callable[[MintRequest], str] | None = None,
    move_back: Callable[[str, str, bool], Moved] | None = None,
    key: str | None = None,
) -> Starlette:
    """Return the application: console at ``/``, demo page at ``/demo/``, and ``servers``.

    Args:
        journal: What the console shows.
        servers: The destinations, the first first; their observer should be ``journal``. Each is
            directed at ``/control/{kind}``.
        endpoint_url: Where the pipeline answers. Left out, the console waits for
            :meth:`~local.console.journal.Journal.endpoint_ready`.
        authenticated_endpoint_url: Where its authenticated route does, if it has one.
        mint: Returns a signed token that the authenticated route takes; raises ``ValueError`` for
            one that it will not sign. Called on a thread, and only once the route is known.
        move_back: Puts a rejected message back where it came from. Called on a thread, with the
            destination's kind, the message's body and whether it is in the invalid-message queue.
            Default: the console offers no such button.
        key: Begins the path of everything but what the destinations serve, which ask for a
            signature: the console is at ``/{key}/``. Default: none, for whoever reaches the port.
    """
    if endpoint_url is not None:
        journal.endpoint_ready(endpoint_url, authenticated_endpoint_url)
    for server in servers:
        server.watch(journal.touch)

    async def console(_: Request) -> Response:
        return FileResponse(
            _STATIC / "console.html", headers={"Content-Security-Policy": _CONSOLE_POLICY}
        )

    async def demo(request: Request) -> Response:
        url = journal.endpoint_url
        if request.url.path == "/demo" or (url and "endpoint" not in request.query_params):
            query = dict(request.query_params)
            if url:
                query.setdefault("endpoint", url)
            # Relative: a key may stand before it.
            target = "demo/" if request.url.path == "/demo" else "./"
            return RedirectResponse(target + (f"?{urlencode(query)}" if query else ""))
        return HTMLResponse(_demo_page([server.kind for server in servers]))

    async def hit(request: Request) -> Response:
        details = journal.details(request.path_params["number"])
        if details is None:
            raise HTTPException(404, "This hit is no longer kept")
        return EscapedJSONResponse(details)

    async def events(request: Request) -> Response:
        stopping = getattr(request.app.state, "stopping", None) or threading.Event()
        messages = stream(
            journal,
            servers,
            last_event_id=request.headers.get("last-event-id", ""),
            stopping=stopping,
        )
        return StreamingResponse(messages, media_type="text/event-stream")

    served = _served(servers)
    fresh = Middleware(_Fresh)
    return Starlette(
        routes=[
            Route("/", console, middleware=[fresh]),
            Route("/demo", demo, middleware=[fresh]),
            Route("/demo/", demo, middleware=[fresh]),
            Route("/demo/index.html", demo, middleware=[fresh]),
            Mount("/demo", StaticFiles(directory=_DEMO), middleware=[fresh]),
            Mount("/shared", StaticFiles(directory=_SHARED), middleware=[fresh]),
            Mount("/static", StaticFiles(directory=_STATIC), middleware=[fresh]),
            Route("/api/stream", events, middleware=[fresh]),
            Route("/api/hits/{number:int}", hit, middleware=[fresh]),
            _search_route(journal),
            _token_route(journal, mint),
            _move_back_route(journal, move_back),
            *(profile_route(server) for server in servers if isinstance(server, ProfilesServer)),
            *(server.control_route(f"/control/{server.kind}") for server in servers),
            *served,
        ],
        middleware=[Middleware(LoopbackOnly), *_keyed(key, served)],
    )


def _demo_page(kinds: Sequence[str]) -> str:
    """Return the demo page with what only this server can tell it: the console, the destinations.

    It is put in here, for the page is opened as a file and from other hosts as well, where a link
    to the console would lead nowhere.
    """
    page = (_DEMO / "index.html").read_text(encoding="utf-8")
    before, marker, after = page.partition(_DEMO_PAGES)
    _, _, after = after.partition("-->")
    if not marker:
        raise ValueError(f"{_DEMO / 'index.html'} has no place for the link back: {_DEMO_PAGES}")
    destinations = escape(" ".join(kinds))
    return (
        f'{before}<nav aria-label="Pages" data-destinations="{destinations}">'
        f'<a class="button" href="../">Console</a></nav>{after}'
    )


def image_url(endpoint_url: str, *, signed: bool = False) -> str:
    """Return the URL to paste into GTM's Custom Image tag.

    Args:
        endpoint_url: The route's URL.
        signed: Whether the route takes signed tokens.
    """
    token = "&token={{token}}" if signed else ""
    return f"{endpoint_url}?event={{{{Event}}}}&endpoint_id={{{{endpoint_id}}}}{token}"


async def stream(
    journal: Journal,
    servers: Sequence[DestinationServer],
    *,
    last_event_id: str = "",
    stopping: threading.Event,
) -> AsyncIterator[str]:
    """Yield server-sent events: first everything, or what ``last_event_id`` lacks, then changes.

    Each carries ``reset`` (forget what you show), ``endpoint_url``, ``image_url``,
    ``authenticated`` (the same of the authenticated route, or ``None``), ``counters``,
    ``destinations`` (each with its own counters and ``behavior``) and ``hits`` (summaries that
    changed, newest hit first). Changes that come close together share one event, so a slow reader
    gets fewer, not older ones.

    Args:
        journal: Its hits and counters.
        servers: Their behavior.
        last_event_id: The ``Last-Event-ID`` of a page that reconnects.
        stopping: Ends the stream.
    """
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def notice() -> None:
        if not changed.is_set():
            # The loop may have ended between the change and this call.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(changed.set)

    session, _, revision = last_event_id.partition("-")
    known = session == journal.session and revision.isdecimal()
    since = int(revision) if known else 0
    unsubscribe = journal.subscribe(notice)
    try:
        yield "retry: 1000\n\n"
        while not stopping.is_set():
            changed.clear()
            document = journal.changes(since)
            since = document["revision"]
            yield _message(
                f"{journal.session}-{since}",
                _state(document, servers, reset=not known),
            )
            known = True
            await asyncio.sleep(_COALESCE_SECONDS)
            while not await _wait(changed, _HEARTBEAT_SECONDS, stopping):
                if stopping.is_set():
                    return
                yield ": still here\n\n"
    finally:
        unsubscribe()


def _keyed(key: str | None, served: Sequence[BaseRoute]) -> list[Middleware]:
    """Return what asks for ``key``, if there is one, but by ``served``."""
    if key is None:
        return []

    def is_served(scope: Scope) -> bool:
        return any(route.matches(scope)[0] is Match.FULL for route in served)

    return [Middleware(KeyedOnly, key, is_served)]


def _served(servers: Sequence[DestinationServer]) -> list[BaseRoute]:
    """Return the routes that the destinations' clients call."""
    streams = [server for server in servers if isinstance(server, StreamServer)]
    own = [
        route
        for server in servers
        if not isinstance(server, StreamServer)
        for route in server.routes
    ]
    return [*own, *([json_route(streams)] if streams else [])]


def _state(
    document: dict[str, Any], servers: Sequence[DestinationServer], *, reset: bool
) -> dict[str, Any]:
    url = document["endpoint_url"]
    signed_url = document.pop("authenticated_endpoint_url")
    return document | {
        "reset": reset,
        "image_url": image_url(url) if url else None,
        "authenticated": {
            "endpoint_url": signed_url,
            "image_url": image_url(signed_url, signed=True),
        }
        if signed_url
        else None,
        "destinations": [
            destination | _told(servers, destination["kind"])
            for destination in document["destinations"]
        ],
    }


def _told(servers: Sequence[DestinationServer], kind: str) -> dict[str, Any]:
    """Return what a destination serves, can be told and was told."""
    for server in servers:
        if server.kind == kind:
            return {
                "operation": server.operation,
                "stand_in": not isinstance(server, StreamServer),
                "words": server.words(),
                "impossible": list(server.impossible),
                "behavior": server.behavior.to_json(),
            }
    return {}


def _token_route(journal: Journal, mint: Callable[[MintRequest], str] | None) -> Route:
    async def token(request: Request) -> Response:
        check_own_page(request)
        if mint is None or journal.authenticated_endpoint_url is None:
            raise HTTPException(
                HTTPStatus.NOT_FOUND,
                "This pipeline has no authenticated route: start it with -c signed_token=true",
            )
        try:
            wanted = MintRequest.from_json(await request.json())
            minted = await run_in_threadpool(mint, wanted)
        except ValueError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error
        return EscapedJSONResponse({"token": minted}, headers={"Cache-Control": "no-store"})

    return Route("/api/token", token, methods=["POST"])


def _search_route(journal: Journal) -> Route:
    async def search(request: Request) -> Response:
        found = await run_in_threadpool(journal.search, request.query_params.get("text", ""))
        return EscapedJSONResponse(found)

    return Route("/api/search", search, middleware=[Middleware(_Fresh)])


def _move_back_route(
    journal: Journal, move_back: Callable[[str, str, bool], Moved] | None
) -> Route:
    async def route(request: Request) -> Response:
        check_own_page(request)
        kind, queue = (request.path_params[name] for name in ("kind", "queue"))
        hit = journal.details(request.path_params["number"]) or {}
        letter = hit.get("deliveries", {}).get(kind, {}).get(queue)
        if move_back is None or queue not in _REJECTED or not letter:
            raise HTTPException(HTTPStatus.NOT_FOUND, "No such message is in the queue any more")
        invalid = queue == "invalid_message"
        moved = await run_in_threadpool(move_back, kind, letter["body"], invalid)
        return EscapedJSONResponse(moved._asdict())

    path = "/api/hits/{number:int}/{kind}/{queue}/move-back"
    return Route(path, route, methods=["POST"])


def _message(event_id: str, document: dict[str, Any]) -> str:
    # json.dumps leaves no line break in a string, so the data is one line.
    return f"id: {event_id}\ndata: {json.dumps(document)}\n\n"


async def _wait(changed: asyncio.Event, seconds: float, stopping: threading.Event) -> bool:
    """Return whether ``changed`` was set within ``seconds``; at once when ``stopping`` is."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not stopping.is_set() and asyncio.get_running_loop().time() < deadline:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), _STOP_CHECK_SECONDS)
            return True
    return False


class _Fresh:
    """Makes the browser ask again each time, and tell no server a page's path.

    The files may be edited while the server runs, and the path holds the run's key.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_fresh(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Cache-Control"] = "no-cache"
                headers["X-Content-Type-Options"] = "nosniff"
                # The origin stays: a tag's site is what the endpoint goes by.
                headers["Referrer-Policy"] = "strict-origin"
            await send(message)

        await self._app(scope, receive, send_fresh)
