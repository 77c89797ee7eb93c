"""Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

CHROMIUM = Path("/usr/bin/chromium")
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


# Not for the session: while Playwright's synchronous API lasts, its event loop runs in this thread
# and asyncio.run() of the other directories' tests would fail.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Return the browser. Without one the tests are skipped; under ``CI=true`` they fail."""
    if not CHROMIUM.exists():
        missing = f"{CHROMIUM} is missing: apt-get install chromium"
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


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return a page of its own; an exception in one of its scripts fails the test."""
    with browser.new_context() as context:
        context.set_default_timeout(MOST_MILLISECONDS)
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        assert not errors
