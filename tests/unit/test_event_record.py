"""The event record, compared with its JSON Schema and its documentation page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource

from gtm_events import record
from gtm_events.event import Event
from tests.destinations.customer_profiles.service import (
    OBJECT_TYPE,
    VISITOR_OBJECT_TYPE,
    FakeCustomerProfiles,
    FakeTwoObjectTypes,
)
from tests.destinations.eventbridge.service import FakeEventBridge
from tests.destinations.fake import BatchFake, event_of
from tests.destinations.firehose.service import FakeFirehose
from tests.destinations.kinesis.service import FakeKinesis
from tests.unit.builders import EDGES, QUERIES, body, cases, deliver, envelope

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA: dict[str, Any] = json.loads((DOCS / "event-record.schema.json").read_text("utf-8"))
PAGE = (DOCS / "event-record.md").read_text("utf-8")
_REGISTRY: Registry[Any] = Registry().with_resource(SCHEMA["$id"], Resource.from_contents(SCHEMA))
RECORD = Draft202012Validator(SCHEMA, registry=_REGISTRY)
PROFILE_OBJECT = Draft202012Validator(
    {"$ref": f"{SCHEMA['$id']}#/$defs/profile_object"}, registry=_REGISTRY
)
EVENT_OBJECT, VISITOR_OBJECT = (
    Draft202012Validator({"$ref": f"{SCHEMA['$id']}#/$defs/{name}"}, registry=_REGISTRY)
    for name in ("event_object", "visitor_object")
)
MEMBERS = {*SCHEMA["$defs"]["event"]["properties"], *SCHEMA["properties"]}

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
name = text.filter(bool)
EVENTS = st.builds(
    Event,
    id=st.from_regex(r"[0-9a-f]{8}(-[0-9]{1,2})?", fullmatch=True),
    endpoint_id=name,
    event_type=name,
    time=st.integers(0, 10**14 - 1),
    attributes=st.dictionaries(name, name, max_size=4),
    metrics=st.dictionaries(name, st.floats(allow_nan=False, allow_infinity=False), max_size=4),
    user_attributes=st.dictionaries(name, st.lists(name, min_size=1, max_size=3), max_size=4),
    user_id=text,
)


def problems(validator: Any, document: object) -> list[str]:
    return [error.message for error in validator.iter_errors(document)]


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$defs"]["event"]["properties"]["schema_version"] == {
        "description": "Raised when a member is removed or changes its meaning.",
        "const": record.SCHEMA_VERSION,
    }
    # Only the schema has a minor version. Rules compare the version in the record.
    assert SCHEMA["$id"].rpartition(":")[2].partition(".")[0] == record.SCHEMA_VERSION


@settings(max_examples=200)
@given(EVENTS)
def test_any_event_is_a_record_of_one_line_and_comes_back(event: Event) -> None:
    encoded = record.encode(event)
    assert encoded.splitlines() == [encoded]
    document = json.loads(encoded)
    assert not problems(RECORD, document)
    assert set(document) <= MEMBERS  # the schema describes each member
    assert event_of(encoded) == event


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("schema_version", "2"),
        ("event_id", ""),
        ("event_type", ""),
        ("endpoint_id", 1),
        ("timestamp", "2026-11-23T09:30:00Z"),
        ("timestamp", 1_795_000_000_000),
        ("access", "vouched"),
        ("access", ""),
        ("user_id", ""),
        ("attributes", {"a": ["list"]}),
        ("attributes", {"": "x"}),
        ("attributes", None),
        ("metrics", {"a": "1"}),
        ("user_attributes", {"a": "not a list"}),
        ("user_attributes", {"a": []}),
    ],
)
def test_the_schema_refuses(member: str, value: object) -> None:
    document = json.loads(EXAMPLE)
    assert not problems(RECORD, document)
    assert problems(RECORD, document | {member: value})


@pytest.mark.parametrize("member", sorted(MEMBERS - {"access", "user_id"}))
def test_each_member_but_the_newest_and_the_users_id_is_required(member: str) -> None:
    document = json.loads(EXAMPLE)
    del document[member]
    assert problems(RECORD, document)
    assert problems(PROFILE_OBJECT, document)


def test_a_record_of_the_version_before_is_one_still() -> None:
    document = json.loads(EXAMPLE)
    del document["access"]
    assert not problems(RECORD, document)


def test_members_may_be_added() -> None:
    assert not problems(RECORD, json.loads(EXAMPLE) | {"new": 1})


def documents(kind_of_service: type[BatchFake], bodies: list[str]) -> list[Any]:
    """Return all records or profile objects sent to a service, as JSON."""
    service = kind_of_service()
    assert deliver(bodies, service=service).delivered == len(bodies)
    found: list[Any] = []
    for request in map(service.parsed, service.requests):
        for entry in request.get("Records") or request.get("Entries") or request["Items"]:
            data = entry.get("Data") or entry.get("Detail") or entry["Object"]
            lines = data.decode() if isinstance(data, bytes) else data
            found += map(json.loads, lines.splitlines())
    assert len(found) == len(bodies)
    return found


USER = {"event": "e", "endpoint_id": "ep", "usat_a": "1"}


@pytest.mark.parametrize(
    ("kind_of_service", "validator"),
    [
        (FakeEventBridge, RECORD),
        (FakeFirehose, RECORD),
        (FakeKinesis, RECORD),
        (FakeCustomerProfiles, PROFILE_OBJECT),
    ],
    ids=["eventbridge", "firehose", "kinesis", "customer-profiles"],
)
def test_what_each_service_gets_is_of_the_schema(
    kind_of_service: type[BatchFake], validator: Any
) -> None:
    bodies = [f"{envelope()}\n{case['query']}" for case in cases(EDGES) + cases(QUERIES)]
    bodies += [body(USER), body(USER, subject="someone")]
    for document in documents(kind_of_service, bodies):
        assert not problems(validator, document)
        assert set(document) <= MEMBERS


def test_the_two_variants_are_told_apart() -> None:
    [profile_object] = documents(FakeCustomerProfiles, [body(USER)])
    [plain] = documents(FakeKinesis, [body(USER)])
    assert problems(RECORD, profile_object)
    assert problems(PROFILE_OBJECT, plain)


def test_event_and_visitor_objects_are_of_the_schema() -> None:
    service = FakeTwoObjectTypes()
    bodies = [f"{envelope()}\n{case['query']}" for case in cases(EDGES) + cases(QUERIES)]
    bodies += [body(USER), body(USER | {"endpoint_id": "ep-2"}, subject="someone")]
    assert deliver(bodies, service=service).delivered == len(bodies)
    found: dict[str, list[Any]] = {OBJECT_TYPE: [], VISITOR_OBJECT_TYPE: []}
    for request in map(json.loads, service.requests):
        found[request["ObjectTypeName"]] += [json.loads(it["Object"]) for it in request["Items"]]
    for name, validator, other in (
        (OBJECT_TYPE, EVENT_OBJECT, VISITOR_OBJECT),
        (VISITOR_OBJECT_TYPE, VISITOR_OBJECT, EVENT_OBJECT),
    ):
        assert len(found[name]) > 100
        for document in found[name]:
            assert not problems(validator, document)
            assert problems(other, document)
            assert set(document) <= MEMBERS


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("endpoint_id", ""),
        ("timestamp", "2026-11-23T09:30:00Z"),
        ("access", "vouched"),
        ("user_id", ""),
        ("user_attributes", {}),
        ("user_attributes", {"a": ["list"]}),
        ("user_attributes", {"a": "x" * 256}),
    ],
)
def test_the_schema_refuses_of_a_visitor_object(member: str, value: object) -> None:
    document = json.loads(VISITOR)
    assert not problems(VISITOR_OBJECT, document)
    assert problems(VISITOR_OBJECT, document | {member: value})


def test_the_pages_visitor_object_is_what_is_sent() -> None:
    service = FakeTwoObjectTypes()
    query = [("event", "e"), ("endpoint_id", "ep-4711"), ("usat_plan", "gold")]
    query += [("usat_interests", "tea"), ("usat_interests", "coffee")]
    deliver([body(query, time=1_795_426_200_000, subject="customer-42")], service=service)
    [document] = service.taken
    assert json.dumps(document, separators=(",", ":")) + "\n" == VISITOR


[EXAMPLE, RULE, VISITOR] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_has_a_row_for_each_member() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert set(rows) - {"source", "detail", "time"} == MEMBERS


def test_the_pages_example_is_what_is_sent() -> None:
    query = [
        ("event", "purchase"),
        ("endpoint_id", "ep-4711"),
        ("evat_page", "/checkout"),
        ("evat_currency", "EUR"),
        ("evmt_price", "19.99"),
        ("usat_plan", "gold"),
        ("usat_interests", "tea"),
        ("usat_interests", "coffee"),
    ]
    service = FakeKinesis()
    deliver([body(query, time=1_795_426_200_000, subject="customer-42")], service=service)
    [event] = service.events.values()
    event.id = json.loads(EXAMPLE)["event_id"]
    assert record.encode(event) + "\n" == EXAMPLE


def test_the_pages_rule_matches_what_eventbridge_gets() -> None:
    service = FakeEventBridge()
    query = {"event": "purchase", "endpoint_id": "ep", "evmt_price": "100.5"}
    deliver([body(query)], service=service)
    [entry] = json.loads(service.requests[0])["Entries"]
    rule, detail = json.loads(RULE), json.loads(entry["Detail"])
    assert entry["Source"] in rule["source"]
    assert entry["DetailType"] in rule["detail-type"]
    assert detail["schema_version"] in rule["detail"]["schema_version"]
    assert detail["event_type"] in rule["detail"]["event_type"]
    assert rule["detail"]["metrics"]["price"] == [{"numeric": [">", 100]}]
    assert detail["metrics"]["price"] > 100
