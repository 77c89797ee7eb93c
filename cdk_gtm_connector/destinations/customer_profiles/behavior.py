"""A destination's calculated attributes, segments and event triggers together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_customerprofiles as customer_profiles

from cdk_gtm_connector.destinations.customer_profiles.calculated_attribute import (
    CalculatedAttribute,
)
from cdk_gtm_connector.destinations.customer_profiles.event_trigger import (
    ProfileEventTrigger,
    campaign_id,
)
from cdk_gtm_connector.destinations.customer_profiles.segment import Segment
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.validation import check_instance, check_sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from constructs import Construct

    from cdk_gtm_connector.destinations.customer_profiles.event_fields import EventField

_EXAMPLES: Final = {
    CalculatedAttribute: (
        'CalculatedAttribute("purchases_30_days", event_type="purchase", statistic="COUNT", '
        "days=30)"
    ),
    Segment: (
        'Segment("buyers", all_of=dict([("CalculatedAttributes.purchases", GreaterThan(0))]))'
    ),
    ProfileEventTrigger: 'ProfileEventTrigger(event_type="purchase")',
}
_MAX_RULES: Final = 2_000  # characters; a function's variables have 4 KB together


@dataclass(frozen=True, slots=True)
class ProfileBehavior:
    """The calculated attributes, segments and event triggers of one destination.

    Args:
        calculated_attributes: The calculated attributes, in the caller's order.
        segments: The segments, including those of triggers.
        triggers: For each construct id, the prop that the trigger came from, and the trigger.
    """

    calculated_attributes: tuple[CalculatedAttribute, ...]
    segments: tuple[Segment, ...]
    triggers: dict[str, tuple[str, ProfileEventTrigger]]

    @classmethod
    def of(
        cls,
        calculated_attributes: object,
        segments: object,
        event_trigger: ProfileEventTrigger | None,
        event_triggers: object,
    ) -> ProfileBehavior:
        """Check the values of the four props, and return them as one object.

        Raises:
            PropError: A value has the wrong type, or two have the same name.
        """
        attributes = _checked("calculated_attributes", calculated_attributes, CalculatedAttribute)
        given = _checked("segments", segments, Segment)
        several = _checked("event_triggers", event_triggers, ProfileEventTrigger)
        # The trigger of event_trigger keeps the logical id that it has always had.
        triggers = {
            f"EventTrigger{trigger.trigger_name}": ("event_triggers", trigger)
            for trigger in several
        }
        if event_trigger is not None:
            triggers = {"EventTrigger": ("event_trigger", event_trigger), **triggers}
        found = [trigger for _, trigger in triggers.values()]
        of_triggers = [t.segment for t in found if isinstance(t.segment, Segment)]
        behavior = cls(
            attributes,
            tuple({s.definition_name: s for s in (*given, *of_triggers)}.values()),
            triggers,
        )
        every_trigger = [*([] if event_trigger is None else [event_trigger]), *several]
        _check_once("calculated_attributes", [a.name for a in attributes], "name")
        _check_once("segments", [s.construct_id for s in behavior.segments], "name")
        _check_once("event_triggers", [t.trigger_name for t in every_trigger], "name")
        _check_ids(triggers)
        campaigns = [t.campaign_arn for t in every_trigger if t.campaign_arn is not None]
        # A domain has one integration for each campaign, and the integration names one trigger.
        _check_once("event_triggers", campaigns, "campaign_arn")
        if len(behavior.rules) > _MAX_RULES:
            raise PropError(
                "calculated_attributes",
                f"must need {_MAX_RULES:,} characters at most of the function's variables, with "
                "their names, event types and metrics",
                len(behavior.rules),
            )
        return behavior

    @property
    def fields(self) -> Iterable[EventField]:
        """Fields that calculated attributes and triggers need in the event objects' type."""
        for _, trigger in self.triggers.values():
            yield from trigger.fields
        for attribute in self.calculated_attributes:
            yield attribute.field

    @property
    def rules(self) -> str:
        """Rules for the fields that the function fills, as JSON; empty if there are none."""
        rules = {a.name: a.rule for a in self.calculated_attributes if a.rule is not None}
        return json.dumps(rules, separators=(",", ":")) if rules else ""

    @property
    def resources(self) -> dict[str, object]:
        """Triggers and segments by prop, which become resources of the domain."""
        of: dict[str, object] = {}
        for prop, trigger in self.triggers.values():
            of.setdefault(prop, trigger)
        found = {prop: of.get(prop) for prop in ("event_trigger", "event_triggers")}
        return {**found, "segments": self.segments}

    @property
    def authenticated_only(self) -> bool:
        """True if a trigger reacts to authenticated events only."""
        return any(trigger.authenticated_only for _, trigger in self.triggers.values())

    def add_to(
        self,
        scope: Construct,
        domain_name: str,
        object_type_name: str,
        needs: cdk.CfnResource | None,
    ) -> None:
        """Add the resources to ``scope``.

        Args:
            scope: Parent construct.
            domain_name: Name of the domain.
            object_type_name: Name of the event objects' type.
            needs: Resource of this stack that must exist first, if there is one.

        Raises:
            PropError: The stack already creates a resource with the same name.
        """
        taken = _names(cdk.Stack.of(scope), domain_name)

        def add(prop: str, name: str, make: Callable[[], cdk.CfnResource]) -> cdk.CfnResource:
            if (prop.removesuffix("s"), name) in taken:
                raise PropError(
                    prop,
                    "must not have the name of "
                    f"{_WORDS[prop.removesuffix('s')]} that this stack makes in {{domain_name}} "
                    "already",
                    name,
                    others={"domain_name": domain_name},
                )
            return make()

        attributes = [
            add(
                "calculated_attributes",
                attribute.name,
                lambda a=attribute: a.add_to(scope, domain_name, object_type_name),  # type: ignore[misc]
            )
            for attribute in self.calculated_attributes
        ]
        segments = [
            add(
                "segments",
                segment.definition_name,
                lambda s=segment: s.add_to(scope, domain_name),  # type: ignore[misc]
            )
            for segment in self.segments
        ]
        triggers = [
            add(
                prop,
                trigger.trigger_name,
                lambda i=construct_id, t=trigger: t.add_to(  # type: ignore[misc]
                    scope, i, domain_name, object_type_name
                ),
            )
            for construct_id, (prop, trigger) in self.triggers.items()
        ]
        foundation = [] if needs is None else [needs]
        for made, first in (
            (attributes, foundation),
            (segments, attributes or foundation),
            (triggers, [*foundation, *segments]),
        ):
            for resource in made:
                for other in first:
                    resource.node.add_dependency(other)


_WORDS: Final = {
    "calculated_attribute": "a calculated attribute",
    "segment": "a segment",
    "event_trigger": "a trigger",
}


def _checked(prop: str, value: object, kind: type[Any]) -> tuple[Any, ...]:
    example = _EXAMPLES[kind]
    article = "an" if kind.__name__[0] in "AEIO" else "a"
    problem = f"must be a list of {kind.__name__}s, each {article} {kind.__name__}"
    found = check_sequence(prop, value, problem)
    for one in found:
        check_instance(prop, one, kind, example)
    return tuple(found)


def _check_once(prop: str, values: Sequence[str], what: str) -> None:
    for value in values:
        if values.count(value) > 1:
            raise PropError(prop, f"must not have the same {what} twice", value)


def _check_ids(triggers: Mapping[str, tuple[str, ProfileEventTrigger]]) -> None:
    """Refuse a trigger whose construct id is that of another trigger's integration."""
    campaigns = {campaign_id(i) for i, (_, t) in triggers.items() if t.campaign_arn is not None}
    for construct_id, (prop, trigger) in triggers.items():
        if construct_id in campaigns:
            problem = "must have another name: another trigger's integration has that construct id"
            raise PropError(prop, problem, trigger.trigger_name)


def _names(stack: cdk.Stack, domain_name: str) -> set[tuple[str, str]]:
    """Return kind and name of all resources that a stack creates in a domain, for any connector."""
    found = set()
    for construct in stack.node.find_all():
        match construct:
            case customer_profiles.CfnCalculatedAttributeDefinition():
                name = ("calculated_attribute", construct.calculated_attribute_name)
            case customer_profiles.CfnSegmentDefinition():
                name = ("segment", construct.segment_definition_name)
            case customer_profiles.CfnEventTrigger():
                name = ("event_trigger", construct.event_trigger_name)
            case _:
                continue
        if construct.domain_name == domain_name:
            found.add(name)
    return found
