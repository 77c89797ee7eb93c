"""Servers on loopback with answers that a test defines, over plain TCP and TLS."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator


@dataclass(frozen=True)
class ReceivedRequest:
    """A request.

    Attributes:
        connection: Number of the connection that it came on, from 0.
        number: Number of the request, from 0, over all connections.
        head: The request line and the headers.
        body: The body.
    """

    connection: int
    number: int
    head: bytes
    body: bytes


@dataclass
class LoopbackServer:
    """A server.

    Attributes:
        port: The server's port.
        requests: The received requests.
        connections: Number of accepted connections.
    """

    port: int
    requests: list[ReceivedRequest] = field(default_factory=list)
    connections: int = 0


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    """Return an HTTP answer."""
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


@contextmanager
def serving(
    answers: Callable[[ReceivedRequest], Iterable[bytes] | None],
    context: ssl.SSLContext | None = None,
) -> Iterator[LoopbackServer]:
    """Run a server while the block lasts.

    Args:
        answers: Returns the pieces of the answer to a request; ``None`` closes the connection.
        context: TLS context. Default: plain TCP.
    """
    lock = threading.Lock()

    def serve(connection: socket.socket, number: int) -> None:
        with suppress(OSError), connection:
            if context:
                connection = context.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as reader:
                while head := read_head(reader):
                    body = reader.read(content_length(head))
                    with lock:
                        asked = ReceivedRequest(number, len(served.requests), head, body)
                        served.requests.append(asked)
                    pieces = answers(asked)
                    if pieces is None:
                        return
                    for piece in pieces:
                        connection.sendall(piece)

    with listening(serve) as served:
        yield served


@contextmanager
def proxying(
    port: int,
    answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n",
    context: ssl.SSLContext | None = None,
) -> Iterator[LoopbackServer]:
    """Run a proxy that connects every request to ``port`` on loopback.

    Args:
        port: The target port.
        answer: Answer to a ``CONNECT``. If it is not a 200, the connection ends.
        context: TLS context of the proxy itself.
    """

    def serve(connection: socket.socket, number: int) -> None:
        with suppress(OSError), connection:
            if context:
                connection = context.wrap_socket(connection, server_side=True)
            with connection:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += connection.recv(1)
                served.requests.append(ReceivedRequest(number, len(served.requests), head, b""))
                connection.sendall(answer)
                if b" 200 " not in answer:
                    return
                with socket.create_connection(("127.0.0.1", port)) as other:
                    back = threading.Thread(target=pump, args=(other, connection))
                    back.start()
                    pump(connection, other)
                    back.join()

    with listening(serve) as served:
        yield served


@contextmanager
def listening(serve: Callable[[socket.socket, int], None]) -> Iterator[LoopbackServer]:
    """Pass each connection with its number to ``serve``, in its own thread."""
    server = socket.create_server(("127.0.0.1", 0))
    served = LoopbackServer(server.getsockname()[1])
    accepted: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def run(connection: socket.socket, spare: socket.socket, number: int) -> None:
        serve(connection, number)
        with suppress(OSError):
            spare.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):  # the server's end
            while True:
                connection, _ = server.accept()
                accepted.append(connection.dup())
                arguments = (connection, accepted[-1], served.connections)
                threads.append(threading.Thread(target=run, args=arguments))
                served.connections += 1
                threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield served
    finally:
        server.shutdown(socket.SHUT_RDWR)
        accepting.join()
        server.close()
        for connection in accepted:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in threads:
            thread.join()


def read_head(reader: BinaryIO) -> bytes:
    """Return a request's line and headers; nothing at the end of the connection."""
    lines = []
    while (line := reader.readline()).strip():
        lines.append(line)
    return b"".join(lines)


def content_length(head: bytes) -> int:
    """Return the length of the body that follows a head."""
    for line in head.lower().splitlines():
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Forward the received bytes, and the end of the connection."""
    with suppress(OSError):
        while piece := source.recv(65_536):
            sink.sendall(piece)
    with suppress(OSError):
        # Not TLS's own shutdown, after which the other direction would no longer be decrypted.
        socket.socket.shutdown(sink, socket.SHUT_WR)
