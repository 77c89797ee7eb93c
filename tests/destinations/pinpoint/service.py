"""Pinpoint in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from gtm_events.aws import ServiceEndpoint
from gtm_events.destinations.pinpoint import Pinpoint
from gtm_events.event import Event
from tests.destinations.fake import BatchFake, milliseconds
from tests.unit.builders import Answered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gtm_events.destinations.batching import BatchService
    from tests.destinations.fake import Verdict


class FakePinpointEvents(BatchFake):
    """``PutEvents`` of Pinpoint in memory, as a :class:`BatchFake`."""

    name = "pinpoint"
    model = ("pinpoint", "PutEvents")
    verdicts = frozenset({"ok", "refused", "throttled", "failed", "unmentioned"})
    whole: ClassVar = {
        "refused": Answered(400, "BadRequestException"),
        "throttled": Answered(429, "TooManyRequestsException"),
    }
    cuts = True
    max_bytes = 4_000_000
    max_entries = 100
    max_entry_bytes = 1_000_000
    counts_exactly = False  # events of an endpoint share its bytes
    sizes: ClassVar = [2_000] * 100 + [900_000, 700_000, 300_000, 100_000] * 6
    sends_newest = True
    sends_access = False
    environment: ClassVar = {"PINPOINT_APPLICATION_ID": "the-app"}
    url = "https://pinpoint.eu-west-1.amazonaws.com/v1/apps/the-app/events"
    endpoint = ServiceEndpoint("mobiletargeting", "us-east-1", "https://pinpoint")

    def service(self) -> BatchService[Any]:
        return Pinpoint("the-app")

    def parsed(self, body: bytes) -> dict[str, Any]:
        return {"ApplicationId": "the-app", "EventsRequest": json.loads(body)}

    def size(self, request: dict[str, Any], body: bytes) -> int:
        items = request["EventsRequest"]["BatchItem"].values()
        assert sum(len(item["Events"]) for item in items) <= 100
        return len(body)

    def read(self, request: dict[str, Any]) -> Iterator[Iterable[Event]]:
        for endpoint_id, item in request["EventsRequest"]["BatchItem"].items():
            user = item["Endpoint"].get("User", {})
            for event_id, event in item["Events"].items():
                yield [
                    Event(
                        id=event_id,
                        endpoint_id=endpoint_id,
                        event_type=event["EventType"],
                        time=milliseconds(event["Timestamp"]),
                        attributes=event.get("Attributes", {}),
                        metrics=event.get("Metrics", {}),
                        user_attributes=user.get("UserAttributes", {}),
                        user_id=user.get("UserId", ""),
                    )
                ]

    def written(self, entries: list[list[Event]], verdicts: list[Verdict]) -> dict[str, Any]:
        codes: dict[Verdict, int] = {"ok": 202, "refused": 400, "throttled": 429, "failed": 503}
        results: dict[str, Any] = {}
        for [event], verdict in zip(entries, verdicts, strict=True):
            result = results.setdefault(
                event.endpoint_id,
                {
                    "EndpointItemResponse": {"StatusCode": 202, "Message": "Accepted"},
                    "EventsItemResponse": {},
                },
            )
            if verdict in codes:
                result["EventsItemResponse"][event.id] = {
                    "StatusCode": codes[verdict],
                    "Message": f"it is {verdict}",
                }
        return {"Results": results}

    def adapt(self, expected: Event, got: Event) -> None:
        # A request holds all data about an endpoint's user in one place.
        got.user_attributes = {name: got.user_attributes[name] for name in expected.user_attributes}


FAKE = FakePinpointEvents
