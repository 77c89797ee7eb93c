"""AWS Signature Version 4, as the SDK signs the same request.

The algorithm is that of "Create a signed AWS API request" in the IAM user guide. It is written here
because the SDK's module of it loads half of the SDK, which was most of a cold start. The tests hold
it against the SDK's.
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
# Proxies may change these, and X-Ray does. The SDK leaves them out as well.
_UNSIGNED: Final = frozenset({"user-agent", "x-amzn-trace-id"})


class Keys(NamedTuple):
    """Credentials. The SDK's own class takes a tenth of a cold start to import."""

    access_key: str
    secret_key: str
    token: str | None


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it goes out.

    Attributes:
        method: HTTP's.
        url: Where to, without a query.
        headers: All but those that ``http.client`` adds.
        body: What is sent.
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
        method: HTTP's.
        url: Where to: no query, and no ``.`` or ``..`` in its path.
        headers: Names and values.
        body: What is sent.
        keys: Who signs.
        service: The service's name in signatures.
        region: Such as ``us-east-1``.
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
    """Return the ``Host`` header: without a port that is the scheme's own."""
    own = {"http": ":80", "https": ":443"}.get(scheme, "")
    return netloc.removesuffix(own) if own else netloc


@lru_cache(maxsize=8)  # a day's, for each service that the function calls
def _signing_key(secret_key: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
