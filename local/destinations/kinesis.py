"""A stand-in for Amazon Kinesis Data Streams."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

from gtm_events.destinations.kinesis import Kinesis
from local.arrivals import Arrivals, StreamReader
from local.deploy import DEFAULT_ACCOUNT, DEFAULT_REGION
from local.model import (
    json_or_text,
    member,
)
from local.stand_in.kind import NAME, StandIn
from local.stand_in.stream import (
    FAILING,
    MAX_HASH,
    REFUSING_WHOLE,
    StreamServer,
    bytes_of,
    decoded,
    with_bytes,
)
from local.stand_in.values import Event, Outcome, ShownDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from starlette.requests import Request

    from local.signature import EmulatorAccess


SHARDS: Final = 2
"""Number of shards of the local stream."""

_ACTIVE_SECONDS: Final = 10.0


class KinesisServer(StreamServer):
    """``PutRecords`` of Kinesis Data Streams, with one record for each event.

    Each shard takes 1,000 records and 1 MiB per second, as on AWS. Only records over that quota
    fail.

    Args:
        upstream: The emulator.
        shards: Number of shards of the stream. Default: no quota.
        options: See :class:`~local.stand_in.server.DestinationServer`.
    """

    kind: ClassVar[str] = "kinesis"
    title: ClassVar[str] = "Amazon Kinesis Data Streams"
    operation: ClassVar[str] = "PutRecords"
    service: ClassVar[str] = "kinesis"
    model_name: ClassVar[str] = "kinesis"
    count_member: ClassVar[str] = "FailedRecordCount"
    record_failure: ClassVar[tuple[str, Outcome]] = (
        "ProvisionedThroughputExceededException",
        Outcome.THROTTLED,
    )
    throttled: ClassVar[tuple[int, str]] = (400, "ProvisionedThroughputExceededException")
    failed: ClassVar[tuple[int, str]] = (500, "InternalFailure")
    refusing: ClassVar[str] = REFUSING_WHOLE
    failing: ClassVar[str] = f"{FAILING} ProvisionedThroughputExceededException."

    record_bytes: ClassVar[int] = 1_048_576
    """Maximum size of a record's data and partition key: a stream's default limit."""
    records_bytes: ClassVar[int] = 10_485_760
    """Maximum size of a request's data and partition keys, before base64."""
    # The emulator still has AWS's former limit of 5 MiB.
    passed_bytes: ClassVar[int | None] = 4_000_000

    def __init__(
        self,
        upstream: EmulatorAccess | None = None,
        *,
        shards: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        **options: Any,
    ) -> None:
        self._shards = [_Shard(clock) for _ in range(shards or 0)]
        super().__init__(upstream, clock=clock, **options)

    @property
    def request_bytes(self) -> int:
        """See :class:`~local.stand_in.server.DestinationServer`."""
        return 2 * self.records_bytes

    def _target(self, request: Request, document: object) -> str:  # noqa: ARG002
        found = member(document, "StreamARN") or member(document, "StreamName")
        return found if isinstance(found, str) else ""

    def _shape(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        return with_bytes(document)

    def _limit_faults(self, document: Mapping[str, Any]) -> Iterator[str]:
        if "StreamARN" not in document and "StreamName" not in document:
            yield "Either StreamARN or StreamName must be given"
        sizes = [_kinesis_size(record) for record in document["Records"]]
        if sum(sizes) > self.records_bytes:
            yield f"{sum(sizes):,} bytes of records, over the limit of {self.records_bytes:,}"
        if max(sizes) > self.record_bytes:
            yield f"A record has {max(sizes):,} bytes, over the limit of {self.record_bytes:,}"
        for record in document["Records"]:
            if "PartitionKey" not in record:
                yield "A record has no PartitionKey"

    def _throttles(self, record: Mapping[str, Any]) -> bool:
        if not self._shards:
            return False
        digest = hashlib.md5(bytes_of(record, "PartitionKey"), usedforsecurity=False).digest()
        shard = self._shards[int.from_bytes(digest) * len(self._shards) // MAX_HASH]
        return not shard.take(_kinesis_size(record))

    def _record_events(self, record: Mapping[str, Any]) -> Iterator[Event]:
        document = json_or_text(decoded(record))
        shown = {"PartitionKey": record.get("PartitionKey"), "Data": document}
        yield Event.of_record(document, ShownDocument("Stream record", shown))

    def _accepted_words(self, answer: Mapping[str, Any]) -> str:
        return f"Accepted in {answer.get('ShardId')}"


@dataclass(slots=True)
class _Shard:
    """A shard's quota per second: two token buckets that start full."""

    clock: Callable[[], float]
    records: float = 1_000
    size: float = 1_048_576
    filled: float = field(init=False)

    most_records: ClassVar[int] = 1_000
    most_bytes: ClassVar[int] = 1_048_576

    def __post_init__(self) -> None:
        self.filled = self.clock()

    def take(self, size: int) -> bool:
        now = self.clock()
        passed = now - self.filled
        self.filled = now
        self.records = min(self.most_records, self.records + passed * self.most_records)
        self.size = min(self.most_bytes, self.size + passed * self.most_bytes)
        if self.records < 1 or self.size < size:
            return False
        self.records -= 1
        self.size -= size
        return True


def _kinesis_size(record: Mapping[str, Any]) -> int:
    return len(decoded(record)) + len(bytes_of(record, "PartitionKey"))


def _prepare(variables: Mapping[str, str], client: Callable[[str], Any]) -> Arrivals:
    kinesis, arn = client("kinesis"), variables["KINESIS_STREAM_ARN"]
    kinesis.create_stream(StreamName=arn.rpartition("/")[2], ShardCount=SHARDS)
    deadline = time.monotonic() + _ACTIVE_SECONDS
    while True:
        summary = kinesis.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]
        if summary["StreamStatus"] == "ACTIVE" or time.monotonic() > deadline:
            return Arrivals("kinesis", StreamReader(kinesis, arn))
        time.sleep(0.05)


def _server(
    _variables: Mapping[str, str], _template: Mapping[str, Any], **options: Any
) -> KinesisServer:
    return KinesisServer(shards=SHARDS, **options)


STAND_IN: Final = StandIn(
    context={
        "kinesis_stream_arn": f"arn:aws:kinesis:{DEFAULT_REGION}:{DEFAULT_ACCOUNT}:stream/{NAME}"
    },
    server=_server,
    limits=Kinesis.limits,
    prepare=_prepare,
    arn_variables=["KINESIS_STREAM_ARN"],
)
