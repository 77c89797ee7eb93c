"""The local PutEvents server's misbehavior on demand, and what its observer hears."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from local.destinations.pinpoint.server import PutEventsServer
from local.stand_in.transport import ConnectionDropped
from local.stand_in.values import CONNECTION_DROPPED, EVERY, Behavior, EventResult, Outcome
from tests.asgi import OWN_PAGE, send
from tests.local.putevents import batch, endpoint_verdict, event, put, verdict, verdicts
from tests.patience import HANG_SECONDS


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
        ({"fail_next": -1}, "fail_next must be a non-negative whole number"),
        ({"drop_next": 1.5}, "drop_next must be a non-negative whole number"),
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


class Observations:
    """An observer that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, Outcome, str]] = []

    def destination_answered(self, destination: str, answered: EventResult) -> None:
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
