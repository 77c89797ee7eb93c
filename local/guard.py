"""Protection of a run's servers against other users and web sites.

A port on loopback is open to every user of the machine and, through a browser, to every site that
the user visits. Four rules prevent misuse:

- :class:`LoopbackOnly`, for every server: a request's host must be a loopback address with the
  server's port. This stops sites whose name resolves to this machine (DNS rebinding).
- :class:`SignedOnly`, for the emulator: a request must be signed with the run's secret. Requests to
  the deployed API need no signature, because that API is public on AWS too.
- :class:`KeyedOnly`, for the console: a request's path must begin with the run's key, which is only
  in the URL that the run prints.
- :func:`check_own_page`, for the console's commands: a request must come from the console's page.
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
_DEFAULT_PORT: Final = 80  # of http, which browsers leave out of Host
_POLICY_VIOLATION: Final = 1008  # WebSocket's close code


class LoopbackOnly:
    """Middleware that answers 403 unless the host is a loopback name with the server's port.

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
    """Middleware that answers 403 to requests without the run's signature, except open ones.

    Signed requests come from programs, not from pages, so the answers have no CORS headers.
    WebSockets are refused.

    Args:
        app: The application to protect.
        secret: The run's secret access key.
        is_open: Returns whether a request needs no signature, by its method and decoded path.
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
                f"{fault}. The local emulator accepts only requests that this run's own secret has "
                "signed, which its clients and functions have. Send events to the endpoint's URL "
                "that make run printed"
            )
            document = {"__type": "AccessDeniedException", "message": words}
            await JSONResponse(document, HTTPStatus.FORBIDDEN)(scope, receive, send)
        else:
            await self._app(scope, _replaying(body, receive), _without_cors(send))


class KeyedOnly:
    """Middleware that answers 403 to paths that do not begin with the run's key, except open ones.

    The application sees the path without the key. The key is not in a cookie, because a browser
    sends a cookie of 127.0.0.1 to every port there, whoever listens.

    Args:
        app: The application to protect.
        key: The first segment of the path, at least 16 random bytes as text.
        is_open: Returns whether a request needs no key, by its scope.
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
    "The path lacks the run's key: open the URL that make run printed",
    HTTPStatus.FORBIDDEN,
    {"X-Content-Type-Options": "nosniff"},
)


def check_own_page(request: Request) -> None:
    """Check that a request comes from the server's own page and is JSON.

    Raises:
        HTTPException: The request comes from another page or from none, or is not JSON.
    """
    origin = request.headers.get("origin", "")
    own = f"{request.url.scheme}://{request.headers.get('host')}"
    site = request.headers.get("sec-fetch-site", "same-origin")
    if origin != own or site != "same-origin":
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            f"Only this server's own page may send this: Origin must be {own}, got {origin!r}",
        )
    # Another site's page cannot send this media type without a CORS preflight.
    if request.headers.get("content-type") != "application/json":
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be sent as application/json"
        )


def _foreign_host(scope: Scope) -> str | None:
    """Return the fault in a request's host; ``None`` if there is none."""
    port = scope["server"][1]
    known = _HOSTS if port in {None, _DEFAULT_PORT} else [f"{host}:{port}" for host in _HOSTS]
    named = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
    if len(named) == 1 and named[0] in known:
        return None
    return (
        f"This server answers to {', '.join(known)} only, "
        f"but the request is for {', '.join(named) or 'no host'}"
    )


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that repeats a body that was read, then continues with the original."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _without_cors(send: Send) -> Send:
    """Return a ``send`` that drops MiniStack's CORS headers, which allow every site."""

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
