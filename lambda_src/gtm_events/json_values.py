"""Reads values of untrusted JSON: a value of an unexpected type counts as missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_EMPTY: Final[Mapping[str, Any]] = {}


def object_of(value: object) -> Mapping[str, Any]:
    """Return a value if it is an object, else an empty object."""
    return value if isinstance(value, dict) else _EMPTY


def objects_of(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield the objects in a value that is a list; yield nothing for any other value."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def text_of(value: object) -> str:
    """Return a value if it is text, else an empty text."""
    return value if isinstance(value, str) else ""


def status_of(value: object) -> int | None:
    """Return a value if it can be an HTTP status, else ``None``."""
    if isinstance(value, int) and 100 <= value < 600:  # noqa: PLR2004 - HTTP's
        return value
    return None
