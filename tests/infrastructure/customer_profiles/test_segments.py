"""Customer Profiles: segments, which are groups of profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cdk_gtm_connector import GreaterThan, Inclusive, PropError, Segment
from cdk_gtm_connector.destinations.customer_profiles.segment import SEGMENT_FIELDS
from tests.infrastructure.customer_profiles.resources import BIG_SPENDERS, SEGMENT, profiles
from tests.infrastructure.synthesis import add_connector
from tests.infrastructure.test_linting import lint

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Synthesize
    from tests.infrastructure.synthesis import Template


class TestSegments:
    """Groups of profiles."""

    def test_all_and_any(self, everything: Template) -> None:
        made = everything.only(SEGMENT).properties
        assert made["DisplayName"] == "big spenders"
        assert made["SegmentDefinitionName"] == BIG_SPENDERS.definition_name
        groups = made["SegmentGroups"]
        assert groups["Include"] == "ALL"
        every, some = groups["Groups"]
        assert (every["Type"], len(every["Dimensions"])) == ("ALL", 3)
        assert every["Dimensions"][0] == {
            "CalculatedAttributes": {
                "spent_90_days": {"DimensionType": "GREATER_THAN", "Values": ["100"]}
            }
        }
        assert every["Dimensions"][1] == {
            "ProfileAttributes": {
                "Attributes": {
                    "plan": {"DimensionType": "INCLUSIVE", "Values": ["gold", "platinum"]}
                }
            }
        }
        assert (some["Type"], len(some["Dimensions"])) == ("ANY", 7)

    def test_other_conditions_are_another_definition(self) -> None:
        # CloudFormation replaces one whose conditions change, and makes the new one first.
        one, other = (
            Segment("buyers", all_of={"Attributes.plan": Inclusive([plan])})
            for plan in ("gold", "silver")
        )
        assert one.definition_name != other.definition_name
        assert one.construct_id == other.construct_id == "Segmentbuyers"

    def test_its_name_fits(self) -> None:
        segment = Segment("ö" * 255, any_of={"Attributes.plan": Inclusive(["gold"])})
        assert len(segment.definition_name) == 64

    def test_every_field_of_the_profile_that_is_a_text(self, synthesized: Synthesize) -> None:
        conditions = {field: Inclusive(["x"]) for field in SEGMENT_FIELDS}
        segment = Segment("everything", any_of=conditions)
        template = synthesized(
            lambda stack: add_connector(stack, destination=profiles(segments=[segment]))
        )
        assert lint(template.path) == []
        (group,) = template.only(SEGMENT).properties["SegmentGroups"]["Groups"]
        assert len(group["Dimensions"]) == len(SEGMENT_FIELDS) > 30

    @pytest.mark.parametrize(
        ("props", "words"),
        [
            ({"all_of": None}, "all_of must be given, or any_of, got None"),
            ({"name": "two\nlines"}, "name must be 1 to 255 characters in one line"),
            ({"all_of": {"plan": Inclusive(["gold"])}}, "all_of must name Attributes.plan"),
            ({"all_of": {"BirthDate": Inclusive(["2000"])}}, "all_of must name Attributes.plan"),
            ({"any_of": {"EmailAddress": GreaterThan(1)}}, "any_of must compare the text"),
            ({"any_of": {"EmailAddress": "a@b"}}, "any_of must map names to comparisons"),
        ],
    )
    def test_what_is_refused(self, props: dict[str, Any], words: str) -> None:
        conditions = {"Attributes.plan": Inclusive(["gold"])}
        with pytest.raises(PropError, match=f"^{words}"):
            Segment(**{"name": "it", "all_of": conditions, **props})

    def test_two_of_one_name_are_refused(self) -> None:
        one, other = (
            Segment("buyers", all_of={"Attributes.plan": Inclusive([plan])})
            for plan in ("gold", "silver")
        )
        with pytest.raises(PropError, match=r"^segments must not have the same name twice"):
            profiles(segments=[one, other])
