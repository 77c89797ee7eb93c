"""Object types of Customer Profiles for events and for user attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk
from aws_cdk import aws_customerprofiles as customer_profiles
from aws_cdk import aws_iam as iam

from cdk_gtm_connector.destinations.customer_profiles.event_fields import PLAIN_FIELDS, EventField
from cdk_gtm_connector.destinations.customer_profiles.profile_fields import (
    CONTENT_TYPES,
    FIELD_PREFIX,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aws_cdk import aws_lambda as lambda_
    from constructs import Construct

ENDPOINT_KEY: Final = "GtmEndpointId"
"""Name of the key that finds a profile by its endpoint id, the same in every object type.

Key names are shared within a domain: objects of different types belong to the same profile if they
have the same value for a key of the same name.
"""

EVENT_KEY: Final = "GtmEventId"
"""Name of the key that is unique to each event object."""

_VISITOR_FIELDS: Final = ("endpoint_id", "timestamp", "access", "user_id")


def add_event_object_type(
    scope: Construct,
    domain_name: str,
    name: str,
    *,
    fields: Iterable[EventField],
    expiration: cdk.Duration,
    max_objects: int,
) -> customer_profiles.CfnObjectType:
    """Add the event objects' type. An event object changes no field of the profile.

    Args:
        scope: Parent construct.
        domain_name: Name of the domain.
        name: Name of the object type.
        fields: Fields that triggers compare or calculated attributes count.
        expiration: How long an object is kept.
        max_objects: Maximum objects per profile.
    """
    return _add(
        scope,
        # The same construct id as the single object type of earlier versions, so an update keeps
        # the resource.
        "ObjectType",
        domain_name=domain_name,
        object_type_name=name,
        description="A Google Tag Manager event",
        expiration_days=expiration.to_days(),
        max_profile_object_count=max_objects,
        fields=_event_fields(fields),
        keys=[_key(EVENT_KEY, "event_id", "UNIQUE"), _key(ENDPOINT_KEY, "endpoint_id", "PROFILE")],
    )


def add_visitor_object_type(
    scope: Construct, domain_name: str, name: str, *, user_attributes: Mapping[str, str]
) -> customer_profiles.CfnObjectType:
    """Add the visitor objects' type. An endpoint has one such object, with its user attributes.

    Args:
        scope: Parent construct.
        domain_name: Name of the domain.
        name: Name of the object type.
        user_attributes: The profile's field by user attribute.
    """
    return _add(
        scope,
        "VisitorObjectType",
        domain_name=domain_name,
        object_type_name=name,
        description="The user attributes of a Google Tag Manager endpoint",
        fields=[
            *(EventField(name, name).mapping() for name in _VISITOR_FIELDS),
            *_user_attribute_fields(user_attributes),
        ],
        keys=[_key(ENDPOINT_KEY, "endpoint_id", "PROFILE", "UNIQUE")],
    )


def add_single_object_type(
    scope: Construct,
    domain_name: str,
    name: str,
    *,
    fields: Iterable[EventField],
    user_attributes: Mapping[str, str],
) -> customer_profiles.CfnObjectType:
    """Add the single object type of earlier versions, for the newest event of an endpoint.

    Args:
        scope: Parent construct.
        domain_name: Name of the domain.
        name: Name of the object type.
        fields: Fields that triggers compare.
        user_attributes: The profile's field by user attribute.
    """
    return _add(
        scope,
        "ObjectType",
        domain_name=domain_name,
        object_type_name=name,
        description="The newest Google Tag Manager event of an endpoint",
        fields=[*_event_fields(fields), *_user_attribute_fields(user_attributes)],
        keys=[_key(ENDPOINT_KEY, "endpoint_id", "PROFILE", "UNIQUE")],
    )


def grant_put(
    function: lambda_.Function, domain_name: str, object_type_name: str, region: str | None
) -> None:
    """Let ``function`` put objects of one type.

    Customer Profiles has no L2 construct with a grant method. IAM has no action for
    ``BatchPutProfileObject``; ``PutProfileObject`` covers it. The service authorization reference
    requires the permission on the domain and on the object type.

    Args:
        function: The function that puts them.
        domain_name: The domain's name.
        object_type_name: The object type's name.
        region: The domain's Region; ``None`` for the function's.
    """
    stack = cdk.Stack.of(function)
    function.add_to_role_policy(
        iam.PolicyStatement(
            actions=["profile:PutProfileObject"],
            resources=[
                stack.format_arn(
                    service="profile", region=region, resource="domains", resource_name=name
                )
                for name in (domain_name, f"{domain_name}/object-types/{object_type_name}")
            ],
        )
    )


def _add(scope: Construct, construct_id: str, **props: Any) -> customer_profiles.CfnObjectType:
    object_type = customer_profiles.CfnObjectType(
        scope, construct_id, allow_profile_creation=True, **props
    )
    # Deleting an object type deletes its objects, and the profile data that comes from them.
    object_type.apply_removal_policy(cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
    return object_type


def _event_fields(
    fields: Iterable[EventField],
) -> list[customer_profiles.CfnObjectType.FieldMapProperty]:
    plain = [EventField(name, name) for name in PLAIN_FIELDS]
    return [field.mapping() for field in dict.fromkeys([*plain, *fields])]


def _user_attribute_fields(
    user_attributes: Mapping[str, str],
) -> list[customer_profiles.CfnObjectType.FieldMapProperty]:
    return [
        customer_profiles.CfnObjectType.FieldMapProperty(
            name=f"{FIELD_PREFIX}{name}",
            object_type_field=customer_profiles.CfnObjectType.ObjectTypeFieldProperty(
                source=f"_source.user_attributes.{name}",
                target=f"_profile.{target}",
                content_type=CONTENT_TYPES.get(target, "STRING"),
            ),
        )
        for name, target in user_attributes.items()
    ]


def _key(
    name: str, field: str, *identifiers: str
) -> customer_profiles.CfnObjectType.KeyMapProperty:
    return customer_profiles.CfnObjectType.KeyMapProperty(
        name=name,
        object_type_key_list=[
            customer_profiles.CfnObjectType.ObjectTypeKeyProperty(
                field_names=[field], standard_identifiers=list(identifiers)
            )
        ],
    )
