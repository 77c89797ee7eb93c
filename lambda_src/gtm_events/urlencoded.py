"""``application/x-www-form-urlencoded``, read at the speed of C where that is safe.

``urllib.parse.parse_qsl`` spends 16 microseconds on a message of ten parameters, most of them in
Python code for each percent-escape: more than everything else that the function does with it. What
API Gateway's ``$util.urlEncode`` writes is plain enough for a shorter way.
"""

from __future__ import annotations

from binascii import a2b_qp
from typing import Final
from urllib.parse import parse_qsl

Parameters = list[tuple[str, str]]

# Raw, both are control characters that no encoder leaves as they are. Escaped, they begin with %1.
_BETWEEN_PARAMETERS: Final = "\x1e"
_BETWEEN_NAME_AND_VALUE: Final = "\x1f"


def _quoted_printable() -> bytes:
    """Return the table that makes quoted-printable of urlencoded text.

    Both escape a byte as two hexadecimal digits, but binascii decodes quoted-printable in C. What
    is not printable ASCII becomes a byte that is not UTF-8, which :func:`parse` notices.
    """
    table = bytearray(b"\xff" * 256)
    table[0x21:0x7F] = range(0x21, 0x7F)
    for character, replacement in (
        ("&", _BETWEEN_PARAMETERS),
        ("=", _BETWEEN_NAME_AND_VALUE),
        ("+", " "),
        ("%", "="),
    ):
        table[ord(character)] = ord(replacement)
    return bytes(table)


_QUOTED_PRINTABLE: Final = _quoted_printable()


def parse(text: str, *, strict: bool = True) -> Parameters:
    """Return the names and values of ``text``, decoded, in order.

    Exactly what ``parse_qsl(text, keep_blank_values=True, strict_parsing=strict)`` returns: what
    is escaped and not UTF-8 becomes U+FFFD.

    Args:
        text: Parameters in the form ``name=value&name=value``. An empty text has none.
        strict: Whether a parameter without ``=`` is an error. Otherwise its value is empty.

    Raises:
        ValueError: A parameter has no ``=``.
    """
    if not text:  # what strict parsing says of it depends on Python's version
        return []
    return _parse_plain(text) or parse_qsl(text, keep_blank_values=True, strict_parsing=strict)


def _parse_plain(text: str) -> Parameters | None:
    """Return the parameters of a text without any peculiarity, ``None`` for every other."""
    if "%1" in text or not text.isascii():
        return None
    raw = text.encode("ascii")
    decoded = a2b_qp(raw.translate(_QUOTED_PRINTABLE))
    # An escape shrinks by two bytes; what is no escape after all (%zz, %4) shrinks by less.
    if len(decoded) != len(raw) - 2 * raw.count(b"%"):
        return None
    parameters: Parameters = []
    try:
        for parameter in decoded.decode().split(_BETWEEN_PARAMETERS):
            name, value = parameter.split(_BETWEEN_NAME_AND_VALUE)
            parameters.append((name, value))
    except ValueError:  # not UTF-8, or not one "=" in a parameter
        return None
    return parameters
