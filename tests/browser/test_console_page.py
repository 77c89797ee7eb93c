"""The console page in a real browser: hits end to end, the controls, hostile values."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest
from playwright.sync_api import Dialog, Page, expect

from local.console.app import MintRequest, create_app
from local.console.journal import Journal
from local.destinations.customer_profiles.objects import ObjectType
from local.destinations.customer_profiles.server import ProfilesServer
from local.destinations.kinesis import KinesisServer
from local.destinations.pinpoint.server import PutEventsServer
from local.rules import Rules
from local.serve import serving
from local.stand_in.values import Answered, Behavior, Event, Exposition, Outcome
from tests.browser.endpoint import TOKEN, Endpoint, standing_in
from tests.local.profile_objects import PROPERTIES, batch, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.stand_in.server import DestinationServer

TIME = "2026-11-23T22:11:00.000Z"


class Pipeline:
    """The console's surroundings: reports as the emulator makes them, real destinations."""

    def __init__(
        self,
        url: str,
        journal: Journal,
        putevents: PutEventsServer,
        others: list[DestinationServer],
    ) -> None:
        self.url = url
        self.journal = journal
        self.putevents = putevents
        self.servers = {server.kind: server for server in (*others, putevents)}

    def request(
        self, query: str, *, event_id: str | None, status: int = 200, **changes: Any
    ) -> None:
        """Report a request that the endpoint answered."""
        self.journal.gateway_answered(
            {
                "time": 1_795_471_860_000,
                "method": "GET",
                "path": "/events",
                "query": query,
                "status": status,
                "event_id": event_id,
                "detail": '{"message": "Missing parameters"}' if status >= 400 else "",
                **changes,
            }
        )

    def deliver(self, event_id: str, endpoint_id: str = "ep-1", **event: Any) -> None:
        """Send one event to the destination, as the function does."""
        events = {event_id: {"EventType": "page_view", "Timestamp": TIME} | event}
        httpx.post(
            f"{self.url}/v1/apps/local/events",
            json={"BatchItem": {endpoint_id: {"Endpoint": {}, "Events": events}}},
        )


def rules(kind: str) -> Rules:
    """Return the rules of a function that lets anonymous visitors change two user attributes."""
    return Rules.of(
        {
            "DESTINATION": kind,
            "ANONYMOUS_USER_ATTRIBUTES": '["plan", "tags"]',
            "AUTHENTICATED_USER_ATTRIBUTES": '["plan", "city"]',
            "ALLOWED_ORIGINS": '"*"',
            "ACCEPT_CLIENT_TIMESTAMP": "false",
            "UNSET_VALUES": '["undefined", "null"]',
        }
    )


@contextmanager
def console(
    endpoint_url: str | None,
    port: int = 0,
    *,
    authenticated_endpoint_url: str | None = None,
    mint: Callable[[MintRequest], str] | None = None,
    fanned_out: bool = False,
) -> Iterator[Pipeline]:
    journal = Journal()
    putevents = PutEventsServer(observer=journal)
    others: list[DestinationServer] = []
    if fanned_out:
        object_types = [ObjectType.from_properties(PROPERTIES)]
        others = [KinesisServer(observer=journal), ProfilesServer(object_types, observer=journal)]
    servers = (*others, putevents)
    journal.destinations_known(
        {server.kind: server.title for server in servers},
        {server.kind: rules(server.kind) for server in servers},
    )
    app = create_app(
        journal,
        [*others, putevents],
        endpoint_url=endpoint_url,
        authenticated_endpoint_url=authenticated_endpoint_url,
        mint=mint,
    )
    with serving(app, port=port) as url:
        yield Pipeline(url, journal, putevents, others)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with standing_in() as endpoint:
        yield endpoint


@pytest.fixture
def pipeline(endpoint: Endpoint) -> Iterator[Pipeline]:
    with console(endpoint.url) as pipeline:
        yield pipeline


@pytest.fixture
def shown(page: Page, pipeline: Pipeline) -> Page:
    page.goto(pipeline.url)
    expect(page.locator("#connection")).to_have_text("Live")
    return page


def counter(page: Page, name: str) -> Any:
    return page.locator(f"[data-counter={name}]")


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
        event_id="m-1", reason="REFUSED", detail="such types are Pinpoint's own", body="v=1\nx"
    )
    pipeline.journal.queues_counted(waiting=0, in_flight=0, dead_letters=1)

    hits = shown.locator(".hit")
    expect(hits).to_have_count(2)
    rejected, refused = hits.nth(0), hits.nth(1)
    expect(refused).to_contain_text("Refused at the door (400)")
    expect(refused).to_contain_text("Missing parameters")
    expect(rejected).to_contain_text("Rejected")
    expect(rejected).to_contain_text("REFUSED: such types are Pinpoint's own")
    for name, count in {"received": 2, "rejected": 1, "dead_letters": 1, "refused": 1}.items():
        expect(counter(shown, name)).to_have_text(str(count))
    rejected.locator("summary").click()
    expect(rejected.locator(".sheet")).to_contain_text("In the dead-letter queue")


def test_an_event_dropped_in_silence_is_shown_loudly(shown: Page, pipeline: Pipeline) -> None:
    expect(shown.get_by_role("alert")).to_be_hidden()
    pipeline.request("event=page_view&endpoint_id=ep-1", event_id="m-1")
    pipeline.deliver("m-1", Attributes={"note": "x" * 201})
    expect(shown.get_by_role("alert")).to_contain_text("1 event was lost")
    expect(shown.locator(".hit")).to_contain_text("Dropped in silence")


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
    expect(shown.locator("#control-result")).to_contain_text("slow_next must be a whole number")

    shown.get_by_role("button", name="Back to normal").click()
    expect(told).to_have_text("Normal")
    assert pipeline.putevents.behavior == Behavior()


def test_the_test_event_is_a_real_image_request(shown: Page, endpoint: Endpoint) -> None:
    shown.locator("#empty").get_by_role("button", name="Send a test event").click()
    expect(shown.locator("#empty .test-result")).to_contain_text("Answered in")
    assert ("event", "test_event") in endpoint.parameters()


# --- Access ------------------------------------------------------------------------------------


@pytest.fixture
def minted() -> list[MintRequest]:
    return []


@pytest.fixture
def signing(page: Page, endpoint: Endpoint, minted: list[MintRequest]) -> Iterator[Page]:
    """Return the page of a pipeline that has an authenticated route."""

    def mint(wanted: MintRequest) -> str:
        if not wanted.subject.isascii():
            raise ValueError(f"subject must be another, got {wanted.subject!r}")
        minted.append(wanted)
        return "an.expired.token" if wanted.expired else TOKEN

    with console(
        endpoint.url, authenticated_endpoint_url=endpoint.authenticated_url, mint=mint
    ) as pipeline:
        page.goto(pipeline.url)
        expect(page.locator("#connection")).to_have_text("Live")
        yield page


def send_test_event(page: Page) -> Any:
    page.locator("#endpoint").get_by_role("button", name="Send a test event").click()
    return page.locator("#endpoint .test-result")


def test_without_an_authenticated_route_there_is_no_choice(shown: Page) -> None:
    expect(shown.locator("#endpoint")).to_be_visible()
    expect(shown.locator("#access")).to_be_hidden()
    expect(shown.locator("#token-controls")).to_be_hidden()


def test_a_test_event_is_sent_anonymously_first(
    signing: Page, endpoint: Endpoint, minted: list[MintRequest]
) -> None:
    expect(signing.get_by_label("Anonymous")).to_be_checked()
    expect(signing.locator("#token-controls")).to_be_hidden()
    expect(send_test_event(signing)).to_contain_text("Answered in")
    assert "token" not in dict(endpoint.parameters())
    assert minted == []
    expect(signing.locator("#signed")).to_be_hidden()


def test_a_test_event_is_sent_with_a_token(
    signing: Page, endpoint: Endpoint, minted: list[MintRequest]
) -> None:
    signing.get_by_label("Authenticated").check()
    expect(signing.locator("#endpoint-url")).to_have_text(endpoint.authenticated_url)
    expect(signing.locator("#image-url")).to_have_text(
        endpoint.authenticated_url + "?event={{Event}}&endpoint_id={{endpoint_id}}&token={{token}}"
    )
    signing.get_by_label("Subject of the token").fill("user-7")
    signing.get_by_label("Endpoint that it names").fill("ep-7")
    expect(send_test_event(signing)).to_contain_text("Answered in")
    assert minted == [MintRequest("user-7", "ep-7")]
    assert dict(endpoint.parameters())["token"] == TOKEN

    signed = signing.locator("#signed-url")
    expect(signed).to_contain_text("endpoint_id=console")
    expect(signed).to_contain_text("token=•••")
    assert TOKEN not in signing.locator("body").inner_text()
    signing.context.grant_permissions(["clipboard-read", "clipboard-write"])
    signing.locator("[data-copy=signed-url]").click()
    expect(signing.locator("[data-copy=signed-url]")).to_have_text("Copied")
    copied = signing.evaluate("navigator.clipboard.readText()")
    assert dict(parse_qsl(urlsplit(copied).query))["token"] == TOKEN
    signing.get_by_role("button", name="Show token").click()
    expect(signed).to_have_text(copied)
    signing.get_by_role("button", name="Hide token").click()
    expect(signed).not_to_contain_text(TOKEN)

    signing.get_by_label("Anonymous").check()
    expect(signing.locator("#endpoint-url")).to_have_text(endpoint.url)
    expect(signed).to_be_hidden()


def test_tokens_that_are_refused_can_be_tried(
    signing: Page, endpoint: Endpoint, minted: list[MintRequest], subtests: pytest.Subtests
) -> None:
    signing.get_by_label("Authenticated").check()
    signing.get_by_label("Subject of the token").fill("user-7")
    for validity, sent in {
        "expired": "an.expired.token",
        "forged": "header.claims.Aignature",
        "missing": None,
    }.items():
        with subtests.test(validity):
            signing.get_by_label("Token", exact=True).select_option(validity)
            expect(send_test_event(signing)).to_contain_text("The tag failed")
            assert dict(endpoint.parameters()).get("token") == sent
            expect(signing.locator("#signed")).to_be_visible(visible=sent is not None)
    assert [wanted.expired for wanted in minted] == [True, False]

    before = len(endpoint.queries)
    signing.get_by_label("Token", exact=True).select_option("good")
    signing.get_by_label("Subject of the token").fill("é")
    expect(send_test_event(signing)).to_contain_text("nothing sent: subject must be another")
    assert len(endpoint.queries) == before


def test_each_hit_says_how_it_was_sent_and_why_it_was_refused(
    shown: Page, pipeline: Pipeline, subtests: pytest.Subtests
) -> None:
    authenticated = "/events/authenticated"
    query = "event=e&endpoint_id=ep-1"
    signed = f"{query}&token=***"
    no_token, bad_token, forbidden = (
        {"path": authenticated, "status": status, "event_id": None, "detail": detail}
        for status, detail in [
            (401, '{"message": "Unauthorized"}'),
            (401, '{"message": "Unauthorized"}'),
            (403, '{"Message": "User is not authorized to access this resource"}'),
        ]
    )
    cases: list[tuple[str, dict[str, Any], str, list[str]]] = [
        (query, {"event_id": "m-1"}, "", ["anonymous", "Waiting in queue"]),
        (query, no_token, "", ["authenticated route", "Refused at the door (401)", "no token"]),
        (signed, bad_token, "", ["authenticated", "(401)", "Unauthorized", "it has expired"]),
        (signed, forbidden, "", ["authenticated", "(403)", "does not let it in"]),
        (query, {"event_id": "m-2"}, "origin", ["anonymous", "Rejected", "allowed_origins"]),
        (
            signed,
            {"event_id": "m-3", "path": authenticated},
            "foreign_endpoint",
            ["authenticated", "Rejected", "The token names another endpoint"],
        ),
        (
            query,
            {"event_id": "m-4", "opted_out": True},
            "",
            ["anonymous", "Opted out", "The browser asked not to be tracked", "Sec-GPC"],
        ),
        ("", {"event_id": "m-5", "method": "POST"}, "", ["(in the body)", "POST", "anonymous"]),
    ]
    for number, (sent, changes, reason, words) in enumerate(cases, start=1):
        with subtests.test(words[-1]):
            pipeline.request(sent, **changes)
            if reason:
                pipeline.journal.dead_lettered(
                    event_id=changes["event_id"], reason=reason, detail="so", body="v=1\n"
                )
            row = shown.locator(f".hit[data-number='{number}']")
            row.locator("summary").click()
            expect(row.locator(".sheet")).to_be_visible()
            if reason:
                expect(row).to_contain_text(f"{reason}: so")
            for word in words:
                expect(row).to_contain_text(word)
    expect(counter(shown, "refused")).to_have_text("3")
    expect(counter(shown, "opted_out")).to_have_text("1")
    shown.get_by_label("Show", exact=True).select_option("opted_out")
    expect(shown.locator(".hit:visible")).to_have_count(1)


def test_a_refusal_tells_its_reason_in_the_row(shown: Page, pipeline: Pipeline) -> None:
    path = "/events/authenticated"
    refused: dict[str, Any] = {"path": path, "event_id": None}
    for status, words in {
        401: "Unauthorized",
        403: "User is not authorized to access this resource",
    }.items():
        pipeline.request(
            "event=e&endpoint_id=i", status=status, detail=f'{{"Message": "{words}"}}', **refused
        )
    reasons = shown.locator(".hit > summary .reason")
    expect(reasons).to_have_text(
        [
            (
                "User is not authorized to access this resource: the authorizer knows the sender "
                "and does not let it in"
            ),
            "Unauthorized: there is no token, and nobody else vouches for the sender",
        ]
    )
    for width in (1280, 375):
        shown.set_viewport_size({"width": width, "height": 740})
        for reason in reasons.all():
            assert reason.evaluate("it => it.scrollHeight <= it.clientHeight")


def test_a_route_that_is_not_there_is_not_blamed_on_the_authorizer(
    shown: Page, pipeline: Pipeline
) -> None:
    detail = '{"message": "Missing Authentication Token"}'
    changes: dict[str, Any] = {"status": 403, "event_id": None, "detail": detail}
    pipeline.request("event=e&endpoint_id=i", path="/events/authenticated", **changes)
    row = shown.locator(".hit")
    row.locator("summary").click()
    expect(row.locator(".explanation")).to_contain_text("-c signed_token=true")
    expect(row).not_to_contain_text("The authorizer knows")


def test_a_failure_of_the_endpoint_is_explained(shown: Page, pipeline: Pipeline) -> None:
    detail = '{"message": "Internal server error"}'
    pipeline.request("event=e&endpoint_id=i", status=502, event_id=None, detail=detail)
    row = shown.locator(".hit")
    row.locator("summary").click()
    expect(row.locator(".explanation")).to_contain_text("The queue did not take the message")


def test_a_body_that_is_too_long_to_show_is_not_called_wrong(
    shown: Page, pipeline: Pipeline
) -> None:
    posted: dict[str, Any] = {
        "method": "POST",
        "content_type": "application/json",
        "body": '{"events": [{"ev',
    }
    pipeline.request("", event_id="JKJaXmPLvHcESHA", **posted, body_cut=True)
    row = shown.locator(".hit")
    row.locator("summary").click()
    expect(row.locator(".sheet")).to_contain_text("too long to show here")
    expect(row).not_to_contain_text("no event that the endpoint knows")


def test_a_list_that_is_rejected_in_part_says_so(shown: Page, pipeline: Pipeline) -> None:
    event_id = "JKJaXmPLvHcESHA"
    pipeline.request("", event_id=event_id, method="POST")
    pipeline.deliver(f"{event_id}-0", EventType="first")
    pipeline.journal.dead_lettered(
        event_id=event_id, reason="malformed", detail="1 of 2 events: so", body="v=1\nx"
    )
    row = shown.locator(".hit")
    row.locator("summary").click()
    expect(row.locator(".explanation")).to_contain_text("The other events of the list")


def test_who_opted_out_is_counted_once_somebody_did(shown: Page, pipeline: Pipeline) -> None:
    expect(counter(shown, "opted_out")).to_be_hidden()
    pipeline.request("event=e&endpoint_id=i", event_id="m-1", opted_out=True)
    expect(counter(shown, "opted_out")).to_have_text("1")
    names = {
        shown.locator(".counter:has([data-counter=opted_out]) dt").inner_text(),
        shown.locator("#status-filter option[value=opted_out]").inner_text(),
        shown.locator(".hit .status").inner_text(),
    }
    assert names == {"Opted out"}
    for width in (360, 768, 1280):
        shown.set_viewport_size({"width": width, "height": 740})
        assert shown.evaluate("document.documentElement.scrollWidth") == width


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


SENT = (
    "event=purchase&endpoint_id=ep-1&evat_cup=Espresso&evat_empty=&evmt_price=abc&evmt_n=3"
    "&usat_plan=gold&usat_city=Graz&usat_tags=undefined&utm_source=x&gtmcb=1&timestamp=2&evat_=1"
)
LEFT_OUT = {
    "evat_empty": "empty",
    "evmt_price": "not a number",
    "usat_city": "anonymous_user_attributes does not name it",
    "usat_tags": "a word that stands for a variable without a value",
    "utm_source": "not a parameter that the endpoint knows",
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


def deliver_together(pipeline: Pipeline, events: list[str], **user_attributes: list[str]) -> None:
    """Send events of one endpoint in one request, as the function does of one batch."""
    endpoint = {"User": {"UserAttributes": user_attributes}}
    entries = {each: {"EventType": "plan_changed", "Timestamp": TIME} for each in events}
    httpx.post(
        f"{pipeline.url}/v1/apps/local/events",
        json={"BatchItem": {"ep-1": {"Endpoint": endpoint, "Events": entries}}},
    )


def notes(row: Any, name: str) -> Any:
    return row.locator(f"tr:has(th:text-is('{name}')) .left-out")


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
        "Sent on as gold: a newer event of this endpoint in the same batch says so"
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
    expect(notes(row, "evat_note")).to_have_text(
        "Sent on cut to 200 characters, as many as the destination takes"
    )
    expect(notes(row, "evmt_n")).to_have_text(["Left out: it is repeated, and the last one counts"])
    expect(row.locator(".left-out")).to_have_count(2)


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
    expect(notes(row, "usat_plan")).to_contain_text("Sent on as gold, vip: a newer event")
    expect(row.locator(".sheet pre").first).to_contain_text("POST /events")
    expect(row.locator(".sheet pre").first).to_contain_text('"usat_plan": "bronze"')


# Several destinations ---------------------------------------------------------------------------

EVERYWHERE = [
    "Amazon Kinesis Data Streams",
    "Amazon Connect Customer Profiles",
    "Amazon Pinpoint",
]


@pytest.fixture
def fanned(endpoint: Endpoint) -> Iterator[Pipeline]:
    with console(endpoint.url, fanned_out=True) as pipeline:
        yield pipeline


@pytest.fixture
def fan(page: Page, fanned: Pipeline) -> Page:
    page.goto(fanned.url)
    expect(page.locator("#connection")).to_have_text("Live")
    return page


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
    expect(places.nth(1)).to_contain_text("The profile that resulted")
    expect(places.nth(1).locator("pre").nth(1)).to_contain_text('"plan": "gold"')
    assert fan.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_was_read_at_a_destination_is_shown(fan: Page, fanned: Pipeline) -> None:
    fanned.request("event=e&endpoint_id=ep-1", event_id="e-1")
    for number in range(2):
        fanned.journal.destination_has(
            "kinesis",
            Event("e-1", "ep-1", "e", {}, {}, (Exposition("In the stream", {"Copy": number}),)),
        )
    row = fan.locator(".hit")
    row.locator("> summary").click()
    there = row.locator(".place-details[data-kind=kinesis]")
    expect(there).to_contain_text("It is there 2 times.")
    expect(there.locator("h4")).to_have_text(["In the stream", "In the stream"])


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
    got = Exposition("Record", {inside: document} if inside else document)
    event = Event("e-1", "ep-1", "purchase", document, {}, (got,))
    fanned.journal.destination_answered(
        "kinesis", Answered(event, Outcome.DELIVERED, "200", "Accepted")
    )
    row = fan.locator(".hit")
    row.locator("> summary").click()
    expect_left_out(row)


def test_what_one_destination_got_otherwise_is_said_of_that_one(
    fan: Page, fanned: Pipeline
) -> None:
    query = "event=purchase&endpoint_id=ep-1&usat_plan=bronze&usat_city=Graz"
    fanned.request(query, event_id="e-1")
    document = record("e-1", user_attributes={"plan": ["bronze"]})
    event = Event("e-1", "ep-1", "purchase", document, {}, (Exposition("Record", document),))
    fanned.journal.destination_answered(
        "kinesis", Answered(event, Outcome.DELIVERED, "200", "Accepted")
    )
    put_profile_object(fanned, record("e-1", user_attributes={"plan": "gold"}))
    row = fan.locator(".hit")
    expect(row.locator(".status")).to_have_text("Delivered to 2 of 3")
    row.locator("> summary").click()
    expect(notes(row, "usat_plan")).to_contain_text("Customer Profiles: Sent on as gold")
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
