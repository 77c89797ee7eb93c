"""The journal and the console: what is joined, counted, streamed and served."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import pytest
from starlette.routing import Mount, Route

from local.console.app import MintRequest, create_app, image_url, stream
from local.console.journal import Journal
from local.destinations.customer_profiles.server import ProfilesServer
from local.destinations.eventbridge import EventBridgeServer
from local.destinations.kinesis import KinesisServer
from local.destinations.pinpoint.server import PutEventsServer
from local.messages import decode_query
from local.stand_in.transport import ServerEndpoint
from local.stand_in.values import Answered, Behavior, Event, Exposition, Outcome
from tests.asgi import OWN_PAGE, send
from tests.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.applications import Starlette

ROOT = Path(__file__).parents[2]
ENDPOINT_URL = "http://127.0.0.1:4566/Api-PinpointEvents/events"
AUTHENTICATED_URL = f"{ENDPOINT_URL}/authenticated"
HOSTILE = "</script><b onclick=x>\n\ndata: {}"


def report(**changes: Any) -> dict[str, Any]:
    return {
        "time": 1_795_471_860_000,
        "method": "GET",
        "path": "/events",
        "query": "event=page_view&endpoint_id=ep-1&evat_plan=gold&gtmcb=1",
        "status": 200,
        "event_id": "m-1",
        "detail": "",
    } | changes


OUTCOMES = {
    202: Outcome.DELIVERED,
    429: Outcome.THROTTLED,
    500: Outcome.FAILED,
    0: Outcome.FAILED,
    400: Outcome.REFUSED,
}


def answered(
    journal: Journal,
    status: int = 202,
    *,
    event_id: str = "m-1",
    endpoint_id: str = "ep-1",
    message: str | None = None,
    dropped: bool = False,
    destination: str = "pinpoint",
) -> None:
    journal.destination_answered(
        destination,
        Answered(
            event(event_id, endpoint_id, "Event"),
            Outcome.DROPPED if dropped else OUTCOMES[status],
            str(status),
            message or f"answer {status}",
        ),
    )


def event(event_id: str, endpoint_id: str, title: str) -> Event:
    sent = {"EventType": "page_view"}
    return Event(event_id, endpoint_id, "page_view", sent, {}, (Exposition(title, sent),))


def dead_lettered(journal: Journal, **changes: Any) -> None:
    journal.dead_lettered(
        **{"event_id": "m-1", "reason": "REFUSED", "detail": "its words", "body": "v=1"} | changes
    )


def hit(journal: Journal) -> dict[str, Any]:
    [only] = journal.snapshot()["hits"]
    assert isinstance(only, dict)
    return only


def counters(journal: Journal) -> dict[str, Any]:
    found: dict[str, Any] = journal.snapshot()["counters"]
    return found


@pytest.fixture
def journal() -> Journal:
    return Journal(clock=lambda: 1_795_471_861)


# --- The journal -------------------------------------------------------------------------------


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
        ({"status": 401, "path": AUTHENTICATED}, "Unauthorized", "there is no token"),
        (
            {"status": 401, "path": AUTHENTICATED, "query": "event=e&endpoint_id=i&token=***"},
            "Unauthorized",
            "the token has expired, is of another key or audience, or is none",
        ),
        (
            {"status": 403, "path": AUTHENTICATED},
            "User is not authorized to access this resource",
            "the authorizer knows the sender and does not let it in",
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


# Several destinations ---------------------------------------------------------------------------

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


LISTED = "JKJaXmPLvHcESHA"


def test_the_events_of_a_list_are_one_hit(journal: Journal) -> None:
    journal.gateway_answered(report(method="POST", query="", event_id=LISTED))
    answered(journal, event_id=f"{LISTED}-0")
    answered(journal, event_id=f"{LISTED}-1", endpoint_id="ep-2")
    assert (hit(journal)["status"], hit(journal)["events"]) == ("delivered", 2)
    assert (hit(journal)["event"], hit(journal)["endpoint_id"]) == ("page_view", "ep-1")
    assert (counters(journal)["received"], counters(journal)["delivered"]) == (1, 1)

    answered(journal, 429, event_id=f"{LISTED}-2")
    assert hit(journal)["status"] == "retrying"
    answered(journal, 400, event_id=f"{LISTED}-2")
    assert (hit(journal)["status"], hit(journal)["reason"]) == ("rejected", "answer 400")
    details = journal.details(1)
    assert details is not None
    assert [
        (sent["event_id"][-2:], sent["status"])
        for sent in details["deliveries"]["pinpoint"]["sent"]
    ] == [
        ("-0", "delivered"),
        ("-1", "delivered"),
        ("-2", "rejected"),
    ]


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("content_type", "body", "asked"),
    [
        (
            f"{FORM};charset=UTF-8",
            "event=e&endpoint_id=i&usat_tag=a;b&usat_tag=c+d",
            [[("event", "e"), ("endpoint_id", "i"), ("usat_tag", "a;b"), ("usat_tag", "c d")]],
        ),
        (
            "application/json",
            '{"event": "e", "evmt_n": 1.5, "evat_b": true, "evat_no": null, "usat_t": ["a", "b"]}',
            [
                [
                    ("event", "e"),
                    ("evmt_n", "1.5"),
                    ("evat_b", "true"),
                    ("evat_no", ""),
                    ("usat_t", "a"),
                    ("usat_t", "b"),
                ]
            ],
        ),
        (
            "application/json",
            '{"events": [{"event": "first"}, {"event": "second"}]}',
            [[("event", "first")], [("event", "second")]],
        ),
        # An empty body: the query holds the event. Its token is masked.
        ("application/json", "", [[("token", "***")]]),
        ("text/plain", "{}", [[("token", "***")]]),
        ("text/plain;charset=UTF-8", '{"event": "e"}', [[("event", "e")]]),
        ("application/json", '{"events": 1}', []),
        ("application/json", "[]", []),
        ("application/json", '{"event": "cut o', []),
        ("text/plain", "x", []),
    ],
)
def test_what_was_posted_is_read(
    journal: Journal, content_type: str, body: str, asked: list[list[tuple[str, str]]]
) -> None:
    posted = {"method": "POST", "query": "token=***", "content_type": content_type, "body": body}
    journal.gateway_answered(report(**posted))
    details = journal.details(1)
    assert details is not None
    assert (details["asked"], details["body"]) == (asked, body)
    assert hit(journal)["event"] == (dict(asked[0]).get("event", "") if asked else "")
    assert hit(journal)["events"] == (len(asked) if len(asked) > 1 else 0)


def test_the_events_of_a_list_are_in_its_order(journal: Journal) -> None:
    for index in (10, 0, 2):
        answered(journal, event_id=f"{LISTED}-{index}")
    details = journal.details(1)
    assert details is not None
    assert [sent["index"] for sent in details["deliveries"]["pinpoint"]["sent"]] == [0, 2, 10]


def test_a_list_of_which_some_are_rejected_unsent_is_rejected(journal: Journal) -> None:
    answered(journal, event_id=f"{LISTED}-0")
    dead_lettered(journal, event_id=LISTED, reason="foreign_endpoint", detail="1 of 2 events")
    assert hit(journal)["status"] == "rejected"
    assert hit(journal)["reason"] == "foreign_endpoint: 1 of 2 events"


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


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("a=1&b=&=c&d", [("a", "1"), ("b", ""), ("", "c"), ("d", "")]),
        ("a=1;b=2", [("a", "1"), ("b", "2")]),
        ("a=x+y%20z%2541", [("a", "x y z%41")]),
        ("%F0%9F%98%80=%FF", [("😀", "\ufffd")]),
        ("", []),
    ],
)
def test_parameters_are_shown_decoded(query: str, parameters: list[tuple[str, str]]) -> None:
    assert decode_query(query) == parameters


def test_a_long_parameter_is_cut_in_the_list_only(journal: Journal) -> None:
    journal.gateway_answered(report(query=f"event=e&endpoint_id=i&evat_a={'x' * 500}"))
    assert len(hit(journal)["preview"][0][1]) < 100
    details = journal.details(1)
    assert details is not None
    assert details["parameters"][2] == ("evat_a", "x" * 500)


# --- The stream --------------------------------------------------------------------------------


async def next_state(messages: AsyncIterator[str]) -> tuple[str, dict[str, Any]]:
    async for message in messages:
        found = re.fullmatch(r"id: (\S+)\ndata: ([^\n\r]*)\n\n", message)
        if found:
            return found[1], json.loads(found[2])
    pytest.fail("the stream ended")


def test_the_stream_begins_with_everything_and_goes_on_with_changes(journal: Journal) -> None:
    journal.endpoint_ready(ENDPOINT_URL)
    journal.gateway_answered(report())
    server = PutEventsServer(observer=journal)
    create_app(journal, [server])

    async def read() -> None:
        messages = stream(journal, [server], stopping=threading.Event())
        _, first = await next_state(messages)
        assert first["reset"] is True
        assert first["authenticated"] is None
        assert (first["endpoint_url"], first["image_url"]) == (
            ENDPOINT_URL,
            f"{ENDPOINT_URL}?event={{{{Event}}}}&endpoint_id={{{{endpoint_id}}}}",
        )
        assert [each["status"] for each in first["hits"]] == ["waiting"]
        [pinpoint] = first["destinations"]
        assert (pinpoint["title"], pinpoint["operation"]) == ("Amazon Pinpoint", "PutEvents")
        assert pinpoint["behavior"] == Behavior().to_json()

        await asyncio.to_thread(answered, journal)
        _, second = await next_state(messages)
        assert second["reset"] is False
        assert [each["status"] for each in second["hits"]] == ["delivered"]

        server.behavior = Behavior(fail_next=3)
        _, third = await next_state(messages)
        assert third["hits"] == []
        assert third["destinations"][0]["behavior"]["fail_next"] == 3

        journal.endpoint_ready(ENDPOINT_URL, AUTHENTICATED_URL)
        _, fourth = await next_state(messages)
        assert fourth["authenticated"] == {
            "endpoint_url": AUTHENTICATED_URL,
            "image_url": f"{AUTHENTICATED_URL}?event={{{{Event}}}}&endpoint_id={{{{endpoint_id}}}}"
            "&token={{token}}",
        }

    asyncio.run(asyncio.wait_for(read(), HANG_SECONDS))


def test_a_page_that_reconnects_gets_only_what_it_lacks(journal: Journal) -> None:
    server = PutEventsServer()
    journal.gateway_answered(report())

    async def states(last_event_id: str) -> tuple[str, dict[str, Any]]:
        messages = stream(
            journal, [server], last_event_id=last_event_id, stopping=threading.Event()
        )
        return await next_state(messages)

    async def read() -> None:
        known, _ = await states("")
        journal.gateway_answered(report(event_id="m-2"))
        _, later = await states(known)
        assert (later["reset"], [each["number"] for each in later["hits"]]) == (False, [2])
        for foreign in ("another-1", "nonsense", f"{journal.session}-x", "-"):
            _, all_of_it = await states(foreign)
            assert (all_of_it["reset"], len(all_of_it["hits"])) == (True, 2)

    asyncio.run(asyncio.wait_for(read(), HANG_SECONDS))


def test_the_stream_ends_when_the_server_stops(journal: Journal) -> None:
    async def read() -> list[str]:
        stopping = threading.Event()
        messages = stream(journal, [PutEventsServer()], stopping=stopping)
        await next_state(messages)
        stopping.set()
        return [message async for message in messages]

    assert asyncio.run(asyncio.wait_for(read(), HANG_SECONDS)) == []


def test_nothing_sent_can_break_out_of_a_message(journal: Journal) -> None:
    sent = quote(HOSTILE)
    journal.gateway_answered(report(query=f"event={sent}&endpoint_id={sent}&{sent}={sent}"))
    answered(journal, 400, message=HOSTILE, endpoint_id="\ud800")

    async def read() -> dict[str, Any]:
        messages = stream(journal, [PutEventsServer()], stopping=threading.Event())
        return (await next_state(messages))[1]

    [shown] = asyncio.run(read())["hits"]
    assert (shown["event"], shown["preview"], shown["reason"]) == (
        HOSTILE,
        [[HOSTILE, HOSTILE]],
        HOSTILE,
    )


# --- The application ---------------------------------------------------------------------------


@pytest.fixture
def app(journal: Journal) -> Starlette:
    return create_app(journal, [PutEventsServer(observer=journal)], endpoint_url=ENDPOINT_URL)


def test_the_console_page_runs_nothing_but_its_own_scripts(app: Starlette) -> None:
    page = send(app, "GET", "/")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]


def test_a_hit_in_full_and_one_that_is_gone(app: Starlette, journal: Journal) -> None:
    journal.gateway_answered(report())
    answered(journal, 400, message="\ud800")
    details = send(app, "GET", "/api/hits/1")
    assert details.headers["content-type"] == "application/json"
    assert details.json()["deliveries"]["pinpoint"]["sent"][0]["attempts"][0]["message"] == "\ud800"
    assert send(app, "GET", "/api/hits/2").status_code == 404


@pytest.mark.parametrize("path", ["/demo", "/demo/", "/demo?x=1"])
def test_the_demo_page_gets_the_endpoint(app: Starlette, path: str) -> None:
    told = send(app, "GET", path).headers["location"]
    target = urlsplit(urljoin(path, told))
    assert target.path == "/demo/"
    # A key may stand before it.
    assert not told.startswith("/")
    assert parse_qs(target.query)["endpoint"] == [ENDPOINT_URL]


@pytest.mark.parametrize("path", ["/demo/", "/demo/index.html"])
def test_the_served_demo_page_leads_back_to_the_console(journal: Journal, path: str) -> None:
    servers = [KinesisServer(), PutEventsServer()]
    app = create_app(journal, servers, endpoint_url=ENDPOINT_URL)
    page = send(app, "GET", f"{path}?endpoint=x")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    [link] = re.findall(r'<a [^>]*href="([^"]*)">Console</a>', page.text)
    assert send(app, "GET", urljoin(path, link)).status_code == 200
    assert 'data-destinations="kinesis pinpoint"' in page.text


def test_the_demo_page_itself_has_no_link_to_a_console_that_is_not_there() -> None:
    text = (ROOT / "gtm" / "demo" / "index.html").read_text(encoding="utf-8")
    assert "<nav" not in text
    # Its own files, and places on the page.
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text)) == {
        "#form",
        "../shared/clipboard.js",
        "../shared/style.css",
        "container.js",
        "data:,",
        "demo.css",
        "demo.js",
        "faults.js",
        "warnings.js",
    }


def test_the_demo_page_is_served_with_its_files(app: Starlette) -> None:
    page = send(app, "GET", "/demo/?endpoint=http://elsewhere/events")
    assert page.status_code == 200
    names = re.findall(r'(?:src|href)="([\w./]+\.(?:js|css))"', page.text)
    assert len(names) == 7
    for name in names:
        assert send(app, "GET", urljoin("/demo/", name)).status_code == 200, name


def test_before_the_endpoint_is_known_the_demo_page_is_served_empty(journal: Journal) -> None:
    app = create_app(journal, [PutEventsServer()])
    assert send(app, "GET", "/demo").headers["location"] == "demo/"
    assert send(app, "GET", "/demo/").status_code == 200


def test_the_destination_is_part_of_the_application(app: Starlette, journal: Journal) -> None:
    event = {"EventType": "page_view", "Timestamp": "2026-11-23T22:11:00Z"}
    batch = {"BatchItem": {"ep-1": {"Endpoint": {}, "Events": {"m-1": event}}}}
    assert send(app, "POST", "/v1/apps/local/events", json=batch).status_code == 202
    assert hit(journal)["status"] == "delivered"


def test_destinations_of_one_protocol_share_an_address(journal: Journal) -> None:
    servers = [KinesisServer(observer=journal), EventBridgeServer(observer=journal)]
    app = create_app(journal, servers)
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    for server in servers:
        server.behavior = Behavior(fail_next=1)
        answer = send(app, "POST", "/", headers=headers | {"X-Amz-Target": server.header})
        assert (answer.status_code, answer.json()["__type"]) == server.failed
    unknown = send(app, "POST", "/", headers=headers | {"X-Amz-Target": "Kinesis_20131202.Get"})
    assert (unknown.status_code, unknown.json()["__type"]) == (404, "UnknownOperationException")
    assert send(app, "GET", "/").headers["content-type"].startswith("text/html")


def test_each_destination_is_told_on_its_own(journal: Journal) -> None:
    servers = [KinesisServer(), PutEventsServer()]
    app = create_app(journal, servers)
    half = {"json": {"fail_records_share": 0.5}, "headers": OWN_PAGE}
    told = send(app, "PUT", "/control/kinesis", **half)
    assert told.status_code == 200
    assert servers[0].behavior == Behavior(fail_records_share=0.5)
    assert servers[1].behavior == Behavior()
    refused = send(app, "PUT", "/control/pinpoint", **half)
    assert (refused.status_code, "has no meaning" in refused.text) == (400, True)
    assert send(app, "GET", "/control/firehose").status_code == 404


# --- Tokens ------------------------------------------------------------------------------------


def minting_into(minted: list[MintRequest]) -> Callable[[MintRequest], str]:
    """Return what mints a token, and keeps what it was asked for."""

    def mint(wanted: MintRequest) -> str:
        if wanted.subject == "refused":
            raise ValueError("subject must be another")
        minted.append(wanted)
        return "header.claims.signature"

    return mint


@pytest.fixture
def minted() -> list[MintRequest]:
    return []


@pytest.fixture
def minting(journal: Journal, minted: list[MintRequest]) -> Starlette:
    return create_app(
        journal,
        [PutEventsServer()],
        endpoint_url=ENDPOINT_URL,
        authenticated_endpoint_url=AUTHENTICATED_URL,
        mint=minting_into(minted),
    )


def test_a_token_is_minted_for_the_page(minting: Starlette, minted: list[MintRequest]) -> None:
    own = OWN_PAGE | {"Sec-Fetch-Site": "same-origin"}
    answer = send(minting, "POST", "/api/token", json={"subject": "u"}, headers=own)
    assert answer.json() == {"token": "header.claims.signature"}
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers
    wanted = {"subject": "u", "endpoint_id": "ep-1", "expired": True}
    assert send(minting, "POST", "/api/token", json=wanted, headers=OWN_PAGE).status_code == 200
    empty = {"subject": "u", "endpoint_id": ""}
    assert send(minting, "POST", "/api/token", json=empty, headers=OWN_PAGE).status_code == 200
    assert minted == [MintRequest("u"), MintRequest("u", "ep-1", expired=True), MintRequest("u")]


def changing(app: Starlette) -> list[tuple[str, str]]:
    """Return method and path of each route that does what a page says."""
    return [
        (method, route.path)
        for route in app.routes
        # What a destination serves is told apart by its signature.
        if isinstance(route, Route) and not isinstance(route.endpoint, ServerEndpoint)
        for method in (route.methods or set()) - {"GET", "HEAD"}
    ]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": None}, 403),
        ({"Origin": "http://127.0.0.1:8000"}, 403),
        ({"Origin": "https://127.0.0.1"}, 403),
        ({"Origin": "http://localhost"}, 403),
        ({"Origin": "https://shop.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": None}, 415),
    ],
)
def test_another_site_changes_nothing(
    journal: Journal, minted: list[MintRequest], headers: dict[str, str | None], status: int
) -> None:
    servers = [PutEventsServer(), KinesisServer(), ProfilesServer([])]
    app = create_app(
        journal, servers, authenticated_endpoint_url=AUTHENTICATED_URL, mint=minting_into(minted)
    )
    journal.endpoint_ready(ENDPOINT_URL, AUTHENTICATED_URL)
    sent = OWN_PAGE | {"Content-Type": "application/json"} | headers
    routes = changing(app)
    assert ("POST", "/api/token") in routes
    assert len(routes) == 2 + len(servers)
    for method, route in routes:
        path = route.replace("{number:int}", "1")
        document = {"subject": "u"} if path == "/api/token" else {"drop_next": 1}
        request = {
            "content": json.dumps(document).encode(),
            "headers": {name: value for name, value in sent.items() if value is not None},
        }
        answer = send(app, method, path, **request)
        assert (answer.status_code, len(answer.text) > 20) == (status, True), path
        assert "access-control-allow-origin" not in answer.headers
    assert minted == []
    assert [server.behavior for server in servers] == [Behavior()] * len(servers)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1:8765", "127.0.0.1.evil.example"]
)
def test_another_host_name_reads_nothing(minting: Starlette, host: str) -> None:
    paths = [route.path for route in minting.routes if isinstance(route, Route | Mount)]
    assert "/api/stream" in paths
    for path in [*paths, "/static/console.js", "/demo/index.html", "/nowhere"]:
        answer = send(minting, "GET", path or "/", headers={"Host": host})
        assert answer.status_code == 403, path
        assert host in answer.text
        assert "answers to 127.0.0.1, localhost, [::1] only" in answer.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Expecting value"),
        (b"[]", "must be a JSON object"),
        (b"{}", "subject must be text and not empty, got None"),
        (b'{"subject": ""}', "subject must be text and not empty, got ''"),
        (b'{"subject": 42}', "subject must be text and not empty, got 42"),
        (b'{"subject": "u", "endpoint_id": 1}', "endpoint_id must be text or null, got 1"),
        (b'{"subject": "u", "expired": "no"}', "expired must be true or false, got 'no'"),
        (b'{"subject": "u", "secret": "x"}', "unknown: secret"),
        (b'{"subject": "refused"}', "subject must be another"),
        (b"\xff", "decode"),
    ],
)
def test_a_token_that_cannot_be_minted(
    minting: Starlette, minted: list[MintRequest], body: bytes, words: str
) -> None:
    headers = OWN_PAGE | {"Content-Type": "application/json"}
    answer = send(minting, "POST", "/api/token", content=body, headers=headers)
    assert (answer.status_code, words in answer.text) == (400, True), answer.text
    assert minted == []


def test_without_an_authenticated_route_there_is_no_token(
    journal: Journal, app: Starlette, minting: Starlette
) -> None:
    journal.endpoint_ready(ENDPOINT_URL)
    for without in (app, minting):
        answer = send(without, "POST", "/api/token", json={"subject": "u"}, headers=OWN_PAGE)
        assert answer.status_code == 404
        assert "-c signed_token=true" in answer.text
    assert send(minting, "GET", "/api/token").status_code == 405


def test_the_image_url_is_the_one_for_gtm() -> None:
    assert image_url("https://x/events") == (
        "https://x/events?event={{Event}}&endpoint_id={{endpoint_id}}"
    )


PAGES = sorted(
    path
    for folder in (
        ROOT / "local" / "console" / "static",
        ROOT / "gtm" / "demo",
        ROOT / "gtm" / "shared",
    )
    for path in folder.iterdir()
    if path.suffix in {".html", ".css", ".js"}
)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_work_offline_and_write_text_only(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert sink not in text
    loaded = re.findall(r"""(?:src|href)="(https?:[^"]*)"|url\((?!['"]?data:)|@import""", text)
    assert not loaded
    # The one script from elsewhere is the GTM container that the user asks for by its ID.
    hosts = set(re.findall(r"""https?://([\w.-]+\.[a-z]+)""", text)) - {"www.w3.org"}
    assert hosts <= ({"www.googletagmanager.com"} if path.name == "container.js" else set())


# --- Rejected messages that go back, problems, and the search -----------------------------------


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


def test_the_search_reads_all_that_was_sent(journal: Journal) -> None:
    query = "event=page_view&endpoint_id=ep-1&" + "&".join(f"evat_a{at}=x" for at in range(9))
    journal.gateway_answered(report(event_id="m-1", query=f"{query}&evat_city=M%C3%9CNCHEN"))
    journal.gateway_answered(report(event_id="m-2", query="event=sign_up&endpoint_id=ep-2"))
    assert journal.search("münchen") == [1]
    assert journal.search("evat_a8") == [1]
    assert journal.search("EP-2") == [2]
    assert journal.search("Munich") == []
