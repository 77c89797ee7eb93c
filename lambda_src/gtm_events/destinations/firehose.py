"""Amazon Data Firehose's ``PutRecordBatch``: many events a record, each on a line of its own.

Firehose bills each record in steps of 5 KB and takes 500 of them in a request, so events share
records. What it delivers is the same, for it concatenates records: one line an event.

Limits are from the API reference of ``PutRecordBatch``: 500 records, "each … as large as 1,000 KB
(before base64 encoding), up to a limit of 4 MB for the entire request". It does not say whether the
4 MB are counted before or after base64. AWS's own producers disagree too: the Kinesis Agent counts
before, Fluent Bit's plugin after. Counted after, requests are inside both, and cost nothing: Amazon
bills bytes, and the quota of bytes is reached long before that of requests. Sizes are read as
decimal: under the other reading they are merely safe.
"""

from __future__ import annotations

from base64 import b64encode
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
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_RECORD_BYTES: Final = 1_000_000
MAX_RECORDS: Final = 500
MAX_REQUEST_BYTES: Final = 4_000_000

MAX_EVENTS_PER_RECORD: Final = 500
"""More than that, and Firehose's own splitting of records (dynamic partitioning) gives up."""

# Of the service's default quotas (2,000 in the largest Regions, 1,000 in the others) the lower.
_REQUESTS_PER_SECOND: Final = 1_000.0

# A record costs this much around its data, whose base64 may end in two bytes of padding.
_RECORD_OVERHEAD: Final = len(b'{"Data":""},') + 2
# The request around its records: the name has at most 64 characters.
_REQUEST_OVERHEAD: Final = 200


def create(environment: Mapping[str, str]) -> BatchDestination[Entry]:
    """Return the destination that ``environment`` describes.

    ``FIREHOSE_DELIVERY_STREAM_NAME`` is required.

    Raises:
        SettingsError: It is missing.
    """
    return BatchDestination.at(
        Firehose(required(environment, "FIREHOSE_DELIVERY_STREAM_NAME")),
        Endpoint.of("firehose", environment, host="firehose"),
        requests_per_second=_REQUESTS_PER_SECOND,
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One event.

    Attributes:
        event_id: The event's id.
        line: The event record, with the line's end.
    """

    event_id: str
    line: bytes

    @property
    def size(self) -> int:
        """Bytes of the line."""
        return len(self.line)


class Firehose(BatchService[Entry]):
    """What is Firehose's own.

    Args:
        delivery_stream_name: The delivery stream.
    """

    name = "Amazon Data Firehose"
    limits = Limits()
    # As many events as its records can hold. Base64 makes 4 bytes of 3, and the last record of a
    # request is as large as what is left over, so the records' own overhead is that of them all.
    max_entries = MAX_RECORDS * MAX_EVENTS_PER_RECORD
    max_bytes = (MAX_REQUEST_BYTES - _REQUEST_OVERHEAD - MAX_RECORDS * _RECORD_OVERHEAD) // 4 * 3
    max_entry_bytes = MAX_RECORD_BYTES

    def __init__(self, delivery_stream_name: str) -> None:
        self._delivery_stream_name = delivery_stream_name

    def encode(self, events: Iterable[Event], counts: Counter[str]) -> Iterator[Entry]:  # noqa: ARG002
        """See :meth:`BatchService.encode`."""
        for event in events:
            yield Entry(event.id, f"{record.encode(event)}\n".encode())

    def call(self, entries: Sequence[Entry]) -> Call:
        """See :meth:`BatchService.call`."""
        records = [
            {"Data": b64encode(b"".join([entry.line for entry in group])).decode()}
            for group in _records(entries)
        ]
        body = record.to_json(
            {"DeliveryStreamName": self._delivery_stream_name, "Records": records}
        )
        return Call(
            body.encode(),
            headers={"Content-Type": JSON_1_1, "X-Amz-Target": "Firehose_20150804.PutRecordBatch"},
        )

    def outcomes(self, entries: Sequence[Entry], answer: Answer) -> Iterator[Outcome]:
        """See :meth:`BatchService.outcomes`."""
        return in_order(
            [[entry.event_id for entry in group] for group in _records(entries)],
            answer.json().get("RequestResponses"),
            _problem,
        )


def _records(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return the events of each record, in their order: the same for the same entries."""
    records: list[list[Entry]] = []
    size = MAX_RECORD_BYTES
    for entry in entries:
        size += entry.size
        if size > MAX_RECORD_BYTES or len(records[-1]) == MAX_EVENTS_PER_RECORD:
            records.append([])
            size = entry.size
        records[-1].append(entry)
    return records


def _problem(code: str) -> RetryReason:
    # The reference names ServiceUnavailableException, when the stream's throughput is used up, and
    # InternalFailure. Neither blames the record.
    if code == "ServiceUnavailableException":
        return RetryReason.THROTTLED
    return RetryReason.UNAVAILABLE
