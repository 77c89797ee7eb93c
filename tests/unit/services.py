"""Every service that events go to, in memory: each with its limits, its model and its answers.

A test decides what becomes of an event in one vocabulary, :data:`Verdict`; each service says it in
its own. Every request is held to the SDK's model of the service, more strictly than the SDK itself
does, and to the limits of the service's documentation, written down here a second time.
"""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from base64 import b64decode
from collections import Counter
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from examples.webhook.runtime.shop_webhook import Webhook, signature
from gtm_events.aws import Call, Client, Endpoint
from gtm_events.destinations.batching import BatchDestination, BatchService
from gtm_events.destinations.customer_profiles import CustomerProfiles
from gtm_events.destinations.eventbridge import EventBridge
from gtm_events.destinations.firehose import Firehose
from gtm_events.destinations.kinesis import Kinesis
from gtm_events.destinations.pinpoint import Pinpoint
from gtm_events.event import Event
from gtm_events.https import HttpsEndpoint
from tests.unit.builders import Answered, FakeDestination, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gtm_events.aws import Target
    from gtm_events.destinations import Destination
    from gtm_events.signing import SignedRequest

Verdict = Literal["ok", "refused", "throttled", "failed", "denied", "unmentioned"]

STREAM_ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/the-stream"
DELIVERY_STREAM = "the-delivery-stream"
BUS_ARN = "arn:aws:events:us-east-1:123456789012:event-bus/the-bus"
SOURCE = "example.shop"
DOMAIN = "the-domain"
OBJECT_TYPE = "the-object-type"


@cache
def input_shape(service: str, operation: str) -> Any:
    """Return the SDK's model of an operation's input."""
    model = botocore.session.get_session().get_service_model(service)
    return model.operation_model(operation).input_shape


def violations(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """Yield what of ``value`` is over a maximum or not of a pattern: the SDK checks minima only."""
    most = shape.metadata.get("max")
    if shape.type_name == "structure":
        for name, member in value.items():
            yield from violations(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "map":
        for name, member in value.items():
            yield from violations(member, shape.value, f"{path}.{name}")
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from violations(item, shape.member, f"{path}[{index}]")
    if shape.type_name in ("string", "list", "blob") and most is not None and len(value) > most:
        yield f"{path} has {len(value)}, the model says {most}"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        yield f"{path} is {value!r}, the model says {pattern}"


class _NoBody:
    """A body of the connection pool."""

    def stream(self) -> Iterator[bytes]:
        yield b""


def sdk_request(
    service: str, operation: str, arguments: dict[str, Any], *, url: str, region: str = "us-east-1"
) -> Any:
    """Return the request that the SDK's own client signs, without what says how often it was tried.

    Args:
        service: The SDK's name of it.
        operation: Its method's name.
        arguments: Its method's arguments.
        url: Where to.
        region: Where that is.
    """
    client: Any = botocore.session.get_session().create_client(service, region, endpoint_url=url)
    sent: list[Any] = []
    refused: Any = AWSResponse  # the stubs know nothing of its parts

    def before_sign(request: Any, **_: object) -> None:
        for header in ("amz-sdk-invocation-id", "amz-sdk-request"):
            del request.headers[header]

    def before_send(request: Any, **_: object) -> Any:
        sent.append(request)
        return refused(url, 400, HeadersDict(), _NoBody())

    client.meta.events.register("before-sign", before_sign)
    client.meta.events.register("before-send", before_send)
    with pytest.raises(ClientError):
        getattr(client, operation)(**arguments)
    [request] = sent
    request.headers = {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in request.headers.items()
    }
    return request


class BatchFake(FakeDestination):
    """A service with a batch call.

    Args:
        decide: What becomes of an event. It may raise :class:`Answered` or what the SDK raises.

    Attributes:
        accepted: How often each event was accepted, by its id.
        events: The accepted events.
        entries: Of each request, the events of each of its entries.
        bytes: What was sent, as the service counts it.
    """

    name: ClassVar[str]
    """As the destination is registered."""

    model: ClassVar[tuple[str, str]]
    """The SDK's names of the service and the operation."""

    parameters: ClassVar[dict[str, Any]] = {}
    """What the request has beside its body."""

    whole: ClassVar[dict[str, Answered]]
    """How it refuses a whole request, and how it throttles one."""

    verdicts: ClassVar[frozenset[Verdict]]
    """What it can say of an entry."""

    shares_fate: ClassVar[frozenset[str]] = frozenset()
    """What, said of one event, is said of its neighbours too."""

    cuts: ClassVar[bool] = False
    """Whether it limits an event's members."""

    max_bytes: ClassVar[int]
    """Of a request, as the service counts them."""

    endpoint: ClassVar[Target]

    def __init__(self, decide: Callable[[Event], Verdict] = lambda _: "ok") -> None:
        super().__init__()
        self.decide = decide
        self.accepted: Counter[str] = Counter()
        self.events: dict[str, Event] = {}
        self.entries: list[list[list[Event]]] = []
        self.bytes = 0

    def fewest_requests(self, max_entries: int) -> int:
        """Return how many requests the service's limits ask for, at the least."""
        entries = sum(map(len, self.entries))
        return max(-(-entries // max_entries), -(-self.bytes // self.max_bytes))

    def destination(self, *, requests_per_second: float = 1_000_000) -> Destination:
        """See :meth:`FakeDestination.destination`."""
        return BatchDestination(
            self.service(), Client(self.endpoint, self), requests_per_second=requests_per_second
        )

    def answer(self, body: bytes) -> Response:
        """Answer one batch call."""
        request = self.parsed(body)
        self.check(request)
        size = self.size(request, body)
        assert size <= self.max_bytes
        entries = [list(entry) for entry in self.read(request)]
        # An entry is as good as the worst of its events.
        verdicts = [max(map(self.decide, entry), key=lambda v: v != "ok") for entry in entries]
        with self._lock:
            self.entries.append(entries)
            self.bytes += size
            for entry, verdict in zip(entries, verdicts, strict=True):
                if verdict == "ok":
                    self.accepted.update(event.id for event in entry)
                    self.events.update((event.id, event) for event in entry)
        return Response(200, json.dumps(self.written(entries, verdicts)).encode())

    def check(self, request: dict[str, Any]) -> None:
        """Assert that a request is what the SDK's model of the operation says."""
        shape = input_shape(*self.model)
        report = ParamValidator().validate(request, shape)
        assert not report.has_errors(), report.generate_report()
        assert not list(violations(request, shape))

    def parsed(self, body: bytes) -> dict[str, Any]:
        """Return the operation's input, with its blobs decoded."""
        return {**json.loads(body), **self.parameters}

    @abstractmethod
    def service(self) -> BatchService[Any]:
        """Return what is tested."""

    @abstractmethod
    def size(self, request: dict[str, Any], body: bytes) -> int:
        """Return a request's bytes; assert what else the documentation limits."""

    @abstractmethod
    def read(self, request: dict[str, Any]) -> Iterator[Iterable[Event]]:
        """Yield the events of each entry."""

    @abstractmethod
    def written(self, entries: list[list[Event]], verdicts: list[Verdict]) -> dict[str, Any]:
        """Return the answer."""


def milliseconds(timestamp: str) -> int:
    """Return an event record's time in epoch milliseconds."""
    return round(datetime.fromisoformat(timestamp).timestamp() * 1000)


def event_of(text: str | bytes) -> Event:
    """Return the event of an event record."""
    record = json.loads(text)
    assert record["access"] == ("authenticated" if "user_id" in record else "anonymous")
    assert set(record) - {"access", "user_id"} == {
        "schema_version",
        "event_id",
        "event_type",
        "endpoint_id",
        "timestamp",
        "attributes",
        "metrics",
        "user_attributes",
    }
    assert record["schema_version"] == "1"
    return Event(
        id=record["event_id"],
        endpoint_id=record["endpoint_id"],
        event_type=record["event_type"],
        time=milliseconds(record["timestamp"]),
        attributes=record["attributes"],
        metrics=record["metrics"],
        user_attributes=record["user_attributes"],
        user_id=record.get("user_id", ""),
    )


def listed(
    codes: dict[Verdict, str], success: dict[str, Any], verdicts: list[Verdict]
) -> list[dict[str, Any]]:
    """Return an answer's list: in the request's order, and too short if an entry is unmentioned."""
    return [
        success
        if verdict == "ok"
        else {"ErrorCode": codes[verdict], "ErrorMessage": f"it is {verdict}"}
        for verdict in verdicts
        if verdict != "unmentioned"
    ]


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
    endpoint = Endpoint("kinesis", "us-east-1", "https://kinesis")

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
    endpoint = Endpoint("firehose", "us-east-1", "https://firehose")
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
    endpoint = Endpoint("events", "us-east-1", "https://events")

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


class FakeCustomerProfiles(BatchFake):
    """``BatchPutProfileObject`` in memory."""

    name = "customer-profiles"
    model = ("customer-profiles", "BatchPutProfileObject")
    parameters: ClassVar = {"DomainName": DOMAIN}
    verdicts = frozenset({"ok", "refused", "throttled", "failed", "denied", "unmentioned"})
    whole: ClassVar = {
        "refused": Answered(400, "BadRequestException"),
        "throttled": Answered(429, "ThrottlingException"),
    }
    max_bytes = 6_000_000  # none is documented: ten objects, escaped
    endpoint = Endpoint("profile", "us-east-1", "https://profile")

    def service(self) -> BatchService[Any]:
        return CustomerProfiles(DOMAIN, OBJECT_TYPE)

    def size(self, request: dict[str, Any], body: bytes) -> int:
        assert request["ObjectTypeName"] == OBJECT_TYPE
        ids = [item["Id"] for item in request["Items"]]
        assert len(ids) == len(set(ids))
        return len(body)

    def read(self, request: dict[str, Any]) -> Iterator[Iterable[Event]]:
        for item in request["Items"]:
            event = event_of(item["Object"])
            assert item["Id"] == event.id
            user_attributes: dict[str, Any] = {**event.user_attributes}
            for name, value in user_attributes.items():
                assert len(name) <= 255
                assert isinstance(value, str)
                assert 1 <= len(value) <= 255
            yield [event]

    def written(self, entries: list[list[Event]], verdicts: list[Verdict]) -> dict[str, Any]:
        codes: dict[Verdict, int] = {"refused": 400, "throttled": 429, "failed": 500, "denied": 403}
        said = [(event.id, verdict) for [event], verdict in zip(entries, verdicts, strict=True)]
        return {
            "Successful": [
                {"Id": event_id, "ProfileObjectUniqueKey": "k"}
                for event_id, verdict in said
                if verdict == "ok"
            ],
            "Failed": [
                {"Id": event_id, "Code": codes[verdict], "Message": f"it is {verdict}"}
                for event_id, verdict in said
                if verdict in codes
            ],
        }


class FakePinpointEvents(BatchFake):
    """``PutEvents`` of Pinpoint in memory, in the vocabulary of this module."""

    name = "pinpoint"
    model = ("pinpoint", "PutEvents")
    verdicts = frozenset({"ok", "refused", "throttled", "failed", "unmentioned"})
    whole: ClassVar = {
        "refused": Answered(400, "BadRequestException"),
        "throttled": Answered(429, "TooManyRequestsException"),
    }
    cuts = True
    max_bytes = 4_000_000
    endpoint = Endpoint("mobiletargeting", "us-east-1", "https://pinpoint")

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


def _sign(call: Call) -> dict[str, str]:
    return signature("key", call.body, now=1_795_000_000)


class FakeWebhook(BatchFake):
    """The webhook of ``examples/``, in memory: a destination of somebody's own."""

    name = "shop_webhook"
    verdicts = frozenset({"ok", "refused", "throttled", "failed", "denied", "unmentioned"})
    whole: ClassVar = {
        "refused": Answered(400, "BadRequest"),
        "throttled": Answered(429, ""),
    }
    max_bytes = 1_000_000
    endpoint = HttpsEndpoint("https://hooks.shop.example/events", _sign)

    def check_signature(self, request: SignedRequest) -> None:
        assert "Authorization" not in request.headers
        sent = {name: request.headers[name] for name in ("X-Shop-Time", "X-Shop-Signature")}
        assert sent == signature("key", request.body, now=int(sent["X-Shop-Time"]))

    def service(self) -> BatchService[Any]:
        return Webhook()

    def check(self, request: dict[str, Any]) -> None:
        assert request.keys() == {"events"}

    def size(self, request: dict[str, Any], body: bytes) -> int:
        assert 1 <= len(request["events"]) <= 100
        return len(body) - len('{"events":[]}') + 1

    def read(self, request: dict[str, Any]) -> Iterator[Iterable[Event]]:
        for record in request["events"]:
            yield [event_of(json.dumps(record))]

    def written(self, entries: list[list[Event]], verdicts: list[Verdict]) -> dict[str, Any]:
        statuses: dict[Verdict, int] = {
            "ok": 200, "refused": 400, "throttled": 429, "failed": 500, "denied": 403
        }  # fmt: skip
        return {
            "events": [
                {"id": event.id, "status": statuses[verdict], "message": f"it is {verdict}"}
                for [event], verdict in zip(entries, verdicts, strict=True)
                if verdict in statuses
            ]
        }


AWS_SERVICES: tuple[type[BatchFake], ...] = (
    FakeCustomerProfiles,
    FakeEventBridge,
    FakeFirehose,
    FakeKinesis,
    FakePinpointEvents,
)

SERVICES: tuple[type[BatchFake], ...] = (*AWS_SERVICES, FakeWebhook)
