"""The signature that the local servers ask for is the one that botocore writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from botocore import auth
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from local.signature import EmulatorAccess, Scope, new_secret, signature_fault
from tests.asgi import send

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

SECRET = "secret"  # noqa: S105 - opens nothing
BODY = b'{"a": "\xc3\xa9"}'
SERVICE = "kinesis"
OTHER_HASH = "0" * 64


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
    request = EmulatorAccess("http://127.0.0.1", secret).request(
        path, Scope("000000000000", "us-east-1", service), body=body, headers=headers
    )
    return dict(request.header_items())


def fault(
    headers: dict[str, str], path: str = "/", body: bytes = BODY, service: str | None = SERVICE
) -> str:
    async def check(request: Request) -> Response:
        found = signature_fault(request, await request.body(), SECRET, service=service)
        return PlainTextResponse(found or "")

    app = Starlette(routes=[Route("/{path:path}", check, methods=["POST"])])
    return send(app, "POST", path, content=body, headers=headers).text


@pytest.mark.parametrize("path", ["/", "/a/b", "/a%20b/%C3%A9", "/?b=2&a=1&c=%2F"])
@pytest.mark.parametrize("service", [SERVICE, "s3"])
def test_what_botocore_signs_is_taken(path: str, service: str) -> None:
    assert fault(signed(path, service=service), path, service=service) == ""
    more = {"X-Amz-Target": "T.Op", "X-Amz-Security-Token": "t"}
    assert fault(signed(path, service=service, more=more), path, service=None) == ""


def test_s3_signs_a_path_as_it_stands() -> None:
    path = "/bucket//a%20b"
    assert fault(signed(path, service="s3"), path, service="s3") == ""


# Signed when the test runs: a signature is good for minutes.
@pytest.mark.parametrize(
    ("headers", "words"),
    [
        (dict, "no Authorization header"),
        (lambda: {"Authorization": "Bearer x"}, "no Authorization header"),
        (lambda: {"Authorization": "AWS4-HMAC-SHA256 Credential=a/b"}, "no Authorization header"),
        (lambda: signed(service="firehose"), "scoped to service 'kinesis', not 'firehose'"),
        (lambda: signed(secret="other"), "does not match"),  # noqa: S106
        (lambda: signed(secret=""), "does not match"),
        (lambda: signed(body=b"{}"), "does not match"),
        (lambda: signed("/other"), "does not match"),
        (lambda: signed("/?a=1"), "does not match"),
        (lambda: signed() | {"X-amz-date": "20200101T000000Z"}, "a time on the credential's date"),
        (lambda: signed() | {"X-amz-date": "now"}, "a time on the credential's date"),
        (lambda: signed() | {"X-amz-date": ""}, "a time on the credential's date"),
        (lambda: signed() | {"X-Amz-Target": "added"}, "must be signed but are not: x-amz-target"),
        (lambda: signed() | {"Content-type": "text/plain"}, "does not match"),
        (lambda: signed() | {"Host": "localhost"}, "does not match"),
        (lambda: signed() | {"X-Amz-Content-SHA256": OTHER_HASH}, "not the hash of the body"),
        (lambda: signed() | {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}, "not the hash of"),
    ],
)
def test_a_signature_that_aws_would_refuse_is_refused(
    headers: Callable[[], dict[str, str]], words: str
) -> None:
    assert words in fault(headers())


def test_another_body_under_a_signed_hash_is_refused() -> None:
    assert "not the hash of the body" in fault(signed(service="s3"), body=b"other", service="s3")


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_is_good_for_minutes(monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr(auth, "get_current_datetime", lambda: then)
    # Its day is the credential's day.
    assert "at most 5 minutes from the present" in fault(signed())


def test_every_run_has_a_secret_of_its_own_that_is_not_shown() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(new_secret()) == 40
    assert "hidden" not in repr(EmulatorAccess("http://127.0.0.1", "hidden"))
