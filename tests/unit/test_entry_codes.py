"""What each service says of one entry, by the codes in its API reference."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from gtm_events.aws import Answer
from gtm_events.destinations.customer_profiles import CustomerProfiles
from gtm_events.destinations.eventbridge import EventBridge
from gtm_events.destinations.firehose import Firehose
from gtm_events.destinations.kinesis import Kinesis
from gtm_events.destinations.pinpoint import Pinpoint
from gtm_events.event import Event
from gtm_events.outcome import Outcome, Reason, Rejected, Retry, RetryReason
from tests.unit.builders import FakeDeadLetters, body, deliver, message_id
from tests.unit.services import SERVICES, BatchFake

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gtm_events.destinations.batching import BatchService

THROTTLED, UNAVAILABLE, DENIED = (
    RetryReason.THROTTLED,
    RetryReason.UNAVAILABLE,
    RetryReason.DENIED,
)
TIMED_OUT, REFUSED = RetryReason.TIMED_OUT, Reason.REFUSED


def event_of(endpoint_id: str) -> Event:
    return Event(
        id="id",
        endpoint_id=endpoint_id,
        event_type="e",
        time=0,
        attributes={},
        metrics={},
        user_attributes={},
    )


def outcome(service: BatchService[Any], document: Mapping[str, Any]) -> Outcome:
    """Return what an answer says of the one event of a request."""
    event = event_of("ep")
    entries = [service.encode(event, Counter())]
    [found] = service.outcomes(entries, Answer(200, json.dumps(document).encode()))
    assert found.event_id == "id"
    return found


def reason(found: Outcome) -> RetryReason | Reason:
    assert isinstance(found, Retry | Rejected)
    return found.reason


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
def test_kinesis(code: str, expected: RetryReason) -> None:
    document = {"Records": [{"ErrorCode": code, "ErrorMessage": "words"}]}
    assert reason(outcome(Kinesis("arn"), document)) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # PutRecordBatch: "the service is unavailable", for want of throughput, or InternalFailure.
        ("ServiceUnavailableException", THROTTLED),
        ("InternalFailure", UNAVAILABLE),
        ("SomethingNew", UNAVAILABLE),
    ],
)
def test_firehose(code: str, expected: RetryReason) -> None:
    document = {"RequestResponses": [{"ErrorCode": code, "ErrorMessage": "words"}]}
    assert reason(outcome(Firehose("stream"), document)) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # PutEventsResultEntry. "Retryable errors":
        ("InternalFailure", UNAVAILABLE),
        ("InternalException", UNAVAILABLE),
        ("ThrottlingException", THROTTLED),
        # "Non-retryable errors", of which these are the owner's:
        ("AccessDeniedException", DENIED),
        ("InvalidAccountIdException", DENIED),
        ("NotAuthorizedForDetailTypeException", DENIED),
        ("NotAuthorizedForSourceException", DENIED),
        # and these the entry's.
        ("InvalidArgument", REFUSED),
        ("MalformedDetail", REFUSED),
        ("RedactionFailure", REFUSED),
        ("SomethingNew", REFUSED),
    ],
)
def test_eventbridge(code: str, expected: RetryReason | Reason) -> None:
    document = {"Entries": [{"ErrorCode": code, "ErrorMessage": "words"}]}
    found = outcome(EventBridge("arn", "source"), document)
    assert reason(found) is expected
    if isinstance(found, Rejected):
        assert (found.code, found.detail) == (code, f"{code}: words")


STATUSES = [
    (400, REFUSED),
    (413, REFUSED),
    (403, DENIED),
    (404, DENIED),
    (408, TIMED_OUT),
    (429, THROTTLED),
    (500, UNAVAILABLE),
    (503, UNAVAILABLE),
]


@pytest.mark.parametrize(("status", "expected"), STATUSES)
def test_customer_profiles(status: int, expected: RetryReason | Reason) -> None:
    document = {"Failed": [{"Id": "id", "Code": status, "Message": "words"}]}
    found = outcome(CustomerProfiles("domain", "type"), document)
    assert reason(found) is expected
    if isinstance(found, Rejected):
        assert (found.code, found.detail) == (str(status), f"{status} words")


@pytest.mark.parametrize(("status", "expected"), STATUSES)
def test_pinpoint(status: int, expected: RetryReason | Reason) -> None:
    events = {"id": {"StatusCode": status, "Message": "words"}}
    document = {"Results": {"ep": {"EventsItemResponse": events}}}
    assert reason(outcome(Pinpoint("app"), document)) is expected


def test_the_bytes_of_a_partition_key_count() -> None:
    event = event_of("\U0001f600" * 300)
    entry = Kinesis("arn").encode(event, Counter())
    # 256 characters of 4 bytes each, and the record.
    assert entry.size == 4 * 256 + len(entry.data)


@pytest.mark.parametrize("kind_of_service", SERVICES, ids=lambda service: service.name)
@pytest.mark.parametrize("number", [9, 10, 25])
def test_a_destination_that_refuses_everything_is_a_problem(
    kind_of_service: type[BatchFake], number: int
) -> None:
    service, letters = kind_of_service(), FakeDeadLetters()
    error = service.whole["refused"]

    def refuse(_: Event) -> Any:
        raise error

    service.decide = refuse
    batch = deliver(
        [body({"event": "e", "endpoint_id": f"ep-{i}"}) for i in range(number)],
        service=service,
        dead_letters=letters,
    )
    assert batch.rejected == {"refused": number}
    assert len(letters.letters) == number
    code = letters.letters[0].detail.partition(":")[0]
    assert code.startswith("400 ")
    expected = [f"the destination refused {number} of {number} events: {code}"]
    assert batch.problems == (expected if number >= 10 else [])


@pytest.mark.parametrize("kind_of_service", SERVICES, ids=lambda service: service.name)
def test_a_destination_that_takes_something_is_none(kind_of_service: type[BatchFake]) -> None:
    service, letters = kind_of_service(), FakeDeadLetters()
    error = service.whole["refused"]

    def refuse(event: Event) -> Any:
        if event.event_type == "good":
            return "ok"
        raise error

    service.decide = refuse
    batch = deliver(
        [body({"event": "good" if i == 3 else "bad", "endpoint_id": f"ep-{i}"}) for i in range(25)],
        service=service,
        dead_letters=letters,
    )
    assert (batch.delivered, batch.rejected) == (1, {"refused": 24})
    assert batch.problems == []
    assert message_id(3) in service.accepted
