#!/usr/bin/env python3
"""Draw the pictures of the console and the demo page: ``make screenshots``.

Runs the pipeline on this machine and uses both pages in Chromium, as the browser tests do. The
pictures go to ``docs/images/``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from playwright.sync_api import expect, sync_playwright

from local.pipeline.running import running
from tests.browser.conftest import ARGUMENTS, CHROMIUM, MOST_MILLISECONDS
from tests.browser.demo import add, fill, submit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"
WIDE: Final = (1280, 880)
NARROW: Final = (390, 844)
CONTEXT: Final = {
    "destination": "customer-profiles,firehose",
    "customer_profiles_attributes": "plan",
    "anonymous_user_attributes": "plan",
    "max_batching_window": "1",
}
# A URL as on AWS, because a run's local URL changes each time.
SHOWN_URL: Final = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"


def _show_an_address_of_aws(page: Page, endpoint_url: str) -> None:
    """Replace the local URL with one as on AWS, in texts and fields."""
    origin = endpoint_url.partition("/Api-PinpointEvents")[0]
    page.evaluate(
        """([from, to]) => {
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) {
            walker.currentNode.data = walker.currentNode.data.replaceAll(from, to);
          }
          for (const input of document.querySelectorAll("input")) {
            input.value = input.value.replaceAll(from, to);
          }
          document.getElementById("local-address")?.toggleAttribute("hidden", true);
        }""",
        [origin, SHOWN_URL],
    )


def _demo(page: Page, url: str, endpoint_url: str) -> None:
    """Fill in the demo page and send its event."""
    page.goto(f"{url}demo/")
    fill(page, url=endpoint_url, event="purchase", endpoint_id="customer-42")
    add(page, "evat_", "page", "/cart")
    add(page, "evmt_", "price", "19.99")
    add(page, "usat_", "plan", "gold")
    submit(page)
    expect(page.locator("#results [data-state=success]")).to_have_count(1)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")


def _draw(
    browser: Browser,
    size: tuple[int, int],
    scheme: Literal["light", "dark"],
    url: str,
    endpoint_url: str,
) -> None:
    width, height = size
    ending = ("" if size == WIDE else "-narrow") + ("" if scheme == "light" else "-dark")
    with browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    ) as context:
        context.set_default_timeout(MOST_MILLISECONDS)
        page = context.new_page()
        _demo(page, url, endpoint_url)
        _show_an_address_of_aws(page, endpoint_url)
        if size == NARROW:
            # The top is as in the wide picture, so show the button, its message, and the tag.
            page.locator("#send").evaluate("button => scrollTo(0, button.offsetTop - 100)")
        page.screenshot(path=IMAGES / f"demo{ending}.png")
        if not ending:
            page.locator("#tag").screenshot(path=IMAGES / "demo-tag.png")
        page.goto(url)
        row = page.locator(".hit", has_text="purchase").first
        expect(row).to_contain_text("Delivered")
        expect(page.locator("#counters")).to_contain_text(re.compile(r"Waiting in queues\s*0"))
        row.locator("summary").first.click()
        expect(row.locator(".sheet").first).to_be_visible()
        _show_an_address_of_aws(page, endpoint_url)
        page.screenshot(path=IMAGES / f"console{ending}.png")


def main() -> None:
    """Draw each page in both widths and both themes."""
    expect.set_options(timeout=MOST_MILLISECONDS)
    with running(context=CONTEXT) as pipeline, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for size in (WIDE, NARROW):
            for scheme in ("light", "dark"):
                _draw(browser, size, scheme, pipeline.console_url, pipeline.endpoint_url)
        browser.close()


if __name__ == "__main__":
    main()
