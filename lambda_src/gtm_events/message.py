"""Reads queue messages, which the endpoint's mapping template writes.

A message body has two lines, each ``application/x-www-form-urlencoded``. The first is the envelope:
what the endpoint itself observed. The second is the tag's data: its query or, for a POST, the whole
body as one value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus, unquote_plus

from gtm_events import json_body
from gtm_events.caching import cached_if_short
from gtm_events.errors import MalformedMessage
from gtm_events.urlencoded import Parameters, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

VERSION: Final = "1"

# The beginning of an envelope, as the template writes it.
_BEGINNING: Final = re.compile(r"v=(\d+)&time=(\d+)(?:&id=([^&]*))?&(.+)", re.ASCII)

# API Gateway's extendedRequestId is 11 bytes in padded base64; tests in its console always use
# "test-invoke-extendedRequestId". The event record and Customer Profiles limit an event's id to
# these characters, and to 64 of them including the event's number in a list.
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9+/_-]{11,60}={1,2}", re.ASCII)
_OWN_NUMBERS: Final = re.compile("&numbers=[^&]*")
_URL_SAFE: Final = str.maketrans("+/", "-_", "=")
_NUMBERS: Final = re.compile(r"[0-9]{1,2}(?:-[0-9]{1,2})*", re.ASCII)

# datetime ends with the year 9999; 14 digits reach the year 5138.
_MAX_TIME_DIGITS: Final = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxEvents:
    """Maximum number of events in a posted list.

    Attributes:
        anonymous: Maximum for anonymous senders. Default: 100.
        authenticated: Maximum for senders that an authorizer verified. Default: 100.
    """

    anonymous: int = json_body.MAX_EVENTS
    authenticated: int = json_body.MAX_EVENTS


_DEFAULT_MAX_EVENTS: Final = MaxEvents()


@dataclass(slots=True, kw_only=True)  # frozen would cost time for every message
class Request:
    """One request, as the endpoint saw it.

    Attributes:
        time: When API Gateway received the request, in epoch milliseconds.
        id: API Gateway's request id, in characters that an event's id may have. It is the same in
            each queue that gets the request, and survives moving the message. Empty if the
            envelope has none; then the message's own id takes its place.
        subject: The sender's id, verified by an authorizer; empty for an anonymous request.
        endpoint: The endpoint named by the verified claims; empty if they name none.
        bound: Whether the sender may write only to that endpoint, or to none if it is empty.
        origin: ``Origin`` header; empty if there is none.
        referer: ``Referer`` header; empty if there is none.
        opted_out: Whether the visitor's browser asks not to be tracked and the owner honors it. If
            so, the message holds no data from the tag.
        events: Decoded names and values of each event, in order. An unreadable event of a list is
            represented by its error.
        is_list: Whether the events were posted as a list.
        numbers: Number of each event in its list.
    """

    time: int
    id: str = ""
    subject: str = ""
    endpoint: str = ""
    bound: bool = False
    origin: str = ""
    referer: str = ""
    opted_out: bool = False
    events: Sequence[Parameters | MalformedMessage]
    is_list: bool = False
    numbers: Sequence[int] = ()

    @property
    def authenticated(self) -> bool:
        """True if an authorizer verified the sender."""
        return bool(self.subject)


def decode(body: str, max_events: MaxEvents = _DEFAULT_MAX_EVENTS) -> Request:
    """Return the request in a message body.

    Args:
        body: The message body.
        max_events: Maximum number of events in a list.

    Raises:
        MalformedMessage: The endpoint's template did not write the body, or the posted data does
            not match its content type.
        TooManyEvents: A posted list holds too many events.
    """
    if body.count("\n") != 1:
        raise MalformedMessage("the body is not two lines")
    if not body.isascii():
        _check_characters(body)
    envelope_line, _, sent = body.partition("\n")
    envelope = _envelope(envelope_line)
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
    subject, endpoint = _identity(envelope)
    opted_out = envelope.get("privacy") == "1"
    most = max_events.authenticated if subject else max_events.anonymous
    events, is_list = ([], False) if opted_out else _events(envelope.get("content"), sent, most)
    return Request(
        time=int(time),
        id=_request_id(request_id) if (request_id := envelope.get("id")) else "",
        subject=subject,
        endpoint=endpoint,
        bound=bool(endpoint) or envelope.get("bound") == "1",
        origin=envelope.get("origin", ""),
        referer=envelope.get("referer", ""),
        opted_out=opted_out,
        events=events,
        is_list=is_list,
        numbers=_numbers(envelope, len(events)) if is_list else (),
    )


def is_list(body: str) -> bool:
    """Return whether a message's events were posted as a list, without reading them.

    The result is meaningless for a message that :func:`decode` cannot read.
    """
    envelope, _, sent = body.partition("\n")
    # Percent-encoding keeps the letters of "events", and turns a backslash into %5C.
    if "&content=json" not in envelope or ("events" not in sent and "%5C" not in sent):
        return False
    try:
        return json_body.is_list(_posted(sent))
    except MalformedMessage:
        return False


def with_events(body: str, indexes: Collection[int]) -> str:
    """Return the body of a posted list with only some of its events.

    The events keep their text, so the body does not grow. They keep their numbers too, so that
    each keeps its id when it is sent again.

    Args:
        body: A body for which :func:`decode` returned ``is_list``.
        indexes: Indexes of the events to keep.
    """
    envelope, _, sent = body.partition("\n")
    events = json_body.listed(_posted(sent))
    numbers = _numbers(_envelope(envelope), len(events))
    kept = [index for index in range(len(events)) if index in indexes]
    numbered = "-".join(str(numbers[index]) for index in kept)
    posted = f'{{"events":[{",".join([events[index] for index in kept])}]}}'
    # Like $util.urlEncode, which does not escape the asterisk.
    return (
        f"{_OWN_NUMBERS.sub('', envelope)}&numbers={numbered}\nbody={quote_plus(posted, safe='*')}"
    )


def _envelope(line: str) -> Mapping[str, str]:
    """Return the envelope's fields. The last one of a repeated field counts."""
    if match := _BEGINNING.fullmatch(line):
        version, time, request_id, others = match.groups()
        fields = {"v": version, "time": time, **_other_fields(others)}
        if request_id:
            fields.setdefault("id", unquote_plus(request_id))
        return fields
    return _fields(line)


def _numbers(envelope: Mapping[str, str], count: int) -> Sequence[int]:
    """Return the numbers of a list's events: those that :func:`with_events` wrote, or 0 and up."""
    text = envelope.get("numbers", "")
    numbers = [int(number) for number in text.split("-")] if _NUMBERS.fullmatch(text) else []
    return numbers if len(set(numbers)) == len(numbers) == count else range(count)


def _request_id(text: str) -> str:
    return text.translate(_URL_SAFE) if _REQUEST_ID.fullmatch(text) else ""


def _fields(line: str) -> Mapping[str, str]:
    return dict(_parse("envelope", line))


# Requests come from a few pages of a site, so these fields are often the same.
_other_fields = cached_if_short(_fields)


def _identity(envelope: Mapping[str, str]) -> tuple[str, str]:
    match envelope.get("access"):
        case "anonymous":
            return "", ""
        case "authenticated":
            if subject := envelope.get("subject"):
                return subject, envelope.get("endpoint", "")
            raise MalformedMessage("the envelope is authenticated and names no subject")
        case _:
            raise MalformedMessage("the envelope's access is neither anonymous nor authenticated")


def _events(
    content: str | None, sent: str, most: int
) -> tuple[Sequence[Parameters | MalformedMessage], bool]:
    if content is None:
        return [_parse("query", sent)], False
    posted = _posted(sent)
    if content == "form":
        # Browsers encode strictly. Be lenient with servers, which may not.
        return [_parse("body", posted, strict=False)], False
    if content == "json":
        return json_body.events(posted, most)
    raise MalformedMessage("the envelope's content is neither form nor json")


def _posted(sent: str) -> str:
    return dict(_parse("body", sent)).get("body", "")


def _check_characters(text: str) -> None:
    """Refuse lone surrogates, which no JSON request can carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MalformedMessage("the message is not Unicode") from None


def _parse(what: str, text: str, *, strict: bool = True) -> Parameters:
    try:
        return parse(text, strict=strict)
    except ValueError:
        raise MalformedMessage(f"the {what} is not form-urlencoded") from None
