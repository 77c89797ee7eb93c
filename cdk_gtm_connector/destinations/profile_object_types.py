"""Object types of Customer Profiles: what becomes of events and user attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk
from aws_cdk import aws_customerprofiles as customer_profiles

from cdk_gtm_connector.destinations.event_fields import PLAIN_FIELDS, EventField
from cdk_gtm_connector.destinations.profile_fields import CONTENT_TYPES, FIELD_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from constructs import Construct

ENDPOINT_KEY: Final = "GtmEndpointId"
"""Name of the key that finds a profile by its endpoint id, the same in every object type.

A key's name is the domain's: objects of different types that have the same value of a key of the
same name are one profile's.
"""

EVENT_KEY: Final = "GtmEventId"
"""Name of the key that tells the event objects apart."""

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
    """Add the type of the event objects: each event is one, and says nothing of the profile.

    Args:
        scope: Where it goes.
        domain_name: Of the domain.
        name: Of the object type.
        fields: Those that are compared or counted.
        expiration: How long each is kept.
        max_objects: How many a profile holds.
    """
    return _add(
        scope,
        # It is that of the one object type of earlier versions, which it goes on being.
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
    """Add the type of the visitor objects: an endpoint has one, with its user attributes.

    Args:
        scope: Where it goes.
        domain_name: Of the domain.
        name: Of the object type.
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
    """Add the one object type of earlier versions, for the newest event of an endpoint.

    Args:
        scope: Where it goes.
        domain_name: Of the domain.
        name: Of the object type.
        fields: Those that triggers compare.
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


def _add(scope: Construct, construct_id: str, **props: Any) -> customer_profiles.CfnObjectType:
    object_type = customer_profiles.CfnObjectType(
        scope, construct_id, allow_profile_creation=True, **props
    )
    # The objects, and what profiles know from them, are lost with their type.
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
