"""The mapping templates between API Gateway and SQS or SNS, put together from ``templates/``.

A mapping template cannot refuse a request. So a request that must not be queued becomes a call that
the service refuses, with a number that its answer repeats, and the response template turns the
number into a status and a sentence. See docs/decisions/0012-refusing-at-the-door.md.
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

# What a refused call says: SQS delays a message by at most 900 seconds. 11… is about the first
# required parameter, 12… about the second; the last two digits are 00 for a missing or blank value,
# else the place of the word among the unset ones. The others are about the whole body.
_UNCLEAR: Final = 1000
_TOO_MANY: Final = 8000
_TOO_LARGE: Final = 9000

# White space alone, percent-encoded: the characters for which str.isspace() holds.
_BLANK: Final = (
    "([+]|%(0[9A-D]|1[C-F]|C2%(85|A0)|E1%9A%80|E2%8(0%(8[0-9A]|A[89F])|1%9F)|E3%80%80))*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxEvents:
    """Events that one request may have, by its route.

    Attributes:
        anonymous: On ``/events``.
        authenticated: On ``/events/authenticated``.
    """

    anonymous: int
    authenticated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Rules by which a request is queued.

    Attributes:
        required: Parameters that must be there, not blank, and none of ``unset_values``.
        unset_values: Words that a tag writes for a variable without a value.
        token_parameter: Query parameter that is never queued.
        honor_privacy_signals: Whether nothing is kept of what a browser sends with ``Sec-GPC`` or
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
class Call:
    """The call that hands a message over.

    Attributes:
        template: Name of its body's template, where ``$envelope`` and ``$line`` are the message's
            lines, and ``$refused`` is the number with which the service has to refuse the call.
        values: What the template's placeholders stand for.
        asked: What the service's answer holds, one or the other, if it was asked to refuse.
        number: How its answer repeats the number, with ``{}`` in the number's place.
        too_large: What its answer holds if the message is larger than it takes.
    """

    template: str
    values: Mapping[str, str]
    asked: Sequence[str]
    number: str
    too_large: str


def send_message(queue_url: str) -> Call:
    """Return the call of SQS's ``SendMessage``, in its AWS JSON protocol."""
    return Call(
        template="sqs",
        values={"QUEUE_URL": queue_url},
        asked=("DelaySeconds",),
        number="Value {} for",
        too_large="must be shorter",
    )


def publish(topic_arn: str) -> Call:
    """Return the call of SNS's ``Publish``, in the query protocol: SNS speaks no other.

    SNS names an attribute whose type it does not know. Should it look at the message first, two
    lines are no structured one, for which it demands a JSON object: so it refuses either way.
    """
    return Call(
        template="sns",
        values={"TOPIC_ARN": topic_arn},
        asked=("refused-", "Message Structure"),
        number="refused-{}-",
        too_large="Message too long",
    )


def read(name: str, **values: str) -> str:
    """Return the template ``name`` with each ``@PLACEHOLDER@`` replaced by its value.

    Its lines are joined and its comments left out: a line break would be rendered, by some engines
    even one that follows a directive.
    """
    lines = (_TEMPLATES / f"{name}.vtl").read_text(encoding="utf-8").splitlines()
    template = "".join(line for line in lines if not line.startswith("##"))
    for placeholder, value in values.items():
        template = template.replace(f"@{placeholder}@", value)
    return template


def message(*, call: Call, content: Content, authorizer: Authorizer | None, rules: Rules) -> str:
    """Return the request template that makes a message of a request.

    Args:
        call: What hands the message over.
        content: What the tag sends: a query, or a body that is a form or JSON. If the body is
            empty, a query too.
        authorizer: Who vouches for the sender, ``None`` for anonymous requests.
        rules: What is queued.
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
    *, call: Call, rules: Rules, too_large: str | None, too_many: str | None, failed: str
) -> str:
    """Return the response template for what the service does not take.

    A request that breaks the rules is answered with status 400 and a sentence.

    Args:
        call: The call that it does not take.
        rules: What is queued.
        too_large: The answer to a message that is too large, with status 413. ``None`` if there is
            no such message.
        too_many: The answer to a message with too many events, with status 400. ``None`` if there
            is no such message.
        failed: The answer to everything else.
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
        IS_REFUSED=_any_of(call.asked),
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
    """Return the check of a JSON body's events: how many there are, and each by itself."""
    most = rules.max_events.anonymous if authorizer is None else rules.max_events.authenticated
    return read("events", CHECK=_check(rules), MOST=str(most), TOO_MANY=str(_TOO_MANY))


def _check(rules: Rules) -> str:
    """Return the check of the required parameters, each in a variable of its name."""
    return read(
        "check",
        NUMBER=str(_UNCLEAR),
        VALUES=", ".join(f"${parameter}" for parameter in rules.required),
        BLANK=_BLANK,
        # Percent-encoded as $util.urlEncode does it, so that no word is read as Velocity.
        WORDS=", ".join(
            f'"{quote_plus(word, safe="*").replace("~", "%7E")}"' for word in rules.unset_values
        ),
    )


def _word(rules: Rules, after: str) -> str:
    """Return what renders the word that was refused, by the end of its number."""
    choices = [
        f"({_any_of([f'{place:02}{after}'])}){_text(word)}"
        for place, word in enumerate(rules.unset_values, start=1)
    ]
    return "#if" + "#elseif".join([*choices]) + "#{else}unset#end" if choices else "unset"


def _any_of(words: Sequence[str]) -> str:
    """Return the condition that one of ``words`` is in the service's answer."""
    return " || ".join(f'$said.contains("{each}")' for each in words)


def _text(word: str) -> str:
    """Return ``word`` for a JSON string in a template, where no character of it has a meaning."""
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
