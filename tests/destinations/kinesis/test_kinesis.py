"""Kinesis: the partition key, and the error codes of records."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from gtm_events.destinations.kinesis import Kinesis
from tests.destinations.entry_codes import THROTTLED, UNAVAILABLE, event_of, outcome, reason
from tests.destinations.kinesis.service import STREAM_ARN, FakeKinesis
from tests.unit.builders import body, deliver

if TYPE_CHECKING:
    from gtm_events.outcome import RetryReason


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # PutRecordsResultEntry: "Valid values: ProvisionedThroughputExceededException,
        # InternalFailure"; others are not the record's fault either.
        ("ProvisionedThroughputExceededException", THROTTLED),
        ("InternalFailure", UNAVAILABLE),
        ("SomethingNew", UNAVAILABLE),
    ],
)
def test_error_codes(code: str, expected: RetryReason) -> None:
    document = {"Records": [{"ErrorCode": code, "ErrorMessage": "words"}]}
    assert reason(outcome(Kinesis("arn"), document)) is expected


def test_the_bytes_of_a_partition_key_count() -> None:
    event = event_of("\U0001f600" * 300)
    entry = Kinesis("arn").encode(event, Counter())
    # 256 characters of 4 bytes each, and the record.
    assert entry.size == 4 * 256 + len(entry.data)


def test_the_partition_key_is_the_endpoint_cut_to_256_characters() -> None:
    service = FakeKinesis()
    ids = ["ep", "\U0001f600" * 256, "\U0001f600" * 257]
    deliver([body({"event": "e", "endpoint_id": i}) for i in ids], service=service)
    [request] = service.requests
    document = json.loads(request)
    assert document["StreamARN"] == STREAM_ARN
    keys = [record["PartitionKey"] for record in document["Records"]]
    assert keys == ["ep", "\U0001f600" * 256, "\U0001f600" * 256]
    assert [event.endpoint_id for event in service.events.values()] == ids
