"""Customer Profiles: calculated attributes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest

from cdk_gtm_connector import (
    CalculatedAttribute,
    EqualTo,
    Exclusive,
    GreaterThan,
    GreaterThanOrEqual,
    Inclusive,
    LessThan,
    PropError,
)
from tests.infrastructure.customer_profiles.resources import (
    CALCULATED,
    SPENT,
    event_type,
    fields,
    profiles,
)
from tests.infrastructure.synthesis import add_connector

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Synthesize
    from tests.infrastructure.synthesis import Template


class TestCalculatedAttributes:
    """What is counted, added up or picked."""

    def test_a_sum_of_one_event_types_metric(self, everything: Template) -> None:
        made = everything.only(CALCULATED, CalculatedAttributeName="spent_90_days")
        assert made.properties == {
            "DomainName": "shop",
            "CalculatedAttributeName": "spent_90_days",
            "DisplayName": "spent_90_days",
            "AttributeDetails": {
                "Attributes": [{"Name": "calculated_spent_90_days"}],
                "Expression": "{GtmEvent.calculated_spent_90_days}",
            },
            "Statistic": "SUM",
            "Conditions": {
                "Range": {
                    "Unit": "DAYS",
                    "Value": 90,
                    "TimestampFormat": "ISO_8601",
                    "TimestampSource": "{GtmEvent.timestamp}",
                }
            },
        }
        assert fields(event_type(everything))["calculated_spent_90_days"] == {
            "Source": "_source.calculated.spent_90_days",
            "ContentType": "NUMBER",
        }

    def test_the_function_fills_what_only_some_events_have(self, everything: Template) -> None:
        variables = everything.function.properties["Environment"]["Variables"]
        assert json.loads(variables["CUSTOMER_PROFILES_CALCULATED_ATTRIBUTES"]) == {
            "spent_90_days": {"event_types": ["purchase"], "metric": "price"},
            "purchases": {"event_types": ["purchase"]},
            "bought_often": {"event_types": ["purchase", "renewal"]},
        }

    @pytest.mark.parametrize(
        ("props", "field"),
        [
            ({"statistic": "COUNT"}, "event_id"),
            ({"statistic": "SUM", "metric": "price"}, "metric_price"),
            ({"statistic": "LAST_OCCURRENCE", "attribute": "plan"}, "attribute_plan"),
            ({"statistic": "COUNT", "event_type": "buy"}, "calculated_it"),
        ],
    )
    def test_its_field(self, props: dict[str, Any], field: str) -> None:
        assert CalculatedAttribute("it", **props).field.name == field

    def test_thresholds(self, synthesized: Synthesize) -> None:
        thresholds = {
            "above": (GreaterThan(1), "GREATER_THAN", "1"),
            "below": (LessThan(0.1), "LESS_THAN", "0.1"),
            "equal": (EqualTo(1e-7), "EQUAL_TO", "0.0000001"),
            "gold": (Inclusive(["gold"]), "EQUAL_TO", "gold"),
            "others": (Exclusive(["gold"]), "NOT_EQUAL_TO", "gold"),
        }
        attributes = [
            CalculatedAttribute(name, statistic="COUNT", threshold=threshold)
            for name, (threshold, _, _) in thresholds.items()
        ]
        template = synthesized(
            lambda stack: add_connector(
                stack, destination=profiles(calculated_attributes=attributes)
            )
        )
        for name, (_, operator, value) in thresholds.items():
            made = template.only(CALCULATED, CalculatedAttributeName=name).properties
            assert made["Conditions"] == {"Threshold": {"Operator": operator, "Value": value}}

    def test_in_another_region_the_function_fills_the_fields_alone(
        self, synthesized: Synthesize
    ) -> None:
        destination = profiles(
            region="eu-west-2",
            create_object_type=False,
            visitor_object_type_name="GtmVisitor",
            calculated_attributes=[SPENT],
        )
        template = synthesized(lambda stack: add_connector(stack, destination=destination))
        assert not template.all(CALCULATED)
        variables = template.function.properties["Environment"]["Variables"]
        assert "spent_90_days" in variables["CUSTOMER_PROFILES_CALCULATED_ATTRIBUTES"]

    @pytest.mark.parametrize(
        ("props", "words"),
        [
            ({"name": "a-b"}, "name must be 1 to 53 letters"),
            ({"name": "1st"}, "name must be"),
            ({"statistic": "MEDIAN"}, "statistic must be one of COUNT, "),
            ({"statistic": "SUM"}, "metric must be given with that statistic"),
            ({"statistic": "SUM", "attribute": "price"}, "metric must be given"),
            ({"statistic": "FIRST_OCCURRENCE"}, "attribute must be given with that statistic"),
            ({"metric": "price", "attribute": "plan"}, "attribute must not be given with metric"),
            ({"metric": "unit price"}, "metric must have 1 to "),
            ({"metric": "a.b"}, "metric must have 1 to "),
            ({"event_type": []}, "event_type must be"),
            ({"event_type": ["buy", ""]}, "event_type must be"),
            ({"days": 0}, "days must be"),
            ({"object_count": 301}, "object_count must be"),
            ({"threshold": 2}, "threshold must be a Comparison, such as GreaterThan"),
            ({"threshold": GreaterThanOrEqual(2)}, "threshold must be GreaterThan, "),
            ({"threshold": Inclusive(["a", "b"])}, "threshold must be GreaterThan, "),
        ],
    )
    def test_what_is_refused(self, props: dict[str, Any], words: str) -> None:
        with pytest.raises(PropError, match=f"^{words}"):
            CalculatedAttribute(**{"name": "it", "statistic": "COUNT", **props})

    @pytest.mark.parametrize(
        ("props", "words"),
        [
            ({"single_object_type": True}, "calculated_attributes must not be given with a single"),
            ({"create_object_type": False}, "calculated_attributes must not be given with"),
            (
                {"event_expiration": cdk.Duration.days(30)},
                r"calculated_attributes must not look further back .*=30 days$",
            ),
            ({"calculated_attributes": [SPENT, SPENT]}, "calculated_attributes must not have"),
            (
                {
                    "calculated_attributes": [
                        CalculatedAttribute(
                            "a", event_type=["x" * 255] * 8 + ["y" * 255] * 8, statistic="COUNT"
                        ),
                        *(
                            CalculatedAttribute(f"a{n}", event_type=f"{n}" * 250, statistic="COUNT")
                            for n in range(9)
                        ),
                    ]
                },
                "calculated_attributes must need 2,000 characters",
            ),
        ],
    )
    def test_what_does_not_go_with_the_destination(self, props: dict[str, Any], words: str) -> None:
        with pytest.raises(PropError, match=f"^{words}"):
            profiles(**{"calculated_attributes": [SPENT], **props})
