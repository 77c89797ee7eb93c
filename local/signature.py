"""Checks the signature of a request as AWS does, with botocore's own signer.

The function signs its requests itself, and neither the emulator nor a stand-in needs a signature:
without this check a mistake in it would show on AWS first.
"""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING, Any, Final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["signature_fault"]

_AUTHORIZATION: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]+)/"
    r"(?P<service>[^/,\s]+)/aws4_request,\s*SignedHeaders=(?P<headers>[^,\s]+),\s*"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
_TIMESTAMP: Final = re.compile(r"\d{8}T\d{6}Z")


def signature_fault(request: Request, body: bytes, service: str, secret: str) -> str | None:
    """Return what is wrong with a request's signature in the style of version 4, or nothing.

    The time is not compared with this machine's: AWS allows a few minutes.

    Args:
        request: The request.
        body: Its body.
        service: Name of the service that must be signed for.
        secret: The secret access key that must have signed.
    """
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        return "The request has no Authorization header of AWS4-HMAC-SHA256"
    if found["service"] != service:
        return f"Credential should be scoped to service {service!r}, not {found['service']!r}"
    signed = found["headers"].split(";")
    timestamp = request.headers.get("x-amz-date", "")
    if not _TIMESTAMP.fullmatch(timestamp) or timestamp[:8] != found["date"]:
        return f"X-Amz-Date must be a time of the credential's day, got {timestamp!r}"
    required = {"host"} | {
        name
        for name in request.headers
        if name.startswith("x-amz-") and name != "x-amz-content-sha256"
    }
    if missing := required - set(signed):
        return f"These headers must be signed and are not: {', '.join(sorted(missing))}"
    signer: Any = SigV4Auth(Credentials(found["key"], secret), service, found["region"])
    expected = _signature(request, body, signed, signer)
    if not hmac.compare_digest(expected, found["signature"]):
        return "The signature does not match what botocore signs the request with"
    return None


def _signature(request: Request, body: bytes, signed: list[str], signer: Any) -> str:
    url = request.url
    # As it came in: the path may hold escapes, which a signer sees once encoded.
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
