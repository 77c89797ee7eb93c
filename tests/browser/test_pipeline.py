"""The default pipeline, nothing stood in for: what a tag is told, and what the console shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.browser.outcomes import delivered, load_image, site
from tests.pipelines import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.pipeline.stack import Pipeline


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    with running(context={"max_batching_window": "1"}) as pipeline:
        yield pipeline
        pipeline.emulator.check()


@pytest.fixture
def shop(page: Page) -> Iterator[Page]:
    with site() as origin:
        page.goto(origin)
        yield page


def test_a_tags_image_loads_and_its_event_arrives(shop: Page, pipeline: Pipeline) -> None:
    query = "event=good_tag&endpoint_id=ep-1&evat_cup=Espresso+%26+more&usat_plan=gold&gtmcb=1"
    assert load_image(shop, f"{pipeline.endpoint_url}?{query}") == "load"
    recorded = delivered(pipeline, "good_tag")
    assert recorded.endpoint_id == "ep-1"
    assert recorded.event["Attributes"] == {"cup": "Espresso & more"}
    assert "User" not in recorded.endpoint  # nobody has named an attribute that anybody may set


@pytest.mark.parametrize(
    "query", ["endpoint_id=ep-1", "event=bad_tag", "event=&endpoint_id=ep-1", ""]
)
def test_a_tag_that_lacks_something_fails(shop: Page, pipeline: Pipeline, query: str) -> None:
    assert load_image(shop, f"{pipeline.endpoint_url}?{query}") == "error"


def test_the_console_shows_an_event_until_it_is_delivered(page: Page, pipeline: Pipeline) -> None:
    page.goto(pipeline.console_url)
    expect(page.locator("#access")).to_be_hidden()
    page.locator("#endpoint").get_by_role("button", name="Send a test event").click()
    expect(page.locator("#endpoint .test-result")).to_contain_text("Answered in")
    row = page.locator(".hit", has_text="test_event").first
    expect(row).to_contain_text("anonymous")
    expect(row).to_contain_text("Delivered")
    row.locator("summary").click()
    expect(row.locator(".sheet")).to_contain_text('"EventType": "test_event"')


def test_the_demo_page_posts_a_form(page: Page, pipeline: Pipeline) -> None:
    page.goto(f"{pipeline.console_url}demo")
    expect(page.get_by_label("Endpoint URL")).to_have_value(pipeline.endpoint_url)
    page.get_by_label("Event name").fill("demo_form")
    page.get_by_label("Customer or visitor ID").fill("ep-2")
    page.get_by_label("Sent as").select_option("fetch")
    page.locator("#send").click()
    expect(page.locator("#results li")).to_contain_text("Answered 204")
    assert delivered(pipeline, "demo_form").endpoint_id == "ep-2"
    # What was posted is the gateway's to report: it is in no query.
    page.get_by_role("link", name="Console").click()
    row = page.locator(".hit", has_text="demo_form").first
    row.locator("summary").click()
    expect(row.locator(".sheet th")).to_have_text(["event", "endpoint_id"])
    expect(row.locator(".sheet pre").first).to_contain_text("event=demo_form&endpoint_id=ep-2")
