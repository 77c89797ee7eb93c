"""The console page, used: counters that filter, the search, *Move back*, and where the focus is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from local.console.app import MoveResult, create_app
from local.console.journal import Journal
from local.destinations.pinpoint.server import PutEventsServer
from local.serve import serving
from tests.browser.console import Pipeline, open_console
from tests.browser.endpoint import standing_in

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY = "id=m-1"


@pytest.fixture
def asked() -> list[tuple[str, str, bool]]:
    """Return what was asked to be moved back."""
    return []


@pytest.fixture
def pipeline(asked: list[tuple[str, str, bool]]) -> Iterator[Pipeline]:
    """Return a console whose rejected messages can be moved back, unless they are invalid."""
    journal = Journal()
    putevents = PutEventsServer(observer=journal)

    def move_back(kind: str, body: str, invalid: bool) -> MoveResult:  # noqa: FBT001
        asked.append((kind, body, invalid))
        if invalid:
            return MoveResult(moved=False, words="Stays: it would be rejected again.")
        journal.left_queue(event_id="m-1", body=body, destination=kind)
        return MoveResult(moved=True, words="Goes back to pinpoint.")

    with standing_in() as endpoint:
        app = create_app(journal, [putevents], endpoint_url=endpoint.url, move_back=move_back)
        with serving(app) as url:
            yield Pipeline(url, journal, putevents, [])


def visible_events(page: Page) -> Any:
    return page.locator(".hit:not([hidden]) .event")


def focused(page: Page) -> str:
    words: str = page.evaluate("document.activeElement.outerHTML.slice(0, 80)")
    return words


def reject(pipeline: Pipeline, event_id: str = "m-1") -> None:
    pipeline.request("event=bad&endpoint_id=ep-1", event_id=event_id)
    pipeline.journal.dead_lettered(event_id=event_id, reason="refused", detail="no", body=BODY)


def test_a_counter_shows_what_it_counts(shown: Page, pipeline: Pipeline) -> None:
    reject(pipeline)
    pipeline.request("event=good&endpoint_id=ep-1", event_id="m-2")
    pipeline.deliver("m-2")
    pipeline.request("event=late&endpoint_id=ep-1", event_id="m-3")
    pipeline.request("event=none&endpoint_id=", event_id=None, status=400)
    expect(visible_events(shown)).to_have_count(4)
    for name, event in {
        "Rejected": "bad",
        "In dead-letter queue": "bad",
        "Delivered": "good",
        "Waiting in queue": "late",
        "Refused by the endpoint": "none",
    }.items():
        counter = shown.get_by_role("button", name=name, exact=True)
        counter.click()
        expect(counter).to_have_attribute("aria-pressed", "true")
        expect(visible_events(shown)).to_have_text([event])
    shown.get_by_role("button", name="Refused by the endpoint").click()  # once more
    expect(visible_events(shown)).to_have_count(4)
    shown.get_by_role("button", name="In invalid-message queue").click()
    shown.get_by_role("button", name="Show all").click()
    expect(visible_events(shown)).to_have_count(4)
    assert "events-title" in focused(shown)


def test_the_search_finds_every_value(shown: Page, pipeline: Pipeline) -> None:
    many = "&".join(f"evat_a{at}=x" for at in range(9))
    pipeline.request(f"event=one&endpoint_id=ep-1&{many}&usat_city=M%C3%BCnchen", event_id="m-1")
    pipeline.request("event=two&endpoint_id=ep-2", event_id="m-2")
    box = shown.get_by_label("Anything that was sent contains")
    box.fill("MÜNCH")
    expect(visible_events(shown)).to_have_text(["one"])
    box.fill("ep-2")
    expect(visible_events(shown)).to_have_text(["two"])
    pipeline.request("event=three&endpoint_id=ep-3&evat_note=like%20ep-2", event_id="m-3")
    expect(visible_events(shown)).to_have_text(["three", "two"])
    box.fill("")
    expect(visible_events(shown)).to_have_count(3)


def test_a_rejected_message_is_moved_back(
    shown: Page, pipeline: Pipeline, asked: list[tuple[str, str, bool]]
) -> None:
    reject(pipeline)
    row = shown.locator(".hit")
    row.locator("summary").click()
    button = row.get_by_role("button", name="Move back")
    button.focus()
    shown.keyboard.press("Enter")
    expect(row.locator(".status")).to_have_text("Moved back, waiting in queue")
    assert asked == [("pinpoint", BODY, False)]
    expect(button).to_have_count(0)
    assert focused(shown).startswith("<summary")

    pipeline.deliver("m-1")
    expect(row.locator(".status")).to_have_text("Delivered after it was moved back")


def test_what_would_be_rejected_again_says_so(shown: Page, pipeline: Pipeline) -> None:
    pipeline.request("event=bad&endpoint_id=ep-1", event_id="m-1")
    pipeline.journal.found_invalid(event_id="m-1", reason="origin", detail="", body=BODY)
    row = shown.locator(".hit")
    row.locator("summary").click()
    row.get_by_role("button", name="Move back").click()
    expect(row.locator(".move-back-result")).to_have_text("Stays: it would be rejected again.")
    expect(row.locator(".status")).to_have_text("Rejected")


def test_a_retry_says_when_it_comes(shown: Page, pipeline: Pipeline) -> None:
    pipeline.putevents.behavior = pipeline.putevents.behavior.__class__(throttle_next=1)
    pipeline.request("event=late&endpoint_id=ep-1", event_id="m-1")
    pipeline.deliver("m-1")
    pipeline.journal.next_attempts("pinpoint", {"m-1": 1_795_471_900_000})
    expect(shown.locator(".hit .next-attempt")).to_contain_text("Next attempt at ")
    pipeline.deliver("m-1")
    expect(shown.locator(".hit .next-attempt")).to_have_count(0)


def test_the_functions_problems_are_shown_in_its_words(shown: Page, pipeline: Pipeline) -> None:
    problems = shown.locator("#problems")
    expect(problems).to_be_hidden()
    words = "the destination <b>denies the function access</b>"
    pipeline.journal.batch_logged("pinpoint", time=1_000, problems=[words], delivered=False)
    expect(problems.locator(".problem-words")).to_have_text(words)
    expect(problems.locator("li")).to_have_attribute("data-state", "lasting")
    pipeline.journal.batch_logged("pinpoint", time=2_000, problems=[], delivered=True)
    expect(problems.locator("li")).to_have_attribute("data-state", "over")


def test_a_row_whose_values_were_left_out_is_amber(shown: Page, pipeline: Pipeline) -> None:
    pipeline.request("event=one&endpoint_id=ep-1", event_id="m-1")
    row = shown.locator(".hit summary")
    whole = row.evaluate("it => getComputedStyle(it).backgroundColor")
    assert shown.locator(".hit[data-losses]").count() == 0
    shown.evaluate("document.querySelector('.hit').setAttribute('data-losses', '')")
    assert row.evaluate("it => getComputedStyle(it).backgroundColor") != whole


@pytest.mark.parametrize("width", [390, 1280])
def test_the_verdict_of_a_send_is_in_view_and_keeps_the_focus(
    page: Page, pipeline: Pipeline, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    open_console(page, pipeline)
    # The button in the empty list goes away with the first event.
    first = page.locator("#first-steps .test-event")
    first.focus()
    page.keyboard.press("Enter")
    expect(first).to_be_visible()
    pipeline.request("event=test_event&endpoint_id=console", event_id="m-1")
    expect(page.locator(".hit")).to_have_count(1)
    expect(first).to_be_hidden()
    assert "events-title" in focused(page)

    page.locator("#endpoint-panel").evaluate("it => { it.open = true; }")
    button = page.locator("#endpoint-panel .test-event")
    button.focus()
    page.keyboard.press("Enter")
    result = page.locator("#endpoint-panel .test-result")
    expect(result).to_contain_text("Answered in")
    pipeline.request("event=test_event&endpoint_id=console", event_id="m-2")
    pipeline.deliver("m-2")
    expect(result).to_contain_text("Delivered.")
    expect(result).to_be_in_viewport()


def test_it_has_one_primary_action(shown: Page, pipeline: Pipeline) -> None:
    primary = shown.locator("button.primary:visible")
    expect(primary).to_have_count(1)
    expect(shown.locator("#first-steps button.primary")).to_be_visible()
    pipeline.request("event=one&endpoint_id=ep-1", event_id="m-1")
    expect(shown.locator("#endpoint-panel button.primary")).to_be_visible()
    expect(primary).to_have_count(1)


@pytest.mark.parametrize(("width", "rows"), [(390, 3), (800, 2), (1280, 1)])
def test_no_counter_is_alone_in_a_row(shown: Page, width: int, rows: int) -> None:
    shown.set_viewport_size({"width": width, "height": 700})
    tops = shown.evaluate(
        """() => [...document.querySelectorAll(".counter:not([hidden])")]
            .map(it => [it.offsetTop, it.offsetLeft + it.offsetWidth])"""
    )
    assert len({top for top, _ in tops}) == rows
    rights = [max(right for other, right in tops if other == top) for top, _ in tops]
    assert max(rights) - min(rights) <= 1  # each row is full


# Another stream hears it as well, at about the same time.
HEARS_OF_THE_REJECTION = """new Promise((heard) => {
  const stream = new EventSource("api/stream");
  stream.onmessage = ({ data }) => {
    if (!JSON.parse(data).hits.some(({ status }) => status === "rejected")) return;
    stream.close();
    heard();
  };
})"""


def test_news_that_come_during_a_press_do_not_undo_it(shown: Page, pipeline: Pipeline) -> None:
    pipeline.request("event=bad&endpoint_id=ep-1", event_id="m-1")
    row = shown.locator(".hit")
    row.locator(".event").hover()
    shown.mouse.down()
    pipeline.journal.dead_lettered(event_id="m-1", reason="refused", detail="no", body=BODY)
    shown.evaluate(HEARS_OF_THE_REJECTION)
    expect(row).to_have_attribute("data-status", "waiting")
    shown.mouse.up()
    expect(row).to_have_attribute("open", "")
    expect(row).to_have_attribute("data-status", "rejected")
