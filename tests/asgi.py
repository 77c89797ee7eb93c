"""Requests to an ASGI application in this process, without sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from starlette.types import ASGIApp


OWN_PAGE = {"Origin": "http://127.0.0.1"}
"""Headers with which a browser marks a request from the application's own page."""


def send(app: ASGIApp, method: str, path: str, **options: Any) -> httpx.Response:
    """Return the application's answer.

    Args:
        app: The application.
        method: HTTP method.
        path: Path and query string.
        options: As for :meth:`httpx.AsyncClient.request`.

    Raises:
        Exception: Any exception that the application does not handle.
    """

    async def sent() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, **options)

    return asyncio.run(sent())
