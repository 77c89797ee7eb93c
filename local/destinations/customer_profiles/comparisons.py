"""Comparisons of attributes and fields in triggers and segments.

The operators are those of the model's ``ComparisonOperator``. The model does not say the following,
and the stand-in assumes it:

- A missing value meets no comparison, not even ``EXCLUSIVE``. Nor does a value that is not a
  number, where numbers are compared.
- Texts are compared exactly, and case matters.
- If several numbers are given, the comparison must hold for one of them.
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

# Decimal also accepts "1_000", " 5 " and digits of other scripts, which JSON does not.
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?", re.ASCII)

NUMERIC: Final = frozenset(_NUMERIC)
"""Operators that compare numbers."""


def number(text: str) -> Decimal | None:
    """Return the exact number in ``text``; ``None`` if it is not a number."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of a field or an attribute with given values.

    Args:
        name: Name of the field or attribute, for readers.
        operator: The model's name for the comparison.
        values: The values to compare with.
    """

    name: str
    operator: str
    values: tuple[str, ...]

    @classmethod
    def of(cls, name: str, chosen: Any, values: Any) -> Comparison:
        """Return the comparison that a resource's properties describe.

        Raises:
            ValueError: The stand-in does not support the comparison.
        """
        if chosen not in _NUMERIC and chosen not in _TEXTUAL:
            known = ", ".join([*_NUMERIC, *_TEXTUAL])
            raise ValueError(f"{name}: the comparison must be one of {known}, got {chosen!r}")
        if not isinstance(values, list) or not values:
            raise ValueError(f"{name}: the values must be a list of strings, got {values!r}")
        for value in values:
            if not isinstance(value, str):
                raise ValueError(  # noqa: TRY004 - a template's fault, like its other faults
                    f"{name}: each value must be a literal string in the template, got {value!r}"
                )
            if chosen in _NUMERIC and number(value) is None:
                raise ValueError(f"{name}: each value must be a number, got {value!r}")
        return cls(name, chosen, tuple(values))

    def holds(self, value: str | None) -> bool:
        """Return whether a value meets the comparison."""
        if value is None:
            return False
        if self.operator in _NUMERIC:
            found = number(value)
            compare = _NUMERIC[self.operator][1]
            return found is not None and any(compare(found, Decimal(each)) for each in self.values)
        met = any(_TEXTUAL[self.operator][1](value, each) for each in self.values)
        return met is not (self.operator == "EXCLUSIVE")

    def why_not(self, value: str | None) -> str:
        """Return a sentence that says why a value does not meet the comparison."""
        words = (_NUMERIC.get(self.operator) or _TEXTUAL[self.operator])[0]
        wanted = f"must be {words} {', '.join(self.values)}"
        if value is None:
            return f"{self.name} has no value, it {wanted}"
        return f"{self.name} is {value}, it {wanted}"
