"""Batches crafted to use much memory. Each shape expands a few bytes into many.

Anyone can send them. A shape is an endless sequence of messages, and a batch has as many as fit
into 6 MB. Posts are as long as the endpoint allows, with at most 100 events.
"""

from __future__ import annotations

import json
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from benchmarks import batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Body = tuple[int, str]
    """Number of a request, which determines its time and id, and the message's body."""

_EVENTS: Final = 100
_QUERY_CHARACTERS: Final = 9_500  # of a URL's 10,240
_POST_CHARACTERS: Final = 250_000  # of 300,000, once the body is percent-encoded
_NEWEST: Final = 1_000_000


def one_endpoint() -> Iterator[Body]:
    """Yield an endpoint's largest user attributes once, then tiny events that set the same ones.

    Each event is sent with the newest values: 15 KB, Pinpoint's maximum for an endpoint.
    """
    newest = {f"usat_{name}": [f"{each:0100}" for each in range(47)] for name in "abc"}
    own = {"event": "e", "endpoint_id": "i"}
    envelope = batches.envelope("json")
    yield _NEWEST, _posted(envelope(_NEWEST), {**own, **newest})
    tiny = _posted("", {"events": [{**own, **dict.fromkeys(newest, "1")}] * _EVENTS})
    for number in count():
        yield number, envelope(number) + tiny


def one_profile() -> Iterator[Body]:
    """Yield similar events whose user attributes, of up to 255 characters, fill a URL.

    That is Customer Profiles' maximum. One character of each value takes four bytes.
    """
    newest = {f"usat_{number:x}": "\U0001f600" + "v" * 254 for number in range(900)}
    post = batches.envelope("json")
    yield _NEWEST, _posted(post(_NEWEST), {"event": "e", "endpoint_id": "i", **newest})
    yield from _long_queries(f"&{name}=1" for name in newest)


def many_endpoints() -> Iterator[Body]:
    """Yield events that each set twenty tiny user attributes of a different endpoint."""
    envelope = batches.envelope("json")
    attributes = {f"usat_{number:x}": "1" for number in range(20)}
    for number in count():
        events = [
            {"event": "e", "endpoint_id": f"{number * _EVENTS + each:x}", **attributes}
            for each in range(_EVENTS)
        ]
        yield number, _posted(envelope(number), {"events": events})


def tiny_events() -> Iterator[Body]:
    """Yield lists with the maximum number of events, each of minimum size."""
    envelope = batches.envelope("json")
    for number in count():
        events = [{"event": "e", "endpoint_id": f"{each:x}"} for each in range(_EVENTS)]
        yield number, _posted(envelope(number), {"events": events})


def ignored_parameters() -> Iterator[Body]:
    """Yield queries of thousands of unknown parameters."""
    yield from _long_queries("&a=" for _ in count())


def attributes() -> Iterator[Body]:
    """Yield queries of as many attributes as fit, with short names and values."""
    yield from _long_queries(f"&evat_{number:x}=1" for number in count())


def metrics() -> Iterator[Body]:
    """Yield queries of as many metrics as fit: four characters become eighteen in JSON."""
    yield from _long_queries(f"&evmt_{number:x}=9e15" for number in count())


def long_headers() -> Iterator[Body]:
    """Yield events with 8 KB ``Referer`` headers that all differ, which a cache might keep."""
    headers = {"referer": "https://shop.example/?PAGE"}
    envelope = batches.envelope(headers=headers)
    for number in count():
        first_line = envelope(number).replace("PAGE", f"{number:08}" * 1_000)
        yield number, f"{first_line}\nevent=e&endpoint_id=i"


def wide_characters() -> Iterator[Body]:
    """Yield long values with one character that makes Python use four bytes for each."""
    yield from _long_values("a" * 49_000 + "\U0001f600", 5)


def encoded_characters() -> Iterator[Body]:
    """Yield values of characters that take twelve bytes each in a message."""
    yield from _long_values("\U0001f600" * 4_000, 5)


def escaped_characters() -> Iterator[Body]:
    """Yield queries of control characters: three bytes in a message, seven in nested JSON."""
    yield from _long_queries(["&evat_a=", *["%01"] * _QUERY_CHARACTERS])


def no_events() -> Iterator[Body]:
    """Yield long posts that are not JSON, which go to the dead-letter queue unchanged."""
    envelope = batches.envelope("json")
    sent = f"body={'a' * _POST_CHARACTERS}"
    for number in count():
        yield number, f"{envelope(number)}\n{sent}"


def half_rejected() -> Iterator[Body]:
    """Yield lists with one valid event. The function rewrites the rejected rest."""
    envelope = batches.envelope("json")
    bad = {"event": "e", "evat_a": "é" * 300}
    for number in count():
        events = [{"event": "e", "endpoint_id": "i"}, *[bad] * (_EVENTS - 1)]
        yield number, _posted(envelope(number), {"events": events})


SHAPES: Final[tuple[Callable[[], Iterator[Body]], ...]] = (
    one_endpoint,
    one_profile,
    many_endpoints,
    tiny_events,
    ignored_parameters,
    attributes,
    metrics,
    long_headers,
    wide_characters,
    encoded_characters,
    escaped_characters,
    no_events,
    half_rejected,
)


def batch(shape: Callable[[], Iterator[Body]], messages: int | None = None) -> list[dict[str, Any]]:
    """Return the records of a batch of ``shape``.

    Args:
        shape: One of :data:`SHAPES`.
        messages: Number of messages. Default: as many as fit into 6 MB.
    """
    made = (batches.record(number, body) for number, body in islice(shape(), messages))
    return list(batches.fitting(made))


def _long_queries(parameters: Iterable[str]) -> Iterator[Body]:
    """Yield queries of maximum length, filled with ``parameters``."""
    envelope = batches.envelope()
    sent = "event=e&endpoint_id=i"
    for parameter in parameters:
        if len(sent) + len(parameter) > _QUERY_CHARACTERS:
            break
        sent += parameter
    for number in count():
        yield number, f"{envelope(number)}\n{sent}"


def _long_values(value: str, number: int) -> Iterator[Body]:
    envelope = batches.envelope("json")
    members = {f"evat_{each}": value for each in range(number)}
    for each in count():
        yield each, _posted(envelope(each), {"event": "e", "endpoint_id": f"{each}", **members})


def _posted(envelope: str, document: object) -> str:
    """Return the message of a post of ``document`` as compact JSON."""
    posted = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return f"{envelope}\nbody={quote(posted, safe='')}"
