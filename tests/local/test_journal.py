"""The console's journal: reports are joined to hits, and hits are counted."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from local.console.journal import Journal
from tests.local.reports import answered, counters, dead_lettered, hit, report

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_hit_waits_and_is_delivered(journal: Journal) -> None:
    journal.gateway_answered(report())
    assert hit(journal) == {
        "number": 1,
        "revision": 1,
        "time": 1_795_471_860_000,
        "method": "GET",
        "access": "anonymous",
        "event": "page_view",
        "endpoint_id": "ep-1",
        "events": 0,
        "preview": [["evat_plan", "gold"]],
        "status": "waiting",
        "gateway_status": 200,
        "deliveries": {
            "pinpoint": {
                "status": "waiting",
                "events": 0,
                "delivered": 0,
                "throttled": 0,
                "failed": 0,
                "moved_back": 0,
                "next_attempt": None,
                "reason": "",
            }
        },
        "losses": {},
        "dead_letter": False,
        "invalid_message": False,
        "reason": "",
    }

    answered(journal)
    assert (hit(journal)["status"], counters(journal)["delivered"]) == ("delivered", 1)


@pytest.mark.parametrize(
    ("steps", "status", "reason"),
    [
        ([lambda j: answered(j, 429)], "retrying", "answer 429"),
        ([lambda j: answered(j, 500)], "retrying", "answer 500"),
        ([lambda j: answered(j, 0)], "retrying", "answer 0"),
        ([lambda j: answered(j, 429), lambda j: answered(j, 202)], "delivered", ""),
        ([lambda j: answered(j, 202), lambda j: answered(j, 429)], "delivered", ""),
        ([lambda j: answered(j, 400)], "rejected", "answer 400"),
        ([lambda j: answered(j, 400), dead_lettered], "rejected", "REFUSED: its words"),
        ([dead_lettered], "rejected", "REFUSED: its words"),
        ([dead_lettered, lambda j: answered(j, 202)], "delivered", ""),
        ([lambda j: answered(j, 202, dropped=True)], "dropped", "answer 202"),
    ],
)
def test_the_status_follows_from_all_reports(
    journal: Journal, steps: list[Callable[[Journal], None]], status: str, reason: str
) -> None:
    journal.gateway_answered(report())
    for step in steps:
        step(journal)
    assert (hit(journal)["status"], hit(journal)["reason"]) == (status, reason)


def test_reports_are_joined_in_whatever_order_they_come(journal: Journal) -> None:
    dead_lettered(journal)
    answered(journal, 400)
    journal.gateway_answered(report())

    assert (hit(journal)["event"], hit(journal)["status"]) == ("page_view", "rejected")
    details = journal.details(1)
    assert details is not None
    assert details["query"] == report()["query"]
    assert details["parameters"][0] == ("event", "page_view")
    delivery = details["deliveries"]["pinpoint"]
    assert delivery["sent"] == [
        {
            "event_id": "m-1",
            "index": 0,
            "endpoint_id": "ep-1",
            "event_type": "page_view",
            "got": [{"title": "Event", "document": {"EventType": "page_view"}}],
            "arrived": [],
            "status": "rejected",
            "attempts": [
                {
                    "time": 1_795_471_861_000,
                    "outcome": "refused",
                    "status": "400",
                    "message": "answer 400",
                }
            ],
        }
    ]
    assert delivery["dead_letter"] == {"reason": "REFUSED", "detail": "its words", "body": "v=1"}


def test_a_refused_request_is_a_hit_of_its_own(journal: Journal) -> None:
    body = '{"message": "Missing required request parameters: [event]"}'
    refused = report(status=400, event_id=None, detail=body, query="endpoint_id=ep-1")
    journal.gateway_answered(refused)
    journal.gateway_answered(refused)

    first, second = journal.snapshot()["hits"]
    assert (first["number"], second["number"]) == (2, 1)
    assert first["status"] == "refused"
    assert first["reason"] == "Missing required request parameters: [event]"
    assert (counters(journal)["received"], counters(journal)["refused"]) == (2, 2)


AUTHENTICATED = "/events/authenticated"


@pytest.mark.parametrize(
    ("changes", "message", "why"),
    [
        ({"status": 401, "path": AUTHENTICATED}, "Unauthorized", "the request has no token"),
        (
            {"status": 401, "path": AUTHENTICATED, "query": "event=e&endpoint_id=i&token=***"},
            "Unauthorized",
            "the token is malformed, has expired, or has another key or audience",
        ),
        (
            {"status": 403, "path": AUTHENTICATED},
            "User is not authorized to access this resource",
            "the authorizer knows the sender but denies access",
        ),
        # An authorizer is not the only one to answer 403, and its words are not to be believed.
        (
            {"status": 403, "path": AUTHENTICATED},
            "Missing Authentication Token",
            "there is no such route",
        ),
        (
            {"status": 403, "path": "/event"},
            "Missing Authentication Token",
            "there is no such route",
        ),
        ({"status": 403}, "Forbidden", ""),
    ],
)
@pytest.mark.parametrize("member", ["message", "Message"])
def test_a_sender_who_is_not_let_in_is_told_why(
    journal: Journal, member: str, changes: dict[str, Any], message: str, why: str
) -> None:
    detail = json.dumps({member: message})
    journal.gateway_answered(report(event_id=None, detail=detail, **changes))
    assert hit(journal)["status"] == "refused"
    said, _, because = hit(journal)["reason"].partition(": ")
    assert said == message
    assert because.startswith(why)
    assert bool(because) == bool(why)


@pytest.mark.parametrize("body", ["no JSON", '{"Message": 1}', "[]", ""])
def test_the_doors_other_answers_are_shown_as_they_are(journal: Journal, body: str) -> None:
    journal.gateway_answered(report(status=502, event_id=None, detail=body))
    assert hit(journal)["reason"] == body


def test_a_preflight_is_no_hit_unless_it_fails(journal: Journal) -> None:
    journal.gateway_answered(report(method="OPTIONS", status=204, event_id=None))
    assert counters(journal)["received"] == 0
    journal.gateway_answered(report(method="OPTIONS", status=500, event_id=None))
    assert counters(journal)["received"] == 1


def test_a_dead_letter_of_unknown_origin_is_a_hit_of_its_own(journal: Journal) -> None:
    dead_lettered(journal, event_id=None, reason="MALFORMED", detail="")
    assert (hit(journal)["event"], hit(journal)["reason"]) == ("", "MALFORMED")


def test_counters(journal: Journal) -> None:
    assert counters(journal) == {
        "received": 0,
        "waiting": None,
        "delivered": 0,
        "rejected": 0,
        "dead_letters": None,
        "invalid_messages": None,
        "refused": 0,
        "dropped": 0,
        "opted_out": 0,
    }
    journal.queues_counted(waiting=3, in_flight=2, dead_letters=1)
    journal.invalid_messages_counted(7)
    for number in range(4):
        journal.gateway_answered(report(event_id=f"m-{number}"))
    answered(journal, 202, event_id="m-0")
    answered(journal, 202, event_id="m-0")
    answered(journal, 400, event_id="m-1")
    answered(journal, 202, event_id="m-2", dropped=True)
    assert counters(journal) == {
        "received": 4,
        "waiting": 5,
        "delivered": 1,
        "rejected": 1,
        "dead_letters": 1,
        "invalid_messages": 7,
        "refused": 0,
        "dropped": 1,
        "opted_out": 0,
    }


def test_only_the_newest_hits_are_kept_and_the_totals_go_on() -> None:
    journal = Journal(hits_kept=3)
    for number in range(5):
        journal.gateway_answered(report(event_id=f"m-{number}"))
        answered(journal, event_id=f"m-{number}")

    assert [each["number"] for each in journal.snapshot()["hits"]] == [5, 4, 3]
    assert journal.details(1) is None
    assert (counters(journal)["received"], counters(journal)["delivered"]) == (5, 5)
    answered(journal, event_id="m-0")
    assert [each["number"] for each in journal.snapshot()["hits"]] == [6, 5, 4]


def test_changes_are_those_since_a_revision(journal: Journal) -> None:
    for number in range(3):
        journal.gateway_answered(report(event_id=f"m-{number}"))
    revision = journal.snapshot()["revision"]
    assert journal.changes(revision)["hits"] == []

    answered(journal, event_id="m-0")
    answered(journal, event_id="m-2")
    changes = journal.changes(revision)
    assert [each["number"] for each in changes["hits"]] == [3, 1]
    assert journal.changes(changes["revision"])["hits"] == []


def test_an_unchanged_count_is_no_change(journal: Journal) -> None:
    calls: list[int] = []
    unsubscribe = journal.subscribe(lambda: calls.append(1))
    journal.queues_counted(waiting=1, in_flight=0, dead_letters=0)
    journal.queues_counted(waiting=1, in_flight=0, dead_letters=0)
    assert len(calls) == 1
    unsubscribe()
    journal.touch()
    assert len(calls) == 1


def test_a_list_may_be_in_both_queues_of_rejected_messages(journal: Journal) -> None:
    journal.gateway_answered(report(event_id="e-1"))
    dead_lettered(journal, event_id="e-1")
    journal.found_invalid(event_id="e-1", reason="unset", detail="1 of 3", body="v=1&numbers=0")
    assert hit(journal)["reason"] == "REFUSED: its words; unset: 1 of 3"
    details = journal.details(1)
    assert details
    delivery = details["deliveries"]["pinpoint"]
    assert delivery["dead_letter"]["reason"] == "REFUSED"
    assert delivery["invalid_message"]["body"] == "v=1&numbers=0"


def test_the_route_says_how_a_hit_was_sent(journal: Journal) -> None:
    answered(journal, event_id="m-0")
    journal.gateway_answered(report(path="/events"))
    query = "event=e&endpoint_id=i&token=***&usat_plan=gold"
    journal.gateway_answered(
        report(path="/events/authenticated", method="POST", query=query, event_id="m-2")
    )
    hits = journal.snapshot()["hits"]
    assert [(each["access"], each["method"]) for each in hits] == [
        ("authenticated", "POST"),
        ("anonymous", "GET"),
        (None, "GET"),
    ]
    assert hits[0]["preview"] == [["usat_plan", "gold"]]


def test_a_browser_that_opted_out_is_shown_only_if_the_gateway_says_so(journal: Journal) -> None:
    journal.gateway_answered(report(opted_out=False))
    assert hit(journal)["status"] == "waiting"
    journal.gateway_answered(report(opted_out=True))
    assert hit(journal)["status"] == "opted_out"
    assert hit(journal)["reason"] == "The browser asked not to be tracked"
    assert counters(journal)["opted_out"] == 1
    # Were it delivered all the same, that is what has to be seen.
    answered(journal)
    assert hit(journal)["status"] == "delivered"


def test_threads_may_report_at_once() -> None:
    journal = Journal(hits_kept=50)

    def work(name: str) -> None:
        for number in range(200):
            journal.gateway_answered(report(event_id=f"{name}-{number}"))
            answered(journal, event_id=f"{name}-{number}")
            journal.snapshot()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counters(journal)["received"] == 800
    assert counters(journal)["delivered"] == 800
    assert len(journal.snapshot()["hits"]) == 50


def test_a_message_that_left_its_queue_waits_again(journal: Journal) -> None:
    journal.gateway_answered(report())
    answered(journal, 400)
    dead_lettered(journal)
    assert (hit(journal)["status"], hit(journal)["dead_letter"]) == ("rejected", True)

    journal.left_queue(event_id="m-1", body="another", destination="pinpoint")
    assert hit(journal)["status"] == "rejected"

    journal.left_queue(event_id="m-1", body="v=1", destination="pinpoint")
    assert (hit(journal)["status"], hit(journal)["dead_letter"]) == ("waiting", False)
    assert hit(journal)["deliveries"]["pinpoint"]["moved_back"] == 1
    assert counters(journal)["rejected"] == 0

    answered(journal)
    assert (hit(journal)["status"], counters(journal)["delivered"]) == ("delivered", 1)


def test_the_next_attempt_is_known_until_there_is_none(journal: Journal) -> None:
    journal.gateway_answered(report())
    answered(journal, 429)
    journal.next_attempts("pinpoint", {"m-1": 1_795_471_900_000, "unknown": 1})
    assert hit(journal)["deliveries"]["pinpoint"]["next_attempt"] == 1_795_471_900_000

    revision = journal.snapshot()["revision"]
    journal.next_attempts("pinpoint", {"m-1": 1_795_471_900_000})
    assert journal.snapshot()["revision"] == revision  # nobody is woken for nothing

    journal.next_attempts("pinpoint", {})
    assert hit(journal)["deliveries"]["pinpoint"]["next_attempt"] is None


def test_a_problem_is_over_once_a_batch_is_delivered_without_it(journal: Journal) -> None:
    def problems() -> list[dict[str, Any]]:
        [destination] = journal.snapshot()["destinations"]
        found: list[dict[str, Any]] = destination["problems"]
        return found

    for time in (1, 2):
        journal.batch_logged("pinpoint", time=time, problems=["denied"], delivered=False)
    journal.batch_logged("pinpoint", time=3, problems=["another"], delivered=False)
    assert [(each["words"], each["batches"], each["over_at"]) for each in problems()] == [
        ("another", 1, None),
        ("denied", 2, None),
    ]
    journal.batch_logged("pinpoint", time=4, problems=["another"], delivered=True)
    assert {each["words"]: each["over_at"] for each in problems()} == {"another": None, "denied": 4}
    journal.batch_logged("pinpoint", time=5, problems=["denied"], delivered=False)
    assert problems()[0] | {"words": "denied", "first": 5, "over_at": None} == problems()[0]
