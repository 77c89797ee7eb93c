"""The console page of several destinations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
from playwright.sync_api import Page, expect

from local.console.app import create_app
from local.console.journal import Journal
from local.destinations.kinesis import KinesisServer
from local.serve import serving
from local.stand_in.values import Behavior, Event, EventResult, Outcome, ShownDocument
from tests.browser.console import Pipeline, counter, notes
from tests.local.profile_objects import batch, record

if TYPE_CHECKING:
    from tests.browser.endpoint import Endpoint

EVERYWHERE = [
    "Amazon Kinesis Data Streams",
    "Amazon Connect Customer Profiles",
    "Amazon Pinpoint",
]


def put_profile_object(pipeline: Pipeline, document: dict[str, Any]) -> None:
    path = "/domains/shop/profiles/objects/batch-put-profile-object"
    httpx.put(pipeline.url + path, json=batch(document))


def place(page: Page, kind: str) -> Any:
    """Return the cells of a destination's row: its name, its counters, what it is told."""
    return page.locator(f".places-table tr[data-kind={kind}]").locator("th, td")


def test_a_hit_is_followed_to_each_destination(fan: Page, fanned: Pipeline) -> None:
    expect(fan.locator(".places-table tbody th")).to_have_text(EVERYWHERE)
    expect(fan.locator("dt").nth(2)).to_have_text("Delivered everywhere")
    query = "event=purchase&endpoint_id=ep-1&usat_plan=gold"
    fanned.request(query, event_id="e-1")
    row = fan.locator(".hit")
    expect(row.locator(".status")).to_have_text("Waiting in queues")
    expect(row.locator(".place")).to_have_count(3)

    gold = record("e-1", event_type="purchase", user_attributes={"plan": "gold"})
    put_profile_object(fanned, gold)
    expect(row.locator(".status")).to_have_text("Delivered to 1 of 3")
    fanned.putevents.behavior = Behavior(throttle_next=1)
    fanned.deliver("e-1")
    expect(row.locator(".status")).to_have_text("Retrying at 1 of 3")
    expect(row.locator(".place")).to_have_text(
        [
            "Kinesis: Waiting in queue",
            "Customer Profiles: Delivered",
            "Pinpoint: Throttled 1\N{MULTIPLICATION SIGN}, retrying",
        ]
    )
    fanned.journal.dead_lettered(
        destination="kinesis", event_id="e-1", reason="refused", detail="so", body="v=1\nx"
    )
    fanned.journal.queues_counted(destination="kinesis", waiting=2, in_flight=1, dead_letters=1)
    expect(row.locator(".status")).to_have_text("Rejected by 1 of 3")
    expect(row.locator(".reason")).to_have_text("refused: so")
    expect(place(fan, "kinesis")).to_have_text([EVERYWHERE[0], "3", "0", "0", "1", "1", "Normal"])
    expect(place(fan, "pinpoint")).to_have_text(
        [EVERYWHERE[2], "\N{EN DASH}", "1", "0", "0", "\N{EN DASH}", "Normal"]
    )
    expect(counter(fan, "delivered")).to_have_text("0")

    row.locator("> summary").click()
    places = row.locator(".place-details")
    expect(places.locator(".place-name")).to_have_text(EVERYWHERE)
    # The first is open, and another one stays as it was left when the hit changes.
    expect(places.nth(0)).to_contain_text("In its dead-letter queue")
    expect(places.nth(1).locator("pre").first).to_be_hidden()
    places.nth(1).locator("summary").click()
    fanned.deliver("e-1")
    expect(places.nth(2).locator("summary")).to_contain_text("Delivered after 1 retry")
    expect(places.nth(1)).to_contain_text("The resulting profile")
    expect(places.nth(1).locator("pre").nth(1)).to_contain_text('"plan": "gold"')
    assert fan.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_was_read_at_a_destination_is_shown(fan: Page, fanned: Pipeline) -> None:
    fanned.request("event=e&endpoint_id=ep-1", event_id="e-1")
    for number in range(2):
        fanned.journal.destination_has(
            "kinesis",
            Event("e-1", "ep-1", "e", {}, {}, (ShownDocument("In the stream", {"Copy": number}),)),
        )
    row = fan.locator(".hit")
    row.locator("> summary").click()
    there = row.locator(".place-details[data-kind=kinesis]")
    expect(there).to_contain_text("The event arrived 2 times.")
    expect(there.locator("h4")).to_have_text(["In the stream", "In the stream"])


def test_what_one_destination_got_otherwise_is_said_of_that_one(
    fan: Page, fanned: Pipeline
) -> None:
    query = "event=purchase&endpoint_id=ep-1&usat_plan=bronze&usat_city=Graz"
    fanned.request(query, event_id="e-1")
    document = record("e-1", user_attributes={"plan": ["bronze"]})
    event = Event("e-1", "ep-1", "purchase", document, {}, (ShownDocument("Record", document),))
    fanned.journal.destination_answered(
        "kinesis", EventResult(event, Outcome.DELIVERED, "200", "Accepted")
    )
    put_profile_object(fanned, record("e-1", user_attributes={"plan": "gold"}))
    row = fan.locator(".hit")
    expect(row.locator(".status")).to_have_text("Delivered to 2 of 3")
    row.locator("> summary").click()
    expect(notes(row, "usat_plan")).to_contain_text("Customer Profiles: Sent as gold")
    expect(notes(row, "usat_city")).to_have_text(
        "Left out: anonymous_user_attributes does not name it"
    )


def test_destinations_that_are_faster_than_the_gateway_make_one_hit(
    fan: Page, fanned: Pipeline
) -> None:
    put_profile_object(fanned, record("e-1"))
    fanned.deliver("e-1")
    expect(fan.locator(".hit .status")).to_have_text("Delivered to all 2")
    fanned.request("event=late&endpoint_id=ep-1", event_id="e-1")
    expect(fan.locator(".hit")).to_have_count(1)
    expect(fan.locator(".hit .status")).to_have_text("Delivered to 2 of 3")


def test_each_destination_is_told_on_its_own(fan: Page, fanned: Pipeline) -> None:
    mode, which = fan.get_by_label("What it does"), fan.get_by_label("Which")
    expect(fan.locator("#destination-words")).to_contain_text("as the emulator has it")
    mode.select_option("records")
    expect(fan.locator("#mode-words")).to_contain_text("ProvisionedThroughputExceededException")
    fan.get_by_label("Share of the records").fill("30")
    fan.get_by_role("button", name="Apply").click()
    expect(place(fan, "kinesis").last).to_have_text("Failing 30 % of records")
    assert fanned.servers["kinesis"].behavior == Behavior(fail_records_share=0.3)

    # Pinpoint has no way to say that: the page does not offer it.
    which.select_option("pinpoint")
    expect(mode).to_have_value("normal")
    expect(mode.locator("option[value=records]")).to_be_disabled()
    mode.select_option("throttle")
    expect(fan.locator("#mode-words")).to_have_text("Answers 429 TooManyRequestsException.")
    fan.get_by_label("For", exact=True).select_option("all")
    fan.get_by_role("button", name="Apply").click()
    expect(fan.locator("#behavior")).to_have_text("2 misbehave")
    assert fanned.putevents.behavior == Behavior(throttle_share=1)
    assert fanned.servers["customer-profiles"].behavior == Behavior()

    which.select_option("kinesis")
    fan.get_by_role("button", name="Back to normal").click()
    expect(place(fan, "kinesis").last).to_have_text("Normal")


def test_the_destinations_can_be_read_on_a_tablet(fan: Page, fanned: Pipeline) -> None:
    fanned.servers["kinesis"].behavior = Behavior(refuse_event_types=frozenset({"x" * 30}))
    fanned.putevents.behavior = Behavior(throttle_next=3)
    told = place(fan, "pinpoint").last.locator(".pill")
    expect(told).to_have_text("Throttling the next 3")
    fan.set_viewport_size({"width": 768, "height": 900})
    # Two lines each: in a narrower column it would be a word a line.
    for words in (told, place(fan, "customer-profiles").first):
        assert words.evaluate("it => it.offsetHeight") < 65
    assert fan.evaluate("document.documentElement.scrollWidth") == 768


def test_several_destinations_fit_a_phone(fan: Page, fanned: Pipeline) -> None:
    fan.set_viewport_size({"width": 360, "height": 740})
    long = "x" * 300
    fanned.request(f"event={long}&endpoint_id={long}", event_id="e-1")
    fanned.servers["kinesis"].behavior = Behavior(refuse_event_types=frozenset({long}))
    put_profile_object(fanned, record("e-1", long))
    row = fan.locator(".hit")
    expect(row.locator(".status")).to_have_text("Rejected by 1 of 3")
    row.locator("> summary").click()
    for details in row.locator(".place-details").all()[1:]:
        details.locator("summary").click()
    assert fan.evaluate("document.documentElement.scrollWidth") == 360


def test_the_demo_page_warns_of_the_limits_that_there_are(
    page: Page, endpoint: Endpoint, fanned: Pipeline
) -> None:
    with serving(create_app(Journal(), [KinesisServer()], endpoint_url=endpoint.url)) as kinesis:
        for url, warned in ((kinesis, False), (fanned.url, True)):
            page.goto(f"{url}/demo/")
            page.get_by_label("Event name").fill("_session.start")
            page.get_by_label("Customer or visitor ID").fill("ep-1")
            warnings = page.locator("#warnings")
            if warned:
                expect(warnings).to_contain_text("Pinpoint will not get the event")
            else:
                expect(page.locator("#request")).to_be_visible()
                expect(warnings).to_be_empty()
