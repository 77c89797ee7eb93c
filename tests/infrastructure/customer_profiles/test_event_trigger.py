"""Customer Profiles: the trigger for a named event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest

from cdk_gtm_connector import ProfileEventTrigger, PropError
from tests.infrastructure.customer_profiles.resources import EVENT_TRIGGER, event_type, fields

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Deployable
    from tests.infrastructure.synthesis import Template


class TestEventTrigger:
    """The trigger for a named event."""

    def test_there_is_none_unless_it_is_given(self, existing: Template) -> None:
        assert not existing.all(EVENT_TRIGGER)

    def test_it_starts_for_the_named_event(self, new: Template) -> None:
        assert new.only(EVENT_TRIGGER).properties == {
            "DomainName": "shop",
            "ObjectTypeName": "ShopEvent",
            "EventTriggerName": "AddToCart",
            "Description": "A Google Tag Manager event has come in",
            "EventTriggerConditions": [
                {
                    "LogicalOperator": "ALL",
                    "EventTriggerDimensions": [
                        {
                            "ObjectAttributes": [
                                {
                                    "FieldName": "event_type",
                                    "ComparisonOperator": "INCLUSIVE",
                                    "Values": ["add to cart"],
                                }
                            ]
                        },
                        {
                            "ObjectAttributes": [
                                {
                                    "FieldName": "access",
                                    "ComparisonOperator": "INCLUSIVE",
                                    "Values": ["authenticated"],
                                }
                            ]
                        },
                    ],
                }
            ],
            "EventTriggerLimits": {
                "EventExpiration": 3_600_000,
                "Periods": [{"Unit": "DAYS", "Value": 7, "MaxInvocationsPerProfile": 3}],
            },
            "SegmentFilter": "regulars",
        }

    def test_it_compares_fields_that_the_object_type_has(self, new: Template) -> None:
        (condition,) = new.only(EVENT_TRIGGER).properties["EventTriggerConditions"]
        compared = {
            attribute["FieldName"]
            for dimension in condition["EventTriggerDimensions"]
            for attribute in dimension["ObjectAttributes"]
        }
        assert compared == {"event_type", "access"}
        assert compared <= fields(event_type(new)).keys()

    def test_nothing_limits_it_unless_it_is_said(self, settings: dict[str, Deployable]) -> None:
        trigger = settings["customer_profiles"].template.only(EVENT_TRIGGER).properties
        assert not {"EventTriggerLimits", "SegmentFilter"} & trigger.keys()
        (condition,) = trigger["EventTriggerConditions"]
        assert len(condition["EventTriggerDimensions"]) == 1

    @pytest.mark.parametrize(
        ("period", "unit", "value"),
        [
            (cdk.Duration.minutes(1), "MINUTES", 1),
            (cdk.Duration.minutes(60), "HOURS", 1),
            (cdk.Duration.minutes(90), None, None),
            (cdk.Duration.hours(24), "DAYS", 1),
            (cdk.Duration.hours(25), "HOURS", 25),
            (cdk.Duration.days(60), "DAYS", 60),
            (cdk.Duration.days(61), None, None),
            (cdk.Duration.seconds(30), None, None),
            (cdk.Duration.seconds(0), None, None),
        ],
    )
    def test_periods(self, period: cdk.Duration, unit: str | None, value: int | None) -> None:
        if unit is None:
            with pytest.raises(PropError, match=r"^period must be 1 to 60 whole minutes, .*, got"):
                ProfileEventTrigger(event_type="buy", max_invocations=1, period=period)
            return
        limits: Any = ProfileEventTrigger(event_type="buy", max_invocations=1, period=period).limits
        (made,) = limits.periods
        assert (made.unit, made.value) == (unit, value)


@pytest.mark.parametrize(
    ("event_type", "name"),
    [("purchase", "purchase"), ("gtm.click", "gtm_click"), ("ä b", "__b"), ("x" * 65, "x" * 64)],
)
def test_a_trigger_is_named_after_its_event(event_type: str, name: str) -> None:
    assert ProfileEventTrigger(event_type=event_type).trigger_name == name
