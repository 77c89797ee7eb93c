"""Checks of the constructs' props, worded for the person who wrote the value."""

from __future__ import annotations

import aws_cdk as cdk


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


def check_duration(name: str, value: cdk.Duration, low: cdk.Duration, high: cdk.Duration) -> None:
    """Raise ``ValueError`` unless ``value`` is in whole seconds and ``low <= value <= high``.

    Unresolved tokens pass.

    Args:
        name: The prop as the caller wrote it.
        value: What the caller gave.
        low: Shortest duration allowed, inclusive.
        high: Longest duration allowed, inclusive.
    """
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
