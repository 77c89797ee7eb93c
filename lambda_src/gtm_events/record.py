"""The event record: an event as a JSON document, for services that store or route events.

The schema is ``docs/event-record.schema.json``. New members keep the ``schema_version``; a removed
member, or one with a new meaning, raises it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from gtm_events.event import iso8601

if TYPE_CHECKING:
    from gtm_events.event import Event

SCHEMA_VERSION: Final = "1"

to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
"""Return a value as compact JSON."""


# JSON does not escape these, but some readers end a line at them, such as Python's splitlines().
_LINE_ENDS: Final = ("\x85", "\u2028", "\u2029")


def encode(event: Event) -> str:
    """Return the record of ``event`` as JSON that every reader takes for a single line."""
    record = _members(event, event.user_id)
    record["user_attributes"] = event.user_attributes
    return to_one_line(record)


def to_one_line(value: object) -> str:
    """Return a value as JSON that every reader takes for a single line."""
    text = to_json(value)
    if not text.isascii():
        for character in _LINE_ENDS:
            text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def without_user(event: Event) -> str:
    """Return the record of ``event`` without its closing brace and the user's members.

    The caller adds ``user_attributes`` and, if it is verified, ``user_id``.
    """
    return to_one_line(_members(event, ""))[:-1]


def without_user_attributes(event: Event) -> str:
    """Return the record of ``event`` without its closing brace and ``user_attributes``."""
    return to_one_line(_members(event, event.user_id))[:-1]


def as_text(encoded: bytes) -> bytes:
    """Return JSON as a JSON string, for services that expect a document as text."""
    return to_json(encoded.decode()).encode()


def _members(event: Event, user_id: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "event_id": event.id,
        "event_type": event.event_type,
        "endpoint_id": event.endpoint_id,
        "timestamp": iso8601(event.time),
        "access": event.access,
    }
    if user_id:
        record["user_id"] = user_id
    record["attributes"] = event.attributes
    record["metrics"] = event.metrics
    return record
