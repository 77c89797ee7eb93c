"""Calculated attributes of Customer Profiles."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Final

from aws_cdk import aws_customerprofiles as customer_profiles

from cdk_gtm_connector.destinations.customer_profiles.comparisons import (
    Comparison,
    EqualTo,
    Exclusive,
    GreaterThan,
    Inclusive,
    LessThan,
)
from cdk_gtm_connector.destinations.customer_profiles.event_fields import (
    EventField,
    event_field,
    member_field,
)
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import (
    check_instance,
    check_number,
    check_sequence,
    check_text,
    is_token,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

_MAX_NAME: Final = 53  # with its prefix, of a field of the object type
_NAME: Final = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{_MAX_NAME - 1}}}", re.ASCII)
_EVENT_TYPE: Final = re.compile(r"(?=.*\S).{1,255}", re.DOTALL)
_OF_NUMBERS: Final = ("SUM", "AVERAGE", "MINIMUM", "MAXIMUM")
_OF_VALUES: Final = ("FIRST_OCCURRENCE", "LAST_OCCURRENCE", "MAX_OCCURRENCE")
STATISTICS: Final = ("COUNT", *_OF_NUMBERS, *_OF_VALUES)
"""Statistics that CloudFormation knows."""

_MAX_DAYS: Final = 1_098  # for which a domain keeps anything
_MAX_OBJECTS: Final = 300
_OPERATORS: Final = {
    GreaterThan: "GREATER_THAN",
    LessThan: "LESS_THAN",
    EqualTo: "EQUAL_TO",
    Inclusive: "EQUAL_TO",
    Exclusive: "NOT_EQUAL_TO",
}
_TIMESTAMP: Final = "timestamp"


@named_props
@dataclass(frozen=True, slots=True)
class CalculatedAttribute:
    """A value that Customer Profiles computes from a profile's events, such as a count or a sum.

    It is computed from event objects; ``days`` counts by the events' own time. Segments and
    campaigns can use it in conditions.

    Example:
        >>> CalculatedAttribute(
        ...     "spent_90_days", event_type="purchase", metric="price", statistic="SUM", days=90
        ... )

    Args:
        name: Name in the domain: 1 to 53 letters, digits and ``_`` that do not begin with a digit.
        event_type: Event type, or list of event types, to include: the tag's ``event``. Default:
            all events.
        statistic: ``COUNT``, ``SUM``, ``AVERAGE``, ``MINIMUM``, ``MAXIMUM``, ``FIRST_OCCURRENCE``,
            ``LAST_OCCURRENCE`` or ``MAX_OCCURRENCE`` (the most frequent value).
        metric: Name of the metric to compute with. Without metric and attribute, ``COUNT`` counts
            the events; the other statistics need one. ``COUNT`` of a metric counts the events that
            have it. Default: none.
        attribute: Name of the event attribute to compute with, instead of a metric. ``SUM``,
            ``AVERAGE``, ``MINIMUM`` and ``MAXIMUM`` need a metric. Default: none.
        days: Days to look back, 1 to 1,098, and not longer than events are kept. Default: Customer
            Profiles' own range. Without ``days``, Customer Profiles also uses its own time of an
            event, because CloudFormation accepts ``timestamp`` as the time only together with a
            range.
        object_count: Maximum number of events to include, starting with the newest, 1 to 300
            (CloudFormation's limit). Default: Customer Profiles' own.
        threshold: Turns the value into yes or no: :class:`GreaterThan`, :class:`LessThan`,
            :class:`EqualTo`, or :class:`Inclusive` or :class:`Exclusive` of one text. Default:
            none, the value itself.

    Raises:
        PropError: A prop has a value that cannot work.
    """

    name: str
    _: KW_ONLY
    statistic: str
    event_type: str | Sequence[str] | None = None
    metric: str | None = None
    attribute: str | None = None
    days: int | None = None
    object_count: int | None = None
    threshold: Comparison | None = None

    def __post_init__(self) -> None:
        problem = f"must be 1 to {_MAX_NAME} letters, digits and _ that do not begin with a digit"
        check_text("name", self.name, _NAME, problem, known=True)
        if self.statistic not in STATISTICS:
            problem = f"must be one of {', '.join(STATISTICS)}"
            raise PropError("statistic", problem, self.statistic)
        _check_event_types(self.event_type)
        for prop, member in (("metric", "metrics"), ("attribute", "attributes")):
            value = getattr(self, prop)
            if value is None:
                continue
            if not isinstance(value, str) or is_token(value):
                problem = f"must be the name of {'a' if prop == 'metric' else 'an'} {prop}"
                raise PropError(prop, problem, value)
            member_field(prop, member, value)
        self._check_what_it_is_of()
        if self.days is not None:
            check_number("days", self.days, 1, _MAX_DAYS)
        if self.object_count is not None:
            check_number("object_count", self.object_count, 1, _MAX_OBJECTS)
        if self.threshold is not None:
            check_instance("threshold", self.threshold, Comparison, "GreaterThan(2)")
            if type(self.threshold) not in _OPERATORS or len(self.threshold.texts) != 1:
                raise PropError(
                    "threshold",
                    "must be GreaterThan, LessThan or EqualTo, or Inclusive or Exclusive of one "
                    "text",
                    self.threshold,
                )

    def _check_what_it_is_of(self) -> None:
        if self.metric is not None and self.attribute is not None:
            raise PropError(
                "attribute",
                "must not be given with {metric}",
                self.attribute,
                others={"metric": self.metric},
            )
        others = {"statistic": self.statistic}
        if self.statistic in _OF_NUMBERS and self.metric is None:
            raise PropError("metric", "must be given with that {statistic}", None, others=others)
        if self.statistic in _OF_VALUES and self.metric is None and self.attribute is None:
            problem = "must be given with that {statistic}, or metric"
            raise PropError("attribute", problem, None, others=others)

    @property
    def event_types(self) -> tuple[str, ...]:
        """The event types to include; empty for all."""
        if self.event_type is None:
            return ()
        if isinstance(self.event_type, str):
            return (self.event_type,)
        return tuple(dict.fromkeys(self.event_type))

    @property
    def field(self) -> EventField:
        """The field of the event objects that the value is computed from.

        CloudFormation has no filter by event type. With event types, this is therefore a separate
        field, ``calculated.{name}``, which the function adds only to events of these types.
        """
        if self.event_type is not None:
            is_number = self.metric is not None
            return member_field("name", "calculated", self.name, is_number=is_number)
        if self.metric is not None:
            return event_field("metric", f"metrics.{self.metric}")
        if self.attribute is not None:
            return event_field("attribute", f"attributes.{self.attribute}")
        return event_field("name", "event_id")

    @property
    def rule(self) -> dict[str, Any] | None:
        """The rule by which the function fills its field; ``None`` if every event has the field."""
        if self.event_type is None:
            return None
        of = {"metric": self.metric, "attribute": self.attribute}
        return {
            "event_types": list(self.event_types),
            **{kind: name for kind, name in of.items() if name is not None},
        }

    def add_to(
        self, scope: Construct, domain_name: str, object_type_name: str
    ) -> customer_profiles.CfnCalculatedAttributeDefinition:
        """Add the attribute's definition to ``scope``.

        Raises:
            PropError: The names are too long for an expression.
        """
        kind = customer_profiles.CfnCalculatedAttributeDefinition
        expression = f"{{{object_type_name}.{self.field.name}}}"
        if len(expression) > 255 and not is_token(object_type_name):  # noqa: PLR2004 - the limit
            problem = "must be shorter with that {object_type_name}: 255 characters together"
            others = {"object_type_name": object_type_name}
            raise PropError("calculated_attributes", problem, self.name, others=others)
        of_time = None
        if self.days is not None:
            of_time = kind.RangeProperty(
                unit="DAYS",
                value=self.days,
                timestamp_source=f"{{{object_type_name}.{_TIMESTAMP}}}",
                timestamp_format="ISO_8601",
            )
        threshold = None
        if self.threshold is not None:
            (value,) = self.threshold.texts
            threshold = kind.ThresholdProperty(
                operator=_OPERATORS[type(self.threshold)], value=value
            )
        limited = (of_time, self.object_count, threshold) != (None, None, None)
        return kind(
            scope,
            f"CalculatedAttribute{self.name}",
            domain_name=domain_name,
            calculated_attribute_name=self.name,
            display_name=self.name,
            attribute_details=kind.AttributeDetailsProperty(
                attributes=[kind.AttributeItemProperty(name=self.field.name)],
                expression=expression,
            ),
            statistic=self.statistic,
            conditions=(
                kind.ConditionsProperty(
                    range=of_time, object_count=self.object_count, threshold=threshold
                )
                if limited
                else None
            ),
        )


def _check_event_types(value: object) -> None:
    if value is None:
        return
    problem = "must be an event type of 1 to 255 characters, or a list of them"
    found = [value] if isinstance(value, str) else check_sequence("event_type", value, problem)
    if not found:
        raise PropError("event_type", problem, value, "leave it out for all events")
    for event_type in found:
        check_text("event_type", event_type, _EVENT_TYPE, problem, known=True)
