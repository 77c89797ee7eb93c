"""Reads required environment variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtm_events.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping


def required(environment: Mapping[str, str], variable: str) -> str:
    """Return a required environment variable.

    Raises:
        SettingsError: It is missing or empty.
    """
    value = environment.get(variable)
    if not value:
        raise SettingsError(variable, "must be set", value)
    return value
