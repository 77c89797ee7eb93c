"""The queue message: what the endpoint's mapping template wrote, read back.

A body is two lines, each ``application/x-www-form-urlencoded``: the envelope (what the endpoint
itself observed) and what the tag sent: its query or, after a POST, the whole body as one value.
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

# How the endpoint's template begins an envelope.
_BEGINNING: Final = re.compile(r"v=(\d+)&time=(\d+)(?:&id=([^&]*))?&(.+)", re.ASCII)

# API Gateway's extendedRequestId is 11 bytes in base64, with its padding. (In its console's test it
# is "test-invoke-extendedRequestId", always.) An event's id may have no other characters than these
# (the event record says so, and Customer Profiles), and 64 of them with its number in a list.
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9+/_-]{11,60}={1,2}", re.ASCII)
_OWN_NUMBERS: Final = re.compile("&numbers=[^&]*")
_URL_SAFE: Final = str.maketrans("+/", "-_", "=")
_NUMBERS: Final = re.compile(r"[0-9]{1,2}(?:-[0-9]{1,2})*", re.ASCII)

# datetime, and with it the event's timestamp, ends with the year 9999; 14 digits reach 5138.
_MAX_TIME_DIGITS: Final = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxEvents:
    """Events that a posted list may hold, by who sends it.

    Attributes:
        anonymous: If nobody vouches for the sender. Default: as many as can be.
        authenticated: If an authorizer does. Default: as many as can be.
    """

    anonymous: int = json_body.MAX_EVENTS
    authenticated: int = json_body.MAX_EVENTS


_AS_MANY_AS_CAN_BE: Final = MaxEvents()


@dataclass(slots=True, kw_only=True)  # not frozen: there is one for every message, and that costs
class Request:
    """One request as the endpoint saw it.

    Attributes:
        time: When API Gateway received it, in epoch milliseconds.
        id: API Gateway's, in the characters that an event's id may have. It is the same in each
            queue that the request was written to, and stays when a message is moved to another.
            Empty if the envelope has none: the message's own id has to serve.
        subject: Who sent it, vouched for by an authorizer; empty for an anonymous request.
        endpoint: The one endpoint that the verified claims name, empty if they name none.
        bound: Whether the sender may write that one endpoint only, or none if they name none.
        origin: ``Origin`` header, empty if none was sent.
        referer: ``Referer`` header, empty if none was sent.
        opted_out: Whether the visitor's browser asks not to be tracked, and the owner honours it.
            Nothing that the tag sent is in the message then.
        events: Each event's names and values as the tag sent them, decoded, in order. Of a list's
            event that is none, why.
        is_list: Whether the events were posted as a list.
        numbers: Of each event its number in that list.
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
        """Whether an authorizer vouches for the sender."""
        return bool(self.subject)


def decode(body: str, max_events: MaxEvents = _AS_MANY_AS_CAN_BE) -> Request:
    """Read one message body.

    Args:
        body: The body.
        max_events: How many events a list may hold.

    Raises:
        MalformedMessage: The body is not what the endpoint's template writes, or what was posted is
            not what it claims to be.
        TooManyEvents: A list was posted that holds more than it may.
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

    Of a message that :func:`decode` does not read the answer is of no meaning.
    """
    envelope, _, sent = body.partition("\n")
    # The letters of "events" are what they are when percent-encoded, and a backslash is %5C.
    if "&content=json" not in envelope or ("events" not in sent and "%5C" not in sent):
        return False
    try:
        return json_body.is_list(_posted(sent))
    except MalformedMessage:
        return False


def with_events(body: str, indexes: Collection[int]) -> str:
    """Return a message body, posted as a list of events, with some of them only.

    They stay as they were posted, so the body does not grow. They keep their numbers: an event
    that is sent again must not have the id of another.

    Args:
        body: A body that :func:`decode` read, with ``is_list``.
        indexes: Which of its events to keep.
    """
    envelope, _, sent = body.partition("\n")
    events = json_body.listed(_posted(sent))
    numbers = _numbers(_envelope(envelope), len(events))
    kept = [index for index in range(len(events)) if index in indexes]
    numbered = "-".join(str(numbers[index]) for index in kept)
    posted = f'{{"events":[{",".join([events[index] for index in kept])}]}}'
    # As $util.urlEncode does, which leaves the asterisk as it is.
    return (
        f"{_OWN_NUMBERS.sub('', envelope)}&numbers={numbered}\nbody={quote_plus(posted, safe='*')}"
    )


def _envelope(line: str) -> Mapping[str, str]:
    """Return the envelope's fields; of one given twice, the last."""
    if match := _BEGINNING.fullmatch(line):
        version, time, request_id, others = match.groups()
        fields = {"v": version, "time": time, **_other_fields(others)}
        if request_id:
            fields.setdefault("id", unquote_plus(request_id))
        return fields
    return _fields(line)


def _numbers(envelope: Mapping[str, str], count: int) -> Sequence[int]:
    """Return the numbers of a list's events: those of :func:`with_events`, or from 0."""
    text = envelope.get("numbers", "")
    numbers = [int(number) for number in text.split("-")] if _NUMBERS.fullmatch(text) else []
    return numbers if len(set(numbers)) == len(numbers) == count else range(count)


def _request_id(text: str) -> str:
    return text.translate(_URL_SAFE) if _REQUEST_ID.fullmatch(text) else ""


def _fields(line: str) -> Mapping[str, str]:
    return dict(_parse("envelope", line))


# A site's visitors come from a few pages, and what else their envelopes say is the same.
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
        # Browsers write it well; what a server writes need not be strict to be understood.
        return [_parse("body", posted, strict=False)], False
    if content == "json":
        return json_body.events(posted, most)
    raise MalformedMessage("the envelope's content is neither form nor json")


def _posted(sent: str) -> str:
    return dict(_parse("body", sent)).get("body", "")


def _check_characters(text: str) -> None:
    """Refuse a lone surrogate: it is half a character, and no JSON request could carry it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MalformedMessage("the message is not Unicode") from None


def _parse(what: str, text: str, *, strict: bool = True) -> Parameters:
    try:
        return parse(text, strict=strict)
    except ValueError:
        raise MalformedMessage(f"the {what} is not form-urlencoded") from None
