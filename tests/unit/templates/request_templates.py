"""Request templates of each kind of route, and the messages that they must produce."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qsl, urlencode

from cdk_gtm_connector import mapping
from cdk_gtm_connector.endpoint import MAX_BODY_CHARACTERS, REQUIRED_PARAMETERS, TOKEN_PARAMETER
from cdk_gtm_connector.unset_values import UNSET_VALUES
from gtm_events import message
from gtm_events.errors import MalformedMessage
from local.vtl import LOOP_LIMIT, Request
from tests.velocity.both import rendered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cdk_gtm_connector.authorizers import Authorizer
    from cdk_gtm_connector.mapping import Content
    from gtm_events.urlencoded import Parameters
    from tests.velocity import ReferenceEngine


Service = Literal["sqs", "sns"]
QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/events"
TOPIC_ARN = "arn:aws:sns:eu-central-1:123456789012:events"
TIME = 1_764_000_000_123
REQUEST_ID = "JKJa/mP+vHcESHA="
OBSERVED = {"requestTimeEpoch": TIME, "extendedRequestId": REQUEST_ID}
REQUIRED = {"event": "sign up", "endpoint_id": "cust-7"}

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
    """A caller, and the API Gateway context of its requests."""

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
        """Return the request with which a tag sends ``parameters`` and the required parameters."""
        parameters = REQUIRED | dict(parameters)
        if self.content == "query":
            return request(parameters, headers, **self.caller.context)
        body = urlencode(parameters) if self.content == "form" else json.dumps(parameters)
        return replace(request({}, headers, **self.caller.context), body=body)

    def posting(self, text: str) -> Request:
        """Return the request that posts ``text``, as a JSON string if the body must be JSON."""
        sent = self.request({})
        if self.content == "query":
            return sent
        if self.content == "json":
            text = json.dumps({**REQUIRED, "evat_text": text}, ensure_ascii=False)
        return replace(sent, body=text)

    def kind(self, sent: Request) -> Content:
        """Return the kind of a request's content. An empty body counts as no body."""
        return "query" if sent.body in {"", "{}"} else self.content

    def opted_out(self, sent: Request) -> bool:
        signals = {(name.lower(), value) for name, value in sent.headers.items()}
        return self.honors_privacy and bool(signals & {("sec-gpc", "1"), ("dnt", "1")})

    def envelope(self, sent: Request) -> list[tuple[str, str]]:
        """Return the required line 1. Of the request, it holds only the two headers."""
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
        """Return the required line 2."""
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
    # Only the service call differs, and it does not depend on the caller.
    **{f"{content}-token-sns": (content, "token", True, "sns") for content in CONTENTS},
}


def request(
    parameters: Mapping[str, str], headers: Mapping[str, str] | None = None, **context: Any
) -> Request:
    return Request(
        querystring=parameters,
        headers={"Host": "api.example", "Accept": "image/svg+xml,*/*"} | dict(headers or {}),
        context={**OBSERVED, "requestId": "forgeable", **context},
    )


def message_body(output: str) -> str:
    """Assert that a rendering is a service call with a two-line message; return the lines."""
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
    # The encoding must be exact, because a lenient reader would hide errors.
    assert output.endswith(f"&{urlencode({name: published}).replace('%2A', '*')}")
    return published


def refused(output: str) -> int:
    """Assert that a rendering is a call that the service refuses; return the number in it."""
    assert output.isascii()
    if output.startswith("{"):
        call = json.loads(output)
        assert call.keys() == {"QueueUrl", "MessageBody", "DelaySeconds"}
        lines, number = call["MessageBody"].split("\n"), call["DelaySeconds"]
        # SQS accepts at most 900, and answers InvalidParameterValue (400) to more.
        assert number > 900
    else:
        call = dict(parse_qsl(output, keep_blank_values=True, strict_parsing=True))
        lines = call["Message"].split("\n")
        attribute = "MessageAttributes.entry.1."
        # SNS has no such type, and it accepts only a JSON object, which two lines are not.
        assert call[f"{attribute}Value.DataType"] == "Refused"
        assert call["MessageStructure"] == "json"
        number = int(call[f"{attribute}Name"].removeprefix("refused-").removesuffix("-reason"))
    # Nothing from the request.
    assert lines[1:] == [""]
    return int(number)


def parsed(line: str) -> list[tuple[str, str]]:
    return parse_qsl(line, keep_blank_values=True, strict_parsing=True) if line else []


def assert_messages(
    reference: ReferenceEngine, variant: Variant, requests: Sequence[Request]
) -> list[message.Request]:
    """Render messages and return the decoded requests; see :func:`check_messages`."""
    return check_messages(variant, requests, rendered(reference, requests, variant.template))


def check_messages(
    variant: Variant, requests: Sequence[Request], outputs: Sequence[str]
) -> list[message.Request]:
    """Assert that messages hold what was sent and observed; return the decoded requests."""
    results = []
    for output, sent in zip(outputs, requests, strict=True):
        body = message_body(output)
        envelope, line_2 = body.split("\n")
        assert parsed(envelope) == variant.envelope(sent)
        assert parsed(line_2) == variant.sent(sent)

        # The posted data may be anything. The decoded line 1 must not depend on it.
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
    """Assert that delivery reads exactly the parameters that a tag sends."""
    requests = [variant.request(parameters, headers) for parameters in sent]
    for observed, parameters in zip(
        assert_messages(reference, variant, requests), sent, strict=True
    ):
        assert observed.events == [list((REQUIRED | dict(parameters)).items())]
