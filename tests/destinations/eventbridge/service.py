"""EventBridge in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gtm_events.aws import ServiceEndpoint
from gtm_events.destinations.eventbridge import EventBridge
from tests.destinations.fake import BatchFake, event_of, listed
from tests.unit.builders import Answered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gtm_events.destinations.batching import BatchService
    from gtm_events.event import Event
    from tests.destinations.fake import Verdict

BUS_ARN = "arn:aws:events:us-east-1:123456789012:event-bus/the-bus"
SOURCE = "example.shop"


class FakeEventBridge(BatchFake):
    """``PutEvents`` of EventBridge in memory."""

    name = "eventbridge"
    model = ("events", "PutEvents")
    verdicts = frozenset({"ok", "refused", "throttled", "failed", "denied", "unmentioned"})
    shares_fate = frozenset({"unmentioned"})
    whole: ClassVar = {
        "refused": Answered(400, "ValidationException"),
        "throttled": Answered(400, "ThrottlingException"),
    }
    max_bytes = 999_999  # "less than 1MB"
    max_entries = 10
    max_entry_bytes = 999_999
    sizes: ClassVar = [90_000, 600_000, 300_000] * 8
    environment: ClassVar = {"EVENT_BUS_ARN": BUS_ARN, "EVENT_SOURCE": SOURCE}
    # The Region is the bus's, not the function's.
    url = "https://events.us-east-1.amazonaws.com/"
    endpoint = ServiceEndpoint("events", "us-east-1", "https://events")

    def service(self) -> BatchService[Any]:
        return EventBridge(BUS_ARN, SOURCE)

    def size(self, request: dict[str, Any], body: bytes) -> int:
        assert body
        size = 0
        for entry in request["Entries"]:
            size += 14 + len((entry["Source"] + entry["DetailType"] + entry["Detail"]).encode())
            assert len(entry["DetailType"]) <= 128
        return size

    def read(self, request: dict[str, Any]) -> Iterator[Iterable[Event]]:
        for entry in request["Entries"]:
            event = event_of(entry["Detail"])
            assert (entry["EventBusName"], entry["Source"]) == (BUS_ARN, SOURCE)
            assert entry["DetailType"] == "GTM Event"
            assert round(entry["Time"] * 1000) == event.time
            yield [event]

    def written(self, entries: list[list[Event]], verdicts: list[Verdict]) -> dict[str, Any]:
        assert entries
        codes: dict[Verdict, str] = {
            "refused": "MalformedDetail",
            "throttled": "ThrottlingException",
            "failed": "InternalFailure",
            "denied": "NotAuthorizedForDetailTypeException",
        }
        results = listed(codes, {"EventId": "1"}, verdicts)
        return {"FailedEntryCount": sum(v != "ok" for v in verdicts), "Entries": results}


FAKE = FakeEventBridge
