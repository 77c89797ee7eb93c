"""The way from one object type to two that docs/migrating-from-pinpoint.md calls the safe one."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk.assertions import Template

from cdk_gtm_connector import CustomerProfilesDestination, GtmConnector
from local.destinations.customer_profiles import ObjectType, ProfilesServer
from tests.local.profile_objects import batch, failures, put, record, visitor, visitors


def synthesized(**props: Any) -> dict[str, Any]:
    """Return the template of a shop's connector."""
    stack = cdk.Stack(cdk.App(), "S", env=cdk.Environment(region="eu-central-1"))
    destination = CustomerProfilesDestination(
        domain_name="shop", create_domain=True, user_attributes=["plan"], **props
    )
    GtmConnector(stack, "Gtm", destination=destination)
    return dict(Template.from_stack(stack).to_json())


def object_types(template: dict[str, Any]) -> dict[str, Any]:
    """Return the object types by their logical ids."""
    kind = "AWS::CustomerProfiles::ObjectType"
    return {name: it for name, it in template["Resources"].items() if it["Type"] == kind}


def test_beside_each_other_no_user_attribute_is_lost() -> None:
    before = synthesized(single_object_type=True)
    after = synthesized(object_type_name="ShopEvent")
    [(logical_id, old)] = object_types(before).items()
    new = object_types(after)
    # Another name is another resource, and the one before stays in the domain as it is.
    assert new[logical_id]["Properties"]["ObjectTypeName"] == "ShopEvent"
    assert old["UpdateReplacePolicy"] == "Retain"
    # The function comes after both of the new types.
    [depends] = (
        set(it["DependsOn"])
        for it in after["Resources"].values()
        if "CUSTOMER_PROFILES_DOMAIN_NAME"
        in it["Properties"].get("Environment", {}).get("Variables", {})
    )
    assert set(new) <= depends

    server = ProfilesServer([*ObjectType.all_of(before), *ObjectType.all_of(after)])
    # The old function still puts what it has, and the new one goes on with the same profile.
    assert failures(put(server, batch(record(user_attributes={"plan": "gold"})))) == {}
    assert server.profiles["ep-1",].fields == {"Attributes": {"plan": "gold"}}
    found = visitors(visitor(plan="platinum")) | {"ObjectTypeName": "GtmVisitor"}
    names = {it["Properties"]["ObjectTypeName"] for it in new.values()}
    found["ObjectTypeName"] = next(name for name in names if name != "ShopEvent")
    assert failures(put(server, found)) == {}
    assert len(server.profiles) == 1
    assert server.profiles["ep-1",].fields == {"Attributes": {"plan": "platinum"}}


def test_in_place_the_old_function_sets_nothing_any_more() -> None:
    """Which is why the guide stops the deliveries first."""
    server = ProfilesServer(ObjectType.all_of(synthesized()))
    assert failures(put(server, batch(record(user_attributes={"plan": "gold"})))) == {}
    assert server.profiles["ep-1",].fields == {}
