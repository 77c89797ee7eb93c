"""A destination that refuses every event of a batch is reported as a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.destinations.services import SERVICES
from tests.unit.builders import FakeDeadLetters, body, deliver, message_id

if TYPE_CHECKING:
    from gtm_events.event import Event
    from tests.destinations.fake import BatchFake


@pytest.mark.parametrize("kind_of_service", SERVICES, ids=lambda service: service.name)
@pytest.mark.parametrize("number", [9, 10, 25])
def test_refusing_everything_is_a_problem(kind_of_service: type[BatchFake], number: int) -> None:
    service, letters = kind_of_service(), FakeDeadLetters()
    error = service.whole["refused"]

    def refuse(_: Event) -> Any:
        raise error

    service.decide = refuse
    batch = deliver(
        [body({"event": "e", "endpoint_id": f"ep-{i}"}) for i in range(number)],
        service=service,
        dead_letters=letters,
    )
    assert batch.rejected == {"refused": number}
    assert len(letters.letters) == number
    code = letters.letters[0].detail.partition(":")[0]
    assert code.startswith("400 ")
    expected = [f"the destination refused {number} of {number} events: {code}"]
    assert batch.problems == (expected if number >= 10 else [])


@pytest.mark.parametrize("kind_of_service", SERVICES, ids=lambda service: service.name)
def test_refusing_some_events_is_no_problem(kind_of_service: type[BatchFake]) -> None:
    service, letters = kind_of_service(), FakeDeadLetters()
    error = service.whole["refused"]

    def refuse(event: Event) -> Any:
        if event.event_type == "good":
            return "ok"
        raise error

    service.decide = refuse
    batch = deliver(
        [body({"event": "good" if i == 3 else "bad", "endpoint_id": f"ep-{i}"}) for i in range(25)],
        service=service,
        dead_letters=letters,
    )
    assert (batch.delivered, batch.rejected) == (1, {"refused": 24})
    assert batch.problems == []
    assert message_id(3) in service.accepted
