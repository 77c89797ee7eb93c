"""The mapping templates between API Gateway and SQS or SNS, put together from ``templates/``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cdk_gtm_connector.access import Authorizer

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The body of the call that hands a message over.

    Attributes:
        template: Name of its template, where ``$envelope`` and ``$sent`` are the message's lines.
        values: What the template's placeholders stand for.
        refused: What makes the service refuse the call when it is put at the end of it.
    """

    template: str
    values: Mapping[str, str]
    refused: str


def send_message(queue_url: str) -> Call:
    """Return the call of SQS's ``SendMessage``, in its AWS JSON protocol."""
    # SQS delays a message by at most 900 seconds.
    return Call(template="sqs", values={"QUEUE_URL": queue_url}, refused=',"DelaySeconds":901')


def publish(topic_arn: str) -> Call:
    """Return the call of SNS's ``Publish``, in the query protocol: SNS speaks no other."""
    # Of a structured message SNS demands a JSON object, which two lines are not.
    return Call(template="sns", values={"TOPIC_ARN": topic_arn}, refused="&MessageStructure=json")


def read(name: str, **values: str) -> str:
    """Return the template ``name`` with each ``@PLACEHOLDER@`` replaced by its value."""
    template = (_TEMPLATES / f"{name}.vtl").read_text(encoding="utf-8")
    for placeholder, value in values.items():
        template = template.replace(f"@{placeholder}@", value)
    return template


def message(
    *,
    call: Call,
    content: Literal["query", "form", "json"],
    authorizer: Authorizer | None,
    token_parameter: str,
    honor_privacy_signals: bool,
    max_body_characters: int,
) -> str:
    """Return the request template that makes a message of a request.

    Args:
        call: What hands the message over.
        content: What the tag sends: a query, a form or JSON.
        authorizer: Who vouches for the sender, ``None`` for anonymous requests.
        token_parameter: Query parameter that is never queued.
        honor_privacy_signals: Whether nothing is kept of what a browser sends with ``Sec-GPC`` or
            ``DNT``.
        max_body_characters: A longer body is not queued.
    """
    limit = str(max_body_characters)
    # A mapping template cannot refuse a request, so it asks the service for what it refuses.
    guard = "" if content == "query" else _piece("guard", LIMIT=limit, REFUSED=call.refused)
    return _piece(
        "message",
        ACCESS="anonymous" if authorizer is None else "authenticated",
        IDENTITY="" if authorizer is None else _identity(authorizer),
        PRIVACY=read("privacy") if honor_privacy_signals else "",
        CONTENT="" if content == "query" else f"&content={content}",
        SENT=(
            read("query", TOKEN=token_parameter)
            if content == "query"
            else read("body", LIMIT=limit)
        ),
        CALL=_piece(call.template, **call.values, GUARD=guard),
    )


def refusal(*, refusals: Sequence[str], too_large: str, failed: str) -> str:
    """Return the response template for what the service does not take.

    Args:
        refusals: What the service says of a message that is too large.
        too_large: The answer to that, with status 413.
        failed: The answer to everything else.
    """
    condition = " || ".join(f'$refusal.contains("{words}")' for words in refusals)
    return read("refused", CONDITION=condition, TOO_LARGE=too_large, FAILED=failed)


def _piece(name: str, **values: str) -> str:
    """Return a template without the line break that ends its file: it would be sent along."""
    return read(name, **values).removesuffix("\n")


def _identity(authorizer: Authorizer) -> str:
    return read(
        "identity",
        SUBJECTS="".join(read("subject", SUBJECT=reference) for reference in authorizer.subject),
        ENDPOINT=authorizer.endpoint_id or "",
        BOUND="&bound=1" if authorizer.endpoint_required else "",
    )
