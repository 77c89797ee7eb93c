"""Fixtures that several files of unit tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.certificates import Authority
from gtm_events import tls
from gtm_token_authorizer import handler
from tests.unit.authorizer import ARN, Authorizer, FakeSecretsManager
from tests.unit.backoff import no_backoff
from tests.unit.signed_tokens import DAY, KEY, NOW
from tests.velocity.fixture import reference

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["no_backoff", "reference"]


@pytest.fixture
def authorize(monkeypatch: pytest.MonkeyPatch) -> Iterator[Authorizer]:
    """The authorizer at ``NOW``, its secret just created."""
    authorizer = Authorizer(FakeSecretsManager({"AWSCURRENT": KEY.decode()}), monkeypatch)
    monkeypatch.setenv("SECRET_ARN", ARN)
    monkeypatch.setenv("MAX_TOKEN_LIFETIME", str(DAY))
    monkeypatch.delenv("AUDIENCE", raising=False)
    monkeypatch.setattr(handler, "create_client", lambda: authorizer.secrets)
    authorizer.at(NOW)
    handler._verifier.cache_clear()
    yield authorizer
    handler._verifier.cache_clear()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority of the tests."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def bundle(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Trust the tests' authority and use no proxy."""
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.bundle))
    tls.context.cache_clear()
    yield
    tls.context.cache_clear()
