"""Synthetic SQS batches of ordinary events, as Lambda's event source hands them over."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from local.velocity import Request, render

if TYPE_CHECKING:
    from pathlib import Path

PAYLOAD_BYTES: Final = 6 * 1024 * 1024
"""What an invocation's event may have at the most: Lambda's limit."""

_TIME: Final = 1_795_000_000_000  # 2026-11-18T11:06:40Z
_ACCOUNT: Final = "123456789012"


def parameters(number: int) -> dict[str, str]:
    """Return the reference request: ten parameters, some with text that has to be escaped."""
    return {
        "event": "add_to_cart",
        "endpoint_id": f"visitor-{number:08d}",
        "evat_page": "/products/shoes?color=red&size=42",
        "evat_title": "Red shoes – Größe 42",
        "evat_currency": "EUR",
        "evat_item": f"SKU-{number % 977}",
        "evat_campaign": "autumn sale",
        "evmt_price": "89.95",
        "evmt_quantity": "1",
        "gtmcb": str(number * 7919 % 2_147_483_647),
    }


def query(number: int) -> str:
    """Return the reference request's raw query string, as GTM sends it."""
    return urlencode(parameters(number))


def body(number: int, template: str) -> str:
    """Return the message that ``template``, the endpoint's, makes of a reference request."""
    request = Request(
        querystring=parameters(number),
        # An image's request names no origin, and of another site's page its origin alone.
        headers={"referer": "https://shop.example/", "user-agent": "benchmark"},
        path={},
        body="",
        context={"requestTimeEpoch": _TIME + number, "extendedRequestId": _request_id(number)},
    )
    message: str = json.loads(render(template, request))["MessageBody"]
    return message


def records(count: int, template: str) -> list[dict[str, Any]]:
    """Return that many records. Only one is rendered: the others differ in their numbers."""
    pattern = body(0, template)
    head, _, _ = pattern.partition("\n")
    before, _, after = head.partition(quote(_request_id(0), safe=""))
    return [
        _record(number, f"{before}{quote(_request_id(number), safe='')}{after}\n{query(number)}")
        for number in range(count)
    ]


def _request_id(number: int) -> str:
    """Return an id of the shape of API Gateway's."""
    return base64.b64encode(hashlib.sha512(str(number).encode()).digest()[:11]).decode()


def _record(number: int, text: str) -> dict[str, Any]:
    return {
        "messageId": f"{number:08x}-0000-4000-8000-{number:012x}",
        "receiptHandle": hashlib.sha512(str(number).encode()).hexdigest() * 2,
        "body": text,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(_TIME + number),
            "SenderId": "AROAEXAMPLEEXAMPLE:BackplaneAssumeRoleSession",
            "ApproximateFirstReceiveTimestamp": str(_TIME + number + 5_000),
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:{_ACCOUNT}:Stack-ConnectorQueue-EXAMPLE",
        "awsRegion": "us-east-1",
    }


def write(path: Path, batch: list[dict[str, Any]]) -> None:
    """Write an invocation's event as Lambda sends it to the runtime."""
    path.write_text(json.dumps({"Records": batch}, separators=(",", ":")), encoding="utf-8")


def fitting(batch: list[dict[str, Any]], size: int = PAYLOAD_BYTES) -> list[dict[str, Any]]:
    """Return the records, from the first on, that fit into an event of ``size`` bytes."""
    room = size - len('{"Records":[]}')
    for count, record in enumerate(batch):
        room -= len(json.dumps(record, separators=(",", ":"))) + 1
        if room < -1:
            return batch[:count]
    return batch
