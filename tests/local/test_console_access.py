"""The console's doors: tokens for its own pages, and nothing for another site or host name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from starlette.routing import Mount, Route

from local.console.app import TokenRequest, create_app
from local.destinations.customer_profiles.server import ProfilesServer
from local.destinations.kinesis import KinesisServer
from local.destinations.pinpoint.server import PutEventsServer
from local.stand_in.transport import ServerEndpoint
from local.stand_in.values import Behavior
from tests.asgi import OWN_PAGE, send
from tests.local.reports import AUTHENTICATED_URL, ENDPOINT_URL

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.applications import Starlette

    from local.console.journal import Journal


def minting_into(minted: list[TokenRequest]) -> Callable[[TokenRequest], str]:
    """Return what mints a token, and keeps what it was asked for."""

    def mint(wanted: TokenRequest) -> str:
        if wanted.subject == "refused":
            raise ValueError("subject must be another")
        minted.append(wanted)
        return "header.claims.signature"

    return mint


@pytest.fixture
def minted() -> list[TokenRequest]:
    return []


@pytest.fixture
def minting(journal: Journal, minted: list[TokenRequest]) -> Starlette:
    return create_app(
        journal,
        [PutEventsServer()],
        endpoint_url=ENDPOINT_URL,
        authenticated_endpoint_url=AUTHENTICATED_URL,
        mint=minting_into(minted),
    )


def test_a_token_is_minted_for_the_page(minting: Starlette, minted: list[TokenRequest]) -> None:
    own = OWN_PAGE | {"Sec-Fetch-Site": "same-origin"}
    answer = send(minting, "POST", "/api/token", json={"subject": "u"}, headers=own)
    assert answer.json() == {"token": "header.claims.signature"}
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers
    wanted = {"subject": "u", "endpoint_id": "ep-1", "expired": True}
    assert send(minting, "POST", "/api/token", json=wanted, headers=OWN_PAGE).status_code == 200
    empty = {"subject": "u", "endpoint_id": ""}
    assert send(minting, "POST", "/api/token", json=empty, headers=OWN_PAGE).status_code == 200
    assert minted == [TokenRequest("u"), TokenRequest("u", "ep-1", expired=True), TokenRequest("u")]


def changing(app: Starlette) -> list[tuple[str, str]]:
    """Return method and path of each route that does what a page says."""
    return [
        (method, route.path)
        for route in app.routes
        # What a destination serves is told apart by its signature.
        if isinstance(route, Route) and not isinstance(route.endpoint, ServerEndpoint)
        for method in (route.methods or set()) - {"GET", "HEAD"}
    ]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": None}, 403),
        ({"Origin": "http://127.0.0.1:8000"}, 403),
        ({"Origin": "https://127.0.0.1"}, 403),
        ({"Origin": "http://localhost"}, 403),
        ({"Origin": "https://shop.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": None}, 415),
    ],
)
def test_another_site_changes_nothing(
    journal: Journal, minted: list[TokenRequest], headers: dict[str, str | None], status: int
) -> None:
    servers = [PutEventsServer(), KinesisServer(), ProfilesServer([])]
    app = create_app(
        journal, servers, authenticated_endpoint_url=AUTHENTICATED_URL, mint=minting_into(minted)
    )
    journal.endpoint_ready(ENDPOINT_URL, AUTHENTICATED_URL)
    sent = OWN_PAGE | {"Content-Type": "application/json"} | headers
    routes = changing(app)
    assert ("POST", "/api/token") in routes
    assert len(routes) == 2 + len(servers)
    for method, route in routes:
        path = route.replace("{number:int}", "1")
        document = {"subject": "u"} if path == "/api/token" else {"drop_next": 1}
        request = {
            "content": json.dumps(document).encode(),
            "headers": {name: value for name, value in sent.items() if value is not None},
        }
        answer = send(app, method, path, **request)
        assert (answer.status_code, len(answer.text) > 20) == (status, True), path
        assert "access-control-allow-origin" not in answer.headers
    assert minted == []
    assert [server.behavior for server in servers] == [Behavior()] * len(servers)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1:8765", "127.0.0.1.evil.example"]
)
def test_another_host_name_reads_nothing(minting: Starlette, host: str) -> None:
    paths = [route.path for route in minting.routes if isinstance(route, Route | Mount)]
    assert "/api/stream" in paths
    for path in [*paths, "/static/console.js", "/demo/index.html", "/nowhere"]:
        answer = send(minting, "GET", path or "/", headers={"Host": host})
        assert answer.status_code == 403, path
        assert host in answer.text
        assert "answers to 127.0.0.1, localhost, [::1] only" in answer.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Expecting value"),
        (b"[]", "must be a JSON object"),
        (b"{}", "subject must be a non-empty string, got None"),
        (b'{"subject": ""}', "subject must be a non-empty string, got ''"),
        (b'{"subject": 42}', "subject must be a non-empty string, got 42"),
        (b'{"subject": "u", "endpoint_id": 1}', "endpoint_id must be a string or null, got 1"),
        (b'{"subject": "u", "expired": "no"}', "expired must be true or false, got 'no'"),
        (b'{"subject": "u", "secret": "x"}', "unknown field: secret"),
        (b'{"subject": "refused"}', "subject must be another"),
        (b"\xff", "decode"),
    ],
)
def test_a_token_that_cannot_be_minted(
    minting: Starlette, minted: list[TokenRequest], body: bytes, words: str
) -> None:
    headers = OWN_PAGE | {"Content-Type": "application/json"}
    answer = send(minting, "POST", "/api/token", content=body, headers=headers)
    assert (answer.status_code, words in answer.text) == (400, True), answer.text
    assert minted == []


def test_without_an_authenticated_route_there_is_no_token(
    journal: Journal, app: Starlette, minting: Starlette
) -> None:
    journal.endpoint_ready(ENDPOINT_URL)
    for without in (app, minting):
        answer = send(without, "POST", "/api/token", json={"subject": "u"}, headers=OWN_PAGE)
        assert answer.status_code == 404
        assert "-c signed_token=true" in answer.text
    assert send(minting, "GET", "/api/token").status_code == 405
