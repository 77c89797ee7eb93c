"""Requests that are not queued, and the answers to their senders."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import pytest

from cdk_gtm_connector import mapping
from cdk_gtm_connector.unset_values import UNSET_VALUES
from local.vtl import Rendered, Request, TemplateError, render
from local.vtl.java import call_method
from tests.unit.templates.request_templates import (
    CALLERS,
    CALLS,
    CONTENTS,
    REQUIRED,
    RULES,
    Caller,
    Service,
    Variant,
    assert_arrive,
    message_body,
    parsed,
    refused,
)
from tests.velocity import ReferenceRefusal
from tests.velocity.both import rendered, responses

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cdk_gtm_connector.mapping import Content
    from tests.velocity import ReferenceEngine


NUMBERS: Final = {"event": 1100, "endpoint_id": 1200}
NO_VALUES: Final = {
    **{word: place for place, word in enumerate(UNSET_VALUES, start=1)},
    **dict.fromkeys(
        (
            "",
            " ",
            "   ",
            "\t\r\n",
            "\u00a0",
            "\x1c\x1f\x85\u1680\u2000\u200a\u2028\u202f\u205f\u3000",
        ),
        0,
    ),
}
VALUES: Final = (
    *(
        "Null",
        "NULL",
        "undefined ",
        " undefined",
        "undefined.",
        "/undefined",
        "nan",
        "[object",
        "0",
    ),
    *("nullable", "false", "none", "None", "%", "%20", "+", " x ", "\u200b", "x" * 400, " " * 301),
)


def answers_of(service: Service, number: int) -> Sequence[str]:
    """Return the possible answers of ``service`` to a call that it refuses with ``number``."""
    if service == "sqs":
        message = (
            f"Value {number} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be "
            ">= 0 and <= 900."
        )
        return [
            json.dumps({"__type": "com.amazonaws.sqs#InvalidParameterValue", "message": message})
        ]
    name = f"refused-{number}-reason"
    return [
        json.dumps(
            {
                "Error": {"Code": "ParameterValueInvalid", "Message": message, "Type": "Sender"},
                # Parts of an id may look like the end of a number.
                "RequestId": "00000000-0000-5001-8002-010203040500",
            }
        )
        for message in (
            f"The message attribute '{name}' has an invalid message attribute type.",
            f"The type of message (user) attribute '{name}' is invalid.",
        )
    ]


def refusal(service: Service, *, rules: mapping.Rules = RULES, posts: bool = True) -> str:
    return mapping.refusal(
        call=CALLS[service],
        rules=rules,
        too_large='{"message": "too large"}' if posts else None,
        too_many='{"message": "too many"}' if posts else None,
        failed='{"message": "failed"}',
    )


def without(parameter: str, value: str | None = None) -> dict[str, str]:
    """Return the required parameters without one of them, or without its value."""
    others = {name: text for name, text in REQUIRED.items() if name != parameter}
    return others if value is None else {**others, parameter: value}


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("parameter", REQUIRED)
def test_no_value_for_what_is_required_is_refused(
    reference: ReferenceEngine,
    callers: Mapping[str, Caller],
    caller: str,
    service: Service,
    parameter: str,
) -> None:
    requests, numbers = {}, {}
    for content in CONTENTS:
        variant = Variant(content, callers[caller], honors_privacy=True, service=service)
        empty = variant.request({})
        sent = {None: NUMBERS[parameter]} | {
            value: NUMBERS[parameter] + place for value, place in NO_VALUES.items()
        }
        queries = [without(parameter, value) for value in sent]
        requests[content] = [replace(empty, querystring=query, body="") for query in queries]
        numbers[content] = list(sent.values())
        if content != "query":
            requests[content] += [replace(one, body="{}") for one in requests[content]]
            numbers[content] *= 2
        if content == "json":
            bodies = [json.dumps(event) for event in queries]
            bodies += [json.dumps({"events": [REQUIRED, event, REQUIRED]}) for event in queries]
            requests[content] += [
                replace(empty, querystring=REQUIRED, body=body) for body in bodies
            ]
            numbers[content] += 2 * list(sent.values())
        outputs = rendered(reference, requests[content], variant.template)
        assert [refused(output) for output in outputs] == numbers[content]


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ("null", 1200),
        ("[]", None),
        ("[{}]", None),
        ('"hello"', None),
        ("1", None),
        ("hello", None),
        ("{", None),
        ('{"events":[]}', 1000),
        ('{"events":[null]}', 1200),
        ('{"events":["e"]}', None),
        ('{"events":"e"}', None),
        ('{"events":{}}', 1000),
        ('{"event":"e","endpoint_id":"1","events":[{}]}', 1200),
        ('{"event":"e","endpoint_id":""}', 1200),
        ('{"event":"e","endpoint_id":null}', 1200),
        ('{"event":null,"endpoint_id":"1"}', 1100),
    ],
)
def test_requests_that_the_model_would_refuse_are_not_queued(
    reference: ReferenceEngine, callers: Mapping[str, Caller], body: str, number: int | None
) -> None:
    variant = Variant("json", callers["anonymous"], honors_privacy=False)
    sent = replace(variant.request({}), body=body)
    # In case API Gateway did not validate the body. The engine may also fail (500).

    def theirs(one: Request) -> str:
        return reference.render_many(variant.template, [one])[0].text

    numbers = set()
    for render_one in (partial(render, variant.template), theirs):
        try:
            numbers.add(refused(render_one(sent)))
        except (TemplateError, ReferenceRefusal):
            assert number is None
    assert number is None or numbers == {number}


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize(("caller", "most"), [("anonymous", 3), ("token", 5), ("iam", 5)])
def test_a_list_of_more_events_than_its_route_takes_is_not_queued(
    reference: ReferenceEngine,
    callers: Mapping[str, Caller],
    service: Service,
    caller: str,
    most: int,
) -> None:
    variant = Variant("json", callers[caller], honors_privacy=True, service=service)
    empty = variant.request({})
    fitting = [json.dumps({"events": [REQUIRED] * count}) for count in range(1, most + 1)]
    # #foreach stops after 1,000 items.
    larger = [
        json.dumps({"events": [event] * count})
        for count in (most + 1, 100, 999, 1_000, 1_001, 5_000)
        for event in (REQUIRED, without("event"))
    ]
    bodies = [replace(empty, body=body) for body in (*fitting, *larger)]
    outputs = rendered(reference, bodies, variant.template)
    for output, body in zip(outputs, fitting, strict=False):
        assert parsed(message_body(output).split("\n")[1]) == [("body", body)]
    assert {refused(output) for output in outputs[len(fitting) :]} == {8000}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("content", CONTENTS[1:])
@pytest.mark.parametrize("service", CALLS)
def test_a_body_that_is_too_long_is_made_a_call_that_is_refused(
    reference: ReferenceEngine,
    callers: Mapping[str, Caller],
    content: Content,
    caller: str,
    service: Service,
) -> None:
    variant = Variant(content, callers[caller], honors_privacy=True, service=service)
    # Java counts UTF-16 units. No character has more of these than encoded UTF-8 bytes.
    body = '{"event":"e","endpoint_id":"1"}'
    bodies = {
        f"{body}    ": False,
        f"{body}     ": True,
        body.replace('"e"', '"e😀\\n"'): False,
        body.replace('"e"', '"e😀\\n "'): True,
        "x" * 100: True,  # not JSON, but the template does not parse it
    }
    outputs = rendered(
        reference,
        [replace(variant.request({}), body=body) for body in bodies],
        variant.with_rules(replace(RULES, max_body_characters=len(body) + 4)),
    )
    for output, (posted, too_long) in zip(outputs, bodies.items(), strict=True):
        if too_long:
            assert refused(output) == 9000
        else:
            assert message_body(output).split("\n")[1] == urlencode({"body": posted})


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("posts", [False, True])
def test_a_refusal_names_the_parameter_and_the_word(
    reference: ReferenceEngine, service: Service, *, posts: bool
) -> None:
    for parameter, number in {**NUMBERS, "event or endpoint_id": 1000}.items():
        for word, place in {**NO_VALUES, "unset": 5}.items():
            problem = (
                f"is {word}, as a tag writes a variable without a value"
                if place
                else "is missing or blank"
            )
            for said in answers_of(service, number + place):
                [answered] = responses(
                    reference, [Request(body=said)], refusal(service, posts=posts)
                )
                assert answered.status == 400
                assert json.loads(answered.text) == {
                    "message": f"Not queued: {parameter} {problem}."
                }


@pytest.mark.parametrize(
    ("service", "said", "status", "words"),
    [
        ("sqs", answers_of("sqs", 9000)[0], 413, "too large"),
        (
            "sqs",
            '{"message":"Reason: Message must be shorter than 1048576 bytes."}',
            413,
            "too large",
        ),
        ("sqs", answers_of("sqs", 8000)[0], 400, "too many"),
        ("sns", answers_of("sns", 8000)[0], 400, "too many"),
        ("sns", answers_of("sns", 8000)[1], 400, "too many"),
        ("sqs", '{"message":"DelaySeconds is out of range."}', 400, "Not queued"),
        ("sqs", '{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"No"}', None, "failed"),
        ("sqs", "{}", None, "failed"),
        ("sns", answers_of("sns", 9000)[0], 413, "too large"),
        ("sns", answers_of("sns", 9000)[1], 413, "too large"),
        (
            "sns",
            '{"Error":{"Message":"Invalid parameter: Message Structure - JSON failed to parse"}}',
            400,
            "Not queued",
        ),
        ("sns", '{"Error":{"Message":"Invalid parameter: Message too long"}}', 413, "too large"),
        ("sns", '{"Error":{"Code":"AuthorizationError","Message":"not"}}', None, "failed"),
        ("sns", "{}", None, "failed"),
    ],
)
def test_what_the_service_says(
    reference: ReferenceEngine, service: Service, said: str, status: int | None, words: str
) -> None:
    [answered] = responses(reference, [Request(body=said)], refusal(service))
    assert answered.status == status
    assert words in json.loads(answered.text)["message"]


ODD_WORDS: Final = (
    *(
        "#N/A",
        "$x",
        "${x}",
        "$!x.y",
        "#end",
        "#if(true)",
        "##",
        "#*",
        '"',
        "'",
        "\\",
        "\\u0041",
        "}",
        "{",
    ),
    *(
        'a"b',
        "é",
        "😀",
        "購入",
        "a b",
        "+",
        "~*",
        "%20",
        "&",
        "x" * 100,
        "(not set)",
        "-",
        "</script>",
    ),
)


@pytest.mark.parametrize("service", CALLS)
def test_any_word_can_be_unset(
    reference: ReferenceEngine, callers: Mapping[str, Caller], service: Service
) -> None:
    rules = replace(RULES, unset_values=ODD_WORDS)
    for content in ("query", "json"):
        variant = Variant(content, callers["anonymous"], honors_privacy=False, service=service)
        sent = [variant.request({"endpoint_id": word}) for word in (*ODD_WORDS, "undefined")]
        *outputs, queued = rendered(reference, sent, variant.with_rules(rules))
        assert message_body(queued)
        for place, (output, word) in enumerate(zip(outputs, ODD_WORDS, strict=True), start=1):
            assert refused(output) == 1200 + place
            [answered] = responses(
                reference,
                [Request(body=answers_of(service, 1200 + place)[0])],
                refusal(service, rules=rules),
            )
            assert answered.status == 400
            assert f"endpoint_id is {word}, as" in json.loads(answered.text)["message"]


def test_no_word_need_be_unset(reference: ReferenceEngine, callers: Mapping[str, Caller]) -> None:
    rules = replace(RULES, unset_values=())
    variant = Variant("query", callers["anonymous"], honors_privacy=False)
    sent = [variant.request({"endpoint_id": value}) for value in NO_VALUES]
    outputs = rendered(reference, sent, variant.with_rules(rules))
    for output, place in zip(outputs, NO_VALUES.values(), strict=True):
        assert message_body(output) if place else refused(output) == 1200
    [answered] = responses(
        reference, [Request(body=answers_of("sqs", 1200)[0])], refusal("sqs", rules=rules)
    )
    assert json.loads(answered.text) == {"message": "Not queued: endpoint_id is missing or blank."}


METHODS: Final = (
    *("params", "keySet", "get", "toLowerCase", "length", "matches", "urlEncode", "path"),
)


def test_a_method_that_does_not_exist_queues_nothing(
    reference: ReferenceEngine, variant: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [
        variant.request({"token": "secret"}, headers)
        for headers in (
            {},
            {"Origin": "https://elsewhere.example", "Referer": "https://elsewhere.example/"},
            {"DNT": "1"},
            {"sec-gpc": "1"},
            {"DNT": "0"},
        )
    ]
    sent += [replace(one, querystring=REQUIRED, body="") for one in sent]
    sent += [replace(variant.request({"endpoint_id": "undefined"}), body="")]
    sent += [variant.posting("x" * 300_001)]
    usual = rendered(reference, sent, variant.template)
    missing = ""
    monkeypatch.setattr(
        "local.vtl.grammar.call_method",
        lambda owner, name, arguments: (
            None if name == missing else call_method(owner, name, arguments)
        ),
    )
    for missing in METHODS:
        theirs = reference.render_each(variant.template, sent, missing=[missing])
        for one, output, their in zip(sent, usual, theirs, strict=True):
            results = [] if isinstance(their, ReferenceRefusal) else [their.text]
            with suppress(TemplateError):
                results.append(render(variant.template, one))
            for result in results:  # none: 500
                assert result == output or refused(result), missing


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("method", ["json", "contains"])
def test_without_them_a_refusal_is_a_failure(
    reference: ReferenceEngine, service: Service, method: str
) -> None:
    said = answers_of(service, 1201)[0]
    [answered] = reference.render_many(refusal(service), [Request(body=said)], missing=[method])
    # The status stays that of the integration response, 502.
    assert answered == Rendered('{"message": "failed"}')


@pytest.mark.parametrize("content", CONTENTS)
def test_a_form_is_not_looked_into_and_values_are_kept(
    reference: ReferenceEngine, callers: Mapping[str, Caller], content: Content
) -> None:
    variant = Variant(content, callers["anonymous"], honors_privacy=False)
    sent = [{"event": value, "endpoint_id": value} for value in VALUES]
    sent += [{f"evat_{number}": value for number, value in enumerate(NO_VALUES)}]
    if content == "form":
        sent += [{"event": value, "endpoint_id": value} for value in NO_VALUES]
    assert_arrive(reference, variant, sent)
