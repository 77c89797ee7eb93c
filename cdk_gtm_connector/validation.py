"""Checks of the constructs' props, worded for the person who wrote the value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

if TYPE_CHECKING:
    import re


def check_number(name: str, value: int, low: int, high: int, unit: str = "") -> None:
    """Raise ``ValueError`` unless ``value`` is whole and ``low <= value <= high``.

    Unresolved tokens pass.

    Args:
        name: The prop as the caller wrote it.
        value: What the caller gave.
        low: Smallest value allowed, inclusive.
        high: Largest value allowed, inclusive.
        unit: Unit for the message, for example ``"MB"``.
    """
    if cdk.Token.is_unresolved(value):
        return
    # CloudFormation would refuse 2.5 only at deployment, and True is an int to Python.
    if type(value) is not int or not low <= value <= high:
        suffix = f" {unit}" if unit else ""
        shown = f"{value:,}" if type(value) is int else repr(value)
        raise ValueError(
            f"{name} must be a whole number between {low:,} and {high:,}{suffix}, got {shown}"
        )


def check_duration(name: str, value: object, low: cdk.Duration, high: cdk.Duration) -> None:
    """Raise ``ValueError`` unless ``value`` is in whole seconds and ``low <= value <= high``.

    Unresolved tokens pass. What is no duration is a ``TypeError``.

    Args:
        name: The prop as the caller wrote it.
        value: What the caller gave.
        low: Shortest duration allowed, inclusive.
        high: Longest duration allowed, inclusive.
    """
    if not isinstance(value, cdk.Duration):
        raise TypeError(
            f"{name} must be a Duration, such as Duration.seconds(60), got {shown(value)}"
        )
    if value.is_unresolved():
        return
    milliseconds = value.to_milliseconds()
    if not low.to_milliseconds() <= milliseconds <= high.to_milliseconds():
        raise ValueError(
            f"{name} must be between {low.to_human_string()} and {high.to_human_string()}, got "
            f"{value.to_human_string()}"
        )
    if milliseconds % 1000:
        raise ValueError(
            f"{name} must be a whole number of seconds, got {milliseconds:,} milliseconds"
        )


def check_construct(
    name: str, value: object, kind: str, has: tuple[str, ...], instead: str
) -> None:
    """Raise ``TypeError`` unless ``value`` has what is used of it.

    jsii's interfaces know no ``isinstance``, and an L1 construct or an ARN would fail much later,
    in words that are not the caller's.

    Args:
        name: The prop as the caller wrote it.
        value: What the caller gave.
        kind: What it must be, for example ``"IStream"``.
        has: The attributes that tell.
        instead: How to make one.
    """
    if not all(hasattr(value, attribute) for attribute in has):
        raise TypeError(f"{name} must be an {kind}, such as {instead}, got {shown(value)}")


def matches(pattern: re.Pattern[str], value: object) -> bool:
    """Return whether ``value`` is a text, and all of it is as ``pattern`` says."""
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def shown(value: object) -> str:
    """Return how a message shows ``value``: as it was written, or by its class."""
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def number_text(value: int) -> str:
    """Return ``value`` as an environment variable has it, also if it is an unresolved token."""
    return cdk.Tokenization.stringify_number(value)
