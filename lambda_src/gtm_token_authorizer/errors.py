"""Everything that can be wrong with a token or with what it is checked against.

- :class:`TokenAuthorizerError`
    - :class:`Unauthorized`: the token; the caller's business, so API Gateway answers 401
    - :class:`SettingsError`: the function's environment; API Gateway answers 500
    - :class:`SecretError`: the secret; API Gateway answers 500
    - :class:`Defect`: the function itself; API Gateway answers 500
"""

from __future__ import annotations

from enum import Enum, unique
from traceback import extract_tb


@unique
class Reason(Enum):
    """Why a token was refused: what an operator filters the log on."""

    MISSING = "missing"
    """No ``token`` in the query, or more than one."""
    OVERSIZED = "oversized"
    """Longer than :data:`~gtm_token_authorizer.jwt.MAX_TOKEN_LENGTH`."""
    MALFORMED = "malformed"
    """Not three parts of base64url, or not JSON objects with distinct names."""
    HEADER = "header"
    """Another algorithm than HS256, another type than JWT, or critical extensions."""
    SIGNATURE = "signature"
    """Signed with none of the keys, or changed since."""
    CLAIMS = "claims"
    """A claim is missing or not of its type."""
    EXPIRED = "expired"
    """``exp`` is past."""
    LIFETIME = "lifetime"
    """``exp`` is further ahead than the owner allows: milliseconds taken for seconds, say."""
    NOT_YET_VALID = "not_yet_valid"
    """``nbf`` is ahead."""
    AUDIENCE = "audience"
    """``aud`` names somebody else."""


class TokenAuthorizerError(Exception):
    """Base of this package's errors."""


class Unauthorized(TokenAuthorizerError):
    """The token is worth nothing.

    Its text is always ``Unauthorized``: the one text that API Gateway turns into a 401, and nothing
    of the token can reach a log with it.

    Attributes:
        reason: Why.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__("Unauthorized")
        self.reason = reason


class SettingsError(TokenAuthorizerError):
    """An environment variable is missing: the function cannot start."""


class SecretError(TokenAuthorizerError):
    """The secret cannot be read or is no key, so no token can be checked. Never quotes it."""


class Defect(TokenAuthorizerError):
    """No token can be checked for a defect of this function.

    Lambda logs the text of what a handler raises. This one has the type of ``error`` and its place,
    not its text, which may quote a token or the secret.
    """

    def __init__(self, error: BaseException) -> None:
        place = extract_tb(error.__traceback__)[-1]
        super().__init__(f"{type(error).__name__} in {place.name}, line {place.lineno}")
