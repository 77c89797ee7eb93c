"""Requests from public reports, followed from the queue's message to the destination."""

from __future__ import annotations

import pytest

from gtm_events.policy import AccessPolicy, Origins
from tests.destinations.kinesis.service import FakeKinesis
from tests.field_cases import ALLOWED_ORIGINS, FIELD_CASES, FieldCase
from tests.unit.builders import FakeDeadLetters, body, check_totals, deliver, envelope
from tests.unit.builders import posted as posted_body

POLICY = AccessPolicy(anonymous=None, origins=Origins(ALLOWED_ORIGINS))
CASES = {case.name: case for case in FIELD_CASES}
# Reasons why the others are not delivered. API Gateway's own 400 must not depend on these.
REASONS = {
    "foreign site": "origin",
    "text that is no JSON": "malformed",
    **dict.fromkeys(
        (
            *("unset id", "null id", "object as id", "unset event", "blank id"),
            *("unset id in JSON", "unset id in a form"),
        ),
        "unset",
    ),
}


def message(case: FieldCase) -> str:
    """Return the message that the endpoint's templates write for a request."""
    headers = {name.lower(): value for name, value in case.headers.items()}
    fields = {"origin": headers["origin"]} if "origin" in headers else {}
    if case.method == "GET" or not case.body:
        return f"{envelope(**fields)}\n{case.query}"
    form = headers["content-type"] == "application/x-www-form-urlencoded"
    return posted_body("form" if form else "json", case.body, **fields)


def test_all_cases_are_here() -> None:
    assert len(CASES) == 32
    assert CASES.keys() >= REASONS.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_request_becomes_the_expected_events(name: str) -> None:
    case = CASES[name]
    service, letters = FakeKinesis(), FakeDeadLetters()
    batch = deliver([message(case)], service=service, dead_letters=letters, policy=POLICY)
    check_totals(batch, letters)
    assert [
        {
            "event_type": event.event_type,
            "endpoint_id": event.endpoint_id,
            "attributes": event.attributes,
            "metrics": event.metrics,
            "user_attributes": event.user_attributes,
        }
        for event in service.events.values()
    ] == list(case.events)
    assert list(letters.reasons().values()) == ([REASONS[name]] if name in REASONS else [])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.events])
def test_the_neighbor_of_such_a_request_is_delivered(name: str) -> None:
    service, neighbor = FakeKinesis(), body({"event": "e", "endpoint_id": "neighbor"})
    deliver([neighbor, message(CASES[name]), neighbor], service=service, policy=POLICY)
    assert len(service.events) == 2 + len(CASES[name].events)
