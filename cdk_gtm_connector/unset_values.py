"""Words that a tag writes for a variable without a value."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk

if TYPE_CHECKING:
    from collections.abc import Sequence

UNSET_VALUES: Final = ("undefined", "null", "NaN", "[object Object]")
"""JavaScript's texts for what has no value. A Custom Image sends them as they are."""

_MAX_WORDS: Final = 50
_MAX_CHARACTERS: Final = 100


def checked_unset_values(values: Sequence[str] | None) -> tuple[str, ...]:
    """Return the words of ``values``, each once; ``None`` is :data:`UNSET_VALUES`.

    Raises:
        ValueError: ``values`` is no list of at most 50 words, or one of them is empty, longer than
            100 characters, has white space around it or a control character in it.
    """
    if values is None:
        return UNSET_VALUES
    if isinstance(values, str):
        raise ValueError(f"unset_values must be a list of words, got {values!r}")  # noqa: TRY004
    if cdk.Token.is_unresolved(list(values)):
        raise ValueError("unset_values must be known when the app is synthesized, got a token")
    if len(values) > _MAX_WORDS:
        raise ValueError(f"unset_values must hold at most {_MAX_WORDS} words, got {len(values)}")
    for word in values:
        if not isinstance(word, str):
            raise ValueError(f"unset_values must hold words, got {word!r}")  # noqa: TRY004
        if cdk.Token.is_unresolved(word):
            raise ValueError("unset_values must be known when the app is synthesized, got a token")
        if not 1 <= len(word) <= _MAX_CHARACTERS:
            raise ValueError(
                f"unset_values must hold words of 1 to {_MAX_CHARACTERS} characters, got {word!r}"
            )
        if word != word.strip() or any(unicodedata.category(char) in _NOT_TEXT for char in word):
            raise ValueError(
                "unset_values must hold words without control characters, and without white space "
                f"around them, got {word!r}"
            )
    return tuple(dict.fromkeys(values))


_NOT_TEXT: Final = ("Cc", "Cs")
