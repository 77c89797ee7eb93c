"""Signed tokens for ``/events/authenticated``, which takes them in the parameter ``token``.

For tests and for servers written in Python. A token is a plain JSON Web Token (HS256), so any JWT
library can mint one too.

``python -m cdk_gtm_connector.tokens --help`` does it on the command line.
"""

from __future__ import annotations

import argparse
import base64
import getpass
import hmac
import json
import math
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_SECRET_BYTES: Final = 32
"""RFC 7518, section 3.2: an HS256 key must be at least as long as SHA-256's output."""

MAX_SUBJECT_LENGTH: Final = 255
"""Maximum characters of ``sub``, from OpenID Connect Core 1.0, section 2."""

MAX_TOKEN_LENGTH: Final = 4_096
"""Maximum characters of a token, from the authorizer: the URL must also hold the event."""


def mint(
    secret: str,
    *,
    subject: str,
    endpoint_id: str | None = None,
    audience: str | None = None,
    expires_in: timedelta = timedelta(minutes=5),
    max_lifetime: timedelta = timedelta(hours=24),
    now: datetime | None = None,
) -> str:
    """Return a signed token, whose characters need no escaping in a URL.

    Args:
        secret: The key, as the secret in Secrets Manager holds it; at least 32 bytes of UTF-8.
        subject: The visitor's id, 1 to 255 characters. It becomes the user's id at the destination.
        endpoint_id: The one endpoint that the token may write to. By default it may write to all.
        audience: The audience that the connector expects, if it expects one.
        expires_in: How long the token is valid, from ``now``; rounded up to whole seconds. The
            authorizer allows another 60 seconds for clocks that differ.
        max_lifetime: The authorizer's ``max_token_lifetime``: it refuses a token that lives longer.
        now: When the token is minted, with a time zone. Default: the current time.

    Raises:
        ValueError: The authorizer would refuse the token, or could not check it.
    """
    _check_text("subject", subject)
    if len(subject) > MAX_SUBJECT_LENGTH:
        raise ValueError(
            f"subject must be at most {MAX_SUBJECT_LENGTH} characters, got {len(subject)}"
        )
    # The error must not contain the secret, because an exception's text can end up in a log.
    try:
        key = secret.encode()
    except UnicodeEncodeError:
        raise ValueError("secret must be Unicode, got half a character in it") from None
    if len(key) < MIN_SECRET_BYTES:
        raise ValueError(f"secret must be at least {MIN_SECRET_BYTES} bytes, got {len(key)}")
    _check_lifetime(expires_in, max_lifetime)
    if now is None:
        now = datetime.now(UTC)
    elif now.tzinfo is None:
        raise ValueError(f"now must have a zone, such as datetime.now(UTC), got {now!r}")

    minted_at = math.floor(now.timestamp())
    claims: dict[str, Any] = {
        "sub": subject,
        "iat": minted_at,
        "exp": minted_at + math.ceil(expires_in.total_seconds()),
    }
    for name, claim, value in (
        ("endpoint_id", "endpoint_id", endpoint_id),
        ("audience", "aud", audience),
    ):
        if value is not None:
            _check_text(name, value)
            claims[claim] = value
    signed = b".".join(map(_part, ({"alg": "HS256", "typ": "JWT"}, claims)))
    token = (signed + b"." + _base64url(hmac.digest(key, signed, "sha256"))).decode()
    if len(token) > MAX_TOKEN_LENGTH:
        raise ValueError(
            f"the token would be {len(token):,} characters, the endpoint takes at most "
            f"{MAX_TOKEN_LENGTH:,}; shorten endpoint_id or audience"
        )
    return token


def _check_lifetime(expires_in: timedelta, max_lifetime: timedelta) -> None:
    if expires_in <= timedelta(0):
        raise ValueError(f"expires_in must be positive, got {expires_in}")
    if expires_in > max_lifetime:
        raise ValueError(
            f"expires_in must be at most max_lifetime ({max_lifetime}), got {expires_in}: the "
            "authorizer refuses a token that lives longer than its max_token_lifetime"
        )


def _check_text(name: str, value: str) -> None:
    if not value:
        raise ValueError(f"{name} must not be empty")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} must be Unicode, got half a character in {value!r}") from None


def _part(document: dict[str, Any]) -> bytes:
    return _base64url(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class _CommandError(Exception):
    """A failure of the command line, worded for whoever typed it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Mint a token as the command line says, and print it.

    Args:
        arguments: Arguments without the program's name; the process's own by default.
    """
    parser = argparse.ArgumentParser(
        prog="python -m cdk_gtm_connector.tokens",
        description="Print a signed token for /events/authenticated?token=…",
        epilog="Without --secret-env and --secret-id the secret is read from standard input. "
        "It is never an argument: other users of the machine see those.",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--secret-env", metavar="NAME", help="environment variable that holds the secret"
    )
    source.add_argument(
        "--secret-id", metavar="ID", help="name or ARN of the secret in Secrets Manager"
    )
    parser.add_argument("--subject", required=True, help="who the visitor is")
    parser.add_argument("--endpoint-id", help="the one endpoint that the token may write to")
    parser.add_argument("--audience", help="what the connector was told to expect")
    parser.add_argument(
        "--expires-in",
        metavar="SECONDS",
        type=_duration,
        default=timedelta(minutes=5),
        help="how long the token is good for (default: 300)",
    )
    parser.add_argument(
        "--max-lifetime",
        metavar="SECONDS",
        type=_duration,
        default=timedelta(hours=24),
        help="the authorizer's max_token_lifetime (default: 86400)",
    )
    options = parser.parse_args(arguments)
    try:
        token = mint(
            _secret(options.secret_env, options.secret_id),
            subject=options.subject,
            endpoint_id=options.endpoint_id,
            audience=options.audience,
            expires_in=options.expires_in,
            max_lifetime=options.max_lifetime,
        )
    except (_CommandError, ValueError) as error:
        parser.error(str(error))
    sys.stdout.write(token + "\n")


def _duration(text: str) -> timedelta:
    try:
        return timedelta(seconds=int(text))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"must be whole seconds, got {text!r}") from None


def _secret(variable: str | None, secret_id: str | None) -> str:
    if variable is not None:
        if not (secret := os.environ.get(variable)):
            raise _CommandError(f"environment variable {variable} is not set, or is empty")
        return secret
    if secret_id is not None:
        return _read_secret(secret_id)
    if sys.stdin.isatty():
        return getpass.getpass("Secret: ")
    # A newline at the end most likely comes from the command that wrote the secret here.
    return sys.stdin.read().removesuffix("\n")


def _read_secret(secret_id: str) -> str:
    try:
        import boto3  # noqa: PLC0415 - only this option needs it; the package does not depend on it
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    except ImportError:
        raise _CommandError(
            "--secret-id needs boto3, which is not installed: install it, or use --secret-env"
        ) from None
    try:
        answer = boto3.client("secretsmanager").get_secret_value(SecretId=secret_id)
    except (BotoCoreError, ClientError) as error:
        raise _CommandError(f"the secret {secret_id} cannot be read: {error}") from None
    if "SecretString" not in answer:
        raise _CommandError(f"the secret {secret_id} is binary; the key has to be stored as text")
    secret: str = answer["SecretString"]
    return secret


if __name__ == "__main__":
    main()
