"""The construct and the settings of Customer Profiles."""

from __future__ import annotations

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs

from cdk_gtm_connector import (
    CalculatedAttribute,
    CustomerProfilesDestination,
    GreaterThan,
    Inclusive,
    ProfileEventTrigger,
    Segment,
)
from tests.destinations.cases import DestinationCases, Option
from tests.infrastructure.synthesis import HERE, KEY_ARN

CAMPAIGN_ARN: Final = (
    "arn:aws:connect-campaigns:us-east-1:123456789012:campaign/01234567-89ab-cdef-0123-456789abcdef"
)
_DOMAIN: Final = f"arn:${{AWS::Partition}}:profile:{HERE}:domains/shop"


def add_profiles(_stack: cdk.Stack) -> CustomerProfilesDestination:
    """Return an existing domain with only the required props."""
    return CustomerProfilesDestination(domain_name="shop")


def add_existing_profiles(_stack: cdk.Stack) -> CustomerProfilesDestination:
    """Return an existing domain with an existing object type."""
    return CustomerProfilesDestination(
        domain_name="shop", object_type_name="Theirs", create_object_type=False
    )


def add_new_profiles(stack: cdk.Stack) -> CustomerProfilesDestination:
    """Return a new domain with every prop set."""
    dead_letter_queue = sqs.Queue(
        stack,
        "Errors",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=cdk.Duration.days(14),
    )
    cdk.Validations.of(dead_letter_queue).acknowledge(
        cdk.Acknowledgment(
            id="AwsSolutions::AwsSolutions-SQS3", reason="It is a dead-letter queue."
        )
    )
    return CustomerProfilesDestination(
        domain_name="shop",
        create_domain=True,
        default_expiration=cdk.Duration.days(30),
        encryption_key=kms.Key.from_key_arn(stack, "Key", KEY_ARN),
        dead_letter_queue=dead_letter_queue,
        object_type_name="ShopEvent",
        user_attributes={
            "plan": "Attributes.plan",
            "email": "EmailAddress",
            "city": "ShippingAddress.City",
            "phone": "PhoneNumber",
            "surname": "LastName",
        },
        event_trigger=ProfileEventTrigger(
            event_type="add to cart",
            name="AddToCart",
            authenticated_only=True,
            segment="regulars",
            max_invocations=3,
            period=cdk.Duration.days(7),
            expiration=cdk.Duration.hours(1),
        ),
        requests_per_second=50,
    )


def _grants(*object_types: str) -> frozenset[tuple[str, str]]:
    resources = [_DOMAIN, *(f"{_DOMAIN}/object-types/{name}" for name in object_types)]
    return frozenset(("profile:PutProfileObject", resource) for resource in resources)


_ENVIRONMENT = {"DESTINATION": "customer-profiles", "CUSTOMER_PROFILES_DOMAIN_NAME": "shop"}

CASES: Final = DestinationCases(
    options={
        "CustomerProfiles": Option(
            make=add_profiles,
            environment={
                **_ENVIRONMENT,
                "CUSTOMER_PROFILES_OBJECT_TYPE_NAME": "GtmEvent",
                "CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME": "GtmVisitor",
            },
            grants=_grants("GtmEvent", "GtmVisitor"),
        ),
        "ExistingCustomerProfiles": Option(
            make=add_existing_profiles,
            environment={**_ENVIRONMENT, "CUSTOMER_PROFILES_OBJECT_TYPE_NAME": "Theirs"},
            grants=_grants("Theirs"),
        ),
        "NewCustomerProfiles": Option(
            make=add_new_profiles,
            environment={
                **_ENVIRONMENT,
                "CUSTOMER_PROFILES_OBJECT_TYPE_NAME": "ShopEvent",
                "CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME": "ShopVisitor",
                "CUSTOMER_PROFILES_REQUESTS_PER_SECOND": "50",
            },
            grants=_grants("ShopEvent", "ShopVisitor"),
        ),
    },
    settings={
        "customer_profiles_create_domain": "true",
        "customer_profiles_attributes": "plan,email=EmailAddress",
        "customer_profiles_trigger_event": "purchase",
    },
    malformed=[
        ("customer_profiles_domain", None),
        ("customer_profiles_domain", "the shop"),
        ("customer_profiles_region", "London"),
        ("customer_profiles_region", ""),
        ("customer_profiles_create_domain", "yes"),
        ("customer_profiles_object_type", "1st"),
        ("customer_profiles_visitor_object_type", "GtmEvent"),
        ("customer_profiles_create_object_type", "no"),
        ("customer_profiles_single_object_type", "no"),
        ("customer_profiles_event_expiration", "a month"),
        ("customer_profiles_max_events", 0),
        ("customer_profiles_attributes", "*"),
        ("customer_profiles_attributes", "plan,,city"),
        ("customer_profiles_attributes", "plan=Attributes.plan,plan"),
        ("customer_profiles_attributes", {"plan": 1}),
        ("customer_profiles_attributes", "email=Email"),
        ("customer_profiles_attributes", "e.mail"),
        ("customer_profiles_trigger_event", "x" * 256),
        ("customer_profiles_trigger_event", ""),
        ("customer_profiles_trigger_authenticated_only", "yes"),
        ("customer_profiles_requests_per_second", 0),
    ],
    values={
        "ProfileEventTrigger": lambda _: ProfileEventTrigger(event_type="buy"),
        "list of ProfileEventTriggers": lambda _: [ProfileEventTrigger(event_type="buy")],
        "list of ProfileEventTriggers, twice": lambda _: (
            [ProfileEventTrigger(event_type="buy")] * 2
        ),
        "list of CalculatedAttributes": lambda _: [
            CalculatedAttribute("purchases", statistic="COUNT")
        ],
        "Segment": lambda _: Segment("buyers", all_of={"Attributes.plan": Inclusive(["gold"])}),
        "list of Segments": lambda _: [
            Segment("buyers", any_of={"Attributes.plan": Inclusive(["gold"])})
        ],
        "Comparison": lambda _: GreaterThan(2),
        "mapping of an event's comparisons": lambda _: {"metrics.price": GreaterThan(100)},
        "mapping of a profile's comparisons": lambda _: {
            "CalculatedAttributes.spent": GreaterThan(100)
        },
        "mapping of texts' comparisons": lambda _: {"EmailAddress": GreaterThan(100)},
        "text, statistic": lambda _: "COUNT",
        "text, campaign": lambda _: CAMPAIGN_ARN,
    },
    types={
        "ProfileEventTrigger": "ProfileEventTrigger",
        "Sequence[ProfileEventTrigger]": "list, empty|list of ProfileEventTriggers",
        "Sequence[CalculatedAttribute]": "list, empty|list of CalculatedAttributes",
        "Segment": "Segment",
        "Sequence[Segment]": "list, empty|list of Segments",
        "Comparison": "Comparison",
        "Mapping[str, Comparison]": (
            "mapping, empty|mapping of (an event|a profile)'s comparisons"
        ),
    },
    required_props={
        "default_expiration": {"create_domain": True},
        "encryption_key": {"create_domain": True},
        "dead_letter_queue": {"create_domain": True},
        "region": {"create_object_type": False},
    },
)
