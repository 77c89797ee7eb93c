"""Requests to the pipeline of this folder, and what comes of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tests.pipeline.conftest import logged_batches

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.pipeline.stack import Pipeline
    from tests.pipeline.conftest import Answer, Send

    Mint = Callable[..., str]


AUDIENCE = "shop"
EVENT = "event=page_view&endpoint_id=e1"
FORM = "application/x-www-form-urlencoded;charset=UTF-8"  # as a browser writes it
ALLOWED = ("https://shop.example", "https://www.shop.example", "https://a.b.shop.example")
FOREIGN = (
    "https://evil.example",
    "https://shop.example.evil.example",
    "https://evilshop.example",
    "http://shop.example",
    "https://shop.example:8443",
    "null",
)


def token_secret(pipeline: Pipeline) -> str:
    secret: str = pipeline.client("secretsmanager").get_secret_value(
        SecretId=pipeline.outputs["TokenSecretArn"]
    )["SecretString"]
    return secret


def received(pipeline: Pipeline) -> int:
    return sum(batch["received"] for batch in logged_batches(pipeline))


def envelope_of(message_body: str) -> dict[str, str]:
    return dict(parse_qsl(message_body.partition("\n")[0], strict_parsing=True))


def check_cors(answer: Answer, origin: str | None, *, allowed: bool) -> None:
    assert answer.headers["vary"] == "Origin"
    assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
    assert answer.headers.get("access-control-allow-credentials") == ("true" if allowed else None)


def json_event(number: int = 0) -> dict[str, Any]:
    return {
        "event": f"posted{number % 3}",
        "endpoint_id": "😀",
        "evat_a": 'quote" \\ ü',
        "evmt_b": 1,
    }


def post_json(send: Send, document: object) -> Answer:
    body = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
    headers = {"Content-Type": "application/json", "Origin": ALLOWED[0]}
    return send("", method="POST", headers=headers, body=body)
