"""Access in a real browser and a real pipeline: two sites, of which one is in the owner's list."""

from __future__ import annotations

import json
from collections.abc import Iterator  # noqa: TC003 - pytest reads the fixtures' annotations
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from cdk_gtm_connector.tokens import mint
from tests.browser.outcomes import check_nothing_came_of, delivered, load_image, rejection, site
from tests.pipelines import running

if TYPE_CHECKING:
    from local.pipeline.stack import Pipeline

AUDIENCE = "shop"

FETCH = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return {status: answer.status, body: await answer.text()};
  } catch (error) {
    return error.name;
  }
}"""
BEACON = "([url, form]) => navigator.sendBeacon(url, new URLSearchParams(form))"


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """Return the origin of a site in the list."""
    with site() as origin:
        yield origin


@pytest.fixture(scope="module")
def stranger() -> Iterator[str]:
    """Return the origin of a site that is not."""
    with site() as origin:
        yield origin


@pytest.fixture(scope="module")
def pipeline(shop: str) -> Iterator[Pipeline]:
    context = {
        "allowed_origins": shop,
        "allow_http_origins": "true",
        "anonymous_user_attributes": "newsletter",
        "honor_privacy_signals": "true",
        "max_batching_window": "1",
        "signed_token": "true",
        "token_audience": AUDIENCE,
    }
    with running(context=context) as pipeline:
        yield pipeline
        pipeline.emulator.check()


@pytest.fixture
def shop_page(page: Page, shop: str) -> Page:
    page.goto(shop)
    return page


@pytest.fixture
def strange_page(page: Page, stranger: str) -> Page:
    page.goto(stranger)
    return page


@pytest.fixture(scope="module")
def secret(pipeline: Pipeline) -> str:
    client = pipeline.client("secretsmanager")
    found: str = client.get_secret_value(SecretId=pipeline.outputs["TokenSecretArn"])[
        "SecretString"
    ]
    return found


def url(pipeline: Pipeline, event: str, **parameters: str) -> str:
    return (
        f"{pipeline.endpoint_url}?{urlencode({'event': event, 'endpoint_id': 'ep-1'} | parameters)}"
    )


def signed_url(pipeline: Pipeline, event: str, token: str, **parameters: str) -> str:
    query = {"event": event, "endpoint_id": "ep-1", **parameters, "token": token}
    assert pipeline.authenticated_endpoint_url
    return f"{pipeline.authenticated_endpoint_url}?{urlencode(query)}"


def fetch(page: Page, target: str, **options: Any) -> Any:
    """Return what a page's script learns: ``TypeError`` where the browser keeps the answer."""
    return page.evaluate(FETCH, [target, options])


# --- CORS and the list of origins --------------------------------------------------------------


def test_a_site_of_the_list_reads_the_answer(shop_page: Page, pipeline: Pipeline) -> None:
    answer = fetch(shop_page, url(pipeline, "read_by_shop"))
    assert answer["status"] == 200
    assert answer["body"].startswith("<svg")
    # With cookies too: the origin is echoed, and credentials are allowed.
    assert fetch(shop_page, url(pipeline, "with_cookies"), credentials="include")["status"] == 200
    # An error is readable as well.
    refused = fetch(shop_page, f"{pipeline.endpoint_url}?endpoint_id=ep-1")
    assert refused["status"] == 400
    assert "event" in refused["body"]
    delivered(pipeline, "read_by_shop")


def test_another_site_does_not(strange_page: Page, pipeline: Pipeline) -> None:
    assert fetch(strange_page, url(pipeline, "read_by_stranger")) == "TypeError"
    assert rejection(pipeline, "read_by_stranger") == "origin"


def test_a_foreign_sites_image_is_answered_and_its_event_rejected(
    strange_page: Page, pipeline: Pipeline
) -> None:
    assert load_image(strange_page, url(pipeline, "foreign_image")) == "load"
    assert rejection(pipeline, "foreign_image") == "origin"
    assert "foreign_image" not in {
        each.event["EventType"] for each in pipeline.putevents.delivered.values()
    }


def test_an_image_of_the_lists_site_arrives(shop_page: Page, pipeline: Pipeline) -> None:
    target = url(pipeline, "shop_image", usat_newsletter="yes", usat_plan="gold")
    assert load_image(shop_page, target) == "load"
    recorded = delivered(pipeline, "shop_image")
    assert recorded.endpoint["User"] == {"UserAttributes": {"newsletter": ["yes"]}}


def json_event(event: str) -> dict[str, Any]:
    return {
        "method": "POST",
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"event": event, "endpoint_id": "ep-1", "evmt_price": 19.99}),
    }


def test_a_fetch_with_a_preflight_works_from_the_lists_site_only(
    page: Page, shop: str, stranger: str, pipeline: Pipeline
) -> None:
    page.goto(shop)
    answer = fetch(page, pipeline.endpoint_url, **json_event("shop_json"))
    assert answer == {"status": 204, "body": ""}
    assert delivered(pipeline, "shop_json").event["Metrics"] == {"price": 19.99}

    page.goto(stranger)
    assert fetch(page, pipeline.endpoint_url, **json_event("foreign_json")) == "TypeError"
    check_nothing_came_of(pipeline, "foreign_json")  # the browser asked first, and did not send it


def test_a_beacon_arrives(shop_page: Page, pipeline: Pipeline) -> None:
    form = {"event": "shop_beacon", "endpoint_id": "ep-1", "usat_newsletter": "é & more"}
    assert shop_page.evaluate(BEACON, [pipeline.endpoint_url, form]) is True
    recorded = delivered(pipeline, "shop_beacon")
    assert recorded.endpoint["User"] == {"UserAttributes": {"newsletter": ["é & more"]}}


def test_a_beacon_outlives_its_page(shop_page: Page, pipeline: Pipeline) -> None:
    form = {"event": "leaving", "endpoint_id": "ep-1"}
    arguments = json.dumps([pipeline.endpoint_url, form])
    shop_page.evaluate(f"addEventListener('pagehide', () => ({BEACON})({arguments}))")
    shop_page.goto("about:blank")
    delivered(pipeline, "leaving")


def test_a_foreign_sites_beacon_is_rejected(strange_page: Page, pipeline: Pipeline) -> None:
    form = {"event": "foreign_beacon", "endpoint_id": "ep-1"}
    assert strange_page.evaluate(BEACON, [pipeline.endpoint_url, form]) is True
    assert rejection(pipeline, "foreign_beacon") == "origin"


# --- Signed tokens -----------------------------------------------------------------------------


def test_a_signed_image_updates_the_profile(
    shop_page: Page, pipeline: Pipeline, secret: str
) -> None:
    token = mint(secret, subject="user-42", endpoint_id="ep-1", audience=AUDIENCE)
    assert load_image(shop_page, signed_url(pipeline, "signed", token, usat_plan="gold")) == "load"
    recorded = delivered(pipeline, "signed")
    assert recorded.endpoint["User"] == {
        "UserId": "user-42",
        "UserAttributes": {"plan": ["gold"]},
    }
    [hit] = [hit for hit in pipeline.journal.snapshot()["hits"] if hit["event"] == "signed"]
    assert (hit["access"], hit["status"]) == ("authenticated", "delivered")
    assert token not in json.dumps(pipeline.journal.details(hit["number"]))
    assert token not in json.dumps([str(each) for each in pipeline.putevents.requests])


def test_a_token_that_is_not_accepted_makes_the_tag_fail(
    shop_page: Page, pipeline: Pipeline, secret: str, subtests: pytest.Subtests
) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    for name, token in {
        "expired": mint(secret, subject="user-42", audience=AUDIENCE, now=past),
        "forged": mint("x" * 32, subject="user-42", audience=AUDIENCE),
        "another audience": mint(secret, subject="user-42", audience="another"),
        "missing": "",
    }.items():
        with subtests.test(name):
            assert load_image(shop_page, signed_url(pipeline, "unsigned", token)) == "error"
    check_nothing_came_of(pipeline, "unsigned")


def test_a_token_opens_no_other_endpoint(shop_page: Page, pipeline: Pipeline, secret: str) -> None:
    token = mint(secret, subject="user-42", endpoint_id="ep-of-user-42", audience=AUDIENCE)
    target = signed_url(pipeline, "foreign_endpoint_event", token, usat_plan="gold")
    assert load_image(shop_page, target) == "load"
    assert rejection(pipeline, "foreign_endpoint_event") == "foreign_endpoint"


def test_a_signed_image_on_a_foreign_site_is_rejected(
    strange_page: Page, pipeline: Pipeline, secret: str
) -> None:
    token = mint(secret, subject="user-42", audience=AUDIENCE)
    assert load_image(strange_page, signed_url(pipeline, "signed_abroad", token)) == "load"
    assert rejection(pipeline, "signed_abroad") == "origin"


def test_a_signed_fetch_is_read_by_the_lists_site_only(
    page: Page, shop: str, stranger: str, pipeline: Pipeline, secret: str
) -> None:
    token = mint(secret, subject="user-42", audience=AUDIENCE)
    target = f"{pipeline.authenticated_endpoint_url}?token={token}"
    page.goto(shop)
    assert fetch(page, target, **json_event("signed_json"))["status"] == 204
    # Why it was refused is for the list's sites to read too: the gateway's own answers have CORS.
    refused = fetch(page, f"{pipeline.authenticated_endpoint_url}?token=x", **json_event("no"))
    assert refused["status"] == 401
    page.goto(stranger)
    assert fetch(page, target, **json_event("strange_json")) == "TypeError"
    assert delivered(pipeline, "signed_json").endpoint["User"] == {"UserId": "user-42"}


# --- Privacy -----------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_of_a_browser_that_opts_out_nothing_is_kept(
    shop_page: Page, pipeline: Pipeline, header: str
) -> None:
    name = f"opted_out_by_{header.lower().replace('-', '_')}"
    shop_page.context.set_extra_http_headers({header: "1"})
    assert load_image(shop_page, url(pipeline, name)) == "load"
    check_nothing_came_of(pipeline, name)


# --- The console -------------------------------------------------------------------------------


def test_the_console_sends_authenticated_events(page: Page, pipeline: Pipeline) -> None:
    page.goto(pipeline.console_url)
    page.get_by_label("Authenticated").check()
    page.get_by_label("Subject of the token").fill("user-7")
    send = page.locator("#endpoint").get_by_role("button", name="Send a test event")
    row = page.locator(".hit", has_text="test_event").first

    page.get_by_label("Token", exact=True).select_option("expired")
    send.click()
    expect(page.locator("#endpoint .test-result")).to_contain_text("The tag failed")
    expect(row).to_contain_text("authenticated")
    expect(row).to_contain_text("Refused by the endpoint (401)")

    # The console is a site of its own, and not in the list.
    page.get_by_label("Token", exact=True).select_option("good")
    send.click()
    expect(page.locator("#endpoint .test-result")).to_contain_text("Answered in")
    expect(row).to_contain_text("Rejected")
    row.locator("summary").click()
    expect(row).to_contain_text("not in allowed_origins")
    expect(row).to_contain_text(f"the site was this console: {pipeline.console_origin}")
    expect(row).to_contain_text("subject=user-7")
    expect(row).to_contain_text("token=***")
