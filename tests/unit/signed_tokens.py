"""Valid and invalid signed tokens, and helpers that verify them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING

import pytest

from gtm_token_authorizer.errors import Reason, Unauthorized
from gtm_token_authorizer.jwt import Claims, verify

if TYPE_CHECKING:
    from collections.abc import Sequence


NOW = 1_795_000_000  # 2026-11-18T11:06:40Z
DAY = 24 * 60 * 60
KEY = b"the current key, 32 bytes long.."
OLD_KEY = b"the previous key, 32 bytes long."
OTHER_KEY = b"somebody else's key, 32 bytes..."

HEADER = {"alg": "HS256", "typ": "JWT"}
CLAIMS = {"sub": "user-1", "exp": NOW + 300}


def base64url(data: bytes) -> str:
    """Return unpadded base64url."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def sign(header: bytes | str, claims: bytes | str, key: bytes = KEY) -> str:
    """Return a token of any two byte strings, correctly signed."""
    parts = [part.encode() if isinstance(part, str) else part for part in (header, claims)]
    signed = ".".join(map(base64url, parts))
    return f"{signed}.{base64url(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


def token(claims: object = None, *, header: object = None, key: bytes = KEY) -> str:
    """Return a correctly signed token of any two JSON documents."""
    return sign(
        json.dumps(HEADER if header is None else header),
        json.dumps(CLAIMS if claims is None else claims),
        key,
    )


GOOD = token()
GOOD_HEADER, GOOD_CLAIMS, GOOD_SIGNATURE = GOOD.split(".")


def checked(text: str, *, keys: Sequence[bytes] = (KEY,), audience: str | None = None) -> Claims:
    """Return a token's verified claims at ``NOW``."""
    return verify(text, keys, now=NOW, audience=audience, max_lifetime=DAY)


def refusal(text: str, *, audience: str | None = None, now: float = NOW) -> Reason:
    """Return the reason for which a token is refused. Fail if it is accepted."""
    with pytest.raises(Unauthorized) as caught:
        verify(text, [KEY], now=now, audience=audience, max_lifetime=DAY)
    assert str(caught.value) == "Unauthorized"
    # The traceback must not quote the token.
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value.reason
