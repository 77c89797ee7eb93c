"""The console page on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.browser.console import Pipeline


def test_a_row_can_be_read_on_a_phone(shown: Page, pipeline: Pipeline) -> None:
    event_id = "JKJaXmPLvHcESHA"
    pipeline.request("", event_id=event_id, method="POST")
    for number in range(2):
        pipeline.deliver(f"{event_id}-{number}", EventType="add_to_cart")
    pipeline.request("endpoint_id=ep-1", event_id=None, status=400)
    refused, listed = shown.locator(".hit").nth(0), shown.locator(".hit").nth(1)
    expect(listed).to_contain_text("2 events")
    name = listed.locator(".event")
    expect(name).to_have_text("add_to_cart")
    for width in (1280, 375):
        shown.set_viewport_size({"width": width, "height": 740})
        assert name.evaluate("it => it.scrollWidth <= it.clientWidth")
    pill, time = (refused.locator(part).bounding_box() for part in (".status", ".time"))
    assert pill
    assert time
    assert pill["x"] + pill["width"] < time["x"]
    refused.locator("summary").click()
    names = refused.locator(".sheet th")
    expect(names).to_have_text(["endpoint_id"])
    assert names.evaluate("it => it.offsetHeight < 40")


def test_the_search_field_can_be_read_on_a_phone(shown: Page, pipeline: Pipeline) -> None:
    pipeline.request("event=e&endpoint_id=i", event_id="m-1")
    shown.set_viewport_size({"width": 375, "height": 740})
    field = shown.get_by_label("Anything that was sent contains")
    expect(field).to_be_visible()
    placeholder = field.get_attribute("placeholder")
    assert placeholder
    field.fill(placeholder)
    assert field.evaluate("it => it.scrollWidth <= it.clientWidth")


def test_it_fits_a_phone(shown: Page, pipeline: Pipeline) -> None:
    shown.set_viewport_size({"width": 360, "height": 740})
    long = "x" * 300
    pipeline.request(f"event={long}&endpoint_id={long}&evat_{long}={long}", event_id="m-1")
    pipeline.deliver("m-1", long, EventType=long)
    shown.locator(".hit summary").click()
    expect(shown.locator(".sheet")).to_be_visible()
    assert shown.evaluate("document.documentElement.scrollWidth") == 360
