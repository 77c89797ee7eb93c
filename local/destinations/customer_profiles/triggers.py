"""Event triggers, which start campaigns for objects that arrive.

- A trigger checks the objects of one type as they arrive. A condition combines its dimensions by
  ``ALL``, ``ANY`` or ``NONE``. [model, ``CreateEventTrigger``]
- ``SegmentFilter``: the profile must be in this segment. [model]
- ``Periods``: maximum invocations for a profile within a period. [model, ``Period``]
- ``EventExpiration``: maximum age of an event in milliseconds. [model]
- A trigger starts the integrations that name it. [guide, "create campaigns using event triggers"]

AWS does not document the following, and the stand-in assumes it:

- An object that is identical to the one that it replaces starts nothing, because it is a
  repetition.
- Segments and calculated attributes include the new object.
- A period is the time up to now. A week has 7 days, a month 30.
- An event's age is the time since the object's ``timestamp``; an object without one never expires.
- The stand-in does not support several conditions in a trigger, or several attributes in a
  dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from local.destinations.customer_profiles.calculated import time_of
from local.destinations.customer_profiles.comparisons import NUMERIC, Comparison
from local.destinations.customer_profiles.objects import DAY_SECONDS, member_at
from local.destinations.customer_profiles.segments import combined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.destinations.customer_profiles.objects import ObjectType, Profile, StoredObject
    from local.destinations.customer_profiles.segments import Segment

__all__ = ["Trigger", "TriggerResult"]

_UNITS: Final = {
    "MINUTES": 60,
    "HOURS": 60 * 60,
    "DAYS": DAY_SECONDS,
    "WEEKS": 7 * DAY_SECONDS,
    "MONTHS": 30 * DAY_SECONDS,
}


class TriggerResult(NamedTuple):
    """The result of a trigger for an object."""

    trigger: str
    started: bool
    why: str
    """The campaigns that it started, or why it did not start."""


class Period(NamedTuple):
    """A limit of a trigger for each profile."""

    value: int
    unit: str
    most: int

    @property
    def seconds(self) -> int:
        """Length of the period in seconds."""
        return self.value * _UNITS[self.unit]


@dataclass(frozen=True, slots=True)
class Trigger:
    """An event trigger, which starts the integrations that name it.

    Args:
        domain: Name of the domain.
        type_name: Name of the object type whose objects it checks.
        name: Name of the trigger.
        kind: ``ALL``, ``ANY`` or ``NONE`` of the comparisons must hold.
        comparisons: Comparisons of the object type's fields.
        segment: Name of the segment that the profile must be in; ``None`` for no such condition.
        periods: Limits on how often it starts for a profile.
        expiration: Maximum age of an event in seconds; ``None`` for no maximum.
        starts: The campaigns that name it.
    """

    domain: str
    type_name: str
    name: str
    kind: str
    comparisons: tuple[Comparison, ...]
    segment: str | None = None
    periods: tuple[Period, ...] = ()
    expiration: float | None = None
    starts: tuple[str, ...] = ()

    @classmethod
    def from_properties(
        cls, properties: Mapping[str, Any], *, starts: tuple[str, ...] = ()
    ) -> Trigger:
        """Return the trigger that a resource's properties describe.

        Args:
            properties: The resource's properties.
            starts: The campaigns that name it.

        Raises:
            ValueError: The stand-in does not support something in them.
        """
        name = properties["EventTriggerName"]
        try:
            [condition] = properties["EventTriggerConditions"]
            kind = condition["LogicalOperator"]
            combined(kind, ())
            attributes = []
            for dimension in condition["EventTriggerDimensions"]:
                [attribute] = dimension["ObjectAttributes"]
                attributes.append((attribute["FieldName"], attribute))
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"event trigger {name}: the stand-in supports one condition, ALL, ANY or NONE of "
                "single fields"
            ) from error
        limits = properties.get("EventTriggerLimits") or {}
        expiration = limits.get("EventExpiration")
        try:
            comparisons = tuple(
                Comparison.of(field, each["ComparisonOperator"], each["Values"])
                for field, each in attributes
            )
            periods = tuple(
                Period(int(it["Value"]), it["Unit"], int(it["MaxInvocationsPerProfile"]))
                for it in limits.get("Periods") or []
                if not it.get("Unlimited")
            )
        except (KeyError, ValueError) as error:
            raise ValueError(f"event trigger {name}: {error}") from error
        return cls(
            domain=properties["DomainName"],
            type_name=properties["ObjectTypeName"],
            name=name,
            kind=kind,
            comparisons=comparisons,
            segment=properties.get("SegmentFilter"),
            periods=periods,
            expiration=None if expiration is None else int(expiration) / 1_000,
            starts=starts,
        )

    def check(self, object_type: ObjectType) -> None:
        """Check that the object type has the fields that the trigger compares.

        Raises:
            ValueError: A field is missing, or is compared as a number but is not one.
        """
        for each in self.comparisons:
            if each.name not in object_type.sources:
                raise ValueError(
                    f"event trigger {self.name}: object type {object_type.name} has no field "
                    f"{each.name}"
                )
            if each.operator in NUMERIC and each.name not in object_type.numbers:
                raise ValueError(
                    f"event trigger {self.name}: field {each.name} must have the content type "
                    f"NUMBER to be compared by {each.operator}"
                )

    def evaluate(
        self,
        stored: StoredObject,
        profile: Profile,
        segments: Mapping[str, Segment],
        lookup: Callable[[tuple[str, ...]], str | None],
    ) -> TriggerResult:
        """Decide whether an object that has just arrived starts the trigger, and count it if so.

        Args:
            stored: The object as stored.
            profile: The profile.
            segments: The domain's segments by name.
            lookup: Returns a value of the profile by its path.
        """
        now = stored.put
        why = (
            self._unmet(stored)
            or self._too_old(stored, now)
            or self._outside(segments, lookup)
            or self._exhausted(profile, now)
        )
        if why:
            return TriggerResult(self.name, started=False, why=why)
        profile.started.setdefault(self.name, []).append(now)
        attached = ", ".join(self.starts) or "nothing: no integration names it"
        return TriggerResult(self.name, started=True, why=attached)

    def _unmet(self, stored: StoredObject) -> str:
        found = [it.holds(stored.values.get(it.name)) for it in self.comparisons]
        if combined(self.kind, found):
            return ""
        reasons = [
            it.why_not(stored.values.get(it.name))
            for it, holds in zip(self.comparisons, found, strict=True)
            if not holds
        ]
        return "; ".join(reasons) if self.kind != "NONE" else "a condition excludes it"

    def _too_old(self, stored: StoredObject, now: float) -> str:
        at = time_of(member_at(stored.document, ("timestamp",)))
        if self.expiration is None or at is None:
            return ""
        age = (datetime.fromtimestamp(now, UTC) - at).total_seconds()
        if age <= self.expiration:
            return ""
        return f"the event is {age:,.0f} seconds old, but may be at most {self.expiration:,.0f}"

    def _outside(
        self,
        segments: Mapping[str, Segment],
        lookup: Callable[[tuple[str, ...]], str | None],
    ) -> str:
        if self.segment is None:
            return ""
        segment = segments.get(self.segment)
        if segment is None:
            return f"segment {self.segment} is not in the stack, so its profiles are not known here"
        if segment.has(lookup):
            return ""
        return f"the profile is not in segment {segment.title}: {segment.why_not(lookup)}"

    def _exhausted(self, profile: Profile, now: float) -> str:
        times = profile.started.get(self.name, [])
        for period in self.periods:
            recent = sum(at > now - period.seconds for at in times)
            if recent >= period.most:
                return (
                    f"the trigger has started {recent} times for the profile within {period.value} "
                    f"{period.unit.lower()}, which is its limit"
                )
        return ""
