"""Customer Profiles: the object types that events and visitors are objects of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import botocore.session
import pytest
from botocore.model import StructureShape

from cdk_gtm_connector import PropError
from cdk_gtm_connector.destinations.customer_profiles.profile_fields import PROFILE_FIELDS
from tests.infrastructure.customer_profiles.resources import (
    OBJECT_TYPE,
    event_type,
    fields,
    profiles,
    put_permissions,
    visitor_type,
)
from tests.infrastructure.released import released_templates
from tests.infrastructure.synthesis import add_connector, warnings
from tests.infrastructure.test_updates import replaced_properties

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Deployable, Synthesize
    from tests.infrastructure.synthesis import Template


# What cannot be mapped to one text.
STRUCTURES = {"DomainName", "ProfileId", "Attributes", "EngagementPreferences"}
# An enumeration, which the fields that end in String replace, and one of Customer Profiles' own.
ENUMERATIONS = {"Gender", "PartyType", "ProfileType"}


def key(name: str, field: str, *identifiers: str) -> dict[str, Any]:
    """Return a key of an object type."""
    return {
        "Name": name,
        "ObjectTypeKeyList": [{"FieldNames": [field], "StandardIdentifiers": list(identifiers)}],
    }


def plain(*names: str) -> list[dict[str, Any]]:
    """Return fields of an object type that are texts of the same name in the objects."""
    return [
        {"Name": name, "ObjectTypeField": {"Source": f"_source.{name}", "ContentType": "STRING"}}
        for name in names
    ]


class TestObjectType:
    """What becomes of an event."""

    def test_an_existing_one_is_left_alone(self, destinations: dict[str, Deployable]) -> None:
        assert not destinations["ExistingCustomerProfiles"].template.all(OBJECT_TYPE)

    def test_each_event_is_an_object_of_its_endpoints_profile(self, existing: Template) -> None:
        assert event_type(existing).properties == {
            "DomainName": "shop",
            "ObjectTypeName": "GtmEvent",
            "Description": "A Google Tag Manager event",
            "AllowProfileCreation": True,
            "ExpirationDays": 90,
            "MaxProfileObjectCount": 500,
            "Keys": [
                key("GtmEventId", "event_id", "UNIQUE"),
                key("GtmEndpointId", "endpoint_id", "PROFILE"),
            ],
            "Fields": plain(
                *("endpoint_id", "event_id", "event_type", "timestamp", "access", "user_id")
            ),
        }

    def test_an_endpoint_has_one_visitor_object(self, existing: Template) -> None:
        assert visitor_type(existing).properties == {
            "DomainName": "shop",
            "ObjectTypeName": "GtmVisitor",
            "Description": "The user attributes of a Google Tag Manager endpoint",
            "AllowProfileCreation": True,
            "Keys": [key("GtmEndpointId", "endpoint_id", "PROFILE", "UNIQUE")],
            "Fields": plain("endpoint_id", "timestamp", "access", "user_id"),
        }

    def test_only_visitor_objects_change_a_profile(self, new: Template) -> None:
        assert not [f for f in fields(event_type(new)).values() if "Target" in f]
        mapped = {
            name: (field["Source"], field["Target"], field["ContentType"])
            for name, field in fields(visitor_type(new)).items()
            if "Target" in field
        }
        source = "_source.user_attributes"
        assert mapped == {
            "usat_plan": (f"{source}.plan", "_profile.Attributes.plan", "STRING"),
            "usat_email": (f"{source}.email", "_profile.EmailAddress", "EMAIL_ADDRESS"),
            "usat_city": (f"{source}.city", "_profile.ShippingAddress.City", "STRING"),
            "usat_phone": (f"{source}.phone", "_profile.PhoneNumber", "PHONE_NUMBER"),
            "usat_surname": (f"{source}.surname", "_profile.LastName", "NAME"),
        }

    def test_the_function_is_told_of_both_and_may_put_both(self, new: Template) -> None:
        variables = new.function.properties["Environment"]["Variables"]
        assert variables["CUSTOMER_PROFILES_OBJECT_TYPE_NAME"] == "ShopEvent"
        assert variables["CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME"] == "ShopVisitor"
        assert put_permissions(new) == {"ShopEvent", "ShopVisitor"}

    def test_how_long_and_how_many_events_stay_is_said(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            destination = profiles(
                event_expiration=cdk.Duration.days(30), max_events_per_profile=100
            )
            add_connector(stack, destination=destination)
            assert destination.object_type is not None
            assert destination.visitor_object_type is not None

        properties = event_type(synthesized(build)).properties
        assert (properties["ExpirationDays"], properties["MaxProfileObjectCount"]) == (30, 100)


class TestSingleObjectType:
    """The one object type of earlier versions."""

    def test_it_is_what_was_deployed(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            destination = profiles(
                single_object_type=True,
                create_domain=True,
                object_type_name="ShopEvent",
                user_attributes=["plan"],
            )
            add_connector(stack, destination=destination)

        template = synthesized(build)
        (before,) = (
            resource["Properties"]
            for resource in released_templates()["NewCustomerProfiles"]["Resources"].values()
            if resource["Type"] == OBJECT_TYPE
        )
        now = template.only(OBJECT_TYPE).properties
        assert {**now, "Fields": None} == {**before, "Fields": None}
        released = {f["Name"]: f["ObjectTypeField"] for f in before["Fields"]}
        made = fields(template.only(OBJECT_TYPE))
        assert made.keys() - released.keys() == {"access"}  # for triggers, since that release
        assert {name: field for name, field in made.items() if name != "access"} == {
            name: field for name, field in released.items() if name in made
        }
        variables = template.function.properties["Environment"]["Variables"]
        assert "CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME" not in variables
        assert put_permissions(template) == {"ShopEvent"}

    def test_it_goes_on_beside_two(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            add_connector(stack, "Old", destination=profiles(single_object_type=True))
            add_connector(stack, "New", destination=profiles(object_type_name="ShopEvent"))

        names = {t.properties["ObjectTypeName"] for t in synthesized(build).all(OBJECT_TYPE)}
        assert names == {"GtmEvent", "ShopEvent", "ShopVisitor"}

    def test_one_becomes_two_in_place(self, synthesized: Synthesize) -> None:
        single = synthesized(
            lambda stack: add_connector(stack, destination=profiles(single_object_type=True))
        )
        both = synthesized(lambda stack: add_connector(stack, destination=profiles()))
        (before,) = single.all(OBJECT_TYPE)
        after = event_type(both)
        assert before.logical_id == after.logical_id
        assert not replaced_properties(
            {"Type": OBJECT_TYPE, "Properties": before.properties},
            {"Type": OBJECT_TYPE, "Properties": after.properties},
        )

    def test_a_teams_own_goes_on(self, destinations: dict[str, Deployable]) -> None:
        template = destinations["ExistingCustomerProfiles"].template
        variables = template.function.properties["Environment"]["Variables"]
        assert variables["CUSTOMER_PROFILES_OBJECT_TYPE_NAME"] == "Theirs"
        assert "CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME" not in variables
        assert put_permissions(template) == {"Theirs"}

    def test_a_team_may_have_both_of_its_own(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            theirs = profiles(create_object_type=False, visitor_object_type_name="TheirVisitor")
            add_connector(stack, destination=theirs)

        template = synthesized(build)
        assert not template.all(OBJECT_TYPE)
        variables = template.function.properties["Environment"]["Variables"]
        assert variables["CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME"] == "TheirVisitor"

    @pytest.mark.parametrize(("name", "warned"), [("GtmEvent", True), ("Theirs", False)])
    def test_one_that_may_be_of_event_objects_is_warned_of(
        self, name: str, *, warned: bool
    ) -> None:
        stack = cdk.Stack(env=cdk.Environment(region="us-east-1"))
        theirs = profiles(create_object_type=False, object_type_name=name)
        add_connector(stack, destination=theirs)
        assert ("cdk-gtm-connector:visitorObjectType" in warnings(stack)) is warned

    def test_event_objects_are_not_shared_alone(self) -> None:
        stack = cdk.Stack()
        add_connector(stack, "Shop", destination=profiles())
        words = r"^visitor_object_type_name must be given .*, got None with object_type_name='Gtm"
        with pytest.raises(PropError, match=words):
            add_connector(stack, "Blog", destination=profiles(create_object_type=False))

    @pytest.mark.parametrize(
        ("props", "words"),
        [
            ({"single_object_type": True, "create_object_type": False}, "single_object_type must"),
            (
                {"single_object_type": True, "visitor_object_type_name": "V"},
                "visitor_object_type_name must not be given with single_object_type, got 'V'",
            ),
            ({"visitor_object_type_name": "GtmEvent"}, "visitor_object_type_name must be another"),
            ({"object_type_name": "x" * 250}, "object_type_name must leave room for Visitor"),
            (
                {"single_object_type": True, "event_expiration": cdk.Duration.days(1)},
                "event_expiration must not be given unless",
            ),
            (
                {"create_object_type": False, "max_events_per_profile": 1},
                "max_events_per_profile must not be given unless",
            ),
        ],
    )
    def test_what_does_not_go_together_is_refused(self, props: dict[str, Any], words: str) -> None:
        with pytest.raises(PropError, match=f"^{words}"):
            profiles(**props)


class TestFieldsOfProfiles:
    """The profile's fields that user attributes become."""

    def test_the_profiles_fields_are_those_of_the_service(self) -> None:
        model = botocore.session.get_session().get_service_model("customer-profiles")
        request = model.shape_for("UpdateProfileRequest")
        assert isinstance(request, StructureShape)
        known = set()
        for name, shape in request.members.items():
            if isinstance(shape, StructureShape) and name not in STRUCTURES:
                known |= {f"{name}.{field}" for field in shape.members}
            elif name not in STRUCTURES | ENUMERATIONS:
                known.add(name)
        assert set(PROFILE_FIELDS) == known
        assert len(set(PROFILE_FIELDS)) == len(PROFILE_FIELDS)
