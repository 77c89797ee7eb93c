"""Resources of Customer Profiles, and the destinations that make them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

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
    Inclusive,
    LessThan,
    LessThanOrEqual,
    ProfileEventTrigger,
    Segment,
)
from cdk_gtm_connector.destinations.customer_profiles.calculated_attribute import STATISTICS
from tests.destinations.customer_profiles.cases import CAMPAIGN_ARN
from tests.infrastructure.synthesis import add_connector

if TYPE_CHECKING:
    import aws_cdk as cdk

    from tests.infrastructure.synthesis import Resource, Template


PREFIX = "AWS::CustomerProfiles::"

DOMAIN = "AWS::CustomerProfiles::Domain"
OBJECT_TYPE = "AWS::CustomerProfiles::ObjectType"
CALCULATED = f"{PREFIX}CalculatedAttributeDefinition"
SEGMENT = f"{PREFIX}SegmentDefinition"
EVENT_TRIGGER = "AWS::CustomerProfiles::EventTrigger"
INTEGRATION = f"{PREFIX}Integration"

ARN = "arn:${AWS::Partition}:profile:${AWS::Region}:${AWS::AccountId}:domains/shop"
SPENT = CalculatedAttribute(
    "spent_90_days", event_type="purchase", metric="price", statistic="SUM", days=90
)
BIG_SPENDERS = Segment(
    "big spenders",
    all_of={
        "CalculatedAttributes.spent_90_days": GreaterThan(100),
        "Attributes.plan": Inclusive(["gold", "platinum"]),
        "Address.City": Exclusive(["Atlantis"]),
    },
    any_of={
        "EmailAddress": EndsWith(["@shop.example"]),
        "AdditionalInformation": Contains(["vip"]),
        "LastName": BeginsWith(["Mac", "Mc"]),
        "Attributes.age": GreaterThanOrEqual(18.5),
        "CalculatedAttributes.purchases": LessThanOrEqual(2),
        "Attributes.children": EqualTo(0),
        "Attributes.cats": LessThan(3),
    },
)
ATTRIBUTES = [
    SPENT,
    CalculatedAttribute("purchases", event_type="purchase", statistic="COUNT", days=30),
    CalculatedAttribute("events", statistic="COUNT", object_count=300),
    CalculatedAttribute("searches", attribute="term", statistic="COUNT"),
    CalculatedAttribute(
        "bought_often",
        event_type=["purchase", "renewal"],
        statistic="COUNT",
        days=30,
        threshold=GreaterThan(1),
    ),
    *(
        CalculatedAttribute(f"price_{statistic.lower()}", metric="price", statistic=statistic)
        for statistic in STATISTICS
    ),
    CalculatedAttribute(
        "likes_gold",
        attribute="plan",
        statistic="MAX_OCCURRENCE",
        threshold=Inclusive(["gold"]),
    ),
]
TRIGGERS = [
    ProfileEventTrigger(
        event_type="purchase",
        campaign_arn=CAMPAIGN_ARN,
        where={"metrics.price": GreaterThan(100), "attributes.plan": Inclusive(["gold"])},
        segment=BIG_SPENDERS,
        authenticated_only=True,
    ),
    ProfileEventTrigger(event_type="abandon cart", campaign_arn=f"{CAMPAIGN_ARN}0"),
    ProfileEventTrigger(event_type="search", where={"attributes.term": Contains(["sale"])}),
]


def profiles(**props: Any) -> CustomerProfilesDestination:
    """Return a destination with ``props`` over what it needs."""
    return CustomerProfilesDestination(**{"domain_name": "shop", **props})


def add_everything(stack: cdk.Stack) -> None:
    """Add a connector with all that can be said of behavior."""
    add_connector(
        stack,
        destination=profiles(
            create_domain=True,
            calculated_attributes=ATTRIBUTES,
            segments=[BIG_SPENDERS],
            event_trigger=ProfileEventTrigger(event_type="login"),
            event_triggers=TRIGGERS,
        ),
    )


def fields(object_type: Resource) -> dict[str, dict[str, str]]:
    """Return an object type's fields by name."""
    return {field["Name"]: field["ObjectTypeField"] for field in object_type.properties["Fields"]}


def event_type(template: Template) -> Resource:
    """Return the type of the event objects."""
    (found,) = (t for t in template.all(OBJECT_TYPE) if "VisitorObjectType" not in t.logical_id)
    return found


def visitor_type(template: Template) -> Resource:
    """Return the type of the visitor objects."""
    (found,) = (t for t in template.all(OBJECT_TYPE) if "VisitorObjectType" in t.logical_id)
    return found


def put_permissions(template: Template) -> set[str]:
    """Return what the function may put objects into, without the domain's own ARN."""
    grants = template.grants(template.role("lambda.amazonaws.com"))
    found = {resource for action, resource in grants if action == "profile:PutProfileObject"}
    assert ARN in found
    return {resource.removeprefix(f"{ARN}/object-types/") for resource in found - {ARN}}


def check_enumerations(value: Any, shape: Any) -> None:
    """Assert what botocore does not check: enumerations, and patterns of names."""
    if shape.type_name == "structure":
        for name, member in value.items():
            check_enumerations(member, shape.members[name])
    elif shape.type_name == "list":
        assert len(value) <= shape.metadata.get("max", len(value))
        for member in value:
            check_enumerations(member, shape.member)
    elif shape.type_name == "map":
        for member in value.values():
            check_enumerations(member, shape.value)
    elif shape.type_name in {"integer", "long", "double"}:
        assert float(value) <= shape.metadata.get("max", float(value)), value
    elif shape.type_name == "string" and isinstance(value, str):
        assert not shape.enum or value in shape.enum, value
        assert len(value) <= shape.metadata.get("max", len(value)), value
        if "${" not in value:  # what is known only at deployment
            assert re.fullmatch(shape.metadata.get("pattern", ".*"), value, re.DOTALL), value
