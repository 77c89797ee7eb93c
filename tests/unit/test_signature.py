"""The signature that local destinations ask for is the one that botocore writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from local.signature import signature_fault
from tests.asgi import send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

SECRET = "secret"  # noqa: S105 - opens nothing
BODY = b'{"a": "\xc3\xa9"}'
SERVICE = "kinesis"


def signed(
    path: str = "/",
    *,
    body: bytes = BODY,
    service: str = SERVICE,
    secret: str = SECRET,
    more: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the headers of a request that botocore has signed."""
    headers = {"Content-Type": "application/x-amz-json-1.1", **(more or {})}
    request = AWSRequest("POST", f"http://127.0.0.1{path}", headers, body)
    signer: Any = SigV4Auth(Credentials("000000000000", secret), service, "us-east-1")
    signer.add_auth(request)
    return dict(request.headers.items())


def fault(headers: dict[str, str], path: str = "/", body: bytes = BODY) -> str:
    async def check(request: Request) -> Response:
        found = signature_fault(request, await request.body(), SERVICE, SECRET)
        return PlainTextResponse(found or "")

    app = Starlette(routes=[Route("/{path:path}", check, methods=["POST"])])
    return send(app, "POST", path, content=body, headers=headers).text


@pytest.mark.parametrize("path", ["/", "/a/b", "/a%20b/%C3%A9", "/?b=2&a=1&c=%2F"])
def test_what_botocore_signs_is_taken(path: str) -> None:
    assert fault(signed(path), path) == ""
    more = {"X-Amz-Target": "T.Op", "X-Amz-Security-Token": "t"}
    assert fault(signed(path, more=more), path) == ""


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "no Authorization header"),
        ({"Authorization": "Bearer x"}, "no Authorization header"),
        (signed(service="firehose"), "scoped to service 'kinesis', not 'firehose'"),
        (signed(secret="other"), "does not match"),  # noqa: S106
        (signed(body=b"{}"), "does not match"),
        (signed("/other"), "does not match"),
        (signed() | {"X-Amz-Date": "20200101T000000Z"}, "a time of the credential's day"),
        (signed() | {"X-Amz-Date": "now"}, "a time of the credential's day"),
        (signed() | {"X-Amz-Target": "added"}, "must be signed and are not: x-amz-target"),
        (signed() | {"Content-Type": "text/plain"}, "does not match"),
    ],
)
def test_a_signature_that_aws_would_refuse_is_refused(headers: dict[str, str], words: str) -> None:
    assert words in fault(headers)
