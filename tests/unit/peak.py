"""Peak memory of the function for a batch, measured in a separate process.

``python -m tests.unit.peak`` prints a table of every crafted batch at every destination.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.unit import crafted
from tests.unit.builders import UNSET_VALUES

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BYTES: Final = 200_000_000

TWO_TYPES: Final = "customer-profiles with visitors"

DESTINATIONS: Final = (
    "customer-profiles",
    TWO_TYPES,
    "eventbridge",
    "firehose",
    "kinesis",
    "pinpoint",
)

_SOURCES: Final = Path(__file__).parents[2] / "lambda_src"
_ANSWER_SECONDS: Final = 0.02  # so that several requests are under way at the same time

# The measured program. It reads the event as Lambda's runtime does, and keeps the text.
_PROGRAM: Final = """
import json, sys
from pathlib import Path
from gtm_events import handler

class Context:
    aws_request_id = "peak"
    def get_remaining_time_in_millis(self):
        return 900_000

received = Path(sys.argv[1]).read_bytes()
answer = handler.handle(json.loads(received), Context())
status = Path("/proc/self/status").read_text()
[line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
print(json.dumps({"bytes": int(line.split()[1]) * 1024, **answer}))
"""


def measured(shape: str, destination: str) -> dict[str, Any]:
    """Return the peak memory for a batch at a destination.

    Returns:
        ``bytes`` at the peak, ``batchItemFailures``, and what the batch's log line says.
    """
    with tempfile.TemporaryDirectory() as directory, Services() as url:
        path = Path(directory, "event.json")
        path.write_bytes(crafted.event(crafted.SHAPES[shape]()))
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(_SOURCES),
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": url,
            "DESTINATION": "customer-profiles" if destination == TWO_TYPES else destination,
            "UNSET_VALUES": json.dumps(sorted(UNSET_VALUES)),
            "DEAD_LETTER_QUEUE_URL": f"{url}/dead-letters",
            "ANONYMOUS_USER_ATTRIBUTES": '"*"',
            "AUTHENTICATED_USER_ATTRIBUTES": '"*"',
            "ALLOWED_ORIGINS": '["https://a.example"]',
            "ACCEPT_CLIENT_TIMESTAMP": "false",
            "PINPOINT_APPLICATION_ID": "app",
            "PINPOINT_REQUESTS_PER_SECOND": "1000",
            "CUSTOMER_PROFILES_DOMAIN_NAME": "domain",
            "CUSTOMER_PROFILES_OBJECT_TYPE_NAME": "type",
            "CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME": (
                "visitors" if destination == TWO_TYPES else ""
            ),
            "CUSTOMER_PROFILES_REQUESTS_PER_SECOND": "1000",
            "KINESIS_STREAM_ARN": "arn:aws:kinesis:us-east-1:123456789012:stream/s",
            "FIREHOSE_DELIVERY_STREAM_NAME": "stream",
            "EVENT_BUS_ARN": "arn:aws:events:us-east-1:123456789012:event-bus/b",
            "EVENT_SOURCE": "shop",
        }
        process = subprocess.run(  # noqa: S603 - its own program
            [sys.executable, "-c", _PROGRAM, str(path)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    *lines, result = process.stdout.splitlines()
    found: dict[str, Any] = json.loads(lines[-1]) | json.loads(result)
    return found


class Services:
    """A loopback server for all destinations and queues that accepts everything.

    A Pinpoint event called ``bad`` is refused.
    """

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> str:
        """Start the server, and return its URL."""
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers.get("X-Amz-Target", self.path).rpartition(".")[2]
        if self.headers.get("X-Amz-Target", "").startswith("AWSEvents"):
            operation = "events:PutEvents"
        if "/v1/apps/" in operation:
            operation = "/v1/apps"
        elif "/domains/" in operation:
            operation = "/domains"
        answer = json.dumps(_ANSWERS[operation](json.loads(body))).encode()
        time.sleep(_ANSWER_SECONDS)
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_PUT = do_POST  # noqa: N815 - the base class asks for it

    def log_message(self, *_: object) -> None:
        pass


def _pinpoint(request: dict[str, Any]) -> dict[str, Any]:
    results = {}
    for endpoint_id, item in request["BatchItem"].items():
        events = {
            event_id: {"StatusCode": 400 if event["EventType"] == "bad" else 202}
            for event_id, event in item["Events"].items()
        }
        results[endpoint_id] = {
            "EndpointItemResponse": {"StatusCode": 202},
            "EventsItemResponse": events,
        }
    return {"Results": results}


def _profiles(request: dict[str, Any]) -> dict[str, Any]:
    bad = [item["Id"] for item in request["Items"] if '"event_type":"bad"' in item["Object"]]
    return {
        "Successful": [{"Id": i["Id"]} for i in request["Items"] if i["Id"] not in bad],
        "Failed": [{"Id": event_id, "Code": 400, "Message": "No"} for event_id in bad],
    }


_ANSWERS: Final[dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "/v1/apps": _pinpoint,
    "/domains": _profiles,
    "PutRecords": lambda request: {"Records": [{"SequenceNumber": "1"}] * len(request["Records"])},
    "PutRecordBatch": lambda request: {
        "RequestResponses": [{"RecordId": "1"}] * len(request["Records"])
    },
    "events:PutEvents": lambda request: {"Entries": [{"EventId": "1"}] * len(request["Entries"])},
    "SendMessageBatch": lambda request: {
        "Successful": [{"Id": entry["Id"]} for entry in request["Entries"]]
    },
}


def main() -> None:
    """Print the table."""
    lines = [f"| batch | {' | '.join(DESTINATIONS)} |", f"| --- |{' ---: |' * len(DESTINATIONS)}"]
    sys.stdout.write("\n".join(lines) + "\n")
    for shape in crafted.SHAPES:
        cells = []
        for destination in DESTINATIONS:
            found = measured(shape, destination)
            returned = f" ({found['retried']} returned)" if found["retried"] else ""
            cells.append(f"{found['bytes'] / 1e6:.0f}{returned}")
        sys.stdout.write(f"| {shape.replace('_', ' ')} | {' | '.join(cells)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
