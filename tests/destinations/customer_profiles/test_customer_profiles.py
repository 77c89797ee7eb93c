"""Customer Profiles with one object type: the last object that is put wins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtm_events.destinations import create
from gtm_events.destinations.customer_profiles import OneObjectType
from gtm_events.errors import SettingsError
from gtm_events.outcome import Reason, Rejected, RetryReason
from tests.destinations.entry_codes import STATUSES, outcome, reason
from tests.unit.builders import counted

if TYPE_CHECKING:
    from gtm_events.event import Event
    from tests.destinations.fake import Verdict
from tests.destinations.customer_profiles.service import FakeCustomerProfiles
from tests.unit.builders import (
    REQUEST_TIME,
    FakeDeadLetters,
    body,
    check_totals,
    deliver,
    message_id,
    posted,
)

MOMENTS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 20), st.booleans()), min_size=1, max_size=60
)


@settings(max_examples=60)
@given(MOMENTS)
def test_an_endpoints_newest_event_arrives_last(moments: list[tuple[int, int, bool]]) -> None:
    service, letters = FakeCustomerProfiles(), FakeDeadLetters()
    batch = deliver(
        [
            body(
                {"event": "e", "endpoint_id": f"ep-{endpoint}"}
                | ({"usat_plan": str(moment)} if changes else {}),
                time=REQUEST_TIME + moment,
            )
            for endpoint, moment, changes in moments
        ],
        service=service,
        dead_letters=letters,
    )
    check_totals(batch, letters)
    assert batch.delivered == len(moments)
    stays = {
        event.endpoint_id: event.id
        for request in service.entries
        for entry in request
        for event in entry
    }
    # Of events with equal times, the last one wins.
    newest = {
        f"ep-{endpoint}": message_id(number)
        for number, (endpoint, moment, _) in sorted(
            enumerate(moments), key=lambda numbered: numbered[1][1]
        )
    }
    assert stays == newest
    assert len(service.requests) <= -(-len(moments) // 10) + 1


def test_a_posted_lists_last_event_stays_though_another_changes_the_profile() -> None:
    service = FakeCustomerProfiles()
    events = [
        {"event": "buy", "endpoint_id": "ep", "usat_plan": "gold"},
        {"event": "view", "endpoint_id": "ep"},
    ]
    deliver([posted("json", json.dumps({"events": events}))], service=service)
    assert [[[event.event_type for event in entry] for entry in it] for it in service.entries] == [
        [["buy"]],
        [["view"]],
    ]


def test_when_the_first_round_is_denied_the_second_waits() -> None:
    service, letters = FakeCustomerProfiles(lambda _: "denied"), FakeDeadLetters()
    bodies = [
        body({"event": "e", "endpoint_id": "ep"}, time=REQUEST_TIME + number) for number in range(5)
    ]
    batch = deliver(bodies, service=service, dead_letters=letters)
    assert batch.retried == {"denied": 5}
    assert len(service.requests) == 1
    assert batch.problems == ["the destination denies the function access: 403"]
    check_totals(batch, letters)


@pytest.mark.parametrize(("status", "expected"), STATUSES)
def test_statuses_of_objects(status: int, expected: RetryReason | Reason) -> None:
    document = {"Failed": [{"Id": "id", "Code": status, "Message": "words"}]}
    found = outcome(OneObjectType("domain", "type"), document)
    assert reason(found) is expected
    if isinstance(found, Rejected):
        assert (found.code, found.detail) == (str(status), f"{status} words")


def test_customer_profiles_quota_is_read() -> None:
    environment = {"AWS_REGION": "eu-west-1"} | FakeCustomerProfiles.environment
    for quota in ("0", "many"):
        with pytest.raises(SettingsError, match="CUSTOMER_PROFILES_REQUESTS_PER_SECOND"):
            create(
                "customer-profiles", environment | {"CUSTOMER_PROFILES_REQUESTS_PER_SECOND": quota}
            )


def test_a_retried_profile_object_does_not_bring_an_older_value_back() -> None:
    throttled: set[str] = set()

    def throttle_the_older_once(event: Event) -> Verdict:
        first = event.event_type == "older" and event.id not in throttled
        throttled.add(event.id)
        return "throttled" if first else "ok"

    service = FakeCustomerProfiles(throttle_the_older_once)
    deliver(
        [
            body({"event": "older", "endpoint_id": "ep", "usat_n": "1"}, subject="old"),
            body({"event": "newer", "endpoint_id": "ep", "usat_n": "2"}, subject="new"),
            body({"event": "other", "endpoint_id": "other", "usat_n": "3"}),
        ],
        service=service,
    )
    said: dict[str, Any] = {
        e.event_type: (e.user_id, e.user_attributes) for e in service.events.values()
    }
    assert said == {
        "older": ("new", {"n": "2"}),
        "newer": ("new", {"n": "2"}),
        "other": ("", {"n": "3"}),
    }


def test_a_profile_attribute_is_one_value_that_is_cut_and_counted() -> None:
    service = FakeCustomerProfiles()
    parameters = [
        ("event", "e"),
        ("endpoint_id", "ep"),
        ("usat_a", "x" * 250),
        ("usat_a", "yz" * 9),
    ]
    batch = deliver([body([*parameters, (f"usat_{'n' * 256}", "1")])], service=service)
    [event] = service.events.values()
    attributes: Any = event.user_attributes
    assert attributes == {"a": "x" * 250 + ", yzy"}
    assert counted(batch) == {"value_too_long": 1, "name_too_long": 1}
