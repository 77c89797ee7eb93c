"""A visitor's profile on the console page: what it has, and why a trigger did not start."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import aws_cdk as cdk
import httpx
import pytest
from aws_cdk.assertions import Template
from playwright.sync_api import Page, expect

from cdk_gtm_connector import (
    CalculatedAttribute,
    CustomerProfilesDestination,
    GreaterThan,
    GtmConnector,
    ProfileEventTrigger,
    Segment,
)
from local.console.app import create_app
from local.console.journal import Journal
from local.destinations.customer_profiles import DomainBehavior, ObjectType, ProfilesServer
from local.serve import serving
from tests.browser.console import rules
from tests.local.profile_objects import PATH, batch, event, visitor, visitors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOSTILE = "<img src=x onerror=alert(1)>"


def template() -> Mapping[str, Any]:
    """Return what the construct synthesizes for a shop."""
    stack = cdk.Stack(cdk.App(), "S", env=cdk.Environment(region="eu-central-1"))
    spent = CalculatedAttribute("spent_90_days", metric="price", statistic="SUM", days=90)
    destination = CustomerProfilesDestination(
        domain_name="shop",
        create_domain=True,
        user_attributes={"plan": "Attributes.plan"},
        calculated_attributes=[spent],
        event_trigger=ProfileEventTrigger(
            event_type="cart",
            segment=Segment(
                "big spenders", all_of={"CalculatedAttributes.spent_90_days": GreaterThan(100)}
            ),
        ),
    )
    GtmConnector(stack, "Gtm", destination=destination)
    return Template.from_stack(stack).to_json()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    found = template()
    journal = Journal()
    server = ProfilesServer(
        ObjectType.all_of(found), DomainBehavior.all_of(found), observer=journal
    )
    journal.destinations_known({server.kind: server.title}, {server.kind: rules(server.kind)})
    with serving(create_app(journal, [server], endpoint_url="http://127.0.0.1:9/events")) as url:
        yield url


def put_cart(url: str, event_id: str, price: float, endpoint_id: str) -> None:
    """Put a cart with a price, as the function does."""
    cart = event(event_id, endpoint_id) | {
        "event_type": "cart",
        "access": "authenticated",
        "timestamp": datetime.now(UTC).isoformat(),
        "metrics": {"price": price},
    }
    assert httpx.put(f"{url}{PATH}", json=batch(cart)).json()["Failed"] == []


def show(page: Page, url: str, endpoint_id: str) -> None:
    """Ask for a profile with the keyboard alone."""
    page.goto(url)
    expect(page.locator("#profile")).to_be_visible()
    page.get_by_label("Endpoint ID").first.focus()
    page.keyboard.type(endpoint_id)
    page.keyboard.press("Enter")


def test_it_shows_what_a_journey_would_go_by(page: Page, url: str) -> None:
    httpx.put(f"{url}{PATH}", json=visitors(visitor("ep-1", plan=HOSTILE)))
    put_cart(url, "m-1", 60.1, "ep-1")
    show(page, url, "ep-1")
    profile = page.locator("#profile-parts")
    expect(profile).to_contain_text(HOSTILE)
    expect(profile).to_contain_text("60.1")
    expect(profile).to_contain_text("SUM of metric_price of 90 days")
    expect(profile).to_contain_text("cart not started")
    expect(profile).to_contain_text("CalculatedAttributes.spent_90_days is 60.1, it must be above")
    # It follows what comes in.
    put_cart(url, "m-2", 40.2, "ep-1")
    expect(profile).to_contain_text("100.3")
    expect(profile).to_contain_text("cart started")
    expect(profile).to_contain_text("nothing: no integration names it")
    expect(profile.locator(".pill", has_text="in it").first).to_have_text("in it")
    expect(page.locator("#profile-words")).to_contain_text("holds 3 objects")


def test_it_says_that_there_is_no_profile_yet(page: Page, url: str) -> None:
    show(page, url, "nobody")
    expect(page.locator("#profile-words")).to_contain_text("No profile of nobody yet")
    put_cart(url, "m-9", 1, "nobody")
    expect(page.locator("#profile-parts")).to_contain_text("cart not started")


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(
    page: Page, url: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    long = "x" * 200
    put_cart(url, f"m-{width}-{scheme}", 1, long)
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    show(page, url, long)
    expect(page.locator("#profile-parts")).to_contain_text("cart not started")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink, ground = (
        page.evaluate(f"getComputedStyle(document.querySelector('#profile')).{name}")
        for name in ("color", "backgroundColor")
    )
    assert ink != ground
