"""The package's exceptions, with API Gateway's answers to them.

- :class:`TokenAuthorizerError`
    - :class:`Unauthorized`: the token is invalid (401)
    - :class:`SettingsError`: an environment variable is missing or malformed (500)
    - :class:`SecretError`: the secret is unusable (500)
    - :class:`Defect`: the function has a bug (500)
"""

from __future__ import annotations

from enum import Enum, unique
from traceback import extract_tb


@unique
class Reason(Enum):
    """Reason for refusing a token, by which operators filter the log."""

    MISSING = "missing"
    """No ``token`` in the query, or more than one."""
    OVERSIZED = "oversized"
    """The token is longer than :data:`~gtm_token_authorizer.jwt.MAX_TOKEN_LENGTH`."""
    MALFORMED = "malformed"
    """Not three parts in base64url, or not JSON objects with distinct names."""
    HEADER = "header"
    """Another algorithm than HS256, another type than JWT, or critical extensions."""
    SIGNATURE = "signature"
    """Not signed with any of the keys, or modified."""
    CLAIMS = "claims"
    """A claim is missing or has the wrong type."""
    EXPIRED = "expired"
    """``exp`` is in the past."""
    LIFETIME = "lifetime"
    """``exp`` is later than the owner allows, such as milliseconds given for seconds."""
    NOT_YET_VALID = "not_yet_valid"
    """``nbf`` is in the future."""
    AUDIENCE = "audience"
    """``aud`` names another audience."""


class TokenAuthorizerError(Exception):
    """Base class of the package's exceptions."""


class Unauthorized(TokenAuthorizerError):
    """The token is invalid.

    The text is always ``Unauthorized``, the only text that API Gateway turns into a 401. It keeps
    the token out of the log.

    Attributes:
        reason: The reason.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__("Unauthorized")
        self.reason = reason


class SettingsError(TokenAuthorizerError):
    """An environment variable is missing or malformed, so the function cannot start."""


class SecretError(TokenAuthorizerError):
    """The secret cannot be read or is not a key. The text never quotes it."""


class Defect(TokenAuthorizerError):
    """A bug keeps the function from verifying tokens.

    Lambda logs the message of an exception that a handler raises. This message holds the type and
    the place of ``error`` and leaves out its text, which may quote a token or the secret.
    """

    def __init__(self, error: BaseException) -> None:
        place = extract_tb(error.__traceback__)[-1]
        super().__init__(f"{type(error).__name__} in {place.name}, line {place.lineno}")
