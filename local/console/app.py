"""The console page, which shows each hit as it happens, and its server.

One application serves the console, the demo page and the stand-ins for destinations, so that all of
them share one loopback port.
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

__all__ = ["MoveResult", "TokenRequest", "create_app", "image_url", "stream"]

_STATIC: Final = Path(__file__).parent / "static"
_GTM: Final = Path(__file__).parents[2] / "gtm"
_DEMO: Final = _GTM / "demo"
_SHARED: Final = _GTM / "shared"  # used by both pages

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


class MoveResult(NamedTuple):
    """The result of an attempt to move a rejected message back.

    Attributes:
        moved: Whether the message is back in the queue from which it came.
        words: Sentence that says where it went, or why it stays.
    """

    moved: bool
    words: str


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request of the console page for a signed token.

    Attributes:
        subject: The visitor's identity.
        endpoint_id: The only endpoint id that the token permits. Default: any.
        expired: Whether to sign a token that has already expired, to see it refused.
    """

    subject: str
    endpoint_id: str | None = None
    expired: bool = False

    @classmethod
    def from_json(cls, document: object) -> TokenRequest:
        """Return the request that ``document``, JSON from the page, describes.

        Raises:
            ValueError: The document is malformed.
        """
        if not isinstance(document, dict):
            raise ValueError(f"the request must be a JSON object, got {document!r}")  # noqa: TRY004
        known = {"subject", "endpoint_id", "expired"}
        if unknown := document.keys() - known:
            raise ValueError(f"unknown field: {', '.join(sorted(unknown))}")
        subject, endpoint_id = document.get("subject"), document.get("endpoint_id")
        expired = document.get("expired", False)
        if not isinstance(subject, str) or not subject:
            raise ValueError(f"subject must be a non-empty string, got {subject!r}")
        if endpoint_id is not None and not isinstance(endpoint_id, str):
            raise ValueError(f"endpoint_id must be a string or null, got {endpoint_id!r}")
        if not isinstance(expired, bool):
            raise ValueError(f"expired must be true or false, got {expired!r}")  # noqa: TRY004
        return cls(subject, endpoint_id or None, expired)


def create_app(
    journal: Journal,
    servers: Sequence[DestinationServer],
    *,
    endpoint_url: str | None = None,
    authenticated_endpoint_url: str | None = None,
    mint: Callable[[TokenRequest], str] | None = None,
    move_back: Callable[[str, str, bool], MoveResult] | None = None,
    key: str | None = None,
) -> Starlette:
    """Return the application with the console, the demo page and ``servers``.

    Args:
        journal: The hits and counters to show.
        servers: The destinations' servers, in the stack's order. Their observer should be
            ``journal``. ``/control/{kind}`` reads and sets the behavior of each.
        endpoint_url: URL of the endpoint. Default: the console waits for
            :meth:`~local.console.journal.Journal.endpoint_ready`.
        authenticated_endpoint_url: URL of the authenticated route. Default: none.
        mint: Returns a signed token for the authenticated route, or raises ``ValueError``. Called
            in a worker thread, and only when the route's URL is known.
        move_back: Moves a rejected message back to the queue from which it came. Called in a worker
            thread with the destination's kind, the message's body, and whether the message is in
            the invalid-message queue. Default: the console has no such button.
        key: First segment of the console's paths, such as ``/{key}/``. The routes of the
            destinations do not have it, because they require signatures. Default: no key, so that
            anyone who reaches the port can use the console.
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
            # A relative URL, because a key may precede it.
            target = "demo/" if request.url.path == "/demo" else "./"
            return RedirectResponse(target + (f"?{urlencode(query)}" if query else ""))
        return HTMLResponse(_demo_page([server.kind for server in servers]))

    async def hit(request: Request) -> Response:
        details = journal.details(request.path_params["number"])
        if details is None:
            raise HTTPException(404, "The journal no longer has this hit")
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
    no_cache = Middleware(_NoCache)
    return Starlette(
        routes=[
            Route("/", console, middleware=[no_cache]),
            Route("/demo", demo, middleware=[no_cache]),
            Route("/demo/", demo, middleware=[no_cache]),
            Route("/demo/index.html", demo, middleware=[no_cache]),
            Mount("/demo", StaticFiles(directory=_DEMO), middleware=[no_cache]),
            Mount("/shared", StaticFiles(directory=_SHARED), middleware=[no_cache]),
            Mount("/static", StaticFiles(directory=_STATIC), middleware=[no_cache]),
            Route("/api/stream", events, middleware=[no_cache]),
            Route("/api/hits/{number:int}", hit, middleware=[no_cache]),
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
    """Return the demo page with a link to the console and the names of the destinations.

    The file itself has neither, because people also open it from disk and from other hosts, where
    there is no console.
    """
    page = (_DEMO / "index.html").read_text(encoding="utf-8")
    before, marker, after = page.partition(_DEMO_PAGES)
    _, _, after = after.partition("-->")
    if not marker:
        raise ValueError(
            f"{_DEMO / 'index.html'} has no place for the link to the console: {_DEMO_PAGES}"
        )
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
    """Yield server-sent events with the journal's state, and then with its changes.

    The first event has the whole state, or the changes since ``last_event_id``. Each event has
    ``reset`` (whether the page must discard its state), ``endpoint_url``, ``image_url``,
    ``authenticated`` (both URLs of the authenticated route, or ``None``), ``counters``,
    ``destinations`` (each with its counters and ``behavior``) and ``hits`` (changed summaries,
    newest hit first). Changes in quick succession share an event, so a slow reader gets fewer
    events, not outdated ones.

    Args:
        journal: The hits and counters.
        servers: The destinations' servers, for their behavior.
        last_event_id: The ``Last-Event-ID`` of a page that reconnects.
        stopping: Ends the stream when it is set.
    """
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def notice() -> None:
        if not changed.is_set():
            # The loop may have ended since the change.
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
    """Return middleware that requires ``key`` for all routes except ``served``."""
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
            destination | _control_state(servers, destination["kind"])
            for destination in document["destinations"]
        ],
    }


def _control_state(servers: Sequence[DestinationServer], kind: str) -> dict[str, Any]:
    """Return a destination's operation, its possible behavior, and its current behavior."""
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


def _token_route(journal: Journal, mint: Callable[[TokenRequest], str] | None) -> Route:
    async def token(request: Request) -> Response:
        check_own_page(request)
        if mint is None or journal.authenticated_endpoint_url is None:
            raise HTTPException(
                HTTPStatus.NOT_FOUND,
                "This pipeline has no authenticated route: start it with -c signed_token=true",
            )
        try:
            wanted = TokenRequest.from_json(await request.json())
            minted = await run_in_threadpool(mint, wanted)
        except ValueError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error
        return EscapedJSONResponse({"token": minted}, headers={"Cache-Control": "no-store"})

    return Route("/api/token", token, methods=["POST"])


def _search_route(journal: Journal) -> Route:
    async def search(request: Request) -> Response:
        found = await run_in_threadpool(journal.search, request.query_params.get("text", ""))
        return EscapedJSONResponse(found)

    return Route("/api/search", search, middleware=[Middleware(_NoCache)])


def _move_back_route(
    journal: Journal, move_back: Callable[[str, str, bool], MoveResult] | None
) -> Route:
    async def route(request: Request) -> Response:
        check_own_page(request)
        kind, queue = (request.path_params[name] for name in ("kind", "queue"))
        hit = journal.details(request.path_params["number"]) or {}
        message = hit.get("deliveries", {}).get(kind, {}).get(queue)
        if move_back is None or queue not in _REJECTED or not message:
            raise HTTPException(HTTPStatus.NOT_FOUND, "The message is no longer in the queue")
        invalid = queue == "invalid_message"
        moved = await run_in_threadpool(move_back, kind, message["body"], invalid)
        return EscapedJSONResponse(moved._asdict())

    path = "/api/hits/{number:int}/{kind}/{queue}/move-back"
    return Route(path, route, methods=["POST"])


def _message(event_id: str, document: dict[str, Any]) -> str:
    # json.dumps leaves no line break in a string, so the data is one line.
    return f"id: {event_id}\ndata: {json.dumps(document)}\n\n"


async def _wait(changed: asyncio.Event, seconds: float, stopping: threading.Event) -> bool:
    """Return whether ``changed`` is set within ``seconds``, or before ``stopping`` is set."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not stopping.is_set() and asyncio.get_running_loop().time() < deadline:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), _STOP_CHECK_SECONDS)
            return True
    return False


class _NoCache:
    """Middleware that prevents caching and keeps paths out of referrers.

    The files may change while the server runs, and the path contains the run's key.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_uncached(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Cache-Control"] = "no-cache"
                headers["X-Content-Type-Options"] = "nosniff"
                # The origin stays, because the endpoint checks a tag's site by it.
                headers["Referrer-Policy"] = "strict-origin"
            await send(message)

        await self._app(scope, receive, send_uncached)
