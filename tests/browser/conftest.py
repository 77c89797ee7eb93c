"""Fixtures for Debian's Chromium, which Playwright controls, and consoles for it to show."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import Browser, Error, Page, ViewportSize, expect, sync_playwright

from tests.browser.console import Pipeline, console, open_console
from tests.browser.endpoint import Endpoint, standing_in
from tests.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

# The first has no windows, and takes a third of the other's CPU time.
CHROMIUM = next(
    filter(Path.exists, map(Path, ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium"))), None
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP evil.test 127.0.0.1",  # a strange site, see test_strangers.py
]
MOST_MILLISECONDS = 1_000 * HANG_SECONDS
VIEWPORT: Final[ViewportSize] = {"width": 1280, "height": 720}


# Not a session fixture, because Playwright's synchronous API runs its event loop in this thread,
# where asyncio.run() in other directories' tests would fail.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Return the browser. Without one the tests are skipped, or fail with ``CI=true``."""
    if CHROMIUM is None:
        missing = "Chromium is missing: apt-get install chromium-headless-shell"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS, timeout=MOST_MILLISECONDS
        )
        expect.set_options(timeout=MOST_MILLISECONDS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def tab(browser: Browser) -> Iterator[Page]:
    """Return the page of all tests.

    A page of each test's own would be a process of its own, which compiles the same scripts again.
    """
    with browser.new_context(viewport=VIEWPORT) as context:
        context.set_default_timeout(MOST_MILLISECONDS)
        yield context.new_page()


@pytest.fixture
def page(tab: Page) -> Iterator[Page]:
    """Return an empty page as if it were new; an exception in one of its scripts fails the test."""
    errors: list[str] = []

    def note(error: Error) -> None:
        errors.append(str(error))

    tab.on("pageerror", note)
    yield tab
    tab.remove_listener("pageerror", note)
    clear(tab)
    assert not errors


def clear(page: Page) -> None:
    """Put back what a test may have changed of a page and its context."""
    for other in page.context.pages:
        if other is not page:
            other.close()
    page.goto("about:blank")  # ends its scripts and connections
    page.unroute_all()
    page.set_viewport_size(VIEWPORT)
    page.emulate_media(color_scheme="null")
    page.mouse.move(0, 0)  # nothing is under it
    page.context.clear_cookies()
    page.context.clear_permissions()
    page.context.set_extra_http_headers({})


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """Return a stand-in for the endpoint."""
    with standing_in() as endpoint:
        yield endpoint


@pytest.fixture
def pipeline(endpoint: Endpoint) -> Iterator[Pipeline]:
    """Return a console of one destination, Pinpoint."""
    with console(endpoint.url) as pipeline:
        yield pipeline


@pytest.fixture
def shown(page: Page, pipeline: Pipeline) -> Page:
    """Return the page of that console."""
    open_console(page, pipeline)
    return page


@pytest.fixture
def fanned(endpoint: Endpoint) -> Iterator[Pipeline]:
    """Return a console of several destinations."""
    with console(endpoint.url, fanned_out=True) as pipeline:
        yield pipeline


@pytest.fixture
def fan(page: Page, fanned: Pipeline) -> Page:
    """Return the page of that console."""
    open_console(page, fanned)
    return page
