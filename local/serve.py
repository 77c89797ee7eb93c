"""A loopback server for an ASGI application, for the duration of a ``with`` block."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.applications import Starlette

__all__ = ["serving"]

_START_SECONDS = 60.0  # only for a start that hangs; a busy machine takes seconds
# Seconds until requests that are under way when the block ends are cancelled.
_GRACE_SECONDS = 1


@contextmanager
def serving(app: Starlette, *, port: int = 0) -> Iterator[str]:
    """Serve ``app`` on 127.0.0.1 in a thread, and yield the base URL.

    ``app.state.stopping`` is a :class:`threading.Event` that is set when the block ends. Endless
    responses, such as event streams, must then end.

    Args:
        app: The application.
        port: TCP port. Default: any free port.

    Yields:
        The base URL without a trailing slash, for example ``http://127.0.0.1:8765``.

    Raises:
        OSError: The port is taken.
        RuntimeError: The server did not start.
    """
    stopping = threading.Event()
    app.state.stopping = stopping
    # asyncio sets TCP_NODELAY only on a socket with an explicit protocol. Without it, each answer
    # waits 40 ms for a delayed acknowledgement.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="h11",
                loop="asyncio",
                ws="none",
                lifespan="off",
                access_log=False,
                # The process that starts this server configures logging.
                log_config=None,
                log_level="error",
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="serving", daemon=True
        )
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stopping.set()
            server.should_exit = True
            thread.join(_START_SECONDS)


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the server's thread ended before it served; see the log above")
        if time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start within {_START_SECONDS:g} seconds")
        time.sleep(0.005)
