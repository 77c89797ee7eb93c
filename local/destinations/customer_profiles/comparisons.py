"""Comparisons of a trigger or a segment with a value.

The operators are the model's, ``ComparisonOperator``. What it does not say, and is taken so here:

- A value that is missing, or no number where numbers are compared, meets no comparison, not even
  ``EXCLUSIVE``.
- Texts are compared exactly, upper and lower case apart.
- Of several numbers to compare with, one is enough.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["NUMERIC", "Comparison", "number"]

_NUMERIC: Final[Mapping[str, tuple[str, Callable[[Decimal, Decimal], bool]]]] = {
    "GREATER_THAN": ("above", operator.gt),
    "GREATER_THAN_OR_EQUAL": ("at least", operator.ge),
    "LESS_THAN": ("below", operator.lt),
    "LESS_THAN_OR_EQUAL": ("at most", operator.le),
    "EQUAL": ("equal to", operator.eq),
}
_TEXTUAL: Final[Mapping[str, tuple[str, Callable[[str, str], bool]]]] = {
    "INCLUSIVE": ("one of", operator.eq),
    "EXCLUSIVE": ("none of", operator.eq),
    "CONTAINS": ("a text that contains", operator.contains),
    "BEGINS_WITH": ("a text that begins with", str.startswith),
    "ENDS_WITH": ("a text that ends with", str.endswith),
}

# Decimal takes "1_000", " 5 " and digits of other scripts too, which nobody's JSON has.
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?", re.ASCII)

NUMERIC: Final = frozenset(_NUMERIC)
"""Operators that compare numbers."""


def number(text: str) -> Decimal | None:
    """Return the number that a text is, exactly; ``None`` if it is none."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of a field or an attribute.

    Args:
        name: What is compared, as a reader knows it.
        operator: The model's name of the comparison.
        values: What it is compared with.
    """

    name: str
    operator: str
    values: tuple[str, ...]

    @classmethod
    def of(cls, name: str, chosen: Any, values: Any) -> Comparison:
        """Return the comparison that a resource's properties describe.

        Raises:
            ValueError: It is one that is not known here.
        """
        if chosen not in _NUMERIC and chosen not in _TEXTUAL:
            known = ", ".join([*_NUMERIC, *_TEXTUAL])
            raise ValueError(f"{name}: must be compared by one of {known}, got {chosen!r}")
        if not isinstance(values, list) or not values:
            raise ValueError(f"{name}: must be compared with texts, got {values!r}")
        for value in values:
            if not isinstance(value, str):
                raise ValueError(  # noqa: TRY004 - a template's fault, like its other faults
                    f"{name}: must be compared with texts that the template tells, got {value!r}"
                )
            if chosen in _NUMERIC and number(value) is None:
                raise ValueError(f"{name}: must be compared with numbers, got {value!r}")
        return cls(name, chosen, tuple(values))

    def holds(self, value: str | None) -> bool:
        """Return whether a value meets it."""
        if value is None:
            return False
        if self.operator in _NUMERIC:
            found = number(value)
            compare = _NUMERIC[self.operator][1]
            return found is not None and any(compare(found, Decimal(each)) for each in self.values)
        met = any(_TEXTUAL[self.operator][1](value, each) for each in self.values)
        return met is not (self.operator == "EXCLUSIVE")

    def why_not(self, value: str | None) -> str:
        """Return in words why a value does not meet it."""
        words = (_NUMERIC.get(self.operator) or _TEXTUAL[self.operator])[0]
        wanted = f"must be {words} {', '.join(self.values)}"
        if value is None:
            return f"{self.name} has no value, it {wanted}"
        return f"{self.name} is {value}, it {wanted}"
