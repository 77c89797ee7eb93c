"""AWS Signature Version 4, as the SDK signs the same request.

The algorithm follows "Create a signed AWS API request" in the IAM user guide. The SDK's own module
loads half of the SDK, which took most of a cold start. Tests compare the signatures with the
SDK's.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
# Proxies and X-Ray may change these headers. The SDK does not sign them either.
_UNSIGNED: Final = frozenset({"user-agent", "x-amzn-trace-id"})


class Keys(NamedTuple):
    """AWS credentials. Importing the SDK's class would take a tenth of a cold start."""

    access_key: str
    secret_key: str
    token: str | None


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request with its signature.

    Attributes:
        method: HTTP method.
        url: URL without a query.
        headers: All headers, except those that ``http.client`` adds.
        body: Body.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def signed(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    keys: Keys,
    service: str,
    region: str,
) -> SignedRequest:
    """Return a request with its date and its signature.

    Args:
        method: HTTP method.
        url: URL without a query, and without ``.`` or ``..`` in its path.
        headers: Headers.
        body: Body.
        keys: Credentials to sign with.
        service: The service's name in signatures.
        region: The Region, such as ``us-east-1``.
    """
    parts = urlsplit(url)
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    date = moment[:8]
    sent = {**headers, "X-Amz-Date": moment}
    if keys.token:
        sent["X-Amz-Security-Token"] = keys.token
    canonical = {name.lower(): " ".join(value.split()) for name, value in sent.items()}
    canonical["host"] = _host(parts.scheme, parts.netloc)
    named = sorted(canonical.keys() - _UNSIGNED)
    lines = "".join([f"{name}:{canonical[name]}\n" for name in named])
    names = ";".join(named)
    path = quote(parts.path or "/", safe="/~")
    digest = hashlib.sha256(body).hexdigest()
    request = f"{method}\n{path}\n\n{lines}\n{names}\n{digest}"
    scope = f"{date}/{region}/{service}/aws4_request"
    text = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = _signing_key(keys.secret_key, date, region, service)
    sent["Authorization"] = (
        f"{_ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={names}, "
        f"Signature={hmac.digest(key, text.encode(), 'sha256').hex()}"
    )
    return SignedRequest(method, url, sent, body)


def _host(scheme: str, netloc: str) -> str:
    """Return the ``Host`` header, without the scheme's default port."""
    own = {"http": ":80", "https": ":443"}.get(scheme, "")
    return netloc.removesuffix(own) if own else netloc


@lru_cache(maxsize=8)  # one per day and service
def _signing_key(secret_key: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
