"""Checks of single props, worded for the person who wrote the value.

Each raises :class:`~cdk_gtm_connector.PropError`. None passes jsii a value that jsii cannot handle:
NaN, for example, would crash the jsii process.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_gtm_connector.errors import PropError

if TYPE_CHECKING:
    import re


# Prefix of the value that StringParameter.value_from_lookup returns before the CLI has looked it.
_LOOKED_UP: Final = "dummy-value-for-"
KNOWN: Final = "must be known when the app is synthesized"
"""Error text for a token where the value itself is needed."""

_MILLISECONDS: Final = {"seconds": 1_000, "days": 86_400_000}


def is_token(value: object) -> bool:
    """Return whether ``value`` is a text, a number or a list that is known only at deployment."""
    match value:
        case str():
            return "${Token[" in value and cdk.Token.is_unresolved(value)
        case float():
            return math.isfinite(value) and cdk.Token.is_unresolved(value)
        case [str(text)]:
            return "#{Token[" in text and cdk.Token.is_unresolved([text])
    return False


def is_deferred(value: object) -> bool:
    """Return whether ``value`` is a text that cannot be checked yet.

    It is a token, or a placeholder for an SSM parameter that the CDK CLI has not looked up yet.
    After the lookup, the app is synthesized again with the parameter's value.
    """
    return isinstance(value, str) and (_LOOKED_UP in value or is_token(value))


def check_scope(scope: object, construct_id: object) -> None:
    """Require a parent construct in a stack, and an id that is not empty and not taken."""
    if not isinstance(scope, Construct):
        raise PropError("scope", "must be a Stack, or another construct in one", scope)
    try:
        cdk.Stack.of(scope)
    except RuntimeError:
        raise PropError("scope", "must be a Stack, or another construct in one", scope) from None
    if not isinstance(construct_id, str) or not construct_id or is_token(construct_id):
        raise PropError(
            "construct_id",
            'must be a text that is known when the app is synthesized, such as "Gtm"',
            construct_id,
        )
    if scope.node.try_find_child(construct_id) is not None:
        raise PropError(
            "construct_id", "must not be that of another construct in the same scope", construct_id
        )


def check_boolean(prop: str, value: object) -> None:
    """Require ``True`` or ``False``. The text ``"false"`` would count as true.

    Args:
        prop: The prop as the caller wrote it.
        value: What the caller gave.
    """
    if not isinstance(value, bool):
        raise PropError(prop, "must be True or False", value)


def check_number(prop: str, value: object, low: int, high: int, unit: str = "") -> None:
    """Require a whole number with ``low <= value <= high``. Number tokens pass.

    Args:
        prop: The prop as the caller wrote it.
        value: What the caller gave.
        low: Smallest value allowed, inclusive.
        high: Largest value allowed, inclusive.
        unit: Unit for the message, for example ``"MB"``.
    """
    if isinstance(value, float) and is_token(value):
        return
    # CloudFormation would refuse 2.5 only at deployment, and True is an int to Python.
    if type(value) is not int or not low <= value <= high:
        suffix = f" {unit}" if unit else ""
        raise PropError(prop, f"must be a whole number between {low:,} and {high:,}{suffix}", value)


def check_duration(
    prop: str,
    value: object,
    low: cdk.Duration,
    high: cdk.Duration,
    *,
    unit: Literal["seconds", "days"] = "seconds",
    known: bool = False,
) -> None:
    """Require a duration of whole ``unit`` with ``low <= value <= high``.

    Args:
        prop: The prop as the caller wrote it.
        value: What the caller gave.
        low: Shortest duration allowed, inclusive.
        high: Longest duration allowed, inclusive.
        unit: Unit that CloudFormation uses. A token passes only if it has this unit, because a
            number that is known only at deployment cannot be converted.
        known: Whether tokens are refused.
    """
    if not isinstance(value, cdk.Duration):
        example = f"Duration.{unit}({low.to_milliseconds() // _MILLISECONDS[unit] or 1:.0f})"
        raise PropError(prop, f"must be a Duration, such as {example}", value)
    if value.is_unresolved():
        if known:
            raise PropError(prop, KNOWN, value)
        if value.unit_label() != unit:
            raise PropError(
                prop,
                f"must be given as Duration.{unit}(…) if its number is known only at deployment",
                value,
                f"write Duration.{unit}(…) instead of Duration.{value.unit_label()}(…)",
            )
        return
    milliseconds = value.to_milliseconds()
    if not _milliseconds(low) <= milliseconds <= _milliseconds(high):
        limits = f"{low.to_human_string()} and {high.to_human_string()}"
        raise PropError(prop, f"must be between {limits}", value)
    if milliseconds % _MILLISECONDS[unit]:
        raise PropError(prop, f"must be a whole number of {unit}", value)


@lru_cache(maxsize=64)
def _milliseconds(limit: cdk.Duration) -> float:
    """Return a limit's milliseconds. Without the cache, each check would ask jsii twice more."""
    return limit.to_milliseconds()


def check_text(
    prop: str, value: object, pattern: re.Pattern[str], problem: str, *, known: bool = False
) -> None:
    """Require a text that ``pattern`` matches completely. Values not known yet pass.

    Args:
        prop: The prop as the caller wrote it.
        value: What the caller gave.
        pattern: Pattern of the whole text.
        problem: The pattern in words, for example ``"must be 1 to 64 letters"``.
        known: Whether tokens are refused, because synthesis needs the text itself.
    """
    if known and is_token(value):
        raise PropError(prop, KNOWN, value)
    if not is_deferred(value) and not matches(pattern, value):
        raise PropError(prop, problem, value)


def check_sequence(prop: str, value: object, problem: str) -> Sequence[object]:
    """Return ``value``, which must be a list or a tuple.

    Other iterables are refused: a text is a sequence of letters, a set has no order, and a
    generator can be read only once.

    Args:
        prop: The prop as the caller wrote it.
        value: What the caller gave.
        problem: For example ``"must be a list of names"``.
    """
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if is_token(value):
            raise PropError(prop, f"{KNOWN} (one of a list need not)", value)
        return value
    iterable = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | type)
    raise PropError(prop, problem, value, "write sorted(…) around it" if iterable else "")


def check_instance(prop: str, value: object, kind: type, example: str) -> None:
    """Require an instance of ``kind``.

    Args:
        prop: The prop as the caller wrote it.
        value: What the caller gave.
        kind: A class of this library's, or an enumeration.
        example: Code that makes an instance.
    """
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIO" else "a"
        raise PropError(prop, f"must be {article} {kind.__name__}, such as {example}", value)


def check_construct(
    prop: str, value: object, kind: str, has: tuple[str, ...], instead: str
) -> None:
    """Require a construct that has the attributes that this library uses.

    ``isinstance`` does not work with jsii's interfaces. Without this check, an L1 construct or an
    ARN would fail much later, with an error that the caller could not understand. So would an
    import by name that was given an ARN.

    Args:
        prop: The prop as the caller wrote it.
        value: What the caller gave.
        kind: The required interface, for example ``"IStream"``.
        has: Attributes that such a construct has. If the first is an ARN, its form is checked too.
        instead: Code that creates such a construct, for the error.
    """
    if isinstance(value, type) or not all(_has(value, attribute) for attribute in has):
        raise PropError(prop, f"must be an {kind}, such as {instead}", value)
    if has[0].endswith("_arn"):
        # from_event_bus_name(…, arn) makes an ARN with an ARN in it.
        arn = str(getattr(value, has[0]))
        _, nested, name = arn[1:].rpartition("arn:")
        if nested and arn.startswith("arn:"):
            raise PropError(
                prop,
                f"must be an {kind} that was imported by its ARN, not as a name",
                f"arn:{name}",
            )


def check_log_retention(value: object) -> None:
    """Require a ``RetentionDays``. Refuse a plain number of days."""
    example = "RetentionDays.THREE_MONTHS"
    check_instance("log_retention", value, logs.RetentionDays, example)


def matches(pattern: re.Pattern[str], value: object) -> bool:
    """Return whether ``value`` is a text that ``pattern`` matches completely."""
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def number_text(value: int) -> str:
    """Return ``value`` as the text of an environment variable, even if it is a token."""
    return cdk.Tokenization.stringify_number(value)


def _has(value: object, attribute: str) -> bool:
    try:
        return hasattr(value, attribute)
    except RuntimeError:  # from jsii: HostedZone's zone_name may be unreadable
        return True
