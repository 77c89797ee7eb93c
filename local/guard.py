"""Keeps strangers out of the servers of a run.

A port on loopback is open to every account of the machine and, through a browser, to every site
that its user visits. Four rules stand against that:

- :class:`LoopbackOnly`, for every server: a request names the server by a loopback address and its
  port. A site whose own name resolves to this machine (DNS rebinding) reads nothing.
- :class:`SignedOnly`, for the emulator: a request is signed with the run's own secret, unless it is
  for the deployed API, which is open to all on AWS as well.
- :class:`KeyedOnly`, for the console: a request's path begins with the run's key, which only the
  address that the run prints has.
- :func:`check_own_page`, for what the console is told to do: a request comes from its own page.
"""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse

from local.signature import signature_fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["KeyedOnly", "LoopbackOnly", "SignedOnly", "check_own_page"]

_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")
_DEFAULT_PORT: Final = 80  # of http: a browser leaves it out
_POLICY_VIOLATION: Final = 1008  # WebSocket's close code


class LoopbackOnly:
    """Refuses, with 403, requests for another host than this machine and the server's own port.

    Args:
        app: The application to protect.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and (refusal := _foreign_host(scope)):
            answer = PlainTextResponse(
                refusal, HTTPStatus.FORBIDDEN, {"X-Content-Type-Options": "nosniff"}
            )
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class SignedOnly:
    """Refuses, with 403, requests that the run's secret has not signed, but for those let in.

    What is let in by its signature is for programs, not for pages: its answer allows no site to
    read it. WebSockets are refused.

    Args:
        app: The application to protect.
        secret: The run's secret access key.
        is_open: Returns whether all may send a request, by its method and decoded path.
    """

    def __init__(self, app: ASGIApp, secret: str, is_open: Callable[[str, str], bool]) -> None:
        self._app = app
        self._secret = secret
        self._is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        elif scope["type"] != "http" or self._is_open(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
        else:
            await self._check(scope, receive, send)

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        fault = signature_fault(request, body, self._secret)
        if fault:
            words = (
                f"{fault}. The local emulator takes only requests that this run's own secret has "
                "signed, which its clients and functions have: send events to the endpoint's URL "
                "that make run printed"
            )
            document = {"__type": "AccessDeniedException", "message": words}
            await JSONResponse(document, HTTPStatus.FORBIDDEN)(scope, receive, send)
        else:
            await self._app(scope, _replaying(body, receive), _without_cors(send))


class KeyedOnly:
    """Refuses, with 403, paths that do not begin with the run's key, but for those let in.

    The application behind it sees the path without the key. The key is in the path, not in a
    cookie: a browser sends a cookie of 127.0.0.1 to every port there, whoever listens.

    Args:
        app: The application to protect.
        key: The first segment of the path, at least 16 random bytes as text.
        is_open: Returns whether all may send a request, by its scope.
    """

    def __init__(self, app: ASGIApp, key: str, is_open: Callable[[Scope], bool]) -> None:
        self._app = app
        self._key = key.encode()
        self._is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not self._is_open(scope):
            first, slash, rest = scope["path"].removeprefix("/").partition("/")
            if not (slash and hmac.compare_digest(first.encode(), self._key)):
                await _KEYLESS(scope, receive, send)
                return
            scope = {**scope, "path": f"/{rest}", "raw_path": f"/{quote(rest)}".encode()}
        await self._app(scope, receive, send)


_KEYLESS: Final = PlainTextResponse(
    "This page is for whoever started the run: open the address that make run printed",
    HTTPStatus.FORBIDDEN,
    {"X-Content-Type-Options": "nosniff"},
)


def check_own_page(request: Request) -> None:
    """Refuse what the server's own page has not sent as JSON.

    Raises:
        HTTPException: It comes from another page, or from none.
    """
    origin = request.headers.get("origin", "")
    own = f"{request.url.scheme}://{request.headers.get('host')}"
    site = request.headers.get("sec-fetch-site", "same-origin")
    if origin != own or site != "same-origin":
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            f"Only this server's own page may do that: Origin must be {own}, got {origin!r}",
        )
    # The one kind of body for which a browser asks first when another site's page sends it.
    if request.headers.get("content-type") != "application/json":
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be sent as application/json"
        )


def _foreign_host(scope: Scope) -> str | None:
    """Return what is wrong with the host that a request names, or nothing."""
    port = scope["server"][1]
    known = _HOSTS if port in {None, _DEFAULT_PORT} else [f"{host}:{port}" for host in _HOSTS]
    named = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
    if len(named) == 1 and named[0] in known:
        return None
    return (
        f"This server answers to {', '.join(known)} only, "
        f"and the request is for {', '.join(named) or 'no host'}"
    )


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Return what receives a body that has been read already, and then what comes next."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _without_cors(send: Send) -> Send:
    """Return what sends an answer without MiniStack's leave for every site to read it."""

    async def send_guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [
                (name, value)
                for name, value in message["headers"]
                if not name.lower().startswith(b"access-control-")
            ]
            message = {**message, "headers": headers}
        await send(message)

    return send_guarded
