"""Limits on the events of one request, which may be a posted list."""

from __future__ import annotations

from typing import Final

from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.mapping import MaxEvents
from cdk_gtm_connector.validation import KNOWN, check_number, is_token

MAX_EVENTS: Final = 100
"""Largest possible limit: an event's id has two digits for its position in the list."""

DEFAULT_MAX_EVENTS: Final = MaxEvents(anonymous=20, authenticated=MAX_EVENTS)
"""Default limits."""


def checked_max_events(
    max_events_per_request: object, authenticated_max_events_per_request: object
) -> MaxEvents:
    """Return the limits that the two props set. ``None`` stands for the default.

    Raises:
        PropError: One is not a whole number from 1 to 100, or is known only at deployment.
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
    if is_token(value):  # the templates need the number itself
        raise PropError(prop, KNOWN, value)
    check_number(prop, value, 1, MAX_EVENTS)
    return value if isinstance(value, int) else None
