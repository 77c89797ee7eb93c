"""Firehose in memory."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any, ClassVar

from gtm_events.aws import ServiceEndpoint
from gtm_events.destinations.firehose import Firehose
from tests.destinations.fake import BatchFake, event_of, listed
from tests.unit.builders import Answered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gtm_events.destinations.batching import BatchService
    from gtm_events.event import Event
    from tests.destinations.fake import Verdict

DELIVERY_STREAM = "the-delivery-stream"


class FakeFirehose(BatchFake):
    """``PutRecordBatch`` in memory."""

    name = "firehose"
    model = ("firehose", "PutRecordBatch")
    verdicts = frozenset({"ok", "throttled", "failed", "unmentioned"})
    shares_fate = frozenset({"throttled", "failed", "unmentioned"})
    whole: ClassVar = {
        "refused": Answered(400, "InvalidArgumentException"),
        "throttled": Answered(503, "ServiceUnavailableException"),
    }
    max_bytes = 4_000_000
    max_entries = 500
    max_entry_bytes = 1_000_000
    sizes: ClassVar = [90_000, 600_000, 300_000] * 9
    environment: ClassVar = {"FIREHOSE_DELIVERY_STREAM_NAME": DELIVERY_STREAM}
    url = "https://firehose.eu-west-1.amazonaws.com/"
    endpoint = ServiceEndpoint("firehose", "us-east-1", "https://firehose")
    events_per_record = 500

    def service(self) -> BatchService[Any]:
        return Firehose(DELIVERY_STREAM, events_per_record=self.events_per_record)

    def parsed(self, body: bytes) -> dict[str, Any]:
        request = super().parsed(body)
        for record in request["Records"]:
            record["Data"] = b64decode(record["Data"], validate=True)
        return request

    def size(self, request: dict[str, Any], body: bytes) -> int:
        for record in request["Records"]:
            assert record["Data"].endswith(b"\n")
            assert len(record["Data"]) <= 1_000_000
            assert record["Data"].count(b"\n") <= self.events_per_record
        return len(body)

    def read(self, request: dict[str, Any]) -> Iterator[Iterable[Event]]:
        for record in request["Records"]:
            yield [event_of(line) for line in record["Data"].split(b"\n")[:-1]]

    def written(self, entries: list[list[Event]], verdicts: list[Verdict]) -> dict[str, Any]:
        assert entries
        codes: dict[Verdict, str] = {
            "throttled": "ServiceUnavailableException",
            "failed": "InternalFailure",
        }
        responses = listed(codes, {"RecordId": "1"}, verdicts)
        return {"FailedPutCount": sum(v != "ok" for v in verdicts), "RequestResponses": responses}

    def entry_size(self, request: dict[str, Any]) -> int:
        return len(request["Records"][0]["Data"])


FAKE = FakeFirehose
