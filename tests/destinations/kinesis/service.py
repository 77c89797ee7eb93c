"""Kinesis in memory."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any, ClassVar

from gtm_events.aws import ServiceEndpoint
from gtm_events.destinations.kinesis import Kinesis
from tests.destinations.fake import BatchFake, event_of, listed
from tests.unit.builders import Answered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gtm_events.destinations.batching import BatchService
    from gtm_events.event import Event
    from tests.destinations.fake import Verdict

STREAM_ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/the-stream"


class FakeKinesis(BatchFake):
    """``PutRecords`` in memory."""

    name = "kinesis"
    model = ("kinesis", "PutRecords")
    verdicts = frozenset({"ok", "throttled", "failed", "unmentioned"})
    shares_fate = frozenset({"unmentioned"})
    whole: ClassVar = {
        "refused": Answered(400, "InvalidArgumentException"),
        "throttled": Answered(400, "KMSThrottlingException"),
    }
    max_bytes = 10 * 1024 * 1024
    max_entries = 500
    max_entry_bytes = 10 * 1024 * 1024
    sizes: ClassVar = [20_000] * 50 + [400_000] * 10 + [1_000_000] * 25
    environment: ClassVar = {"KINESIS_STREAM_ARN": STREAM_ARN}
    # The Region is the stream's, not the function's.
    url = "https://kinesis.us-east-1.amazonaws.com/"
    endpoint = ServiceEndpoint("kinesis", "us-east-1", "https://kinesis")

    def service(self) -> BatchService[Any]:
        return Kinesis(STREAM_ARN)

    def parsed(self, body: bytes) -> dict[str, Any]:
        request = super().parsed(body)
        for record in request["Records"]:
            record["Data"] = b64decode(record["Data"], validate=True)
        return request

    def size(self, request: dict[str, Any], body: bytes) -> int:
        assert body
        return sum(len(r["Data"]) + len(r["PartitionKey"].encode()) for r in request["Records"])

    def read(self, request: dict[str, Any]) -> Iterator[Iterable[Event]]:
        for record in request["Records"]:
            event = event_of(record["Data"])
            assert record["PartitionKey"] == event.endpoint_id[:256]
            assert b"\n" not in record["Data"]
            yield [event]

    def written(self, entries: list[list[Event]], verdicts: list[Verdict]) -> dict[str, Any]:
        assert entries
        codes: dict[Verdict, str] = {
            "throttled": "ProvisionedThroughputExceededException",
            "failed": "InternalFailure",
        }
        records = listed(codes, {"SequenceNumber": "1", "ShardId": "shardId-0"}, verdicts)
        return {"FailedRecordCount": sum(v != "ok" for v in verdicts), "Records": records}


FAKE = FakeKinesis
