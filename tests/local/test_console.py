"""The console's application: its pages, and the destinations that it serves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest

from local.console.app import create_app, image_url
from local.destinations.eventbridge import EventBridgeServer
from local.destinations.kinesis import KinesisServer
from local.destinations.pinpoint.server import PutEventsServer
from local.stand_in.values import Behavior
from tests.asgi import OWN_PAGE, send
from tests.local.reports import ENDPOINT_URL, answered, hit, report

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from local.console.journal import Journal


ROOT = Path(__file__).parents[2]


def test_the_console_page_runs_nothing_but_its_own_scripts(app: Starlette) -> None:
    page = send(app, "GET", "/")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]


def test_a_hit_in_full_and_one_that_is_gone(app: Starlette, journal: Journal) -> None:
    journal.gateway_answered(report())
    answered(journal, 400, message="\ud800")
    details = send(app, "GET", "/api/hits/1")
    assert details.headers["content-type"] == "application/json"
    assert details.json()["deliveries"]["pinpoint"]["sent"][0]["attempts"][0]["message"] == "\ud800"
    assert send(app, "GET", "/api/hits/2").status_code == 404


@pytest.mark.parametrize("path", ["/demo", "/demo/", "/demo?x=1"])
def test_the_demo_page_gets_the_endpoint(app: Starlette, path: str) -> None:
    told = send(app, "GET", path).headers["location"]
    target = urlsplit(urljoin(path, told))
    assert target.path == "/demo/"
    # A key may stand before it.
    assert not told.startswith("/")
    assert parse_qs(target.query)["endpoint"] == [ENDPOINT_URL]


@pytest.mark.parametrize("path", ["/demo/", "/demo/index.html"])
def test_the_served_demo_page_leads_back_to_the_console(journal: Journal, path: str) -> None:
    servers = [KinesisServer(), PutEventsServer()]
    app = create_app(journal, servers, endpoint_url=ENDPOINT_URL)
    page = send(app, "GET", f"{path}?endpoint=x")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    [link] = re.findall(r'<a [^>]*href="([^"]*)">Console</a>', page.text)
    assert send(app, "GET", urljoin(path, link)).status_code == 200
    assert 'data-destinations="kinesis pinpoint"' in page.text


def test_the_demo_page_itself_has_no_link_to_a_console_that_is_not_there() -> None:
    text = (ROOT / "gtm" / "demo" / "index.html").read_text(encoding="utf-8")
    assert "<nav" not in text
    # Its own files, and places on the page.
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text)) == {
        "#form",
        "../shared/clipboard.js",
        "../shared/style.css",
        "container.js",
        "data:,",
        "demo.css",
        "demo.js",
        "faults.js",
        "warnings.js",
    }


def test_the_demo_page_is_served_with_its_files(app: Starlette) -> None:
    page = send(app, "GET", "/demo/?endpoint=http://elsewhere/events")
    assert page.status_code == 200
    names = re.findall(r'(?:src|href)="([\w./]+\.(?:js|css))"', page.text)
    assert len(names) == 7
    for name in names:
        assert send(app, "GET", urljoin("/demo/", name)).status_code == 200, name


def test_before_the_endpoint_is_known_the_demo_page_is_served_empty(journal: Journal) -> None:
    app = create_app(journal, [PutEventsServer()])
    assert send(app, "GET", "/demo").headers["location"] == "demo/"
    assert send(app, "GET", "/demo/").status_code == 200


def test_the_destination_is_part_of_the_application(app: Starlette, journal: Journal) -> None:
    event = {"EventType": "page_view", "Timestamp": "2026-11-23T22:11:00Z"}
    batch = {"BatchItem": {"ep-1": {"Endpoint": {}, "Events": {"m-1": event}}}}
    assert send(app, "POST", "/v1/apps/local/events", json=batch).status_code == 202
    assert hit(journal)["status"] == "delivered"


def test_destinations_of_one_protocol_share_an_address(journal: Journal) -> None:
    servers = [KinesisServer(observer=journal), EventBridgeServer(observer=journal)]
    app = create_app(journal, servers)
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    for server in servers:
        server.behavior = Behavior(fail_next=1)
        answer = send(app, "POST", "/", headers=headers | {"X-Amz-Target": server.header})
        assert (answer.status_code, answer.json()["__type"]) == server.failed
    unknown = send(app, "POST", "/", headers=headers | {"X-Amz-Target": "Kinesis_20131202.Get"})
    assert (unknown.status_code, unknown.json()["__type"]) == (404, "UnknownOperationException")
    assert send(app, "GET", "/").headers["content-type"].startswith("text/html")


def test_each_destination_is_told_on_its_own(journal: Journal) -> None:
    servers = [KinesisServer(), PutEventsServer()]
    app = create_app(journal, servers)
    half = {"json": {"fail_records_share": 0.5}, "headers": OWN_PAGE}
    told = send(app, "PUT", "/control/kinesis", **half)
    assert told.status_code == 200
    assert servers[0].behavior == Behavior(fail_records_share=0.5)
    assert servers[1].behavior == Behavior()
    refused = send(app, "PUT", "/control/pinpoint", **half)
    assert (refused.status_code, "has no meaning" in refused.text) == (400, True)
    assert send(app, "GET", "/control/firehose").status_code == 404


def test_the_image_url_is_the_one_for_gtm() -> None:
    assert image_url("https://x/events") == (
        "https://x/events?event={{Event}}&endpoint_id={{endpoint_id}}"
    )


PAGES = sorted(
    path
    for folder in (
        ROOT / "local" / "console" / "static",
        ROOT / "gtm" / "demo",
        ROOT / "gtm" / "shared",
    )
    for path in folder.iterdir()
    if path.suffix in {".html", ".css", ".js"}
)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_work_offline_and_write_text_only(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert sink not in text
    loaded = re.findall(r"""(?:src|href)="(https?:[^"]*)"|url\((?!['"]?data:)|@import""", text)
    assert not loaded
    # The one script from elsewhere is the GTM container that the user asks for by its ID.
    hosts = set(re.findall(r"""https?://([\w.-]+\.[a-z]+)""", text)) - {"www.w3.org"}
    assert hosts <= ({"www.googletagmanager.com"} if path.name == "container.js" else set())
