"""Amazon Kinesis Data Streams' ``PutRecords``: one record an event.

Limits are from the API reference of ``PutRecords``: 500 records, each "as large as 10 MiB, up to a
limit of 10 MiB for the entire request, including partition keys", before base64. A stream's own
limit for a record may be lower (1 MiB unless it was raised); what it refuses is rejected in its own
words.
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
    from collections.abc import Iterator, Mapping, Sequence

MAX_PARTITION_KEY: Final = 256  # characters

# A stream's quota is counted in records and bytes a shard, so throttling says when it is reached.
_REQUESTS_PER_SECOND: Final = 1_000.0


def create(environment: Mapping[str, str]) -> BatchDestination[Entry]:
    """Return the destination that ``environment`` describes.

    ``KINESIS_STREAM_ARN`` is required. The stream may be in another Region or account.

    Raises:
        SettingsError: It is missing.
    """
    arn = required(environment, "KINESIS_STREAM_ARN")
    return BatchDestination.at(
        Kinesis(arn),
        Endpoint.of("kinesis", environment, host="kinesis", arn=arn),
        requests_per_second=_REQUESTS_PER_SECOND,
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One record.

    Attributes:
        event_id: The event's id.
        partition_key: The event's endpoint, cut to what Kinesis takes: an endpoint's events go to
            one shard.
        data: The event record.
        size: Bytes of both, as Kinesis counts them.
    """

    event_id: str
    partition_key: str
    data: bytes
    size: int


class Kinesis(BatchService[Entry]):
    """What is Kinesis' own.

    Args:
        stream_arn: The stream.
    """

    name = "Amazon Kinesis"
    limits = Limits()
    max_entries = 500
    max_bytes = 10 * 1024 * 1024
    max_entry_bytes = 10 * 1024 * 1024

    def __init__(self, stream_arn: str) -> None:
        self._stream_arn = stream_arn

    def encode(self, event: Event, counts: Counter[str]) -> Entry:  # noqa: ARG002
        """See :meth:`BatchService.encode`."""
        key = event.endpoint_id[:MAX_PARTITION_KEY]
        data = record.encode(event).encode()
        return Entry(event.id, key, data, len(data) + len(key.encode()))

    def call(self, entries: Sequence[Entry]) -> Call:
        """See :meth:`BatchService.call`."""
        records = b",".join(
            b'{"Data":"%b","PartitionKey":%b}'
            % (b64encode(entry.data), record.to_json(entry.partition_key).encode())
            for entry in entries
        )
        return Call(
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
    # PutRecords names two: this one, and InternalFailure. Neither blames the record.
    if code == "ProvisionedThroughputExceededException":
        return RetryReason.THROTTLED
    return RetryReason.UNAVAILABLE
