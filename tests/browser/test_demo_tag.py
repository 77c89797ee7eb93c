"""The tag that the demo page writes, and the page as one that people read and use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.demo import DEMO, GROUPS, HOSTILE, add, fill, submit
from tests.browser.endpoint import TOKEN, Endpoint, standing_in

if TYPE_CHECKING:
    from collections.abc import Iterator

# Every text that is shown, and how far its color is from what is behind it where that is under
# WCAG's 4.5 to 1.
CONTRASTS: Final = """() => {
  const rgb = (color) => color.match(/[0-9.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) =>
    v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const color = rgb(getComputedStyle(element).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  return [...document.body.querySelectorAll("*")].filter((element) =>
    element.checkVisibility() && !element.matches("option, template, svg *") &&
    [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((element) => {
      const [a, b] = [rgb(getComputedStyle(element).color), behind(element)].map(light);
      return [element.textContent.trim(), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
    })
    .filter(([, ratio]) => ratio < 4.5);
}"""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with standing_in() as endpoint:
        yield endpoint


@pytest.fixture
def demo(page: Page) -> Page:
    page.goto(DEMO)
    return page


# --- The tag that it writes --------------------------------------------------------------------


def test_the_tag_needs_the_endpoint_alone(demo: Page) -> None:
    expect(demo.locator("#tag")).to_be_hidden()
    demo.get_by_label("Endpoint URL").fill("ftp://example.com/events")
    expect(demo.locator("#tag")).to_be_hidden()
    demo.get_by_label("Endpoint URL").fill(" https://example.com/events ")
    expect(demo.locator("#gtm")).to_have_text(
        "https://example.com/events?event={{Event}}&endpoint_id={{endpoint_id}}"
    )
    expect(demo.locator("#gtm-variables")).to_have_text("{{endpoint_id}}")


def test_the_tag_has_a_variable_for_each_name_and_no_value(demo: Page) -> None:
    demo.context.grant_permissions(["clipboard-read", "clipboard-write"])
    fill(demo, url="https://example.com/events/authenticated?x=1#top")
    add(demo, "evat_", "page & more", "a secret value")
    add(demo, "evat_", "", "nameless")
    add(demo, "evmt_", "price", "19.99")
    add(demo, "usat_", "plan}}", "gold")
    demo.get_by_label("Signed token").fill(TOKEN)
    demo.get_by_label("Sent as").select_option("beacon")  # a tag is an image all the same
    button = demo.locator("[data-copy=gtm]")
    button.click()
    expect(button).to_have_text("Copied")
    assert demo.evaluate("navigator.clipboard.readText()") == (
        "https://example.com/events/authenticated?x=1&event={{Event}}&endpoint_id={{endpoint_id}}"
        "&evat_page%20%26%20more={{page & more}}&evmt_price={{price}}&usat_plan%7D%7D={{plan__}}"
        "&token={{token}}"
    )
    expect(demo.locator("#gtm-variables")).to_have_text(
        "{{endpoint_id}}, {{page & more}}, {{price}}, {{plan__}}, {{token}}"
    )


def test_a_marketer_is_told_which_url_to_paste_and_where_it_works(demo: Page) -> None:
    fill(demo, url="http://127.0.0.1:8000/events")
    expect(demo.locator("#local-address")).to_be_visible()
    expect(demo.locator("#url-title")).to_have_text("URL with these values")
    expect(demo.locator("#tag")).to_contain_text("Consent Settings")
    fill(demo, url="https://example.com/events")
    expect(demo.locator("#local-address")).to_be_hidden()


def test_a_name_that_is_not_clear_keeps_its_prefix(demo: Page) -> None:
    fill(demo, url="https://example.com/events")
    add(demo, "evat_", "plan", "a")
    add(demo, "usat_", "plan", "b")
    add(demo, "evat_", "event", "c")
    add(demo, "evat_", "event", "given twice while one types")
    expect(demo.locator("#gtm")).to_have_text(
        "https://example.com/events?event={{Event}}&endpoint_id={{endpoint_id}}"
        "&evat_plan={{evat_plan}}&evat_event={{evat_event}}&usat_plan={{usat_plan}}"
    )


def test_the_tag_gets_through_its_container_what_the_page_pushes(
    demo: Page, endpoint: Endpoint
) -> None:
    """A container with this very tag: each variable is the data layer's key of its name."""
    demo.route(
        "https://www.googletagmanager.com/**",
        lambda route: route.fulfill(content_type="text/javascript", body=""),
    )
    fill(demo, url=endpoint.url, event="buy & sell", endpoint_id="cust 1")
    add(demo, "evat_", "plan", HOSTILE[3])
    add(demo, "usat_", "plan", "b")
    add(demo, "evmt_", "price", "19.99")
    demo.get_by_label("GTM container ID").fill("GTM-ABC1234")
    submit(demo)
    expect(demo.locator("#results li")).to_have_attribute("data-state", "success")
    demo.evaluate(
        """() => new Promise((resolve, reject) => {
          const pushed = window.dataLayer.at(-1);
          const image = new Image(1, 1);
          image.onload = resolve;
          image.onerror = reject;
          image.src = document.getElementById("gtm").textContent.replace(/{{(.+?)}}/g, (_, name) =>
            encodeURIComponent(String(pushed[name === "Event" ? "event" : name])));
        })"""
    )
    assert endpoint.parameters() == [
        ("event", "buy & sell"),
        ("endpoint_id", "cust 1"),
        ("evat_plan", HOSTILE[3]),
        ("evmt_price", "19.99"),
        ("usat_plan", "b"),
    ]


# --- The page itself ---------------------------------------------------------------------------


def test_what_happened_is_said_beside_the_button(demo: Page, endpoint: Endpoint) -> None:
    message = demo.get_by_role("status").and_(demo.locator("#form-message"))
    fill(demo, url=endpoint.url)
    submit(demo)
    expect(message).to_contain_text("Tag succeeded. The endpoint answered with its image")
    fill(demo, url=endpoint.url, event="refused")
    submit(demo)
    expect(message).to_contain_text("Tag failed.")
    expect(message).to_have_attribute("data-state", "failure")


def test_it_has_one_primary_action(demo: Page) -> None:
    expect(demo.locator("button.primary")).to_have_count(1)
    expect(demo.get_by_role("button", name="Send event")).to_have_class("primary")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_legible_in_both_themes_and_widths(
    demo: Page, endpoint: Endpoint, width: int, scheme: Literal["light", "dark"]
) -> None:
    demo.set_viewport_size({"width": width, "height": 900})
    demo.emulate_media(color_scheme=scheme)
    fill(demo, url=endpoint.url)
    add(demo, "evat_", "plan", "gold")
    submit(demo)
    expect(demo.locator("#results li")).to_have_attribute("data-state", "success")
    assert demo.evaluate("document.documentElement.scrollWidth") == width
    assert demo.evaluate(CONTRASTS) == []


def test_it_can_be_used_with_the_keyboard_alone(demo: Page, endpoint: Endpoint) -> None:
    demo.keyboard.press("Tab")
    expect(demo.get_by_text("Skip to the form")).to_be_focused()
    demo.keyboard.press("Tab")
    for text in (endpoint.url, "page_view", "ep-1"):
        demo.keyboard.type(text)
        demo.keyboard.press("Tab")
    expect(demo.get_by_role("button", name="Add attribute")).to_be_focused()
    demo.keyboard.press("Enter")
    demo.keyboard.type("plan")
    demo.keyboard.press("Tab")
    demo.keyboard.type("gold")
    demo.keyboard.press("Enter")
    expect(demo.locator("#results li")).to_have_attribute("data-state", "success")
    assert ("evat_plan", "gold") in endpoint.parameters()


def test_the_endpoint_is_preset_by_the_address(page: Page) -> None:
    url = "https://x.execute-api.eu-west-1.amazonaws.com/Api-PinpointEvents/events"
    page.goto(f"{DEMO}?endpoint={quote(url, safe='')}")
    expect(page.get_by_label("Endpoint URL")).to_have_value(url)


def test_it_fits_a_phone(demo: Page) -> None:
    demo.set_viewport_size({"width": 360, "height": 740})
    fill(demo, url="http://127.0.0.1:9/" + "x" * 300)
    add(demo, "evat_", "n" * 50, "v" * 300)
    submit(demo)
    expect(demo.locator("#results li")).to_have_count(1)
    assert demo.evaluate("document.documentElement.scrollWidth") == 360


def test_every_field_has_a_label(demo: Page) -> None:
    for prefix in GROUPS:
        add(demo, prefix, "a", "1")
    unlabelled = (
        "[...document.querySelectorAll('input, select')].filter(i => !i.labels.length).length"
    )
    assert demo.evaluate(unlabelled) == 0


def test_an_address_as_id_is_warned_of(demo: Page) -> None:
    warning = demo.locator("#address-as-id")
    demo.get_by_label("Customer or visitor ID").fill("customer-42")
    expect(warning).to_be_hidden()
    demo.get_by_label("Customer or visitor ID").fill("ana@example.com")
    expect(warning).to_be_visible()
