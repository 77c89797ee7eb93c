"""Mapping templates between API Gateway and SQS or SNS, composed of the files in ``templates/``.

A mapping template cannot refuse a request. So it turns a request that must not be queued into a
call that the service refuses. The call contains a number for the reason, the service repeats the
number in its error, and the response template turns the number into a status and a sentence. See
docs/decisions/0012-refusing-at-the-door.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote_plus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cdk_gtm_connector.authorizers import Authorizer

Content = Literal["query", "form", "json"]

_TEMPLATES: Final = Path(__file__).parent / "templates"

# The numbers for reasons. SQS refuses each of them as a delay, because it is over 900 seconds. 11…
# stands for the first required parameter, 12… for the second. The last two digits are 00 for a
# missing or blank value, else the position of the word in unset_values. The other numbers stand for
# the whole body.
_UNCLEAR: Final = 1000
_TOO_MANY: Final = 8000
_TOO_LARGE: Final = 9000

# White space alone, percent-encoded: the characters for which str.isspace() holds.
_BLANK: Final = (
    "([+]|%(0[9A-D]|1[C-F]|C2%(85|A0)|E1%9A%80|E2%8(0%(8[0-9A]|A[89F])|1%9F)|E3%80%80))*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxEvents:
    """Maximum number of events in one request, by route.

    Attributes:
        anonymous: On ``/events``.
        authenticated: On ``/events/authenticated``.
    """

    anonymous: int
    authenticated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Rules for which requests are queued.

    Attributes:
        required: Parameters that must be present, not blank, and not one of ``unset_values``.
        unset_values: Words that a tag writes for a variable without a value.
        token_parameter: Query parameter that is never queued.
        honor_privacy_signals: Whether to drop the tag's data if the browser sends ``Sec-GPC`` or
            ``DNT``.
        max_body_characters: A longer body is not queued.
        max_events: A body with more events is not queued.
    """

    required: Sequence[str]
    unset_values: Sequence[str]
    token_parameter: str
    honor_privacy_signals: bool
    max_body_characters: int
    max_events: MaxEvents


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCall:
    """The call that passes a message to the receiver.

    Attributes:
        template: Name of the template of its body, in which ``$envelope`` and ``$line`` are the
            message's two lines, and ``$refused`` is the reason's number if the service is to refuse
            it.
        values: Values of the template's placeholders.
        refusal_signs: Texts that identify a deliberate refusal: the service's error contains at
            least one of them.
        number: The reason's number as that error contains it, with ``{}`` for its digits.
        too_large: Text in the service's error for a message that is too large.
    """

    template: str
    values: Mapping[str, str]
    refusal_signs: Sequence[str]
    number: str
    too_large: str


def send_message(queue_url: str) -> ServiceCall:
    """Return the call of SQS's ``SendMessage`` in the AWS JSON protocol."""
    return ServiceCall(
        template="sqs",
        values={"QUEUE_URL": queue_url},
        refusal_signs=("DelaySeconds",),
        number="Value {} for",
        too_large="must be shorter",
    )


def publish(topic_arn: str) -> ServiceCall:
    """Return the call of SNS's ``Publish`` in the query protocol, SNS's only one.

    For a refusal, the call contains an attribute of an unknown type, which SNS names in its error.
    If SNS checked the message first, it would refuse that too: the message must be a JSON object,
    and two lines are not.
    """
    return ServiceCall(
        template="sns",
        values={"TOPIC_ARN": topic_arn},
        refusal_signs=("refused-", "Message Structure"),
        # The word before the number matters: the error has a request id, which may contain "00-".
        number="refused-{}-reason",
        too_large="Message too long",
    )


def read(name: str, **values: str) -> str:
    """Return the template ``name`` with each ``@PLACEHOLDER@`` replaced by its value.

    Lines are joined and comments left out, because line breaks would be rendered. Some engines
    render even those after directives.
    """
    lines = (_TEMPLATES / f"{name}.vtl").read_text(encoding="utf-8").splitlines()
    template = "".join(line for line in lines if not line.startswith("##"))
    for placeholder, value in values.items():
        template = template.replace(f"@{placeholder}@", value)
    return template


def message(
    *, call: ServiceCall, content: Content, authorizer: Authorizer | None, rules: Rules
) -> str:
    """Return the request template that turns a request into a message.

    Args:
        call: The call that passes the message on.
        content: Kind of the tag's content: a query, or a body that is a form or JSON. With an empty
            body the query is read.
        authorizer: Verifies the sender; ``None`` for anonymous requests.
        rules: Rules for which requests are queued.
    """
    sent = read("query", TOKEN=rules.token_parameter, CHECK=_check(rules))
    if content != "query":
        sent = read(
            "body",
            QUERY=sent,
            CONTENT=content,
            EVENTS=_events(rules, authorizer) if content == "json" else "",
            LIMIT=str(rules.max_body_characters),
            TOO_LARGE=str(_TOO_LARGE),
        )
    return read(
        "message",
        PRIVACY=read("privacy") if rules.honor_privacy_signals else "",
        SENT=sent,
        ACCESS="anonymous" if authorizer is None else "authenticated",
        IDENTITY="" if authorizer is None else _identity(authorizer),
        CALL=read(call.template, **call.values),
        UNCLEAR=str(_UNCLEAR),
    )


def refusal(
    *, call: ServiceCall, rules: Rules, too_large: str | None, too_many: str | None, failed: str
) -> str:
    """Return the response template for calls that the service refused.

    A request that breaks the rules is answered with status 400 and a sentence.

    Args:
        call: The call.
        rules: Rules for which requests are queued.
        too_large: Answer to a message that is too large, with status 413; ``None`` if none can be.
        too_many: Answer to a message with too many events, with status 400; ``None`` if none can
            be.
        failed: Answer to every other refused call.
    """
    before, after = call.number.split("{}")
    return read(
        "refused",
        IS_TOO_LARGE=(
            "false"
            if too_large is None
            else _any_of((call.number.format(_TOO_LARGE), call.too_large))
        ),
        TOO_LARGE=too_large or "",
        IS_TOO_MANY=("false" if too_many is None else _any_of((call.number.format(_TOO_MANY),))),
        TOO_MANY=too_many or "",
        IS_REFUSED=_any_of(call.refusal_signs),
        ANY_PARAMETER=" or ".join(rules.required),
        PARAMETERS="".join(
            f'#if({_any_of([f"{before}{number}"])})#set($parameter = "{parameter}")#end'
            for number, parameter in enumerate(rules.required, start=_UNCLEAR // 100 + 1)
        ),
        BLANK=f"00{after}",
        WORD=_word(rules, after),
        FAILED=failed,
    )


def _events(rules: Rules, authorizer: Authorizer | None) -> str:
    """Return template code that checks the number of a JSON body's events, and each event."""
    most = rules.max_events.anonymous if authorizer is None else rules.max_events.authenticated
    return read("events", CHECK=_check(rules), MOST=str(most), TOO_MANY=str(_TOO_MANY))


def _check(rules: Rules) -> str:
    """Return template code that checks the required parameters, each in a variable of its name."""
    return read(
        "check",
        NUMBER=str(_UNCLEAR),
        VALUES=", ".join(f"${parameter}" for parameter in rules.required),
        BLANK=_BLANK,
        # Percent-encoded like the output of $util.urlEncode, so that no word is read as Velocity
        # code.
        WORDS=", ".join(
            f'"{quote_plus(word, safe="*").replace("~", "%7E")}"' for word in rules.unset_values
        ),
    )


def _word(rules: Rules, after: str) -> str:
    """Return template code that renders a refused word, chosen by the number's last digits."""
    choices = [
        f"({_any_of([f'{place:02}{after}'])}){_text(word)}"
        for place, word in enumerate(rules.unset_values, start=1)
    ]
    return "#if" + "#elseif".join([*choices]) + "#{else}unset#end" if choices else "unset"


def _any_of(words: Sequence[str]) -> str:
    """Return a template condition: the service's error contains one of ``words``."""
    return " || ".join(f'$said.contains("{each}")' for each in words)


def _text(word: str) -> str:
    """Return ``word`` for a JSON string in a template, with every special character escaped."""
    return "".join(
        character
        if character.isascii() and (character.isalnum() or character in " ()[]-_.,:")
        else json.dumps(character)[1:-1]
        if not character.isascii()
        else f"\\u{ord(character):04x}"
        for character in word
    )


def _identity(authorizer: Authorizer) -> str:
    return read(
        "identity",
        SUBJECTS="".join(read("subject", SUBJECT=reference) for reference in authorizer.subject),
        ENDPOINT=authorizer.endpoint_id or "",
        BOUND="&bound=1" if authorizer.endpoint_required else "",
    )
