"""Decoders of queue messages and queries."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

_URL_SAFE: Final = str.maketrans("+/", "-_", "=")


def decode_envelope(message_body: str) -> dict[str, str]:
    """Return the fields of the envelope, which the API writes into a message's first line."""
    return dict(parse_qsl(message_body.partition("\n")[0]))


def event_id_of(message_body: str) -> str | None:
    """Return the event ID of a message, or the prefix that the event IDs of its list share.

    Return ``None`` if the API did not write the message.
    """
    request_id = decode_envelope(message_body).get("id")
    return None if request_id is None else request_id.translate(_URL_SAFE)


def decode_query(query: str) -> list[tuple[str, str]]:
    """Return the decoded names and values of a raw query string, in order.

    Bytes that are not UTF-8 become U+FFFD. As at API Gateway, ``;`` separates parameters too.
    """
    return parse_qsl(query.replace(";", "&"), keep_blank_values=True, errors="replace")
