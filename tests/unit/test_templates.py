"""The mapping templates, in the local engine and in Apache Velocity 1.7, on which API Gateway's is.

Every rendering here is made by both engines and must be the same, overrides of the answer included.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qsl, urlencode

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cognito as cognito
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk_gtm_connector import mapping
from cdk_gtm_connector.authorizers import (
    CognitoAuthorizer,
    IamAuthorizer,
    SignedTokenAuthorizer,
)
from cdk_gtm_connector.cors import Cors
from cdk_gtm_connector.endpoint import MAX_BODY_CHARACTERS, REQUIRED_PARAMETERS, TOKEN_PARAMETER
from cdk_gtm_connector.unset_values import UNSET_VALUES
from gtm_events import message
from gtm_events.errors import MalformedMessage
from local.vtl import LOOP_LIMIT, Rendered, Request, TemplateError, render, render_response
from local.vtl.java import call_method
from tests.velocity import ReferenceRefusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cdk_gtm_connector.authorizers import Authorizer
    from cdk_gtm_connector.mapping import Content
    from gtm_events.urlencoded import Parameters
    from tests.velocity import ReferenceEngine

Service = Literal["sqs", "sns"]

CASES = Path(__file__).parents[1] / "cases" / "queries.jsonl"
QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/events"
TOPIC_ARN = "arn:aws:sns:eu-central-1:123456789012:events"
TIME = 1_764_000_000_123
REQUEST_ID = "JKJa/mP+vHcESHA="
OBSERVED = {"requestTimeEpoch": TIME, "extendedRequestId": REQUEST_ID}
REQUIRED = {"event": "sign up", "endpoint_id": "cust-7"}

HOSTILE = (
    "",
    " ",
    "  around  ",
    "\"double\" 'single' `back`",
    '\\ \\\\ \\" \\n \\u0041 \\',
    "a&b=c+d",
    "=",
    "100% %41 %2541 %zz %",
    "Foo, Bar, ",
    '{"a":[1,{"b":null}]}}',
    "#hash ## #* *# #end #{end} #else #stop #[[x]]# #macro(m)x#end",
    "$x ${y} $!z #set($a=1) #end",
    "$input.params('event') $util.urlEncode('x') $context.requestTimeEpoch",
    "#foreach($i in [1..9])$i#end #if(true)x#end",
    "one\ntwo\r\nthree\rfour",
    "\t\x01\x02\x0b\x0c\x1b\x1f\x7f",
    "\x85\u2028\u2029\ufeff\ufffd\uffff",
    "😀👩‍👩‍👧🏳️‍🌈 𝔘𐍈",
    "購入 完了 감사합니다",
    "שלום مرحبا \u202eabc",
    "e\u0301 \u00e9 ß İ \u0131",
    "</script><b onload='x'>&amp;",
    "!*'();:@&=+$,/?#[]-._~|^<>{}",
    "x\nv=1&time=0&access=authenticated",
    "x" * 2_000,
    "ж😀" * 1_000,
    "null",
    "undefined",
    "true",
    "0",
    # What airspeed-ext takes for a sign between its own functions.
    "__FORMAL_REFERENCE__REPLACE_TEXT__",
)
HOSTILE_NAMES = (
    *("keySet", "get", "entrySet", "values", "size", "isEmpty", "containsKey", "put", "remove"),
    *("class", "getClass", "toString", "hashCode", "length", "__class__", "__getitem__", "items"),
    *("header", "querystring", "path", "name", "params", "origin", "foreach", "input", "util"),
)
ENVELOPE_NAMES: Final = tuple(
    spelling
    for name in (
        *(
            "v",
            "time",
            "access",
            "subject",
            "endpoint",
            "bound",
            "origin",
            "referer",
            "privacy",
            "content",
        ),
        *("identity", "principalId", "authorizer", "claims", "context"),
    )
    for spelling in (name, name.title(), name.upper())
)
FORGED_ENVELOPE: Final = "v=1&time=0&access=authenticated&subject=alice&endpoint=victim"
FORGERIES: Final = (
    "authenticated",
    "alice",
    f"&{FORGED_ENVELOPE}",
    f"anonymous&{FORGED_ENVELOPE}&origin=https://shop.example",
    f"\n{FORGED_ENVELOPE}",
    f"\r\n{FORGED_ENVELOPE}\r\n",
    f"\\n{FORGED_ENVELOPE}",
    f"%0A{FORGED_ENVELOPE}",
    f"\u2028{FORGED_ENVELOPE}\u0085{FORGED_ENVELOPE}",
    f'x"}}{{"QueueUrl":"{QUEUE_URL}","MessageBody":"{FORGED_ENVELOPE}\\nevent=e',
    f'","MessageBody":"{FORGED_ENVELOPE}\\n',
    '#set($identity = "&subject=alice&endpoint=victim")#set($origin = "&origin=x")',
    "#end#end#end$identity$!context.authorizer.principalId",
    "https://shop.example",
    "1",
)


# What is sent, and what must arrive -------------------------------------------------------------

CALLS: Final[Mapping[Service, mapping.ServiceCall]] = {
    "sqs": mapping.send_message(QUEUE_URL),
    "sns": mapping.publish(TOPIC_ARN),
}


RULES: Final = mapping.Rules(
    required=REQUIRED_PARAMETERS,
    unset_values=UNSET_VALUES,
    token_parameter=TOKEN_PARAMETER,
    honor_privacy_signals=False,
    max_body_characters=MAX_BODY_CHARACTERS,
    max_events=mapping.MaxEvents(anonymous=3, authenticated=5),
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends, and what API Gateway's context then says."""

    authorizer: Authorizer | None
    context: Mapping[str, Any]
    subject: str = ""
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the request templates of an API."""

    content: Content
    caller: Caller
    honors_privacy: bool
    service: Service = "sqs"
    template: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "template", self.with_rules(RULES))

    def with_rules(self, rules: mapping.Rules) -> str:
        return mapping.message(
            call=CALLS[self.service],
            content=self.content,
            authorizer=self.caller.authorizer,
            rules=replace(rules, honor_privacy_signals=self.honors_privacy),
        )

    def request(
        self, parameters: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Request:
        """Make the request with which a tag sends ``parameters`` here, and what is required."""
        parameters = REQUIRED | dict(parameters)
        if self.content == "query":
            return request(parameters, headers, **self.caller.context)
        body = urlencode(parameters) if self.content == "form" else json.dumps(parameters)
        return replace(request({}, headers, **self.caller.context), body=body)

    def posting(self, text: str) -> Request:
        """Make the request that posts ``text``, in a JSON string if it has to be JSON."""
        sent = self.request({})
        if self.content == "query":
            return sent
        if self.content == "json":
            text = json.dumps({**REQUIRED, "evat_text": text}, ensure_ascii=False)
        return replace(sent, body=text)

    def kind(self, sent: Request) -> Content:
        """Say what is read of a request: an empty body is none."""
        return "query" if sent.body in {"", "{}"} else self.content

    def opted_out(self, sent: Request) -> bool:
        signals = {(name.lower(), value) for name, value in sent.headers.items()}
        return self.honors_privacy and bool(signals & {("sec-gpc", "1"), ("dnt", "1")})

    def envelope(self, sent: Request) -> list[tuple[str, str]]:
        """Say what line 1 must be: of the request nothing but the two headers."""
        observed = {name.lower(): value for name, value in sent.headers.items()}
        identity = [("access", "anonymous")]
        if self.caller.authorizer:
            identity = [
                ("access", "authenticated"),
                ("subject", self.caller.subject),
                ("endpoint", self.caller.endpoint),
                *([("bound", "1")] if self.caller.authorizer.endpoint_required else []),
            ]
        return [
            ("v", "1"),
            ("time", str(TIME)),
            ("id", REQUEST_ID),
            *identity,
            *((name, observed[name]) for name in ("origin", "referer") if name in observed),
            *([("privacy", "1")] if self.opted_out(sent) else []),
            *([] if self.kind(sent) == "query" else [("content", self.content)]),
        ]

    def sent(self, sent: Request) -> list[tuple[str, str]]:
        """Say what line 2 must be."""
        if self.opted_out(sent):
            return []
        if self.kind(sent) != "query":
            return [("body", sent.body)]
        parameters = list(sent.querystring.items())[:LOOP_LIMIT]
        return [(name, value) for name, value in parameters if name != TOKEN_PARAMETER]


CONTENTS: Final[tuple[Content, ...]] = ("query", "form", "json")
CALLERS: Final = ("anonymous", "token", "cognito", "iam")
VARIANTS: Final[Mapping[str, tuple[Content, str, bool, Service]]] = {
    **{
        f"{content}-{caller}{'-privacy' if privacy else ''}": (content, caller, privacy, "sqs")
        for content, caller, privacy in product(CONTENTS, CALLERS, (False, True))
    },
    # What differs is the call, which does not know the caller.
    **{f"{content}-token-sns": (content, "token", True, "sns") for content in CONTENTS},
}


@pytest.fixture(scope="module")
def callers() -> Mapping[str, Caller]:
    stack = cdk.Stack()
    pool = cognito.UserPool(stack, "Pool")
    return {
        "anonymous": Caller(None, {"identity": {"sourceIp": "192.0.2.1", "userArn": None}}),
        "token": Caller(
            SignedTokenAuthorizer(stack, "Token"),
            {"authorizer": {"principalId": "user 4&2", "endpoint_id": "e+1", "subject": "x"}},
            subject="user 4&2",
            endpoint="e+1",
        ),
        "cognito": Caller(
            CognitoAuthorizer(
                stack, "Cognito", user_pools=[pool], endpoint_claim="custom:endpoint_id"
            ),
            {"authorizer": {"claims": {"sub": "6f0e-1", "custom:endpoint_id": "é=1"}}},
            subject="6f0e-1",
            endpoint="é=1",
        ),
        "iam": Caller(
            IamAuthorizer(),
            {"identity": {"cognitoIdentityId": None, "userArn": "arn:aws:iam::1:user/a b"}},
            subject="arn:aws:iam::1:user/a b",
        ),
    }


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def variant(request: pytest.FixtureRequest, variants: Mapping[str, Variant]) -> Variant:
    return variants[request.param]


@pytest.fixture(scope="module")
def variants(callers: Mapping[str, Caller]) -> Mapping[str, Variant]:
    return {
        name: Variant(content, callers[caller], privacy, service)
        for name, (content, caller, privacy, service) in VARIANTS.items()
    }


def request(
    parameters: Mapping[str, str], headers: Mapping[str, str] | None = None, **context: Any
) -> Request:
    return Request(
        querystring=parameters,
        headers={"Host": "api.example", "Accept": "image/svg+xml,*/*"} | dict(headers or {}),
        context={**OBSERVED, "requestId": "forgeable", **context},
    )


def is_unset(value: str) -> bool:
    return not value.strip() or value in UNSET_VALUES


def decoded(query: str) -> dict[str, str]:
    """Decode a query string as API Gateway does: the last of repeated parameters counts."""
    return dict(parse_qsl(query, keep_blank_values=True))


def responses(
    reference: ReferenceEngine, requests: Sequence[Request], template: str
) -> list[Rendered]:
    ours = [render_response(template, one) for one in requests]
    assert ours == reference.render_many(template, requests)
    return ours


def rendered(reference: ReferenceEngine, requests: Sequence[Request], template: str) -> list[str]:
    answers = responses(reference, requests, template)
    assert answers == [Rendered(answer.text) for answer in answers]
    return [answer.text for answer in answers]


def message_body(output: str) -> str:
    """Check that a rendering is a call with a message of two lines, and give the lines."""
    assert output.isascii()
    if output.startswith("{"):
        call = json.loads(output)
        assert call == {"QueueUrl": QUEUE_URL, "MessageBody": call["MessageBody"]}
        body = call["MessageBody"]
        assert isinstance(body, str)
        assert body.isascii()
        return body
    *others, (name, published) = parse_qsl(output, keep_blank_values=True, strict_parsing=True)
    assert others == [("Action", "Publish"), ("Version", "2010-03-31"), ("TopicArn", TOPIC_ARN)]
    assert name == "Message"
    # Exactly as it was encoded: nothing that a lenient reader would overlook.
    assert output.endswith(f"&{urlencode({name: published}).replace('%2A', '*')}")
    return published


def refused(output: str) -> int:
    """Check that a rendering is a call that the service refuses, and give the number it repeats."""
    assert output.isascii()
    if output.startswith("{"):
        call = json.loads(output)
        assert call.keys() == {"QueueUrl", "MessageBody", "DelaySeconds"}
        lines, number = call["MessageBody"].split("\n"), call["DelaySeconds"]
        # SQS takes at most 900, and answers InvalidParameterValue (400) to more.
        assert number > 900
    else:
        call = dict(parse_qsl(output, keep_blank_values=True, strict_parsing=True))
        lines = call["Message"].split("\n")
        attribute = "MessageAttributes.entry.1."
        # SNS knows no such type; and it takes a JSON object only, which two lines are not.
        assert call[f"{attribute}Value.DataType"] == "Refused"
        assert call["MessageStructure"] == "json"
        number = int(call[f"{attribute}Name"].removeprefix("refused-").removesuffix("-reason"))
    # Nothing of what was sent.
    assert lines[1:] == [""]
    return int(number)


def parsed(line: str) -> list[tuple[str, str]]:
    return parse_qsl(line, keep_blank_values=True, strict_parsing=True) if line else []


def assert_messages(
    reference: ReferenceEngine, variant: Variant, requests: Sequence[Request]
) -> list[message.Request]:
    """Check that messages say what was sent and observed, and give what delivery reads in them."""
    results = []
    outputs = rendered(reference, requests, variant.template)
    for output, sent in zip(outputs, requests, strict=True):
        body = message_body(output)
        envelope, line_2 = body.split("\n")
        assert parsed(envelope) == variant.envelope(sent)
        assert parsed(line_2) == variant.sent(sent)

        # What was posted may be anything; what delivery makes of line 1 must not depend on it.
        observed = message.decode(f"{envelope}\n{urlencode({'body': '{}'})}")
        expected = dict(variant.envelope(sent))
        assert replace(observed, events=[]) == message.Request(
            time=TIME,
            id="JKJa_mP-vHcESHA",
            subject=variant.caller.subject,
            endpoint=variant.caller.endpoint,
            bound="bound" in expected or bool(variant.caller.endpoint),
            origin=expected.get("origin", ""),
            referer=expected.get("referer", ""),
            opted_out=variant.opted_out(sent),
            events=[],
        )
        results.append(replace(observed, events=decoded_events(body)))
    return results


def decoded_events(body: str) -> list[Parameters]:
    try:
        return [event for event in message.decode(body).events if isinstance(event, list)]
    except MalformedMessage:
        return []


def assert_arrive(
    reference: ReferenceEngine,
    variant: Variant,
    sent: Sequence[Mapping[str, str]],
    headers: Mapping[str, str] | None = None,
) -> None:
    """Check that the parameters that a tag sends are what delivery reads."""
    requests = [variant.request(parameters, headers) for parameters in sent]
    for observed, parameters in zip(
        assert_messages(reference, variant, requests), sent, strict=True
    ):
        assert observed.events == [list((REQUIRED | dict(parameters)).items())]


# Request templates ------------------------------------------------------------------------------


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
            {f"p{number}": f"{number}" for number in range(900)},
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
    # Java counts UTF-16 units, which no character has more of than bytes in UTF-8 once encoded.
    body = '{"event":"e","endpoint_id":"1"}'
    bodies = {
        f"{body}    ": False,
        f"{body}     ": True,
        body.replace('"e"', '"e😀\\n"'): False,
        body.replace('"e"', '"e😀\\n "'): True,
        "x" * 100: True,  # no JSON, and not even looked at
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


# Requests that are not queued --------------------------------------------------------------------

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
    """Return what ``service`` may say of a call that is refused with ``number``."""
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
    """Return what is required, but for one parameter or its value."""
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
def test_what_the_model_would_have_refused_is_not_queued_either(
    reference: ReferenceEngine, callers: Mapping[str, Caller], body: str, number: int | None
) -> None:
    variant = Variant("json", callers["anonymous"], honors_privacy=False)
    sent = replace(variant.request({}), body=body)
    # Should API Gateway not have held a body to the model. An engine may fail as well: 500.

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
    # 1,000 is as far as #foreach goes.
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


METHODS: Final = (
    *("params", "keySet", "get", "toLowerCase", "length", "matches", "urlEncode", "path"),
)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_does_not_exist_lets_nothing_in(
    reference: ReferenceEngine,
    variant: Variant,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
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
    monkeypatch.setattr(
        "local.vtl.grammar.call_method",
        lambda owner, name, arguments: (
            None if name == method else call_method(owner, name, arguments)
        ),
    )

    def theirs(one: Request) -> str:
        return reference.render_many(variant.template, [one], missing=[method])[0].text

    for one, output in zip(sent, usual, strict=True):
        for render_one in (partial(render, variant.template), theirs):
            try:
                result = render_one(one)
            except (TemplateError, ReferenceRefusal):
                continue  # 500
            assert result == output or refused(result)


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("method", ["json", "contains"])
def test_without_them_a_refusal_is_a_failure(
    reference: ReferenceEngine, service: Service, method: str
) -> None:
    said = answers_of(service, 1201)[0]
    [answered] = reference.render_many(refusal(service), [Request(body=said)], missing=[method])
    # So it is the integration response's own status, 502.
    assert answered == Rendered('{"message": "failed"}')


@pytest.mark.parametrize("method", ["params", "keySet", "toLowerCase", "get", "length", "matches"])
def test_without_them_no_origin_is_allowed(reference: ReferenceEngine, method: str) -> None:
    sent = request({}, {"Origin": "https://shop.example"})
    assert reference.render_many(CORS.answer(IMAGE), [sent], missing=[method]) == [Rendered(IMAGE)]


# What line 1 says ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["origin", "Origin", "ORIGIN", "oRiGiN"])
@pytest.mark.parametrize("other", ["referer", "Referer", "REFERER"])
def test_headers_in_any_case(
    reference: ReferenceEngine, callers: Mapping[str, Caller], name: str, other: str
) -> None:
    variant = Variant("query", callers["anonymous"], honors_privacy=False)
    sent = REQUIRED
    assert_messages(
        reference,
        variant,
        [
            request(sent, {name: "https://shop.example", other: "https://shop.example/a?b=c&d#e"}),
            request(sent, {other: "https://shop.example/"}),
            request(sent, {name: "null"}),
            *(request(sent, {name: value, other: value}) for value in HOSTILE),
        ],
    )


def test_header_names_that_look_like_java(reference: ReferenceEngine, variant: Variant) -> None:
    headers = dict.fromkeys(HOSTILE_NAMES[1:9], "x")
    assert_messages(reference, variant, [variant.request({"event": "e"}, headers)])


PRIVACY_HEADERS: Final = (
    ({"Sec-GPC": "1"}, True),
    ({"sec-gpc": "1"}, True),
    ({"DNT": "1"}, True),
    ({"dnt": "1", "Sec-GPC": "0"}, True),
    ({"DNT": "0", "sec-gpc": "1"}, True),
    ({"Dnt": "1", "Origin": "https://shop.example", "Referer": "r"}, True),
    ({"DNT": "0"}, False),
    ({"DNT": "null"}, False),
    ({"DNT": "11"}, False),
    ({"DNT": ""}, False),
    ({"Sec-GPC": "?1"}, False),
    ({"X-DNT": "1", "gpc": "1"}, False),
)


def test_privacy_signals(reference: ReferenceEngine, variant: Variant) -> None:
    sent = [variant.request({"event": "secret"}, headers) for headers, _ in PRIVACY_HEADERS]
    outputs = rendered(reference, sent, variant.template)
    for output, observed, (_, is_signal) in zip(
        outputs, assert_messages(reference, variant, sent), PRIVACY_HEADERS, strict=True
    ):
        assert observed.opted_out == (is_signal and variant.honors_privacy)
        assert message_body(output).endswith("\n") == observed.opted_out
        assert ("secret" in output) == (not observed.opted_out)


def test_parameters_do_not_signal(reference: ReferenceEngine, variant: Variant) -> None:
    assert_arrive(reference, variant, [{"Sec-GPC": "1", "DNT": "1", "dnt": "1", "privacy": "1"}])


@pytest.mark.parametrize("caller", CALLERS)
def test_the_token_is_never_queued(
    reference: ReferenceEngine, callers: Mapping[str, Caller], caller: str
) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.e30.c2VjcmV0"  # noqa: S105 - signed with nothing
    others = {"Token": "1", "tokens": "2", "token ": "3", **REQUIRED}
    for content in CONTENTS:
        variant = Variant(content, callers[caller], honors_privacy=False)
        sent = [
            replace(variant.request(others), querystring=querystring)
            for querystring in (
                {"token": token, **others},
                {**others, "token": token},
                {"event": "e", "token": token, "tokens": "2", "endpoint_id": "1"},
                {"event": "e", "endpoint_id": "1", "token": token},
            )
        ]
        assert_messages(reference, variant, sent)
        assert not [
            output
            for output in rendered(reference, sent, variant.template)
            if "token=" in output or token[:8] in output
        ]


# Who is behind a request ------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://a.example", "Referer": "b"}])
def test_parameters_cannot_reach_the_envelope(
    reference: ReferenceEngine, variant: Variant, headers: Mapping[str, str]
) -> None:
    forged = [dict.fromkeys(ENVELOPE_NAMES, value) for value in ("", *FORGERIES)]
    requests = [variant.request(sent, headers) for sent in ({"event": "e"}, *forged)]
    requests += [replace(requests[0], querystring=REQUIRED | sent, path=sent) for sent in forged]
    outputs = rendered(reference, requests, variant.template)
    assert len({message_body(output).split("\n")[0] for output in outputs}) == 1


names = st.one_of(st.sampled_from((*HOSTILE[:24], *HOSTILE_NAMES, *ENVELOPE_NAMES)), st.text())
values = st.one_of(st.sampled_from((*HOSTILE, *FORGERIES)), st.text())
header_names = st.one_of(
    st.sampled_from(["Origin", "origin", "ORIGIN", "Referer", "referer", "DNT", "sec-gpc"]),
    st.sampled_from((*HOSTILE_NAMES, *ENVELOPE_NAMES, "Authorization", "X-Amzn-RequestId")),
    st.from_regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", fullmatch=True),
)
parts = st.dictionaries(names, values, max_size=6)


@settings(max_examples=60)
@given(
    querystring=parts,
    headers=st.dictionaries(header_names, values, max_size=5),
    path=parts,
    body=st.one_of(values, parts.map(json.dumps), parts.map(urlencode)),
    event=parts,
    request_id=values,
)
def test_nobody_can_forge_line_1(
    *,
    reference: ReferenceEngine,
    variants: Mapping[str, Variant],
    querystring: dict[str, str],
    headers: dict[str, str],
    path: dict[str, str],
    body: str,
    event: dict[str, str],
    request_id: str,
) -> None:
    # Origin and Referer are what the client says they are; all else is the endpoint's word.
    querystring |= REQUIRED
    for variant in variants.values():
        context = {**OBSERVED, "requestId": request_id, **variant.caller.context}
        posted = json.dumps(event | REQUIRED) if variant.content == "json" else body
        sent = Request(querystring, headers, path, posted, context)
        assert_messages(reference, variant, [sent])


@pytest.mark.parametrize("content", CONTENTS)
def test_any_verified_identity_arrives(
    reference: ReferenceEngine,
    callers: Mapping[str, Caller],
    content: Content,
) -> None:
    for verified in (*HOSTILE[1:], *FORGERIES):
        claims = {"sub": verified, "custom:endpoint_id": verified}
        for caller in (
            replace(
                callers["token"],
                context={"authorizer": {"principalId": verified, "endpoint_id": verified}},
                subject=verified,
                endpoint=verified,
            ),
            replace(
                callers["cognito"],
                context={"authorizer": {"claims": claims}},
                subject=verified,
                endpoint=verified,
            ),
            replace(
                callers["iam"],
                context={"identity": {"cognitoIdentityId": verified, "userArn": "arn"}},
                subject=verified,
            ),
        ):
            variant = Variant(content, caller, honors_privacy=False)
            assert_messages(reference, variant, [variant.request({"event": "e"})])


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("token", {"authorizer": {"principalId": "p"}}),
        ("token", {"authorizer": {"principalId": "p", "endpoint_id": None}}),
        ("token", {"authorizer": {"principalId": "p", "endpoint_id": "", "claims": {"a": "b"}}}),
        ("cognito", {"authorizer": {"claims": {"sub": "p"}}}),
        ("cognito", {"authorizer": {"claims": {"sub": "p", "custom:endpoint_id": None}}}),
        ("iam", {"identity": {"userArn": "p"}}),
        ("iam", {"identity": {"userArn": "p", "cognitoIdentityId": ""}}),
        ("iam", {"identity": {"userArn": "x", "cognitoIdentityId": "p"}}),
    ],
)
def test_without_a_claim_no_endpoint_is_named(
    reference: ReferenceEngine,
    callers: Mapping[str, Caller],
    name: str,
    context: Mapping[str, Any],
) -> None:
    caller = replace(callers[name], context=context, subject="p", endpoint="")
    variant = Variant("query", caller, honors_privacy=False)
    assert_messages(reference, variant, [variant.request({"event": "e", "endpoint": "mine"})])


@pytest.mark.parametrize("name", ["token", "cognito", "iam"])
@pytest.mark.parametrize(
    "context",
    [
        {},
        {"authorizer": None, "identity": None},
        {"authorizer": {}, "identity": {}},
        {"authorizer": {"claims": None, "principalId": None}, "identity": {"userArn": None}},
        {"authorizer": {"claims": {"sub": ""}, "principalId": ""}, "identity": {"userArn": ""}},
    ],
)
def test_without_a_subject_delivery_refuses(
    reference: ReferenceEngine,
    callers: Mapping[str, Caller],
    name: str,
    context: Mapping[str, Any],
) -> None:
    sent = request({**REQUIRED, "subject": "alice", "principalId": "alice"}, **context)
    template = Variant("query", callers[name], honors_privacy=False).template
    (output,) = rendered(reference, [sent], template)
    with pytest.raises(MalformedMessage, match="names no subject"):
        message.decode(message_body(output))


# Response templates -----------------------------------------------------------------------------

IMAGE = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
CORS: Final = Cors(
    [
        *("https://shop.example", "https://*.shop.example", "http://localhost:8080"),
        *("capacitor://localhost", "com.shop.app://localhost"),
    ],
    allow_http_origins=True,
)
ALLOWED: Final = (
    "https://shop.example",
    "https://www.shop.example",
    "https://a-1.b.c.shop.example",
    "http://localhost:8080",
    "capacitor://localhost",
    "com.shop.app://localhost",
)
FOREIGN: Final = (
    "https://evil.example",
    "https://shop.example.evil.example",
    "https://xshop.example",
    "https://shopxexample",
    "https://www.shopxexample",
    "https://.shop.example",
    "https://a..shop.example",
    "https://a_b.shop.example",
    "https://evil.example/.shop.example",
    "https://evil.example?.shop.example",
    "https://evil.example#.shop.example",
    "https://evil.example\\.shop.example",
    "https://user@shop.example",
    "http://shop.example",
    "https://shop.example:443",
    "https://shop.example/",
    "https://shop.example.",
    "http://localhost",
    "http://localhost:80801",
    "http://x.localhost:8080",
    "shop.example",
    "capacitor://shop.example",
    "ionic://localhost",
    "comxshop.app://localhost",
    "null",
    "",
    "*",
    "HTTPS://SHOP.EXAMPLE",
    "https://Shop.example",
    "https://\u017fhop.example",
    "https://www.shop.example\n",
    "https://shop.example\n",
    "https://shop.example\r\nSet-Cookie: a=b",
    "\nhttps://shop.example",
    " https://shop.example",
    "https://shop.example,https://evil.example",
    "https://evil.example https://shop.example",
    "https://shop.example\0",
    *HOSTILE,
    *FORGERIES[:3],
)


def answer(*, origin: str | None = None) -> dict[str, str]:
    if origin is None:
        return {}
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}


@pytest.mark.parametrize("body", [IMAGE, "", '{"message": "not queued"}'])
@pytest.mark.parametrize("name", ["Origin", "origin", "ORIGIN"])
def test_origins_of_the_list_are_echoed(reference: ReferenceEngine, name: str, body: str) -> None:
    sent = [request({"event": "e"}, {name: origin}) for origin in ALLOWED]
    assert responses(reference, sent, CORS.answer(body)) == [
        Rendered(body, headers=answer(origin=origin)) for origin in ALLOWED
    ]


def test_other_origins_are_not_echoed(reference: ReferenceEngine) -> None:
    forged = dict.fromkeys(("Origin", "origin"), ALLOWED[0])
    sent = [
        request({}),
        request(forged, {"X-Origin": ALLOWED[0], "Referer": ALLOWED[0]}),
        *(request(forged, {"origin": origin}) for origin in FOREIGN),
        *(request({}, {"origin": f"https://{'a.' * n}.shop.example"}) for n in range(1, 5)),
    ]
    assert set(map(repr, responses(reference, sent, CORS.answer(IMAGE)))) == {repr(Rendered(IMAGE))}


def test_without_a_list_nothing_is_decided(reference: ReferenceEngine) -> None:
    sent = [request({}, {"Origin": "https://evil.example"})]
    assert responses(reference, sent, Cors(None).answer(IMAGE)) == [Rendered(IMAGE)]


def test_long_origins(reference: ReferenceEngine) -> None:
    # Without the template's limit, Java's own limit would answer 500 to the first of these.
    too_long = (f"https://{'a.' * 5_000}shop.example", f"https://{'a' * 10_000}.shop.example")
    longest = f"https://{'a.' * 115}abcdefghij.shop.example"
    assert len(longest) == len("https://") + 253
    sent = [request({}, {"Origin": origin}) for origin in (*too_long, longest)]
    assert responses(reference, sent, CORS.answer(IMAGE)) == [
        Rendered(IMAGE),
        Rendered(IMAGE),
        Rendered(IMAGE, headers=answer(origin=longest)),
    ]


def is_allowed(origin: str) -> bool:
    labels = origin.removeprefix("https://").split(".")
    return origin in ALLOWED[3:] or (
        origin.startswith("https://")
        and labels[-2:] == ["shop", "example"]
        and all(
            label and set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for label in labels
        )
    )


origins = st.one_of(
    st.sampled_from((*ALLOWED, *FOREIGN)),
    st.lists(
        st.sampled_from(
            (
                *("https://", "http://", "shop", "example", "a-1", ".", ".", ".shop.example"),
                *("localhost:8080", "evil", "/", "@", ":", "#", "?", "\n", "\r", "A", "é", "*"),
            )
        ),
        max_size=8,
    ).map("".join),
    st.builds("https://{}.shop.example".format, st.text(max_size=5)),
)


@settings(max_examples=200)
@given(origins)
def test_any_origin(reference: ReferenceEngine, origin: str) -> None:
    (response,) = responses(reference, [request({}, {"origin": origin})], CORS.answer(IMAGE))
    assert response == Rendered(
        IMAGE, headers=answer(origin=origin if is_allowed(origin) else None)
    )


# The engines ------------------------------------------------------------------------------------

SUBJECT = replace(
    request(
        {"a": "1", "b": "x y", "size": "S", "empty": ""},
        {"Origin": "https://o.example"},
        fraction=1.5,
        authorizer={"principalId": "p q", "claims": {"sub": "s", "custom:endpoint_id": "e 1"}},
        identity={"userArn": None, "cognitoIdentityId": ""},
    ),
    path={"id": "7", "a": "from the path"},
    body='{"a":[1,2,{"b":null}],"s":"q\\"é😀","t":true}',
)

ALIKE = (
    # References without a value
    "[$nope] [$!nope] [${nope.x.y()}] [$context.nope.x] [$input.params('nope')]",
    # What surrounds directives
    "#foreach($i in [1..3])\n$i\n#end\nx",
    "#if(true)\na\n#else\nb\n#end\nc",
    "#if(false)\na\n#elseif(true)  \nb\n#else \nc\n#end \nd",
    "  #if(true)  \n a\n  #end  \nb  #if(true)  c  #end  d",
    "a #set($x = 1) b\n  #set($x = 2)\n c #if(true)  #set($x=3)  \n  #end d",
    "a\\ #set($x = 1)b",
    " #set($x=1) \n #set($y=2) \n b#*c*#\n",
    "## comment with $x #end\na ## another\nb#* and\n#set($x=1) *#c\n",
    # Scope
    "#foreach($i in [1,2])#set($last = $i)#end$last$i$foreach$velocityCount",
    "#set($i = 'kept')#foreach($i in [1,2])#set($i = 3)$i#end$i",
    "#foreach($i in ['a','b'])#foreach($j in [1,2])$i$j$foreach.index #end${foreach.count}#end",
    "#foreach($i in [1,2])$foreach.index $foreach.count $foreach.first $foreach.last #end",
    "#foreach($i in [1,2])$velocityCount $velocityHasNext#end",
    "#set($x = 1)#set($x = $nope)$x",
    '#set($x = \'a\')#set($y = "$x ${x}b ""$x"" #if(true)c#end\n")$y',
    "#set($x = '$context.requestTimeEpoch')$x",
    # Maps, by their names and by Java's
    "#foreach($value in $input.params().querystring)$value,#end",
    "#foreach($name in $input.params().querystring.keySet())$name=$foreach.hasNext,#end",
    "#foreach($e in $input.params().querystring.entrySet())$e.key=$e.value=$e.getValue()#end",
    "#set($q = $input.params().querystring)$q.a $q.size $q.size() $q.empty $q.isEmpty() $q.nope",
    "#set($q = $input.params().querystring)$q.get('b') $q.containsKey('b') $q.containsKey('c')",
    "$input.params().get('header').get('Origin') $input.params('a') $input.params('Origin')",
    "#set($p = $input.params())$p.path $p.querystring.keySet() $p.querystring.values() $p.size()",
    "#set($l = [1, 'a', $nope, [true]])$l $l.size() $l.get(1) $l.contains('a') $l.isEmpty()",
    "#set($l = [3..1])$l, #set($l = [])$l, #set($m = {})$m",
    "#set($m = {'z': 1, \"y\": {'x': [2]}})$m $m.y.x $m.z",
    # Strings
    "#set($s = 'Añ😀bc')$s.length() $s.substring(4) $s.substring(0, 2) $s.indexOf('b')",
    "#set($s = ' aB ')$s.toLowerCase()$s.toUpperCase()$s.trim()$s.isEmpty()$s.equals(' aB ')",
    "#set($s = 'abc')$s.startsWith('ab')$s.endsWith('x')$s.contains('b')$s.equalsIgnoreCase('ABC')",
    "#set($s = 'abc')$s.indexOf('x') $s.equals($nope) $s.toString()",
    "#set($s = 'https://a.b')$s.matches('https?://[a-z0-9-]+([.][a-z0-9-]+)*|x') $s.matches('a')",
    # What an authorizer says, or does not
    '#set($s = "$!context.authorizer.principalId|$context.authorizer.claims.sub")$s',
    "#set($s = \"$!context.authorizer.claims.get('custom:endpoint_id')|\")$s",
    "#set($s = \"$!context.authorizer.claims.get('custom:x')\")[$s]#if($s == '')empty#end",
    "#set($s = \"$!context.nope.claims.get('a')$!context.nope.a.b\")[$s]$s.isEmpty()",
    '#set($s = "$!{context.identity.userArn}$!context.identity.userArn.x")[$s]$s.isEmpty()',
    '#set($s = "$!context.identity.cognitoIdentityId")[$s]#if($s == "")empty#end',
    # Conditions and sums
    "#if($nope)1#elseif(!$context.requestId)2#elseif($context.requestId)3#else#{end}",
    "#set($s = '')#if($s)set#end#if($s == '')empty#end",
    "#if($nope == '')no#end#if($nope == $nip)yes#end",
    "#if($nope && $nope.size() > 1)1#{else}2#end#if(true || $nope.size() > 1)3#end",
    "#if(1 == '1' && true == 'true' && 'a' != 'b')1#end#if('a' eq 'a' and not (1 gt 2))2#end",
    "#set($x = 1 + 2 * 3 - 4)$x, #set($x = (1 + 2) * 3)$x",
    "#set($x = -7 / 2)$x, #set($x = -7 % 3)$x",
    "#set($x = 'a' + 1)$x, #set($x = 1 + 'a')$x, #set($x = 2147483647 + 1)$x",
    "#set($x = 1 < 2 == true)$x, #set($x = false && false || true)$x",
    # $input and $util
    "$input.path('$.a[1]') $input.path('$.s') $input.path('$').t",
    "$input.json('$') $input.json('$.a') $input.json('$.s') $input.body",
    "$input.path('$.a').size() $input.path('$.x.y') $input.path('$.a[7]') $input.path('$.a[2].b')",
    "$util.urlEncode(\"a b*~-._+/é😀'$nope\") $util.urlDecode('a+b%20%C3%A9')",
    "$util.escapeJavaScript($input.body) $util.parseJson($input.body).t",
    "$util.base64Encode($input.body) $util.base64Decode('w6k=')",
    # Text
    "$context.fraction $util.parseJson('[0.5,-1.5e-9,1e21,100.0,12345678.9,0.001,1e400]')",
    '{"a":"$context.requestId","b":[$context.requestTimeEpoch,{"c":"\\n"}]}\n',
    "$context.requestId._x $context.nope._x $context.requestId.5",
    "$context.requestId.$context.requestId:${context.requestId}x ${context.requestId}[0]",
)
BOTH_REFUSE = (
    "#if(true)a#endtext",
    "#if(true)a",
    "#foreach($i in [1..3])a",
    "a#end",
    "#set($x = null)",
    "#set($x = 7-2)",
    "#set($x = $)",
    "${nope",
    "$util.urlEncode($nope)",
    "$util.urlDecode('%zz')",
    "$util.parseJson('{')",
    "#set($s = 'a')$s.substring(2)",
    "#set($s = 'a')$s.startsWith($nope)",
    '#set($s = "a #end")',
    "a#",
    "$context.requestId[",
    "$input.params().size()true",
    "#set($s = 'a')$s.matches('[')",
    "#set($s = 'a')$s.matches('*a')",
    "#set($s = 'a')$s.matches($nope)",
    "#set($context.responseOverride.header.1 = 'x')",
    "#set($context.responseOverride.header.é = 'x')",
    "#set($context.responseOverride.header. = 'x')",
    "#set($context.responseOverride.status 413)",
)
WE_REFUSE = (
    # Velocity does more
    "#macro(m)x#end#m()",
    "#define($d)x#end$d",
    "#evaluate('x')",
    "#stop",
    "#foreach($i in [1,2])$i#break#end",
    "#[[x]]#",
    "#set($x = 1.5)$x",
    "#set($x = [1])$x[0]",
    "#set($x = {})#set($x.y = 1)$x.y",
    "#set($x = [1])$x.add(2)",
    "#foreach($i in [1])$foreach.parent#end",
    "$input.params().class",
    "\\$context.requestId",
    # Velocity renders it, and hides a mistake
    "#if('')a#{else}b#end",
    "$util.nope('x')",
    "$util.urlEncode ('x')",
    "$context.requestId.nope",
    "#foreach($i in 'abc')x#end",
    "#if('a' < 'b')x#end",
    "#set($x = 1 / 0)$x",
    "#set($x = 'a' + $nope)$x",
    "#IF(true)x#END",
    "$context.requestId##c\n",
    "$context.requestId{$context.requestId}",
    "#set($s = '😀')$s.substring(1)",
    "$stageVariables.x",
    "#set($s = 'a')$s.matches('.')",
    "#set($s = 'a')$s.matches('(?i)A')",
    "#set($s = 'a')$s.matches('[^b]')",
    # Of what can be set, only the answer's overrides are known, and how they read is not
    "#set($context.requestId = 'x')",
    "#set($context.responseOverride = {})",
    "#set($context.responseOverride.header = {})",
    "#set($context.responseOverride.header.a.b = 'x')",
    "#set($context.responseOverride.header.get('a') = 'x')",
    "#set($context.responseOverride.header['a'] = 'x')",
    "#set($context.responseOverride.header.a = 1)",
    "#set($context.responseOverride.status = '413')",
    "#set($context.responseOverride.status = true)",
    "#set($context.requestOverride.header.a = 'x')",
    "#set($context = {})#set($context.responseOverride.status = 413)",
    "#set($context.responseOverride.status = 413)$context.responseOverride.status",
    "$context.responseOverride.header.get('a')",
    "$context",
)
HEADER: Final = "#set($context.responseOverride.header"
STATUS: Final = "#set($context.responseOverride.status"
OVERRIDES: Final = (
    (
        f"{HEADER}.Access-Control-Allow-Origin = 'https://a.b')x",
        Rendered("x", headers={"Access-Control-Allow-Origin": "https://a.b"}),
    ),
    (
        'a\n  #set( $context.responseOverride.header.x_1="$context.requestId é" )  \nb',
        Rendered("a\n  b", headers={"x_1": "forgeable é"}),
    ),
    (
        f"{HEADER}.A = 'x'){HEADER}.a = ''){HEADER}.A = 'y')",
        Rendered("", headers={"A": "y", "a": ""}),
    ),
    (
        f"{HEADER}.keySet = 'x'){HEADER}.status = 'y')",
        Rendered("", headers={"keySet": "x", "status": "y"}),
    ),
    (f"{STATUS} = 413)\ny", Rendered("y", 413)),
    (f"{STATUS} = 400 + 4)", Rendered("", 404)),
    (f"#foreach($i in [1, 2])#if($i == 2){STATUS} = 500 + $i)#end#end", Rendered("", 502)),
    (f"{STATUS} = 413){STATUS} = $nope){HEADER}.a = $nope)z", Rendered("z", 413)),
    ("#if($context.responseOverride)yes#end", Rendered("yes")),
)


@pytest.mark.parametrize("template", ALIKE)
def test_both_render_alike(reference: ReferenceEngine, template: str) -> None:
    rendered(reference, [SUBJECT], template)


@pytest.mark.parametrize(("template", "expected"), OVERRIDES)
def test_both_override_alike(reference: ReferenceEngine, template: str, expected: Rendered) -> None:
    assert responses(reference, [SUBJECT], template) == [expected]
    assert render(template, SUBJECT) == expected.text
    assert "responseOverride" not in SUBJECT.context


def test_the_reference_is_strict(reference: ReferenceEngine, variant: Variant) -> None:
    # Other engines take this for #end and text, and API Gateway refuses to deploy it.
    template = variant.template.replace("#end#end", "#endtext#end", 1)
    assert template != variant.template
    with pytest.raises(ReferenceRefusal, match="EOF"):
        reference.render_many(template, [SUBJECT])


@pytest.mark.parametrize("template", BOTH_REFUSE)
def test_both_refuse(reference: ReferenceEngine, template: str) -> None:
    with pytest.raises(ReferenceRefusal):
        reference.render_many(template, [SUBJECT])
    with pytest.raises(TemplateError):
        render(template, SUBJECT)


@pytest.mark.parametrize("template", WE_REFUSE)
def test_what_we_do_not_render_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        render(template, SUBJECT)


def test_a_refusal_says_where() -> None:
    with pytest.raises(TemplateError, match=r"^line 2: .*no method 'nope'.*: \$util\.nope\('x'\)$"):
        render("{\n$util.nope('x')\n}", SUBJECT)
    with pytest.raises(TemplateError, match=r"^line 3: expected .* instead of: nothing more$"):
        render("#if(true)\n\n", SUBJECT)


def test_foreach_ends_at_the_loop_limit(reference: ReferenceEngine) -> None:
    template = "#foreach($i in [1..1005])x#if(!$foreach.hasNext)last#end#end"
    assert rendered(reference, [SUBJECT], template) == ["x" * LOOP_LIMIT]


@pytest.mark.parametrize("text", ["\ud83d", "\ude00\ud83d", "a\ude00b"], ids=ascii)
def test_halves_of_characters(reference: ReferenceEngine, text: str) -> None:
    rendered(reference, [replace(SUBJECT, body=text)], "$util.urlEncode($input.body)")


def test_url_encode_every_character(reference: ReferenceEngine) -> None:
    # All of the basic plane but surrogates, and some of each plane beyond.
    points = (*range(1, 0xD800), *range(0xE000, 0x10000), *range(0x10000, 0x110000, 97))
    body = "".join(map(chr, points))
    rendered(reference, [replace(SUBJECT, body=body)], "$util.urlEncode($input.body)")


expression_pieces = st.recursive(
    st.sampled_from(("a", "b", "ab", "-", "[a-z]", "[a-]", "[.]", "[b.]", ":", "/", "()")),
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("({}|{})".format, inner, inner),
        st.builds("({}){}".format, inner, st.sampled_from("*+?")),
        st.builds("{}{}".format, st.sampled_from(("a", "[ab]", "[.]")), st.sampled_from("*+?")),
        st.builds("{}|".format, inner),
    ),
    max_leaves=5,
)


@settings(max_examples=200)
@given(expression=expression_pieces, body=st.text("ab.-:/\n", max_size=6))
def test_regular_expressions(reference: ReferenceEngine, expression: str, body: str) -> None:
    rendered(reference, [replace(SUBJECT, body=body)], f"$input.body.matches('{expression}')")


references = st.sampled_from(
    (
        *("$nope", "$x", "$!y", "${x}", "$i", "$m.k", "$l", "$q", "$context.requestId"),
        *("$foreach.index", "$foreach.hasNext", "$velocityCount", "$context.nope.nope"),
        *("$q.size()", "$q.get('b')", "$q.get($x)", "$x.length()", "$x.equals($y)", "${q.a}"),
        *("$q.keySet()", "$l.size()", "$input.params('a')", '$util.urlEncode("$x b")'),
    )
)
literals = st.sampled_from(
    ("1", "-3", "'a'", "''", '"$x $y"', '"#if($x)a#end"', "true", "[1, $x]", "[1..3]", "{'k': 1}")
)
expressions = st.recursive(
    references | literals,
    lambda inner: st.one_of(
        inner.map("({})".format),
        inner.map("!{}".format),
        st.builds(
            "{}{}{}".format,
            inner,
            st.sampled_from(
                (*("==", " != ", " < ", ">=", " && ", "||"), *(" + ", " - ", "*", "/"))
            ),
            inner,
        ),
    ),
    max_leaves=4,
)
pieces = st.sampled_from(
    (*" \n\t.,:;=&!?-+*/%|@()[]{}\"'\\5a_é", " \n  ", "\n\n", "true", "end", "## c $x\n", "#*c*#")
)
gaps = st.sampled_from(("", "", " ", "\n", " \n", "  "))
templates = st.recursive(
    references | pieces,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.builds("#set(${} = {}){}".format, st.sampled_from("xylmi"), expressions, gaps),
        st.builds((HEADER + ".X-y = {}){}").format, expressions, gaps),
        st.builds((STATUS + " = {}){}").format, expressions, gaps),
        st.builds("#if({}){}{}#end{}".format, expressions, gaps, inner, gaps),
        st.builds(
            "#if({}){}#elseif({}){}{}#else{}{}#{{end}}".format,
            *(expressions, inner, expressions, gaps, inner, gaps, inner),
        ),
        st.builds("#foreach($i in {}){}{}#end{}".format, expressions, gaps, inner, gaps),
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(templates)
def test_any_template_renders_alike_or_is_refused(reference: ReferenceEngine, body: str) -> None:
    template = (
        "#set($q = $input.params().querystring)#set($x = 'X y')#set($l = [1, 'a'])"
        f"#set($m = {{'k': 1}})\n|{body}"
    )
    try:
        ours = render_response(template, SUBJECT)
    except TemplateError:
        return
    assert reference.render_many(template, [SUBJECT]) == [ours]
