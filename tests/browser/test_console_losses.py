"""The console page: what is left out of an event or cut, and why."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from local.stand_in.values import Event, EventResult, Outcome, ShownDocument
from tests.browser.console import TIME, Pipeline, deliver_together, notes
from tests.local.profile_objects import record

SENT = (
    "event=purchase&endpoint_id=ep-1&evat_cup=Espresso&evat_empty=&evmt_price=abc&evmt_n=3"
    "&usat_plan=gold&usat_city=Graz&usat_tags=undefined&utm_source=x&gtmcb=1&timestamp=2&evat_=1"
)
LEFT_OUT = {
    "evat_empty": "empty",
    "evmt_price": "not a number",
    "usat_city": "anonymous_user_attributes does not name it",
    "usat_tags": "a word for a variable without a value",
    "utm_source": "not a parameter of the endpoint",
    "timestamp": "accept_client_timestamp is not set",
    "evat_": "nothing follows evat_",
}
LEFT_OUT_IN_SHORT = {
    *("empty", "no name", "not a number", "not permitted"),
    *("timestamp not accepted", "unknown", "unset"),
}


def expect_left_out(row: Any) -> None:
    marked = row.locator("tr:has(.left-out)")
    expect(marked.locator("th")).to_have_text(list(LEFT_OUT))
    expect(marked.locator(".left-out")).to_contain_text(
        [f"Left out: {why}" for why in LEFT_OUT.values()]
    )
    # And the row says so without being opened.
    count, reasons = row.locator("summary .losses").inner_text().split(": ")
    shorts, settings = (
        re.sub(r" \((\w+) permits it\)", "", reasons),
        re.findall(r"\((\w+)", reasons),
    )
    assert (count, set(shorts.split(", "))) == ("7 left out", LEFT_OUT_IN_SHORT)
    assert set(settings) == {"anonymous_user_attributes", "accept_client_timestamp"}


def test_what_is_left_out_is_marked_before_the_destination_has_the_event_and_after(
    shown: Page, pipeline: Pipeline
) -> None:
    pipeline.request(SENT, event_id="m-1")
    row = shown.locator(".hit")
    row.locator("summary").click()
    expect(row.locator(".sheet")).to_contain_text("Nothing yet")
    expect_left_out(row)
    endpoint = {"User": {"UserAttributes": {"plan": ["gold"]}}}
    event = {"EventType": "purchase", "Timestamp": TIME, "Attributes": {"cup": "Espresso"}}
    events = {"m-1": event | {"Metrics": {"n": 3}}}
    httpx.post(
        f"{pipeline.url}/v1/apps/local/events",
        json={"BatchItem": {"ep-1": {"Endpoint": endpoint, "Events": events}}},
    )
    expect(row).to_contain_text("Delivered")
    expect_left_out(row)


@pytest.mark.parametrize("inside", [None, "Data", "Detail"])
def test_what_was_left_out_of_a_record_is_marked(
    fan: Page, fanned: Pipeline, inside: str | None
) -> None:
    fanned.request(SENT, event_id="e-1")
    document = record(
        "e-1",
        attributes={"cup": "Espresso"},
        metrics={"n": 3},
        user_attributes={"plan": ["gold"]},
    )
    got = ShownDocument("Record", {inside: document} if inside else document)
    event = Event("e-1", "ep-1", "purchase", document, {}, (got,))
    fanned.journal.destination_answered(
        "kinesis", EventResult(event, Outcome.DELIVERED, "200", "Accepted")
    )
    row = fan.locator(".hit")
    row.locator("> summary").click()
    expect_left_out(row)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("evat_a=1&evmt_n=%C2%A019.99%0A&usat_plan=gold&gtmcb=undefined", None),
        ("evat_a=undefined", "1 left out: unset"),
        ("evat_a=&evat_b=&utm=1", "3 left out: 2 empty, unknown"),
        (f"evat_a={'x' * 201}", "1 cut: too long"),
        (f"evat_a={'x' * 201}&evmt_n=2,000.00", "1 left out: not a number; 1 cut: too long"),
        (f"evat_{'n' * 51}=1&evat_a=1&evat_a=2", "2 left out: name too long, repeated"),
        ("evat_a=<b>&<b>=1", "1 left out: unknown"),
    ],
)
def test_a_row_says_how_many_parameters_are_left_out_or_cut_and_why(
    shown: Page, pipeline: Pipeline, query: str, words: str | None
) -> None:
    pipeline.request(f"event=e&endpoint_id=ep-1&{query}", event_id="m-1")
    row = shown.locator(".hit")
    expect(row).to_have_count(1)
    losses = row.locator("summary .losses")
    if words is None:
        expect(losses).to_have_count(0)
        return
    expect(losses).to_have_text(words)
    # Amber, and on a phone as well.
    amber = shown.evaluate(
        """() => {
            const probe = document.body.appendChild(document.createElement("i"));
            probe.style.color = "var(--warn)";
            const color = getComputedStyle(probe).color;
            probe.remove();
            return color;
        }"""
    )
    assert losses.evaluate("mark => getComputedStyle(mark).color") == amber
    for width in (360, 1280):
        shown.set_viewport_size({"width": width, "height": 740})
        assert shown.evaluate("document.documentElement.scrollWidth") == width
        expect(losses).to_be_visible()


def test_an_authenticated_visitors_user_attributes_are_judged_as_such(
    shown: Page, pipeline: Pipeline
) -> None:
    query = "event=e&endpoint_id=ep-1&usat_city=Graz&usat_tags=x&token=***"
    pipeline.request(query, event_id="m-1", path="/events/authenticated")
    row = shown.locator(".hit")
    expect(row.locator("summary .losses")).to_have_text(
        "1 left out: not permitted (authenticated_user_attributes permits it)"
    )
    row.locator("summary").click()
    expect(notes(row, "usat_tags")).to_have_text(
        "Left out: authenticated_user_attributes does not name it"
    )
    expect(row.locator(".left-out")).to_have_count(1)


def test_a_value_that_a_newer_event_took_over_is_explained(shown: Page, pipeline: Pipeline) -> None:
    for number, plan in enumerate(("bronze", "gold"), start=1):
        query = f"event=plan_changed&endpoint_id=ep-1&usat_plan={plan}"
        pipeline.request(query, event_id=f"m-{number}")
    pipeline.request("event=page_view&endpoint_id=ep-1", event_id="m-3")
    deliver_together(pipeline, ["m-1", "m-2", "m-3"], plan=["gold"])
    rows = {number: shown.locator(f".hit[data-number='{number}']") for number in (1, 2, 3)}
    for row in rows.values():
        expect(row).to_contain_text("Delivered")
        row.locator("summary").click()
        expect(row.locator(".sheet")).to_be_visible()
    expect(rows[1].locator("td").last).to_contain_text("bronze")
    expect(notes(rows[1], "usat_plan")).to_contain_text(
        "Sent as gold, the newest value in the batch"
    )
    expect(rows[2].locator(".left-out")).to_have_count(0)
    # It said nothing of its user, and the destination got something beside it all the same.
    expect(rows[3].locator(".left-out")).to_have_count(0)
    expect(rows[3].locator(".others")).to_contain_text("request: usat_plan=gold")
    expect(rows[1].locator(".others")).to_have_count(0)


def test_a_value_that_was_cut_and_one_that_is_repeated_are_explained(
    shown: Page, pipeline: Pipeline
) -> None:
    long = "😀" * 201
    query = f"event=e&endpoint_id=ep-1&evat_note={long}&evmt_n=1&evmt_n=1.50&evat_same=%20x"
    pipeline.request(query, event_id="m-1")
    attributes = {"note": long[:200], "same": " x"}
    pipeline.deliver("m-1", EventType="e", Attributes=attributes, Metrics={"n": 1.5})
    row = shown.locator(".hit")
    row.locator("summary").click()
    expect(notes(row, "evat_note")).to_have_text("Cut to 200 characters, the destination's limit")
    expect(notes(row, "evmt_n")).to_have_text(["Left out: it is repeated, and the last one counts"])
    expect(row.locator(".left-out")).to_have_count(2)
