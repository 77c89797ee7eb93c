"""Calculated attributes, which Customer Profiles computes from a profile's objects.

- An attribute uses one field of one object type, ``{Type.field}``. [model,
  ``CalculatedAttributeDefinition``, which also allows a second field and basic arithmetic; the
  stand-in does not]
- The statistics are ``FIRST_OCCURRENCE``, ``LAST_OCCURRENCE``, ``COUNT``, ``SUM``, ``MINIMUM``,
  ``MAXIMUM``, ``AVERAGE`` and ``MAX_OCCURRENCE``, the most frequent value. [model, ``Statistic``;
  guide, "Create a custom calculated attribute definition"]
- ``Range`` is a number of days back from now. ``TimestampSource`` names the object's time. [model,
  ``Range``]
- ``ObjectCount`` is the number of objects used. [model, ``Conditions``]
- A threshold turns the value into ``true`` or ``false``. [model, ``Threshold``]

AWS does not document the following, and the stand-in assumes it:

- An object without the field does not count. ``ObjectCount`` selects the newest of the others.
- Without a range, all objects of the profile are used, and the newest are those that arrived last.
  Without ``ObjectCount``, all objects of the range are used.
- The range begins that many times 24 hours ago and ends now. It contains no object with a future
  time, and none without a time.
- Among several most frequent values, the newest counts.
- Sums are exact to 28 digits, and written without an exponent. Values that are not numbers are
  ignored.
- Without any object, ``COUNT`` is 0. The other statistics have no value, and meet no threshold.
- Objects that arrived before the attribute was defined count.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from local.destinations.customer_profiles.comparisons import number
from local.destinations.customer_profiles.objects import member_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local.destinations.customer_profiles.objects import Profile, StoredObject

__all__ = ["CalculatedAttribute", "time_of"]

_STATISTICS: Final = (
    "FIRST_OCCURRENCE",
    "LAST_OCCURRENCE",
    "COUNT",
    "SUM",
    "MINIMUM",
    "MAXIMUM",
    "AVERAGE",
    "MAX_OCCURRENCE",
)
_OF_NUMBERS: Final[Mapping[str, Callable[[Sequence[Decimal]], Decimal]]] = {
    "SUM": lambda values: sum(values, Decimal(0)),
    "MINIMUM": min,
    "MAXIMUM": max,
    "AVERAGE": lambda values: sum(values, Decimal(0)) / len(values),
}
_THRESHOLDS: Final = ("EQUAL_TO", "GREATER_THAN", "LESS_THAN", "NOT_EQUAL_TO")
_OF_TYPE: Final = re.compile(r"\{([A-Za-z0-9_-]+)\.([A-Za-z0-9_.-]+)\}")


@dataclass(frozen=True, slots=True)
class CalculatedAttribute:
    """A calculated attribute's definition.

    Args:
        domain: Name of the domain.
        name: Name of the attribute.
        type_name: Name of the object type that it uses.
        field: Name of the type's field.
        statistic: Statistic that combines the values.
        days: Number of days to look back; ``None`` for all objects of a profile.
        time: Path of the time in an object; empty for the time of arrival.
        epoch: Whether that time is in epoch seconds or milliseconds, not in ISO 8601.
        object_count: Number of newest objects to use; ``None`` for all.
        threshold: An operator and a value to compare with; ``None`` for no comparison.
    """

    domain: str
    name: str
    type_name: str
    field: str
    statistic: str
    days: int | None = None
    time: tuple[str, ...] = ()
    epoch: bool = False
    object_count: int | None = None
    threshold: tuple[str, str] | None = None

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> CalculatedAttribute:
        """Return the attribute that a resource's properties describe.

        Raises:
            ValueError: The stand-in does not support something in them.
        """
        name = properties["CalculatedAttributeName"]
        details = properties["AttributeDetails"]
        expression = _OF_TYPE.fullmatch(str(details["Expression"]))
        fields = [each["Name"] for each in details["Attributes"]]
        if expression is None or fields != [expression[2]]:
            raise ValueError(
                f"calculated attribute {name}: the stand-in supports one field of one object type, "
                f"got {details['Expression']!r} of {fields}"
            )
        if properties["Statistic"] not in _STATISTICS:
            raise ValueError(
                f"calculated attribute {name}: the statistic must be one of "
                f"{', '.join(_STATISTICS)}, got {properties['Statistic']!r}"
            )
        conditions = properties.get("Conditions") or {}
        days, time, epoch = _range(name, expression[1], conditions.get("Range"))
        count = conditions.get("ObjectCount")
        threshold = conditions.get("Threshold")
        if threshold is not None and threshold["Operator"] not in _THRESHOLDS:
            raise ValueError(
                f"calculated attribute {name}: a threshold's operator must be one of "
                f"{', '.join(_THRESHOLDS)}, got {threshold['Operator']!r}"
            )
        return cls(
            domain=properties["DomainName"],
            name=name,
            type_name=expression[1],
            field=expression[2],
            statistic=properties["Statistic"],
            days=days,
            time=time,
            epoch=epoch,
            object_count=None if count is None else int(count),
            threshold=threshold and (threshold["Operator"], str(threshold["Value"])),
        )

    def value(self, profile: Profile, now: float) -> str | None:
        """Return the attribute's value for a profile.

        Args:
            profile: The profile.
            now: Epoch seconds.
        """
        found = self._statistic(self._values(profile, now))
        if self.threshold is None or found is None:
            return found
        return "true" if _meets(found, *self.threshold) else "false"

    @property
    def words(self) -> str:
        """Short description, such as ``SUM of price of 30 days``."""
        limits = [
            "" if self.days is None else f" of {self.days} days",
            "" if self.object_count is None else f", newest {self.object_count}",
            "" if self.threshold is None else f", {' '.join(self.threshold)}",
        ]
        return f"{self.statistic} of {self.field}{''.join(limits)}"

    def _values(self, profile: Profile, now: float) -> list[str]:
        """Return the values to compute with, the oldest first."""
        held = [it for it in profile.held(self.type_name, now) if self.field in it.values]
        timed = [(self._time(it), it) for it in held]
        if self.days is not None:
            end = datetime.fromtimestamp(now, UTC)
            begin = end - timedelta(days=self.days)
            timed = [(at, it) for at, it in timed if at is not None and begin <= at <= end]
        known = [(at, it) for at, it in timed if at is not None]
        known.sort(key=lambda each: each[0])  # stable: at the same time, in order of arrival
        newest = known if self.object_count is None else known[-self.object_count :]
        return [it.values[self.field] for _, it in newest]

    def _time(self, stored: StoredObject) -> datetime | None:
        if not self.time:
            return datetime.fromtimestamp(stored.put, UTC)
        return time_of(member_at(stored.document, self.time), epoch=self.epoch)

    def _statistic(self, values: Sequence[str]) -> str | None:
        if self.statistic == "COUNT":
            return str(len(values))
        if self.statistic in _OF_NUMBERS:
            numbers = [found for each in values if (found := number(each)) is not None]
            return _plain(_OF_NUMBERS[self.statistic](numbers)) if numbers else None
        if not values:
            return None
        if self.statistic == "FIRST_OCCURRENCE":
            return values[0]
        if self.statistic == "LAST_OCCURRENCE":
            return values[-1]
        # Newest first, because most_common() returns the first of equals.
        return Counter(reversed(values)).most_common(1)[0][0]


def time_of(value: Any, *, epoch: bool = False) -> datetime | None:
    """Return the time that ``value`` represents; ``None`` if it is not a time.

    Args:
        value: A member of an object.
        epoch: Whether it is in epoch seconds or milliseconds, not in ISO 8601.
    """
    try:
        if epoch:
            seconds = Decimal(str(value))
            # Ten digits of seconds last until the year 2286.
            return datetime.fromtimestamp(
                float(seconds / 1_000 if seconds >= 10**11 else seconds), UTC
            )
        found = datetime.fromisoformat(str(value))
    except (ArithmeticError, OverflowError, OSError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _range(
    name: str, type_name: str, properties: Mapping[str, Any] | None
) -> tuple[int | None, tuple[str, ...], bool]:
    if properties is None:
        return None, (), False
    if properties.get("Unit") != "DAYS" or "Value" not in properties or "ValueRange" in properties:
        raise ValueError(
            f"calculated attribute {name}: the stand-in supports a range in DAYS back from now only"
        )
    source = properties.get("TimestampSource")
    if source is None:
        return int(properties["Value"]), (), False
    found = _OF_TYPE.fullmatch(str(source))
    form = properties.get("TimestampFormat", "ISO_8601")
    if found is None or found[1] != type_name or form not in {"ISO_8601", "EPOCHMILLI"}:
        raise ValueError(
            f"calculated attribute {name}: the time must be a member of {type_name} in ISO_8601 or "
            f"EPOCHMILLI, got {source!r} in {form}"
        )
    return int(properties["Value"]), tuple(found[2].split(".")), form == "EPOCHMILLI"


def _meets(value: str, chosen: str, wanted: str) -> bool:
    numbers = number(value), number(wanted)
    left, right = numbers
    if chosen in {"GREATER_THAN", "LESS_THAN"}:
        if left is None or right is None:
            return False
        return left > right if chosen == "GREATER_THAN" else left < right
    equal = value == wanted if left is None or right is None else left == right
    return equal is (chosen == "EQUAL_TO")


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
