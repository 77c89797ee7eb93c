"""Verifies JSON Web Tokens signed with HMAC-SHA-256 (RFC 7519, RFC 7515), strictly.

A library would require a build, and the asset is plain files. The algorithm is fixed, so a token
cannot choose how it is verified. Tests compare the results with PyJWT's.
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
"""Maximum difference between the issuer's clock and this one, in seconds."""

MAX_TOKEN_LENGTH: Final = 4_096
"""Maximum characters of a token. API Gateway limits the URL, with the event, to 10,240."""

MAX_SUBJECT_LENGTH: Final = 255
"""Maximum characters of ``sub``, from OpenID Connect Core 1.0, section 2."""

_BASE64URL: Final = re.compile("[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Claims:
    """The verified claims of a token.

    Attributes:
        subject: The sender (``sub``).
        endpoint_id: The only endpoint that the request may write to (``endpoint_id``); ``None`` if
            the token names none.
    """

    subject: str
    endpoint_id: str | None


def verify(
    token: str, keys: Sequence[bytes], *, now: float, audience: str | None, max_lifetime: int
) -> Claims:
    """Return the verified claims of ``token``.

    ``exp`` and ``sub`` are required, ``nbf`` and ``endpoint_id`` are optional, and other claims are
    ignored.

    Args:
        token: The token in its compact form, ``header.claims.signature``.
        keys: HMAC keys, one of which must have signed the token.
        now: Current time, in seconds since the epoch.
        audience: The audience that ``aud`` must be or contain; ``None`` skips the check.
        max_lifetime: Maximum seconds from ``now`` to ``exp``, not counting :data:`LEEWAY`.

    Raises:
        Unauthorized: The token is invalid.
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
    # Unused bits of the last character must be zero, so that a token has only one spelling, and so
    # only one place in API Gateway's cache.
    if base64.urlsafe_b64encode(decoded).rstrip(b"=").decode() != part:
        raise Unauthorized(Reason.MALFORMED)
    return decoded


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(
            data.decode(), object_pairs_hook=_distinct, parse_constant=_refuse_constant
        )
    # RecursionError: 4,096 brackets exceed Python's limit of nesting.
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
        # Critical extensions must be understood; this module knows none.
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
        # An empty id would mean "unbound" later, and null is an issuer's mistake.
        and ("endpoint_id" not in claims or _is_text(claims["endpoint_id"]))
    ):
        raise Unauthorized(Reason.CLAIMS)
    if expires <= now - LEEWAY:
        raise Unauthorized(Reason.EXPIRED)
    # Not compared with ``iat``, which the issuer writes too.
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
    # In Python a bool is an int, and JSON's 1e999 is infinity, which would never expire.
    return not isinstance(value, bool) and (
        isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    )


def _is_text(value: object) -> TypeGuard[str]:
    """Return whether a value is a non-empty string without half surrogate pairs.

    These would be replaced on the way to the destination, so that two subjects could become one.
    """
    if not isinstance(value, str) or not value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
