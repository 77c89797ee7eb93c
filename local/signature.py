"""Signatures of requests to the emulator, made and checked with botocore's own signer.

Each run has its own secret access key. Its clients and functions sign with this key, and the
emulator (:mod:`local.guard`) and the stand-ins accept no other. So a mistake in the function's own
signing shows in a local run.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.request import Request as UrlRequest

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.requests import Request

__all__ = ["EmulatorAccess", "Scope", "new_secret", "signature_fault"]

_AUTHORIZATION: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]+)/"
    r"(?P<service>[^/,\s]+)/aws4_request,\s*SignedHeaders=(?P<headers>[^,\s]+),\s*"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
_TIMESTAMP_FORMAT: Final = "%Y%m%dT%H%M%SZ"
_TIMESTAMP_LENGTH: Final = 16
# AWS's limit: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
_MOST_SKEW: Final = timedelta(minutes=5)
_SECRET_BYTES: Final = 30  # 40 characters, like AWS's own
_BODY_HASH: Final = "x-amz-content-sha256"


def new_secret() -> str:
    """Return a random secret access key."""
    return secrets.token_urlsafe(_SECRET_BYTES)


@dataclass(frozen=True, slots=True)
class Scope:
    """The scope of a signature.

    Attributes:
        account: The access key's id. The emulator reads 12 digits as the account's number.
        region: The Region.
        service: The service's name in signatures, such as ``events`` for EventBridge.
    """

    account: str
    region: str
    service: str

    @classmethod
    def of(cls, request: Request) -> Scope | None:
        """Return the scope of a request's signature; ``None`` if it is not signed."""
        found = _authorization(request)
        return None if found is None else _scope(found)

    def signer(self, secret: str) -> Any:
        """Return botocore's signer, which is untyped."""
        signer = S3SigV4Auth if self.service == "s3" else SigV4Auth
        return signer(Credentials(self.account, secret), self.service, self.region)


@dataclass(frozen=True, slots=True)
class EmulatorAccess:
    """The emulator's base URL, and the secret access key that it accepts."""

    url: str
    secret: str = field(repr=False)

    def request(
        self,
        path: str,
        scope: Scope,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> UrlRequest:
        """Return a signed request, which is ``POST`` with a body and ``GET`` without one.

        Args:
            path: Path and query string, percent-encoded.
            scope: The signature's scope.
            body: The body to send.
            headers: More headers to send and sign.
        """
        method = "GET" if body is None else "POST"
        request = AWSRequest(method, f"{self.url}{path}", dict(headers or {}), body or b"")
        scope.signer(self.secret).add_auth(request)
        return UrlRequest(  # noqa: S310 - the emulator's
            f"{self.url}{path}", body, dict(request.headers.items()), method=method
        )


def signature_fault(
    request: Request, body: bytes, secret: str, *, service: str | None = None
) -> str | None:
    """Return the fault in a request's Signature Version 4; ``None`` if there is none.

    Args:
        request: The request.
        body: Its body.
        secret: The secret access key that must have signed the request.
        service: The service that the signature's scope must name. Default: any.
    """
    return next(_faults(request, body, secret, service), None)


def _faults(request: Request, body: bytes, secret: str, service: str | None) -> Iterator[str]:
    """Yield the faults. Only the first is meaningful."""
    found = _authorization(request)
    if found is None:
        yield "The request has no Authorization header of AWS4-HMAC-SHA256"
        return
    scope = _scope(found)
    if service is not None and scope.service != service:
        yield f"Credential should be scoped to service {service!r}, not {scope.service!r}"
    if fault := _time_fault(request.headers.get("x-amz-date", ""), found["date"]):
        yield fault
    signed = found["headers"].split(";")
    required = {"host"} | {
        name for name in request.headers if name.startswith("x-amz-") and name != _BODY_HASH
    }
    if missing := required - set(signed):
        yield f"These headers must be signed but are not: {', '.join(sorted(missing))}"
    # The signer trusts this header to be the body's hash.
    body_hash = hashlib.sha256(body).hexdigest()
    if request.headers.get(_BODY_HASH, body_hash) != body_hash:
        yield "X-Amz-Content-SHA256 is not the hash of the body"
    expected = _signature(request, body, signed, scope.signer(secret))
    if not hmac.compare_digest(expected, found["signature"]):
        yield "The signature does not match the one that botocore calculates"


def _authorization(request: Request) -> re.Match[str] | None:
    return _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))


def _scope(found: re.Match[str]) -> Scope:
    return Scope(found["key"], found["region"], found["service"])


def _time_fault(timestamp: str, day: str) -> str | None:
    try:
        made = datetime.strptime(timestamp, _TIMESTAMP_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        made = None
    # The format alone would accept one-digit days and hours.
    if made is None or len(timestamp) != _TIMESTAMP_LENGTH or timestamp[:8] != day:
        return f"X-Amz-Date must be a time on the credential's date, got {timestamp!r}"
    if abs(datetime.now(UTC) - made) > _MOST_SKEW:
        return f"X-Amz-Date must be at most 5 minutes from the present, got {timestamp!r}"
    return None


def _signature(request: Request, body: bytes, signed: list[str], signer: Any) -> str:
    url = request.url
    # The path as received, because a signer expects each escape encoded once.
    path = request.scope.get("raw_path", url.path.encode()).decode("ascii")
    query = f"?{url.query}" if url.query else ""
    raw = AWSRequest(
        method=request.method,
        url=f"{url.scheme}://{request.headers['host']}{path}{query}",
        data=body,
    )
    for name in signed:
        raw.headers[name] = ",".join(request.headers.getlist(name))
    raw.context["timestamp"] = request.headers["x-amz-date"]
    canonical = signer.canonical_request(raw)
    result: str = signer.signature(signer.string_to_sign(raw, canonical), raw)
    return result
