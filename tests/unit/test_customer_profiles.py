"""Customer Profiles: the object that is put last is the one that stays."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.builders import REQUEST_TIME, FakeDeadLetters, body, check_books, deliver
from tests.unit.services import FakeCustomerProfiles

MOMENTS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 1_000), st.booleans()),
    min_size=1,
    max_size=60,
    unique_by=lambda event: event[:2],
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
        event.endpoint_id: event.time
        for request in service.entries
        for entry in request
        for event in entry
    }
    newest: dict[str, int] = {}
    for endpoint, moment, _ in moments:
        name = f"ep-{endpoint}"
        newest[name] = max(newest.get(name, 0), REQUEST_TIME + moment)
    assert stays == newest
    assert len(service.requests) <= -(-len(moments) // 10) + 1


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
