"""Batches with every mixture of events: each record gets its correct outcome."""

from __future__ import annotations

from http.client import IncompleteRead
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtm_events import send_task
from tests.destinations.services import SERVICES
from tests.unit.builders import FakeDeadLetters, body, check_totals, deliver, message_id

if TYPE_CHECKING:
    from gtm_events.event import Event
    from tests.destinations.fake import BatchFake, Verdict


pytestmark = pytest.mark.usefixtures("no_backoff", "few_attempts")


@pytest.fixture
def few_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit throttled entries to one attempt more than failed ones, instead of 20."""
    monkeypatch.setattr(send_task, "MAX_THROTTLED_ATTEMPTS", send_task.MAX_ATTEMPTS + 1)


KINDS = (
    "ok",
    "refused",
    "throttled",
    "failed",
    "unmentioned",
    "recovers",
    "malformed",
    "_reserved",
    "poison",
    "times out",
    "cut off",
    "raises",
)
MOST = 130  # more than the 100 entries of Pinpoint's requests
# In a long list of all kinds, one kind affects all neighbors, so some lists have few kinds.
MIXTURE = st.sets(st.sampled_from(KINDS), min_size=1).flatmap(
    lambda kinds: st.one_of(
        [
            st.lists(st.sampled_from(sorted(kinds)), min_size=least, max_size=MOST)
            for least in (1, 80)
        ]
    )
)


def deciding(kinds: type[BatchFake]) -> BatchFake:
    """Return a service that reads the outcome of an event from its type."""
    seen: set[str] = set()
    whole = {
        "poison": kinds.whole["refused"],
        "times out": TimeoutError(),
        "cut off": IncompleteRead(b""),
        "raises": kinds.whole["throttled"],
    }
    own: dict[str, Verdict] = {
        "refused": "refused",
        "throttled": "throttled",
        "failed": "failed",
        "unmentioned": "unmentioned",
    }

    def decide(event: Event) -> Verdict:
        kind = event.event_type
        if kind in whole:
            raise whole[kind]
        if kind == "recovers":
            first = event.id not in seen
            seen.add(event.id)
            return "failed" if first else "ok"
        return own.get(kind, "ok")

    return kinds(decide)


@pytest.mark.parametrize("kind_of_service", SERVICES, ids=lambda service: service.name)
@settings(max_examples=60)
@given(kinds=MIXTURE, unlucky=st.sets(st.integers(0, MOST - 1)), one_endpoint=st.booleans())
def test_each_record_of_any_mixture_gets_its_outcome(  # noqa: C901, PLR0912 - a table
    *,
    kind_of_service: type[BatchFake],
    kinds: list[str],
    unlucky: set[int],
    one_endpoint: bool,
) -> None:
    """If a whole request fails, neighbors may be retried, but are never lost or rejected."""
    service = deciding(kind_of_service)
    letters = FakeDeadLetters(refuse=frozenset(map(message_id, unlucky)))
    if "refused" not in service.verdicts:  # this service can only refuse whole requests
        kinds = ["poison" if kind == "refused" else kind for kind in kinds]
    batch = deliver(
        [
            "not ours"
            if kind == "malformed"
            else body({"event": kind, "endpoint_id": "ep" if one_endpoint else f"ep-{number}"})
            for number, kind in enumerate(kinds)
        ],
        service=service,
        dead_letters=letters,
    )
    check_totals(batch, letters)
    sent = [kind for kind in kinds if kind != "malformed"]
    refused = len(sent) >= 10 and {*sent} <= {"refused", "poison"}
    assert [problem.partition(" ")[2][:14] for problem in batch.problems] == [
        *(["destination re"] * (len({*sent}) if refused else 0)),
        *(["dead-letter qu"] * bool(batch.retried["dead_letter_queue_failed"])),
    ]
    rejections = {"refused": "refused", "malformed": "malformed", "poison": "refused"}
    delivered = {"ok", "recovers"}
    if service.name == "pinpoint":
        rejections["_reserved"] = "reserved_event_type"
    else:
        delivered.add("_reserved")
    always_retried = {"throttled", "failed", "unmentioned", "times out", "cut off", "raises"}
    failures = set(batch.failures)
    for number, kind in enumerate(kinds):
        record = message_id(number)
        reason = letters.reasons().get(record)
        if reason:
            assert reason == rejections[kind]
            assert number not in unlucky
            assert record not in service.accepted
        elif record in failures:
            # Events that are invalid before sending are in the dead-letter queue.
            assert kind != "malformed" or number in unlucky
            assert rejections.get(kind) != "reserved_event_type" or number in unlucky
        else:
            assert kind in delivered
            assert record in service.accepted
        if kind in always_retried:
            assert record in failures
    if "unmentioned" not in service.shares_fate or "unmentioned" not in kinds:
        # Every acceptance was reported, so no event is delivered twice.
        assert set(service.accepted.values()) <= {1}
        assert not failures & set(service.accepted)
    if not set(kinds) & ({"times out", "cut off", "raises"} | service.shares_fate):
        # Nothing affected a neighbor, so each outcome is exactly known.
        for number, kind in enumerate(kinds):
            record = message_id(number)
            if kind in delivered:
                assert record not in failures
            if kind in rejections:
                assert (record in letters.reasons()) == (number not in unlucky)
