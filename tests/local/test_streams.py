"""The servers before Kinesis, Firehose and EventBridge: limits, faults, and what they pass on."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from local.destinations.eventbridge import EventBridgeServer
from local.destinations.firehose import FirehoseServer
from local.destinations.kinesis import KinesisServer
from local.signature import EmulatorAccess
from local.stand_in.transport import ConnectionDropped
from local.stand_in.values import Behavior, EventResult, Outcome
from tests.asgi import send

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from local.signature import Scope
    from local.stand_in.stream import StreamServer

TIME = 1_795_471_860.5
NOBODY = EmulatorAccess("http://127.0.0.1:9", "secret")


class Upstream:
    """The emulator's service: keeps what is passed on to it, and accepts it."""

    def __init__(self, server: StreamServer) -> None:
        self.passed: list[dict[str, Any]] = []
        self.refusal: tuple[int, dict[str, Any]] | None = None
        self._server = server

    def post(self, body: bytes, scope: Scope) -> tuple[int, dict[str, Any]]:
        assert scope.service == self._server.service
        if self.refusal:
            return self.refusal
        document = json.loads(body)
        self.passed.append(document)
        records = document[self._server.records_member]
        answers = [{"ShardId": "s"} for _ in records]
        return 200, {self._server.answers_member: answers, self._server.count_member: 0}

    @property
    def sizes(self) -> list[int]:
        return [len(each[self._server.records_member]) for each in self.passed]


class Observations:
    """An observer that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[EventResult] = []

    def destination_answered(self, _destination: str, answered: EventResult) -> None:
        self.told.append(answered)

    def outcomes(self) -> list[tuple[str, Outcome, str]]:
        return [(it.event.event_id, it.outcome, it.status) for it in self.told]


@pytest.fixture
def observations() -> Observations:
    return Observations()


@pytest.fixture
def make(
    monkeypatch: pytest.MonkeyPatch, observations: Observations
) -> Callable[..., tuple[Any, Upstream]]:
    """Return a function that makes a server and what is behind it."""

    def make_server(kind: type[StreamServer], **options: Any) -> tuple[StreamServer, Upstream]:
        server = kind(NOBODY, observer=observations, **options)
        upstream = Upstream(server)
        monkeypatch.setattr(server, "_post", upstream.post)
        return server, upstream

    return make_server


KINDS: list[type[StreamServer]] = [KinesisServer, FirehoseServer, EventBridgeServer]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)


def event(event_id: str, **changes: Any) -> dict[str, Any]:
    return {"event_id": event_id, "endpoint_id": "ep-1", "event_type": "page_view"} | changes


def data(*documents: object) -> str:
    return base64.b64encode("".join(f"{json.dumps(it)}\n" for it in documents).encode()).decode()


def request(server: StreamServer, *events: dict[str, Any]) -> dict[str, Any]:
    """Return a request as the function writes it, one record an event."""
    if isinstance(server, KinesisServer):
        records = [{"Data": data(it), "PartitionKey": it["endpoint_id"]} for it in events]
        return {"StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/s", "Records": records}
    if isinstance(server, FirehoseServer):
        return {"DeliveryStreamName": "s", "Records": [{"Data": data(it)} for it in events]}
    entry = {"Time": TIME, "Source": "shop", "DetailType": "GTM Event", "EventBusName": "bus"}
    return {"Entries": [entry | {"Detail": json.dumps(it)} for it in events]}


def put(server: StreamServer, document: object, **headers: str) -> httpx.Response:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    sent = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": server.header}
    return send(server.app(), "POST", "/", content=body, headers=sent | headers)


def refusal(response: httpx.Response) -> tuple[int, str]:
    assert set(response.json()) == {"__type", "message"}
    return response.status_code, response.json()["__type"]


def codes(server: StreamServer, response: httpx.Response) -> list[str | None]:
    assert response.status_code == 200, response.text
    document = response.json()
    found = [answer.get("ErrorCode") for answer in document[server.answers_member]]
    assert document[server.count_member] == sum(code is not None for code in found)
    return found


@every_kind
def test_records_are_passed_on_and_answered(
    make: Callable[..., Any], observations: Observations, kind: type[StreamServer]
) -> None:
    server, upstream = make(kind)
    document = request(server, event("a"), event("b"))
    assert codes(server, put(server, document)) == [None, None]
    assert upstream.passed == [document]
    assert observations.outcomes() == [
        ("a", Outcome.DELIVERED, "200"),
        ("b", Outcome.DELIVERED, "200"),
    ]
    assert server.delivered["a"].event == event("a")
    assert server.requests[0].target


@every_kind
def test_what_is_to_be_refused_is_refused_in_the_services_own_way(
    make: Callable[..., Any], observations: Observations, kind: type[StreamServer]
) -> None:
    server, upstream = make(kind)
    server.behavior = Behavior(refuse_event_types=frozenset({"bad"}), refuse_message="No")
    response = put(server, request(server, event("a"), event("b", event_type="bad")))
    if kind is EventBridgeServer:
        assert codes(server, response) == [None, "InvalidArgument"]
        assert upstream.sizes == [1]
        outcomes = [Outcome.DELIVERED, Outcome.REFUSED]
    else:
        assert refusal(response) == (400, "InvalidArgumentException")
        assert response.json()["message"] == "No"
        assert upstream.sizes == []
        outcomes = [Outcome.REFUSED, Outcome.REFUSED]
    assert [it.outcome for it in observations.told] == outcomes
    # Alone it is refused alone.
    assert codes(server, put(server, request(server, event("c")))) == [None]


@every_kind
@pytest.mark.parametrize(
    ("behavior", "outcome"),
    [
        (Behavior(throttle_next=1), Outcome.THROTTLED),
        (Behavior(fail_next=1), Outcome.FAILED),
    ],
)
def test_it_throttles_and_fails_with_the_services_own_errors(
    make: Callable[..., Any],
    observations: Observations,
    kind: type[StreamServer],
    behavior: Behavior,
    outcome: Outcome,
) -> None:
    server, upstream = make(kind)
    server.behavior = behavior
    response = put(server, request(server, event("a")))
    expected = server.throttled if outcome is Outcome.THROTTLED else server.failed
    assert refusal(response) == expected
    assert observations.outcomes() == [("a", outcome, expected[1])]
    assert upstream.passed == []


@every_kind
def test_single_records_fail_and_the_others_are_passed_on(
    make: Callable[..., Any], kind: type[StreamServer]
) -> None:
    server, upstream = make(kind)
    server.behavior = Behavior(fail_records_share=0.5)
    found = codes(server, put(server, request(server, *(event(str(n)) for n in range(10)))))
    assert set(found) == {None, server.record_failure[0]}
    assert upstream.sizes == [found.count(None)]
    assert len(server.delivered) == found.count(None)

    server.behavior = Behavior(fail_records_share=1)
    assert codes(server, put(server, request(server, event("a")))) == [server.record_failure[0]]
    assert len(upstream.passed) == 1  # an empty request would be refused


@every_kind
def test_a_dropped_connection_passes_nothing_on(
    make: Callable[..., Any], kind: type[StreamServer]
) -> None:
    server, upstream = make(kind)
    server.behavior = Behavior(drop_next=1)
    with pytest.raises(ConnectionDropped):
        put(server, request(server, event("a")))
    assert upstream.passed == []


@every_kind
def test_what_the_emulator_refuses_is_passed_back(
    make: Callable[..., Any], observations: Observations, kind: type[StreamServer]
) -> None:
    server, upstream = make(kind)
    upstream.refusal = 400, {"__type": "com.amazonaws#ResourceNotFoundException", "message": "none"}
    response = put(server, request(server, event("a")))
    assert refusal(response) == (400, "ResourceNotFoundException")
    assert observations.outcomes() == [("a", Outcome.REFUSED, "ResourceNotFoundException")]
    assert not server.delivered
    upstream.refusal = 503, {}
    assert refusal(put(server, request(server, event("a")))) == (503, "InternalFailure")


@every_kind
@pytest.mark.parametrize("upstream", [None, NOBODY])
def test_without_an_emulator_the_service_fails(
    kind: type[StreamServer], upstream: EmulatorAccess | None
) -> None:
    server = kind(upstream)
    assert refusal(put(server, request(server, event("a")))) == server.failed


@every_kind
@pytest.mark.parametrize(
    ("change", "headers", "expected"),
    [
        (lambda _: b"{", {}, (400, "SerializationException")),
        (lambda _: [], {}, (400, "SerializationException")),
        (lambda it: it | {"More": 1}, {}, (400, "ValidationException")),
        (lambda _: {}, {}, (400, "ValidationException")),
        (lambda it: it, {"X-Amz-Target": "Other.Operation"}, (404, "UnknownOperationException")),
        (lambda it: it, {"Content-Type": "application/json"}, (404, "UnknownOperationException")),
    ],
)
def test_a_request_that_is_not_the_models_is_refused_whole(
    make: Callable[..., Any],
    kind: type[StreamServer],
    change: Callable[[Any], object],
    headers: dict[str, str],
    expected: tuple[int, str],
) -> None:
    server, upstream = make(kind)
    response = put(server, change(request(server, event("a"))), **headers)
    assert refusal(response) == expected
    assert upstream.passed == []


@pytest.mark.parametrize(
    ("kind", "most"), [(KinesisServer, 500), (FirehoseServer, 500), (EventBridgeServer, 10)]
)
def test_a_request_holds_so_many_records(
    make: Callable[..., Any], kind: type[StreamServer], most: int
) -> None:
    server, _ = make(kind)
    events = [event(str(number)) for number in range(most)]
    assert codes(server, put(server, request(server, *events))) == [None] * most
    response = put(server, request(server, *events, event("more")))
    assert refusal(response) == (400, "ValidationException")
    assert refusal(put(server, request(server))) == (400, "ValidationException")


@pytest.mark.parametrize("kind", [KinesisServer, FirehoseServer])
def test_data_must_be_base64(make: Callable[..., Any], kind: type[StreamServer]) -> None:
    server, _ = make(kind)
    document = request(server, event("a"))
    document["Records"][0]["Data"] = "not base64!"
    assert refusal(put(server, document)) == (400, "SerializationException")


# Kinesis ------------------------------------------------------------------------------------------


def sized(server: StreamServer, *sizes: int) -> dict[str, Any]:
    document = request(server, *(event(str(n)) for n in range(len(sizes))))
    for record, size in zip(document["Records"], sizes, strict=True):
        record["Data"] = base64.b64encode(b"x" * size).decode()
    return document


def test_a_kinesis_record_has_a_megabyte_and_a_request_ten(make: Callable[..., Any]) -> None:
    server, upstream = make(KinesisServer)
    key = len("ep-1")
    most = 1_048_576 - key
    assert codes(server, put(server, sized(server, most))) == [None]
    assert refusal(put(server, sized(server, most + 1)))[1] == "InvalidArgumentException"

    assert codes(server, put(server, sized(server, *[most] * 10))) == [None] * 10
    # In parts, for the emulator takes less at once: base64 makes 4 bytes of 3.
    assert upstream.sizes == [1, *[2] * 5]
    assert refusal(put(server, sized(server, *[most] * 10, 1)))[1] == "InvalidArgumentException"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"PartitionKey": ""}, "ValidationException"),
        ({"PartitionKey": "x" * 257}, "ValidationException"),
        ({"ExplicitHashKey": "x"}, "ValidationException"),
    ],
)
def test_a_kinesis_record_must_have_a_key(
    make: Callable[..., Any], change: dict[str, str], code: str
) -> None:
    server, _ = make(KinesisServer)
    document = request(server, event("a"))
    document["Records"][0] |= change
    assert refusal(put(server, document)) == (400, code)
    del document["Records"][0]["PartitionKey"]
    document["Records"][0].pop("ExplicitHashKey", None)
    assert refusal(put(server, document)) == (400, "InvalidArgumentException")


def test_a_kinesis_request_must_name_its_stream(make: Callable[..., Any]) -> None:
    server, _ = make(KinesisServer)
    document = request(server, event("a"))
    del document["StreamARN"]
    assert refusal(put(server, document)) == (400, "InvalidArgumentException")


def test_a_shard_takes_a_thousand_records_a_second(make: Callable[..., Any]) -> None:
    now = 0.0
    server, upstream = make(KinesisServer, shards=1, clock=lambda: now)
    events = [event(str(number)) for number in range(500)]
    for _ in range(2):
        assert codes(server, put(server, request(server, *events))) == [None] * 500
    over = "ProvisionedThroughputExceededException"
    assert codes(server, put(server, request(server, event("a")))) == [over]
    now = 0.1
    found = codes(server, put(server, request(server, *events)))
    assert found == [None] * 100 + [over] * 400
    assert upstream.sizes == [500, 500, 100]


def test_a_shard_takes_a_megabyte_a_second(make: Callable[..., Any]) -> None:
    server, _ = make(KinesisServer, shards=1, clock=lambda: 0.0)
    found = codes(server, put(server, sized(server, *[400_000] * 3)))
    assert found == [None, None, "ProvisionedThroughputExceededException"]


def test_shards_have_quotas_of_their_own(make: Callable[..., Any]) -> None:
    server, _ = make(KinesisServer, shards=2, clock=lambda: 0.0)
    events = [event(str(number), endpoint_id=f"ep-{number}") for number in range(500)]
    found = [codes(server, put(server, request(server, *events))) for _ in range(4)]
    assert sum(answers.count(None) for answers in found) == pytest.approx(2_000, abs=150)


# Firehose -----------------------------------------------------------------------------------------


def test_a_firehose_record_holds_many_events(
    make: Callable[..., Any], observations: Observations
) -> None:
    server, _ = make(FirehoseServer)
    records = [{"Data": data(event("a"), event("b"))}, {"Data": data(event("c"))}]
    server.behavior = Behavior(refuse_event_types=frozenset({"bad"}))
    assert codes(server, put(server, {"DeliveryStreamName": "s", "Records": records})) == [None] * 2
    assert [it.event.event_id for it in observations.told] == ["a", "b", "c"]

    bad = [{"Data": data(event("d"), event("e", event_type="bad"))}]
    response = put(server, {"DeliveryStreamName": "s", "Records": bad})
    assert refusal(response) == (400, "InvalidArgumentException")
    assert [it.event.event_id for it in observations.told[3:]] == ["d", "e"]


def test_a_firehose_record_and_request_have_sizes(make: Callable[..., Any]) -> None:
    server, _ = make(FirehoseServer)
    assert codes(server, put(server, sized(server, 1_024_000))) == [None]
    assert refusal(put(server, sized(server, 1_024_001))) == (400, "ValidationException")
    four = sized(server, *[1_024_000] * 4, 98_304)
    assert codes(server, put(server, four)) == [None] * 5
    over = sized(server, *[1_024_000] * 4, 98_305)
    assert refusal(put(server, over)) == (400, "InvalidArgumentException")


# EventBridge --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Detail": "no JSON"}, "MalformedDetail"),
        ({"Detail": "[1]"}, "MalformedDetail"),
        ({"Detail": ""}, "InvalidArgument"),
        ({"Source": ""}, "InvalidArgument"),
        ({"DetailType": ""}, "InvalidArgument"),
    ],
)
def test_an_entry_that_eventbridge_does_not_take_is_refused_alone(
    make: Callable[..., Any], observations: Observations, change: dict[str, str], code: str
) -> None:
    server, upstream = make(EventBridgeServer)
    document = request(server, event("a"), event("b"))
    document["Entries"][0] |= change
    assert codes(server, put(server, document)) == [code, None]
    assert upstream.sizes == [1]
    assert [it.outcome for it in observations.told] == [Outcome.REFUSED, Outcome.DELIVERED]


def test_the_entries_of_a_request_have_less_than_a_megabyte(make: Callable[..., Any]) -> None:
    server, _ = make(EventBridgeServer)
    document = request(server, event("a", x=""))
    size = 14 + sum(len(document["Entries"][0][it]) for it in ("Source", "DetailType", "Detail"))
    fits = request(server, event("a", x="x" * (999_999 - size)))
    assert codes(server, put(server, fits)) == [None]
    over = request(server, event("a", x="x" * (1_000_000 - size)))
    assert refusal(put(server, over)) == (400, "ValidationException")


@every_kind
def test_what_it_answers_when_told_is_said_in_words(kind: type[StreamServer]) -> None:
    words = kind().words()
    assert kind.throttled[1] in words["throttle"]
    assert kind.record_failure[0] in words["records"]
    assert all(words.values())
