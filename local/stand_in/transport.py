"""HTTP helpers of stand-ins: answers, dropped connections, quotas and delays."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections import OrderedDict
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from local.model import RequestRefused
    from local.stand_in.values import ActiveBehavior


class EscapedJSONResponse(JSONResponse):
    """A JSON response in ASCII, so that it can contain half a surrogate pair as an escape."""

    def render(self, content: Any) -> bytes:
        """Return ``content`` as JSON."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class ConnectionDropped(Exception):
    """The server must close the connection without an answer."""


class ServerEndpoint:
    """An operation as an ASGI application that can close its connection.

    Args:
        answer: Answers a request, or raises :class:`ConnectionDropped`.
    """

    def __init__(self, answer: Callable[[Request], Any]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            response = await self._answer(Request(scope, receive))
        except ClientDisconnect:
            return
        except ConnectionDropped:
            # ASGI has no message for closing a connection. uvicorn's receive() is a method of the
            # object with the transport. With an in-process client there is none, and the client
            # gets the exception.
            transport = getattr(getattr(receive, "__self__", None), "transport", None)
            if transport is None:
                raise
            transport.abort()
            await receive()  # returns when uvicorn has noticed, so that it does not answer 500
            return
        await response(scope, receive, send)


class Admission(NamedTuple):
    """The outcome of a caller's turn: the behavior to apply, and a refusal if there is one."""

    active: ActiveBehavior
    refusal: RequestRefused | None
    hold_seconds: float


class TokenBucket:
    """A token bucket."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        if not rate > 0:
            raise ValueError(f"requests_per_second must be above 0, or None for none, got {rate}")
        if burst < 1:
            raise ValueError(f"burst must be at least 1, got {burst}")
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self.fill()

    def fill(self) -> None:
        """Fill the bucket."""
        self._tokens = float(self._burst)
        self._filled = self._clock()

    def take(self) -> bool:
        """Take a token, and return whether there was one."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


async def hold(request: Request, seconds: float) -> None:
    """Wait for ``seconds``, or until the client disconnects."""
    try:
        # The body has been read, so the next message is the client's disconnection.
        await asyncio.wait_for(request.receive(), timeout=seconds)
    except TimeoutError:
        return


def json_or_none(body: bytes | None) -> object:
    """Return the JSON document in a refused body; ``None`` if there is none."""
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None


def forget_oldest(kept: OrderedDict[Any, Any], keep: int) -> None:
    """Drop the oldest entries beyond ``keep``."""
    while len(kept) > keep:
        kept.popitem(last=False)
