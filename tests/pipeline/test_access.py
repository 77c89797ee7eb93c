"""Who may send what, through the synthesized template with all of its access switched on."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest

from cdk_gtm_connector.endpoint import MAX_BODY_CHARACTERS, TOKEN_PARAMETER
from cdk_gtm_connector.max_events import DEFAULT_MAX_EVENTS
from cdk_gtm_connector.tokens import mint as mint_token
from local.destinations.pinpoint.server import PutEventsServer
from local.emulator import targets
from tests.pipeline.conftest import (
    RecordingJournal,
    delivered,
    invalid_message,
    logged_batches,
)
from tests.pipelines import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local.pipeline.stack import Pipeline
    from tests.pipeline.conftest import Answer, Send

    Mint = Callable[..., str]

AUDIENCE = "shop"
EVENT = "event=page_view&endpoint_id=e1"
FORM = "application/x-www-form-urlencoded;charset=UTF-8"  # as a browser writes it
ALLOWED = ("https://shop.example", "https://www.shop.example", "https://a.b.shop.example")
FOREIGN = (
    "https://evil.example",
    "https://shop.example.evil.example",
    "https://evilshop.example",
    "http://shop.example",
    "https://shop.example:8443",
    "null",
)


@pytest.fixture(scope="module")
def journal() -> RecordingJournal:
    """Return the journal of this module's own pipeline."""
    return RecordingJournal()


@pytest.fixture(scope="module")
def _running_pipeline(journal: RecordingJournal) -> Iterator[Pipeline]:
    context = {
        "signed_token": "true",
        "token_audience": AUDIENCE,
        "allowed_origins": "https://shop.example,https://*.shop.example",
        "authenticated_user_attributes": "plan,city",
        "honor_privacy_signals": "true",
        "batch_size": "10",  # no waiting for more of them
        "max_batching_window": "0",
    }
    putevents = PutEventsServer(observer=journal)
    with running(context=context, journal=journal, putevents=putevents) as pipeline:
        yield pipeline


@pytest.fixture
def mint(pipeline: Pipeline) -> Mint:
    """Return a function that mints tokens with the stack's secret."""
    return partial(mint_token, _secret(pipeline), audience=AUDIENCE)


@pytest.fixture
def send_signed(send: Send, pipeline: Pipeline) -> Send:
    """Return a function that sends requests to the authenticated route."""
    return partial(send, url=pipeline.authenticated_endpoint_url)


@pytest.fixture
def nothing_queued(pipeline: Pipeline) -> Iterator[None]:
    """Check that a test puts nothing into the queue."""
    before = _received(pipeline)
    yield
    assert _received(pipeline) == before


def _secret(pipeline: Pipeline) -> str:
    secret: str = pipeline.client("secretsmanager").get_secret_value(
        SecretId=pipeline.outputs["TokenSecretArn"]
    )["SecretString"]
    return secret


def _received(pipeline: Pipeline) -> int:
    return sum(batch["received"] for batch in logged_batches(pipeline))


def _texts(thing: object) -> Iterator[str]:
    """Yield each text in ``thing``, as it is: names too."""
    if isinstance(thing, dict):
        yield from _texts([*thing, *thing.values()])
    elif isinstance(thing, list):
        for part in thing:
            yield from _texts(part)
    else:
        yield str(thing)


def _envelope(message_body: str) -> dict[str, str]:
    return dict(parse_qsl(message_body.partition("\n")[0], strict_parsing=True))


# Sites --------------------------------------------------------------------------------------------


def _check_cors(answer: Answer, origin: str | None, *, allowed: bool) -> None:
    assert answer.headers["vary"] == "Origin"
    assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
    assert answer.headers.get("access-control-allow-credentials") == ("true" if allowed else None)


@pytest.mark.parametrize("origin", [*ALLOWED, *FOREIGN, None])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_sites_scripts_may_read_the_answer_if_it_is_listed(
    send: Send, method: str, origin: str | None
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    if method == "POST":
        answer = send("", method=method, headers=headers | {"Content-Type": FORM}, body=EVENT)
    else:
        answer = send(EVENT, method=method, headers=headers)

    assert answer.status == {"GET": 200, "POST": 204, "OPTIONS": 204}[method]
    assert (answer.body == b"") == (answer.status == 204)
    _check_cors(answer, origin, allowed=origin in ALLOWED)


@pytest.mark.parametrize("path", ["", "/authenticated"])
def test_a_preflight_names_what_the_endpoint_takes(
    send: Send, pipeline: Pipeline, path: str
) -> None:
    answer = send(
        "",
        method="OPTIONS",
        headers={
            "Origin": ALLOWED[0],
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
        url=f"{pipeline.endpoint_url}{path}",
    )

    assert (answer.status, answer.body, answer.event_id) == (204, b"", None)
    _check_cors(answer, ALLOWED[0], allowed=True)
    assert answer.headers["access-control-allow-methods"] == "GET,POST,OPTIONS"
    assert answer.headers["access-control-allow-headers"] == "Content-Type"
    assert answer.headers["access-control-max-age"] == "7200"


@pytest.mark.usefixtures("nothing_queued")
@pytest.mark.parametrize("origin", [ALLOWED[1], FOREIGN[0], None])
def test_a_script_may_read_that_api_gateway_refused_its_request(
    send: Send, send_signed: Send, origin: str | None
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    refused = {
        400: send("event=page_view", headers=headers),
        401: send_signed(EVENT, headers=headers),
        403: send(EVENT, method="PUT", headers=headers),
        415: send(EVENT, method="POST", headers=headers | {"Content-Type": "text/html"}, body="x"),
    }

    for status, answer in refused.items():
        assert answer.status == status
        assert answer.headers["vary"] == "Origin"
        # Gateway responses know no conditions: any site may learn that its request failed.
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": FOREIGN[0]},
        {"Referer": "https://evil.example/page"},
        {"Origin": FOREIGN[1], "Referer": "https://shop.example/"},
        {"Origin": ALLOWED[0], "Referer": "https://evil.example/"},
        {"ORIGIN": FOREIGN[0]},
    ],
)
def test_a_foreign_sites_event_is_answered_and_rejected(
    send: Send, pipeline: Pipeline, headers: Mapping[str, str]
) -> None:
    answer = send(EVENT, headers=headers)

    assert answer.status == 200
    letter = invalid_message(pipeline, answer.event_id)
    assert letter["Reason"] == "origin"
    assert "names another site" in letter["Detail"]
    assert answer.event_id not in pipeline.putevents.delivered


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": ALLOWED[2]},
        {"Referer": "https://shop.example/cart?step=2"},
        {"Origin": ALLOWED[0], "Referer": "https://www.shop.example/"},
    ],
)
def test_a_listed_sites_event_is_delivered(
    send: Send, pipeline: Pipeline, headers: Mapping[str, str]
) -> None:
    answer = send(EVENT, headers=headers)

    assert delivered(pipeline, answer).event["EventType"] == "page_view"


# Signed tokens ------------------------------------------------------------------------------------


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
    _check_cors(answer, ALLOWED[0], allowed=True)
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
    assert _envelope(letter["Body"]).keys() == {
        *("v", "time", "id", "access", "subject", "endpoint")
    }
    assert _envelope(letter["Body"])["endpoint"] == "mine"


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
    secrets = [_secret(pipeline), *token.split(".")[1:], *expired.split(".")[1:]]
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

    first, second, third = _secret(pipeline), "second" * 11, "third" * 13
    _put_secret(pipeline, second)
    assert (answer_to(second), answer_to(first)) == (200, 200)
    _put_secret(pipeline, third)
    assert (answer_to(third), answer_to(second), answer_to(first)) == (200, 200, 401)


def test_a_secret_that_is_no_key_lets_nobody_in(send_signed: Send, pipeline: Pipeline) -> None:
    good = _secret(pipeline)
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


# Anonymous requests -------------------------------------------------------------------------------

_CLAIMS = {
    "v": "2",
    "time": "1",
    "access": "authenticated",
    "subject": "admin",
    "endpoint": "other",
    "origin": ALLOWED[0],
    "referer": ALLOWED[0],
    "privacy": "1",
    "content": "json",
    "principalId": "admin",
    "authorizer": "admin",
    "body": "event=other",
    "x\r\nv": "1&access=authenticated&subject=admin\n",
}


@pytest.mark.parametrize("method", ["GET", "POST", "JSON"])
def test_an_anonymous_request_cannot_pass_for_another(
    send: Send, pipeline: Pipeline, method: str
) -> None:
    claims = urlencode(_CLAIMS)
    headers = {name: value for name, value in _CLAIMS.items() if "\r" not in name}
    del headers["origin"], headers["referer"]  # these are the browser's to say
    headers |= {"Origin": FOREIGN[0], "X-Amzn-Access": "authenticated"}
    match method:
        case "GET":
            answer = send(f"{EVENT}&{claims}", headers=headers)
        case "POST":
            headers["Content-Type"] = FORM
            answer = send(claims, method=method, headers=headers, body=f"{EVENT}&{claims}")
        case _:
            headers["Content-Type"] = "application/json"
            body = json.dumps({"event": "page_view", "endpoint_id": "e1", **_CLAIMS})
            answer = send(claims, method="POST", headers=headers, body=body)

    letter = invalid_message(pipeline, answer.event_id)
    assert letter["Reason"] == "origin"
    content = {"GET": "", "POST": "&content=form", "JSON": "&content=json"}[method]
    assert re.fullmatch(
        rf"v=1&time=\d{{13}}&id=[A-Za-z0-9%]+&access=anonymous"
        rf"&origin={re.escape(quote(FOREIGN[0], safe=''))}{content}",
        letter["Body"].partition("\n")[0],
    )


def test_an_anonymous_request_changes_no_profile(send: Send, pipeline: Pipeline) -> None:
    # An endpoint of its own: another test's visitor is authenticated, and may be in the same batch.
    answer = send("event=page_view&endpoint_id=e2&usat_plan=gold&subject=admin&UserId=admin")

    assert "User" not in delivered(pipeline, answer).endpoint


# What is posted -----------------------------------------------------------------------------------


def test_a_form_becomes_an_event(send: Send, pipeline: Pipeline) -> None:
    body = urlencode({"event": "sign up & more", "endpoint_id": "é", "evat_a": "1\n2", "evmt_b": 3})
    answer = send(
        "", method="POST", headers={"Content-Type": FORM, "Origin": ALLOWED[0]}, body=body
    )

    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["cache-control"] == "no-store"
    event = delivered(pipeline, answer)
    assert event.endpoint_id == "é"
    assert event.event["EventType"] == "sign up & more"
    assert event.event["Attributes"] == {"a": "1\n2"}
    assert event.event["Metrics"] == {"b": 3.0}


def _json_event(number: int = 0) -> dict[str, Any]:
    return {
        "event": f"posted{number % 3}",
        "endpoint_id": "😀",
        "evat_a": 'quote" \\ ü',
        "evmt_b": 1,
    }


def _post_json(send: Send, document: object) -> Answer:
    body = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
    headers = {"Content-Type": "application/json", "Origin": ALLOWED[0]}
    return send("", method="POST", headers=headers, body=body)


def test_a_json_object_becomes_an_event(send: Send, pipeline: Pipeline) -> None:
    event = delivered(pipeline, _post_json(send, _json_event()))

    assert event.endpoint_id == "😀"
    assert event.event["Attributes"] == {"a": 'quote" \\ ü'}
    assert event.event["Metrics"] == {"b": 1.0}


@pytest.mark.parametrize("count", [1, 3, DEFAULT_MAX_EVENTS.anonymous])
def test_a_json_list_becomes_as_many_events(send: Send, pipeline: Pipeline, count: int) -> None:
    answer = _post_json(send, {"events": [_json_event(number) for number in range(count)]})

    assert (answer.status, answer.body) == (204, b"")
    for number in range(count):
        event = delivered(pipeline, answer, index=number)
        assert event.event["EventType"] == f"posted{number % 3}"


@pytest.mark.usefixtures("nothing_queued")
@pytest.mark.parametrize(
    "document",
    [
        pytest.param('{"event": "a", "endpoint_id"', id="cut off"),
        pytest.param(EVENT, id="a form"),
        pytest.param([_json_event()], id="bare list"),
        pytest.param("null", id="null"),
        pytest.param({"event": "a"}, id="no endpoint_id"),
        pytest.param({"event": "", "endpoint_id": "e1"}, id="blank event"),
        pytest.param({"event": " ", "endpoint_id": "e1"}, id="event is white space"),
        pytest.param({"event": 1, "endpoint_id": "e1"}, id="event is a number"),
        pytest.param({"event": "a", "endpoint_id": True}, id="endpoint_id is a boolean"),
        pytest.param({**_json_event(), "events": []}, id="an event with no events"),
        pytest.param({"events": []}, id="no events"),
        pytest.param({"events": {}}, id="events are no list"),
        pytest.param({"events": [_json_event(), {"event": "a"}]}, id="one of two is no event"),
    ],
)
def test_json_that_is_no_event_is_refused(send: Send, document: object) -> None:
    answer = _post_json(send, document)

    assert (answer.status, answer.body) == (400, b'{"message": "Invalid request body"}')
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.event_id is None


@pytest.mark.usefixtures("nothing_queued")
@pytest.mark.parametrize("count", [DEFAULT_MAX_EVENTS.anonymous + 1, 100, 1_000])
def test_a_longer_list_is_refused_in_a_sentence(send: Send, count: int) -> None:
    answer = _post_json(send, {"events": [_json_event()] * count})

    said = b'{"message": "Not queued: a request may have at most 20 events."}'
    assert (answer.status, answer.body) == (400, said)
    assert answer.event_id is None


@pytest.mark.parametrize("body", ["event=a", "endpoint_id=e1", "event=&endpoint_id=e1", "{ }"])
def test_a_form_that_is_no_event_is_rejected(send: Send, pipeline: Pipeline, body: str) -> None:
    answer = send("", method="POST", headers={"Content-Type": FORM}, body=body)

    assert answer.status == 204
    assert invalid_message(pipeline, answer.event_id)["Reason"] == "malformed"


@pytest.mark.usefixtures("nothing_queued")
@pytest.mark.parametrize("content_type", ["text/html", "multipart/form-data", "*/*"])
def test_another_media_type_is_refused(send: Send, content_type: str) -> None:
    answer = send(
        EVENT,
        method="POST",
        headers={"Content-Type": content_type, "Origin": ALLOWED[0]},
        body=EVENT,
    )

    assert answer.status == 415
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("content_type", [FORM, "application/json"])
def test_a_body_that_is_too_large_is_refused(
    send: Send, pipeline: Pipeline, content_type: str
) -> None:
    def body(size: int, filling: str = "x") -> str:
        if content_type == FORM:
            start, end = f"{EVENT}&evat_long=", ""
        else:
            start, end = '{"event": "page_view", "endpoint_id": "e1", "evat_long": "', '"}'
        return start + filling * (size - len(start + end)) + end

    headers = {"Content-Type": content_type, "Origin": ALLOWED[0]}
    before = _received(pipeline)
    refused = [
        send("", method="POST", headers=headers, body=body(MAX_BODY_CHARACTERS + 1)),
        # Fewer characters, but percent-encoding makes more than SQS's 1 MiB of them.
        send("", method="POST", headers=headers, body=body(MAX_BODY_CHARACTERS, "é")),
    ]

    for answer in refused:
        assert (answer.status, answer.event_id) == (413, None)
        assert b"300,000 characters" in answer.body
        _check_cors(answer, ALLOWED[0], allowed=True)
    assert _received(pipeline) == before
    largest = send("", method="POST", headers=headers, body=body(MAX_BODY_CHARACTERS))
    assert delivered(pipeline, largest).event["EventType"] == "page_view"


# Privacy ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signal", ["Sec-GPC", "DNT", "sec-gpc"])
def test_who_asks_not_to_be_tracked_is_not(
    send: Send, send_signed: Send, pipeline: Pipeline, mint: Mint, signal: str
) -> None:
    before = logged_batches(pipeline)
    headers = {signal: "1", "Origin": ALLOWED[0]}
    answers = [
        send(EVENT, headers=headers),
        send("", method="POST", headers=headers | {"Content-Type": FORM}, body=EVENT),
        _posted_with(send, headers),
        send_signed(f"{EVENT}&token={mint(subject='u1')}", headers=headers),
    ]

    assert [answer.status for answer in answers] == [200, 204, 204, 200]
    batches = logged_batches(pipeline)[len(before) :]
    assert sum(batch["opted_out"] for batch in batches) == len(answers)
    assert sum(batch["delivered"] + batch["rejected"] for batch in batches) == 0


def test_nothing_is_stored_of_who_asks_not_to_be_tracked(
    send: Send, send_signed: Send, pipeline: Pipeline, mint: Mint
) -> None:
    headers = {"Sec-GPC": "1", "Origin": FOREIGN[0]}  # so that it ends where it can be seen
    answers = [
        send(EVENT, headers=headers),
        _posted_with(send, headers),
        send_signed(f"{EVENT}&token={mint(subject='u1')}", headers=headers),
    ]

    for answer in answers:
        body = invalid_message(pipeline, answer.event_id)["Body"]
        assert _envelope(body)["privacy"] == "1"
        assert body.endswith("\n")


@pytest.mark.parametrize("headers", [{"Sec-GPC": "0"}, {"DNT": "0"}, {"DNT": "unspecified"}])
def test_who_does_not_ask_is_delivered(
    send: Send, pipeline: Pipeline, headers: Mapping[str, str]
) -> None:
    delivered(pipeline, send(f"{EVENT}&Sec-GPC=1&DNT=1", headers=headers))


def _posted_with(send: Send, headers: Mapping[str, str]) -> Answer:
    return send(
        "",
        method="POST",
        headers={**headers, "Content-Type": "application/json"},
        body=json.dumps(_json_event()),
    )
