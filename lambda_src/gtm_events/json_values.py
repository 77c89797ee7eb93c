"""Values of JSON that somebody else wrote: of the type that is expected, or as good as missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_EMPTY: Final[Mapping[str, Any]] = {}


def object_of(value: object) -> Mapping[str, Any]:
    """Return a value of an answer if it is an object, an empty one for anything else."""
    return value if isinstance(value, dict) else _EMPTY


def objects_of(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a list of an answer: none if it is no list."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def text_of(value: object) -> str:
    """Return a value of an answer if it is text, an empty one for anything else."""
    return value if isinstance(value, str) else ""


def status_of(value: object) -> int | None:
    """Return a value of an answer if it can be an HTTP status, ``None`` for anything else."""
    if isinstance(value, int) and 100 <= value < 600:  # noqa: PLR2004 - HTTP's
        return value
    return None
