"""Customer Profiles: fields for calculated attributes, which only some events have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gtm_events.destinations import customer_profiles
from gtm_events.destinations.customer_profiles.calculated import VARIABLE, CalculatedFields
from gtm_events.errors import SettingsError
from gtm_events.event import Event

RULES = {
    "purchases": {"event_types": ["purchase"]},
    "spent": {"event_types": ["purchase", "renewal"], "metric": "price"},
    "last_plan": {"event_types": ["purchase"], "attribute": "plan"},
}


def event(event_type: str = "purchase", **members: Any) -> Event:
    """Return an event with ``members`` in addition to the required ones."""
    given = {"attributes": {"plan": "gold"}, "metrics": {"price": 9.5}, "user_attributes": {}}
    return Event("id-1", "ep-1", event_type, 1_700_000_000_000, **{**given, **members})


def calculated(it: Event, rules: object = RULES) -> dict[str, Any] | None:
    """Return the member ``calculated`` of an object, or ``None`` if it has none."""
    member = CalculatedFields.of({VARIABLE: json.dumps(rules)}).member(it)
    found: dict[str, Any] | None = json.loads(f'{{"a":1{member}}}').get("calculated")
    return found


def test_only_events_of_the_named_types_fill_a_field() -> None:
    assert calculated(event()) == {"purchases": "id-1", "spent": 9.5, "last_plan": "gold"}
    assert calculated(event("renewal")) == {"spent": 9.5}
    assert calculated(event("page_view")) is None


def test_an_event_without_the_metric_does_not() -> None:
    assert calculated(event("renewal", metrics={})) is None
    assert calculated(event(metrics={"price": 0.0}, attributes={})) == {
        "purchases": "id-1",
        "spent": 0.0,
    }


def test_nothing_is_filled_by_default() -> None:
    assert CalculatedFields.of({}).member(event()) == ""


@pytest.mark.parametrize("text", ["[]", "{", '{"a":1}', '{"a":{}}', '{"a":{"event_types":1}}'])
def test_a_malformed_rule_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=VARIABLE):
        CalculatedFields.of({VARIABLE: text})


def test_the_objects_have_it() -> None:
    destination = customer_profiles.OneObjectType(
        "shop", "GtmEvent", CalculatedFields.of({VARIABLE: json.dumps(RULES)})
    )
    for each in (event(), event("page_view"), event(user_id="u-1")):
        entry = destination.encode(each, counts={})  # type: ignore[arg-type]
        destination.complete([entry], counts={})  # type: ignore[arg-type]
        found = json.loads(entry.object())
        assert found.get("calculated") == calculated(each)
        assert entry.size == len(entry.object().decode())
