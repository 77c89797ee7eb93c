"""What was sent, as the console's journal has it: parameters, bodies, lists of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.messages import decode_query
from tests.local.reports import LISTED, answered, counters, dead_lettered, hit, report

if TYPE_CHECKING:
    from local.console.journal import Journal

FORM = "application/x-www-form-urlencoded"


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


def test_the_search_reads_all_that_was_sent(journal: Journal) -> None:
    query = "event=page_view&endpoint_id=ep-1&" + "&".join(f"evat_a{at}=x" for at in range(9))
    journal.gateway_answered(report(event_id="m-1", query=f"{query}&evat_city=M%C3%9CNCHEN"))
    journal.gateway_answered(report(event_id="m-2", query="event=sign_up&endpoint_id=ep-2"))
    assert journal.search("münchen") == [1]
    assert journal.search("evat_a8") == [1]
    assert journal.search("EP-2") == [2]
    assert journal.search("Munich") == []
