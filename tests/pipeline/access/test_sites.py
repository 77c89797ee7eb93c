"""Sites: whose scripts may read the answer, and whose events are delivered."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import pytest

from tests.pipeline.access.sending import ALLOWED, EVENT, FOREIGN, FORM, check_cors
from tests.pipeline.conftest import delivered, invalid_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.pipeline.stack import Pipeline
    from tests.pipeline.conftest import Send


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
    check_cors(answer, origin, allowed=origin in ALLOWED)


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
    check_cors(answer, ALLOWED[0], allowed=True)
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
