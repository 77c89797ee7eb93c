"""JSON Web Tokens signed with HMAC and SHA-256 (RFC 7519, RFC 7515), checked strictly.

Written here because the function's asset is plain files: a library would need a build. The one
algorithm is fixed, so a token cannot choose how it is checked; the tests hold it against PyJWT.
"""

from __future__ import annotations

import base64
import hmac
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from gtm_token_authorizer.errors import Reason, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Sequence

ALGORITHM: Final = "HS256"

LEEWAY: Final = 60
"""Seconds that the minting clock and ours may be apart."""

MAX_TOKEN_LENGTH: Final = 4_096
"""Characters. API Gateway takes a URL of 10,240, and the event has to fit in beside it."""

MAX_SUBJECT_LENGTH: Final = 255
"""Characters. OpenID Connect Core 1.0, section 2, allows ``sub`` no more."""

_BASE64URL: Final = re.compile("[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token vouches for.

    Attributes:
        subject: Who sent the request (``sub``).
        endpoint_id: The one endpoint that the request may write to (``endpoint_id``); ``None`` if
            the token does not name one.
    """

    subject: str
    endpoint_id: str | None


def verify(
    token: str, keys: Sequence[bytes], *, now: float, audience: str | None, max_lifetime: int
) -> Claims:
    """Return what ``token`` vouches for.

    ``exp`` and ``sub`` are required; ``nbf`` and ``endpoint_id`` are read if they are there, every
    other claim is left alone.

    Args:
        token: The token in its compact form: ``header.claims.signature``.
        keys: HMAC keys; the token has to be signed with one of them.
        now: Seconds since the epoch.
        audience: What ``aud`` must be or list; ``None`` leaves it unchecked.
        max_lifetime: Seconds that ``exp`` may be ahead of ``now``, :data:`LEEWAY` apart.

    Raises:
        Unauthorized: The token is worth nothing, for whatever reason.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise Unauthorized(Reason.OVERSIZED)
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        raise Unauthorized(Reason.MALFORMED)
    header, claims, signature = map(_decoded, parts)
    _check_header(_json_object(header))
    _check_signature(f"{parts[0]}.{parts[1]}".encode(), signature, keys)
    return _checked_claims(
        _json_object(claims), now=now, audience=audience, max_lifetime=max_lifetime
    )


def _decoded(part: str) -> bytes:
    if not _BASE64URL.fullmatch(part) or len(part) % 4 == 1:
        raise Unauthorized(Reason.MALFORMED)
    decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    # The last character may have bits to spare. Only one way to write them is right: a token has
    # one spelling, and so has its place in API Gateway's cache.
    if base64.urlsafe_b64encode(decoded).rstrip(b"=").decode() != part:
        raise Unauthorized(Reason.MALFORMED)
    return decoded


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(
            data.decode(), object_pairs_hook=_distinct, parse_constant=_refuse_constant
        )
    # RecursionError: 4,096 characters hold more brackets than Python nests.
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Unauthorized(Reason.MALFORMED)
    return document


def _distinct(members: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(members)
    if len(document) != len(members):
        raise ValueError
    return document


def _refuse_constant(_: str) -> None:
    raise ValueError


def _check_header(header: dict[str, Any]) -> None:
    type_ = header.get("typ", "JWT")
    if (
        header.get("alg") != ALGORITHM
        or not (isinstance(type_, str) and type_.upper() == "JWT")
        # Extensions that whoever does not know them must refuse: we know none.
        or "crit" in header
    ):
        raise Unauthorized(Reason.HEADER)


def _check_signature(signed: bytes, signature: bytes, keys: Sequence[bytes]) -> None:
    if not any(hmac.compare_digest(hmac.digest(key, signed, "sha256"), signature) for key in keys):
        raise Unauthorized(Reason.SIGNATURE)


def _checked_claims(
    claims: dict[str, Any], *, now: float, audience: str | None, max_lifetime: int
) -> Claims:
    if not (
        _is_text(subject := claims.get("sub"))
        and len(subject) <= MAX_SUBJECT_LENGTH
        and _is_number(expires := claims.get("exp"))
        and _is_number(starts := claims.get("nbf", 0))
        # Empty would read as unbound further on, and a null is a mistake of whoever minted it.
        and ("endpoint_id" not in claims or _is_text(claims["endpoint_id"]))
    ):
        raise Unauthorized(Reason.CLAIMS)
    if expires <= now - LEEWAY:
        raise Unauthorized(Reason.EXPIRED)
    # Not against ``iat``: whoever mints the token writes that claim too.
    if expires > now + max_lifetime + LEEWAY:
        raise Unauthorized(Reason.LIFETIME)
    if starts > now + LEEWAY:
        raise Unauthorized(Reason.NOT_YET_VALID)
    if audience is not None:
        named = claims.get("aud")
        audiences = named if isinstance(named, list) else [named]
        if audience not in audiences or not all(isinstance(item, str) for item in audiences):
            raise Unauthorized(Reason.AUDIENCE)
    return Claims(subject, claims.get("endpoint_id"))


def _is_number(value: object) -> TypeGuard[float]:
    # A bool is an int to Python, and 1e999 in JSON is an infinity to it: no expiry at all.
    return not isinstance(value, bool) and (
        isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    )


def _is_text(value: object) -> TypeGuard[str]:
    """Return whether it is a string, not empty, of whole characters.

    JSON can hold half a surrogate pair; it would be replaced on the way to the destination, where
    two subjects would become one.
    """
    if not isinstance(value, str) or not value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
