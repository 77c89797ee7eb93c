"""The Lambda authorizer's entry point and composition root."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from gtm_token_authorizer.errors import (
    Defect,
    Reason,
    SecretError,
    SettingsError,
    TokenAuthorizerError,
    Unauthorized,
)
from gtm_token_authorizer.jwt import Claims, verify
from gtm_token_authorizer.keys import Keys, create_client
from gtm_token_authorizer.log import emit, silence_other_output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOKEN_PARAMETER: Final = "token"  # noqa: S105 - a parameter's name

_A_DAY: Final = 86_400  # seconds
_PATH_PARAMETER: Final = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class _Verifier:
    """Verifies tokens by the function's settings. One instance serves every invocation."""

    keys: Keys
    audience: str | None
    max_lifetime: int

    def verify(self, token: str, now: float) -> Claims:
        """Return the verified claims of ``token``.

        Raises:
            Unauthorized: The token is invalid.
            SecretError: The secret is unusable.
        """
        try:
            return self._verify(token, self.keys.get(now), now)
        except Unauthorized as refusal:
            if refusal.reason is not Reason.SIGNATURE:
                raise
        # The secret may have been rotated after it was read.
        return self._verify(token, self.keys.get_fresh(now), now)

    def _verify(self, token: str, keys: Sequence[bytes], now: float) -> Claims:
        return verify(token, keys, now=now, audience=self.audience, max_lifetime=self.max_lifetime)


@cache
def _verifier() -> _Verifier:
    """Return the verifier that serves every invocation of this process."""
    silence_other_output()
    return _Verifier(
        keys=Keys(_required("SECRET_ARN"), create_client()),
        audience=os.environ.get("AUDIENCE") or None,
        max_lifetime=_seconds("MAX_TOKEN_LIFETIME", _A_DAY),
    )


def _required(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise SettingsError(f"environment variable {variable} must be set")
    return value


def _seconds(variable: str, default: int) -> int:
    # During a deployment, new code may run with the old environment.
    text = os.environ.get(variable) or str(default)
    if not (text.isascii() and text.isdigit()):
        raise SettingsError(f"environment variable {variable} must be whole seconds, got {text!r}")
    return int(text)


def handle(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Allow a request with a valid token.

    ``SECRET_ARN`` names the secret. ``exp`` may be at most ``MAX_TOKEN_LIFETIME`` seconds ahead
    (default: 86,400). If ``AUDIENCE`` is not empty, ``aud`` must name it.

    Args:
        event: The event of a ``REQUEST`` authorizer.
        _context: Lambda's context.

    Returns:
        A policy for all methods of the requested resource, because API Gateway caches it by token
        alone. ``principalId`` is the subject. If the token names an endpoint, it is the context's
        ``endpoint_id``.

    Raises:
        Unauthorized: The token is invalid. API Gateway answers 401.
        SecretError: The secret is unusable. API Gateway answers 500.
        SettingsError: An environment variable is missing or malformed. API Gateway answers 500.
        Defect: Anything else. API Gateway answers 500.
    """
    try:
        return _allowed(_claims(event), event)
    except TokenAuthorizerError:
        raise
    except Exception as error:  # noqa: BLE001 - Lambda would log its text
        raise Defect(error) from None


def _claims(event: Mapping[str, Any]) -> Claims:
    try:
        return _verifier().verify(_token(event), time.time())
    except Unauthorized as refusal:
        emit("WARN", "token refused", reason=refusal.reason.value)
        raise
    except (SecretError, SettingsError) as error:
        emit("ERROR", "no token can be checked", detail=str(error))
        raise


def _token(event: Mapping[str, Any]) -> str:
    tokens = (event.get("multiValueQueryStringParameters") or {}).get(TOKEN_PARAMETER) or []
    # With several tokens, it is unknown which one API Gateway would use as the cache key.
    if len(tokens) != 1 or not tokens[0]:
        raise Unauthorized(Reason.MISSING)
    token: str = tokens[0]
    return token


def _allowed(claims: Claims, event: Mapping[str, Any]) -> dict[str, Any]:
    api, stage, _ = event["methodArn"].split("/", 2)
    # The deployed path, not the requested one: a client's path must not shape a policy.
    path = _PATH_PARAMETER.sub("*", event["resource"])
    answer: dict[str, Any] = {
        "principalId": claims.subject,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": f"{api}/{stage}/*{path}",
                }
            ],
        },
    }
    if claims.endpoint_id is not None:
        answer["context"] = {"endpoint_id": claims.endpoint_id}
    return answer
