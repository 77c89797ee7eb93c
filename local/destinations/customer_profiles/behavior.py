"""The calculated attributes, segments and triggers of a template."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from local.destinations.customer_profiles.calculated import CalculatedAttribute
from local.destinations.customer_profiles.objects import ObjectType, properties_of
from local.destinations.customer_profiles.segments import Segment
from local.destinations.customer_profiles.triggers import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local.destinations.customer_profiles.objects import Profile, StoredObject
    from local.destinations.customer_profiles.triggers import TriggerResult

__all__ = ["DomainBehavior"]

_CALCULATED: Final = "CalculatedAttributes"


@dataclass(frozen=True, slots=True)
class DomainBehavior:
    """The calculated attributes, segments and triggers of domains.

    Args:
        attributes: The calculated attributes.
        segments: The segments.
        triggers: The event triggers.
    """

    attributes: Sequence[CalculatedAttribute] = field(default_factory=tuple)
    segments: Sequence[Segment] = field(default_factory=tuple)
    triggers: Sequence[Trigger] = field(default_factory=tuple)

    @classmethod
    def all_of(cls, template: Mapping[str, Any]) -> DomainBehavior:
        """Return the behavior that a CloudFormation template describes.

        Raises:
            ValueError: The stand-in does not support something in the template.
        """
        triggers = []
        integrations = properties_of(template, "Integration")
        types = {(it.domain, it.name): it for it in ObjectType.all_of(template)}
        for properties in properties_of(template, "EventTrigger"):
            starts = tuple(
                _uri(each["Uri"])
                for each in integrations
                if each["DomainName"] == properties["DomainName"]
                and properties["EventTriggerName"] in each.get("EventTriggerNames", [])
            )
            trigger = Trigger.from_properties(properties, starts=starts)
            if (known := types.get((trigger.domain, trigger.type_name))) is not None:
                trigger.check(known)
            triggers.append(trigger)
        return cls(
            [
                CalculatedAttribute.from_properties(each)
                for each in properties_of(template, "CalculatedAttributeDefinition")
            ],
            [
                Segment.from_properties(each)
                for each in properties_of(template, "SegmentDefinition")
            ],
            triggers,
        )

    def calculated(self, domain: str, profile: Profile, now: float) -> dict[str, str | None]:
        """Return the values of a profile's calculated attributes, by their names."""
        return {it.name: it.value(profile, now) for it in self.attributes if it.domain == domain}

    def lookup(
        self, domain: str, profile: Profile, now: float
    ) -> Callable[[tuple[str, ...]], str | None]:
        """Return a function that finds a profile's value by path.

        A path is, for example, ``("Attributes", "plan")``. Calculated attributes are computed only
        on request.
        """
        attributes = {it.name: it for it in self.attributes if it.domain == domain}

        def found(path: tuple[str, ...]) -> str | None:
            if path[0] != _CALCULATED:
                return profile.get(path)
            attribute = attributes.get(path[1])
            return None if attribute is None else attribute.value(profile, now)

        return found

    def evaluate(self, domain: str, stored: StoredObject, profile: Profile) -> list[TriggerResult]:
        """Evaluate each trigger for an object that has just arrived."""
        segments = {it.name: it for it in self.segments if it.domain == domain}
        lookup = self.lookup(domain, profile, stored.put)
        return [
            trigger.evaluate(stored, profile, segments, lookup)
            for trigger in self.triggers
            if (trigger.domain, trigger.type_name) == (domain, stored.type_name)
        ]


def _uri(value: Any) -> str:
    """Return an integration's URI, or the name of the resource that provides it."""
    match value:
        case str():
            return value
        case {"Fn::GetAtt": [str(name), *_]} | {"Ref": str(name)}:
            return f"{name} of this stack"
        case _:
            return json.dumps(value)
