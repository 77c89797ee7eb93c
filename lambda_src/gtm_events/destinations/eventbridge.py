"""Amazon EventBridge's ``PutEvents``: one entry an event.

Limits are from the API reference of ``PutEvents``: 10 entries, whose "total entry size must be less
than 1MB" (256 KB before January 2026). How an entry's size is counted is from "Calculating
PutEvents event entry size" in the EventBridge user guide. Sizes are read as decimal: under the
other reading they are merely safe.

EventBridge accepts events for a bus that does not exist, and drops them without a word:
https://github.com/aws/aws-cli/issues/9186
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gtm_events import record
from gtm_events.aws import Answer, Call, Endpoint
from gtm_events.destinations.answers import JSON_1_1, in_order
from gtm_events.destinations.batching import BatchDestination, BatchService
from gtm_events.event import Event, Limits
from gtm_events.outcome import Outcome, RetryReason
from gtm_events.settings import required

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping, Sequence

DETAIL_TYPE: Final = "GTM Event"
"""The same for every event: what is in ``detail``. The event's own type is ``detail.event_type``,
which anybody may choose and which may be longer than a detail-type's 128 characters."""

# "Maximum number of requests per second for PutEvents API" of the EventBridge quotas is 10,000 in
# the largest Regions and 400 in the smallest. Being throttled halves it.
_REQUESTS_PER_SECOND: Final = 400.0

_TIME_BYTES: Final = 14

# The error codes of PutEventsResultEntry that do not blame the entry. The others are not retryable
# either, but they do: InvalidArgument, MalformedDetail, RedactionFailure.
_PROBLEMS: Final = {
    "ThrottlingException": RetryReason.THROTTLED,
    "InternalFailure": RetryReason.UNAVAILABLE,
    "InternalException": RetryReason.UNAVAILABLE,
    # "Non-retryable" until the owner mends the policy, the account or the source.
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
        Endpoint.of("eventbridge", environment, host="events", arn=arn),
        requests_per_second=_REQUESTS_PER_SECOND,
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    Attributes:
        event_id: The event's id.
        time: The event's time, in epoch seconds.
        detail: The event record.
        size: Bytes, as EventBridge counts them.
    """

    event_id: str
    time: float
    detail: bytes
    size: int


class EventBridge(BatchService[Entry]):
    """What is EventBridge's own.

    Args:
        event_bus_arn: The bus.
        source: Each event's ``source``.
    """

    name = "Amazon EventBridge"
    limits = Limits()
    max_entries = 10
    max_bytes = 999_999  # "less than 1MB"
    max_entry_bytes = 999_999

    def __init__(self, event_bus_arn: str, source: str) -> None:
        same = {"Source": source, "DetailType": DETAIL_TYPE, "EventBusName": event_bus_arn}
        self._same = record.to_json(same)[1:-1].encode()
        self._overhead = _TIME_BYTES + len(source.encode()) + len(DETAIL_TYPE)

    def encode(self, event: Event, counts: Counter[str]) -> Entry:  # noqa: ARG002
        """See :meth:`BatchService.encode`."""
        detail = record.encode(event).encode()
        return Entry(event.id, event.time / 1000, detail, len(detail) + self._overhead)

    def call(self, entries: Sequence[Entry]) -> Call:
        """See :meth:`BatchService.call`."""
        written = b",".join(
            b'{"Time":%b,"Detail":%b,%b}'
            % (repr(entry.time).encode(), record.as_text(entry.detail), self._same)
            for entry in entries
        )
        return Call(
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
