"""Segments of Customer Profiles."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Final

from aws_cdk import aws_customerprofiles as customer_profiles

from cdk_gtm_connector.destinations.customer_profiles.comparisons import (
    Comparison,
    check_comparisons,
    is_numeric,
)
from cdk_gtm_connector.destinations.customer_profiles.profile_fields import MAX_NAME, PROFILE_FIELDS
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import check_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import Construct

_MAX_DISPLAY_NAME: Final = 255
_DISPLAY_NAME: Final = re.compile(rf"(?=.*\S).{{1,{_MAX_DISPLAY_NAME}}}")
_HASH: Final = 8
_CUSTOM: Final = "Attributes"
_CALCULATED: Final = "CalculatedAttributes"
_ATTRIBUTE: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9-]{0,254}", re.ASCII)
# The fields of an address that CloudFormation's AddressDimension has.
_OF_ADDRESS: Final = ("City", "Country", "County", "PostalCode", "Province", "State")
SEGMENT_FIELDS: Final = tuple(
    field
    for field in PROFILE_FIELDS
    # A birth date is compared as a date.
    if field != "BirthDate" and ("." not in field or field.partition(".")[2] in _OF_ADDRESS)
)
"""The profile's own fields that a segment can compare, as texts."""

_EXAMPLE: Final = "CalculatedAttributes.spent_90_days to GreaterThan(100)"


@named_props
@dataclass(frozen=True, slots=True)
class Segment:
    """A group of profiles that meet some conditions, for campaigns and triggers.

    A profile belongs to it if it meets all conditions of ``all_of`` and, if there are any, at least
    one of ``any_of``.

    A condition compares

    - ``Attributes.{name}``, a user attribute that has become the profile's;
    - ``CalculatedAttributes.{name}``, a :class:`CalculatedAttribute`;
    - or a field of the profile's own, such as ``EmailAddress`` or ``Address.City``.

    Example:
        >>> Segment(
        ...     "big spenders",
        ...     all_of={
        ...         "CalculatedAttributes.spent_90_days": GreaterThan(100),
        ...         "Attributes.plan": Inclusive(["gold", "platinum"]),
        ...     },
        ... )

    Args:
        name: Name that Amazon Connect shows: 1 to 255 characters in one line.
        all_of: Conditions to meet, all of them. Default: none; then ``any_of`` is needed.
        any_of: Conditions to meet, one of them. Default: none; then ``all_of`` is needed.

    Raises:
        PropError: A prop has a value that cannot work.
    """

    name: str
    _: KW_ONLY
    all_of: Mapping[str, Comparison] | None = None
    any_of: Mapping[str, Comparison] | None = None

    def __post_init__(self) -> None:
        problem = f"must be 1 to {_MAX_DISPLAY_NAME} characters in one line"
        check_text("name", self.name, _DISPLAY_NAME, problem, known=True)
        for prop in ("all_of", "any_of"):
            value = getattr(self, prop)
            if value is not None:
                for attribute, comparison in check_comparisons(prop, value, _EXAMPLE).items():
                    _check_condition(prop, attribute, comparison)
        if not self.all_of and not self.any_of:
            raise PropError("all_of", "must be given, or any_of", self.all_of)

    @property
    def definition_name(self) -> str:
        """Name of the segment's definition in the domain. It depends on the segment's conditions.

        Customer Profiles cannot change a segment, so CloudFormation replaces it. The old and the
        new one exist together for a moment, so they must have different names.
        """
        conditions = {
            prop: {name: [c.operator, *c.texts] for name, c in (getattr(self, prop) or {}).items()}
            for prop in ("all_of", "any_of")
        }
        text = json.dumps([self.name, conditions], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:_HASH]
        return f"{self._slug}-{digest}"

    @property
    def construct_id(self) -> str:
        """Construct id, which does not depend on the conditions."""
        return f"Segment{self._slug}"

    @property
    def _slug(self) -> str:
        slug = re.sub(r"[^A-Za-z0-9_-]", "_", self.name, flags=re.ASCII)
        return slug[: MAX_NAME - _HASH - 1]

    def add_to(self, scope: Construct, domain_name: str) -> customer_profiles.CfnSegmentDefinition:
        """Add the segment's definition to ``scope``."""
        kind = customer_profiles.CfnSegmentDefinition
        groups = [
            kind.GroupProperty(
                type=type_, dimensions=[_dimension(name, c) for name, c in conditions.items()]
            )
            for type_, conditions in (("ALL", self.all_of), ("ANY", self.any_of))
            if conditions
        ]
        return kind(
            scope,
            self.construct_id,
            domain_name=domain_name,
            segment_definition_name=self.definition_name,
            display_name=self.name,
            segment_groups=kind.SegmentGroupProperty(groups=groups, include="ALL"),
        )


def _check_condition(prop: str, attribute: str, comparison: Comparison) -> None:
    owner, _, name = attribute.partition(".")
    if owner in (_CUSTOM, _CALCULATED) and _ATTRIBUTE.fullmatch(name):
        return
    if attribute not in SEGMENT_FIELDS:
        raise PropError(
            prop,
            "must name Attributes.plan, CalculatedAttributes.spent_90_days and the like, or a "
            "field of the profile that is a text, such as EmailAddress or Address.City",
            attribute,
        )
    if is_numeric(comparison):
        problem = f"must compare the text {attribute} with texts, such as Inclusive([…])"
        raise PropError(prop, problem, comparison)


def _dimension(
    attribute: str, comparison: Comparison
) -> customer_profiles.CfnSegmentDefinition.DimensionProperty:
    kind = customer_profiles.CfnSegmentDefinition
    owner, _, name = attribute.partition(".")
    values: dict[str, Any] = {
        "dimension_type": comparison.operator,
        "values": list(comparison.texts),
    }
    if owner == _CALCULATED:
        return kind.DimensionProperty(
            calculated_attributes={name: kind.CalculatedAttributeDimensionProperty(**values)}
        )
    dimension: Any
    if owner == _CUSTOM:
        dimension = {name: kind.AttributeDimensionProperty(**values)}
    elif name:
        dimension = kind.AddressDimensionProperty(
            **{_snake_case(name): kind.ProfileDimensionProperty(**values)}
        )
    elif owner == "AdditionalInformation":
        dimension = kind.ExtraLengthValueProfileDimensionProperty(**values)
    else:
        dimension = kind.ProfileDimensionProperty(**values)
    return kind.DimensionProperty(
        profile_attributes=kind.ProfileAttributesProperty(**{_snake_case(owner): dimension})
    )


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
