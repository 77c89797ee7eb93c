"""The conformance suite: every destination gets complete events in the fewest requests."""

from __future__ import annotations

import json
import re
from collections import Counter
from math import isfinite
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore import xform_name
from hypothesis import given, settings
from hypothesis import strategies as st

from gtm_events.aws import Client
from gtm_events.deadline import Deadline
from gtm_events.destinations import create
from gtm_events.errors import SettingsError
from gtm_events.event import Event
from gtm_events.outcome import Delivered
from tests.destinations.sdk import sdk_request
from tests.destinations.services import AWS_SERVICES, SERVICES
from tests.unit.builders import (
    EDGES,
    QUERIES,
    REQUEST_TIME,
    UNSET_VALUES,
    FakeDeadLetters,
    body,
    cases,
    check_totals,
    counted,
    deliver,
    envelope,
    message_id,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.destinations.fake import BatchFake, Verdict

pytestmark = pytest.mark.usefixtures("no_backoff")

every_service = pytest.mark.parametrize(
    "kind_of_service", SERVICES, ids=lambda service: service.name
)
every_aws_service = pytest.mark.parametrize(
    "kind_of_service", AWS_SERVICES, ids=lambda service: service.name
)
# The URL contract's numbers: the decimals that JavaScript's Number() accepts.
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


@every_service
@pytest.mark.parametrize(("path", "count"), [(EDGES, 21), (QUERIES, 400)], ids=["edges", "queries"])
def test_requests_arrive_whole(kind_of_service: type[BatchFake], path: Path, count: int) -> None:
    own = cases(path)
    assert len(own) == count
    service, letters = kind_of_service(), FakeDeadLetters()
    bodies = [f"{envelope()}\n{case['query']}" for case in own]
    batch = deliver(bodies, service=service, dead_letters=letters)
    check_totals(batch, letters)
    assert batch.delivered == len(own)
    newest: dict[tuple[str, str], list[str]] = {}
    for case in own:
        for name, values in case["user_attributes"].items():
            newest[case["endpoint_id"], name] = values
    for number, case in enumerate(own):
        expected = as_sent(case) if kind_of_service.cuts else uncut(case)
        got = service.events.pop(message_id(number))
        if service.sends_newest:
            expected.user_attributes = {
                name: newest[case["endpoint_id"], name] for name in expected.user_attributes
            }
        service.adapt(expected, got)
        expected.id = got.id
        assert got == expected
    assert not service.events


def as_sent(case: dict[str, Any]) -> Event:
    """Return the event that the case expects, which is within Pinpoint's limits."""
    return Event(
        id="",
        endpoint_id=case["endpoint_id"],
        event_type=case["event_type"],
        time=REQUEST_TIME,
        attributes=case["attributes"],
        metrics=case["metrics"],
        user_attributes=case["user_attributes"],
    )


def uncut(case: dict[str, Any]) -> Event:
    """Return the event of a case's query at a destination without limits."""
    sent = parse_qsl(case["query"], keep_blank_values=True)
    pairs = [(name, value) for name, value in sent if value not in UNSET_VALUES]
    event = as_sent(case)
    event.attributes = {n[5:]: v for n, v in pairs if n[:5] == "evat_" and n[5:] and v}
    event.user_attributes = {}
    for name, value in pairs:
        if name[:5] == "usat_" and name[5:] and value:
            event.user_attributes.setdefault(name[5:], []).append(value)
    event.metrics = {
        name[5:]: float(value)
        for name, value in pairs
        if name[:5] == "evmt_" and name[5:]
        if NUMBER.fullmatch(value.strip()) and isfinite(float(value))
    }
    assert case["metrics"].items() <= event.metrics.items()
    return event


LONG = {
    "event": "e" * 5_000,
    "endpoint_id": "\U0001f600" * 300,
    f"evat_{'n' * 300}": "v" * 9_000,
    **{f"evat_{i:03}": str(i) for i in range(60)},
    **{f"evmt_{i:03}": str(i) for i in range(60)},
}


@pytest.mark.parametrize(
    "kind_of_service",
    [service for service in SERVICES if not service.cuts],
    ids=lambda service: service.name,
)
def test_values_without_a_limit_are_not_cut(kind_of_service: type[BatchFake]) -> None:
    service = kind_of_service()
    batch = deliver([body(LONG)], service=service)
    [event] = service.events.values()
    assert (event.event_type, event.endpoint_id) == (LONG["event"], LONG["endpoint_id"])
    assert len(event.attributes) == 61
    assert event.attributes["n" * 300] == "v" * 9_000
    assert len(event.metrics) == 60
    assert not counted(batch)


@every_service
def test_10_000_events_make_the_fewest_requests(kind_of_service: type[BatchFake]) -> None:
    service = kind_of_service()
    batch = deliver(
        [
            body({"event": "e", "endpoint_id": f"ep-{i}", "evat_n": f"{i}" * 80, "usat_n": "x"})
            for i in range(10_000)
        ],
        service=service,
    )
    assert batch.delivered == len(service.accepted) == 10_000
    assert set(service.accepted.values()) == {1}
    assert batch.counts["requests"] == len(service.requests)
    assert len(service.requests) == service.fewest_requests() > 1


@pytest.mark.parametrize(
    "kind_of_service",
    [service for service in SERVICES if service.sizes],
    ids=lambda service: service.name,
)
def test_large_events_make_the_fewest_requests(
    kind_of_service: type[BatchFake],
) -> None:
    service = kind_of_service()
    sizes = service.sizes
    bodies = [body({"event": "e" * size, "endpoint_id": str(i)}) for i, size in enumerate(sizes)]
    assert deliver(bodies, service=service).delivered == len(sizes)
    assert len(service.requests) == service.fewest_requests()
    assert service.bytes > (len(service.requests) - 1) * service.max_bytes  # bytes it was


@every_service
def test_an_event_that_is_too_large_is_rejected_unsent(kind_of_service: type[BatchFake]) -> None:
    service, letters = kind_of_service(), FakeDeadLetters()
    limit = service.max_entry_bytes
    sizes = [limit, 1, limit - 500]
    batch = deliver(
        [body({"event": "e" * size, "endpoint_id": "ep"}) for size in sizes],
        service=service,
        dead_letters=letters,
    )
    assert letters.reasons() == {message_id(0): "too_large"}
    assert set(service.accepted) == {message_id(1), message_id(2)}
    check_totals(batch, letters)


@pytest.mark.parametrize(
    "kind_of_service",
    [service for service in SERVICES if service.counts_exactly],
    ids=lambda service: service.name,
)
def test_an_event_of_exactly_the_limit_is_sent(kind_of_service: type[BatchFake]) -> None:
    def sent(event_type: str) -> tuple[BatchFake, FakeDeadLetters]:
        service, letters = kind_of_service(), FakeDeadLetters()
        deliver(
            [body({"event": event_type, "endpoint_id": "ep"})],
            service=service,
            dead_letters=letters,
        )
        return service, letters

    limit = kind_of_service.max_entry_bytes
    service, _ = sent("e")
    rest = counted_by_the_service(service) - 1
    service, _ = sent("e" * (limit - rest))
    assert counted_by_the_service(service) == limit
    service, letters = sent("e" * (limit - rest + 1))
    assert letters.reasons() == {message_id(0): "too_large"}
    assert service.requests == []


def counted_by_the_service(service: BatchFake) -> int:
    [request] = map(service.parsed, service.requests)
    return service.entry_size(request)


ANSWERS = [
    {},
    {"Records": None, "RequestResponses": None, "Entries": None, "Results": None},
    {"Records": [], "RequestResponses": [], "Entries": [], "Successful": [], "Failed": []},
    {"Records": [{}] * 3, "RequestResponses": [{}] * 3, "Entries": [{}] * 3},
    {"Records": {}, "RequestResponses": "x", "Entries": 1},
]


@every_service
@pytest.mark.parametrize("answer", ANSWERS, ids=["none", "null", "short", "long", "other types"])
def test_an_event_that_the_answer_does_not_mention_is_not_delivered(
    kind_of_service: type[BatchFake], answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind_of_service, "written", lambda *_: answer)
    service, letters = kind_of_service(), FakeDeadLetters()
    bodies = [body({"event": "e", "endpoint_id": f"ep-{i}"}) for i in range(2)]
    batch = deliver(bodies, service=service, dead_letters=letters)
    assert batch.retried == {"unanswered": 2}
    assert batch.problems == []
    assert len(service.requests) == 4
    check_totals(batch, letters)


text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda text: text not in UNSET_VALUES
)


@every_service
@settings(max_examples=25)
@given(st.lists(st.tuples(text, text, text), min_size=1, max_size=25))
def test_any_text_arrives_as_it_is(
    kind_of_service: type[BatchFake], triples: list[tuple[str, str, str]]
) -> None:
    service = kind_of_service()
    bodies = [
        body({"event": f"x{name}", "endpoint_id": f"x{endpoint}", f"evat_{name}": value})
        for endpoint, name, value in triples
    ]
    assert deliver(bodies, service=service).delivered == len(bodies)
    got = {e.id: (e.endpoint_id, e.event_type, e.attributes) for e in service.events.values()}
    assert got == {
        message_id(i): (f"x{endpoint}", f"x{name}", {name: value})
        for i, (endpoint, name, value) in enumerate(triples)
    }


@every_aws_service
def test_each_destination_is_created_from_its_environment(
    kind_of_service: type[BatchFake], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, counts = kind_of_service(), Counter[str]()
    monkeypatch.setattr(Client, "to", lambda endpoint, **_: Client(endpoint, service))
    environment = {
        "AWS_REGION": "eu-west-1",
        **kind_of_service.environment,
        **kind_of_service.optional,
    }
    destination = create(kind_of_service.name, environment)
    [outcome] = destination.deliver(
        [[Event("id", "ep", "e", REQUEST_TIME, {}, {}, {})]], Deadline.after(60), counts
    )
    assert outcome == Delivered("id")
    assert service.urls == {kind_of_service.url}
    for variable in kind_of_service.environment:
        with pytest.raises(SettingsError, match=f"{variable} must be set"):
            create(kind_of_service.name, environment | {variable: ""})


@every_service
def test_only_failed_events_are_sent_again_with_the_same_id(
    kind_of_service: type[BatchFake],
) -> None:
    seen: set[str] = set()

    def fail_every_third_once(event: Event) -> Verdict:
        first = event.id not in seen
        seen.add(event.id)
        return "throttled" if first and int(event.event_type) % 3 == 0 else "ok"

    service = kind_of_service(fail_every_third_once)
    bodies = [body({"event": str(i), "endpoint_id": f"ep-{i}"}) for i in range(9)]
    assert deliver(bodies, service=service).delivered == 9
    assert set(service.accepted) == {message_id(i) for i in range(9)}
    assert set(service.accepted.values()) == {1}
    # All of Firehose's nine are one record.
    again = range(9) if "throttled" in service.shares_fate else (0, 3, 6)
    sent = [{e.id for entry in entries for e in entry} for entries in service.entries]
    assert sent == [{message_id(i) for i in range(9)}, {message_id(i) for i in again}]


@pytest.mark.parametrize(
    "kind_of_service",
    [service for service in SERVICES if service.sends_access],
    ids=lambda service: service.name,
)
def test_verified_events_differ_from_claimed_ones(
    kind_of_service: type[BatchFake],
) -> None:
    """An authenticated event, and an anonymous one that claims everything a caller can claim."""
    claims = {
        "event": "claimed",
        "endpoint_id": "ep",
        "access": "authenticated",
        "evat_access": "authenticated",
        "usat_access": "authenticated",
        "user_id": "customer-42",
    }
    service = kind_of_service()
    deliver(
        [
            body(claims),
            body({"event": "vouched", "endpoint_id": "ep", "usat_n": "1"}, subject="customer-42"),
        ],
        service=service,
    )
    told = {e.event_type: e.access for e in service.events.values()}
    assert told == {"claimed": "anonymous", "vouched": "authenticated"}


@every_aws_service
def test_a_request_is_what_the_sdk_would_send(kind_of_service: type[BatchFake]) -> None:
    """The operation, path, headers and members are those of the SDK's own client."""
    service = kind_of_service()
    query = {"event": "é", "endpoint_id": "ep", "evat_a": "1", "evmt_b": "2", "usat_c": "3"}
    deliver([body(query)], service=service)
    name, operation = service.model
    expected = sdk_request(
        name,
        xform_name(operation),
        service.parsed(service.requests[-1]),
        url=service.endpoint.url,
    )
    got = service.last
    assert (got.method, urlsplit(got.url)) == (expected.method, urlsplit(expected.url))
    for header in ("Content-Type", "X-Amz-Target"):
        assert got.headers.get(header) == expected.headers.get(header)
    assert isinstance(got.body, bytes)
    assert json.loads(got.body) == json.loads(expected.body)
