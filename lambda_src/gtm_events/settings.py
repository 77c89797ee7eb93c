"""The function's settings, read from its environment."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gtm_events.dead_letters import InvalidMessages
from gtm_events.environment import required
from gtm_events.errors import SettingsError
from gtm_events.json_body import MAX_EVENTS
from gtm_events.message import MaxEvents
from gtm_events.policy import AccessPolicy, Origins

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """Settings that the construct passes to the function.

    Attributes:
        destination: Name of the destination, or its entry point (``DESTINATION``); see
            :mod:`gtm_events.destinations`.
        dead_letter_queue_url: URL of the dead-letter queue (``DEAD_LETTER_QUEUE_URL``).
        access_policy: Permissions of callers. ``ANONYMOUS_USER_ATTRIBUTES``,
            ``AUTHENTICATED_USER_ATTRIBUTES`` and ``ALLOWED_ORIGINS`` are each a JSON list or
            ``"*"``. ``REQUIRE_ORIGIN`` is ``true`` or ``false``. Default: ``false``.
        accept_client_timestamp: Whether ``timestamp`` is read (``ACCEPT_CLIENT_TIMESTAMP``:
            ``true`` or ``false``).
        unset_values: Words that tags write for a variable that is not set (``UNSET_VALUES``: a JSON
            list).
        max_events: Maximum number of events in a posted list
            (``ANONYMOUS_MAX_EVENTS_PER_REQUEST`` and ``AUTHENTICATED_MAX_EVENTS_PER_REQUEST``: 1 to
            100). Default: 100.
        invalid_message_queue_url: URL of the queue for messages that are rejected through the
            caller's fault (``INVALID_MESSAGE_QUEUE_URL``). Default: empty, which stands for the
            dead-letter queue.
        keep_invalid_messages: Whether this function keeps messages that every destination's
            function rejects (``KEEP_INVALID_MESSAGES``: ``true`` or ``false``, if another function
            does). Default: ``true``.
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
    def from_environment(cls, environment: Mapping[str, str]) -> FunctionSettings:
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
        """Treatment of messages that are rejected through the caller's fault."""
        if not self.invalid_message_queue_url:
            return InvalidMessages.DEAD_LETTERS
        return InvalidMessages.APART if self.keep_invalid_messages else InvalidMessages.LEFT


def _boolean(environment: Mapping[str, str], variable: str, default: str | None = None) -> bool:
    value = environment.get(variable) or default or required(environment, variable)
    if value not in ("true", "false"):
        raise SettingsError(variable, "must be true or false", value)
    return value == "true"


def _number_of_events(environment: Mapping[str, str], variable: str) -> int:
    # During a deployment, new code may run with the old environment.
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
