"""Signed tokens: whom they let in, and where they are kept, which is nowhere."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from cdk_gtm_connector.endpoint import TOKEN_PARAMETER
from cdk_gtm_connector.tokens import mint as mint_token
from local.emulator import targets
from tests.pipeline.access.sending import (
    ALLOWED,
    AUDIENCE,
    EVENT,
    FORM,
    check_cors,
    envelope_of,
    token_secret,
)
from tests.pipeline.conftest import RecordingJournal, delivered, invalid_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local.pipeline.stack import Pipeline
    from tests.pipeline.access.sending import Mint
    from tests.pipeline.conftest import Send


def _texts(thing: object) -> Iterator[str]:
    """Yield each text in ``thing``, as it is: names too."""
    if isinstance(thing, dict):
        yield from _texts([*thing, *thing.values()])
    elif isinstance(thing, list):
        for part in thing:
            yield from _texts(part)
    else:
        yield str(thing)


def test_a_signed_image_request_changes_the_profile(
    send_signed: Send, pipeline: Pipeline, mint: Mint
) -> None:
    answer = send_signed(
        f"{EVENT}&evat_a=1&usat_plan=gold&usat_city=K%C3%B6ln&token={mint(subject='customer/42 é')}"
    )

    assert answer.headers["content-type"] == "image/svg+xml"
    event = delivered(pipeline, answer)
    assert event.event["Attributes"] == {"a": "1"}
    assert event.endpoint["User"] == {
        "UserId": "customer/42 é",
        "UserAttributes": {"plan": ["gold"], "city": ["Köln"]},
    }


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, f"{EVENT}&usat_plan=gold"),
        ("application/json", '{"event": "page_view", "endpoint_id": "e1", "usat_plan": "gold"}'),
    ],
)
def test_a_signed_post_changes_the_profile(
    send_signed: Send, pipeline: Pipeline, mint: Mint, content_type: str, body: str
) -> None:
    answer = send_signed(
        f"token={mint(subject='u1', endpoint_id='e1')}",
        method="POST",
        headers={"Content-Type": content_type, "Origin": ALLOWED[0]},
        body=body,
    )

    assert (answer.status, answer.body) == (204, b"")
    check_cors(answer, ALLOWED[0], allowed=True)
    assert delivered(pipeline, answer).endpoint["User"] == {
        "UserId": "u1",
        "UserAttributes": {"plan": ["gold"]},
    }


def test_only_the_permitted_user_attributes_are_changed(
    send_signed: Send, pipeline: Pipeline, mint: Mint
) -> None:
    answer = send_signed(f"{EVENT}&usat_plan=gold&usat_admin=1&token={mint(subject='u1')}")

    user = delivered(pipeline, answer).endpoint["User"]
    assert user["UserAttributes"] == {"plan": ["gold"]}


def test_a_token_for_another_endpoint_writes_nothing(
    send_signed: Send, pipeline: Pipeline, mint: Mint
) -> None:
    token = mint(subject="u1", endpoint_id="mine")
    own = send_signed(f"event=page_view&endpoint_id=mine&token={token}")
    foreign = send_signed(f"event=page_view&endpoint_id=theirs&token={token}")

    assert delivered(pipeline, own).endpoint_id == "mine"
    letter = invalid_message(pipeline, foreign.event_id)
    assert letter["Reason"] == "foreign_endpoint"
    assert envelope_of(letter["Body"]).keys() == {
        *("v", "time", "id", "access", "subject", "endpoint")
    }
    assert envelope_of(letter["Body"])["endpoint"] == "mine"


def _unsigned(claims: Mapping[str, Any]) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "none", "typ": "JWT"}, claims)
    ]
    return f"{parts[0]}.{parts[1]}."


_PAST = datetime.now(UTC) - timedelta(hours=1)


@pytest.mark.usefixtures("nothing_queued")
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda _: "hello", id="no token"),
        pytest.param(lambda mint: mint(subject="u1", now=_PAST), id="expired"),
        pytest.param(lambda mint: mint(subject="u1", audience="other"), id="audience"),
        pytest.param(lambda mint: mint(subject="u1")[:-4] + "AAAA", id="forged"),
        pytest.param(lambda _: mint_token("x" * 64, subject="u1", audience=AUDIENCE), id="key"),
        pytest.param(
            lambda _: _unsigned({"sub": "u1", "aud": AUDIENCE, "exp": 4_000_000_000}), id="unsigned"
        ),
        pytest.param(lambda mint: mint(subject="u1") + "A" * 4_096, id="oversized"),
        pytest.param(lambda mint: f"hello&token={mint(subject='u1')}", id="the second is good"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_that_is_not_good_queues_nothing(
    send_signed: Send, mint: Mint, method: str, spoil: Callable[[Mint], str]
) -> None:
    query = f"{EVENT}&token={spoil(mint)}"
    if method == "GET":
        answer = send_signed(query)
    else:
        answer = send_signed(query, method="POST", headers={"Content-Type": FORM}, body=EVENT)

    assert (answer.status, answer.body) == (401, b'{"message":"Unauthorized"}')
    assert answer.event_id is None


@pytest.mark.usefixtures("nothing_queued")
def test_a_token_counts_in_the_query_only(send_signed: Send, mint: Mint) -> None:
    token = mint(subject="u1")
    for headers in ({"token": token}, {"Authorization": f"Bearer {token}"}):
        assert send_signed(EVENT, headers=headers).status == 401
    posted = send_signed(
        "", method="POST", headers={"Content-Type": FORM}, body=f"{EVENT}&token={token}"
    )
    assert posted.status == 401


def test_the_authorizer_is_asked_once_for_a_token(
    send_signed: Send, pipeline: Pipeline, mint: Mint
) -> None:
    def asked() -> int:
        return sum("START " in line for line in _log(pipeline, "TokenLog"))

    before, token = asked(), mint(subject="asked-once")
    for method in ("GET", "POST", "GET"):
        body, headers = (EVENT, {"Content-Type": FORM}) if method == "POST" else (None, None)
        answer = send_signed(f"{EVENT}&token={token}", method=method, headers=headers, body=body)
        assert delivered(pipeline, answer).endpoint["User"]["UserId"] == "asked-once"

    assert asked() == before + 1


def test_a_token_is_kept_nowhere(
    send_signed: Send, pipeline: Pipeline, journal: RecordingJournal, mint: Mint
) -> None:
    token, expired = mint(subject="u1", endpoint_id="x"), mint(subject="u1", now=_PAST)
    queued = [
        send_signed(f"{EVENT}&token={token}"),
        send_signed(f"%74oken={token};{EVENT}"),
        send_signed(f"token={token}", method="POST", headers={"Content-Type": FORM}, body=EVENT),
    ]
    assert send_signed(f"token={expired}&{EVENT}").status == 401

    bodies = [invalid_message(pipeline, answer.event_id)["Body"] for answer in queued]
    hits = journal.snapshot()["hits"]
    kept = {
        "queue": bodies,
        "journal": [hits, [journal.details(hit["number"]) for hit in hits]],
        "logs": list(_log(pipeline, "")),
        "emulator": pipeline.emulator.log,
    }
    # All tokens begin alike, with their header. What follows it is a visitor's own.
    secrets = [token_secret(pipeline), *token.split(".")[1:], *expired.split(".")[1:]]
    assert min(map(len, secrets)) > 30
    for place, thing in kept.items():
        # As it is: the emulator's secret has marks in it that JSON and Python escape.
        texts = list(_texts(thing))
        assert texts, place
        for secret in secrets:
            assert not any(secret in text for text in texts), f"in the {place}"
    assert [TOKEN_PARAMETER in body for body in bodies] == [False] * 3
    assert targets.TOKEN_PARAMETER == TOKEN_PARAMETER


def test_a_rotated_secret_refuses_nobody(send_signed: Send, pipeline: Pipeline) -> None:
    subjects = (f"rotated{number}" for number in count())

    def answer_to(secret: str) -> int:
        # Another token each time: API Gateway remembers what one was worth.
        token = mint_token(secret, subject=next(subjects), audience=AUDIENCE)
        return send_signed(f"{EVENT}&token={token}").status

    first, second, third = token_secret(pipeline), "second" * 11, "third" * 13
    _put_secret(pipeline, second)
    assert (answer_to(second), answer_to(first)) == (200, 200)
    _put_secret(pipeline, third)
    assert (answer_to(third), answer_to(second), answer_to(first)) == (200, 200, 401)


def test_a_secret_that_is_no_key_lets_nobody_in(send_signed: Send, pipeline: Pipeline) -> None:
    good = token_secret(pipeline)
    token = mint_token(good, subject="no-key", audience=AUDIENCE)
    _put_secret(pipeline, "short")
    try:
        answer = send_signed(f"{EVENT}&token={token}", headers={"Origin": ALLOWED[0]})
    finally:
        _put_secret(pipeline, good)

    assert (answer.status, answer.event_id) == (500, None)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert any("must be at least 32 bytes, got 5" in line for line in _log(pipeline, "TokenLog"))
    assert send_signed(f"{EVENT}&token={token}").status == 200


def _put_secret(pipeline: Pipeline, secret: str) -> None:
    """Make ``secret`` the current version, for a function that has not read the one before."""
    pipeline.client("secretsmanager").put_secret_value(
        SecretId=pipeline.outputs["TokenSecretArn"], SecretString=secret
    )
    # A new process instead of waiting until it may read again.
    functions = pipeline.client("lambda")
    for function in functions.list_functions()["Functions"]:
        if function["Handler"].startswith("gtm_token_authorizer."):
            functions.update_function_configuration(
                FunctionName=function["FunctionName"], MemorySize=256
            )


def _log(pipeline: Pipeline, name: str) -> Iterator[str]:
    """Yield the lines of each log whose name holds ``name``."""
    logs = pipeline.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        if name in group["logGroupName"]:
            pages = logs.get_paginator("filter_log_events")
            for page in pages.paginate(logGroupName=group["logGroupName"]):
                yield from (event["message"] for event in page["events"])
