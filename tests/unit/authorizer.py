"""The signed-token authorizer's function, with Secrets Manager in memory and a settable clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from gtm_token_authorizer import handler
from gtm_token_authorizer.errors import Reason, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Mapping


ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:Token-AbCdEf"
METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/Api-PinpointEvents"


def not_found() -> ClientError:
    """Return Secrets Manager's error for a version that does not exist."""
    return ClientError(
        {"Error": {"Code": "ResourceNotFoundException", "Message": "can't find it"}},
        "GetSecretValue",
    )


def denied() -> ClientError:
    """Return Secrets Manager's error for a role without the permission."""
    return ClientError(
        {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, "GetSecretValue"
    )


@dataclass
class FakeSecretsManager:
    """Secrets Manager in memory.

    Attributes:
        versions: The secret's versions by staging label.
        raises: What every call raises.
        calls: The staging labels asked for.
    """

    versions: dict[str, str | bytes] = field(default_factory=dict)
    raises: Exception | None = None
    calls: list[str] = field(default_factory=list)

    def get_secret_value(self, *, SecretId: str, VersionStage: str) -> Mapping[str, Any]:  # noqa: N803
        """Return one version."""
        assert SecretId == ARN
        self.calls.append(VersionStage)
        if self.raises:
            raise self.raises
        if VersionStage not in self.versions:
            raise not_found()
        value = self.versions[VersionStage]
        return {"SecretString" if isinstance(value, str) else "SecretBinary": value}

    def rotate(self, key: str) -> None:
        """Make ``key`` the current version, as a rotation does."""
        if current := self.versions.get("AWSCURRENT"):
            self.versions["AWSPREVIOUS"] = current
        self.versions["AWSCURRENT"] = key

    @property
    def readings(self) -> int:
        """Number of times that the secret was read."""
        return self.calls.count("AWSCURRENT")


@dataclass
class Authorizer:
    """The handler in its environment, with Secrets Manager in memory and a settable clock."""

    secrets: FakeSecretsManager
    monkeypatch: pytest.MonkeyPatch

    def at(self, now: float) -> None:
        """Set the clock."""
        self.monkeypatch.setattr(time, "time", lambda: now)

    def __call__(self, *tokens: str, **event: Any) -> dict[str, Any]:
        return handler.handle(request(*tokens, **event), None)

    def refuses(self, *tokens: str) -> Reason:
        """Return why the tokens are refused."""
        with pytest.raises(Unauthorized) as caught:
            self(*tokens)
        return caught.value.reason


def request(*tokens: str, **event: Any) -> dict[str, Any]:
    """Return the event of API Gateway's REQUEST authorizer, reduced to the members that matter."""
    query = {"event": ["x"], "endpoint_id": ["e"]} | ({"token": list(tokens)} if tokens else {})
    return {
        "type": "REQUEST",
        "methodArn": f"{METHOD_ARN}/GET/events/authenticated",
        "resource": "/events/authenticated",
        "path": "/events/authenticated",
        "httpMethod": "GET",
        "queryStringParameters": {name: values[-1] for name, values in query.items()},
        "multiValueQueryStringParameters": query,
        **event,
    }
