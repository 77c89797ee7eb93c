"""Comparisons for triggers, segments and thresholds, with Customer Profiles' names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Final

from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import KNOWN, check_sequence, check_text, is_token

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_VALUES: Final = 50
"""Maximum values of a comparison in a segment."""

_MAX_VALUE: Final = 255  # of a value, in characters
_VALUE: Final = re.compile(rf"(?=.*\S).{{1,{_MAX_VALUE}}}", re.DOTALL)
_LARGEST: Final = 2**53  # larger whole numbers may change in JavaScript


class Comparison:
    """Base class of comparisons with a field, a profile's attribute or a calculated attribute."""

    __slots__ = ()
    operator: ClassVar[str]
    """Customer Profiles' name of the comparison."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The values to compare with, as Customer Profiles expects them."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class _Numeric(Comparison):
    """Base class of comparisons with a number.

    Args:
        value: The number to compare with, between -2**53 and 2**53.

    Raises:
        PropError: ``value`` is no such number.
    """

    value: float

    def __post_init__(self) -> None:
        if is_token(self.value):
            raise PropError("value", KNOWN, self.value)
        if (
            type(self.value) not in (int, float)
            or not math.isfinite(self.value)
            or abs(self.value) > _LARGEST
        ):
            problem = f"must be a number between -{_LARGEST:,} and {_LARGEST:,}"
            raise PropError("value", problem, self.value)

    @property
    def texts(self) -> tuple[str, ...]:
        """See :attr:`Comparison.texts`."""
        number = Decimal(str(self.value))
        # Without an exponent, so that any parser can read it.
        return (str(int(number)) if number == int(number) else f"{number:f}",)


@dataclass(frozen=True, slots=True)
class _Textual(Comparison):
    """Base class of comparisons with texts.

    Args:
        values: 1 to 50 texts of 1 to 255 characters (Customer Profiles' limits); a trigger takes
            10 at most.

    Raises:
        PropError: ``values`` is no such list.
    """

    values: Sequence[str]

    def __post_init__(self) -> None:
        problem = f"must be a list of 1 to {MAX_VALUES} texts"
        found = check_sequence("values", self.values, problem)
        if not 1 <= len(found) <= MAX_VALUES:
            raise PropError("values", problem, self.values)
        for value in found:
            problem = f"must hold texts of 1 to {_MAX_VALUE} characters"
            check_text("values", value, _VALUE, problem, known=True)
        # A list could change after the check, and has no hash.
        object.__setattr__(self, "values", tuple(self.values))

    @property
    def texts(self) -> tuple[str, ...]:
        """See :attr:`Comparison.texts`."""
        return tuple(self.values)


@named_props
class GreaterThan(_Numeric):
    """Matches a number above ``value``.

    Args:
        value: The number, between -2**53 and 2**53.

    Raises:
        PropError: ``value`` is no such number.
    """

    operator = "GREATER_THAN"


@named_props
class GreaterThanOrEqual(_Numeric):
    """Matches ``value`` and numbers above it.

    Args:
        value: The number, between -2**53 and 2**53.

    Raises:
        PropError: ``value`` is no such number.
    """

    operator = "GREATER_THAN_OR_EQUAL"


@named_props
class LessThan(_Numeric):
    """Matches a number below ``value``.

    Args:
        value: The number, between -2**53 and 2**53.

    Raises:
        PropError: ``value`` is no such number.
    """

    operator = "LESS_THAN"


@named_props
class LessThanOrEqual(_Numeric):
    """Matches ``value`` and numbers below it.

    Args:
        value: The number, between -2**53 and 2**53.

    Raises:
        PropError: ``value`` is no such number.
    """

    operator = "LESS_THAN_OR_EQUAL"


@named_props
class EqualTo(_Numeric):
    """Matches exactly ``value``.

    Args:
        value: The number, between -2**53 and 2**53.

    Raises:
        PropError: ``value`` is no such number.
    """

    operator = "EQUAL"


@named_props
class Inclusive(_Textual):
    """Matches a text that equals one of ``values``.

    Args:
        values: 1 to 50 texts of 1 to 255 characters (Customer Profiles' limits); a trigger takes
            10 at most.

    Raises:
        PropError: ``values`` is no such list.
    """

    operator = "INCLUSIVE"


@named_props
class Exclusive(_Textual):
    """Matches a text that equals none of ``values``.

    Args:
        values: 1 to 50 texts of 1 to 255 characters (Customer Profiles' limits); a trigger takes
            10 at most.

    Raises:
        PropError: ``values`` is no such list.
    """

    operator = "EXCLUSIVE"


@named_props
class Contains(_Textual):
    """Matches a text that contains one of ``values``.

    Args:
        values: 1 to 50 texts of 1 to 255 characters (Customer Profiles' limits); a trigger takes
            10 at most.

    Raises:
        PropError: ``values`` is no such list.
    """

    operator = "CONTAINS"


@named_props
class BeginsWith(_Textual):
    """Matches a text that begins with one of ``values``.

    Args:
        values: 1 to 50 texts of 1 to 255 characters (Customer Profiles' limits); a trigger takes
            10 at most.

    Raises:
        PropError: ``values`` is no such list.
    """

    operator = "BEGINS_WITH"


@named_props
class EndsWith(_Textual):
    """Matches a text that ends with one of ``values``.

    Args:
        values: 1 to 50 texts of 1 to 255 characters (Customer Profiles' limits); a trigger takes
            10 at most.

    Raises:
        PropError: ``values`` is no such list.
    """

    operator = "ENDS_WITH"


def is_numeric(comparison: Comparison) -> bool:
    """Return whether ``comparison`` compares numbers."""
    return isinstance(comparison, _Numeric)


def check_comparisons(prop: str, value: object, example: str) -> Mapping[str, Comparison]:
    """Return ``value``, which must be a mapping of names to comparisons.

    Args:
        prop: The prop as the caller wrote it.
        value: What the caller gave.
        example: An entry of such a mapping, in words.
    """
    problem = f"must map names to comparisons, such as {example}"
    if not isinstance(value, Mapping):
        raise PropError(prop, problem, value)
    for name, comparison in value.items():
        if not isinstance(name, str) or is_token(name):
            raise PropError(prop, problem, name)
        if not isinstance(comparison, Comparison):
            raise PropError(prop, problem, comparison)
    return value
