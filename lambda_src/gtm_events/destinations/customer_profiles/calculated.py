"""Fields of profile objects for Customer Profiles' calculated attributes.

A calculated attribute counts the objects that have its field, and CloudFormation cannot filter
them. So the attribute ``purchases`` counts the field ``calculated.purchases``, which only purchase
events have.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gtm_events import record
from gtm_events.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gtm_events.event import Event

VARIABLE: Final = "CUSTOMER_PROFILES_CALCULATED_ATTRIBUTES"
"""A JSON object of ``{"event_types": […]}`` by field name, with ``metric`` or ``attribute``."""


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    metric: str
    attribute: str


class CalculatedFields:
    """Fields that only events of certain types have.

    Args:
        rules: Rules by event type.
    """

    def __init__(self, rules: Mapping[str, list[_Rule]]) -> None:
        self._rules = rules

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> CalculatedFields:
        """Read the rules from the environment. Default: no rules.

        Raises:
            SettingsError: The variable is malformed.
        """
        text = environment.get(VARIABLE) or "{}"
        try:
            found = json.loads(text)
            by_type: dict[str, list[_Rule]] = {}
            for name, rule in found.items():
                made = _Rule(name, rule.get("metric", ""), rule.get("attribute", ""))
                for event_type in rule["event_types"]:
                    by_type.setdefault(event_type, []).append(made)
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise SettingsError(VARIABLE, "must be a JSON object of rules", text) from error
        return cls(by_type)

    def member(self, event: Event) -> str:
        """Return the member ``calculated`` of an object, with the comma before it, or nothing."""
        values: dict[str, Any] = {}
        for rule in self._rules.get(event.event_type, ()):
            if rule.metric:
                value: Any = event.metrics.get(rule.metric)
            elif rule.attribute:
                value = event.attributes.get(rule.attribute)
            else:
                value = event.id
            if value is not None:
                values[rule.name] = value
        return f',"calculated":{record.to_one_line(values)}' if values else ""
