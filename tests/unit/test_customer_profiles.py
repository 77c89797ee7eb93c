"""Customer Profiles: the object that is put last is the one that stays."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.builders import (
    REQUEST_TIME,
    FakeDeadLetters,
    body,
    check_books,
    deliver,
    message_id,
    posted,
)
from tests.unit.services import FakeCustomerProfiles

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
    check_books(batch, letters)
    assert batch.delivered == len(moments)
    stays = {
        event.endpoint_id: event.id
        for request in service.entries
        for entry in request
        for event in entry
    }
    # Of one moment's events the last counts.
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
    assert batch.problems == ["the destination does not let the function in: 403"]
    check_books(batch, letters)
