"""The local PutEvents server: what it refuses, what it records, and how it misbehaves on demand."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from local.destinations.pinpoint.server import PutEventsServer
from local.destinations.pinpoint.service import ERROR_NAMES, Limits
from local.stand_in.transport import ConnectionDropped
from local.stand_in.values import CONNECTION_DROPPED, EVERY, Answered, Behavior, Outcome
from tests.asgi import OWN_PAGE, send
from tests.patience import HANG_SECONDS

if TYPE_CHECKING:
    import httpx

TIME = "2026-11-23T22:11:00.000Z"


def event(**changes: Any) -> dict[str, Any]:
    return {"EventType": "page_view", "Timestamp": TIME} | changes


def batch(*events: dict[str, Any], endpoint: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "BatchItem": {
            "ep-1": {
                "Endpoint": endpoint or {},
                "Events": {f"id-{number}": event for number, event in enumerate(events)},
            }
        }
    }


def put(server: PutEventsServer, request: object, application: str = "app") -> httpx.Response:
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    return send(server.app(), "POST", f"/v1/apps/{application}/events", content=body)


def verdicts(response: httpx.Response) -> dict[str, int]:
    assert response.status_code == 202, response.text
    answers = response.json()["Results"]["ep-1"]["EventsItemResponse"]
    return {event_id: answer["StatusCode"] for event_id, answer in answers.items()}


def verdict(response: httpx.Response) -> tuple[int, str]:
    assert response.status_code == 202, response.text
    answer = response.json()["Results"]["ep-1"]["EventsItemResponse"]["id-0"]
    return answer["StatusCode"], answer["Message"]


def endpoint_verdict(response: httpx.Response) -> tuple[int, str]:
    assert response.status_code == 202, response.text
    answer = response.json()["Results"]["ep-1"]["EndpointItemResponse"]
    return answer["StatusCode"], answer["Message"]


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    document = response.json()
    assert set(document) == {"Message", "RequestID"}
    return response.status_code, response.headers["x-amzn-errortype"], document["Message"]


@pytest.fixture
def server() -> PutEventsServer:
    return PutEventsServer()


def test_accepted_events_are_answered_and_recorded_one_by_one(server: PutEventsServer) -> None:
    sent = event(Attributes={"plan": "gold"}, Metrics={"price": 19.99, "count": 3})
    user = {"User": {"UserAttributes": {"plan": ["gold", "silver"]}}}
    response = put(server, batch(sent, event(), endpoint=user))

    assert response.json() == {
        "Results": {
            "ep-1": {
                "EndpointItemResponse": {"StatusCode": 202, "Message": "Accepted"},
                "EventsItemResponse": {
                    "id-0": {"StatusCode": 202, "Message": "Accepted"},
                    "id-1": {"StatusCode": 202, "Message": "Accepted"},
                },
            }
        }
    }
    assert list(server.delivered) == ["id-0", "id-1"]
    assert server.delivered["id-0"] == ("ep-1", sent, user)
    [request] = server.requests
    assert (request.target, request.status) == ("app", 202)
    assert json.loads(request.body) == request.parsed


@pytest.mark.parametrize(
    ("request_document", "words"),
    [
        ([], "EventsRequest"),
        ({}, 'Missing required parameter in EventsRequest: "BatchItem"'),
        ({"BatchItem": {}}, "BatchItem is empty"),
        ({"BatchItem": {"": {"Endpoint": {}, "Events": {}}}}, "empty endpoint ID"),
        ({"BatchItem": {"e": {"Events": {}}}}, '"Endpoint"'),
        ({"BatchItem": {"e": {"Endpoint": {}, "Events": {"": event()}}}}, "empty event ID"),
        (batch({"EventType": "x"}), '"Timestamp"'),
        (batch(event(Attribute={"a": "b"})), "Unknown parameter in EventsRequest"),
        (batch(event(Attributes={"a": ["b"]})), "Attributes.a"),
        (batch(event(Attributes={"a": None})), "Attributes.a"),
        (batch(event(Attributes={"a": 1})), "Attributes.a"),
        (batch(event(Metrics={"m": "1"})), "Metrics.m"),
        (batch(event(Metrics={"m": True})), "Metric 'm' of event 'id-0' must be a number"),
        (batch(event(Session={"Id": "s"})), '"StartTimestamp"'),
        (batch(event(), endpoint={"User": {"UserAttributes": {"p": "gold"}}}), "UserAttributes.p"),
        (batch(event(), endpoint={"Users": {}}), '"Users"'),
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (json.dumps(batch(event(Metrics={"m": float("nan")}))).encode(), "NaN is not"),
    ],
)
def test_a_request_that_is_not_the_models_is_refused_whole(
    server: PutEventsServer, request_document: object, words: str
) -> None:
    status, name, message = refusal(put(server, request_document))

    assert (status, name) == (400, "BadRequestException")
    assert words in message
    assert not server.delivered
    assert [request.status for request in server.requests] == [400]


def test_the_models_errors_are_all_known_by_status() -> None:
    assert ERROR_NAMES == {
        400: "BadRequestException",
        403: "ForbiddenException",
        404: "NotFoundException",
        405: "MethodNotAllowedException",
        413: "PayloadTooLargeException",
        429: "TooManyRequestsException",
        500: "InternalServerErrorException",
    }


def test_a_hundred_events_are_one_request_and_one_more_loses_them_all(
    server: PutEventsServer,
) -> None:
    assert set(verdicts(put(server, batch(*[event()] * 100))).values()) == {202}
    server.reset()

    status, _, message = refusal(put(server, batch(*[event()] * 101)))
    assert (status, message) == (400, "The request has 101 events, over the limit of 100")
    assert not server.delivered


def test_a_body_over_the_limit_is_too_large() -> None:
    server = PutEventsServer(limits=Limits(request_bytes=1_000))
    fits = json.dumps(batch(event())).encode().ljust(1_000)

    assert put(server, fits).status_code == 202
    assert refusal(put(server, fits + b" "))[:2] == (413, "PayloadTooLargeException")
    assert server.requests[-1].body == b""


def test_an_event_over_the_limit_is_refused_alone() -> None:
    server = PutEventsServer(limits=Limits(event_bytes=300, value_characters=1_000))
    large = event(Attributes={"a": "x" * 300})

    assert verdicts(put(server, batch(large, event()))) == {"id-0": 400, "id-1": 202}
    assert list(server.delivered) == ["id-1"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"EventType": ""}, "EventType is empty"),
        ({"EventType": "_session.start"}, "Pinpoint's own"),
        ({"Attributes": {f"a{n}": "x" for n in range(41)}}, "41 attributes and metrics"),
        (
            {
                "Attributes": {f"a{n}": "x" for n in range(20)},
                "Metrics": {f"m{n}": 1 for n in range(21)},
            },
            "41 attributes and metrics",
        ),
        ({"Attributes": {"é" * 51: "x"}}, "51 characters"),
        ({"Metrics": {"m" * 51: 1}}, "51 characters"),
        ({"Attributes": {"": "x"}}, "0 characters"),
        ({"Timestamp": "2026-11-23T22:11:00"}, "ISO 8601 with a zone"),
        ({"Timestamp": "2026-11-23 22:11:00Z"}, "ISO 8601 with a zone"),
        ({"Timestamp": "1795471860000"}, "ISO 8601 with a zone"),
        ({"Timestamp": "2026-13-01T00:00:00Z"}, "ISO 8601 with a zone"),
        ({"Session": {"Id": "s", "StartTimestamp": "today"}}, "Session.StartTimestamp"),
    ],
)
def test_an_event_over_a_limit_gets_a_400_in_a_202(
    server: PutEventsServer, changes: dict[str, Any], words: str
) -> None:
    response = put(server, batch(event(**changes), event()))

    status, message = verdict(response)
    assert status == 400
    assert words in message
    assert list(server.delivered) == ["id-1"]
    assert server.counts.refused == 1


@pytest.mark.parametrize(
    "changes",
    [
        {
            "Attributes": {f"a{n}": "x" for n in range(20)},
            "Metrics": {f"m{n}": 1 for n in range(20)},
        },
        {"Attributes": {"😀" * 50: "😀" * 200}},
        {"Timestamp": "2026-11-23T22:11:00Z"},
        {"Timestamp": "2026-11-23T22:11:00.123456+05:30"},
        {"Session": {"Id": "s", "StartTimestamp": TIME, "StopTimestamp": TIME, "Duration": 1}},
        {"AppTitle": "shop", "SdkName": "own"},
    ],
)
def test_an_event_at_its_limits_is_accepted(
    server: PutEventsServer, changes: dict[str, Any]
) -> None:
    assert verdict(put(server, batch(event(**changes)))) == (202, "Accepted")


def test_a_value_over_200_characters_drops_the_event_without_a_word(
    server: PutEventsServer,
) -> None:
    response = put(server, batch(event(Attributes={"note": "x" * 201}), event()))

    assert verdict(response) == (202, "Accepted")
    assert list(server.delivered) == ["id-1"]
    [dropped] = server.dropped
    assert (dropped.event_id, dropped.endpoint_id) == ("id-0", "ep-1")
    assert "'note' has 201 characters" in dropped.reason
    assert server.counts.dropped == 1


def test_an_application_has_1500_event_types() -> None:
    server = PutEventsServer(requests_per_second=None)
    for start in range(0, 1_500, 100):
        events = [event(EventType=f"type-{start + n}") for n in range(100)]
        assert set(verdicts(put(server, batch(*events))).values()) == {202}

    assert verdict(put(server, batch(event(EventType="type-new"))))[0] == 400
    assert verdict(put(server, batch(event(EventType="type-1"))))[0] == 202
    assert verdict(put(server, batch(event(EventType="type-new")), "another app"))[0] == 202


def test_an_application_has_500_attribute_names() -> None:
    server = PutEventsServer(limits=Limits(attribute_keys=3))
    assert verdict(put(server, batch(event(Attributes={"a": "1", "b": "1"}))))[0] == 202
    assert verdict(put(server, batch(event(Attributes={"c": "1", "d": "1"}))))[0] == 400
    assert verdict(put(server, batch(event(Attributes={"c": "1", "a": "1"}))))[0] == 202


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ({"User": {"UserAttributes": {"n" * 51: ["x"]}}}, "51 characters"),
        ({"User": {"UserAttributes": {"plan": ["x" * 101]}}}, "101 characters"),
        ({"User": {"UserAttributes": {"plan": ["x"] * 51}}}, "51 values"),
        ({"Address": "x" * 15_000}, "over the limit of 15,000"),
        ({"EffectiveDate": "yesterday"}, "EffectiveDate"),
        ({"ChannelType": "PIGEON"}, "'PIGEON'"),
    ],
)
def test_an_endpoint_over_a_limit_is_refused_and_its_events_are_not(
    server: PutEventsServer, endpoint: dict[str, Any], words: str
) -> None:
    response = put(server, batch(event(), endpoint=endpoint))

    status, message = endpoint_verdict(response)
    assert status == 400
    assert words in message
    assert verdict(response)[0] == 202


def test_an_endpoint_at_its_limits_is_accepted(server: PutEventsServer) -> None:
    user = {"UserAttributes": {"😀" * 50: ["😀" * 100], "many": ["x"] * 50}}
    endpoint = {"User": user, "ChannelType": "CUSTOM", "EffectiveDate": TIME}
    assert endpoint_verdict(put(server, batch(event(), endpoint=endpoint)))[0] == 202


def test_the_quota_is_15_requests_a_second_after_a_burst_of_15() -> None:
    now = 0.0
    server = PutEventsServer(clock=lambda: now)
    statuses = [put(server, batch(event())).status_code for _ in range(16)]
    assert statuses == [202] * 15 + [429]

    now += 1 / 15 + 0.001
    assert put(server, batch(event())).status_code == 202
    status, name, _ = refusal(put(server, batch(event())))
    assert (status, name) == (429, "TooManyRequestsException")

    now += 60
    assert [put(server, batch(event())).status_code for _ in range(16)] == [202] * 15 + [429]
    assert server.counts.statuses == {202: 31, 429: 3}


def test_the_quota_can_be_off() -> None:
    server = PutEventsServer(requests_per_second=None)
    assert {put(server, batch(event())).status_code for _ in range(40)} == {202}


@pytest.mark.parametrize("arguments", [{"requests_per_second": 0}, {"burst": 0}])
def test_an_impossible_quota_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        PutEventsServer(**arguments)


def test_repeats_are_told_from_distinct_events(server: PutEventsServer) -> None:
    put(server, batch(event(), event()))
    put(server, batch(event(), event(), event()))

    counts = server.counts
    assert (counts.accepted, counts.repeated, counts.distinct) == (5, 2, 3)
    assert len(server.delivered) == 3


def test_one_event_id_under_two_endpoints_is_two_events(server: PutEventsServer) -> None:
    item = {"Endpoint": {}, "Events": {"same": event()}}
    put(server, {"BatchItem": {"ep-1": item, "ep-2": item}})

    assert server.counts.distinct == 2


def test_only_the_newest_are_kept_when_bounded() -> None:
    server = PutEventsServer(keep=2, requests_per_second=None)
    for number in range(4):
        item = {"Endpoint": {}, "Events": {f"event-{number}": event()}}
        put(server, {"BatchItem": {"ep-1": item}})

    assert list(server.delivered) == ["event-2", "event-3"]
    assert len(server.requests) == 2
    assert (server.counts.requests, server.counts.distinct) == (4, 4)


def test_bodies_kept_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps(batch(event())).encode()
    monkeypatch.setattr("local.stand_in.server._BODY_BYTES_KEPT", 2 * len(body))
    server = PutEventsServer(keep=10)
    for _ in range(4):
        put(server, body)

    assert len(server.requests) == 2
    assert server.counts.requests == 4


def test_reset_forgets_everything(server: PutEventsServer) -> None:
    server.behavior = Behavior(fail_share=1)
    put(server, batch(event()))
    server.reset()

    assert server.behavior == Behavior()
    assert (server.requests, server.delivered, server.counts.requests) == ([], {}, 0)


def test_only_the_given_application_exists() -> None:
    server = PutEventsServer(application_id="mine")
    assert put(server, batch(event()), "mine").status_code == 202
    assert refusal(put(server, batch(event()), "other"))[:2] == (404, "NotFoundException")


def test_other_methods_are_not_allowed(server: PutEventsServer) -> None:
    response = send(server.app(), "GET", "/v1/apps/app/events")
    assert refusal(response)[:2] == (405, "MethodNotAllowedException")


def test_half_a_surrogate_pair_is_answered(server: PutEventsServer) -> None:
    body = b'{"BatchItem": {"ep-1": {"Endpoint": {}, "Events": {"\\ud800": %s}}}}'
    response = put(server, body % json.dumps(event()).encode())
    assert verdicts(response) == {"\ud800": 202}


# --- Behavior ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "status"), [("throttle", 429), ("fail", 500)])
def test_the_next_requests_are_refused_and_counted_down(
    server: PutEventsServer, action: str, status: int
) -> None:
    server.behavior = Behavior.from_json({f"{action}_next": 2})
    answers = [put(server, batch(event())).status_code for _ in range(3)]

    assert answers == [status, status, 202]
    assert server.behavior == Behavior()
    assert len(server.delivered) == 1


@pytest.mark.parametrize(("action", "status"), [("throttle", 429), ("fail", 500)])
def test_a_share_of_requests_is_refused_the_same_way_every_time(action: str, status: int) -> None:
    server = PutEventsServer(requests_per_second=None)

    def answers() -> list[int]:
        server.behavior = Behavior.from_json({f"{action}_share": 0.25})
        return [put(server, batch(event())).status_code for _ in range(60)]

    first = answers()
    assert first == answers()
    assert 5 <= Counter(first)[status] <= 25


def test_a_dropped_connection_records_nothing(server: PutEventsServer) -> None:
    server.behavior = Behavior(drop_next=1)
    with pytest.raises(ConnectionDropped):
        put(server, batch(event()))

    assert not server.delivered
    assert [request.status for request in server.requests] == [CONNECTION_DROPPED]
    assert put(server, batch(event())).status_code == 202


def test_a_slow_answer_is_held_back_and_its_events_are_recorded(server: PutEventsServer) -> None:
    server.behavior = Behavior(slow_next=1, slow_seconds=0.2)
    response = put(server, batch(event()))

    assert response.elapsed.total_seconds() >= 0.2
    assert verdict(response)[0] == 202
    assert server.behavior.slow_next == 0
    server.behavior = replace(server.behavior, slow_seconds=HANG_SECONDS)
    assert put(server, batch(event())).status_code == 202  # at once


def test_latency_delays_every_answer(server: PutEventsServer) -> None:
    server.behavior = Behavior(latency_ms=50, throttle_next=1)
    assert [put(server, batch(event())).elapsed.total_seconds() >= 0.05 for _ in range(2)] == [
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("behavior", "expected"),
    [
        (Behavior(refuse_event_types=frozenset({"purchase"})), {"id-0": 202, "id-1": 400}),
        (Behavior(refuse_event_types=frozenset({EVERY})), {"id-0": 400, "id-1": 400}),
        (Behavior(refuse_endpoint_ids=frozenset({"ep-1"})), {"id-0": 400, "id-1": 400}),
        (Behavior(refuse_endpoint_ids=frozenset({"ep-2"})), {"id-0": 202, "id-1": 202}),
        (Behavior(refuse_endpoint_data=frozenset({EVERY})), {"id-0": 202, "id-1": 202}),
    ],
)
def test_events_are_refused_as_told(
    server: PutEventsServer, behavior: Behavior, expected: dict[str, int]
) -> None:
    server.behavior = behavior
    response = put(server, batch(event(), event(EventType="purchase")))

    assert verdicts(response) == expected
    assert set(server.delivered) == {key for key, status in expected.items() if status == 202}
    refused_data = bool(behavior.refuse_endpoint_data)
    assert endpoint_verdict(response)[0] == (400 if refused_data else 202)


def test_the_refusal_says_what_it_was_told_to(server: PutEventsServer) -> None:
    server.behavior = Behavior(
        refuse_event_types=frozenset({EVERY}), refuse_message="No such endpoint"
    )
    assert verdict(put(server, batch(event()))) == (400, "No such endpoint")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "must be a JSON object"),
        ({"throttle": 1}, "unknown field 'throttle'"),
        ({"throttle_share": 1.5}, "throttle_share must be a number between 0 and 1, got 1.5"),
        ({"fail_share": True}, "fail_share"),
        ({"fail_records_share": 2}, "fail_records_share must be a number between 0 and 1"),
        ({"fail_share": float("nan")}, "fail_share"),
        ({"fail_next": -1}, "fail_next must be a whole number"),
        ({"drop_next": 1.5}, "drop_next must be a whole number"),
        ({"slow_seconds": 601}, "slow_seconds must be a number between 0 and 600"),
        ({"latency_ms": "20"}, "latency_ms"),
        ({"refuse_event_types": "purchase"}, "refuse_event_types must be a set of strings"),
        ({"refuse_event_types": [1]}, "refuse_event_types"),
        ({"refuse_message": None}, "refuse_message"),
    ],
)
def test_a_malformed_behavior_is_refused_with_the_reason(document: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Behavior.from_json(document)


def test_a_behavior_survives_json() -> None:
    behavior = Behavior(
        latency_ms=20, fail_next=1, refuse_event_types=frozenset({"b", "a"}), slow_seconds=1
    )
    assert Behavior.from_json(json.loads(json.dumps(behavior.to_json()))) == behavior


def test_a_behavior_that_the_service_cannot_show_is_refused(server: PutEventsServer) -> None:
    with pytest.raises(ValueError, match="fail_records_share has no meaning for Amazon Pinpoint"):
        server.behavior = Behavior(fail_records_share=0.5)
    assert server.behavior == Behavior()


def test_the_behavior_is_set_over_http_and_watched(server: PutEventsServer) -> None:
    changes: list[Behavior] = []
    server.watch(lambda: changes.append(server.behavior))
    app = server.app()
    answer = send(app, "PUT", "/control", json={"throttle_next": 1}, headers=OWN_PAGE)
    assert (answer.status_code, answer.json()["throttle_next"]) == (200, 1)
    refused = send(app, "PUT", "/control", json={"throttle_next": -1}, headers=OWN_PAGE)
    assert (refused.status_code, "throttle_next" in refused.text) == (400, True)
    broken = {"content": b"{", "headers": OWN_PAGE | {"Content-Type": "application/json"}}
    assert send(app, "PUT", "/control", **broken).status_code == 400
    assert send(app, "GET", "/control").json() == Behavior(throttle_next=1).to_json()

    put(server, batch(event()))
    assert changes == [Behavior(throttle_next=1), Behavior()]


# --- The observer ------------------------------------------------------------------------------


class Observations:
    """An observer that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, Outcome, str]] = []

    def destination_answered(self, destination: str, answered: Answered) -> None:
        assert destination == "pinpoint"
        event, outcome, status, message = answered
        self.told.append((event.event_id, status, outcome, message))


def test_the_observer_hears_of_every_event_and_attempt() -> None:
    observations = Observations()
    server = PutEventsServer(observer=observations)
    request = batch(event(), event(EventType="_own"), event(Attributes={"a": "x" * 201}))
    server.behavior = Behavior(throttle_next=1)
    put(server, request)
    put(server, request)

    assert [told[:3] for told in observations.told] == [
        ("id-0", "429", Outcome.THROTTLED),
        ("id-1", "429", Outcome.THROTTLED),
        ("id-2", "429", Outcome.THROTTLED),
        ("id-0", "202", Outcome.DELIVERED),
        ("id-1", "400", Outcome.REFUSED),
        ("id-2", "202", Outcome.DROPPED),
    ]


@pytest.mark.parametrize(
    ("behavior", "status"),
    [(Behavior(fail_next=1), "500"), (Behavior(drop_next=1), "none")],
)
def test_the_observer_hears_of_requests_that_failed(behavior: Behavior, status: str) -> None:
    observations = Observations()
    server = PutEventsServer(observer=observations, behavior=behavior)
    try:
        put(server, batch(event()))
    except ConnectionDropped:
        assert status == "none"

    assert [told[:3] for told in observations.told] == [("id-0", status, Outcome.FAILED)]


def test_the_observer_hears_of_events_in_a_request_refused_whole() -> None:
    observations = Observations()
    server = PutEventsServer(observer=observations)
    put(server, batch(event(Metrics={"m": "1"}), event()))
    put(server, b"not json")
    put(server, {"BatchItem": {"ep-1": {"Events": {"x": "not an event"}}, "ep-2": None}})

    assert [told[:3] for told in observations.told] == [
        ("id-0", "400", Outcome.REFUSED),
        ("id-1", "400", Outcome.REFUSED),
    ]


def test_the_observer_hears_that_the_endpoints_data_was_refused() -> None:
    observations = Observations()
    server = PutEventsServer(
        observer=observations, behavior=Behavior(refuse_endpoint_data=frozenset({"ep-1"}))
    )
    put(server, batch(event()))

    [(_, status, outcome, message)] = observations.told
    assert (status, outcome) == ("202", Outcome.DELIVERED)
    assert "the endpoint's data was refused" in message
