"""Checks of the destination's props."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk

from cdk_gtm_connector.checks import check_queue
from cdk_gtm_connector.destinations.customer_profiles.event_trigger import ProfileEventTrigger
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.keys import check_key
from cdk_gtm_connector.validation import (
    check_duration,
    check_instance,
    check_number,
    check_text,
)

if TYPE_CHECKING:
    from cdk_gtm_connector.destinations.customer_profiles.behavior import ProfileBehavior

DEFAULT_EVENT_EXPIRATION: Final = cdk.Duration.days(90)
SHORTEST_EXPIRATION: Final = cdk.Duration.days(1)
LONGEST_EXPIRATION: Final = cdk.Duration.days(1_098)
"""Customer Profiles' limit for domains and object types."""

_OBJECT_TYPE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,254}", re.ASCII)
_NAME_PROBLEM: Final = (
    "must be 1 to 255 letters, digits, _ and - that do not begin with a digit or -"
)


def check_object_type_name(prop: str, name: object, problem: str = "") -> None:
    """Require the name of an object type.

    Args:
        prop: The prop as the caller wrote it.
        name: What the caller gave.
        problem: Beginning of the error's sentence. Default: empty.
    """
    check_text(prop, name, _OBJECT_TYPE_NAME, f"{problem}{_NAME_PROBLEM}")


def check_expiration(prop: str, value: cdk.Duration) -> None:
    """Require a duration for which Customer Profiles keeps data."""
    check_duration(prop, value, SHORTEST_EXPIRATION, LONGEST_EXPIRATION, unit="days")


def checked_visitors(
    name: str | None, object_type_name: str, *, create_object_type: bool, single_object_type: bool
) -> str | None:
    """Return the name of the visitor objects' type; ``None`` if there is a single object type."""
    if name is not None:
        check_object_type_name("visitor_object_type_name", name)
        if name == object_type_name:
            raise PropError(
                "visitor_object_type_name",
                "must be another one than {object_type_name}",
                name,
                others={"object_type_name": object_type_name},
            )
    if single_object_type:
        for prop, value, other in (
            ("visitor_object_type_name", name, True),
            ("single_object_type", None if create_object_type else True, False),
        ):
            if value is not None:
                needed = "single_object_type" if other else "create_object_type"
                raise PropError(
                    prop, f"must not be given with {{{needed}}}", value, others={needed: other}
                )
        return None
    if name is None and create_object_type:
        name = f"{object_type_name.removesuffix('Event')}Visitor"
        check_object_type_name("object_type_name", name, "must leave room for Visitor: ")
    return name


def check_events(
    expiration: cdk.Duration | None,
    max_events: int | None,
    behavior: ProfileBehavior,
    *,
    counted: bool,
    created: bool,
) -> None:
    """Check the props of event objects.

    Args:
        expiration: How long event objects are kept.
        max_events: Maximum event objects per profile.
        behavior: Calculated attributes, segments and triggers.
        counted: Whether each event becomes an object of its own.
        created: Whether this destination creates their type.
    """
    if expiration is not None:
        check_expiration("event_expiration", expiration)
    if max_events is not None:
        check_number("max_events_per_profile", max_events, 1, 1_000)
    for prop, value in (
        ("event_expiration", expiration),
        ("max_events_per_profile", max_events),
    ):
        if value is not None and not created:
            raise PropError(
                prop, "must not be given unless this makes event objects a type of their own", value
            )
    if behavior.calculated_attributes and not counted:
        raise PropError(
            "calculated_attributes",
            "must not be given with a single object type, of which an endpoint has one object, so "
            "that there is nothing to count",
            behavior.calculated_attributes[0].name,
            "give visitor_object_type_name, or leave out single_object_type",
        )
    kept = expiration or DEFAULT_EVENT_EXPIRATION
    if created and not kept.is_unresolved():
        for attribute in behavior.calculated_attributes:
            if isinstance(attribute.days, int) and attribute.days > kept.to_days():
                raise PropError(
                    "calculated_attributes",
                    "must not look further back than {event_expiration}, after which events no "
                    "longer exist",
                    attribute.days,
                    others={"event_expiration": kept},
                )


def check_existing_object_types(user_attributes: object, *, create_domain: bool) -> None:
    """Refuse props that need new object types."""
    if user_attributes:
        raise PropError(
            "user_attributes",
            "must not be given without {create_object_type}, because an existing object type has "
            "its own mapping (map them there, or import the object type into the stack with cdk "
            "import)",
            user_attributes,
            others={"create_object_type": False},
        )
    if create_domain:
        raise PropError(
            "create_object_type",
            "must not be False with {create_domain}, because a new domain has no object types",
            got=False,
            others={"create_domain": True},
        )


def check_nothing_is_made(stack: cdk.Stack, region: str | None, **props: object) -> None:
    """Refuse props that would create resources of a domain in another Region.

    Args:
        stack: The stack, which creates resources only in its own Region.
        region: The domain's Region.
        props: The values of the props that create a resource.
    """
    here = (
        "whose Region is not known (give it an env)"
        if cdk.Token.is_unresolved(stack.region)
        else f"in {stack.region}"
    )
    for prop, value in props.items():
        if value:
            nothing = {"event_trigger": "None", "event_triggers": "empty", "segments": "empty"}
            raise PropError(
                prop,
                f"must be {nothing.get(prop, 'False')} with {{region}} in a stack {here}, because "
                "a stack creates nothing in another Region",
                value,
                "create the domain and the object types in a stack there",
                others={"region": region},
            )


def check_constructs(key: object, queue: object, trigger: object) -> None:
    """Require a key, a queue and a trigger, or ``None``."""
    if key is not None:
        check_key("encryption_key", key)
    if queue is not None:
        check_queue("dead_letter_queue", queue)
    if trigger is not None:
        example = 'ProfileEventTrigger(event_type="purchase")'
        check_instance("event_trigger", trigger, ProfileEventTrigger, example)


def refuse_without(switch: str, **props: object) -> None:
    """Refuse ``props`` that were given although the prop ``switch``, which they need, is off."""
    for prop, value in props.items():
        if value is not None:
            raise PropError(
                prop, f"must not be given without {{{switch}}}", value, others={switch: False}
            )
