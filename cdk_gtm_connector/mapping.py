"""The mapping templates between API Gateway and SQS, put together from ``templates/``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cdk_gtm_connector.access import Authorizer

_TEMPLATES = Path(__file__).parent / "templates"


def read(name: str, **values: str) -> str:
    """Return the template ``name`` with each ``@PLACEHOLDER@`` replaced by its value."""
    template = (_TEMPLATES / f"{name}.vtl").read_text(encoding="utf-8")
    for placeholder, value in values.items():
        template = template.replace(f"@{placeholder}@", value)
    return template


def message(
    *,
    queue_url: str,
    content: Literal["query", "form", "json"],
    authorizer: Authorizer | None,
    token_parameter: str,
    honor_privacy_signals: bool,
    max_body_characters: int,
) -> str:
    """Return the request template that makes a queue message of a request.

    Args:
        queue_url: Where the message goes.
        content: What the tag sends: a query, a form or JSON.
        authorizer: Who vouches for the sender, ``None`` for anonymous requests.
        token_parameter: Query parameter that is never queued.
        honor_privacy_signals: Whether nothing is kept of what a browser sends with ``Sec-GPC`` or
            ``DNT``.
        max_body_characters: A longer body is not queued.
    """
    limit = str(max_body_characters)
    return read(
        "message",
        QUEUE_URL=queue_url,
        ACCESS="anonymous" if authorizer is None else "authenticated",
        IDENTITY="" if authorizer is None else _identity(authorizer),
        PRIVACY=read("privacy") if honor_privacy_signals else "",
        CONTENT="" if content == "query" else f"&content={content}",
        SENT=(
            read("query", TOKEN=token_parameter)
            if content == "query"
            else read("body", LIMIT=limit)
        ),
        # A mapping template cannot refuse a request, so it asks SQS for a delay that SQS refuses.
        GUARD="" if content == "query" else read("guard", LIMIT=limit),
    )


def _identity(authorizer: Authorizer) -> str:
    return read(
        "identity",
        SUBJECTS="".join(read("subject", SUBJECT=reference) for reference in authorizer.subject),
        ENDPOINT=authorizer.endpoint_id or "",
        BOUND="&bound=1" if authorizer.endpoint_required else "",
    )
