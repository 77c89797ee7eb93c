"""EventBridge: the members of an entry, and the error codes of entries."""

from __future__ import annotations

import json

import pytest

from gtm_events.destinations.eventbridge import EventBridge
from gtm_events.outcome import Reason, Rejected, RetryReason
from tests.destinations.entry_codes import DENIED, REFUSED, THROTTLED, UNAVAILABLE, outcome, reason
from tests.destinations.eventbridge.service import BUS_ARN, FakeEventBridge
from tests.destinations.fake import event_of
from tests.unit.builders import body, deliver


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # PutEventsResultEntry. "Retryable errors":
        ("InternalFailure", UNAVAILABLE),
        ("InternalException", UNAVAILABLE),
        ("ThrottlingException", THROTTLED),
        # "Non-retryable errors" that the owner must fix:
        ("AccessDeniedException", DENIED),
        ("InvalidAccountIdException", DENIED),
        ("NotAuthorizedForDetailTypeException", DENIED),
        ("NotAuthorizedForSourceException", DENIED),
        # "Non-retryable errors" of the entry itself:
        ("InvalidArgument", REFUSED),
        ("MalformedDetail", REFUSED),
        ("RedactionFailure", REFUSED),
        ("SomethingNew", REFUSED),
    ],
)
def test_error_codes(code: str, expected: RetryReason | Reason) -> None:
    document = {"Entries": [{"ErrorCode": code, "ErrorMessage": "words"}]}
    found = outcome(EventBridge("arn", "source"), document)
    assert reason(found) is expected
    if isinstance(found, Rejected):
        assert (found.code, found.detail) == (code, f"{code}: words")


def test_an_event_as_eventbridge_gets_it() -> None:
    service = FakeEventBridge()
    deliver([body({"event": "buy", "endpoint_id": "ep"}, time=1_795_000_000_123)], service=service)
    [entry] = json.loads(service.requests[0])["Entries"]
    detail = event_of(entry.pop("Detail"))
    assert (detail.event_type, detail.time) == ("buy", 1_795_000_000_123)
    assert entry == {
        "Time": 1_795_000_000.123,
        "Source": "example.shop",
        "DetailType": "GTM Event",
        "EventBusName": BUS_ARN,
    }
