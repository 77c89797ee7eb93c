"""The handlers to measure: the shipped one and three baselines."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import time
from binascii import a2b_qp
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Handler = "Callable[[dict[str, Any]], object]"

EVENTS_PER_REQUEST: Final = 100
"""Maximum events in a Pinpoint request. The baselines are independent of the function's code."""

_APPLICATION_ID: Final = "benchmark"
_REGION: Final = "us-east-1"
_THREADS: Final = 10  # as many connections as a boto3 client keeps alive by default


class Context:
    """Lambda's context of an invocation.

    Args:
        seconds: Remaining time of the invocation. Default: 15 minutes, Lambda's maximum.
    """

    aws_request_id = "benchmark"

    def __init__(self, seconds: float = 900) -> None:
        self._ends = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining milliseconds."""
        return max(0, int((self._ends - time.monotonic()) * 1000))


def create(name: str) -> Callable[[dict[str, Any]], object]:
    """Return a handler by its name, ready for its first invocation."""
    makers = {
        "shipped": _shipped,
        "one-by-one": _one_by_one,
        "afternoon": _afternoon,
        "floor": _floor,
    }
    return makers[name]()


def _shipped() -> Callable[[dict[str, Any]], object]:
    from gtm_events import handler  # noqa: PLC0415 - in the process that runs it, and only there

    handler._delivery()  # noqa: SLF001 - what Lambda does while it starts the process
    return lambda event: handler.handle(event, Context())


def _one_by_one() -> Callable[[dict[str, Any]], object]:
    """Return the naive handler: one SDK request per record."""
    client = _boto3_client()

    def handle(event: dict[str, Any]) -> None:
        for record in event["Records"]:
            client.put_events(
                ApplicationId=_APPLICATION_ID, EventsRequest={"BatchItem": _items([record])}
            )

    return handle


def _afternoon() -> Callable[[dict[str, Any]], object]:
    """Return a handler that a good engineer writes in an afternoon.

    It uses the SDK, full requests, threads, and a batch response that names the records that
    Pinpoint did not accept.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as in _shipped

    client = _boto3_client()
    pool = ThreadPoolExecutor(_THREADS)

    def send(records: Sequence[dict[str, Any]]) -> list[str]:
        """Send one request, and return the ids of the messages to retry."""
        items = _items(records)
        try:
            answer = client.put_events(
                ApplicationId=_APPLICATION_ID, EventsRequest={"BatchItem": items}
            )
        except (BotoCoreError, ClientError):
            return [record["messageId"] for record in records]
        results = answer["EventsResponse"]["Results"]
        return [
            message_id
            for endpoint_id, item in items.items()
            for message_id in item["Events"]
            if results[endpoint_id]["EventsItemResponse"][message_id]["StatusCode"]
            != HTTPStatus.ACCEPTED
        ]

    def handle(event: dict[str, Any]) -> dict[str, Any]:
        failed = [message_id for ids in pool.map(send, _chunks(event)) for message_id in ids]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    return handle


def _boto3_client() -> Any:
    import boto3  # noqa: PLC0415 - as in _shipped

    return boto3.client("pinpoint")


def _chunks(event: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Yield the records of each request."""
    records = event["Records"]
    for start in range(0, len(records), EVENTS_PER_REQUEST):
        yield records[start : start + EVENTS_PER_REQUEST]


def _items(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a ``BatchItem`` with the records' events."""
    items: dict[str, Any] = {}
    for record in records:
        parameters = dict(parse_qsl(record["body"].partition("\n")[2]))
        item = items.setdefault(parameters["endpoint_id"], {"Endpoint": {}, "Events": {}})
        item["Events"][record["messageId"]] = {
            "EventType": parameters["event"],
            "Timestamp": datetime.now(UTC).isoformat(),
            "Attributes": _named("evat_", parameters),
            "Metrics": {name: float(value) for name, value in _named("evmt_", parameters).items()},
        }
    return items


def _named(prefix: str, parameters: dict[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value
        for name, value in parameters.items()
        if name.startswith(prefix)
    }


# The floor decodes by two control characters that every encoder escapes.
_QUOTED_PRINTABLE: Final = bytes.maketrans(b"%+&=", b"= \x1e\x1f")
_BETWEEN_PARAMETERS: Final = "\\u001e"
_BETWEEN_NAME_AND_VALUE: Final = "\\u001f"


def _floor() -> Callable[[dict[str, Any]], object]:
    """Return a handler with minimal work: one decoding, encoding and request per 100 events.

    Nearly all of it runs in C. One call decodes 100 queries, one ``json.dumps`` encodes them, and
    two replacements turn their parameters into attributes. Only the answer's status is checked.
    Events have no type, endpoint or time of their own, and the URL's parameters are not
    interpreted.
    """
    url = f"{os.environ['AWS_ENDPOINT_URL']}/v1/apps/{_APPLICATION_ID}/events"
    host, path = urlsplit(url).netloc, urlsplit(url).path
    connection = http.client.HTTPConnection(host)

    def handle(event: dict[str, Any]) -> None:
        for chunk in _chunks(event):
            body = _least_body(chunk)
            connection.request("POST", path, body, _signature(host, path, body))
            answer = connection.getresponse()
            answer.read()
            if answer.status != HTTPStatus.ACCEPTED:
                raise RuntimeError(f"the floor's request was answered with {answer.status}")

    return handle


def _least_body(records: Sequence[dict[str, Any]]) -> bytes:
    """Return a valid Pinpoint request with the parameters of each record as attributes."""
    raw = "\n".join([record["body"].partition("\n")[2] for record in records]).encode("ascii")
    encoded = json.dumps(a2b_qp(raw.translate(_QUOTED_PRINTABLE)).decode())[1:-1]
    queries = encoded.replace(_BETWEEN_PARAMETERS, '","').replace(_BETWEEN_NAME_AND_VALUE, '":"')
    events = ",".join(
        [
            f'"{record["messageId"]}":'
            f'{{"EventType":"e","Timestamp":"2026-11-18T11:06:40Z","Attributes":{{"{query}"}}}}'
            for record, query in zip(records, queries.split("\\n"), strict=True)
        ]
    )
    return f'{{"BatchItem":{{"all":{{"Endpoint":{{}},"Events":{{{events}}}}}}}}}'.encode()


def _signature(host: str, path: str, body: bytes) -> dict[str, str]:
    """Return the headers of a POST, signed with AWS Signature Version 4."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = [now[:8], _REGION, "mobiletargeting", "aws4_request"]
    request = (
        f"POST\n{path}\n\nhost:{host}\nx-amz-date:{now}\n\nhost;x-amz-date\n"
        f"{hashlib.sha256(body).hexdigest()}"
    )
    key = f"AWS4{os.environ['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{now}\n{'/'.join(scope)}\n{digest}"
    credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/{'/'.join(scope)}"
    return {
        "Content-Type": "application/json",
        "X-Amz-Date": now,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, "
        "SignedHeaders=host;x-amz-date, "
        f"Signature={hmac.digest(key, to_sign.encode(), 'sha256').hex()}",
    }
