"""Amazon EventBridge's ``PutEvents``: one entry per event.

Limits are from the API reference of ``PutEvents``: 10 entries, whose "total entry size must be less
than 1MB" (256 KB before January 2026). How an entry's size is counted is from "Calculating
PutEvents event entry size" in the EventBridge user guide. Sizes are taken as decimal, which is
safe if they are binary.

EventBridge accepts events for a bus that does not exist and silently drops them:
https://github.com/aws/aws-cli/issues/9186
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gtm_events import record
from gtm_events.aws import Answer, ServiceEndpoint, ServiceRequest
from gtm_events.destinations.answers import JSON_1_1, in_order
from gtm_events.destinations.batching import BatchDestination, BatchService
from gtm_events.environment import required
from gtm_events.event import Event, Limits
from gtm_events.outcome import Outcome, RetryReason

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping, Sequence

DETAIL_TYPE: Final = "GTM Event"
"""Detail type of all events. The event's own type is ``detail.event_type``: any caller can choose
it, and it may exceed a detail type's 128 characters."""

MAX_ENTRIES: Final = 10
"""Entries in a request."""
MAX_REQUEST_BYTES: Final = 999_999
"""Bytes of all entries together: "less than 1MB"."""

REQUESTS_PER_SECOND: Final = 400.0
"""The lowest default quota. The EventBridge quotas page lists "Maximum number of requests per
second for PutEvents API": 10,000 in the largest Regions and 400 in the smallest. Throttling halves
the rate."""

_TIME_BYTES: Final = 14

# The error codes of PutEventsResultEntry that do not blame the entry. The others do blame it:
# InvalidArgument, MalformedDetail, RedactionFailure.
_PROBLEMS: Final = {
    "ThrottlingException": RetryReason.THROTTLED,
    "InternalFailure": RetryReason.UNAVAILABLE,
    "InternalException": RetryReason.UNAVAILABLE,
    # "Non-retryable" until the owner fixes the policy, the account or the source.
    "AccessDeniedException": RetryReason.DENIED,
    "InvalidAccountIdException": RetryReason.DENIED,
    "NotAuthorizedForDetailTypeException": RetryReason.DENIED,
    "NotAuthorizedForSourceException": RetryReason.DENIED,
}


def create(environment: Mapping[str, str]) -> BatchDestination[Entry]:
    """Return the destination that ``environment`` describes.

    ``EVENT_BUS_ARN`` and ``EVENT_SOURCE`` are required.

    Raises:
        SettingsError: One is missing.
    """
    arn = required(environment, "EVENT_BUS_ARN")
    return BatchDestination.at(
        EventBridge(arn, required(environment, "EVENT_SOURCE")),
        ServiceEndpoint.of("eventbridge", environment, host="events", arn=arn),
        requests_per_second=REQUESTS_PER_SECOND,
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    Attributes:
        event_id: The event's id.
        time: Time of the event, in epoch seconds.
        detail: The event record.
        size: Size in bytes, as EventBridge counts it.
    """

    event_id: str
    time: float
    detail: bytes
    size: int


class EventBridge(BatchService[Entry]):
    """Limits, requests and answers of EventBridge.

    Args:
        event_bus_arn: ARN of the event bus.
        source: ``source`` of all events.
    """

    name = "Amazon EventBridge"
    limits = Limits()
    max_entries = MAX_ENTRIES
    max_bytes = MAX_REQUEST_BYTES
    max_entry_bytes = MAX_REQUEST_BYTES

    def __init__(self, event_bus_arn: str, source: str) -> None:
        same = {"Source": source, "DetailType": DETAIL_TYPE, "EventBusName": event_bus_arn}
        self._same = record.to_json(same)[1:-1].encode()
        self._overhead = _TIME_BYTES + len(source.encode()) + len(DETAIL_TYPE)

    def encode(self, event: Event, counts: Counter[str]) -> Entry:  # noqa: ARG002
        """See :meth:`BatchService.encode`."""
        detail = record.encode(event).encode()
        return Entry(event.id, event.time / 1000, detail, len(detail) + self._overhead)

    def request(self, entries: Sequence[Entry]) -> ServiceRequest:
        """See :meth:`BatchService.request`."""
        written = b",".join(
            b'{"Time":%b,"Detail":%b,%b}'
            % (repr(entry.time).encode(), record.as_text(entry.detail), self._same)
            for entry in entries
        )
        return ServiceRequest(
            b'{"Entries":[%b]}' % written,
            headers={"Content-Type": JSON_1_1, "X-Amz-Target": "AWSEvents.PutEvents"},
        )

    def outcomes(self, entries: Sequence[Entry], answer: Answer) -> Iterator[Outcome]:
        """See :meth:`BatchService.outcomes`."""
        return in_order(
            [(entry.event_id,) for entry in entries],
            answer.json().get("Entries"),
            "EventId",
            _PROBLEMS.get,
        )
