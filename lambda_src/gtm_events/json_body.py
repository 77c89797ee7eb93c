"""Reads posted JSON bodies: returns each event's parameters, as a query would hold them.

Events of a list are independent: a faulty one does not keep the others from being read. Numbers
keep their spelling, and events cut out of a list keep their text.
"""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Final

from gtm_events.errors import MalformedMessage, TooManyEvents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gtm_events.urlencoded import Parameters

MAX_EVENTS: Final = 100
"""Maximum number of events in a JSON body: an event's number in its list has two digits."""

_TOO_DEEP: Final = "the posted event is nested too deeply"

# The usual beginning of a list.
_LIST: Final = re.compile(r'\s*\{\s*"events"\s*:\s*\[')
_SPACE: Final = re.compile(r"[ \t\n\r]*")
# The tokens that matter for finding the end of a value too deep for the parser.
_STRING_OR_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]+|[\]}]+', re.DOTALL)
# The text was UTF-8, so half a surrogate pair can only come from an escape.
_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class _Number(str):
    """A number in its original spelling: ``1.10``, or one with more digits than a float has."""

    __slots__ = ()


# Accept control characters in strings, and NaN. Otherwise one such event would make the whole list
# unreadable.
_DECODER: Final = json.JSONDecoder(
    strict=False, parse_float=_Number, parse_int=_Number, parse_constant=str
)


def events(posted: str, most: int = MAX_EVENTS) -> tuple[list[Parameters | MalformedMessage], bool]:
    """Return the events in a body, and whether the body is a list.

    Args:
        posted: The body: an event, ``{…}``, or a list, ``{"events": […]}``.
        most: Maximum number of events in a list, up to :data:`MAX_EVENTS`.

    Returns:
        Each event's names and values, or the error that makes it unreadable.

    Raises:
        MalformedMessage: The body is neither, or its only event is unreadable.
        TooManyEvents: The list has more than ``most`` events.
    """
    try:
        document = _DECODER.decode(posted)
    except RecursionError:
        return _deep_events(posted, most), True
    except ValueError:
        raise MalformedMessage("the posted body is not JSON") from None
    if not isinstance(document, dict):
        raise MalformedMessage("the posted JSON is not an object")
    replace_surrogates = _SURROGATE_ESCAPE.search(posted) is not None
    if "events" not in document:
        return [_parameters(document, replace_surrogates=replace_surrogates)], False
    members = document["events"]
    if not isinstance(members, list):
        raise MalformedMessage("the posted events are not a list")
    _check_number(len(members), most)
    return [
        _listed_parameters(event, replace_surrogates=replace_surrogates) for event in members
    ], True


def is_list(posted: str) -> bool:
    """Return whether :func:`events` would find a list, without reading its events.

    Return ``False`` for an unreadable body, and ``True`` for one that begins like a list even if a
    later member overrides that.
    """
    if "events" not in posted and "\\" not in posted:  # an escape may stand for a letter
        return False
    if _LIST.match(posted):
        return True
    try:
        document = _DECODER.decode(posted)
    except RecursionError:
        return True
    except ValueError:
        return False
    return isinstance(document, dict) and isinstance(document.get("events"), list)


def listed(posted: str) -> list[str]:
    """Return the JSON of each event of a list, as it was posted.

    Args:
        posted: A body. If :func:`events` does not read it as a list, there are no events.

    Raises:
        ValueError: The body is not JSON.
    """
    text = ""
    for name, member in _members(posted):
        if name == "events":  # the last of a repeated name counts, as in json.loads()
            text = member
    return [member for _, member in _members(text)] if text.startswith("[") else []


def _deep_events(posted: str, most: int) -> list[Parameters | MalformedMessage]:
    """Return the events of a list that is too deep for the parser."""
    try:
        texts = listed(posted)
    except ValueError:
        raise MalformedMessage("the posted body is not JSON") from None
    if not texts:
        raise MalformedMessage(_TOO_DEEP)
    _check_number(len(texts), most)
    return [_deep_event(text) for text in texts]


def _deep_event(text: str) -> Parameters | MalformedMessage:
    try:
        event = _DECODER.decode(text)
    except RecursionError:
        return MalformedMessage(_TOO_DEEP)
    except ValueError:
        raise MalformedMessage("the posted body is not JSON") from None
    return _listed_parameters(event, replace_surrogates=True)


def _listed_parameters(event: object, *, replace_surrogates: bool) -> Parameters | MalformedMessage:
    if not isinstance(event, dict):
        return MalformedMessage("the posted event is not an object")
    try:
        return _parameters(event, replace_surrogates=replace_surrogates)
    except MalformedMessage as error:
        return error


def _check_number(count: int, most: int) -> None:
    if not count:
        raise MalformedMessage("the posted list has no events")
    if count > most:
        raise TooManyEvents(count, most)


def _parameters(event: Mapping[str, object], *, replace_surrogates: bool) -> Parameters:
    """Return an object's members as a query would hold them.

    Args:
        event: The object.
        replace_surrogates: Whether to replace lone surrogates, which no request to a destination
            can carry.

    Raises:
        MalformedMessage: A member that must be text is something else, or is too deep.
    """
    parameters: Parameters = []
    try:
        for name, value in event.items():
            if isinstance(value, str):
                parameters.append((name, str(value)))
            else:
                parameters.extend((name, text) for text in _texts(name, value))
    except RecursionError:
        raise MalformedMessage(_TOO_DEEP) from None
    return (
        [(_without_surrogates(name), _without_surrogates(value)) for name, value in parameters]
        if replace_surrogates
        else parameters
    )


def _texts(name: str, value: object) -> Iterator[str]:
    """Yield a member's values: a user attribute may have several, any other member has one."""
    if name in {"event", "endpoint_id"} and not isinstance(value, str | None):
        raise MalformedMessage(f"the parameter {name} is neither text nor a number")
    if isinstance(value, list | dict) and name.startswith("evmt_"):
        yield _compact(value)  # not a number: [5] is not 5
    elif isinstance(value, list) and name.startswith("usat_"):
        yield from map(_text, value or [None])
    else:
        yield _text(value)


def _text(value: object) -> str:
    """Return a value as GTM would write it into a query, except that objects become JSON.

    Members of a list are joined with commas; ``null`` becomes an empty text.
    """
    match value:
        case str():
            return str(value)  # drop the subclass, which takes more memory
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return ",".join([_text(member) for member in value])
        case _:
            return _compact(value)


def _compact(value: object) -> str:
    """Return a value as compact JSON, with numbers in their original spelling."""
    match value:
        case _Number():
            return value
        case str():
            return encode_basestring(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case list():
            return f"[{','.join([_compact(member) for member in value])}]"
        case dict():
            members = [
                f"{encode_basestring(name)}:{_compact(member)}" for name, member in value.items()
            ]
            return f"{{{','.join(members)}}}"
        case _:
            raise TypeError(type(value))


def _without_surrogates(text: str) -> str:
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _members(text: str) -> Iterator[tuple[str, str]]:
    """Yield the members of a list or an object, each with its name; list members have none."""
    at = _space_end(text, 0)
    closing = {"[": "]", "{": "}"}.get(text[at : at + 1])
    if closing is None:
        raise ValueError
    at = _space_end(text, at + 1)
    if text.startswith(closing, at):
        return
    while True:
        name = ""
        if closing == "}":
            _after(text, at, '"')
            name, at = _DECODER.raw_decode(text, at)
            at = _space_end(text, _after(text, _space_end(text, at), ":"))
        end = _value_end(text, at)
        yield name, text[at:end]
        at = _space_end(text, end)
        if text.startswith(closing, at):
            return
        at = _space_end(text, _after(text, at, ","))


def _space_end(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _after(text: str, at: int, character: str) -> int:
    if not text.startswith(character, at):
        raise ValueError
    return at + 1


def _value_end(text: str, at: int) -> int:
    """Return the end of the value that begins at ``at``, however deep it is."""
    try:
        _, end = _DECODER.raw_decode(text, at)
    except RecursionError:
        return _deep_value_end(text, at)
    return end


def _deep_value_end(text: str, at: int) -> int:
    depth = 0
    for token in _STRING_OR_BRACKETS.finditer(text, at):
        brackets = token.end() - token.start()
        if text[token.start()] in "[{":
            depth += brackets
        elif text[token.start()] in "]}":
            if brackets >= depth:
                return token.start() + depth
            depth -= brackets
    raise ValueError
