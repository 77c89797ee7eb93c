"""The queue message: what the endpoint's mapping template wrote, read back.

A body is two lines, each ``application/x-www-form-urlencoded``: the envelope (what the endpoint
itself observed) and the query (what the tag sent).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from gtm_events.errors import MalformedMessage

VERSION: Final = "1"

# datetime, and with it the event's timestamp, ends with the year 9999; 14 digits reach 5138.
_MAX_TIME_DIGITS: Final = 14


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the endpoint saw it.

    Attributes:
        time: When API Gateway received it, in epoch milliseconds.
        access: ``anonymous``: nobody vouches for who sent it.
        origin: ``Origin`` header, empty if none was sent.
        referer: ``Referer`` header, empty if none was sent.
        parameters: Names and values as the tag sent them, decoded, in order.
    """

    time: int
    access: str
    origin: str
    referer: str
    parameters: list[tuple[str, str]]


def decode(body: str) -> Request:
    """Read one message body.

    Raises:
        MalformedMessage: The body is not what the endpoint's template writes.
    """
    if body.count("\n") != 1:
        raise MalformedMessage("the body is not two lines")
    if not body.isascii():
        _check_characters(body)
    envelope_line, _, query_line = body.partition("\n")
    envelope = dict(_parse("envelope", envelope_line))
    if (version := envelope.get("v")) != VERSION:
        known = f"this function reads version {VERSION}"
        raise MalformedMessage(
            f"the envelope has no version; {known}"
            if version is None
            else f"the envelope is of another version; {known}"
        )
    time = envelope.get("time", "")
    if not (time.isascii() and time.isdigit() and len(time) <= _MAX_TIME_DIGITS):
        raise MalformedMessage("the envelope's time is not epoch milliseconds")
    access = envelope.get("access", "")
    if access != "anonymous":
        raise MalformedMessage("the envelope's access is not anonymous")
    return Request(
        time=int(time),
        access=access,
        origin=envelope.get("origin", ""),
        referer=envelope.get("referer", ""),
        parameters=_parse("query", query_line),
    )


def _check_characters(body: str) -> None:
    """Refuse a lone surrogate: it is half a character, and no JSON request could carry it."""
    try:
        body.encode()
    except UnicodeEncodeError:
        raise MalformedMessage("the body is not Unicode") from None


def _parse(line_name: str, line: str) -> list[tuple[str, str]]:
    if not line:  # what strict parsing says of it depends on Python's version
        return []
    try:
        return parse_qsl(line, keep_blank_values=True, strict_parsing=True, errors="strict")
    except UnicodeDecodeError:
        raise MalformedMessage(f"the {line_name} line is not UTF-8 once decoded") from None
    except ValueError:
        raise MalformedMessage(f"the {line_name} line is not form-urlencoded") from None
