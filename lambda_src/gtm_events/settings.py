"""The function's environment, read once."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gtm_events.dead_letters import InvalidMessages
from gtm_events.errors import SettingsError
from gtm_events.json_body import MAX_EVENTS
from gtm_events.message import MaxEvents
from gtm_events.policy import AccessPolicy, Origins

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Settings:
    """What the construct told the function.

    Attributes:
        destination: Name of the destination, or its entry point (``DESTINATION``); see
            :mod:`gtm_events.destinations`.
        dead_letter_queue_url: Where rejected messages go (``DEAD_LETTER_QUEUE_URL``).
        access_policy: Who may do what (``ANONYMOUS_USER_ATTRIBUTES``,
            ``AUTHENTICATED_USER_ATTRIBUTES`` and ``ALLOWED_ORIGINS``: each a JSON list, or
            ``"*"``; ``REQUIRE_ORIGIN``: ``true`` or ``false``, the default).
        accept_client_timestamp: Whether ``timestamp`` is read (``ACCEPT_CLIENT_TIMESTAMP``:
            ``true`` or ``false``).
        unset_values: Words that tags write for a variable without a value, exactly as written
            (``UNSET_VALUES``: a JSON list).
        max_events: How many events a posted list may hold
            (``ANONYMOUS_MAX_EVENTS_PER_REQUEST`` and ``AUTHENTICATED_MAX_EVENTS_PER_REQUEST``, each
            1 to 100; default: 100).
        invalid_message_queue_url: Where rejected messages go that the caller is to blame for
            (``INVALID_MESSAGE_QUEUE_URL``). Default: empty, for the dead-letter queue.
        keep_invalid_messages: Whether this function keeps what every destination's function rejects
            (``KEEP_INVALID_MESSAGES``: ``true``, the default, or ``false``, for another one does).
    """

    destination: str
    dead_letter_queue_url: str
    access_policy: AccessPolicy
    accept_client_timestamp: bool
    unset_values: frozenset[str]
    max_events: MaxEvents = field(default_factory=MaxEvents)
    invalid_message_queue_url: str = ""
    keep_invalid_messages: bool = True

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
                require_origin=_boolean(environment, "REQUIRE_ORIGIN", "false"),
            ),
            accept_client_timestamp=_boolean(environment, "ACCEPT_CLIENT_TIMESTAMP"),
            unset_values=_texts(environment, "UNSET_VALUES", "a JSON list of words"),
            invalid_message_queue_url=environment.get("INVALID_MESSAGE_QUEUE_URL", ""),
            keep_invalid_messages=_boolean(environment, "KEEP_INVALID_MESSAGES", "true"),
            max_events=MaxEvents(
                anonymous=_number_of_events(environment, "ANONYMOUS_MAX_EVENTS_PER_REQUEST"),
                authenticated=_number_of_events(
                    environment, "AUTHENTICATED_MAX_EVENTS_PER_REQUEST"
                ),
            ),
        )

    @property
    def invalid_messages(self) -> InvalidMessages:
        """What becomes of rejected messages that the caller is to blame for."""
        if not self.invalid_message_queue_url:
            return InvalidMessages.DEAD_LETTERS
        return InvalidMessages.APART if self.keep_invalid_messages else InvalidMessages.LEFT


def required(environment: Mapping[str, str], variable: str) -> str:
    """Return a variable that must be set.

    Raises:
        SettingsError: It is missing or empty.
    """
    value = environment.get(variable)
    if not value:
        raise SettingsError(variable, "must be set", value)
    return value


def _boolean(environment: Mapping[str, str], variable: str, default: str | None = None) -> bool:
    value = environment.get(variable) or default or required(environment, variable)
    if value not in ("true", "false"):
        raise SettingsError(variable, "must be true or false", value)
    return value == "true"


def _number_of_events(environment: Mapping[str, str], variable: str) -> int:
    # While a deployment changes code and environment, the one may be new and the other not.
    value = environment.get(variable) or str(MAX_EVENTS)
    if not (re.fullmatch("[0-9]{1,3}", value) and 1 <= int(value) <= MAX_EVENTS):
        raise SettingsError(variable, f"must be a whole number between 1 and {MAX_EVENTS}", value)
    return int(value)


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
