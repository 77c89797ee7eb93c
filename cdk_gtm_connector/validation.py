"""Checks of the constructs' props, worded for the person who wrote the value."""

from __future__ import annotations

import aws_cdk as cdk


def check_number(name: str, value: float, low: float, high: float, unit: str = "") -> None:
    """Raise ``ValueError`` unless ``low <= value <= high``. Unresolved tokens pass.

    Args:
        name: The prop as the caller wrote it.
        value: What the caller gave.
        low: Smallest value allowed, inclusive.
        high: Largest value allowed, inclusive.
        unit: Unit for the message, for example ``"seconds"``.
    """
    if cdk.Token.is_unresolved(value):
        return
    if not low <= value <= high:
        suffix = f" {unit}" if unit else ""
        raise ValueError(f"{name} must be between {low:,} and {high:,}{suffix}, got {value:g}")


def check_duration(name: str, value: cdk.Duration, low: cdk.Duration, high: cdk.Duration) -> None:
    """Raise ``ValueError`` unless ``low <= value <= high``. Unresolved tokens pass.

    Args:
        name: The prop as the caller wrote it.
        value: What the caller gave.
        low: Shortest duration allowed, inclusive.
        high: Longest duration allowed, inclusive.
    """
    if value.is_unresolved():
        return
    check_number(
        name,
        value.to_milliseconds() / 1000,
        low.to_seconds(),
        high.to_seconds(),
        "seconds",
    )
