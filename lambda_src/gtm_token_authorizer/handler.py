"""The Lambda authorizer's entry point and composition root."""

from __future__ import annotations

import os
import re
import time
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
from gtm_token_authorizer.log import emit, keep_quiet

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_PARAMETER: Final = "token"  # noqa: S105 - a parameter's name

_PATH_PARAMETER: Final = re.compile(r"\{[^{}]*\}")


@cache
def _keys() -> Keys:
    """Return what serves every invocation of this process."""
    keep_quiet()
    secret_arn = os.environ.get("SECRET_ARN")
    if not secret_arn:
        raise SettingsError("environment variable SECRET_ARN must be set")
    return Keys(secret_arn, create_client())


def handle(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Allow a request whose token verifies.

    ``SECRET_ARN`` names the secret; with ``AUDIENCE`` set and not empty, ``aud`` has to name it.

    Args:
        event: A request of API Gateway's ``REQUEST`` authorizer.
        _context: Lambda's context.

    Returns:
        A policy for every method of the resource asked for, since API Gateway remembers it by
        token alone; the subject as ``principalId`` and the endpoint, if the token names one, as
        ``endpoint_id`` in the context.

    Raises:
        Unauthorized: The token is worth nothing: API Gateway answers 401.
        SecretError: No token can be checked: API Gateway answers 500.
        SettingsError: As above.
        Defect: Anything else: API Gateway answers 500.
    """
    try:
        return _allowed(_claims(event), event)
    except TokenAuthorizerError:
        raise
    except Exception as error:  # noqa: BLE001 - Lambda logs its text
        raise Defect(error) from None


def _claims(event: Mapping[str, Any]) -> Claims:
    try:
        return _verified(
            _token(event), _keys(), now=time.time(), audience=os.environ.get("AUDIENCE") or None
        )
    except Unauthorized as refusal:
        emit("WARN", "token refused", reason=refusal.reason.value)
        raise
    except (SecretError, SettingsError) as error:
        emit("ERROR", "no token can be checked", detail=str(error))
        raise


def _token(event: Mapping[str, Any]) -> str:
    tokens = (event.get("multiValueQueryStringParameters") or {}).get(TOKEN_PARAMETER) or []
    # Which of several API Gateway remembers the policy by is its secret.
    if len(tokens) != 1 or not tokens[0]:
        raise Unauthorized(Reason.MISSING)
    token: str = tokens[0]
    return token


def _verified(token: str, keys: Keys, *, now: float, audience: str | None) -> Claims:
    try:
        return verify(token, keys.get(now), now=now, audience=audience)
    except Unauthorized as refusal:
        if refusal.reason is not Reason.SIGNATURE:
            raise
    # The secret may have been rotated since it was read.
    return verify(token, keys.get_anew(now), now=now, audience=audience)


def _allowed(claims: Claims, event: Mapping[str, Any]) -> dict[str, Any]:
    api, stage, _ = event["methodArn"].split("/", 2)
    # As it was deployed, not as it was asked for: a client's path must not shape a policy.
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
