"""A stand-in for Amazon EventBridge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

from gtm_events.destinations.eventbridge import EventBridge
from local.arrivals import Arrivals, BusReader
from local.model import (
    items,
    json_or_text,
    member,
    text,
)
from local.stand_in.kind import NAME, WATCHER, StandIn
from local.stand_in.stream import FAILING, StreamServer, bytes_of
from local.stand_in.values import ActiveBehavior, Event, Outcome, ShownDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from starlette.requests import Request


class EventBridgeServer(StreamServer):
    """``PutEvents`` of EventBridge, with one entry for each event."""

    kind: ClassVar[str] = "eventbridge"
    title: ClassVar[str] = "Amazon EventBridge"
    operation: ClassVar[str] = "PutEvents"
    service: ClassVar[str] = "events"
    model_name: ClassVar[str] = "events"
    records_member: ClassVar[str] = "Entries"
    answers_member: ClassVar[str] = "Entries"
    count_member: ClassVar[str] = "FailedEntryCount"
    record_failure: ClassVar[tuple[str, Outcome]] = ("InternalFailure", Outcome.FAILED)
    throttled: ClassVar[tuple[int, str]] = (400, "ThrottlingException")
    failed: ClassVar[tuple[int, str]] = (500, "InternalException")
    refusing: ClassVar[str] = "Answers 200, and InvalidArgument for each of the entries."
    failing: ClassVar[str] = f"{FAILING} InternalFailure."
    invalid: ClassVar[str] = "ValidationException"

    entries_bytes: ClassVar[int] = 999_999
    """Maximum total size of a request's entries, as EventBridge counts it: "less than 1 MB"."""

    _refusal: ClassVar[str] = "InvalidArgument"
    # Errors that are permanent, because the entry causes them.
    _for_good: ClassVar[frozenset[str]] = frozenset(
        {
            "InvalidArgument",
            "MalformedDetail",
            "RedactionFailure",
        }
    )

    @property
    def request_bytes(self) -> int:
        """See :class:`~local.stand_in.server.DestinationServer`."""
        return 4 * self.entries_bytes

    def _target(self, request: Request, document: object) -> str:  # noqa: ARG002
        for entry in items(member(document, "Entries")):
            if isinstance(entry, dict):
                return text(entry, "EventBusName")
        return ""

    def _limit_faults(self, document: Mapping[str, Any]) -> Iterator[str]:
        size = sum(_entry_size(entry) for entry in document["Entries"])
        if size > self.entries_bytes:
            yield f"Total size of the entries is {size:,}, over the limit of {self.entries_bytes:,}"

    def _own_answer(
        self, record: Mapping[str, Any], events: Iterable[Event], active: ActiveBehavior
    ) -> dict[str, Any] | None:
        for name in ("Source", "DetailType", "Detail"):
            if not text(record, name):
                return {
                    "ErrorCode": self._refusal,
                    "ErrorMessage": f"Parameter {name} is not valid. Reason: {name} is a required "
                    "argument.",
                }
        if not isinstance(json_or_text(bytes_of(record, "Detail")), dict):
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        return super()._own_answer(record, events, active)

    def _refuse(self, active: ActiveBehavior) -> dict[str, Any]:
        return {"ErrorCode": self._refusal, "ErrorMessage": active.behavior.refuse_message}

    def _outcome(self, code: str) -> Outcome:
        return Outcome.REFUSED if code in self._for_good else super()._outcome(code)

    def _record_events(self, record: Mapping[str, Any]) -> Iterator[Event]:
        document = json_or_text(bytes_of(record, "Detail"))
        yield Event.of_record(
            document, ShownDocument("Event bus entry", {**record, "Detail": document})
        )


def _entry_size(entry: Mapping[str, Any]) -> int:
    """Return the size of an entry as EventBridge's documentation counts it."""
    size = 14 if "Time" in entry else 0
    for name in ("Source", "DetailType", "Detail"):
        size += len(bytes_of(entry, name))
    return size + sum(len(resource.encode()) for resource in entry.get("Resources", []))


def _prepare(variables: Mapping[str, str], client: Callable[[str], Any]) -> Arrivals:
    events, sqs = client("events"), client("sqs")
    name = variables["EVENT_BUS_ARN"].rpartition("/")[2]
    if name != "default":
        events.create_event_bus(Name=name)
    queue_url = sqs.create_queue(QueueName=WATCHER)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    pattern = {"source": [variables["EVENT_SOURCE"]]}
    events.put_rule(Name=WATCHER, EventBusName=name, EventPattern=json.dumps(pattern))
    events.put_targets(
        Rule=WATCHER,
        EventBusName=name,
        Targets=[{"Id": WATCHER, "Arn": attributes["Attributes"]["QueueArn"]}],
    )
    return Arrivals("eventbridge", BusReader(sqs, queue_url))


def _server(
    _variables: Mapping[str, str], _template: Mapping[str, Any], **options: Any
) -> EventBridgeServer:
    return EventBridgeServer(**options)


STAND_IN: Final = StandIn(
    context={"eventbridge_bus_name": NAME},
    server=_server,
    limits=EventBridge.limits,
    prepare=_prepare,
    arn_variables=["EVENT_BUS_ARN"],
)
