"""Amazon Data Firehose's ``PutRecordBatch``: many events per record, each on its own line.

Firehose bills records in steps of 5 KB and accepts 500 per request, so events share records. The
objects in S3 are the same, because Firehose concatenates records: one line per event. Destinations
that index or parse single records, such as OpenSearch and Splunk, need one event per record.

Limits are from the API reference of ``PutRecordBatch``: 500 records, "each … as large as 1,000 KB
(before base64 encoding), up to a limit of 4 MB for the entire request". It does not say whether the
4 MB are counted before or after base64, and AWS's own producers disagree: the Kinesis Agent counts
before, Fluent Bit's plugin after. This module counts after, which satisfies both readings and costs
nothing: Amazon bills bytes, and the quota of bytes is reached long before that of requests. Sizes
are taken as decimal, which is safe if they are binary.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gtm_events import record
from gtm_events.aws import Answer, ServiceEndpoint, ServiceRequest
from gtm_events.destinations.answers import JSON_1_1, in_order
from gtm_events.destinations.batching import BatchDestination, BatchService
from gtm_events.environment import required
from gtm_events.errors import SettingsError
from gtm_events.event import Event, Limits
from gtm_events.outcome import Outcome, RetryReason
from gtm_events.packing import OpenRequest, next_fit, pack

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping, Sequence

MAX_RECORD_BYTES: Final = 1_000_000
MAX_RECORDS: Final = 500
"""Records in a request."""
MAX_REQUEST_BYTES: Final = 4_000_000

MAX_EVENTS_PER_RECORD: Final = 500
"""Maximum number of events in a record that dynamic partitioning can split."""

REQUESTS_PER_SECOND: Final = 1_000.0
"""The lower of the default quotas: 2,000 in the largest Regions, 1,000 in the others."""

# Bytes around a record's data. Padding makes its base64 up to 8/3 bytes longer than 4/3 of it.
_RECORD_OVERHEAD: Final = len(b'{"Data":""},') + 3
# Bytes around a request's records. The stream's name has at most 64 characters.
_REQUEST_OVERHEAD: Final = 200


def create(environment: Mapping[str, str]) -> BatchDestination[Entry]:
    """Return the destination that ``environment`` describes.

    ``FIREHOSE_DELIVERY_STREAM_NAME`` is required; ``FIREHOSE_EVENTS_PER_RECORD`` is 1 to 500, and
    500 by default.

    Raises:
        SettingsError: The one is missing, or the other malformed.
    """
    return BatchDestination.at(
        Firehose(
            required(environment, "FIREHOSE_DELIVERY_STREAM_NAME"),
            events_per_record=_events_per_record(environment),
        ),
        ServiceEndpoint.of("firehose", environment, host="firehose"),
        requests_per_second=REQUESTS_PER_SECOND,
    )


def _events_per_record(environment: Mapping[str, str]) -> int:
    variable = "FIREHOSE_EVENTS_PER_RECORD"
    text = environment.get(variable) or str(MAX_EVENTS_PER_RECORD)
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= MAX_EVENTS_PER_RECORD:
        raise SettingsError(
            variable, f"must be a whole number between 1 and {MAX_EVENTS_PER_RECORD}", text
        )
    return number


@dataclass(frozen=True, slots=True)
class Entry:
    """One event.

    Attributes:
        event_id: The event's id.
        line: The event record with a newline.
    """

    event_id: str
    line: bytes

    @property
    def size(self) -> int:
        """Bytes of the line."""
        return len(self.line)


class Firehose(BatchService[Entry]):
    """Limits, requests and answers of Firehose.

    Args:
        delivery_stream_name: Name of the delivery stream.
        events_per_record: Maximum number of events in a record.
    """

    name = "Amazon Data Firehose"
    limits = Limits()
    max_entries = MAX_RECORDS * MAX_EVENTS_PER_RECORD
    # Base64 turns 3 bytes into 4. A request may have the maximum number of records, so the overhead
    # of all of them is reserved.
    max_bytes = (MAX_REQUEST_BYTES - _REQUEST_OVERHEAD - MAX_RECORDS * _RECORD_OVERHEAD) // 4 * 3
    max_entry_bytes = MAX_RECORD_BYTES

    def __init__(
        self, delivery_stream_name: str, *, events_per_record: int = MAX_EVENTS_PER_RECORD
    ) -> None:
        self._delivery_stream_name = delivery_stream_name
        self._events_per_record = events_per_record

    def encode(self, event: Event, counts: Counter[str]) -> Entry:  # noqa: ARG002
        """See :meth:`BatchService.encode`."""
        return Entry(event.id, f"{record.encode(event)}\n".encode())

    def pack(self, entries: Sequence[Entry], oldest: int = 0) -> list[list[Entry]]:
        """See :meth:`BatchService.pack`."""
        return pack(
            entries,
            oldest=oldest,
            max_entries=MAX_RECORDS * self._events_per_record,
            max_bytes=self.max_bytes,
            # With one event per record, the entries are the records. With the maximum, the limit of
            # bytes is reached long before that of records. In between, large events can end records
            # early.
            room=None if self._events_per_record in (1, MAX_EVENTS_PER_RECORD) else self._room,
        )

    def _room(self) -> _OpenRequest:
        return _OpenRequest(self.max_bytes, self._events_per_record)

    def request(self, entries: Sequence[Entry]) -> ServiceRequest:
        """See :meth:`BatchService.request`."""
        records = b",".join(
            b'{"Data":"%b"}' % b64encode(b"".join([entry.line for entry in group]))
            for group in _records(entries, self._events_per_record)
        )
        return ServiceRequest(
            b'{"DeliveryStreamName":%b,"Records":[%b]}'
            % (record.to_json(self._delivery_stream_name).encode(), records),
            headers={"Content-Type": JSON_1_1, "X-Amz-Target": "Firehose_20150804.PutRecordBatch"},
        )

    def outcomes(self, entries: Sequence[Entry], answer: Answer) -> Iterator[Outcome]:
        """See :meth:`BatchService.outcomes`."""
        return in_order(
            [
                [entry.event_id for entry in group]
                for group in _records(entries, self._events_per_record)
            ],
            answer.json().get("RequestResponses"),
            "RecordId",
            _problem,
        )


class _OpenRequest(OpenRequest[Entry]):
    """A request with a limited number of records, which :func:`_records` splits alike."""

    def __init__(self, max_bytes: int, events_per_record: int) -> None:
        super().__init__(max_bytes)
        self._events_per_record = events_per_record
        self._records = 0
        self._last_events = events_per_record
        self._last_size = 0

    def add(self, entry: Entry) -> bool:
        """See :meth:`OpenRequest.add`."""
        begins = (
            self._last_events == self._events_per_record
            or self._last_size + entry.size > MAX_RECORD_BYTES
        )
        if (begins and self._records == MAX_RECORDS) or not super().add(entry):
            return False
        if begins:
            self._records += 1
            self._last_events = self._last_size = 0
        self._last_events += 1
        self._last_size += entry.size
        return True


def _records(entries: Sequence[Entry], events_per_record: int) -> list[list[Entry]]:
    """Return the events of each record, in order. Equal entries give equal records."""
    return next_fit(entries, max_entries=events_per_record, max_bytes=MAX_RECORD_BYTES)


def _problem(code: str) -> RetryReason:
    # The API reference lists ServiceUnavailableException, for exceeded throughput, and
    # InternalFailure. Neither blames the record.
    if code == "ServiceUnavailableException":
        return RetryReason.THROTTLED
    return RetryReason.UNAVAILABLE
