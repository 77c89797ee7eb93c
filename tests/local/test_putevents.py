"""The local PutEvents server: what it refuses, and what it records."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.destinations.pinpoint.server import PutEventsServer
from local.destinations.pinpoint.service import ERROR_NAMES, PutEventsLimits
from local.stand_in.values import Behavior
from tests.asgi import send
from tests.local.putevents import (
    TIME,
    batch,
    endpoint_verdict,
    event,
    put,
    refusal,
    verdict,
    verdicts,
)


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
    server = PutEventsServer(limits=PutEventsLimits(request_bytes=1_000))
    fits = json.dumps(batch(event())).encode().ljust(1_000)

    assert put(server, fits).status_code == 202
    assert refusal(put(server, fits + b" "))[:2] == (413, "PayloadTooLargeException")
    assert server.requests[-1].body == b""


def test_an_event_over_the_limit_is_refused_alone() -> None:
    server = PutEventsServer(limits=PutEventsLimits(event_bytes=300, value_characters=1_000))
    large = event(Attributes={"a": "x" * 300})

    assert verdicts(put(server, batch(large, event()))) == {"id-0": 400, "id-1": 202}
    assert list(server.delivered) == ["id-1"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"EventType": ""}, "EventType is empty"),
        ({"EventType": "_session.start"}, "reserved for Pinpoint"),
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
    server = PutEventsServer(limits=PutEventsLimits(attribute_keys=3))
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
