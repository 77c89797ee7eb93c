"""A server that accepts everything: ``python -m benchmarks.server``.

It answers the batch operations of all destinations and of the dead-letter queue as AWS does when
every entry is accepted, over HTTP or TLS, and counts them. To be fast, it only checks that entries
can be read.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.certificates import server_context

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Sequence

_HANDSHAKE_SECONDS: Final = 60.0

Reply = tuple[int, dict[str, Any], int]
"""An answer's status and body, and the number of accepted entries."""


def _pinpoint(request: dict[str, Any]) -> Reply:
    accepted = {"StatusCode": 202, "Message": "Accepted"}
    items = request["BatchItem"]
    results = {
        endpoint_id: {
            "EndpointItemResponse": accepted,
            "EventsItemResponse": dict.fromkeys(item["Events"], accepted),
        }
        for endpoint_id, item in items.items()
    }
    return 202, {"Results": results}, sum(len(item["Events"]) for item in items.values())


def _customer_profiles(request: dict[str, Any]) -> Reply:
    ids = [item["Id"] for item in request["Items"]]
    taken = [{"Id": each, "ProfileObjectUniqueKey": each} for each in ids]
    return 200, {"Successful": taken, "Failed": []}, len(ids)


def _kinesis(request: dict[str, Any]) -> Reply:
    count = len(request["Records"])
    record = {"SequenceNumber": "49" * 28, "ShardId": "shardId-000000000000"}
    return 200, {"FailedRecordCount": 0, "Records": [record] * count}, count


def _firehose(request: dict[str, Any]) -> Reply:
    count = len(request["Records"])
    response = {"RecordId": "r" * 220}
    return 200, {"FailedPutCount": 0, "RequestResponses": [response] * count}, count


def _eventbridge(request: dict[str, Any]) -> Reply:
    count = len(request["Entries"])
    entry = {"EventId": "11710aed-b79e-4468-a20b-bb3c0c3b4860"}
    return 200, {"FailedEntryCount": 0, "Entries": [entry] * count}, count


def _dead_letters(request: dict[str, Any]) -> Reply:
    ids = [entry["Id"] for entry in request["Entries"]]
    taken = [{"Id": each, "MessageId": each, "MD5OfMessageBody": "0" * 32} for each in ids]
    return 200, {"Successful": taken, "Failed": []}, len(ids)


_BY_TARGET: Final[dict[str, tuple[str, Callable[[dict[str, Any]], Reply]]]] = {
    "Kinesis_20131202.PutRecords": ("kinesis", _kinesis),
    "Firehose_20150804.PutRecordBatch": ("firehose", _firehose),
    "AWSEvents.PutEvents": ("eventbridge", _eventbridge),
    "AmazonSQS.SendMessageBatch": ("dead letters", _dead_letters),
}
_BY_PATH: Final[dict[str, tuple[str, Callable[[dict[str, Any]], Reply]]]] = {
    "events": ("pinpoint", _pinpoint),
    "batch-put-profile-object": ("customer-profiles", _customer_profiles),
}


class AcceptingServer(ThreadingHTTPServer):
    """A server that accepts everything.

    Args:
        latency_seconds: Delay of each answer.
        tls: TLS context with a certificate; ``None`` for plain HTTP.

    Attributes:
        totals: ``connections``, ``requests``, and accepted entries by service.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *, latency_seconds: float = 0, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.latency_seconds = latency_seconds
        self.totals: Counter[str] = Counter()
        self._tls = tls
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """URL of the server."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.server_port}"

    def count(self, **numbers: int) -> None:
        """Add to the totals."""
        with self._lock:
            self.totals.update(numbers)

    def finish_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any
    ) -> None:
        """Serve one connection in its own thread, so that a handshake delays no other."""
        self.count(connections=1)
        if self._tls and not isinstance(request, tuple):
            request.settimeout(_HANDSHAKE_SECONDS)
            request = self._tls.wrap_socket(request, server_side=True)
            request.settimeout(None)
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one packet

    server: AcceptingServer

    def answer(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        target = self.headers.get("X-Amz-Target")
        service, operation = (
            _BY_TARGET[target] if target else _BY_PATH[self.path.rpartition("/")[2]]
        )
        status, document, taken = operation(json.loads(body))
        self.server.count(requests=1, **{service: taken})
        if self.server.latency_seconds:
            time.sleep(self.server.latency_seconds)
        answer = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.wfile.flush()

    do_POST = do_PUT = answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM, then print the totals as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server")
    parser.add_argument("--latency-ms", type=float, default=0, help="added to every answer")
    parser.add_argument("--certificate", type=Path, help="certificate and key: serve TLS")
    options = parser.parse_args(arguments)
    tls = server_context(options.certificate) if options.certificate else None
    with AcceptingServer(latency_seconds=options.latency_ms / 1000, tls=tls) as server:
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        print(f"listens on {server.url}", flush=True)
        server.serve_forever()
        print(json.dumps(server.totals), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
