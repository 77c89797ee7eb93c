"""Synthetic SQS batches of ordinary events, in the format of Lambda's event source."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote, urlencode

from benchmarks import processes
from cdk_gtm_connector import mapping
from local.vtl import Request, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

PAYLOAD_BYTES: Final = 6 * 1024 * 1024
"""Maximum bytes of an invocation's event: Lambda's limit."""

_TIME: Final = 1_795_000_000_000  # 2026-11-18T11:06:40Z
_ACCOUNT: Final = "123456789012"


def parameters(number: int) -> dict[str, str]:
    """Return the reference request: ten parameters, some with text that needs escaping."""
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


def template(content: Literal["query", "form", "json"] = "query") -> str:
    """Return the endpoint's request template for a kind of content."""
    return mapping.message(
        call=mapping.send_message("https://sqs.us-east-1.amazonaws.com/123456789012/queue"),
        content=content,
        authorizer=None,
        # A connector's defaults, repeated here because importing them would start Node.
        rules=mapping.Rules(
            required=("event", "endpoint_id"),
            unset_values=processes.UNSET_VALUES,
            token_parameter="token",  # noqa: S106 - a parameter's name
            honor_privacy_signals=False,
            max_body_characters=300_000,
            max_events=mapping.MaxEvents(anonymous=20, authenticated=100),
        ),
    )


def body(number: int) -> str:
    """Return the endpoint's message for a reference request."""
    return _message(template(), number, query=parameters(number))


def envelope(
    content: Literal["query", "form", "json"] = "query", *, headers: Mapping[str, str] | None = None
) -> Callable[[int], str]:
    """Return a function that returns the envelope of a request by its number.

    Args:
        content: Kind of content that the tag sends.
        headers: Headers of the request. Default: those of a tag on another site's page.
    """
    # Render only one envelope, because the others differ only in their numbers.
    pattern = _message(template(content), 0, body='{"event":"e"}', headers=headers)
    before, _, after = pattern.partition("\n")[0].partition(_quoted(_request_id(0)))
    time = str(_TIME)
    return lambda number: (
        f"{before.replace(time, str(_TIME + number))}{_quoted(_request_id(number))}{after}"
    )


def records(count: int) -> list[dict[str, Any]]:
    """Return a number of records of reference requests."""
    first_line = envelope()
    return [record(number, f"{first_line(number)}\n{query(number)}") for number in range(count)]


def _message(
    source: str,
    number: int,
    *,
    query: Mapping[str, str] | None = None,
    body: str = "",
    headers: Mapping[str, str] | None = None,
) -> str:
    request = Request(
        querystring=query or {},
        # An image request has no Origin header, and its cross-site Referer is an origin only.
        headers=headers or {"referer": "https://shop.example/", "user-agent": "benchmark"},
        path={},
        body=body,
        context={"requestTimeEpoch": _TIME + number, "extendedRequestId": _request_id(number)},
    )
    message: str = json.loads(render(source, request))["MessageBody"]
    return message


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _request_id(number: int) -> str:
    """Return an id in the format of API Gateway's request ids."""
    return base64.b64encode(hashlib.sha512(str(number).encode()).digest()[:11]).decode()


def record(number: int, text: str) -> dict[str, Any]:
    """Return the record of a message with the body ``text``."""
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


def fitting(batch: Iterable[dict[str, Any]], size: int = PAYLOAD_BYTES) -> Iterator[dict[str, Any]]:
    """Yield leading records as long as they fit into an event of ``size`` bytes."""
    room = size - len('{"Records":[]}')
    for each in batch:
        room -= len(json.dumps(each, separators=(",", ":"))) + 1
        if room < -1:
            return
        yield each
