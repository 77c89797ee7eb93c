"""Minting tokens: verification by the authorizer and PyJWT, and the command line."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import boto3
import jwt as pyjwt
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

import cdk_gtm_connector
from cdk_gtm_connector import tokens
from cdk_gtm_connector.tokens import main, mint
from gtm_token_authorizer import jwt, keys
from gtm_token_authorizer.errors import Reason, Unauthorized
from gtm_token_authorizer.jwt import Claims, verify
from tests.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = "a secret of 32 bytes, or of more"  # noqa: S105 - a test's
NOW = datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)
DAY = 24 * 60 * 60

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255)


def test_the_limits_are_the_authorizers() -> None:
    assert tokens.MAX_TOKEN_LENGTH == jwt.MAX_TOKEN_LENGTH
    assert tokens.MAX_SUBJECT_LENGTH == jwt.MAX_SUBJECT_LENGTH
    assert tokens.MIN_SECRET_BYTES == keys.MIN_KEY_BYTES


class TestMint:
    """The function ``mint()``."""

    @given(
        secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=32, max_size=80),
        subject=texts,
        endpoint_id=st.none() | texts,
        audience=st.none() | texts,
    )
    def test_the_authorizer_and_pyjwt_read_any_token(
        self, secret: str, subject: str, endpoint_id: str | None, audience: str | None
    ) -> None:
        token = mint(secret, subject=subject, endpoint_id=endpoint_id, audience=audience)
        now = datetime.now(UTC).timestamp()
        key = secret.encode()
        assert verify(token, [key], now=now, audience=audience, max_lifetime=DAY) == Claims(
            subject, endpoint_id
        )
        claims = pyjwt.decode(
            token, key, algorithms=["HS256"], audience=audience, options={"require": ["exp", "sub"]}
        )
        assert claims["sub"] == subject
        assert claims.get("endpoint_id") == endpoint_id
        assert claims["exp"] - claims["iat"] == 300
        assert abs(claims["iat"] - now) < 30

    def test_the_header_is_the_usual_one(self) -> None:
        token = mint(SECRET, subject="u")
        assert pyjwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}

    @pytest.mark.parametrize(
        ("expires_in", "seconds"),
        [
            (timedelta(seconds=10), 10),
            (timedelta(milliseconds=1), 1),
            (timedelta(seconds=1.5), 2),
            (timedelta(hours=24), 86_400),
        ],
    )
    def test_it_expires_when_it_was_told_to(self, expires_in: timedelta, seconds: int) -> None:
        token = mint(SECRET, subject="u", expires_in=expires_in, now=NOW)
        end = NOW.timestamp() + seconds + jwt.LEEWAY
        assert (
            verify(
                token, [SECRET.encode()], now=end - 1, audience=None, max_lifetime=seconds
            ).subject
            == "u"
        )
        with pytest.raises(Unauthorized) as caught:
            verify(token, [SECRET.encode()], now=end, audience=None, max_lifetime=seconds)
        assert caught.value.reason is Reason.EXPIRED

    def test_a_longer_life_needs_an_authorizer_that_allows_it(self) -> None:
        year = timedelta(days=365)
        token = mint(SECRET, subject="u", expires_in=year, max_lifetime=year, now=NOW)
        now, keys = NOW.timestamp(), [SECRET.encode()]
        allowed = int(year.total_seconds())
        assert verify(token, keys, now=now, audience=None, max_lifetime=allowed).subject == "u"
        with pytest.raises(Unauthorized) as caught:
            verify(token, keys, now=now, audience=None, max_lifetime=DAY)
        assert caught.value.reason is Reason.LIFETIME

    def test_a_zone_does_not_matter(self) -> None:
        there = NOW.astimezone(timezone(timedelta(hours=9)))
        assert mint(SECRET, subject="u", now=there) == mint(SECRET, subject="u", now=NOW)

    @pytest.mark.parametrize("subject", ["u" * 255, "🙂" * 255])
    def test_the_longest_subject(self, subject: str) -> None:
        token = mint(SECRET, subject=subject, now=NOW)
        claims = verify(
            token, [SECRET.encode()], now=NOW.timestamp(), audience=None, max_lifetime=DAY
        )
        assert claims.subject == subject

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            ({"subject": ""}, "subject must not be empty"),
            ({"subject": "u" * 256}, "subject must be at most 255 characters, got 256"),
            ({"subject": "\ud800"}, "subject must be Unicode"),
            ({"endpoint_id": ""}, "endpoint_id must not be empty"),
            ({"endpoint_id": "\udc00"}, "endpoint_id must be Unicode"),
            ({"endpoint_id": "e" * 4_000}, "the token would be 5,"),
            ({"audience": ""}, "audience must not be empty"),
            ({"expires_in": timedelta(0)}, "expires_in must be positive, got 0:00:00"),
            ({"expires_in": timedelta(seconds=-1)}, "expires_in must be positive"),
            (
                {"expires_in": timedelta(days=2)},
                r"expires_in must be at most max_lifetime \(1 day, 0:00:00\), got 2 days, 0:00:00",
            ),
            ({"max_lifetime": timedelta(minutes=4)}, "expires_in must be at most max_lifetime"),
            ({"now": NOW.replace(tzinfo=None)}, "now must have a zone"),
        ],
    )
    def test_tokens_that_the_authorizer_would_refuse_are_not_minted(
        self, arguments: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(ValueError, match=problem):
            mint(SECRET, **{"subject": "u", **arguments})

    @pytest.mark.parametrize(
        ("secret", "problem"),
        [
            ("x" * 31, "secret must be at least 32 bytes, got 31"),
            ("", "secret must be at least 32 bytes, got 0"),
            ("x" * 32 + "\udcff", "secret must be Unicode"),
        ],
    )
    def test_a_secret_that_is_no_key_is_not_quoted(self, secret: str, problem: str) -> None:
        with pytest.raises(ValueError, match=problem) as caught:
            mint(secret, subject="u")
        assert not secret or secret not in str(caught.value)

    def test_the_longest_token_verifies_and_a_longer_one_is_not_minted(self) -> None:
        def of_length(length: int) -> str:
            return mint(SECRET, subject="u", endpoint_id="e" * length, now=NOW)

        # Base64 turns three characters into four, so not every length exists.
        length = 2_800
        while len(token := of_length(length)) < jwt.MAX_TOKEN_LENGTH - 1:
            length += 1
        claims = verify(
            token, [SECRET.encode()], now=NOW.timestamp(), audience=None, max_lifetime=DAY
        )
        assert claims.endpoint_id == "e" * length
        with pytest.raises(ValueError, match="the endpoint takes at most 4,096; shorten"):
            of_length(length + 2)


def claims_of(token: str, audience: str | None = None) -> dict[str, Any]:
    """Return a token's claims."""
    return pyjwt.decode(token.strip(), SECRET.encode(), algorithms=["HS256"], audience=audience)


class TestCommand:
    """The command line."""

    def test_a_secret_from_the_environment(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("TOKEN_SECRET", SECRET)
        main(
            [
                *("--secret-env", "TOKEN_SECRET", "--subject", "u-1", "--endpoint-id", "e-1"),
                *("--audience", "here", "--expires-in", "10"),
            ]
        )
        out = capsys.readouterr().out
        assert out.count("\n") == 1
        claims = claims_of(out, audience="here")
        assert claims["exp"] - claims["iat"] == 10
        assert (claims["sub"], claims["endpoint_id"]) == ("u-1", "e-1")

    @pytest.mark.parametrize("end", ["", "\n"])
    def test_a_secret_from_standard_input(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], end: str
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(SECRET + end))
        main(["--subject", "u-1"])
        claims = claims_of(capsys.readouterr().out)
        assert claims["exp"] - claims["iat"] == 300
        assert claims.keys() == {"sub", "iat", "exp"}

    def test_a_secret_that_is_typed_is_not_shown(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        terminal = io.StringIO()
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", terminal)
        monkeypatch.setattr("getpass.getpass", lambda _prompt: SECRET)
        main(["--subject", "u-1"])
        assert claims_of(capsys.readouterr().out)["sub"] == "u-1"

    def test_a_secret_of_secrets_manager(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        use_secrets_manager(monkeypatch, {"SecretString": SECRET})
        main(["--secret-id", "the-secret", "--subject", "u-1"])
        assert claims_of(capsys.readouterr().out)["sub"] == "u-1"

    def test_a_binary_secret_of_secrets_manager(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        use_secrets_manager(monkeypatch, {"SecretBinary": SECRET.encode()})
        assert "the secret the-secret is binary" in complaint(
            capsys, "--secret-id", "the-secret", "--subject", "u-1"
        )

    def test_a_secret_that_secrets_manager_keeps(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        refusal = ClientError(
            {"Error": {"Code": "AccessDeniedException", "Message": "not yours"}}, "GetSecretValue"
        )
        use_secrets_manager(monkeypatch, refusal)
        text = complaint(capsys, "--secret-id", "the-secret", "--subject", "u-1")
        assert "the secret the-secret cannot be read: " in text
        assert "not yours" in text

    def test_without_boto3(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setitem(sys.modules, "boto3", None)
        assert "--secret-id needs boto3, which is not installed" in complaint(
            capsys, "--secret-id", "the-secret", "--subject", "u-1"
        )

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["--secret-env", "NOT_SET", "--subject", "u"], "variable NOT_SET is not set"),
            (["--subject", "u"], "secret must be at least 32 bytes, got 0"),
            (["--subject", ""], "subject must not be empty"),
            (["--subject", "u", "--expires-in", "soon"], "must be whole seconds, got 'soon'"),
            (["--subject", "u", "--expires-in", "9" * 30], "must be whole seconds"),
            (["--secret-env", "A", "--secret-id", "B", "--subject", "u"], "not allowed with"),
            ([], "--subject"),
        ],
    )
    def test_errors_are_reported(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
        problem: str,
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        assert problem in complaint(capsys, *arguments)

    def test_as_a_process_it_needs_neither_node_nor_the_cdk(self) -> None:
        done = subprocess.run(
            [
                sys.executable,
                "-X",
                "importtime",
                "-m",
                "cdk_gtm_connector.tokens",
                "--subject",
                "u",
            ],
            input=SECRET,
            env={"PATH": ""},
            capture_output=True,
            text=True,
            check=True,
            timeout=HANG_SECONDS,
        )
        assert claims_of(done.stdout)["sub"] == "u"
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert "cdk_gtm_connector" in imported
        assert imported.isdisjoint({"aws_cdk", "jsii", "constructs", "boto3"})


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the error message of the command. Fail the test if the command succeeds."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


def use_secrets_manager(
    monkeypatch: pytest.MonkeyPatch, answer: Mapping[str, Any] | Exception
) -> None:
    """Replace the SDK's client with a Secrets Manager that has one answer."""

    class SecretsManager:
        def get_secret_value(self, *, SecretId: str) -> Mapping[str, Any]:  # noqa: N803
            assert SecretId == "the-secret"
            if isinstance(answer, Exception):
                raise answer
            return answer

    def client(service: str) -> SecretsManager:
        assert service == "secretsmanager"
        return SecretsManager()

    monkeypatch.setattr(boto3, "client", client)


class TestPackage:
    """The package's public names, which are imported on first use."""

    def test_every_public_name_is_there(self) -> None:
        for name in cdk_gtm_connector.__all__:
            assert getattr(cdk_gtm_connector, name).__name__ == name
        assert set(cdk_gtm_connector.__all__) <= set(dir(cdk_gtm_connector))

    def test_no_other_name_is(self) -> None:
        with pytest.raises(AttributeError, match="has no attribute 'GtmConector'"):
            _ = cdk_gtm_connector.GtmConector  # type: ignore[attr-defined]
