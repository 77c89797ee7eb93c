"""TLS inside TLS: a connection to a host through a proxy that itself uses TLS.

``ssl`` can only wrap sockets of the operating system. This module lets ``ssl`` encrypt into memory
and sends the result through the proxy's connection. It is rarely needed, so it is loaded on demand.
"""

from __future__ import annotations

import io
import ssl
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE: Final = 65_536  # bytes


class NestedTls:
    """A connection with the socket methods that ``http.client`` calls.

    Args:
        outer: The connection to the proxy, which forwards all data. It is closed with this one.
        context: TLS context for the host.
        host: Name of the host, for which its certificate must be valid.

    Raises:
        OSError: The TLS handshake with the host failed.
    """

    def __init__(self, outer: ssl.SSLSocket, context: ssl.SSLContext, host: str) -> None:
        self._outer = outer
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._to_send, server_hostname=host)
        self._readers = 0
        self._closed = False
        self._do(self._tls.do_handshake)

    def sendall(self, data: Any) -> None:
        """Send all of ``data``."""
        left = memoryview(data).cast("B")
        while left:
            left = left[self._do(self._tls.write, left[:_PIECE]) :]

    def recv_into(self, buffer: Any) -> int:
        """Receive into ``buffer`` and return the number of bytes, or 0 at the end."""
        try:
            count: int = self._do(self._tls.read, len(buffer), buffer)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return 0
        return count

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a reader. As with a socket, the connection stays open while a reader is open."""
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def pending(self) -> int:
        """Return the number of received bytes that are still unread."""
        return self._tls.pending() + self._received.pending + self._outer.pending()

    def fileno(self) -> int:
        """Return the file descriptor of the connection to the proxy."""
        return self._outer.fileno()

    def settimeout(self, seconds: float) -> None:
        """Set the timeout for each wait for the proxy."""
        self._outer.settimeout(seconds)

    def close(self) -> None:
        """Close the connection once no reader is open."""
        self._closed = True
        self._close_unread()

    def reader_closed(self) -> None:
        """Note that a reader is closed."""
        self._readers -= 1
        self._close_unread()

    def _close_unread(self) -> None:
        if self._closed and not self._readers:
            self._outer.close()

    def _do(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        """Return the result of a TLS operation, sending and receiving data as it requires."""
        while True:
            try:
                done = operation(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                if received := self._outer.recv(_PIECE):
                    self._received.write(received)
                else:
                    self._received.write_eof()
            else:
                self._flush()
                return done

    def _flush(self) -> None:
        if piece := self._to_send.read():
            self._outer.sendall(piece)


class _Reader(io.RawIOBase):
    """A raw stream of a connection's bytes."""

    def __init__(self, connection: NestedTls) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._connection.recv_into(buffer)

    def close(self) -> None:
        if not self.closed:
            self._connection.reader_closed()
        super().close()
