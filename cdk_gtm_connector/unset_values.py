"""Words that a tag writes for a variable without a value."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.validation import check_sequence, check_text

if TYPE_CHECKING:
    from collections.abc import Sequence

UNSET_VALUES: Final = ("undefined", "null", "NaN", "[object Object]")
"""JavaScript's texts for a missing value, which a Custom Image tag sends unchanged."""

_MAX_WORDS: Final = 50
_MAX_CHARACTERS: Final = 100


def checked_unset_values(values: Sequence[str] | None) -> tuple[str, ...]:
    """Return the words of ``values``, each once; ``None`` is :data:`UNSET_VALUES`.

    Raises:
        PropError: ``values`` is not a list of at most 50 words, or one of them is empty, longer
            than 100 characters, has white space around it or a control character in it.
    """
    if values is None:
        return UNSET_VALUES
    check_sequence(_PROP, values, 'must be a list of words, such as ["undefined", "null"]')
    if len(values) > _MAX_WORDS:
        raise PropError(_PROP, f"must hold at most {_MAX_WORDS} words", len(values))
    for word in values:
        check_text(_PROP, word, _WORD, _WORDS_LIKE, known=True)
        if word != word.strip() or any(unicodedata.category(char) in _NOT_TEXT for char in word):
            raise PropError(_PROP, _WORDS_LIKE, word)
    return tuple(dict.fromkeys(values))


_PROP: Final = "unset_values"
_WORD: Final = re.compile(rf".{{1,{_MAX_CHARACTERS}}}", re.DOTALL)
_WORDS_LIKE: Final = (
    f"must hold words of 1 to {_MAX_CHARACTERS} characters, without control characters and without "
    "white space around them"
)
_NOT_TEXT: Final = ("Cc", "Cs")
