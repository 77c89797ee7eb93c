"""The function's environment, read once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtm_events.errors import SettingsError
from gtm_events.policy import AccessPolicy, Origins

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Settings:
    """What the construct told the function.

    Attributes:
        destination: Name under which the destination is registered (``DESTINATION``).
        dead_letter_queue_url: Where rejected messages go (``DEAD_LETTER_QUEUE_URL``).
        access_policy: Who may do what (``ANONYMOUS_USER_ATTRIBUTES``,
            ``AUTHENTICATED_USER_ATTRIBUTES`` and ``ALLOWED_ORIGINS``: each a JSON list, or
            ``"*"``).
        accept_client_timestamp: Whether ``timestamp`` is read (``ACCEPT_CLIENT_TIMESTAMP``:
            ``true`` or ``false``).
        unset_values: Words that tags write for a variable without a value, exactly as written
            (``UNSET_VALUES``: a JSON list).
    """

    destination: str
    dead_letter_queue_url: str
    access_policy: AccessPolicy
    accept_client_timestamp: bool
    unset_values: frozenset[str]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises:
            SettingsError: A variable is missing or malformed.
        """
        origins = _names(environment, "ALLOWED_ORIGINS")
        return cls(
            destination=required(environment, "DESTINATION"),
            dead_letter_queue_url=required(environment, "DEAD_LETTER_QUEUE_URL"),
            access_policy=AccessPolicy(
                anonymous=_names(environment, "ANONYMOUS_USER_ATTRIBUTES"),
                authenticated=_names(environment, "AUTHENTICATED_USER_ATTRIBUTES"),
                origins=None if origins is None else Origins(sorted(origins)),
            ),
            accept_client_timestamp=_boolean(environment, "ACCEPT_CLIENT_TIMESTAMP"),
            unset_values=_texts(environment, "UNSET_VALUES", "a JSON list of words"),
        )


def required(environment: Mapping[str, str], variable: str) -> str:
    """Return a variable that must be set.

    Raises:
        SettingsError: It is missing or empty.
    """
    value = environment.get(variable)
    if not value:
        raise SettingsError(variable, "must be set", value)
    return value


def _boolean(environment: Mapping[str, str], variable: str) -> bool:
    value = required(environment, variable)
    if value not in ("true", "false"):
        raise SettingsError(variable, "must be true or false", value)
    return value == "true"


def _names(environment: Mapping[str, str], variable: str) -> frozenset[str] | None:
    if required(environment, variable) == '"*"':
        return None
    return _texts(environment, variable, 'a JSON list of names, or "*" with its quotes')


def _texts(environment: Mapping[str, str], variable: str, what: str) -> frozenset[str]:
    value = required(environment, variable)
    try:
        texts = json.loads(value)
    except ValueError:
        texts = None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise SettingsError(variable, f"must be {what}", value)
    return frozenset(texts)
