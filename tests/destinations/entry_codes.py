"""A reader of the outcome of a request's only entry from an answer."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from gtm_events.aws import Answer
from gtm_events.event import Event
from gtm_events.outcome import Outcome, Reason, Rejected, Retry, RetryReason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gtm_events.destinations.batching import BatchService

THROTTLED, UNAVAILABLE, DENIED = (
    RetryReason.THROTTLED,
    RetryReason.UNAVAILABLE,
    RetryReason.DENIED,
)
TIMED_OUT, REFUSED = RetryReason.TIMED_OUT, Reason.REFUSED

STATUSES = [
    (400, REFUSED),
    (413, REFUSED),
    (403, DENIED),
    (404, DENIED),
    (408, TIMED_OUT),
    (429, THROTTLED),
    (500, UNAVAILABLE),
    (503, UNAVAILABLE),
]


def event_of(endpoint_id: str) -> Event:
    return Event(
        id="id",
        endpoint_id=endpoint_id,
        event_type="e",
        time=0,
        attributes={},
        metrics={},
        user_attributes={},
    )


def outcome(service: BatchService[Any], document: Mapping[str, Any]) -> Outcome:
    """Return the outcome that an answer contains for a request's only event."""
    event = event_of("ep")
    entries = [service.encode(event, Counter())]
    [found] = service.outcomes(entries, Answer(200, json.dumps(document).encode()))
    assert found.event_id == "id"
    return found


def reason(found: Outcome) -> RetryReason | Reason:
    assert isinstance(found, Retry | Rejected)
    return found.reason
