"""A page of another site, in the browser of somebody who has ``make run`` up."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (  # noqa: TC002 - pytest reads the fixtures' annotations
    Page,
    Request,
)

from local.stand_in.values import Behavior
from tests.browser.outcomes import delivered, load_image, site
from tests.pipelines import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.pipeline.stack import Pipeline

EVIL = "evil.test"  # which the browser takes for 127.0.0.1, see conftest.py
UNREADABLE = "TypeError"  # a fetch whose answer, or whose sending, the browser keeps

FETCH = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    if (answer.type === "opaque") return "opaque";
    return answer.status;
  } catch (error) {
    return error.name;
  }
}"""
LISTEN = """url => new Promise(done => {
  const source = new EventSource(url);
  source.onmessage = () => done("message");
  source.onerror = () => { source.close(); done("error"); };
})"""
# Into a frame, so that the page stays; as text, and with a name alone: the closest to JSON.
SUBMIT = """([url, text]) => {
  const form = document.createElement("form");
  const frame = document.createElement("iframe");
  form.action = url;
  form.method = "post";
  form.enctype = "text/plain";
  form.target = frame.name = String(Math.random());
  const field = document.createElement("input");
  field.name = text;
  form.append(field);
  document.body.append(frame, form);
  form.submit();
}"""
BEACON = "([url, text]) => navigator.sendBeacon(url, text)"


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    with running(context={"max_batching_window": "1", "signed_token": "true"}) as pipeline:
        yield pipeline
        pipeline.emulator.check()


@pytest.fixture(params=["another site", "another port"])
def stranger(request: pytest.FixtureRequest, page: Page) -> Iterator[Page]:
    """Return a page of a site that is not this project's: by its name, or by its port alone."""
    with site() as origin:
        page.goto(renamed(origin) if request.param == "another site" else origin)
        yield page


def renamed(url: str) -> str:
    """Return the same URL under the strange site's name."""
    return url.replace("127.0.0.1", EVIL)


def fetch(page: Page, url: str, **options: Any) -> Any:
    """Return the status that a page's script reads, or what it learns instead."""
    return page.evaluate(FETCH, [url, options])


def submit(page: Page, url: str, text: str) -> None:
    """Submit a form, and wait for the answer, which the page does not see."""
    with page.expect_response(url):
        page.evaluate(SUBMIT, [url, text])


def function() -> str:
    """Return a request that creates a function."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", "def handler(*_): pass")
    return json.dumps(
        {
            "FunctionName": "evil",
            "Runtime": "python3.11",
            "Role": "arn:aws:iam::000000000000:role/evil",
            "Handler": "index.handler",
            "Code": {"ZipFile": base64.b64encode(buffer.getvalue()).decode()},
        }
    )


def check_functions(pipeline: Pipeline) -> None:
    """Check that there are none but the stack's."""
    functions = pipeline.client("lambda").list_functions()["Functions"]
    assert "evil" not in {it["FunctionName"] for it in functions}
    assert {it["FunctionName"].partition("-")[0] for it in functions} == {pipeline.assembly.stack}


def calls(pipeline: Pipeline) -> list[tuple[str, str]]:
    """Return path and body of POST requests that the emulator takes from whoever is let in."""
    deployed = pipeline.outputs["FunctionName"]
    return [
        ("/2015-03-31/functions", function()),
        (f"/2015-03-31/functions/{deployed}/invocations", "{}"),
        ("/", "Action=ListQueues"),
        ("/_ministack/config", "{}"),
        ("/_ministack/reset", ""),
    ]


def test_a_tag_on_another_site_works(stranger: Page, pipeline: Pipeline) -> None:
    name = f"tag_on_{urlsplit(stranger.url).hostname}"
    query = f"event={name}&endpoint_id=ep-1"
    assert load_image(stranger, f"{pipeline.endpoint_url}?{query}") == "load"
    assert delivered(pipeline, name).endpoint_id == "ep-1"


def test_another_site_does_nothing_to_the_emulator(stranger: Page, pipeline: Pipeline) -> None:
    for path, body in calls(pipeline):
        url = f"{pipeline.emulator.url}{path}"
        simple = {"method": "POST", "body": body, "headers": {"Content-Type": "text/plain"}}
        assert fetch(stranger, url, **simple) == UNREADABLE
        assert fetch(stranger, url, **simple, mode="no-cors") == "opaque"
        stranger.evaluate(BEACON, [url, body])
        submit(stranger, url, body)
        # Asked for leave first, the emulator gives none.
        simple["headers"] = {"X-Amz-Target": "AmazonSQS.ListQueues", "Authorization": "AWS4"}
        assert fetch(stranger, url, **simple) == UNREADABLE
    check_functions(pipeline)


def test_another_site_reads_nothing(stranger: Page, pipeline: Pipeline) -> None:
    for url in (
        f"{pipeline.emulator.url}/",
        f"{pipeline.emulator.url}/_ministack/health",
        f"{pipeline.emulator.url}/_ministack/sqs/messages",
        f"{pipeline.emulator.url}/latest/meta-data/iam/security-credentials/",
        f"{pipeline.console_origin}/",
        # Nor if it knew the key.
        f"{pipeline.console_url}",
        f"{pipeline.console_url}demo/",
        f"{pipeline.console_url}api/stream",
        f"{pipeline.console_url}api/hits/1",
        f"{pipeline.console_url}control/pinpoint",
        f"{pipeline.console_url}static/console.js",
    ):
        assert fetch(stranger, url) == UNREADABLE, url
    assert stranger.evaluate(LISTEN, f"{pipeline.console_url}api/stream") == "error"


def test_another_site_does_not_change_the_consoles_switches(
    stranger: Page, pipeline: Pipeline
) -> None:
    before = pipeline.putevents.counts.accepted
    for url in (
        f"{pipeline.console_url}control/pinpoint",
        f"{pipeline.console_url}api/token",
        f"{pipeline.console_origin}/v1/apps/local/events",
    ):
        body = json.dumps({"drop_next": 5, "subject": "u"})
        for method in ("PUT", "POST"):
            for media_type in ("application/json", "text/plain"):
                headers = {"Content-Type": media_type}
                sent = {"method": method, "body": body, "headers": headers}
                assert fetch(stranger, url, **sent) == UNREADABLE
        assert fetch(stranger, url, method="POST", body=body, mode="no-cors") == "opaque"
        stranger.evaluate(BEACON, [url, body])
        submit(stranger, url, body)
    assert pipeline.putevents.behavior == Behavior()
    assert pipeline.putevents.counts.accepted == before


def test_a_name_that_is_rebound_to_the_emulator_opens_nothing(
    page: Page, pipeline: Pipeline
) -> None:
    # The page is the emulator's own answer, so that to the browser all of its port is one site.
    answer = page.goto(f"{renamed(pipeline.emulator.url)}/_ministack/health")
    assert answer is not None
    assert (answer.status, "answers to 127.0.0.1" in answer.text()) == (403, True)
    for path, body in calls(pipeline):
        assert fetch(page, path, method="POST", body=body) == 403
    for path in ("/", "/_ministack/health", urlsplit(pipeline.endpoint_url).path):
        assert fetch(page, path) == 403
    assert load_image(page, f"{renamed(pipeline.endpoint_url)}?event=e&endpoint_id=e") == "error"
    check_functions(pipeline)


def test_a_name_that_is_rebound_to_the_console_opens_nothing(
    page: Page, pipeline: Pipeline
) -> None:
    answer = page.goto(renamed(pipeline.console_url))
    assert answer is not None
    assert (answer.status, "answers to 127.0.0.1" in answer.text()) == (403, True)
    for path in ("", "demo/", "api/stream", "api/hits/1", "control/pinpoint"):
        assert fetch(page, path) == 403
    headers = {"Content-Type": "application/json"}
    drop = json.dumps({"drop_next": 5})
    assert fetch(page, "control/pinpoint", method="PUT", body=drop, headers=headers) == 403
    token = json.dumps({"subject": "u"})
    assert fetch(page, "api/token", method="POST", body=token, headers=headers) == 403
    assert pipeline.putevents.behavior == Behavior()


def test_the_consoles_own_page_may(page: Page, pipeline: Pipeline) -> None:
    page.goto(pipeline.console_url.replace("127.0.0.1", "localhost"))
    headers = {"Content-Type": "application/json"}
    for behavior in (Behavior(slow_seconds=5), Behavior()):
        body = json.dumps(behavior.to_json())
        assert fetch(page, "control/pinpoint", method="PUT", body=body, headers=headers) == 200
        assert pipeline.putevents.behavior == behavior
    token = json.dumps({"subject": "u"})
    assert fetch(page, "api/token", method="POST", body=token, headers=headers) == 200


def test_no_server_is_told_the_consoles_key(page: Page, pipeline: Pipeline) -> None:
    requests: list[Request] = []
    # Playwright cannot look at a method of a list.
    page.on("request", lambda request: requests.append(request))  # noqa: PLW0108
    page.goto(f"{pipeline.console_url}demo/")
    for path in ("../api/hits/1", "../control/pinpoint"):
        fetch(page, path)
    load_image(page, f"{pipeline.endpoint_url}?event=e&endpoint_id=e")
    page.get_by_role("link", name="Console").click()
    page.wait_for_url(pipeline.console_url)
    told = {request.url: request.all_headers().get("referer") for request in requests}
    assert told.keys() >= {pipeline.console_url, f"{pipeline.console_url}api/hits/1"}
    assert set(told.values()) <= {None, f"{pipeline.console_origin}/"}
