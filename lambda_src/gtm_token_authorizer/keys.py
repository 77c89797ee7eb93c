"""The HMAC keys: two versions of a secret in Secrets Manager, with a cache."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session

from gtm_token_authorizer.errors import SecretError
from gtm_token_authorizer.log import emit

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_KEY_BYTES: Final = 32
"""Minimum length of a key: that of a SHA-256 digest, from RFC 7518, section 3.2."""

MAX_AGE: Final = 300
"""Maximum age of the cache, in seconds. A revoked key stays valid for up to this long."""

MIN_INTERVAL: Final = 30
"""Minimum seconds between two readings of the secret because of failed signatures. After a
rotation, a signature with the new key may fail for up to this long. Anybody can send invalid
signatures, so the interval also limits their cost.
"""

_CURRENT: Final = "AWSCURRENT"
_PREVIOUS: Final = "AWSPREVIOUS"

_CODE: Final = re.compile("[A-Z][A-Za-z0-9]{2,79}")


class SecretsManager(Protocol):
    """The operation of the SDK's client that this module uses."""

    def get_secret_value(self, *, SecretId: str, VersionStage: str) -> Mapping[str, Any]:  # noqa: N803
        """Return one version of a secret."""
        ...


class Keys:
    """The current and the previous version of a secret, so that tokens stay valid in a rotation.

    The secret's string, as UTF-8, is the key. A version shorter than :data:`MIN_KEY_BYTES` is not
    a key.

    Times are in seconds of the wall clock, which also runs while Lambda freezes the process. A
    monotonic clock might not.

    Args:
        secret_arn: ARN of the secret.
        client: Client of Secrets Manager.
    """

    def __init__(self, secret_arn: str, client: SecretsManager) -> None:
        self._secret_arn = secret_arn
        self._client = client
        self._keys: tuple[bytes, ...] = ()
        self._read_at = self._tried_at = float("-inf")

    def get(self, now: float) -> tuple[bytes, ...]:
        """Return the keys, at most :data:`MAX_AGE` seconds old.

        Raises:
            SecretError: The secret cannot be read or is not a key.
        """
        if not 0 <= now - self._read_at < MAX_AGE:
            self._read(now)
        return self._keys

    def get_fresh(self, now: float) -> tuple[bytes, ...]:
        """Return the keys, at most :data:`MIN_INTERVAL` seconds old unless a reading just failed.

        Raises:
            SecretError: The secret cannot be read or is not a key.
        """
        if not 0 <= now - self._tried_at < MIN_INTERVAL:
            self._read(now)
        return self.get(now)

    def _read(self, now: float) -> None:
        self._tried_at = now
        current = self._version(_CURRENT)
        if current is None:
            raise SecretError(
                f"the secret {self._secret_arn} does not exist or has no version {_CURRENT}"
            )
        keys = [self._key(_CURRENT, current)]
        if (previous := self._version(_PREVIOUS)) is not None:
            try:
                keys.append(self._key(_PREVIOUS, previous))
            except SecretError as error:
                # The owner may have replaced an unusable secret. Its old version must not matter.
                emit("WARN", "previous secret version ignored", detail=str(error))
        self._keys = tuple(keys)
        self._read_at = now

    def _version(self, stage: str) -> Mapping[str, Any] | None:
        try:
            version = self._client.get_secret_value(SecretId=self._secret_arn, VersionStage=stage)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code == "ResourceNotFoundException":
                return None
            why = code if _CODE.fullmatch(code) else "an error without a code"
        except Exception as error:  # noqa: BLE001 - the SDK's errors for malformed answers vary
            why = type(error).__name__
        else:
            # On a kept-alive connection, a late answer could be mistaken for the next one.
            if stage in version.get("VersionStages", (stage,)):
                return version
            why = "another version was answered"
        # Leave out the SDK's text, which may quote the answer.
        raise SecretError(
            f"version {stage} of the secret {self._secret_arn} cannot be read: {why}"
        ) from None

    def _key(self, stage: str, version: Mapping[str, Any]) -> bytes:
        text = version.get("SecretString")
        if not isinstance(text, str):
            raise SecretError(
                f"version {stage} of the secret {self._secret_arn} is binary; store the key as text"
            )
        key = text.encode()
        if len(key) < MIN_KEY_BYTES:
            raise SecretError(
                f"version {stage} of the secret {self._secret_arn} must be at least "
                f"{MIN_KEY_BYTES} bytes, got {len(key)}; store a longer key"
            )
        return key


def create_client() -> Any:
    """Return the SDK's client, with timeouts well below API Gateway's 29 seconds."""
    return get_session().create_client(
        "secretsmanager",
        config=Config(
            connect_timeout=1,
            read_timeout=2,
            retries={"total_max_attempts": 2, "mode": "standard"},
        ),
    )
