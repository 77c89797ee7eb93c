"""Kept-alive HTTP/1.1 connections to one host, each for one request at a time.

``http.client`` writes the requests and reads the answers. It logs nothing, whereas the SDK's
connection pool quotes headers of answers in warnings. This module adds a pool, one TLS context for
the process, proxies, and a rule: a connection with unread data is never reused, because that data
would be mistaken for the next answer. See docs/decisions/0015-connections.md.
"""

from __future__ import annotations

import io
import os
import select
import socket
import ssl
import threading
import weakref
from base64 import b64encode
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from gtm_events import tls
from gtm_events.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gtm_events.nested_tls import NestedTls
    from gtm_events.signing import SignedRequest

MAX_ANSWER_BYTES: Final = 10_000_000
"""Maximum bytes of an answer's body. An answer repeats ids of its request, which may have 4 MB of
them."""

_PORTS: Final = {"http": 80, "https": 443}
_FINAL_STATUS: Final = 200


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response.

    Attributes:
        status_code: HTTP status.
        headers: Headers, by case-insensitive name.
        content: The body.
    """

    status_code: int
    headers: Mapping[str, str]
    content: bytes


class Connections:
    """A pool of connections to one host. Safe to use from many threads.

    Each concurrent request has its own connection. Connections go through the proxy named by
    ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``.

    Args:
        url: URL with the scheme, host and port of all requests.
        connect_seconds: Timeout for connecting to each of the host's addresses.
        read_seconds: Timeout for each read. An answer that trickles in may take longer.

    Raises:
        SettingsError: The CA bundle or the proxy cannot be used.
    """

    def __init__(self, url: str, *, connect_seconds: float, read_seconds: float) -> None:
        self._route = _Route.to(url, connect_seconds, read_seconds)
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        weakref.finalize(self, _close, self._idle)

    def send(self, request: SignedRequest) -> Response:
        """Send one request, once, and read its answer.

        Raises:
            TimeoutError: The connection or the answer took too long.
            OSError: There is no connection, or it broke.
            HTTPException: The answer is not HTTP, or is incomplete.
        """
        connection = self._take()
        try:
            response = connection.exchange(request)
        except BaseException as error:
            connection.close()
            if not isinstance(error, TimeoutError):
                self._forget_idle()
            raise
        if connection.sock is not None:
            with self._lock:
                self._idle.append(connection)
        return response

    def _take(self) -> _Connection:
        with self._lock:
            while self._idle:
                # The most recently used connection is the least likely to have timed out.
                connection = self._idle.pop()
                if connection.is_quiet():
                    return connection
                connection.close()
        return _Connection(self._route)

    def _forget_idle(self) -> None:
        """Close idle connections, because the cause of one failure may affect all of them."""
        with self._lock:
            _close(self._idle)


def _close(connections: list[_Connection]) -> None:
    while connections:
        connections.pop().close()


@dataclass(frozen=True, slots=True)
class _Route:
    """The route to a host, directly or through a proxy.

    Attributes:
        host: Name of the host.
        port: Port of the host.
        context: TLS context for the host; ``None`` for plain HTTP.
        proxy: Host and port of the proxy, if there is one.
        proxy_context: TLS context for the proxy; ``None`` for plain HTTP.
        proxy_headers: Headers for the proxy.
        connect_seconds: See :class:`Connections`.
        read_seconds: See :class:`Connections`.
    """

    host: str
    port: int
    context: ssl.SSLContext | None
    proxy: tuple[str, int] | None
    proxy_context: ssl.SSLContext | None
    proxy_headers: Mapping[str, str]
    connect_seconds: float
    read_seconds: float

    @classmethod
    def to(cls, url: str, connect_seconds: float, read_seconds: float) -> _Route:
        target = urlsplit(url)
        proxies = _proxies(url)
        proxy = _proxy(proxies.get(target.scheme))
        return cls(
            *_address(target),
            context=tls.context() if target.scheme == "https" else None,
            proxy=_address(proxy) if proxy else None,
            proxy_context=tls.context() if proxy and proxy.scheme == "https" else None,
            proxy_headers=_authorization(proxy) if proxy else {},
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
        )

    @property
    def forwards(self) -> bool:
        """True if a proxy reads the requests, which must then name the whole URL."""
        return self.proxy is not None and self.context is None

    def connect(self) -> socket.socket | NestedTls:
        """Return a connection that is ready for requests."""
        made: socket.socket | NestedTls
        address = self.proxy or (self.host, self.port)
        made = socket.create_connection(address, self.connect_seconds)
        try:
            # The body follows the headers in a packet of its own. With Nagle's algorithm it would
            # wait 40 ms for an acknowledgment.
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.proxy_context:
                made = self.proxy_context.wrap_socket(made, server_hostname=address[0])
            if self.context:
                if self.proxy:
                    self._tunnel(made)
                made = _in_tls(made, self.context, self.host)
            made.settimeout(self.read_seconds)
        except BaseException:
            made.close()
            raise
        return made

    def _tunnel(self, made: socket.socket) -> None:
        """Ask the proxy to connect to the host.

        Raises:
            OSError: It refuses.
            HTTPException: It does not speak HTTP.
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [f"CONNECT {host}:{self.port} HTTP/1.1", f"Host: {host}:{self.port}"]
        lines += [f"{name}: {value}" for name, value in self.proxy_headers.items()]
        made.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        with HTTPResponse(made, method="CONNECT") as answer:
            answer.begin()
            if not 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's success
                raise ConnectionError(f"the proxy answered {answer.status}")


def _in_tls(made: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket | NestedTls:
    """Return TLS with ``host`` over a connection, which may be TLS with a proxy itself."""
    if not isinstance(made, ssl.SSLSocket):
        return context.wrap_socket(made, server_hostname=host)
    # Such proxies are rare.
    from gtm_events.nested_tls import NestedTls  # noqa: PLC0415

    return NestedTls(made, context, host)


def _proxies(url: str) -> Mapping[str, str]:
    """Return the proxies for a URL, by scheme, as the SDK reads them from the environment."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return {}
    # Slow to import, and proxies are rare.
    from botocore.utils import get_environ_proxies  # noqa: PLC0415

    proxies: Mapping[str, str] = get_environ_proxies(url)
    return proxies


def _proxy(url: str | None) -> SplitResult | None:
    if not url:
        return None
    proxy = urlsplit(url if "://" in url else f"http://{url.removeprefix('//')}")
    if proxy.scheme not in _PORTS or not proxy.hostname:
        # Leave out the value, which may hold a password.
        raise SettingsError(
            "HTTPS_PROXY or HTTP_PROXY", "must be an http:// or https:// URL", proxy.scheme
        )
    return proxy


def _address(url: SplitResult) -> tuple[str, int]:
    return url.hostname or "", url.port or _PORTS[url.scheme]


def _authorization(proxy: SplitResult) -> dict[str, str]:
    if not proxy.username or proxy.password is None:
        return {}
    words = f"{unquote(proxy.username)}:{unquote(proxy.password)}"
    return {"Proxy-Authorization": f"Basic {b64encode(words.encode()).decode()}"}


class _Connection(HTTPConnection):
    """A connection that knows whether it can be reused."""

    def __init__(self, route: _Route) -> None:
        super().__init__(route.host, route.port)
        self.default_port = _PORTS["https" if route.context else "http"]  # for the Host header
        self._route = route
        self.response_class = _Response

    def connect(self) -> None:
        """Connect. ``http.client`` calls this for the first request."""
        self.sock = self._route.connect()

    def exchange(self, request: SignedRequest) -> Response:
        """Send a request and read its answer. Close the connection if more data follows.

        Raises:
            OSError: See :meth:`Connections.send`.
            HTTPException: See :meth:`Connections.send`.
        """
        route = self._route
        url = urlsplit(request.url)
        target = request.url if route.forwards else url._replace(scheme="", netloc="").geturl()
        headers = dict(request.headers)
        if route.forwards:
            headers.update(route.proxy_headers)
        self.request(request.method, target, request.body, headers)
        response: Any = self.getresponse()
        with response:
            content = response.whole()
        if response.surplus:
            self.close()
        return Response(response.status, response.headers, content)

    def is_quiet(self) -> bool:
        """Return whether there is nothing to read: neither stray data nor the end of the stream."""
        connection: Any = self.sock
        if connection is None:
            return False
        # The kernel does not see data that TLS has already decrypted.
        if (self._route.context or self._route.proxy_context) and connection.pending():
            return False
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        return not poll.poll(0)


class _Response(HTTPResponse):
    """An answer that knows whether more data followed it.

    Attributes:
        surplus: Whether more data followed. Known once the answer is closed.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._reader = self.fp = _Reader(_Source(self.fp.detach()))

    @property
    def surplus(self) -> bool:
        return self._reader.surplus

    def whole(self) -> bytes:
        """Read and return the body.

        Raises:
            HTTPException: It is too large or incomplete, or the status is an interim one.
        """
        if self.status < _FINAL_STATUS:
            raise HTTPException("an interim status")
        content = self.read(MAX_ANSWER_BYTES + 1)
        if len(content) > MAX_ANSWER_BYTES:
            raise HTTPException("too large an answer")
        if self.length:  # read() does not report a truncated body
            raise IncompleteRead(b"", self.length)
        return content


class _Source(io.RawIOBase):
    """A socket's bytes, until :meth:`stop` is called."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self._stopped = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        return 0 if self._stopped else self._raw.readinto(buffer)

    def stop(self) -> None:
        """Return no further bytes."""
        self._stopped = True

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Reader(io.BufferedReader):
    """A buffer that remembers whether it had unread data when it was closed.

    ``http.client`` creates a buffer for each answer and drops the rest of the previous one.
    """

    surplus = False

    def __init__(self, source: _Source) -> None:
        super().__init__(source)
        self._source = source

    def close(self) -> None:
        if not self.closed:
            self._source.stop()
            self.surplus = bool(self.peek(1))
        super().close()
