"""Fields of the event objects, which triggers compare and calculated attributes count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_customerprofiles as customer_profiles

from cdk_gtm_connector.destinations.customer_profiles.profile_fields import MAX_NAME
from cdk_gtm_connector.errors import PropError

PLAIN_FIELDS: Final = ("endpoint_id", "event_id", "event_type", "timestamp", "access", "user_id")
"""Members of an event object, besides attributes and metrics, that are always fields."""

# The prefix of the field by the member of the event object. A field of a user attribute has usat_.
_PREFIXES: Final = {"attributes": "attribute_", "metrics": "metric_", "calculated": "calculated_"}
_LONGEST: Final = {member: MAX_NAME - len(prefix) for member, prefix in _PREFIXES.items()}
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class EventField:
    """A field of the event objects.

    Args:
        name: The field's name in the object type.
        source: The object's member that fills the field, such as ``metrics.price``.
        is_number: Whether the field is a number.
    """

    name: str
    source: str
    is_number: bool = False

    def mapping(
        self, *, target: str | None = None
    ) -> customer_profiles.CfnObjectType.FieldMapProperty:
        """Return the field as a CloudFormation property."""
        return customer_profiles.CfnObjectType.FieldMapProperty(
            name=self.name,
            object_type_field=customer_profiles.CfnObjectType.ObjectTypeFieldProperty(
                source=f"_source.{self.source}",
                target=target,
                content_type="NUMBER" if self.is_number else "STRING",
            ),
        )


def event_field(prop: str, path: str) -> EventField:
    """Return the field of the event objects that ``path`` names.

    Args:
        prop: The prop as the caller wrote it.
        path: ``metrics.{name}``, ``attributes.{name}``, or another member of the event objects.

    Raises:
        PropError: There is no such member, or Customer Profiles does not accept the field's name.
    """
    if path in PLAIN_FIELDS:
        return EventField(path, path)
    member, _, name = path.partition(".")
    if member not in ("attributes", "metrics"):
        raise PropError(
            prop,
            "must name metrics.price, attributes.plan and the like, or one of "
            f"{', '.join(PLAIN_FIELDS)}",
            path,
        )
    return member_field(prop, member, name)


def member_field(prop: str, member: str, name: str, *, is_number: bool | None = None) -> EventField:
    """Return the field of the event objects for ``name`` in ``member``.

    Args:
        prop: The prop as the caller wrote it.
        member: ``metrics``, ``attributes`` or ``calculated``.
        name: Name of the metric or attribute.
        is_number: Whether the field is a number. Default: only if ``member`` is ``metrics``.
    """
    longest = _LONGEST[member]
    # Customer Profiles would read a dot as another level, and other characters are not allowed in a
    # field's name.
    if not _NAME.fullmatch(name) or len(name) > longest:
        problem = f"must have 1 to {longest} letters, digits, _ and - for a name in {member}"
        raise PropError(prop, problem, name)
    number = member == "metrics" if is_number is None else is_number
    return EventField(f"{_PREFIXES[member]}{name}", f"{member}.{name}", number)
