"""Limits of a request that count its events: a posted list is one request."""

from __future__ import annotations

from typing import Final

from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.mapping import MaxEvents
from cdk_gtm_connector.validation import KNOWN, check_number, is_token

MAX_EVENTS: Final = 100
"""Events that a request can ever have: in an event's id, its number in the list has two digits."""

DEFAULT_MAX_EVENTS: Final = MaxEvents(anonymous=20, authenticated=MAX_EVENTS)
"""Events that a request may have if nobody says otherwise."""


def checked_max_events(
    max_events_per_request: object, authenticated_max_events_per_request: object
) -> MaxEvents:
    """Return the limits that two props stand for; ``None`` where one is not given.

    Raises:
        PropError: One is no whole number from 1 to 100, or is known only at deployment.
    """
    both = _checked("max_events_per_request", max_events_per_request)
    authenticated = _checked(
        "authenticated_max_events_per_request", authenticated_max_events_per_request
    )
    return MaxEvents(
        anonymous=both or DEFAULT_MAX_EVENTS.anonymous,
        authenticated=authenticated or both or DEFAULT_MAX_EVENTS.authenticated,
    )


def _checked(prop: str, value: object) -> int | None:
    if value is None:
        return None
    if is_token(value):  # it is compared in templates, and is in their sentences
        raise PropError(prop, KNOWN, value)
    check_number(prop, value, 1, MAX_EVENTS)
    return value if isinstance(value, int) else None
