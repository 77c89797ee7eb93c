"""Batches of 6 MB crafted by an adversary, each to expand a few bytes into many.

Anyone can post a megabyte to the endpoint. Each function yields a number of message bodies.
:func:`event` returns an invocation's event with as many as Lambda would take.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from benchmarks import batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MESSAGE_BYTES: Final = 1024 * 1024
"""Maximum bytes of a message: SQS's limit."""

_TIME: Final = 1_795_000_000_000
_LIST: Final = 100


def _envelope(number: int, **fields: str) -> str:
    return urlencode({"v": "1", "time": _TIME + number, "access": "anonymous", **fields})


def _query(number: int, query: str, **fields: str) -> str:
    return f"{_envelope(number, **fields)}\n{query[: MESSAGE_BYTES - 200]}"


def _posted(number: int, content: str, text: str) -> str:
    return f"{_envelope(number, content=content)}\nbody={quote(text, safe='')}"


def _listed(number: int, events: list[dict[str, Any]]) -> str:
    return _posted(number, "json", json.dumps({"events": events}, separators=(",", ":")))


def tiny_lists() -> Iterator[str]:
    """Lists of events of minimum size."""
    for number in itertools.count():
        yield _listed(number, [{"event": "e", "endpoint_id": "p"}] * _LIST)


def tiny_lists_of_many_endpoints() -> Iterator[str]:
    """Lists of events of minimum size, each of a different endpoint."""
    for number in itertools.count():
        yield _listed(
            number, [{"event": "e", "endpoint_id": f"{number:x}.{n}"} for n in range(_LIST)]
        )


def newest_of_one_endpoint() -> Iterator[str]:
    """Tiny events that all set the same attribute of one endpoint, whose newest value is long."""
    yield _listed(2_000_000, [{"event": "e", "endpoint_id": "p", "usat_a": ["x" * 100] * 50}])
    for number in itertools.count():
        yield _listed(number, [{"event": "e", "endpoint_id": "p", "usat_a": "1"}] * _LIST)


def newest_of_many_attributes() -> Iterator[str]:
    """Events that set many attributes of one endpoint. The newest value of each is long."""
    names = [f"usat_{n:02x}" for n in range(120)]
    rest = f"&{'=1&'.join(names)}=1"
    yield _query(2_000_000, "event=e&endpoint_id=p" + rest.replace("=1", f"={'x' * 250}"))
    for number in itertools.count():
        yield _query(number, f"event=e&endpoint_id=p{rest}")


def distinct_attributes_of_one_endpoint() -> Iterator[str]:
    """Events that set as many different attributes of one endpoint as possible."""
    for number in itertools.count():
        names = (f"&usat_{number:x}.{n:x}=1" for n in range(70_000))
        yield _query(number, "event=e&endpoint_id=p" + "".join(names))


def distinct_attributes_of_many_endpoints() -> Iterator[str]:
    """Two events for each of many endpoints, so that each endpoint's newest must be found."""
    names = "".join(f"&usat_{n:x}=1" for n in range(900))
    for number in itertools.count():
        yield _query(number, f"event=e&endpoint_id={number // 2:x}{names}&usat_{number % 2:x}=2")


def visitors_too_large_together() -> Iterator[str]:
    """Distinct attributes of one endpoint. Each event has as many as a profile object holds."""
    for number in itertools.count():
        names = "".join(f"&usat_{number:x}.{n:x}=1" for n in range(10_000))
        yield _query(number, f"event=e&endpoint_id=p{names}")


def empty_parameters() -> Iterator[str]:
    """A query of hundreds of thousands of parameters."""
    for number in itertools.count():
        yield _query(number, "event=e&endpoint_id=p" + "&a=" * 350_000)


def empty_parameters_of_a_form() -> Iterator[str]:
    """A post of hundreds of thousands of parameters without an equals sign."""
    for number in itertools.count():
        yield _posted(number, "form", "event=e&endpoint_id=p" + "&a" * 200_000)


def distinct_attributes() -> Iterator[str]:
    """Hundreds of thousands of event attributes."""
    for number in itertools.count():
        names = (f"&evat_{n:x}=1" for n in range(80_000))
        yield _query(number, "event=e&endpoint_id=p" + "".join(names))


def repeated_values() -> Iterator[str]:
    """A list of hundreds of thousands of numbers as an attribute of posted JSON."""
    for number in itertools.count():
        numbers = ",".join("1" * 250_000)
        text = f'{{"event":"e","endpoint_id":"p","usat_a":[{numbers}]}}'
        yield _posted(number, "json", text)


def control_characters() -> Iterator[str]:
    """Characters that take six bytes in JSON, and seven if that JSON is a JSON string."""
    for number in itertools.count():
        yield _query(number, f"event=e&endpoint_id=p&evat_a={'%01' * 30_000}")


def quotes_and_one_emoji() -> Iterator[str]:
    """Quotes, which are escaped twice, in text that takes four bytes a character in memory."""
    for number in itertools.count():
        text = f"%F0%9F%98%80{'%22' * 40_000}"
        yield _query(number, f"event=e&endpoint_id={number}&evat_a={text}")


def text_and_one_emoji() -> Iterator[str]:
    """Megabytes of plain text that takes four bytes a character in memory for one emoji."""
    for number in itertools.count():
        yield _query(number, f"event=e&endpoint_id={number}&evat_a=%F0%9F%98%80{'x' * 1_000_000}")


def long_headers() -> Iterator[str]:
    """Long headers, which would fill an unbounded cache."""
    for number in itertools.count():
        fields = {"referer": f"https://a.example/{number}/{'x' * 300_000}"}
        yield _query(number, "event=e&endpoint_id=p", **fields)


def brackets() -> Iterator[str]:
    """JSON of a hundred thousand empty lists in a list."""
    for number in itertools.count():
        text = '{"event":"e","endpoint_id":"p","evat_a":[' + "[]," * 90_000 + "[]]}"
        yield _posted(number, "json", text)


def accented_lists() -> Iterator[str]:
    """Lists with one refused event. The rest of each list grows when it is escaped again."""
    for number in itertools.count():
        events = [{"event": "bad", "endpoint_id": "p", "evat_a": "é" * 1_500}]
        events += [{"event": "e", "endpoint_id": "p"}]
        yield _listed(number, events * 25)


def not_ours() -> Iterator[str]:
    """Megabytes of text that the endpoint did not write."""
    for number in itertools.count():
        yield f"{number} " + "z&" * 500_000


SHAPES: Final[dict[str, Callable[[], Iterator[str]]]] = {
    shape.__name__: shape
    for shape in (
        tiny_lists,
        tiny_lists_of_many_endpoints,
        newest_of_one_endpoint,
        newest_of_many_attributes,
        distinct_attributes_of_one_endpoint,
        distinct_attributes_of_many_endpoints,
        visitors_too_large_together,
        empty_parameters,
        empty_parameters_of_a_form,
        distinct_attributes,
        repeated_values,
        control_characters,
        quotes_and_one_emoji,
        text_and_one_emoji,
        long_headers,
        brackets,
        accented_lists,
        not_ours,
    )
}


def event(bodies: Iterator[str]) -> bytes:
    """Return an invocation's event as Lambda sends it, with as many bodies as fit."""
    return json.dumps(
        {"Records": list(batches.fitting(_records(bodies)))}, separators=(",", ":")
    ).encode()


def _records(bodies: Iterator[str]) -> Iterator[dict[str, Any]]:
    for number, body in enumerate(bodies):
        assert len(body.encode()) <= MESSAGE_BYTES
        yield batches.record(number, body)
