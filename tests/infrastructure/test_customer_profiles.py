"""Customer Profiles: the domain, the object type and the event trigger."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import botocore.session
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from botocore.model import StructureShape

from cdk_gtm_connector import CustomerProfilesDestination, ProfileEventTrigger, PropError
from cdk_gtm_connector.destinations.customer_profiles.profile_fields import PROFILE_FIELDS
from tests.infrastructure.released import released_templates
from tests.infrastructure.synthesis import KEY_ARN, add_connector, warnings
from tests.infrastructure.test_updates import replaced_properties

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Deployable, Synthesize
    from tests.infrastructure.synthesis import Resource, Template

DOMAIN = "AWS::CustomerProfiles::Domain"
OBJECT_TYPE = "AWS::CustomerProfiles::ObjectType"
EVENT_TRIGGER = "AWS::CustomerProfiles::EventTrigger"

# What cannot be mapped to one text.
STRUCTURES = {"DomainName", "ProfileId", "Attributes", "EngagementPreferences"}
# An enumeration, which the fields that end in String replace, and one of Customer Profiles' own.
ENUMERATIONS = {"Gender", "PartyType", "ProfileType"}


ARN = "arn:${AWS::Partition}:profile:${AWS::Region}:${AWS::AccountId}:domains/shop"
KEY_WARNING = "cdk-gtm-connector:customerProfilesKeyPolicy"
REGION_WARNING = "cdk-gtm-connector:customerProfilesRegion"
QUEUE_WARNING = "cdk-gtm-connector:customerProfilesQueuePolicy"
QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:errors"
# Against the confused deputy: AWS's page of that name has both conditions for this service, with
# the domain, and for object types domains/{domain}/objects/{object type}.
ON_BEHALF = {
    "StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"},
    "ArnLike": {"aws:SourceArn": [ARN, f"{ARN}/*"]},
}


@pytest.fixture
def existing(destinations: dict[str, Deployable]) -> Template:
    """A domain that exists, and nothing more said."""
    return destinations["CustomerProfiles"].template


@pytest.fixture
def new(destinations: dict[str, Deployable]) -> Template:
    """A new domain, and all said that can be."""
    return destinations["NewCustomerProfiles"].template


def fields(object_type: Resource) -> dict[str, dict[str, str]]:
    """Return an object type's fields by name."""
    return {field["Name"]: field["ObjectTypeField"] for field in object_type.properties["Fields"]}


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


class TestDomain:
    """The domain."""

    def test_an_existing_one_is_left_alone(self, existing: Template) -> None:
        assert not existing.all(DOMAIN)

    def test_a_new_one(self, new: Template) -> None:
        domain = new.only(DOMAIN)
        (errors,) = (q for q in new.all("AWS::SQS::Queue") if q.logical_id.startswith("Errors"))
        assert domain.properties == {
            "DomainName": "shop",
            "DefaultExpirationDays": 30,
            "DefaultEncryptionKey": KEY_ARN,
            "DeadLetterQueueUrl": errors.ref,
        }
        _, opened = new.statements(errors)
        assert opened["Principal"] == {"Service": "profile.amazonaws.com"}
        assert opened["Action"] == "sqs:SendMessage"
        assert opened["Condition"] == {
            "StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"},
            "ArnLike": {"aws:SourceArn": [ARN, f"{ARN}/*"]},
        }

    def test_profiles_outlive_the_stack(self, new: Template) -> None:
        kept = [*new.all(DOMAIN), *new.all(OBJECT_TYPE)]
        assert len(kept) == 3
        assert {resource.deletion_policy for resource in kept} == {"RetainExceptOnCreate"}

    def test_one_is_made_after_the_other(self, new: Template) -> None:
        events, visitors = event_type(new), visitor_type(new)
        assert events.depends_on == visitors.depends_on == {new.only(DOMAIN).logical_id}
        assert new.only(EVENT_TRIGGER).depends_on == {events.logical_id}
        assert {events.logical_id, visitors.logical_id} <= new.function.depends_on


def let_in(template: Template, key: str) -> dict[str, Any]:
    """Return what a key's policy allows to Customer Profiles."""
    (found,) = (k for k in template.all("AWS::KMS::Key") if k.logical_id.startswith(key))
    statements = found.properties["KeyPolicy"]["Statement"]
    (statement,) = (s for s in statements if "Service" in s["Principal"])
    return dict(statement)


class TestEncryption:
    """Customer Profiles is let into the key, and into the queue and its key."""

    def test_owned_keys_let_it_in_on_behalf_of_this_domain(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            key = kms.Key(stack, "Domain")
            queue = sqs.Queue(
                stack, "Errors", encryption_master_key=kms.Key(stack, "ErrorsKey"), enforce_ssl=True
            )
            add_connector(
                stack,
                destination=profiles(
                    create_domain=True, encryption_key=key, dead_letter_queue=queue
                ),
            )
            assert warnings(stack).keys() == {REGION_WARNING}

        template = synthesized(build)
        common = {
            "Effect": "Allow",
            "Principal": {"Service": "profile.amazonaws.com"},
            "Resource": "*",
            "Condition": ON_BEHALF,
        }
        assert let_in(template, "Domain") == {
            **common,
            "Action": ["kms:GenerateDataKey", "kms:CreateGrant", "kms:Decrypt"],
        }
        assert let_in(template, "ErrorsKey") == {
            **common,
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        }
        # The domain needs the key, so the key must not need the domain.
        domain = template.only(DOMAIN)
        for key in template.all("AWS::KMS::Key"):
            assert domain.logical_id not in json.dumps(key.properties)

    def test_so_does_a_key_that_a_queue_makes(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            queue = sqs.Queue(stack, "Errors", encryption=sqs.QueueEncryption.KMS)
            add_connector(stack, destination=profiles(create_domain=True, dead_letter_queue=queue))

        assert let_in(synthesized(build), "ErrorsKey")["Condition"] == ON_BEHALF

    def test_one_key_for_both(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            key = kms.Key(stack, "Key")
            queue = sqs.Queue(stack, "Errors", encryption_master_key=key)
            add_connector(
                stack,
                destination=profiles(
                    create_domain=True, encryption_key=key, dead_letter_queue=queue
                ),
            )

        statements = synthesized(build).only("AWS::KMS::Key").properties["KeyPolicy"]["Statement"]
        allowed = {
            action
            for statement in statements
            if statement["Principal"] == {"Service": "profile.amazonaws.com"}
            for action in statement["Action"]
        }
        assert allowed == {"kms:GenerateDataKey", "kms:CreateGrant", "kms:Decrypt"}

    def test_whose_policies_are_somebody_elses_is_warned(self) -> None:
        stack = cdk.Stack(env=cdk.Environment(region="us-east-1"))
        queue = sqs.Queue.from_queue_attributes(
            stack, "Errors", queue_arn=QUEUE_ARN, key_arn=KEY_ARN
        )
        add_connector(
            stack,
            destination=profiles(
                create_domain=True,
                encryption_key=kms.Key.from_key_arn(stack, "Key", KEY_ARN),
                dead_letter_queue=queue,
            ),
        )
        found = warnings(stack)
        assert found.keys() == {KEY_WARNING, QUEUE_WARNING}
        domains, queues = sorted(found[KEY_WARNING].splitlines(), reverse=True)
        assert domains.startswith("encryption_key is imported")
        assert "kms:GenerateDataKey, kms:CreateGrant, kms:Decrypt to profile.a" in domains
        assert queues.startswith("dead_letter_queue's key is imported")
        assert "sqs:SendMessage to profile.amazonaws.com" in found[QUEUE_WARNING]

    def test_awss_own_key_for_queues_lets_no_service_in(self) -> None:
        stack = cdk.Stack(env=cdk.Environment(region="us-east-1"))
        queue = sqs.Queue(stack, "Errors", encryption=sqs.QueueEncryption.KMS_MANAGED)
        add_connector(stack, destination=profiles(create_domain=True, dead_letter_queue=queue))
        assert "alias/aws/sqs" in warnings(stack)[KEY_WARNING]

    def test_what_is_not_encrypted_so_gets_no_warning(self) -> None:
        stack = cdk.Stack(env=cdk.Environment(region="us-east-1"))
        queue = sqs.Queue(stack, "Errors")
        add_connector(stack, destination=profiles(create_domain=True, dead_letter_queue=queue))
        assert warnings(stack) == {}


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


class TestSharing:
    """Several connectors, or destinations, in one stack."""

    @pytest.mark.parametrize(
        ("first", "second", "words"),
        [
            (
                {},
                {},
                (
                    r"object_type_name must not .*, got 'GtmEvent' with domain_name='shop': .*"
                    r"create_object_type=False"
                ),
            ),
            (
                {"create_domain": True},
                {"create_domain": True, "object_type_name": "Blog"},
                r"create_domain must not be True .*, got True with domain_name='shop'",
            ),
            (
                {"event_trigger": ProfileEventTrigger(event_type="buy")},
                {
                    "create_object_type": False,
                    "visitor_object_type_name": "GtmVisitor",
                    "event_trigger": ProfileEventTrigger(event_type="buy"),
                },
                r"event_trigger must not .* already, got 'buy' with domain_name='shop'",
            ),
        ],
    )
    def test_what_would_be_made_twice_is_refused(
        self, first: dict[str, Any], second: dict[str, Any], words: str
    ) -> None:
        stack = cdk.Stack()
        add_connector(stack, "Shop", destination=profiles(**first))
        with pytest.raises(PropError, match=rf"^{words}$"):
            add_connector(stack, "Blog", destination=profiles(**second))
        with pytest.raises(PropError, match=rf"^{words}$"):
            add_connector(
                cdk.Stack(),
                destination=None,
                destinations=[profiles(**first), profiles(**second, construct_id="Another")],
            )

    def test_another_stack_may_be_another_account(self) -> None:
        for stack in (cdk.Stack(), cdk.Stack()):
            add_connector(stack, destination=profiles())

    def test_what_another_connector_makes_is_waited_for(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            add_connector(stack, "First", destination=profiles(create_domain=True))
            add_connector(stack, "Own", destination=profiles(object_type_name="Own"))
            trigger = ProfileEventTrigger(event_type="buy")
            shares = profiles(
                create_object_type=False,
                visitor_object_type_name="GtmVisitor",
                event_trigger=trigger,
            )
            add_connector(stack, "Shares", destination=shares)

        template = synthesized(build)
        domain = template.only(DOMAIN)
        first = template.only(OBJECT_TYPE, ObjectTypeName="GtmEvent")
        own = template.only(OBJECT_TYPE, ObjectTypeName="Own")
        assert domain.logical_id in own.depends_on & first.depends_on
        assert template.only(EVENT_TRIGGER).depends_on == {first.logical_id}
        waits_for = {
            function.logical_id.partition("Delivery")[0]: function.depends_on
            for function in template.all("AWS::Lambda::Function")
        }
        assert first.logical_id in waits_for["First"] & waits_for["Shares"]
        assert own.logical_id in waits_for["Own"]


def profiles(**props: Any) -> CustomerProfilesDestination:
    """Return a destination with ``props`` over what it needs."""
    return CustomerProfilesDestination(**{"domain_name": "shop", **props})


def trigger(**props: Any) -> ProfileEventTrigger:
    """Return a trigger with ``props`` over what it needs."""
    return ProfileEventTrigger(**{"event_type": "buy", **props})


class TestRefusals:
    """What is refused, in the words of who wrote it."""

    @pytest.mark.parametrize(
        ("prop", "value", "shown"),
        [
            ("domain_name", None, "None"),
            ("domain_name", "", "''"),
            ("domain_name", "a shop", "'a shop'"),
            ("domain_name", "shop/object-types/*", "'shop/object-types/*'"),
            ("domain_name", "x" * 65, repr("x" * 65)),
            ("object_type_name", None, "None"),
            ("object_type_name", "", "''"),
            ("object_type_name", "*", "'*'"),
            ("object_type_name", "1st", "'1st'"),
            ("object_type_name", "x" * 256, repr("x" * 256)),
            ("default_expiration", cdk.Duration.days(1), "1 day with create_domain=False"),
            ("user_attributes", "plan", "'plan'"),  # else: "p", "l", "a" and "n"
            ("user_attributes", ["plan", ""], "''"),
            ("user_attributes", ["e.mail"], "'e.mail'"),
            ("user_attributes", [7], "7"),
            ("user_attributes", {"email": None}, "None"),
            ("user_attributes", ["n" * 60], repr("n" * 60)),
            ("user_attributes", ["plan", "plan"], "'plan'"),
            ("user_attributes", {"email": "Email"}, "'Email'"),
            ("user_attributes", {"email": "Attributes."}, "'Attributes.'"),
            ("user_attributes", {"email": "Attributes.a b"}, "'Attributes.a b'"),
            ("user_attributes", {"a": "LastName", "b": "LastName"}, "'LastName'"),
            ("requests_per_second", 0, "0"),
        ],
    )
    def test_the_message_names_prop_and_value(self, prop: str, value: object, shown: str) -> None:
        with pytest.raises(PropError, match=rf"^{prop} must .*, got {re.escape(shown)}$"):
            profiles(**{prop: value})

    @pytest.mark.parametrize("days", [0, 1_099])
    def test_the_expiration_has_a_range(self, days: int) -> None:
        with pytest.raises(PropError, match=r"^default_expiration must be between"):
            profiles(create_domain=True, default_expiration=cdk.Duration.days(days))

    def test_what_does_nothing_is_refused(self) -> None:
        key = kms.Key.from_key_arn(cdk.Stack(), "Key", KEY_ARN)
        with pytest.raises(PropError, match=r"^encryption_key must not .*create_domain=False$"):
            profiles(encryption_key=key)
        with pytest.raises(PropError, match=r"^user_attributes must not .*cdk import.*=False$"):
            profiles(create_object_type=False, user_attributes=["plan"])
        with pytest.raises(PropError, match=r"^create_object_type must not be False with create"):
            profiles(create_object_type=False, create_domain=True)

    @pytest.mark.parametrize(
        ("props", "words"),
        [
            ({"event_type": ""}, r"event_type must .*, got ''"),
            ({"event_type": None}, r"event_type must .*, got None"),
            (
                {"event_type": cdk.Token.as_string({"Ref": "Chosen"})},
                r"name must be given with an event_type .*, got None with event_type=a token",
            ),
            (
                {"name": cdk.Token.as_string({"Ref": "Chosen"})},
                r"name must be known .*, got a token",
            ),
            ({"event_type": "x" * 256}, r"event_type must .*"),
            ({"name": "a b"}, r"name must .*, got 'a b'"),
            ({"segment": "a b"}, r"segment must .*, got 'a b'"),
            (
                {"max_invocations": 1},
                r"period must be given with max_invocations, got None with max_invocations=1",
            ),
            (
                {"period": cdk.Duration.days(1)},
                r"max_invocations must be given with period, got None with period=1 day",
            ),
            (
                {"max_invocations": 0, "period": cdk.Duration.days(1)},
                r"max_invocations must .*, got 0",
            ),
            ({"expiration": cdk.Duration.millis(1)}, r"expiration must .*, got 1 milliseconds"),
        ],
    )
    def test_a_triggers_message_names_prop_and_value(
        self, props: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(PropError, match=rf"^{words}$"):
            trigger(**props)

    def test_a_domain_may_be_known_only_at_deployment(self) -> None:
        parameter = cdk.CfnParameter(cdk.Stack(), "Domain")
        profiles(domain_name=parameter.value_as_string)

    def test_so_may_what_starts_a_trigger_that_has_a_name(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            event_type = cdk.CfnParameter(stack, "Chosen").value_as_string
            trigger = ProfileEventTrigger(event_type=event_type, name="Chosen")
            add_connector(stack, destination=profiles(event_trigger=trigger))

        made = synthesized(build).only(EVENT_TRIGGER).properties
        assert made["EventTriggerName"] == "Chosen"
        assert '"${Chosen}"' in json.dumps(made["EventTriggerConditions"])
