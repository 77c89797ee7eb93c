"""The authorizer's secret: its valid versions, its rotation, and unreadable secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from gtm_token_authorizer.errors import Reason, SecretError
from gtm_token_authorizer.keys import MAX_AGE, MIN_INTERVAL, Keys
from tests.unit.authorizer import ARN, Authorizer, FakeSecretsManager, denied, not_found
from tests.unit.signed_tokens import CLAIMS, GOOD, KEY, NOW, OLD_KEY, OTHER_KEY, token

if TYPE_CHECKING:
    from collections.abc import Mapping


class TestSecret:
    """Versions of the secret that verify tokens, and when they are read."""

    def test_current_and_previous_verify_and_an_older_one_does_not(
        self, authorize: Authorizer
    ) -> None:
        authorize.secrets.versions = {"AWSCURRENT": OTHER_KEY.decode()}
        authorize.secrets.rotate(OLD_KEY.decode())
        authorize.secrets.rotate(KEY.decode())
        assert authorize(token(key=KEY))
        assert authorize(token(key=OLD_KEY))
        assert authorize.refuses(token(key=OTHER_KEY)) is Reason.SIGNATURE

    def test_it_is_read_once_in_five_minutes(self, authorize: Authorizer) -> None:
        for second in (0, 1, MIN_INTERVAL, MAX_AGE - 1):
            authorize.at(NOW + second)
            assert authorize(GOOD)
        assert authorize.secrets.calls == ["AWSCURRENT", "AWSPREVIOUS"]
        authorize.at(NOW + MAX_AGE)
        assert authorize(GOOD)
        assert authorize.secrets.readings == 2

    def test_a_key_that_was_taken_away_is_good_for_five_minutes_at_most(
        self, authorize: Authorizer
    ) -> None:
        good = token({**CLAIMS, "exp": NOW + 3_600})
        assert authorize(good)
        authorize.secrets.versions = {"AWSCURRENT": OTHER_KEY.decode()}
        authorize.at(NOW + MAX_AGE - 1)
        assert authorize(good)
        authorize.at(NOW + MAX_AGE)
        assert authorize.refuses(good) is Reason.SIGNATURE

    def test_a_rotation_is_noticed_within_30_seconds(self, authorize: Authorizer) -> None:
        assert authorize(GOOD)
        authorize.secrets.rotate(OTHER_KEY.decode())
        authorize.at(NOW + MIN_INTERVAL - 1)
        assert authorize.refuses(token(key=OTHER_KEY)) is Reason.SIGNATURE
        authorize.at(NOW + MIN_INTERVAL)
        assert authorize(token(key=OTHER_KEY))
        assert authorize(GOOD), "the previous version verifies as well"
        assert authorize.secrets.readings == 2

    def test_forged_tokens_have_it_read_every_30_seconds_at_most(
        self, authorize: Authorizer
    ) -> None:
        forged = token(key=OTHER_KEY)
        for second in range(0, 10 * MIN_INTERVAL, 5):
            authorize.at(NOW + second)
            assert authorize.refuses(forged) is Reason.SIGNATURE
        assert authorize.secrets.readings == 10

    @pytest.mark.parametrize("text", ["x", token({**CLAIMS, "exp": NOW - 99})])
    def test_other_refusals_do_not_have_it_read(self, authorize: Authorizer, text: str) -> None:
        assert authorize(GOOD)
        authorize.at(NOW + MAX_AGE - 1)
        authorize.refuses(text)
        assert authorize.secrets.readings == 1

    def test_a_clock_that_was_set_back_does_not_keep_a_key_alive(
        self, authorize: Authorizer
    ) -> None:
        assert authorize(GOOD)
        authorize.at(NOW - 10)
        assert authorize(GOOD)
        assert authorize.secrets.readings == 2

    @pytest.mark.parametrize(
        ("problem", "text"),
        [
            (denied(), "AccessDenied"),
            (ReadTimeoutError(endpoint_url="https://sm"), "ReadTimeoutError"),
            (not_found(), "does not exist or has no version AWSCURRENT"),
        ],
    )
    def test_an_unreadable_secret_is_an_error_not_a_refusal(
        self,
        authorize: Authorizer,
        capsys: pytest.CaptureFixture[str],
        problem: Exception,
        text: str,
    ) -> None:
        authorize.secrets.raises = problem
        with pytest.raises(SecretError, match=text) as caught:
            authorize(GOOD)
        # API Gateway answers 401 to exactly this word, and 500 to any other text.
        assert str(caught.value) != "Unauthorized"
        line = json.loads(capsys.readouterr().out)
        assert (line["level"], line["message"]) == ("ERROR", "no token can be checked")
        authorize.secrets.raises = None
        assert authorize(GOOD), "the failure is not remembered"

    @pytest.mark.parametrize(
        ("problem", "why"),
        [
            (ValueError("the-key"), "ValueError"),
            (RecursionError("the-key"), "RecursionError"),
            (
                ClientError({"Error": {"Code": "AccessDenied", "Message": "the-key"}}, "x"),
                "AccessDenied",
            ),
            (ClientError({"Error": {"Code": "the-key"}}, "x"), "an error without a code"),
            (ClientError({}, "x"), "an error without a code"),
        ],
    )
    def test_an_answer_that_cannot_be_read_is_not_quoted(
        self,
        authorize: Authorizer,
        capsys: pytest.CaptureFixture[str],
        problem: Exception,
        why: str,
    ) -> None:
        authorize.secrets.raises = problem
        with pytest.raises(SecretError, match=rf"version AWSCURRENT .* cannot be read: {why}$"):
            authorize(GOOD)
        assert "the-key" not in capsys.readouterr().out

    def test_an_answer_about_another_version_is_ignored(self) -> None:
        class Late(FakeSecretsManager):
            def get_secret_value(self, **arguments: str) -> Mapping[str, Any]:
                version = super().get_secret_value(**arguments)
                return {**version, "VersionStages": ["AWSCURRENT"]}

        keys = Keys(ARN, Late({"AWSCURRENT": KEY.decode(), "AWSPREVIOUS": KEY.decode()}))
        with pytest.raises(SecretError, match=r"AWSPREVIOUS .* another version was answered"):
            keys.get(NOW)

    def test_a_previous_version_that_cannot_be_read_is_an_error(self) -> None:
        class OnlyCurrent(FakeSecretsManager):
            def get_secret_value(self, **arguments: str) -> Mapping[str, Any]:
                if arguments["VersionStage"] == "AWSPREVIOUS":
                    raise denied()
                return super().get_secret_value(**arguments)

        keys = Keys(ARN, OnlyCurrent({"AWSCURRENT": KEY.decode()}))
        with pytest.raises(SecretError, match="AWSPREVIOUS"):
            keys.get(NOW)

    def test_an_old_key_is_no_answer_when_a_new_one_cannot_be_read(
        self, authorize: Authorizer
    ) -> None:
        assert authorize(GOOD)
        authorize.secrets.raises = denied()
        authorize.at(NOW + MAX_AGE)
        with pytest.raises(SecretError):
            authorize(GOOD)

    def test_while_it_cannot_be_read_the_cached_keys_do_and_retries_are_bounded(
        self, authorize: Authorizer
    ) -> None:
        assert authorize(GOOD)
        authorize.secrets.raises = denied()
        authorize.at(NOW + MIN_INTERVAL)
        with pytest.raises(SecretError):
            authorize(token(key=OTHER_KEY))
        assert authorize(GOOD)
        assert authorize.refuses(token(key=OTHER_KEY)) is Reason.SIGNATURE
        assert authorize.secrets.readings == 2

    def test_a_key_that_is_too_short(
        self, authorize: Authorizer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        short = "short-4711-short-4711-short-471"
        authorize.secrets.versions["AWSCURRENT"] = short
        with pytest.raises(SecretError, match="must be at least 32 bytes, got 31") as caught:
            authorize(token(key=short.encode()))
        out = capsys.readouterr().out
        assert "got 31" in json.loads(out)["detail"]
        assert short not in out + str(caught.value)

    def test_bytes_count_and_not_characters(self, authorize: Authorizer) -> None:
        authorize.secrets.versions["AWSCURRENT"] = "é" * 16
        assert authorize(token(key=("é" * 16).encode()))

    def test_a_binary_key(self, authorize: Authorizer) -> None:
        authorize.secrets.versions["AWSCURRENT"] = KEY
        with pytest.raises(SecretError, match="is binary"):
            authorize(GOOD)

    @pytest.mark.parametrize("previous", ["short", b"binary, and of 32 bytes at least"])
    def test_a_previous_version_that_is_no_key_is_ignored_with_a_warning(
        self,
        authorize: Authorizer,
        capsys: pytest.CaptureFixture[str],
        previous: str | bytes,
    ) -> None:
        authorize.secrets.versions["AWSPREVIOUS"] = previous
        assert authorize(GOOD)
        line = json.loads(capsys.readouterr().out)
        assert (line["level"], line["message"]) == ("WARN", "previous secret version ignored")
        key = previous if isinstance(previous, bytes) else previous.encode()
        assert authorize.refuses(token(key=key)) is Reason.SIGNATURE
