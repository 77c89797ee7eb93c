"""Calculated attributes, segments and triggers, as the construct writes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from cdk_gtm_connector import (
    BeginsWith,
    CalculatedAttribute,
    Contains,
    CustomerProfilesDestination,
    EndsWith,
    EqualTo,
    Exclusive,
    GreaterThan,
    GreaterThanOrEqual,
    GtmConnector,
    Inclusive,
    LessThan,
    LessThanOrEqual,
    ProfileEventTrigger,
    Segment,
)
from local.destinations.customer_profiles import DomainBehavior, ObjectType, ProfilesServer
from local.destinations.customer_profiles.comparisons import Comparison
from tests.local.profile_objects import Clock, batch, event, failures, put, visitor, visitors

if TYPE_CHECKING:
    from collections.abc import Callable

CAMPAIGN = "arn:aws:connect-campaigns:eu-central-1:123456789012:campaign/abc"
SPENT = CalculatedAttribute("spent", event_type="purchase", metric="price", statistic="SUM", days=9)
STATISTICS = {
    "first": CalculatedAttribute("first", attribute="plan", statistic="FIRST_OCCURRENCE"),
    "last": CalculatedAttribute("last", attribute="plan", statistic="LAST_OCCURRENCE", days=30),
    "often": CalculatedAttribute("often", attribute="plan", statistic="MAX_OCCURRENCE"),
    "count": CalculatedAttribute("count", statistic="COUNT", days=30),
    "recent": CalculatedAttribute("recent", statistic="COUNT", days=5),
    "sum": CalculatedAttribute("sum", metric="price", statistic="SUM"),
    "newest_two": CalculatedAttribute(
        "newest_two", metric="price", statistic="SUM", object_count=2
    ),
    "least": CalculatedAttribute("least", metric="price", statistic="MINIMUM", days=30),
    "most": CalculatedAttribute("most", metric="price", statistic="MAXIMUM", days=30),
    "mean": CalculatedAttribute("mean", metric="price", statistic="AVERAGE", days=30),
    "enough": CalculatedAttribute(
        "enough", metric="price", statistic="SUM", threshold=GreaterThan(0.5)
    ),
    "too_much": CalculatedAttribute(
        "too_much", metric="price", statistic="SUM", threshold=GreaterThan(0.6)
    ),
    "not_gold": CalculatedAttribute(
        "not_gold", attribute="plan", statistic="LAST_OCCURRENCE", threshold=Exclusive(["gold"])
    ),
}


def served(clock: Clock, **props: Any) -> ProfilesServer:
    """Return a server of what the construct synthesizes."""
    stack = cdk.Stack(cdk.App(), "S", env=cdk.Environment(region="eu-central-1"))
    destination = CustomerProfilesDestination(
        domain_name="shop", create_domain=True, user_attributes={"plan": "Attributes.plan"}, **props
    )
    GtmConnector(stack, "Gtm", destination=destination)
    template = Template.from_stack(stack).to_json()
    return ProfilesServer(ObjectType.all_of(template), DomainBehavior.all_of(template), now=clock)


def put_event(server: ProfilesServer, clock: Clock, event_id: str, **changes: Any) -> None:
    """Put an event of now, or of ``days_ago``."""
    at = datetime.fromtimestamp(clock(), UTC) - timedelta(days=changes.pop("days_ago", 0))
    found = {**event(event_id), "timestamp": at.isoformat(), "access": "authenticated", **changes}
    assert failures(put(server, batch(found))) == {}


def calculated(server: ProfilesServer) -> dict[str, str | None]:
    """Return the calculated attributes of the one profile."""
    found = server.profile_of("ep-1")
    assert found is not None
    json.dumps(found)  # the console gets it as JSON
    return {it["name"]: it["value"] for it in found["calculated_attributes"]}


def verdict(server: ProfilesServer) -> tuple[bool, str]:
    """Return what the one trigger made of the newest event."""
    found = server.profile_of("ep-1")
    assert found is not None
    [trigger] = found["events"][0]["triggers"]
    return trigger["started"], trigger["why"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_every_statistic_is_computed_by_the_events_own_time(clock: Clock) -> None:
    server = served(clock, calculated_attributes=list(STATISTICS.values()))
    # They come in another order than they happened.
    put_event(server, clock, "m-2", days_ago=2, attributes={"plan": "b"}, metrics={"price": 0.2})
    put_event(server, clock, "m-1", days_ago=6, attributes={"plan": "a"}, metrics={"price": 0.1})
    put_event(server, clock, "m-4", attributes={"plan": "b"})
    put_event(server, clock, "m-3", days_ago=1, metrics={"price": 0.3})
    put_event(server, clock, "m-3", days_ago=1, metrics={"price": 0.3})  # a repetition

    assert calculated(server) == {
        "first": "b",  # without a range it is the time of arrival
        "last": "b",
        "often": "b",
        "count": "4",
        "recent": "3",
        "sum": "0.6",  # 0.1 + 0.2 + 0.3, which a float has not
        "newest_two": "0.4",
        "least": "0.1",
        "most": "0.3",
        "mean": "0.2",
        "enough": "true",
        "too_much": "false",
        "not_gold": "true",
    }
    clock.days += 4.5
    # m-1 and m-2 are over five days old by now.
    assert calculated(server)["recent"] == "1"
    clock.days += 100  # longer than events are kept
    assert {name for name, value in calculated(server).items() if value is not None} == {
        "count",
        "recent",
    }


def test_what_is_of_an_event_type_needs_its_field(clock: Clock) -> None:
    server = served(clock, calculated_attributes=[SPENT])
    put_event(server, clock, "m-1", metrics={"price": 7})
    assert calculated(server) == {"spent": None}
    put_event(server, clock, "m-2", metrics={"price": 7}, calculated={"spent": 7})
    assert calculated(server) == {"spent": "7"}


@pytest.mark.parametrize(
    ("comparison", "path", "fits", "not_fits"),
    [
        (GreaterThan(100), "metrics.price", 100.01, 100),
        (GreaterThanOrEqual(100), "metrics.price", 100, 99.99),
        (LessThan(0), "metrics.price", -1, 0),
        (LessThanOrEqual(0), "metrics.price", 0, 0.1),
        (EqualTo(1.5), "metrics.price", 1.50, 1.51),
        (Inclusive(["a", "b"]), "attributes.plan", "b", "B"),
        (Exclusive(["a", "b"]), "attributes.plan", "c", "a"),
        (Contains(["bc"]), "attributes.plan", "abcd", "ab"),
        (BeginsWith(["ab"]), "attributes.plan", "abc", "cab"),
        (EndsWith(["ab"]), "attributes.plan", "cab", "abc"),
    ],
)
def test_every_comparison_of_a_trigger(
    clock: Clock, comparison: Any, path: str, fits: Any, not_fits: Any
) -> None:
    member, name = path.split(".")
    server = served(
        clock, event_trigger=ProfileEventTrigger(event_type="page_view", where={path: comparison})
    )
    put_event(server, clock, "m-1", **{member: {name: not_fits}})
    started, why = verdict(server)
    assert not started
    assert f"is {not_fits}, it must be" in why
    put_event(server, clock, "m-2")  # without a value: not even Exclusive
    assert "has no value" in verdict(server)[1]
    put_event(server, clock, "m-3", **{member: {name: fits}})
    assert verdict(server) == (True, "nothing: no integration names it")


def test_every_comparison_of_the_library_is_known() -> None:
    kinds: list[Callable[..., Any]] = [
        *(GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual, EqualTo),
        *(Inclusive, Exclusive, Contains, BeginsWith, EndsWith),
    ]
    for kind in kinds:
        made = kind(1) if "Than" in kind.__name__ or kind is EqualTo else kind(["1"])
        assert Comparison.of("x", made.operator, list(made.texts)).operator == made.operator


def test_a_trigger_waits_for_its_segment(clock: Clock) -> None:
    segment = Segment(
        "big spenders",
        all_of={"CalculatedAttributes.spent": GreaterThan(100)},
        any_of={
            "Attributes.plan": Inclusive(["gold"]),
            "EmailAddress": EndsWith(["@shop.test"]),
        },
    )
    trigger = ProfileEventTrigger(
        event_type="cart", segment=segment, campaign_arn=CAMPAIGN, authenticated_only=True
    )
    server = served(clock, calculated_attributes=[SPENT], event_triggers=[trigger])
    put_event(server, clock, "m-1", calculated={"spent": 60}, event_type="purchase")
    assert verdict(server) == (False, "event_type is purchase, it must be one of cart")
    put_event(server, clock, "m-2", event_type="cart")
    assert "not in segment big spenders: CalculatedAttributes.spent is 60" in verdict(server)[1]
    put_event(server, clock, "m-3", calculated={"spent": "40.01"}, event_type="purchase")
    put_event(server, clock, "m-4", event_type="cart")
    assert "Attributes.plan has no value" in verdict(server)[1]
    put(server, visitors(visitor(plan="gold")))
    put_event(server, clock, "m-5", event_type="cart", access="anonymous")
    assert verdict(server) == (False, "access is anonymous, it must be one of authenticated")
    put_event(server, clock, "m-6", event_type="cart")
    assert verdict(server) == (True, CAMPAIGN)
    found = server.profile_of("ep-1")
    assert found is not None
    assert found["attributes"] == {"Attributes.plan": "gold"}
    assert found["segments"] == [{"name": "big spenders", "member": True, "why": ""}]
    assert found["objects"] == 7


def test_a_trigger_has_its_limits(clock: Clock) -> None:
    trigger = ProfileEventTrigger(
        event_type="page_view",
        max_invocations=2,
        period=cdk.Duration.days(7),
        expiration=cdk.Duration.hours(1),
    )
    server = served(clock, event_trigger=trigger)
    put_event(server, clock, "old", days_ago=0.5)
    assert verdict(server) == (False, "the event is 43,200 seconds old, but may be at most 3,600")
    for number, started in ((1, True), (1, True), (2, True), (3, False)):
        put_event(server, clock, f"m-{number}")  # the second is a repetition of the first
        assert verdict(server)[0] is started
    assert "started 2 times for the profile within 7 days" in verdict(server)[1]
    put_event(server, clock, "other", endpoint_id="ep-2")
    other = server.profile_of("ep-2")
    assert other is not None
    assert other["events"][0]["triggers"][0]["started"]
    clock.days += 7
    put_event(server, clock, "m-4")
    assert verdict(server)[0]


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("CalculatedAttributeDefinition", {"Statistic": "MEDIAN"}, "statistic must be one of"),
        (
            "CalculatedAttributeDefinition",
            {"AttributeDetails": {"Attributes": [{"Name": "a"}], "Expression": "{T.a}+{T.b}"}},
            "one field of one object type",
        ),
        ("SegmentDefinition", {"SegmentGroups": {"Groups": [{"SourceSegments": []}]}}, "groups of"),
        ("EventTrigger", {"EventTriggerConditions": []}, "supports one condition"),
    ],
)
def test_what_is_not_known_here_is_refused(kind: str, changes: dict[str, Any], words: str) -> None:
    properties = {
        "DomainName": "shop",
        "CalculatedAttributeName": "a",
        "SegmentDefinitionName": "s",
        "EventTriggerName": "t",
        "ObjectTypeName": "T",
        "Statistic": "COUNT",
        "AttributeDetails": {"Attributes": [{"Name": "a"}], "Expression": "{T.a}"},
        **changes,
    }
    resource = {"Type": f"AWS::CustomerProfiles::{kind}", "Properties": properties}
    with pytest.raises(ValueError, match=words):
        DomainBehavior.all_of({"Resources": {"R": resource}})
