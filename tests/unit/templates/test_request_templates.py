"""Messages of valid requests: data arrives as the tag sent it.

The local engine and Apache Velocity 1.7, on which API Gateway's is, render each template here.
Both must answer the same.

"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from cdk_gtm_connector.unset_values import UNSET_VALUES
from local.vtl import LOOP_LIMIT
from tests.unit.templates.hostile import FORGERIES, HOSTILE, HOSTILE_NAMES
from tests.unit.templates.request_templates import (
    CALLERS,
    CALLS,
    CONTENTS,
    REQUIRED,
    Caller,
    Variant,
    assert_arrive,
    assert_messages,
    message_body,
    parsed,
)
from tests.velocity import ReferenceRefusal
from tests.velocity.both import rendered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdk_gtm_connector.mapping import Content
    from tests.velocity import ReferenceEngine


CASES = Path(__file__).parents[2] / "cases" / "queries.jsonl"


def is_unset(value: str) -> bool:
    return not value.strip() or value in UNSET_VALUES


def decoded(query: str) -> dict[str, str]:
    """Decode a query string as API Gateway does: the last of repeated parameters counts."""
    return dict(parse_qsl(query, keep_blank_values=True))


@pytest.mark.parametrize("content", CONTENTS)
def test_shared_cases(
    reference: ReferenceEngine,
    callers: Mapping[str, Caller],
    content: Content,
) -> None:
    queries = [json.loads(line)["query"] for line in CASES.read_text("utf-8").splitlines()]
    assert len(queries) >= 400
    variant = Variant(content, callers["anonymous"], honors_privacy=True)
    assert_arrive(reference, variant, [decoded(query) for query in queries])


def test_hostile_values_and_names(reference: ReferenceEngine, variant: Variant) -> None:
    assert_arrive(
        reference,
        variant,
        [
            {},
            *({"evat_text": value} for value in HOSTILE),
            *({"event": value, "endpoint_id": value} for value in HOSTILE if not is_unset(value)),
            *({name: "value"} for name in (*HOSTILE, *HOSTILE_NAMES)),
            *({"event": "e", name: name} for name in (*HOSTILE, *HOSTILE_NAMES)),
            {f"evat_{number}": value for number, value in enumerate(HOSTILE)},
            dict.fromkeys((*HOSTILE, *HOSTILE_NAMES), "value"),
            dict(zip(HOSTILE, reversed(HOSTILE), strict=True)),
            {f"p{number}": f"{number}" for number in range(300)},
        ],
    )


def test_any_body_arrives_as_it_is(reference: ReferenceEngine, variant: Variant) -> None:
    bodies = (*HOSTILE[1:], *FORGERIES, "".join(map(chr, range(0x250))), "\ufeff{}", "a" * 10_000)
    sent = [variant.posting(body) for body in bodies]
    assert_messages(reference, variant, sent)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("honors_privacy", [False, True])
def test_a_topic_gets_the_same_bytes_as_a_queue(
    reference: ReferenceEngine,
    callers: Mapping[str, Caller],
    content: Content,
    caller: str,
    *,
    honors_privacy: bool,
) -> None:
    queue, topic = (Variant(content, callers[caller], honors_privacy, service) for service in CALLS)
    headers: tuple[dict[str, str], ...] = (
        {},
        {"Origin": "https://shop.example", "referer": "https://shop.example/a?b=c&d#e"},
        {"DNT": "1", "origin": "null"},
    )
    sent = [
        queue.request(parameters, each)
        for parameters in (
            {},
            dict(zip(HOSTILE, reversed(HOSTILE), strict=True)),
            dict(zip(HOSTILE_NAMES, FORGERIES, strict=False)),
        )
        for each in headers
    ]
    sent += [queue.posting(text) for text in (*HOSTILE[1:], *FORGERIES)]
    sent += [
        replace(one, querystring=REQUIRED, body=body) for one in sent[:2] for body in ("", "{}")
    ]
    queued, published = (rendered(reference, sent, variant.template) for variant in (queue, topic))
    assert [message_body(output) for output in published] == [
        json.loads(output)["MessageBody"] for output in queued
    ]


def test_parameters_beyond_the_loop_limit_are_left_out(
    reference: ReferenceEngine, callers: Mapping[str, Caller]
) -> None:
    variant = Variant("query", callers["anonymous"], honors_privacy=False)
    names = [f"p{number}" for number in range(LOOP_LIMIT + 100)]
    (observed,) = assert_messages(reference, variant, [variant.request(dict.fromkeys(names, ""))])
    assert observed.events == [
        [*REQUIRED.items(), *((name, "") for name in names[: LOOP_LIMIT - len(REQUIRED)])]
    ]


def test_nothing_is_rendered_before_or_after_the_call(
    reference: ReferenceEngine, variant: Variant
) -> None:
    # LocalStack's engine renders the line break that follows a directive.
    assert "\n" not in variant.template
    before, after = ("{", "}") if variant.service == "sqs" else ("Action=", "")
    sent = [variant.request({}, {"DNT": "1", "Origin": "o", "Referer": "r"}), variant.request({})]
    sent += [replace(variant.request({}), querystring={}, body="")]
    for output in rendered(reference, sent, variant.template):
        assert output.startswith(before)
        assert output.endswith(after)
        assert output == output.strip()


def test_the_reference_is_strict(reference: ReferenceEngine, variant: Variant) -> None:
    # Other engines read this as #end and text, and API Gateway refuses to deploy it.
    template = variant.template.replace("#end#end", "#endtext#end", 1)
    assert template != variant.template
    with pytest.raises(ReferenceRefusal, match="EOF"):
        reference.render_many(template, [variant.request({})])


@pytest.mark.parametrize(
    "body",
    [
        '{"event":"e","endpoint_id":4711}',
        '{"event":"e","endpoint_id":0}',
        '{"event":"e","endpoint_id":-1.50}',
        '{"event":"e","endpoint_id":1e400}',
        '{"event":"e","endpoint_id":123456789012345678901234567890}',
        '{"event":"e","endpoint_id":"1","evmt_a":1.10,"evat_b":12345678901234567890,"evat_c":1e-7}',
        ' {\n"endpoint_id" : "\\u0061" , "event":"\\ud83d" } ',
        '{"event":"undefined","event":"e","endpoint_id":"1"}',
        '{"event":"e","endpoint_id":"1","evat_o":{"event":"null"},"evat_l":["undefined"]}',
        '{"events":[{"event":"e","endpoint_id":1}],"event":"undefined"}',
    ],
)
def test_json_is_queued_as_it_is(
    reference: ReferenceEngine, callers: Mapping[str, Caller], body: str
) -> None:
    variant = Variant("json", callers["anonymous"], honors_privacy=False)
    [output] = rendered(reference, [replace(variant.request({}), body=body)], variant.template)
    assert parsed(message_body(output).split("\n")[1]) == [("body", body)]
