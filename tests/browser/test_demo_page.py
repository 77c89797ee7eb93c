"""The demo page in a real browser, opened as a file: it needs no server of its own."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from cdk_gtm_connector.tokens import mint
from tests.browser.demo import DEMO, HOSTILE, add, fill, submit
from tests.browser.endpoint import TOKEN, Endpoint, standing_in
from tests.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with standing_in() as endpoint:
        yield endpoint


def curl_arguments(line: str, directory: Path) -> list[str]:
    """Return the arguments that a POSIX shell hands to curl for ``line``."""
    script = f"curl() {{ for word; do printf '%s\\0' \"$word\"; done; }}\n{line}\n"
    ran = subprocess.run(  # noqa: S603 - running it is the test
        ["/bin/sh", "-c", script],
        capture_output=True,
        check=True,
        cwd=directory,
        timeout=HANG_SECONDS,
    )
    assert not ran.stderr
    assert not list(directory.iterdir()), "a value was run as a command"
    return ran.stdout.decode().split("\0")[:-1]


@pytest.fixture
def demo(page: Page) -> Page:
    page.goto(DEMO)
    return page


# --- Sending -----------------------------------------------------------------------------------


def test_an_image_that_loads_is_success(demo: Page, endpoint: Endpoint) -> None:
    fill(demo, url=endpoint.url)
    add(demo, "evat_", "plan", "gold")
    add(demo, "evmt_", "price", "19.99")
    add(demo, "usat_", "tier", "a b")
    submit(demo)

    result = demo.locator("#results li")
    expect(result).to_have_attribute("data-state", "success")
    expect(result).to_contain_text("Tag succeeded")
    expect(result).to_contain_text(" ms")
    *sent, buster = endpoint.parameters()
    assert sent == [
        ("event", "page_view"),
        ("endpoint_id", "ep-1"),
        ("evat_plan", "gold"),
        ("evmt_price", "19.99"),
        ("usat_tier", "a b"),
    ]
    assert buster[0] == "gtmcb"
    assert buster[1].isdecimal()


def test_every_request_has_its_own_cache_buster(demo: Page, endpoint: Endpoint) -> None:
    fill(demo, url=endpoint.url)
    submit(demo)
    expect(demo.locator("#results [data-state=success]")).to_have_count(1)
    submit(demo)
    expect(demo.locator("#results [data-state=success]")).to_have_count(2)
    assert len(set(endpoint.queries)) == 2


def test_an_error_answer_is_failure(demo: Page, endpoint: Endpoint) -> None:
    fill(demo, url=endpoint.url, event="refused")
    submit(demo)
    expect(demo.locator("#results li")).to_have_attribute("data-state", "failure")
    expect(demo.locator("#results li")).to_contain_text("Tag failed")
    assert len(endpoint.queries) == 1


def test_an_endpoint_that_is_not_there_is_failure(demo: Page) -> None:
    fill(demo, url="http://127.0.0.1:9/events")
    submit(demo)
    expect(demo.locator("#results li")).to_have_attribute("data-state", "failure")


def test_every_character_arrives(
    demo: Page, endpoint: Endpoint, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    add(demo, "evat_", "", "")
    for number, value in enumerate(HOSTILE, start=1):
        with subtests.test(value):
            fill(demo, url=endpoint.url, event=value, endpoint_id=value)
            demo.locator(".row .name").fill(value)
            demo.locator(".row .value").fill(value)
            submit(demo)
            expect(demo.locator("#results [data-state=success]")).to_have_count(number)
            expected = [("event", value), ("endpoint_id", value), (f"evat_{value}", value)]
            assert endpoint.parameters()[:-1] == expected

            # The command line that is shown sends the same.
            *options, url = curl_arguments(demo.locator("#curl").inner_text(), tmp_path)
            assert options == ["--globoff", "--include"]
            assert url == demo.locator("#url").inner_text()
            assert parse_qsl(urlsplit(url).query, keep_blank_values=True) == expected


def test_the_command_line_holds_an_endpoint_with_a_quote(demo: Page, tmp_path: Path) -> None:
    fill(demo, url="http://127.0.0.1:9/it's/$HOME/events?x='1'")
    url = demo.locator("#url").inner_text()
    assert curl_arguments(demo.locator("#curl").inner_text(), tmp_path)[-1] == url
    assert url.startswith("http://127.0.0.1:9/it's/$HOME/events?x=%271%27&event=page_view")


def test_the_command_line_can_be_copied(demo: Page) -> None:
    demo.context.grant_permissions(["clipboard-read", "clipboard-write"])
    fill(demo, url="http://127.0.0.1:9/events")
    button = demo.locator("[data-copy=curl]")
    button.click()
    expect(button).to_have_text("Copied")
    assert demo.evaluate("navigator.clipboard.readText()") == demo.locator("#curl").inner_text()


# --- Tokens and forms --------------------------------------------------------------------------


def test_a_token_is_sent_and_hidden(demo: Page, endpoint: Endpoint, tmp_path: Path) -> None:
    demo.context.grant_permissions(["clipboard-read", "clipboard-write"])
    fill(demo, url=endpoint.authenticated_url)
    expect(demo.locator("#warnings")).to_contain_text("Without a token this endpoint refuses")
    submit(demo)
    expect(demo.locator("#results li")).to_have_attribute("data-state", "failure")

    demo.get_by_label("Signed token").fill(f"  {TOKEN} ")
    expect(demo.locator("#warnings")).to_be_empty()
    submit(demo)
    expect(demo.locator("#results li").first).to_have_attribute("data-state", "success")
    assert endpoint.parameters()[-1] == ("token", TOKEN)

    full = f"{endpoint.authenticated_url}?event=page_view&endpoint_id=ep-1&token={TOKEN}"
    assert TOKEN not in demo.locator("body").inner_text()
    expect(demo.locator("#url")).to_contain_text("&token=•••")
    demo.locator("[data-copy=curl]").click()
    expect(demo.locator("[data-copy=curl]")).to_have_text("Copied")
    copied = demo.evaluate("navigator.clipboard.readText()")
    assert curl_arguments(copied, tmp_path) == ["--globoff", "--include", full]

    demo.get_by_role("button", name="Show token").click()
    expect(demo.locator("#url")).to_have_text(full)
    assert demo.locator("#curl").inner_text() == copied
    demo.get_by_role("button", name="Hide token").click()
    expect(demo.locator("#url")).not_to_contain_text(TOKEN)


def test_a_faulty_token_is_refused(demo: Page, subtests: pytest.Subtests) -> None:
    fill(demo, url="http://127.0.0.1:9/events")
    for token, words in {
        "eyJ hbG": "has no spaces",
        "x" * 4_097: "4,097 characters; the endpoint accepts at most 4,096",
    }.items():
        with subtests.test(words):
            demo.get_by_label("Signed token").fill(token)
            submit(demo)
            expect(demo.locator("#token-error")).to_contain_text(words)
            expect(demo.locator("#results li")).to_have_count(0)
    fill(demo, url="http://127.0.0.1:9/events?token=x")
    submit(demo)
    expect(demo.locator("#endpoint-error")).to_contain_text("Leave out the parameters")


def test_a_token_that_helps_nothing_is_a_warning(demo: Page) -> None:
    warnings = demo.locator("#warnings")
    fill(demo, url="http://127.0.0.1:9/events")
    demo.get_by_label("Signed token").fill(TOKEN)
    expect(warnings).to_contain_text("Only …/events/authenticated reads a token")
    secret = "s" * 32
    past = datetime.now(UTC) - timedelta(hours=1)
    fill(demo, url="http://127.0.0.1:9/events/authenticated")
    demo.get_by_label("Signed token").fill(mint(secret, subject="é?>", now=past))
    expect(warnings).to_have_text("The token has expired.")
    demo.get_by_label("Signed token").fill(mint(secret, subject="é?>"))
    expect(warnings).to_be_empty()
    for odd in ("a.b.c", "a.bnVsbA.c", "opaque"):  # bnVsbA is null
        demo.get_by_label("Signed token").fill(odd)
        expect(warnings).to_be_empty()


def test_a_form_is_posted_with_fetch(
    demo: Page, endpoint: Endpoint, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    demo.get_by_label("Sent as").select_option("fetch")
    add(demo, "evat_", "", "")
    for number, value in enumerate(HOSTILE[1:5], start=1):
        with subtests.test(value):
            fill(demo, url=f"{endpoint.url}?x=1", event=value, endpoint_id=value)
            demo.locator(".row .name").fill(value)
            demo.locator(".row .value").fill(value)
            submit(demo)
            expect(demo.locator("#results [data-state=success]")).to_have_count(number)
            expect(demo.locator("#results li").first).to_contain_text("Answered 204")
            content_type, body = endpoint.bodies[-1]
            assert content_type.startswith("application/x-www-form-urlencoded")
            expected = [("event", value), ("endpoint_id", value), (f"evat_{value}", value)]
            assert parse_qsl(body, keep_blank_values=True) == expected
            assert endpoint.queries[-1] == "x=1"

            *options, body, url = curl_arguments(demo.locator("#curl").inner_text(), tmp_path)
            assert options == ["--globoff", "--include", "--data-raw"]
            assert parse_qsl(body, keep_blank_values=True) == expected
            assert url == f"{endpoint.url}?x=1"


def test_a_form_that_is_refused_is_failure(demo: Page, endpoint: Endpoint) -> None:
    demo.get_by_label("Sent as").select_option("fetch")
    fill(demo, url=endpoint.authenticated_url)
    demo.get_by_label("Signed token").fill("another")
    submit(demo)
    expect(demo.locator("#results li").first).to_contain_text("Answered 401")
    expect(demo.locator("#results li").first).to_contain_text("Unauthorized")
    # The stand-in's 400 has no CORS header: the page must not take it for an answer.
    fill(demo, url=endpoint.url, event="refused")
    submit(demo)
    expect(demo.locator("#results li").first).to_contain_text("No readable answer")
    expect(demo.locator("#results [data-state=failure]")).to_have_count(2)


def test_a_form_is_posted_with_a_beacon(demo: Page, endpoint: Endpoint) -> None:
    demo.get_by_label("Sent as").select_option("beacon")
    fill(demo, url=endpoint.authenticated_url)
    demo.get_by_label("Signed token").fill(TOKEN)
    add(demo, "usat_", "plan", "gold & more")
    with demo.expect_response(lambda response: response.request.method == "POST") as answered:
        submit(demo)
    assert answered.value.status == 204
    expect(demo.locator("#results li")).to_contain_text("Handed to the browser")
    assert endpoint.parameters() == [("token", TOKEN)]
    assert ("usat_plan", "gold & more") in parse_qsl(endpoint.bodies[-1][1])

    demo.locator(".row .value").fill("x" * 66_000)
    expect(demo.locator("#warnings")).to_contain_text("sendBeacon accepts 65,536")
    submit(demo)
    expect(demo.locator("#results li").first).to_contain_text("Refused by the browser")


# --- Validation --------------------------------------------------------------------------------


def errors(page: Page) -> list[str]:
    return [error for error in page.locator("form .error:visible").all_inner_texts() if error]


def test_the_empty_form_says_what_is_missing(demo: Page) -> None:
    submit(demo)
    assert [error.split()[0] for error in errors(demo)] == ["Enter", "Enter", "Enter"]
    expect(demo.locator("#form-message")).to_have_text("Not sent: 3 fields need a correction.")
    expect(demo.get_by_label("Endpoint URL")).to_be_focused()
    expect(demo.get_by_label("Endpoint URL")).to_have_attribute("aria-invalid", "true")
    expect(demo.locator("#results li")).to_have_count(0)

    # A fault that is mended disappears; the others stay.
    demo.get_by_label("Event name").fill("page_view")
    expect(demo.locator("#event-error")).to_be_hidden()
    expect(demo.locator("#endpoint-error")).to_be_visible()


def test_a_malformed_endpoint_is_refused(demo: Page, subtests: pytest.Subtests) -> None:
    for url, words in {
        "events": "not a URL",
        "http://": "not a URL",
        "ftp://example.com/events": "must begin with https://",
        "javascript:alert(1)": "must begin with https://",
        "https://user:word@example.com/events": "user name and password",
        "https://example.com/events?event={{Event}}&endpoint_id=1": "Leave out the parameters",
    }.items():
        with subtests.test(url):
            fill(demo, url=url)
            submit(demo)
            expect(demo.locator("#endpoint-error")).to_contain_text(words)
            expect(demo.locator("#request")).to_be_hidden()
            expect(demo.locator("#results li")).to_have_count(0)


def test_a_faulty_row_is_refused(demo: Page, subtests: pytest.Subtests) -> None:
    fill(demo, url="http://127.0.0.1:9/events")
    for prefix, name, value, words in [
        ("evat_", "", "gold", "Give the attribute a name"),
        ("evat_", "plan", "", "Enter a value"),
        ("evmt_", "price", "19,99", "must be a number"),
        ("evmt_", "price", "0x10", "must be a number"),
        ("evmt_", "price", "1e999", "must be a number"),
        ("evmt_", "price", "Infinity", "must be a number"),
        ("usat_", "", "", "Give the user attribute a name"),
    ]:
        with subtests.test(f"{prefix}{name}={value}"):
            add(demo, prefix, name, value)
            submit(demo)
            expect(demo.locator(".row .error")).to_contain_text(words)
            expect(demo.locator("#results li")).to_have_count(0)
        demo.locator(".row .remove").click()
    submit(demo)
    expect(demo.locator("#results li")).to_have_count(1)


def test_a_name_given_twice_is_refused(demo: Page) -> None:
    fill(demo, url="http://127.0.0.1:9/events")
    add(demo, "evat_", "plan", "gold")
    add(demo, "evmt_", "plan", "1")
    add(demo, "evat_", "plan", "silver")
    submit(demo)
    assert errors(demo)[0].startswith("There is another attribute with this name")
    assert len(errors(demo)) == 1
    expect(demo.locator("#form-message")).to_have_text("Not sent: one field needs a correction.")


def test_numbers_are_accepted(demo: Page, endpoint: Endpoint, subtests: pytest.Subtests) -> None:
    fill(demo, url=endpoint.url)
    name = "😀" * 50
    add(demo, "evmt_", name, "")
    for number, value in enumerate(["1", "-1.5", "+.5", "1.", "1e3", "19.99"], start=1):
        with subtests.test(value):
            demo.locator(".row .value").fill(value)
            submit(demo)
            expect(demo.locator("#results [data-state=success]")).to_have_count(number)
            assert (f"evmt_{name}", value) in endpoint.parameters()


def test_what_will_be_cut_or_refused_later_is_a_warning(demo: Page) -> None:
    fill(demo, url="http://127.0.0.1:9/events", event="_session.start")
    warnings = demo.locator("#warnings")
    expect(warnings).to_contain_text("reserved for Pinpoint")
    add(demo, "evat_", "note", "x" * 201)
    expect(warnings).to_contain_text(
        "Pinpoint, if events go there, will get the value of “note” cut to 200 characters"
    )
    add(demo, "usat_", "tier", "x" * 101)
    expect(warnings).to_contain_text(
        "Pinpoint, if events go there, will get the value of “tier” cut to 100 characters"
    )
    add(demo, "evmt_", "n" * 51, "1")
    expect(warnings).to_contain_text("it accepts names of up to 50 characters")
    expect(warnings).not_to_contain_text("8,000")
    add(demo, "evat_", "long", "é" * 1_300)
    expect(warnings).to_contain_text("Over 8,000 proxies and browsers may refuse it")


# --- Through Google Tag Manager ----------------------------------------------------------------


def test_a_malformed_container_id_is_refused(demo: Page, subtests: pytest.Subtests) -> None:
    fill(demo, url="http://127.0.0.1:9/events")
    for container in ["GTM-", "GTM-ABC", "gtm-abcd123", "UA-12345", "GTM-AB'D12"]:
        with subtests.test(container):
            demo.get_by_label("GTM container ID").fill(container)
            submit(demo)
            expect(demo.locator("#container-error")).to_contain_text("GTM- and 4 to 10 capital")
            expect(demo.locator("#results li")).to_have_count(0)


def test_offline_a_container_that_cannot_be_loaded_is_named(demo: Page, endpoint: Endpoint) -> None:
    demo.route("https://www.googletagmanager.com/**", lambda route: route.abort())
    fill(demo, url=endpoint.url)
    demo.get_by_label("GTM container ID").fill("GTM-ABC1234")
    submit(demo)

    result = demo.locator("#results li")
    expect(result).to_have_attribute("data-state", "failure")
    expect(result).to_contain_text("Container not loaded")
    expect(result).to_contain_text("GTM-ABC1234 could not be loaded")
    assert endpoint.queries == []
    pushed = demo.evaluate("window.dataLayer.map(({event}) => event)")
    assert pushed == ["gtm.js"]


def test_a_loaded_container_gets_the_event_in_its_data_layer(demo: Page) -> None:
    loaded: list[str] = []

    def serve(route: Route) -> None:
        loaded.append(route.request.url)
        route.fulfill(content_type="text/javascript", body="window.containerRan = true;")

    demo.route("https://www.googletagmanager.com/**", serve)
    # The container's own tag has the URL: the page does not ask for it.
    fill(demo, url="")
    add(demo, "evat_", "plan", "it's gold")
    add(demo, "evmt_", "price", "19.99")
    demo.get_by_label("Signed token").fill(TOKEN)
    demo.get_by_label("GTM container ID").fill("GTM-ABC1234")
    expect(demo.get_by_label("Sent as")).to_be_disabled()
    expect(demo.locator("#send")).to_have_text("Push event to GTM")
    submit(demo)

    expect(demo.locator("#results li").first).to_contain_text("Pushed to dataLayer")
    assert loaded == ["https://www.googletagmanager.com/gtm.js?id=GTM-ABC1234"]
    assert demo.evaluate("window.containerRan") is True
    assert demo.evaluate("window.dataLayer.at(-1)") == {
        "event": "page_view",
        "endpoint_id": "ep-1",
        "plan": "it's gold",
        "price": 19.99,
        "token": TOKEN,
    }

    # GTM remembers keys from push to push: those of the first event must not join the second.
    for remove in demo.locator(".row .remove").all()[::-1]:
        remove.click()
    submit(demo)
    expect(demo.locator("#results [data-state=success]")).to_have_count(2)
    assert len(loaded) == 1
    second = "window.dataLayer.at(-1)"
    assert demo.evaluate(f"'plan' in {second} && {second}.plan === undefined") is True
