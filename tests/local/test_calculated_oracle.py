"""Calculated attributes of the stand-in at their edges, against values computed by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from local.destinations.customer_profiles.calculated import CalculatedAttribute
from local.destinations.customer_profiles.objects import Profile, StoredObject
from local.destinations.customer_profiles.triggers import Trigger

NOW = datetime(2026, 11, 27, tzinfo=UTC)
DAY = timedelta(days=1)
MOMENT = timedelta(milliseconds=1)


def stored(value: str, at: datetime) -> StoredObject:
    """Return an object whose field ``f`` is ``value``, and which has just come in."""
    put = NOW.timestamp()
    return StoredObject("T", {"timestamp": at.isoformat()}, {"f": value}, put, put + 1)


def value(statistic: str, *objects: tuple[str, datetime]) -> str | None:
    """Return what a statistic over five days makes of objects, in their order of arrival."""
    held = {("T", str(n)): stored(*each) for n, each in enumerate(objects)}
    attribute = CalculatedAttribute("shop", "a", "T", "f", statistic, days=5, time=("timestamp",))
    return attribute.value(Profile("p", stored=held), NOW.timestamp())


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("FIRST_OCCURRENCE", "7"),
        ("LAST_OCCURRENCE", "-2"),
        ("COUNT", "4"),
        ("SUM", "12.5"),
        ("MINIMUM", "-2"),
        ("MAXIMUM", "7"),
        ("AVERAGE", "3.125"),
        ("MAX_OCCURRENCE", "-2"),  # each is there once, and this is the newest
    ],
)
def test_each_statistic(statistic: str, expected: str) -> None:
    ages = (("0.5", 2), ("7", 4), ("-2", 1), ("7.0", 3))
    assert value(statistic, *((text, NOW - age * DAY) for text, age in ages)) == expected


def test_of_two_most_frequent_values_the_newest() -> None:
    ages = (("old", 4), ("old", 3), ("new", 2), ("new", 1))
    objects = [(text, NOW - age * DAY) for text, age in ages]
    assert value("MAX_OCCURRENCE", *objects) == "new"


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        (NOW - 5 * DAY, True),
        (NOW - 5 * DAY - MOMENT, False),
        (NOW, True),
        (NOW + MOMENT, False),
    ],
)
def test_the_range_has_both_its_ends(at: datetime, *, counts: bool) -> None:
    assert value("COUNT", ("1", at)) == str(int(counts))


@pytest.mark.parametrize(("age", "started"), [(60 * 60, True), (60 * 60 + 1, False)])
def test_an_event_exactly_as_old_as_it_may_be_starts_something(age: int, *, started: bool) -> None:
    trigger = Trigger("shop", "T", "t", "ALL", (), expiration=60 * 60)
    found = stored("1", NOW - timedelta(seconds=age))
    assert trigger.evaluate(found, Profile("p"), {}, lambda _: None).started is started
