"""The console: a page that shows every hit as it happens, and the destination that answers them.

One application serves the console, the demo page and the destination, so that one loopback port
carries them all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import FileResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from local.putevents import EscapedJSONResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from local.journal import Journal
    from local.putevents import PutEventsServer

__all__ = ["create_app", "image_url", "stream"]

_STATIC: Final = Path(__file__).parent / "static"
_DEMO: Final = Path(__file__).parent.parent / "gtm" / "demo"

# Everything on the console comes from this server, except the test event: an image request to the
# endpoint, whose address is known only at run time.
_CONSOLE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' http: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A name that resolves to this machine must not make the console readable to any site (DNS
# rebinding).
_HOSTS: Final = ("127.0.0.1", "localhost")

_COALESCE_SECONDS: Final = 0.1
_HEARTBEAT_SECONDS: Final = 10.0
_STOP_CHECK_SECONDS: Final = 0.25


def create_app(
    journal: Journal, putevents: PutEventsServer, *, endpoint_url: str | None = None
) -> Starlette:
    """Return the application: console at ``/``, demo page at ``/demo``, and ``putevents``.

    Args:
        journal: What the console shows.
        putevents: The destination; its observer should be ``journal``.
        endpoint_url: Where the pipeline answers. Left out, the console waits for
            :meth:`~local.journal.Journal.endpoint_ready`.
    """
    if endpoint_url is not None:
        journal.endpoint_ready(endpoint_url)
    putevents.watch(journal.touch)

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
            return RedirectResponse("/demo/" + (f"?{urlencode(query)}" if query else ""))
        return FileResponse(_DEMO / "index.html")

    async def hit(request: Request) -> Response:
        details = journal.details(request.path_params["number"])
        if details is None:
            raise HTTPException(404, "This hit is no longer kept")
        return EscapedJSONResponse(details)

    async def events(request: Request) -> Response:
        stopping = getattr(request.app.state, "stopping", None) or threading.Event()
        messages = stream(
            journal,
            putevents,
            last_event_id=request.headers.get("last-event-id", ""),
            stopping=stopping,
        )
        return StreamingResponse(messages, media_type="text/event-stream")

    fresh = Middleware(_Fresh)
    return Starlette(
        routes=[
            Route("/", console, middleware=[fresh]),
            Route("/demo", demo, middleware=[fresh]),
            Route("/demo/", demo, middleware=[fresh]),
            Mount("/demo", StaticFiles(directory=_DEMO), middleware=[fresh]),
            Mount("/static", StaticFiles(directory=_STATIC), middleware=[fresh]),
            Route("/api/stream", events, middleware=[fresh]),
            Route("/api/hits/{number:int}", hit, middleware=[fresh]),
            *putevents.routes,
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS, www_redirect=False)],
    )


def image_url(endpoint_url: str) -> str:
    """Return the URL to paste into GTM's Custom Image tag."""
    return f"{endpoint_url}?event={{{{Event}}}}&endpoint_id={{{{endpoint_id}}}}"


async def stream(
    journal: Journal,
    putevents: PutEventsServer,
    *,
    last_event_id: str = "",
    stopping: threading.Event,
) -> AsyncIterator[str]:
    """Yield server-sent events: first everything, or what ``last_event_id`` lacks, then changes.

    Each carries ``reset`` (forget what you show), ``endpoint_url``, ``image_url``, ``counters``,
    ``behaviour`` (the destination's) and ``hits`` (summaries that changed, newest hit first).
    Changes that come close together share one event, so a slow reader gets fewer, not older ones.

    Args:
        journal: Its hits and counters.
        putevents: Its behaviour.
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
                f"{journal.session}-{since}", _state(document, putevents, reset=not known)
            )
            known = True
            await asyncio.sleep(_COALESCE_SECONDS)
            while not await _wait(changed, _HEARTBEAT_SECONDS, stopping):
                if stopping.is_set():
                    return
                yield ": still here\n\n"
    finally:
        unsubscribe()


def _state(document: dict[str, Any], putevents: PutEventsServer, *, reset: bool) -> dict[str, Any]:
    url = document["endpoint_url"]
    return document | {
        "reset": reset,
        "image_url": image_url(url) if url else None,
        "behaviour": putevents.behaviour.to_json(),
    }


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
    """Makes the browser ask again each time: the files may be edited while the server runs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_fresh(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Cache-Control"] = "no-cache"
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self._app(scope, receive, send_fresh)
