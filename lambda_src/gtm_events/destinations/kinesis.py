"""Amazon Kinesis Data Streams' ``PutRecords``: one record per event.

Limits are from the API reference of ``PutRecords``: 500 records, each "as large as 10 MiB, up to a
limit of 10 MiB for the entire request, including partition keys", before base64. A stream's own
limit for a record may be lower (1 MiB by default); larger records are rejected with its error
message.
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
from gtm_events.event import Event, Limits
from gtm_events.outcome import Outcome, RetryReason

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping, Sequence

MAX_RECORDS: Final = 500
"""Records in a request."""
MAX_REQUEST_BYTES: Final = 10 * 1024 * 1024
MAX_RECORD_BYTES: Final = 10 * 1024 * 1024
MAX_PARTITION_KEY: Final = 256
"""Maximum characters of a partition key."""

REQUESTS_PER_SECOND: Final = 1_000.0
"""An upper bound only: a stream's quotas are in records and bytes per shard, and throttling tells
when they are reached."""


def create(environment: Mapping[str, str]) -> BatchDestination[Entry]:
    """Return the destination that ``environment`` describes.

    ``KINESIS_STREAM_ARN`` is required. The stream may be in another Region or account.

    Raises:
        SettingsError: It is missing.
    """
    arn = required(environment, "KINESIS_STREAM_ARN")
    return BatchDestination.at(
        Kinesis(arn),
        ServiceEndpoint.of("kinesis", environment, host="kinesis", arn=arn),
        requests_per_second=REQUESTS_PER_SECOND,
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One record.

    Attributes:
        event_id: The event's id.
        partition_key: The event's endpoint id, cut to the maximum length, so that an endpoint's
            events go to one shard.
        data: The event record.
        size: Bytes of key and data, as Kinesis counts them.
    """

    event_id: str
    partition_key: str
    data: bytes
    size: int


class Kinesis(BatchService[Entry]):
    """Limits, requests and answers of Kinesis.

    Args:
        stream_arn: ARN of the stream.
    """

    name = "Amazon Kinesis"
    limits = Limits()
    max_entries = MAX_RECORDS
    max_bytes = MAX_REQUEST_BYTES
    max_entry_bytes = MAX_RECORD_BYTES

    def __init__(self, stream_arn: str) -> None:
        self._stream_arn = stream_arn

    def encode(self, event: Event, counts: Counter[str]) -> Entry:  # noqa: ARG002
        """See :meth:`BatchService.encode`."""
        key = event.endpoint_id[:MAX_PARTITION_KEY]
        data = record.encode(event).encode()
        return Entry(event.id, key, data, len(data) + len(key.encode()))

    def request(self, entries: Sequence[Entry]) -> ServiceRequest:
        """See :meth:`BatchService.request`."""
        records = b",".join(
            b'{"Data":"%b","PartitionKey":%b}'
            % (b64encode(entry.data), record.to_json(entry.partition_key).encode())
            for entry in entries
        )
        return ServiceRequest(
            b'{"StreamARN":%b,"Records":[%b]}'
            % (record.to_json(self._stream_arn).encode(), records),
            headers={"Content-Type": JSON_1_1, "X-Amz-Target": "Kinesis_20131202.PutRecords"},
        )

    def outcomes(self, entries: Sequence[Entry], answer: Answer) -> Iterator[Outcome]:
        """See :meth:`BatchService.outcomes`."""
        return in_order(
            [(entry.event_id,) for entry in entries],
            answer.json().get("Records"),
            "SequenceNumber",
            _problem,
        )


def _problem(code: str) -> RetryReason:
    # The API reference lists this code and InternalFailure. Neither blames the record.
    if code == "ProvisionedThroughputExceededException":
        return RetryReason.THROTTLED
    return RetryReason.UNAVAILABLE
