"""Verification of signed tokens: valid ones, invalid ones, and the reasons for refusing them."""

from __future__ import annotations

import base64
import json
import math
import time
from typing import Any

import jwt as pyjwt
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gtm_token_authorizer.errors import Reason, Unauthorized
from gtm_token_authorizer.jwt import LEEWAY, MAX_SUBJECT_LENGTH, MAX_TOKEN_LENGTH, Claims, verify
from tests.unit.signed_tokens import (
    CLAIMS,
    DAY,
    GOOD,
    GOOD_CLAIMS,
    GOOD_HEADER,
    GOOD_SIGNATURE,
    HEADER,
    KEY,
    NOW,
    OLD_KEY,
    OTHER_KEY,
    base64url,
    checked,
    refusal,
    sign,
    token,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=MAX_SUBJECT_LENGTH)


class TestValidTokens:
    """Valid tokens."""

    def test_the_required_claims_are_enough(self) -> None:
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
            # Keys that a header refers to are ignored.
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
    """Return a valid token of a given length. A fixed header would not allow every length."""
    for header in (HEADER, {"alg": "HS256"}):
        for padding in range(length):
            text = token({**CLAIMS, "x": "x" * padding}, header=header)
            if len(text) == length:
                return text
            if len(text) > length:
                break
    raise AssertionError(length)


def without(name: str) -> dict[str, Any]:
    """Return valid claims without one of them."""
    return {claim: value for claim, value in CLAIMS.items() if claim != name}


NESTED = "[" * 2_000


class TestInvalidTokens:
    """Invalid tokens, each for one reason."""

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
    def test_malformed_tokens(self, text: str) -> None:
        assert refusal(text) is Reason.MALFORMED

    def test_a_signature_spelled_another_way(self) -> None:
        """43 characters have two bits more than 32 bytes, so four spellings decode alike."""
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
        """A sender without the key must not learn how the claims would be judged."""
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
# Not near the leeway, because PyJWT reads the clock itself.
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
