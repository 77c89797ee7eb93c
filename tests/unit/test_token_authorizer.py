"""The signed-token authorizer's handler: from API Gateway's event to a policy or an error."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from gtm_token_authorizer.errors import Reason, SettingsError, Unauthorized
from tests.unit.authorizer import METHOD_ARN
from tests.unit.signed_tokens import CLAIMS, DAY, GOOD, HEADER, NOW, OTHER_KEY, sign, token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.authorizer import Authorizer


class TestHandler:
    """The handler returns a policy or raises an error."""

    def test_a_good_token_is_allowed(
        self, authorize: Authorizer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert authorize(GOOD) == {
            "principalId": "user-1",
            "policyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Action": "execute-api:Invoke",
                        "Effect": "Allow",
                        "Resource": f"{METHOD_ARN}/*/events/authenticated",
                    }
                ],
            },
        }
        assert capsys.readouterr() == ("", "")

    def test_an_endpoint_that_the_token_names_is_passed_on(self, authorize: Authorizer) -> None:
        answer = authorize(token({**CLAIMS, "endpoint_id": "e-1"}))
        assert answer["context"] == {"endpoint_id": "e-1"}

    def test_the_policy_is_the_same_for_every_method(self, authorize: Authorizer) -> None:
        post = {"methodArn": f"{METHOD_ARN}/POST/events/authenticated", "httpMethod": "POST"}
        assert authorize(GOOD, **post) == authorize(GOOD)

    def test_a_clients_path_does_not_shape_the_policy(self, authorize: Authorizer) -> None:
        answer = authorize(
            GOOD,
            methodArn=f"{METHOD_ARN}/GET/*",
            path="/*",
            resource="/{tenant}/events/authenticated",
        )
        (statement,) = answer["policyDocument"]["Statement"]
        assert statement["Resource"] == f"{METHOD_ARN}/*/*/events/authenticated"

    @pytest.mark.parametrize("tokens", [(), ("",), (GOOD, GOOD), (GOOD, "x"), ("x", GOOD)])
    def test_exactly_one_token(self, authorize: Authorizer, tokens: tuple[str, ...]) -> None:
        assert authorize.refuses(*tokens) is Reason.MISSING
        assert authorize.secrets.calls == []

    def test_no_query_at_all(self, authorize: Authorizer) -> None:
        with pytest.raises(Unauthorized):
            authorize(queryStringParameters=None, multiValueQueryStringParameters=None)

    def test_the_audience_of_the_environment(self, authorize: Authorizer) -> None:
        authorize.monkeypatch.setenv("AUDIENCE", "here")
        assert authorize.refuses(GOOD) is Reason.AUDIENCE
        assert authorize(token({**CLAIMS, "aud": "here"}))

    def test_an_empty_audience_is_no_audience(self, authorize: Authorizer) -> None:
        authorize.monkeypatch.setenv("AUDIENCE", "")
        assert authorize(GOOD)

    def test_the_lifetime_of_the_environment(self, authorize: Authorizer) -> None:
        authorize.monkeypatch.setenv("MAX_TOKEN_LIFETIME", "60")
        assert authorize.refuses(token({**CLAIMS, "exp": NOW + 121})) is Reason.LIFETIME
        assert authorize(token({**CLAIMS, "exp": NOW + 120}))

    def test_a_refusal_is_one_line_without_the_token(
        self, authorize: Authorizer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        secret = "secret-4711"  # noqa: S105 - stands for a customer's data
        claims = {**CLAIMS, "sub": secret, "endpoint_id": secret, "aud": secret}
        bad = [
            token(claims, key=OTHER_KEY),
            token({**claims, "exp": NOW - 3_600}),
            token({**claims, "exp": NOW * 1_000}),
            token({**claims, "exp": secret}),
            token(claims, header={"alg": secret}),
            sign(json.dumps(HEADER), f'{{"sub":"{secret}\xff'.encode("latin-1")),
            sign(json.dumps(HEADER), f'{{"sub":"{secret}'),
            f"{secret}.{secret}.{secret}",
            secret * 1_000,
        ]
        for text in bad:
            with pytest.raises(Unauthorized) as caught:
                authorize(text)
            out, err = capsys.readouterr()
            line = json.loads(out)
            assert out.count("\n") == 1
            assert line.keys() == {"timestamp", "level", "message", "reason"}
            assert (line["level"], line["message"]) == ("WARN", "token refused")
            assert line["reason"] == caught.value.reason.value
            report = "".join(map(str, _everything_python_reports(caught.value)))
            for part in (secret, *(part for part in text.split(".") if len(part) > 8)):
                assert part not in out + err + report

    def test_the_sdk_does_not_log_the_secret(self, authorize: Authorizer) -> None:
        logging.getLogger().setLevel(logging.DEBUG)
        try:
            assert authorize(GOOD)
            assert not logging.getLogger("botocore.parsers").isEnabledFor(logging.DEBUG)
        finally:
            logging.getLogger().setLevel(logging.WARNING)

    def test_without_a_secret_nothing_starts(
        self, authorize: Authorizer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        authorize.monkeypatch.delenv("SECRET_ARN")
        with pytest.raises(SettingsError, match="SECRET_ARN must be set"):
            authorize(GOOD)
        assert json.loads(capsys.readouterr().out)["level"] == "ERROR"

    def test_without_a_lifetime_it_is_a_day(self, authorize: Authorizer) -> None:
        # An update may deploy the code before the environment.
        authorize.monkeypatch.delenv("MAX_TOKEN_LIFETIME")
        assert authorize(GOOD)
        assert authorize(token({**CLAIMS, "exp": NOW + DAY}))
        with pytest.raises(Unauthorized):
            authorize(token({**CLAIMS, "exp": NOW + DAY + 61}))

    @pytest.mark.parametrize("seconds", ["1d", "-1", "1.5", "²"])
    def test_a_lifetime_is_whole_seconds(
        self, authorize: Authorizer, capsys: pytest.CaptureFixture[str], seconds: str
    ) -> None:
        authorize.monkeypatch.setenv("MAX_TOKEN_LIFETIME", seconds)
        with pytest.raises(SettingsError, match="must be whole seconds"):
            authorize(GOOD)
        assert json.loads(capsys.readouterr().out)["level"] == "ERROR"


def _everything_python_reports(error: BaseException) -> Iterator[str]:
    """Yield all texts with which an exception would be reported."""
    reported: BaseException | None = error
    while reported:
        yield f"{reported!s} {reported!r}"
        reported = reported.__cause__ or (
            None if reported.__suppress_context__ else reported.__context__
        )
