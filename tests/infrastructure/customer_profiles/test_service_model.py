"""Customer Profiles: the service's own model, and CloudFormation's schema, take what is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.validate import ParamValidator

from tests.infrastructure.customer_profiles.resources import (
    ATTRIBUTES,
    CALCULATED,
    EVENT_TRIGGER,
    INTEGRATION,
    PREFIX,
    SEGMENT,
    check_enumerations,
    event_type,
    fields,
)
from tests.infrastructure.test_linting import lint

if TYPE_CHECKING:
    from tests.infrastructure.synthesis import Template


# The request that CloudFormation makes of each resource.
OPERATIONS = {
    CALCULATED: "CreateCalculatedAttributeDefinition",
    SEGMENT: "CreateSegmentDefinition",
    EVENT_TRIGGER: "CreateEventTrigger",
    INTEGRATION: "PutIntegration",
    f"{PREFIX}ObjectType": "PutProfileObjectType",
}


def as_request(resource_type: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return a resource's properties as the request of the service has them."""
    if not resource_type.endswith("::ObjectType"):
        return properties
    return {
        **properties,
        "Fields": {f["Name"]: f["ObjectTypeField"] for f in properties["Fields"]},
        "Keys": {k["Name"]: k["ObjectTypeKeyList"] for k in properties["Keys"]},
    }


class TestAsTheServiceHasIt:
    """Nobody here can deploy it, so its own model has to take it, and CloudFormation's schema."""

    def test_cfn_lint_finds_nothing(self, everything: Template) -> None:
        assert lint(everything.path) == []

    def test_the_services_model_takes_it(self, everything: Template) -> None:
        model = botocore.session.get_session().get_service_model("customer-profiles")
        checked = 0
        for resource_type, operation in OPERATIONS.items():
            shape = model.operation_model(operation).input_shape
            assert shape is not None
            for resource in everything.all(resource_type):
                request = as_request(resource_type, dict(resource.properties))
                report = ParamValidator().validate(request, shape)
                assert not report.has_errors(), report.generate_report()
                check_enumerations(request, shape)
                checked += 1
        assert checked == len(ATTRIBUTES) + 1 + 4 + 2 + 2

    def test_what_is_compared_and_counted_is_there(self, everything: Template) -> None:
        there = fields(event_type(everything))
        for trigger in everything.all(EVENT_TRIGGER):
            (condition,) = trigger.properties["EventTriggerConditions"]
            for dimension in condition["EventTriggerDimensions"]:
                assert dimension["ObjectAttributes"][0]["FieldName"] in there
        for attribute in everything.all(CALCULATED):
            details = attribute.properties["AttributeDetails"]
            (item,) = details["Attributes"]
            assert item["Name"] in there
            assert details["Expression"] == f"{{GtmEvent.{item['Name']}}}"

    def test_one_is_made_after_the_other(self, everything: Template) -> None:
        events = event_type(everything)
        attributes = everything.all(CALCULATED)
        (segment,) = everything.all(SEGMENT)
        assert all(events.logical_id in a.depends_on for a in attributes)
        assert segment.depends_on >= {a.logical_id for a in attributes}
        triggers = {t.properties["EventTriggerName"]: t for t in everything.all(EVENT_TRIGGER)}
        assert all(
            {events.logical_id, segment.logical_id} <= t.depends_on for t in triggers.values()
        )
        for integration in everything.all(INTEGRATION):
            (name,) = integration.properties["EventTriggerNames"]
            assert triggers[name].logical_id in integration.depends_on
