"""Names and values arrive at the destination as the tag sent them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from tests.pipeline.conftest import delivered, event_of, logged_batches, wait_for

if TYPE_CHECKING:
    from local.pipeline.stack import Pipeline
    from tests.pipeline.conftest import Answer, Send

CASES = Path(__file__).parents[1] / "cases" / "queries.jsonl"

HOSTILE = {
    "quotes": """both ' and " and `""",
    "doubled quotes": """''""\"""",
    "backslashes": "\\ \\\\ \\n \\u0041 \\",
    "separators": "a=b&c=d;e?f#g",
    "plus and space": "1+1 = 2 +",
    "percent": "100% %41 %2541 %zz %",
    "escaped twice": "%2541%252B",
    "comma and blank": "Foo, Bar, ",
    "json": '{"a":[1,2],"b":{"c":null}} }]',
    "velocity references": "$x ${y} $!z $!{q} $input.body $util $context.stage",
    "velocity directives": "#set($a=1) #if(true)x#end #foreach($i in [1..9])x#end #end #stop ## #*",
    "velocity raw": "#[[ raw ]]# \\#set \\$x",
    "line breaks": "one\ntwo\r\nthree\rfour",
    "tab and controls": "\t\x01\x02\x1b\x1f\x7f",
    "unicode separators": "a\u2028b\u2029c\u0085d\ufeffe",
    "emoji": "😀👩‍👩‍👧🏳️‍🌈",
    "beyond the basic plane": "𝔘𐍈🜁",
    "cjk": "購入 完了 감사합니다",
    "right to left": "שלום مرحبا \u202eabc",
    "combining": "e\u0301 \u00e9 \u212b",
    "html": "<script>alert('x')</script>&amp;",
    "sql": "'; DROP TABLE users; --",
    "envelope": "x\nv=1&time=0&access=authenticated",
    "spaces": "  around  ",
    "punctuation": "!*'();:@&=+$,/?#[]-._~|^`<>{}",
    "almost null": "Null",
    "almost undefined": "undefined ",
    "zero": "0",
    "false": "false",
}


def test_hostile_values_and_names_survive(send: Send, pipeline: Pipeline) -> None:
    # As values, and, cut to the destination's 50 characters, as names.
    parameters = {f"evat_{name}": value for name, value in HOSTILE.items()}
    # quote() encodes as encodeURIComponent does, urlencode() as a form does.
    answers = [
        send(f"event=hostile&endpoint_id=component&{urlencode(parameters, quote_via=quote)}"),
        send(f"event=hostile&endpoint_id=form&{urlencode(parameters)}"),
    ]
    names = {f"evat_{value[:50]}": name for name, value in HOSTILE.items()}
    named = send(f"event=hostile&endpoint_id=names&{urlencode(names, quote_via=quote)}")

    for answer in answers:
        assert delivered(pipeline, answer).event["Attributes"] == HOSTILE
    assert delivered(pipeline, named).event["Attributes"] == {
        value[:50]: name for name, value in HOSTILE.items()
    }


def test_hostile_event_types_and_endpoints_survive(send: Send, pipeline: Pipeline) -> None:
    answers = {
        value: send(urlencode({"event": value, "endpoint_id": value}, quote_via=quote))
        for value in HOSTILE.values()
    }

    for value, answer in answers.items():
        event = delivered(pipeline, answer)
        assert (event.event["EventType"], event.endpoint_id) == (value, value)


QUERIES: dict[str, dict[str, str]] = {
    "evat_a=1+2%2B3": {"a": "1 2+3"},
    "evat_a=%2541": {"a": "%41"},
    "evat_a=x%26event%3Dy": {"a": "x&event=y"},
    "evat_a=1;evat_b=2": {"a": "1", "b": "2"},
    "evat_a=old&evat_a=new": {"a": "new"},
    "evat_a==&evat_b=a=b": {"a": "=", "b": "a=b"},
    "&&evat_a=1&&": {"a": "1"},
    "%65vat_a=%41": {"a": "A"},
    "evat_keySet=1&evat_get=2&evat_class=3": {"keySet": "1", "get": "2", "class": "3"},
    "keySet=1&get=2&header=3&querystring=4&evat_a=5": {"a": "5"},
    "evat_a=1#fragment": {"a": "1#fragment"},  # a browser would not send it
}
"""Query strings, and the attributes that they mean."""


def test_query_strings_are_read_as_api_gateway_reads_them(send: Send, pipeline: Pipeline) -> None:
    answers = {query: send(f"event=raw&endpoint_id=e1&{query}") for query in QUERIES}

    for query, answer in answers.items():
        assert (query, delivered(pipeline, answer).event["Attributes"]) == (query, QUERIES[query])


def test_a_long_value_is_cut_to_what_the_destination_takes(send: Send, pipeline: Pipeline) -> None:
    value = "".join(chr(0x4E00 + number) for number in range(500))  # 9 bytes each once encoded
    answer = send(urlencode({"event": "long", "endpoint_id": "e1", "evat_a": value * 2}))

    assert delivered(pipeline, answer).event["Attributes"] == {"a": value[:200]}


def test_the_event_carries_the_time_of_the_request(send: Send, pipeline: Pipeline) -> None:
    answer = send("event=timed&endpoint_id=e1&timestamp=2020-01-01T00:00:00Z")

    event = delivered(pipeline, answer).event
    timestamp = datetime.fromisoformat(event["Timestamp"]).timestamp() * 1000
    assert abs(timestamp - answer.time) < 1_000


def test_nothing_that_a_client_sends_reaches_the_envelope(send: Send, pipeline: Pipeline) -> None:
    answer = send(
        "event=e&endpoint_id=e1&Origin=q&origin=q&Referer=q&access=authenticated&time=0&v=2"
        "&a%0Av=9&id=mine&evat_a=%0Aaccess%3Dauthenticated",
        headers={"rEFERER": "https://shop.example/?a=b&access=authenticated", "X-Time": "0"},
    )

    envelope, query = wait_for("message in the queue", lambda: _body(pipeline, answer)).split("\n")
    assert parse_qsl(envelope, keep_blank_values=True, strict_parsing=True) == [
        ("v", "1"),
        ("time", dict(parse_qsl(envelope))["time"]),
        ("id", dict(parse_qsl(envelope))["id"]),
        ("access", "anonymous"),
        ("referer", "https://shop.example/?a=b&access=authenticated"),
    ]
    assert abs(int(dict(parse_qsl(envelope))["time"]) - answer.time) < 1_000
    assert ("access", "authenticated") in parse_qsl(query)


def _body(pipeline: Pipeline, answer: Answer) -> str | None:
    """Return the body of the request's message, which waits for its batch."""
    for message in pipeline.peek("QueueName"):
        if event_of(message) == answer.event_id:
            return str(message["Body"])
    return None


def test_every_example_request_becomes_the_event_it_must(send: Send, pipeline: Pipeline) -> None:
    cases = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    assert cases
    before = _ignored(pipeline)

    for wave in _waves(cases):
        answers = [send(case["query"]) for case in wave]
        for case, answer in zip(wave, answers, strict=True):
            event = delivered(pipeline, answer)
            assert {
                "query": case["query"],
                "event_type": event.event["EventType"],
                "endpoint_id": event.endpoint_id,
                "attributes": event.event.get("Attributes", {}),
                "metrics": event.event.get("Metrics", {}),
                "user_attributes": event.endpoint.get("User", {}).get("UserAttributes", {}),
                "ignored_parameters": case["ignored_parameters"],  # in the log, see below
            } == case
    assert _ignored(pipeline) - before == sum(case["ignored_parameters"] for case in cases)


def _ignored(pipeline: Pipeline) -> int:
    return sum(batch["ignored_parameters"] for batch in logged_batches(pipeline))


def _waves(cases: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Part the cases so that no endpoint comes twice: within a batch its user attributes merge."""
    waves: list[dict[str, dict[str, Any]]] = []
    for case in cases:
        for wave in waves:
            if case["endpoint_id"] not in wave:
                break
        else:
            waves.append(wave := {})
        wave[case["endpoint_id"]] = case
    return [list(wave.values()) for wave in waves]
