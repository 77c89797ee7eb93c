"""The console page: hits from the tag to the destination, and the page itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from playwright.sync_api import Dialog, Page, expect

from local.stand_in.values import Behavior
from tests.browser.console import Pipeline, console, counter, deliver_together, notes

if TYPE_CHECKING:
    import pytest

    from tests.browser.endpoint import Endpoint


def test_the_empty_console_says_what_to_do(shown: Page, endpoint: Endpoint) -> None:
    expect(shown.locator("#empty")).to_contain_text("No events yet")
    expect(shown.locator("#endpoint-url")).to_have_text(endpoint.url)
    expect(shown.locator("#image-url")).to_have_text(
        endpoint.url + "?event={{Event}}&endpoint_id={{endpoint_id}}"
    )
    expect(shown.locator("#first-curl")).to_contain_text(f"curl --include '{endpoint.url}?event=")
    expect(counter(shown, "received")).to_have_text("0")


def test_a_hit_from_the_tag_to_the_destination(shown: Page, pipeline: Pipeline) -> None:
    pipeline.request("event=purchase&endpoint_id=ep-1&evat_cup=Espresso+cup", event_id="m-1")
    pipeline.journal.queues_counted(waiting=1, in_flight=0, dead_letters=0)
    row = shown.locator(".hit")
    expect(row).to_contain_text("purchase")
    expect(row).to_contain_text("ep-1")
    expect(row).to_contain_text("Waiting in queue")
    expect(counter(shown, "waiting")).to_have_text("1")
    expect(shown.locator("#empty")).to_be_hidden()

    row.locator("summary").click()
    sheet = row.locator(".sheet")
    expect(sheet).to_contain_text("Espresso cup")
    expect(sheet).to_contain_text(
        "GET /events?event=purchase&endpoint_id=ep-1&evat_cup=Espresso+cup"
    )
    expect(sheet).to_contain_text("Nothing yet")

    # Throttled, then delivered: the open row follows.
    pipeline.putevents.behavior = Behavior(throttle_next=2)
    pipeline.deliver("m-1", EventType="purchase", Attributes={"cup": "Espresso cup"})
    pipeline.deliver("m-1", EventType="purchase", Attributes={"cup": "Espresso cup"})
    expect(row).to_contain_text("Throttled 2\N{MULTIPLICATION SIGN}, retrying")
    pipeline.deliver("m-1", EventType="purchase", Attributes={"cup": "Espresso cup"})
    expect(row).to_contain_text("Delivered after 2 retries")
    expect(sheet).to_contain_text('"cup": "Espresso cup"')
    expect(sheet.locator(".attempts strong")).to_have_text(["429", "429", "202"])
    expect(counter(shown, "delivered")).to_have_text("1")
    expect(shown.locator(".hit")).to_have_count(1)


def test_the_newest_hit_is_on_top(shown: Page, pipeline: Pipeline) -> None:
    for name in ("first", "second", "third"):
        pipeline.request(f"event={name}&endpoint_id=ep-1", event_id=name)
    expect(shown.locator(".hit .event")).to_have_text(["third", "second", "first"])


def test_refusals_and_rejections_are_shown_with_their_reason(
    shown: Page, pipeline: Pipeline
) -> None:
    pipeline.request("endpoint_id=ep-1", event_id=None, status=400)
    pipeline.request("event=_own&endpoint_id=ep-1", event_id="m-1")
    pipeline.deliver("m-1", EventType="_own")
    pipeline.journal.dead_lettered(
        event_id="m-1",
        reason="REFUSED",
        detail="such types are reserved for Pinpoint",
        body="v=1\nx",
    )
    pipeline.journal.queues_counted(waiting=0, in_flight=0, dead_letters=1)

    hits = shown.locator(".hit")
    expect(hits).to_have_count(2)
    rejected, refused = hits.nth(0), hits.nth(1)
    expect(refused).to_contain_text("Refused by the endpoint (400)")
    expect(refused).to_contain_text("Missing parameters")
    expect(rejected).to_contain_text("Rejected")
    expect(rejected).to_contain_text("REFUSED: such types are reserved for Pinpoint")
    for name, count in {"received": 2, "rejected": 1, "dead_letters": 1, "refused": 1}.items():
        expect(counter(shown, name)).to_have_text(str(count))
    rejected.locator("summary").click()
    expect(rejected.locator(".sheet")).to_contain_text("In the dead-letter queue")


def test_an_event_dropped_in_silence_is_shown_loudly(shown: Page, pipeline: Pipeline) -> None:
    expect(shown.get_by_role("alert")).to_be_hidden()
    pipeline.request("event=page_view&endpoint_id=ep-1", event_id="m-1")
    pipeline.deliver("m-1", Attributes={"note": "x" * 201})
    expect(shown.get_by_role("alert")).to_contain_text("1 event was lost")
    expect(shown.locator(".hit")).to_contain_text("Dropped silently")


HOSTILE = [
    "</script><b>bold</b><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "javascript:alert(1)",
    "{{constructor.constructor('alert(1)')()}}",
    "line\nbreak\r\ndata: {}\n\n",
    "\u202eright to left 😀",
]


def test_hostile_values_are_text(
    shown: Page, pipeline: Pipeline, subtests: pytest.Subtests
) -> None:
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    shown.on("dialog", dismiss)
    for number, value in enumerate(HOSTILE, start=1):
        with subtests.test(value):
            sent = quote(value)
            event_id = f"{number}-{value}"
            pipeline.request(
                f"event={sent}&endpoint_id={sent}&evat_{sent}={sent}", event_id=event_id
            )
            pipeline.putevents.behavior = Behavior(
                refuse_event_types=frozenset({"*"}), refuse_message=value
            )
            pipeline.deliver(event_id, value, EventType=value, Attributes={value: value})
            pipeline.journal.dead_lettered(
                event_id=event_id, reason=value, detail=value, body=value
            )

            row = shown.locator(f".hit[data-number='{number}'][data-status=rejected]")
            row.locator("summary").click()
            expect(row.locator(".sheet pre").last).to_be_visible()
            texts = (
                "row => [...row.querySelectorAll('.event, .endpoint, td')].map(e => e.textContent)"
            )
            assert row.evaluate(texts) == [value] * 5
            assert row.locator("b, img, svg, script, a").count() == 0
            assert dialogs == []


def test_the_destination_is_told_from_the_page(shown: Page, pipeline: Pipeline) -> None:
    mode = shown.get_by_label("What it does")
    apply = shown.get_by_role("button", name="Apply")
    told = shown.locator("#behavior")

    mode.select_option("throttle")
    shown.get_by_label("How many requests").fill("4")
    apply.click()
    expect(told).to_have_text("Throttling the next 4")
    assert pipeline.putevents.behavior == Behavior(throttle_next=4)
    pipeline.deliver("m-1")
    expect(told).to_have_text("Throttling the next 3")

    mode.select_option("fail")
    shown.get_by_label("For", exact=True).select_option("half")
    expect(shown.get_by_label("How many requests")).to_be_hidden()
    apply.click()
    expect(told).to_have_text("Failing 50 %")
    assert pipeline.putevents.behavior == Behavior(fail_share=0.5)

    mode.select_option("slow")
    shown.get_by_label("Seconds until the answer").fill("9")
    shown.get_by_label("How many requests").fill("2")
    apply.click()
    expect(told).to_have_text("Slow for the next 2")
    assert pipeline.putevents.behavior == Behavior(slow_next=2, slow_seconds=9)

    mode.select_option("refuse")
    shown.get_by_label("Event names").fill(" purchase, sign_up ")
    apply.click()
    expect(told).to_have_text("Refusing purchase, sign_up")
    refused = frozenset({"purchase", "sign_up"})
    assert pipeline.putevents.behavior == Behavior(refuse_event_types=refused)

    mode.select_option("slow")
    shown.get_by_label("How many requests").evaluate("input => { input.value = '-1'; }")
    shown.evaluate("document.getElementById('control').noValidate = true")
    apply.click()
    expect(shown.locator("#control-result")).to_contain_text(
        "slow_next must be a non-negative whole number"
    )

    shown.get_by_role("button", name="Back to normal").click()
    expect(told).to_have_text("Normal")
    assert pipeline.putevents.behavior == Behavior()


def test_the_test_event_is_a_real_image_request(shown: Page, endpoint: Endpoint) -> None:
    shown.locator("#empty").get_by_role("button", name="Send a test event").click()
    expect(shown.locator("#empty .test-result")).to_contain_text("Answered in")
    assert ("event", "test_event") in endpoint.parameters()


def test_a_list_of_events_is_one_hit(shown: Page, pipeline: Pipeline) -> None:
    event_id = "JKJaXmPLvHcESHA"
    pipeline.request("", event_id=event_id, method="POST")
    pipeline.deliver(f"{event_id}-0", "ep-1", EventType="first")
    pipeline.deliver(f"{event_id}-1", "ep-2", EventType="second")
    row = shown.locator(".hit")
    expect(row).to_contain_text("2 events")
    expect(row).to_contain_text("Delivered")
    row.locator("summary").click()
    listed = row.locator(".listed")
    expect(listed.locator("summary")).to_have_text(
        ["first · ep-1 · delivered", "second · ep-2 · delivered"]
    )
    listed.last.locator("summary").click()
    expect(listed.last).to_contain_text(f"Event {event_id}-1")


def test_what_was_posted_is_shown_event_by_event(shown: Page, pipeline: Pipeline) -> None:
    event_id = "JKJaXmPLvHcESHA"
    body = (
        '{"events": [{"event": "plan_changed", "endpoint_id": "ep-1", "usat_plan": "bronze"},'
        ' {"event": "plan_changed", "endpoint_id": "ep-1", "usat_plan": ["gold", "vip"]},'
        ' {"event": "_own", "endpoint_id": "ep-1"}]}'
    )
    posted: dict[str, Any] = {"method": "POST", "content_type": "application/json", "body": body}
    pipeline.request("", event_id=event_id, **posted)
    row = shown.locator(".hit")
    expect(row.locator(".what")).to_contain_text("plan_changed")
    expect(row.locator(".what")).to_contain_text("3 events")
    deliver_together(pipeline, [f"{event_id}-1", f"{event_id}-0"], plan=["gold", "vip"])
    row.locator("summary").click()
    expect(row.locator("h4", has_text="of 3")).to_have_text(
        ["Event 1 of 3", "Event 2 of 3", "Event 3 of 3"]
    )
    expect(row.locator(".left-out")).to_have_count(1)
    expect(notes(row, "usat_plan")).to_contain_text("Sent as gold, vip, the newest value")
    expect(row.locator(".sheet pre").first).to_contain_text("POST /events")
    expect(row.locator(".sheet pre").first).to_contain_text('"usat_plan": "bronze"')


def test_the_demo_page_opens_with_the_endpoint(shown: Page, endpoint: Endpoint) -> None:
    shown.get_by_role("navigation").get_by_role("link", name="Demo page").click()
    expect(shown.get_by_label("Endpoint URL")).to_have_value(endpoint.url)


def test_the_way_back_from_the_demo_page(shown: Page, pipeline: Pipeline) -> None:
    shown.get_by_role("navigation").get_by_role("link", name="Demo page").click()
    expect(shown.get_by_role("heading", name="Demo page")).to_be_visible()
    for width in (1280, 360):
        shown.set_viewport_size({"width": width, "height": 740})
        assert shown.evaluate("document.documentElement.scrollWidth") == width
    shown.get_by_role("navigation").get_by_role("link", name="Console").click()
    expect(shown.locator("#connection")).to_have_text("Live")
    assert shown.url == f"{pipeline.url}/"


def test_the_list_can_be_narrowed(shown: Page, pipeline: Pipeline) -> None:
    for name in ("alpha", "beta"):
        pipeline.request(f"event={name}&endpoint_id=ep-{name}", event_id=name)
    pipeline.deliver("beta", "ep-beta")
    rows = shown.locator(".hit:visible .event")
    expect(rows).to_have_count(2)
    shown.get_by_label("Anything that was sent contains").fill("EP-AL")
    expect(rows).to_have_text(["alpha"])
    shown.get_by_label("Show", exact=True).select_option("delivered")
    expect(rows).to_have_count(0)
    expect(shown.locator("#none-match")).to_be_visible()
    shown.get_by_label("Anything that was sent contains").fill("")
    expect(rows).to_have_text(["beta"])


def test_the_page_waits_for_the_endpoint(page: Page) -> None:
    with console(None) as pipeline:
        page.goto(pipeline.url)
        expect(page.locator("#starting")).to_be_visible()
        pipeline.journal.endpoint_ready("http://127.0.0.1:9/events")
        expect(page.locator("#endpoint-url")).to_have_text("http://127.0.0.1:9/events")
        expect(page.locator("#starting")).to_be_hidden()


def test_the_page_reconnects_to_a_restarted_pipeline(page: Page, endpoint: Endpoint) -> None:
    with console(endpoint.url) as pipeline:
        page.goto(pipeline.url)
        pipeline.request("event=before&endpoint_id=ep-1", event_id="m-1")
        expect(page.locator(".hit .event")).to_have_text(["before"])
        port = urlsplit(pipeline.url).port
        assert port
    expect(page.locator("#connection")).to_have_text("Reconnecting")
    with console(endpoint.url, port) as pipeline:
        expect(page.locator("#connection")).to_have_text("Live")
        pipeline.request("event=after&endpoint_id=ep-1", event_id="m-1")
        expect(page.locator(".hit .event")).to_have_text(["after"])


def test_a_thousand_hits_and_more_stay_usable(shown: Page, pipeline: Pipeline) -> None:
    for number in range(1_100):
        pipeline.request(f"event=e-{number}&endpoint_id=ep-1", event_id=f"m-{number}")
    expect(counter(shown, "received")).to_have_text("1,100")
    expect(shown.locator(".hit")).to_have_count(1_000)
    expect(shown.locator(".hit .event").first).to_have_text("e-1099")
