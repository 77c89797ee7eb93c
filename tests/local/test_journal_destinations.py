"""The console's journal of several destinations."""

from __future__ import annotations

from typing import Any

import pytest

from local.console.journal import Journal
from tests.local.reports import answered, counters, dead_lettered, event, hit, report

SEVERAL = {"kinesis": "Amazon Kinesis Data Streams", "pinpoint": "Amazon Pinpoint"}


@pytest.fixture
def fanned() -> Journal:
    return Journal(SEVERAL, clock=lambda: 1_795_471_861)


def at(journal: Journal, kind: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = journal.snapshot()["destinations"]
    return next(each for each in found if each["kind"] == kind)


def statuses(journal: Journal) -> dict[str, str]:
    return {kind: each["status"] for kind, each in hit(journal)["deliveries"].items()}


def test_a_hit_is_where_it_is_at_each_destination(fanned: Journal) -> None:
    fanned.gateway_answered(report(event_id="e-1"))
    assert statuses(fanned) == {"kinesis": "waiting", "pinpoint": "waiting"}

    answered(fanned, event_id="e-1", destination="kinesis")
    assert statuses(fanned) == {"kinesis": "delivered", "pinpoint": "waiting"}
    assert (hit(fanned)["status"], counters(fanned)["delivered"]) == ("waiting", 0)
    assert (at(fanned, "kinesis")["delivered"], at(fanned, "pinpoint")["delivered"]) == (1, 0)

    answered(fanned, 429, event_id="e-1")
    assert (hit(fanned)["status"], at(fanned, "pinpoint")["retrying"]) == ("retrying", 1)
    dead_lettered(fanned, event_id="e-1", destination="pinpoint")
    assert (hit(fanned)["status"], hit(fanned)["reason"]) == ("rejected", "REFUSED: its words")
    assert at(fanned, "pinpoint") == {
        "kind": "pinpoint",
        "title": "Amazon Pinpoint",
        "waiting": None,
        "dead_letters": None,
        "delivered": 0,
        "retrying": 0,
        "rejected": 1,
        "dropped": 0,
        "problems": [],
    }
    answered(fanned, event_id="e-1")
    assert (hit(fanned)["status"], counters(fanned)["delivered"]) == ("delivered", 1)


@pytest.mark.parametrize("first", SEVERAL)
def test_destinations_may_be_faster_than_the_gateways_report(fanned: Journal, first: str) -> None:
    for kind in sorted(SEVERAL, key=lambda kind: kind != first):
        answered(fanned, event_id="e-1", destination=kind)
    fanned.gateway_answered(report(event_id=None, status=400, query="event=another"))
    assert (counters(fanned)["received"], counters(fanned)["delivered"]) == (1, 1)

    revision = fanned.snapshot()["revision"]
    fanned.gateway_answered(report(event_id="e-1"))
    [changed] = fanned.changes(revision)["hits"]
    assert (changed["number"], changed["preview"]) == (1, [["evat_plan", "gold"]])
    assert [each["number"] for each in fanned.snapshot()["hits"]] == [2, 1]
    assert (counters(fanned)["received"], counters(fanned)["delivered"]) == (2, 1)
    assert (at(fanned, "kinesis")["delivered"], at(fanned, "pinpoint")["delivered"]) == (1, 1)


@pytest.mark.parametrize(
    ("named", "rejecting"), [(None, {"kinesis", "pinpoint"}), ("kinesis", {"kinesis"})]
)
def test_what_callers_got_wrong_is_rejected_by_all_or_by_the_one_that_is_named(
    fanned: Journal, named: str | None, rejecting: set[str]
) -> None:
    fanned.gateway_answered(report(event_id="e-1"))
    fanned.found_invalid(
        event_id="e-1", reason="origin", detail="words", body="v=1", destination=named
    )
    assert (hit(fanned)["status"], hit(fanned)["reason"]) == ("rejected", "origin: words")
    assert {kind for kind, status in statuses(fanned).items() if status == "rejected"} == rejecting
    details = fanned.details(1)
    assert details
    letter = {"reason": "origin", "detail": "words", "body": "v=1"}
    assert {kind: each["invalid_message"] for kind, each in details["deliveries"].items()} == {
        kind: letter if kind in rejecting else None for kind in ("kinesis", "pinpoint")
    }


def test_queues_are_counted_for_each_destination_and_together(fanned: Journal) -> None:
    fanned.queues_counted(destination="kinesis", waiting=1, in_flight=2, dead_letters=4)
    fanned.queues_counted(destination="pinpoint", waiting=8, in_flight=0, dead_letters=16)
    assert (at(fanned, "kinesis")["waiting"], at(fanned, "pinpoint")["dead_letters"]) == (3, 16)
    assert (counters(fanned)["waiting"], counters(fanned)["dead_letters"]) == (11, 20)


def test_nothing_waits_anywhere_for_a_browser_that_opted_out(fanned: Journal) -> None:
    fanned.gateway_answered(report(event_id="e-1", opted_out=True))
    assert (hit(fanned)["status"], at(fanned, "kinesis")["delivered"]) == ("opted_out", 0)


def test_what_was_read_at_the_destination_is_shown_as_often_as_it_is_there(
    fanned: Journal,
) -> None:
    fanned.gateway_answered(report(event_id="e-1"))
    for title in ("first copy", "second copy"):
        fanned.destination_has("kinesis", event("e-1", "ep-1", title))
    details = fanned.details(1)
    assert details is not None
    [sent] = details["deliveries"]["kinesis"]["sent"]
    assert [each["title"] for each in sent["arrived"]] == ["first copy", "second copy"]
    # What it was answered says whether it is delivered: the function may not have heard.
    assert sent["status"] == "waiting"
