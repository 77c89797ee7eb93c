"""The demo page as a file, and a visitor's actions on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import Page

DEMO: Final = (Path(__file__).parents[2] / "gtm" / "demo" / "index.html").as_uri()
GROUPS: Final = {"evat_": 0, "evmt_": 1, "usat_": 2}

HOSTILE: Final = [
    "it's",
    "'; touch pwned; '",
    '$(touch pwned) `touch pwned` $HOME \\ "!!"',
    "a&b=c#d%41%2541+e;f,{g}[h]?",
    "😀 購入 שלום \u202e",
    "\t tab and trailing space ",
    "</script><b>",
]


def fill(page: Page, *, url: str, event: str = "page_view", endpoint_id: str = "ep-1") -> None:
    page.get_by_label("Endpoint URL").fill(url)
    page.get_by_label("Event name").fill(event)
    page.get_by_label("Customer or visitor ID").fill(endpoint_id)


def add(page: Page, prefix: str, name: str, value: str) -> None:
    group = page.locator("fieldset").nth(GROUPS[prefix])
    group.locator(".add").click()
    group.locator(".name").last.fill(name)
    group.locator(".value").last.fill(value)


def submit(page: Page) -> None:
    page.locator("#send").click()
