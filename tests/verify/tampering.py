"""A proxy in front of the local endpoint that imitates a different API Gateway for one question."""

from __future__ import annotations

import http.client
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cdk_gtm_connector_cli.verify.probe import find_mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cdk_gtm_connector_cli.verify.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Request:
    """A request through the proxy."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """An answer through the proxy."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def _as_it_is(it: Any) -> Any:
    return it


@dataclass(frozen=True, slots=True)
class Tamper:
    """Changes while a question is asked.

    Attributes:
        request: Changes a request, or answers it.
        response: Changes an answer.
        message: Changes the text of a message.
    """

    request: Callable[[Request], Request | Response] = _as_it_is
    response: Callable[[Response], Response] = _as_it_is
    message: Callable[[str], str] = _as_it_is


def in_target(pattern: str, text: str) -> Tamper:
    """Replace what a pattern matches in the URL."""
    return Tamper(lambda it: replace(it, target=re.sub(pattern, text, it.target)))


def answering(status: int, body: bytes = b"", **headers: str) -> Tamper:
    """Answer without the endpoint: nothing is queued."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Tamper(lambda _: Response(status, named, body))


class Proxy:
    """A running proxy.

    Attributes:
        url: URL of ``/events`` through it.
        tamper: The current changes.
        by_number: Changes to messages, by the number in their mark.
    """

    def __init__(self, endpoint_url: str) -> None:
        parts = urlsplit(endpoint_url)
        self._upstream = parts.netloc
        self.tamper = Tamper()
        self.by_number: dict[int, Tamper] = {}
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return self._forward
                raise AttributeError(name)

            def _forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path, dict(self.headers), body)
                answer = proxy.answer(request)
                self.send_response_only(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                        self.send_header(name, value)
                if answer.status != HTTPStatus.NO_CONTENT or answer.body:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}{parts.path}"

    def answer(self, request: Request) -> Response:
        """Return the answer for the client."""
        tamper = self.tamper
        changed = tamper.request(request)
        if isinstance(changed, Response):
            return changed
        connection = http.client.HTTPConnection(self._upstream, timeout=60)
        connection.putrequest(changed.method, "/", skip_host=True, skip_accept_encoding=True)
        # putrequest() refuses many of these requests.
        connection._buffer[0] = f"{changed.method} {changed.target} HTTP/1.1".encode("latin-1")  # type: ignore[attr-defined]
        for name, value in changed.headers.items():
            if name.lower() not in {"host", "content-length"}:
                connection.putheader(name, value.encode("latin-1"))
        connection.putheader("Host", self._upstream)
        if changed.body or request.method == "POST":
            connection.putheader("Content-Length", str(len(changed.body)))
        connection.endheaders(changed.body or None)
        got = connection.getresponse()
        response = Response(got.status, dict(got.getheaders()), got.read())
        connection.close()
        return tamper.response(response)

    def received(self, parsed: dict[str, Any], **_: Any) -> None:
        """Change the messages in an answer of SQS according to :attr:`by_number`."""
        for message in parsed.get("Messages", []):
            found = find_mark(message["Body"])
            if found:
                tamper = self.by_number.get(found[1], Tamper())
                message["Body"] = tamper.message(message["Body"])


@contextmanager
def proxied(deployment: Deployment) -> Iterator[tuple[Proxy, Deployment]]:
    """Run a proxy in front of a deployment's endpoint, and yield the proxy and the deployment."""
    proxy = Proxy(deployment.endpoint_url)
    thread = threading.Thread(target=proxy.server.serve_forever, args=(0.05,))
    thread.start()
    events = deployment.client("sqs").meta.events
    events.register("after-call.sqs.ReceiveMessage", proxy.received)
    try:
        yield proxy, replace(deployment, endpoint_url=proxy.url)
    finally:
        events.unregister("after-call.sqs.ReceiveMessage", proxy.received)
        proxy.server.shutdown()
        thread.join()
        proxy.server.server_close()
