"""Malformed answers: an event is delivered only if the answer says that it was accepted."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtm_events import send_task
from gtm_events.aws import Answer
from gtm_events.event import Event
from gtm_events.outcome import Delivered, Outcome
from tests.destinations.firehose.service import FakeFirehose
from tests.destinations.pinpoint.service import FakePinpointEvents
from tests.destinations.services import SERVICES
from tests.unit.builders import Response, body, deliver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtm_events.destinations.batching import BatchService
    from tests.destinations.fake import BatchFake

every_service = pytest.mark.parametrize(
    "kind_of_service", SERVICES, ids=lambda service: service.name
)

IDS = ("id-0", "id-1", "id-2")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(IDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner),
    max_leaves=12,
)


def service_of(kind_of_service: type[BatchFake]) -> BatchService[Any]:
    service = kind_of_service()
    if isinstance(service, FakeFirehose):
        service.events_per_record = 1
    return service.service()


def answered(kind_of_service: type[BatchFake], document: object) -> dict[str, Outcome]:
    """Return the outcomes that an answer gives three events that set user attributes."""
    service = service_of(kind_of_service)
    entries = []
    for number, event_id in enumerate(IDS):
        event = Event(event_id, f"ep-{number}", "e", 0, {}, {}, {"plan": ["gold"]})
        entries.append(service.encode(event, Counter()))
    service.complete(entries, Counter())
    said = list(service.outcomes(entries, Answer(200, json.dumps(document).encode())))
    assert len({outcome.event_id for outcome in said}) == len(said)
    return {outcome.event_id: outcome for outcome in said}


def good(kind_of_service: type[BatchFake]) -> Any:
    """Return the answer that accepts all three events."""
    events = [Event(event_id, f"ep-{n}", "e", 0, {}, {}, {}) for n, event_id in enumerate(IDS)]
    return kind_of_service().written([[event] for event in events], ["ok"] * 3)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each part of an answer."""
    yield path
    if isinstance(value, dict | list):
        for name, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(member, (*path, name))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return an answer with the value at one path replaced."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@every_service
def test_an_answer_that_takes_all_delivers_all(kind_of_service: type[BatchFake]) -> None:
    delivered = {event_id: Delivered(event_id) for event_id in IDS}
    assert answered(kind_of_service, good(kind_of_service)) == delivered


@every_service
@settings(max_examples=150)
@given(data=st.data())
def test_a_malformed_part_does_not_affect_other_events(
    kind_of_service: type[BatchFake], data: st.DataObject
) -> None:
    document = good(kind_of_service)
    path = data.draw(st.sampled_from([path for path in paths(document) if path]))
    found = answered(kind_of_service, changed(document, path, data.draw(JSON)))
    # Kinesis, Firehose and EventBridge answer in the request's order: Records, 1, SequenceNumber.
    about = [n for n, event_id in enumerate(IDS) if {n, event_id, f"ep-{n}"} & set(path)]
    if about:
        others = {event_id for n, event_id in enumerate(IDS) if n not in about}
        assert {name for name, it in found.items() if isinstance(it, Delivered)} >= others


@every_service
@settings(max_examples=100)
@given(
    document=st.dictionaries(
        st.sampled_from(
            ["Records", "RequestResponses", "Entries", "Successful", "Failed", "Results", "x"]
        ),
        JSON,
    )
)
def test_no_malformed_answer_raises_or_delivers(
    kind_of_service: type[BatchFake], document: dict[str, Any]
) -> None:
    assert not any(isinstance(it, Delivered) for it in answered(kind_of_service, document).values())


SILENT: dict[str, list[Any]] = {
    "kinesis": [{"ShardId": "s"}, {"SequenceNumber": ""}, {"SequenceNumber": 1}, {}, None, "taken"],
    "firehose": [{"RecordId": None}, {"RecordId": ["1"]}, {}, []],
    "eventbridge": [{"EventId": ""}, {"EventId": {}}, {"ErrorMessage": "no"}, {}],
}
MEMBERS = {"kinesis": "Records", "firehose": "RequestResponses", "eventbridge": "Entries"}


@pytest.mark.parametrize(
    ("name", "silent"), [(name, silent) for name in SILENT for silent in SILENT[name]]
)
def test_without_an_id_of_its_own_an_entry_is_not_delivered(name: str, silent: Any) -> None:
    """The entry has no error code either, so the answer does not mention it."""
    [kind_of_service] = [service for service in SERVICES if service.name == name]
    document = good(kind_of_service)
    document[MEMBERS[name]][1] = silent
    assert answered(kind_of_service, document) == {
        event_id: Delivered(event_id) for event_id in ("id-0", "id-2")
    }


@pytest.mark.parametrize("code", [7, ["ThrottlingException"], {"a": 1}, True])
@pytest.mark.parametrize("name", SILENT)
def test_a_malformed_error_code_is_no_delivery(name: str, code: object) -> None:
    [kind_of_service] = [service for service in SERVICES if service.name == name]
    document = good(kind_of_service)
    document[MEMBERS[name]][1] = document[MEMBERS[name]][1] | {"ErrorCode": code}
    assert "id-1" not in answered(kind_of_service, document)


@pytest.mark.parametrize("endpoint", [None, {}, {"StatusCode": "202"}, [], {"StatusCode": None}])
def test_without_the_endpoints_status_user_attributes_are_not_taken(endpoint: object) -> None:
    document = good(FakePinpointEvents)
    document["Results"]["ep-1"]["EndpointItemResponse"] = endpoint
    assert answered(FakePinpointEvents, document).keys() == {"id-0", "id-2"}
    del document["Results"]["ep-1"]["EndpointItemResponse"]
    assert answered(FakePinpointEvents, document).keys() == {"id-0", "id-2"}


def test_error_messages_and_codes_are_cut() -> None:
    """Ten thousand events could each be refused with a megabyte of error message."""
    document = good(FakePinpointEvents)
    about = document["Results"]["ep-1"]["EventsItemResponse"]["id-1"]
    about.update(StatusCode=400, Message="x" * 1_000_000)
    refused: Any = answered(FakePinpointEvents, document)["id-1"]
    assert len(refused.detail) < 1_100


@every_service
def test_an_answer_nested_too_deeply_is_no_answer(
    kind_of_service: type[BatchFake], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_task, "BACKOFF_SECONDS", 0.0)
    service = kind_of_service()
    answer = Response(200, b'{"Records":' + b"[" * 200_000 + b"]" * 200_000 + b"}")
    monkeypatch.setattr(service, "answer", lambda _: answer)
    batch = deliver([body({"event": "e", "endpoint_id": "ep"})], service=service)
    assert batch.retried == {"unavailable": 1}
    assert batch.problems == []
