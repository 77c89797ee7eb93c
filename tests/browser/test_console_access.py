"""The console page: who sends, with which token, and why a request is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Page, expect

from local.console.app import TokenRequest
from tests.browser.console import Pipeline, console, counter, open_console
from tests.browser.endpoint import TOKEN, Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def minted() -> list[TokenRequest]:
    return []


@pytest.fixture
def signing(page: Page, endpoint: Endpoint, minted: list[TokenRequest]) -> Iterator[Page]:
    """Return the page of a pipeline that has an authenticated route."""

    def mint(wanted: TokenRequest) -> str:
        if not wanted.subject.isascii():
            raise ValueError(f"subject must be another, got {wanted.subject!r}")
        minted.append(wanted)
        return "an.expired.token" if wanted.expired else TOKEN

    with console(
        endpoint.url, authenticated_endpoint_url=endpoint.authenticated_url, mint=mint
    ) as pipeline:
        open_console(page, pipeline)
        yield page


def send_test_event(page: Page) -> Any:
    page.locator("#endpoint").get_by_role("button", name="Send a test event").click()
    return page.locator("#endpoint .test-result")


def test_without_an_authenticated_route_there_is_no_choice(shown: Page) -> None:
    expect(shown.locator("#endpoint")).to_be_visible()
    expect(shown.locator("#access")).to_be_hidden()
    expect(shown.locator("#token-controls")).to_be_hidden()


def test_a_test_event_is_sent_anonymously_first(
    signing: Page, endpoint: Endpoint, minted: list[TokenRequest]
) -> None:
    expect(signing.get_by_label("Anonymous")).to_be_checked()
    expect(signing.locator("#token-controls")).to_be_hidden()
    expect(send_test_event(signing)).to_contain_text("Answered in")
    assert "token" not in dict(endpoint.parameters())
    assert minted == []
    expect(signing.locator("#signed")).to_be_hidden()


def test_a_test_event_is_sent_with_a_token(
    signing: Page, endpoint: Endpoint, minted: list[TokenRequest]
) -> None:
    signing.get_by_label("Authenticated").check()
    expect(signing.locator("#endpoint-url")).to_have_text(endpoint.authenticated_url)
    expect(signing.locator("#image-url")).to_have_text(
        endpoint.authenticated_url + "?event={{Event}}&endpoint_id={{endpoint_id}}&token={{token}}"
    )
    signing.get_by_label("Subject of the token").fill("user-7")
    signing.get_by_label("Endpoint ID in the token").fill("ep-7")
    expect(send_test_event(signing)).to_contain_text("Answered in")
    assert minted == [TokenRequest("user-7", "ep-7")]
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
    signing: Page, endpoint: Endpoint, minted: list[TokenRequest], subtests: pytest.Subtests
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
        (query, no_token, "", ["authenticated route", "Refused by the endpoint (401)", "no token"]),
        (signed, bad_token, "", ["authenticated", "(401)", "Unauthorized", "it has expired"]),
        (signed, forbidden, "", ["authenticated", "(403)", "but denies access"]),
        (query, {"event_id": "m-2"}, "origin", ["anonymous", "Rejected", "allowed_origins"]),
        (
            signed,
            {"event_id": "m-3", "path": authenticated},
            "foreign_endpoint",
            ["authenticated", "Rejected", "name different endpoint IDs"],
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
                "but denies access"
            ),
            "Unauthorized: the request has no token, and nothing else identifies the sender",
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
    expect(row.locator(".explanation")).to_contain_text("The queue did not accept the message")


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
    expect(row).not_to_contain_text("not a valid event")


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
