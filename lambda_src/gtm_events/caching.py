"""Caches of bounded size."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_ENTRIES: Final = 1_024
_MAX_CHARACTERS: Final = 500


def cached_if_short(function: Callable[[str], T]) -> Callable[[str], T]:
    """Return ``function`` with a cache of its latest results for short texts.

    Repeated texts are short. Long ones stay out, because anybody can send long headers, and a cache
    of them would fill the function's memory.
    """
    cached = lru_cache(maxsize=_ENTRIES)(function)
    return lambda text: cached(text) if len(text) <= _MAX_CHARACTERS else function(text)
