"""The signed-token authorizer: what it lets in, what it refuses, and how it follows a rotation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt as pyjwt
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gtm_token_authorizer import handler
from gtm_token_authorizer.errors import Reason, SecretError, SettingsError, Unauthorized
from gtm_token_authorizer.jwt import LEEWAY, MAX_SUBJECT_LENGTH, MAX_TOKEN_LENGTH, Claims, verify
from gtm_token_authorizer.keys import MAX_AGE, MIN_INTERVAL, Keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NOW = 1_795_000_000  # 2026-11-18T11:06:40Z
DAY = 24 * 60 * 60
KEY = b"the current key, 32 bytes long.."
OLD_KEY = b"the previous key, 32 bytes long."
OTHER_KEY = b"somebody else's key, 32 bytes..."
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:Token-AbCdEf"
METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/Api-PinpointEvents"

HEADER = {"alg": "HS256", "typ": "JWT"}
CLAIMS = {"sub": "user-1", "exp": NOW + 300}


def base64url(data: bytes) -> str:
    """Return unpadded base64url."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def sign(header: bytes | str, claims: bytes | str, key: bytes = KEY) -> str:
    """Return a token of any two byte strings, correctly signed."""
    parts = [part.encode() if isinstance(part, str) else part for part in (header, claims)]
    signed = ".".join(map(base64url, parts))
    return f"{signed}.{base64url(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


def token(claims: object = None, *, header: object = None, key: bytes = KEY) -> str:
    """Return a correctly signed token of any two JSON documents."""
    return sign(
        json.dumps(HEADER if header is None else header),
        json.dumps(CLAIMS if claims is None else claims),
        key,
    )


def checked(text: str, *, keys: Sequence[bytes] = (KEY,), audience: str | None = None) -> Claims:
    """Return what a token vouches for at ``NOW``."""
    return verify(text, keys, now=NOW, audience=audience, max_lifetime=DAY)


def refusal(text: str, *, audience: str | None = None, now: float = NOW) -> Reason:
    """Return why a token is refused; a token that is not refused fails the test."""
    with pytest.raises(Unauthorized) as caught:
        verify(text, [KEY], now=now, audience=audience, max_lifetime=DAY)
    assert str(caught.value) == "Unauthorized"
    # What it would be reported with could quote the token.
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value.reason


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=MAX_SUBJECT_LENGTH)


class TestWhatVerifies:
    """Tokens that are good."""

    def test_the_least_that_is_needed(self) -> None:
        assert checked(token()) == Claims("user-1", None)

    @given(subject=texts, endpoint_id=st.none() | texts, audience=st.none() | texts)
    def test_any_claims_of_pyjwt_round_trip(
        self, subject: str, endpoint_id: str | None, audience: str | None
    ) -> None:
        claims: dict[str, Any] = {**CLAIMS, "sub": subject, "nbf": NOW, "iat": NOW}
        if endpoint_id is not None:
            claims["endpoint_id"] = endpoint_id
        if audience is not None:
            claims["aud"] = audience
        text = pyjwt.encode(claims, KEY, algorithm="HS256")
        assume(len(text) <= MAX_TOKEN_LENGTH)
        assert checked(text, audience=audience) == Claims(subject, endpoint_id)

    @pytest.mark.parametrize(
        "claims",
        [
            pytest.param({"sub": "名前-é-🙂"}, id="unicode subject"),
            pytest.param({"sub": "u" * MAX_SUBJECT_LENGTH}, id="longest subject"),
            pytest.param({"exp": NOW + 0.5}, id="fractional exp"),
            pytest.param({"exp": NOW + DAY + LEEWAY}, id="exp as far ahead as it may be"),
            pytest.param({"nbf": NOW - 1.5}, id="fractional nbf"),
            pytest.param({"aud": "not asked about"}, id="aud without an audience"),
            pytest.param({"iat": "yesterday", "jti": None, "x": [{}]}, id="other claims"),
        ],
    )
    def test_claims(self, claims: dict[str, Any]) -> None:
        subject = claims.get("sub", "user-1")
        assert checked(token({**CLAIMS, **claims})) == Claims(subject, None)

    @pytest.mark.parametrize(
        "header",
        [
            {"alg": "HS256"},
            {"alg": "HS256", "typ": "jwt"},
            {"alg": "HS256", "kid": "1"},
            # A header that points to keys of its own is not followed.
            {"alg": "HS256", "jku": "https://attacker.example/keys", "jwk": {"k": "x"}},
        ],
    )
    def test_headers(self, header: dict[str, str]) -> None:
        assert checked(token(header=header)) == Claims("user-1", None)

    @pytest.mark.parametrize("audience", ["here", ["here"], ["there", "here"]])
    def test_the_audience_named_or_listed(self, audience: object) -> None:
        text = token({**CLAIMS, "aud": audience})
        assert checked(text, audience="here") == Claims("user-1", None)

    @pytest.mark.parametrize("key", [KEY, OLD_KEY])
    def test_each_of_the_keys(self, key: bytes) -> None:
        assert checked(token(key=key), keys=[KEY, OLD_KEY]) == Claims("user-1", None)

    def test_the_longest_token(self) -> None:
        longest = _token_of_length(MAX_TOKEN_LENGTH)
        assert checked(longest) == Claims("user-1", None)


def _token_of_length(length: int) -> str:
    """Return a good token of a given length; not every length exists with one header."""
    for header in (HEADER, {"alg": "HS256"}):
        for padding in range(length):
            text = token({**CLAIMS, "x": "x" * padding}, header=header)
            if len(text) == length:
                return text
            if len(text) > length:
                break
    raise AssertionError(length)


def without(name: str) -> dict[str, Any]:
    """Return good claims less one."""
    return {claim: value for claim, value in CLAIMS.items() if claim != name}


GOOD = token()
GOOD_HEADER, GOOD_CLAIMS, GOOD_SIGNATURE = GOOD.split(".")
NESTED = "[" * 2_000


class TestWhatIsRefused:
    """Tokens that are not, each for one reason."""

    @pytest.mark.parametrize(
        ("claims", "reason"),
        [
            pytest.param(without("exp"), Reason.CLAIMS, id="no exp"),
            pytest.param({**CLAIMS, "exp": str(NOW + 300)}, Reason.CLAIMS, id="exp as a string"),
            pytest.param({**CLAIMS, "exp": True}, Reason.CLAIMS, id="exp as a boolean"),
            pytest.param({**CLAIMS, "exp": None}, Reason.CLAIMS, id="exp null"),
            pytest.param({**CLAIMS, "exp": [NOW + 300]}, Reason.CLAIMS, id="exp as a list"),
            pytest.param({**CLAIMS, "exp": math.nan}, Reason.MALFORMED, id="exp NaN"),
            pytest.param({**CLAIMS, "exp": math.inf}, Reason.MALFORMED, id="exp Infinity"),
            pytest.param({**CLAIMS, "exp": -(10**400)}, Reason.EXPIRED, id="exp long ago"),
            pytest.param(
                {**CLAIMS, "exp": NOW + DAY + LEEWAY + 1}, Reason.LIFETIME, id="exp too far ahead"
            ),
            pytest.param(
                {**CLAIMS, "exp": (NOW + 300) * 1_000}, Reason.LIFETIME, id="exp in milliseconds"
            ),
            pytest.param(
                {**CLAIMS, "iat": NOW + 10**9, "exp": NOW + 10**9 + 300},
                Reason.LIFETIME,
                id="iat ahead as well",
            ),
            pytest.param({**CLAIMS, "exp": 10**400}, Reason.LIFETIME, id="exp beyond a float"),
            pytest.param({**CLAIMS, "nbf": "0"}, Reason.CLAIMS, id="nbf as a string"),
            pytest.param({**CLAIMS, "nbf": False}, Reason.CLAIMS, id="nbf as a boolean"),
            pytest.param({**CLAIMS, "nbf": None}, Reason.CLAIMS, id="nbf null"),
            pytest.param({**CLAIMS, "nbf": 10**400}, Reason.NOT_YET_VALID, id="nbf far ahead"),
            pytest.param(without("sub"), Reason.CLAIMS, id="no sub"),
            pytest.param({**CLAIMS, "sub": ""}, Reason.CLAIMS, id="sub empty"),
            pytest.param({**CLAIMS, "sub": None}, Reason.CLAIMS, id="sub null"),
            pytest.param({**CLAIMS, "sub": 7}, Reason.CLAIMS, id="sub as a number"),
            pytest.param({**CLAIMS, "sub": "\ud83d"}, Reason.CLAIMS, id="sub half a character"),
            pytest.param(
                {**CLAIMS, "sub": "u" * (MAX_SUBJECT_LENGTH + 1)}, Reason.CLAIMS, id="sub too long"
            ),
            pytest.param({**CLAIMS, "endpoint_id": ""}, Reason.CLAIMS, id="endpoint_id empty"),
            pytest.param({**CLAIMS, "endpoint_id": None}, Reason.CLAIMS, id="endpoint_id null"),
            pytest.param({**CLAIMS, "endpoint_id": 7}, Reason.CLAIMS, id="endpoint_id a number"),
            pytest.param({**CLAIMS, "endpoint_id": ["e"]}, Reason.CLAIMS, id="endpoint_id a list"),
            pytest.param(
                {**CLAIMS, "endpoint_id": "\udc00"},
                Reason.CLAIMS,
                id="endpoint_id half a character",
            ),
            pytest.param([CLAIMS], Reason.MALFORMED, id="claims in a list"),
            pytest.param("claims", Reason.MALFORMED, id="claims a string"),
            pytest.param(17, Reason.MALFORMED, id="claims a number"),
        ],
    )
    def test_claims(self, claims: object, reason: Reason) -> None:
        assert refusal(token(claims)) is reason

    @pytest.mark.parametrize(
        ("claims", "reason"),
        [
            pytest.param(b'{"sub":"u","exp":1e999}', Reason.CLAIMS, id="exp beyond a float"),
            pytest.param(b'{"sub":"u","exp":-1e999}', Reason.CLAIMS, id="exp below a float"),
            pytest.param(b'{"sub":"u","exp":9999999999,"exp":1}', Reason.MALFORMED, id="exp twice"),
            pytest.param(
                b'{"sub":"u","sub":"v","exp":9999999999}', Reason.MALFORMED, id="sub twice"
            ),
            pytest.param(
                b'{"sub":"u","s\\u0075b":"v","exp":9999999999}', Reason.MALFORMED, id="sub escaped"
            ),
            pytest.param(
                b'{"sub":"u","exp":9999999999,"x":{"y":1,"y":2}}', Reason.MALFORMED, id="deep twice"
            ),
            pytest.param(b'{"sub":"u","exp":9999999999} x', Reason.MALFORMED, id="trailing text"),
            pytest.param(b'{"sub":"u","exp":9999999999}\0', Reason.MALFORMED, id="trailing NUL"),
            pytest.param(b'{"sub":"u","exp":9999999999,}', Reason.MALFORMED, id="trailing comma"),
            pytest.param(b"{'sub':'u','exp':9999999999}", Reason.MALFORMED, id="single quotes"),
            pytest.param(b'{"sub":"\xff","exp":9999999999}', Reason.MALFORMED, id="not UTF-8"),
            pytest.param(b'{"sub":"\xc0\x80","exp":9999999999}', Reason.MALFORMED, id="overlong"),
            pytest.param(
                b'{"sub":"\xed\xa0\xbd","exp":9999999999}', Reason.MALFORMED, id="encoded surrogate"
            ),
            pytest.param(
                '{"sub":"u","exp":9999999999}'.encode("utf-16"), Reason.MALFORMED, id="UTF-16"
            ),
            pytest.param(
                b'\xef\xbb\xbf{"sub":"u","exp":9999999999}', Reason.MALFORMED, id="byte order mark"
            ),
            pytest.param(f'{{"x":{NESTED}'.encode(), Reason.MALFORMED, id="nested too deep"),
            pytest.param(b"{", Reason.MALFORMED, id="not JSON"),
        ],
    )
    def test_claims_as_bytes(self, claims: bytes, reason: Reason) -> None:
        assert refusal(sign(json.dumps(HEADER), claims)) is reason

    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            ({}, Reason.HEADER),
            ({"alg": "none"}, Reason.HEADER),
            ({"alg": "None"}, Reason.HEADER),
            ({"alg": "hs256"}, Reason.HEADER),
            ({"alg": "HS384"}, Reason.HEADER),
            ({"alg": "HS512"}, Reason.HEADER),
            ({"alg": "RS256"}, Reason.HEADER),
            ({"alg": ["HS256"]}, Reason.HEADER),
            ({"alg": None}, Reason.HEADER),
            ({"alg": "HS256", "typ": "at+jwt"}, Reason.HEADER),
            ({"alg": "HS256", "typ": None}, Reason.HEADER),
            ({"alg": "HS256", "crit": ["exp"]}, Reason.HEADER),
            ({"alg": "HS256", "crit": []}, Reason.HEADER),
            (["HS256"], Reason.MALFORMED),
        ],
    )
    def test_headers(self, header: object, reason: Reason) -> None:
        assert refusal(token(header=header)) is reason

    def test_a_header_that_names_the_algorithm_twice(self) -> None:
        header = b'{"alg":"none","alg":"HS256"}'
        assert refusal(sign(header, json.dumps(CLAIMS))) is Reason.MALFORMED

    def test_an_unsigned_token_of_pyjwt(self) -> None:
        unsigned = pyjwt.encode(CLAIMS, "", algorithm="none")
        assert refusal(unsigned) is Reason.MALFORMED  # its signature is empty
        assert refusal(unsigned + GOOD_SIGNATURE) is Reason.HEADER

    def test_another_algorithm_of_pyjwt(self) -> None:
        strong = pyjwt.encode(CLAIMS, KEY * 2, algorithm="HS384")
        assert refusal(strong) is Reason.HEADER

    @pytest.mark.parametrize(
        "text",
        [
            "",
            ".",
            "..",
            "...",
            "a.b",
            GOOD_HEADER,
            f"{GOOD_HEADER}.{GOOD_CLAIMS}",
            f"{GOOD_HEADER}.{GOOD_CLAIMS}.",
            f".{GOOD_CLAIMS}.{GOOD_SIGNATURE}",
            f"{GOOD_HEADER}..{GOOD_SIGNATURE}",
            f"{GOOD}.",
            f".{GOOD}",
            f"{GOOD}.{GOOD_SIGNATURE}",
            f"{GOOD}=",
            f"{GOOD}\n",
            f" {GOOD}",
            f"Bearer {GOOD}",
            GOOD.replace(".", "\u2024"),
            f"{GOOD_HEADER}.{GOOD_CLAIMS}.\uff21{GOOD_SIGNATURE[1:]}",
            f"{GOOD_HEADER}.{GOOD_CLAIMS}.+/{GOOD_SIGNATURE[2:]}",
            f"{GOOD_HEADER}.{GOOD_CLAIMS}.\ud800{GOOD_SIGNATURE[1:]}",
        ],
    )
    def test_what_is_no_token(self, text: str) -> None:
        assert refusal(text) is Reason.MALFORMED

    def test_a_signature_spelled_another_way(self) -> None:
        """43 characters hold two bits more than 32 bytes: four spellings decode alike."""
        decoded = base64.urlsafe_b64decode(GOOD_SIGNATURE + "=")
        twins = [
            twin
            for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            if base64.urlsafe_b64decode((twin := GOOD_SIGNATURE[:-1] + last) + "=") == decoded
            and twin != GOOD_SIGNATURE
        ]
        assert len(twins) == 3
        for twin in twins:
            assert refusal(f"{GOOD_HEADER}.{GOOD_CLAIMS}.{twin}") is Reason.MALFORMED

    def test_another_key(self) -> None:
        assert refusal(token(key=OTHER_KEY)) is Reason.SIGNATURE

    @pytest.mark.parametrize("size", [0, 1, 31])
    def test_a_signature_cut_short(self, size: int) -> None:
        cut = base64url(base64.urlsafe_b64decode(GOOD_SIGNATURE + "=")[:size])
        expected = Reason.SIGNATURE if size else Reason.MALFORMED
        assert refusal(f"{GOOD_HEADER}.{GOOD_CLAIMS}.{cut}") is expected

    def test_no_key_at_all(self) -> None:
        with pytest.raises(Unauthorized):
            checked(GOOD, keys=[])

    def test_one_character_too_long(self) -> None:
        assert refusal(_token_of_length(MAX_TOKEN_LENGTH + 1)) is Reason.OVERSIZED

    @pytest.mark.parametrize(
        "audience",
        ["there", "HERE", "", None, [], ["there"], ["here", 7], [["here"]], {"here": 1}, 7],
    )
    def test_another_audience(self, audience: object) -> None:
        assert refusal(token({**CLAIMS, "aud": audience}), audience="here") is Reason.AUDIENCE

    def test_no_audience(self) -> None:
        assert refusal(token(), audience="here") is Reason.AUDIENCE

    def test_the_signature_is_checked_before_the_claims(self) -> None:
        """Nobody without the key learns what the claims would have led to."""
        assert refusal(sign(json.dumps(HEADER), b"no JSON", OTHER_KEY)) is Reason.SIGNATURE

    @given(data=st.data())
    def test_a_changed_character(self, data: st.DataObject) -> None:
        text = pyjwt.encode({**CLAIMS, "endpoint_id": "e-1"}, KEY, algorithm="HS256")
        index = data.draw(st.integers(0, len(text) - 1))
        other = data.draw(
            st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
            | st.characters()
        )
        assume(other != text[index])
        refusal(text[:index] + other + text[index + 1 :])

    @given(data=st.data())
    def test_a_character_more_or_less(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(GOOD) - 1))
        refusal(GOOD[:index] + GOOD[index + 1 :])
        refusal(GOOD[:index] + data.draw(st.characters()) + GOOD[index:])

    @given(st.text(max_size=60) | st.from_regex(r"[\w-]{0,9}\.[\w-]{0,9}\.[\w-]{0,9}"))
    def test_any_text(self, text: str) -> None:
        refusal(text)

    @given(header=st.binary(max_size=40), claims=st.binary(max_size=40))
    @example(header=b"{}", claims=b"{}")
    def test_any_signed_bytes(self, header: bytes, claims: bytes) -> None:
        refusal(sign(header, claims))
        refusal(sign(json.dumps(HEADER), claims))


class TestLeeway:
    """The seconds around ``exp`` and ``nbf``."""

    @pytest.mark.parametrize(
        ("ago", "refused"), [(-1, False), (0, False), (59, False), (60, True), (61, True)]
    )
    def test_exp(self, *, ago: int, refused: bool) -> None:
        text = token({**CLAIMS, "exp": NOW - ago})
        if refused:
            assert refusal(text) is Reason.EXPIRED
        else:
            assert checked(text) == Claims("user-1", None)

    @pytest.mark.parametrize(
        ("ahead", "refused"), [(0, False), (59, False), (60, False), (61, True)]
    )
    def test_nbf(self, *, ahead: int, refused: bool) -> None:
        text = token({**CLAIMS, "nbf": NOW + ahead})
        if refused:
            assert refusal(text) is Reason.NOT_YET_VALID
        else:
            assert checked(text) == Claims("user-1", None)


weird = st.none() | st.booleans() | st.text(max_size=3) | st.lists(st.text(max_size=3), max_size=2)
# Seconds away from what the two clocks may differ by: PyJWT reads the time itself.
instants = st.sampled_from([-400, -55, 0, 55, 400]).map(lambda offset: int(time.time()) + offset)


@given(
    claims=st.fixed_dictionaries(
        {},
        optional={
            "sub": st.text(max_size=4) | weird,
            "exp": instants | instants.map(str) | weird,
            "nbf": instants | weird,
            "aud": st.sampled_from(["here", "there", ["here", "there"]]) | weird,
        },
    ),
    header=st.fixed_dictionaries(
        {"alg": st.sampled_from(["HS256", "HS256", "HS384", "none"])},
        optional={"typ": st.sampled_from(["JWT", "jwt", "x"]), "crit": st.just(["b64"])},
    ),
    key=st.sampled_from([KEY, OTHER_KEY]),
    audience=st.sampled_from([None, "here"]),
)
@example(
    claims={"sub": "u", "exp": int(time.time()) + 3_000, "aud": "here"},
    header={"alg": "HS256"},
    key=KEY,
    audience="here",
)
def test_what_verifies_here_verifies_with_pyjwt(
    claims: dict[str, Any], header: dict[str, Any], key: bytes, audience: str | None
) -> None:
    text = token(claims, header=header, key=key)
    try:
        ours = verify(text, [KEY], now=time.time(), audience=audience, max_lifetime=DAY)
    except Unauthorized:
        return
    theirs = pyjwt.decode(
        text,
        KEY,
        algorithms=["HS256"],
        audience=audience,
        leeway=LEEWAY,
        options={"require": ["exp", "sub"], "verify_aud": audience is not None},
    )
    assert theirs["sub"] == ours.subject


def not_found() -> ClientError:
    """Return what Secrets Manager says of a version that does not exist."""
    return ClientError(
        {"Error": {"Code": "ResourceNotFoundException", "Message": "can't find it"}},
        "GetSecretValue",
    )


def denied() -> ClientError:
    """Return what Secrets Manager says to a role without the permission."""
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
    """The handler in its environment, with Secrets Manager in memory and a clock to set."""

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
    """Return the event of API Gateway's REQUEST authorizer, as far as it matters."""
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


class TestHandler:
    """API Gateway's event in, a policy or an error out."""

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

    def test_an_empty_audience_is_none(self, authorize: Authorizer) -> None:
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
        # An update may bring the code before the environment.
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
    """Yield the texts of an exception and of all that it would be reported with."""
    reported: BaseException | None = error
    while reported:
        yield f"{reported!s} {reported!r}"
        reported = reported.__cause__ or (
            None if reported.__suppress_context__ else reported.__context__
        )


class TestSecret:
    """Versions of the secret that verify tokens, and the times of reading them."""

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
    def test_what_cannot_be_read_is_an_error_and_no_answer(
        self,
        authorize: Authorizer,
        capsys: pytest.CaptureFixture[str],
        problem: Exception,
        text: str,
    ) -> None:
        authorize.secrets.raises = problem
        with pytest.raises(SecretError, match=text) as caught:
            authorize(GOOD)
        # API Gateway answers 401 to this word alone, 500 to every other.
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

    def test_an_answer_about_another_version_is_none(self) -> None:
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
