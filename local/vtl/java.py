"""The objects of a mapping template: ``$input``, ``$util``, and Java's strings, maps and lists.

Values are Python's: ``str``, ``int``, ``bool``, ``None`` for null, mappings for Java maps, lists
for Java lists, and other collections for Java sets. Templates only read them. Calling a method that
this module lacks raises an error, whereas Velocity renders nothing if Java lacks the method.
"""

from __future__ import annotations

import base64
import json
import math
import re
import reprlib
import struct
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NoReturn
from urllib.parse import quote_plus, unquote_plus

__all__ = ["UTIL", "JavaObject", "call_method", "equal", "read_property", "request_input", "text"]

_Methods = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class JavaObject:
    """An object with given properties and methods, such as ``$util``."""

    name: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    methods: _Methods = field(default_factory=dict)


def text(value: object) -> str:
    """Return the result of Java's ``toString()``; ``null`` for ``None``.

    Raises:
        TypeError: Java's text for the value is not known here, as for ``$util``.
    """
    match value:
        case str():
            return value
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value) if isinstance(value, int) else _double(value)
        case Mapping():
            return "{" + ", ".join(f"{text(k)}={text(v)}" for k, v in value.items()) + "}"
        case Collection():
            return "[" + ", ".join(map(text, value)) + "]"
    raise TypeError(f"{_described(value)} cannot be written as Java would write it")


def _double(value: float) -> str:
    # As Double.toString() does: the fewest digits that identify the number, at least one of them
    # after the point, and an exponent from 10,000,000 up and below 0.001.
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    figures = "".join(map(str, digits)).rstrip("0") or "0"
    exponent = int(exponent) + len(digits) - 1 if value else 0
    if -4 < exponent < 7:  # noqa: PLR2004 - Java's bounds
        figures = figures.rjust(len(figures) - exponent, "0") if exponent < 0 else figures
        whole = max(exponent, 0) + 1
        figures = figures.ljust(whole + 1, "0")
        return f"{'-' * sign}{figures[:whole]}.{figures[whole:]}"
    return f"{'-' * sign}{figures[0]}.{figures[1:] or '0'}E{exponent}"


def equal(left: object, right: object) -> bool:
    """Compare like Velocity's ``==``, which compares values of different types by their text.

    Raises:
        TypeError: Neither is ``None``, and one is not a string, whole number or boolean.
    """
    if left is None or right is None:
        return left is right
    for value in (left, right):
        if not isinstance(value, str | int):
            raise TypeError(f"{_described(value)} cannot be compared here")
    return text(left) == text(right)


def read_property(owner: object, name: str) -> Any:
    """Return ``$owner.name``; for a map, the member with that name, or ``None``.

    Raises:
        TypeError: The object has no such property here.
    """
    if isinstance(owner, Mapping):
        return owner.get(name)
    if isinstance(owner, JavaObject) and name in owner.properties:
        return owner.properties[name]
    raise TypeError(f"{_described(owner)} has no property {name!r} here")


def call_method(owner: object, name: str, arguments: list[Any]) -> Any:
    """Return ``$owner.name(arguments)``.

    Raises:
        TypeError: The object has no such method here, or the method does not accept the arguments.
        ValueError: The method refuses the arguments' values.
    """
    if isinstance(owner, JavaObject):
        method = owner.methods.get(name)
    else:
        methods = next((table for kind, table in _METHODS if isinstance(owner, kind)), {})
        method = partial(methods[name], owner) if name in methods else None
    if method is None:
        raise TypeError(f"{_described(owner)} has no method {name!r} here")
    return method(*arguments)


def _described(value: object) -> str:
    if isinstance(value, JavaObject):
        return value.name
    return f"{type(value).__name__} {reprlib.repr(value)}"


# Java's classes -------------------------------------------------------------------------------


def _utf_16(value: str) -> bytes:
    return value.encode("utf-16-le", "surrogatepass")


def _length(value: str) -> int:
    # Java counts UTF-16 units, so an emoji has two.
    return len(_utf_16(value)) // 2


def _substring(value: str, start: int, end: int | None = None) -> str:
    length = _length(value)
    end = length if end is None else end
    if not 0 <= start <= end <= length:
        raise ValueError(f"no substring from {start} to {end} in a string of length {length}")
    # Strict, because half a character would not join its other half again as it does in Java.
    return _utf_16(value)[2 * start : 2 * end].decode("utf-16-le")


def _index_of(value: str, part: str) -> int:
    before, found, _ = value.partition(part) if part else ("", True, "")
    return _length(before) if found else -1


def _equals_ignoring_case(value: str, other: object) -> bool:
    if not isinstance(other, str):
        return False
    if not (value.isascii() and other.isascii()):
        raise ValueError(f"equalsIgnoreCase compares only ASCII here, got {value!r} and {other!r}")
    return value.lower() == other.lower()


def _entries(members: Mapping[str, Any]) -> tuple[JavaObject, ...]:
    return tuple(
        JavaObject(
            "a map's entry",
            {"key": key, "value": value},
            {"getKey": partial(str, key), "getValue": partial(members.get, key)},
        )
        for key, value in members.items()
    )


def _item(items: list[Any], index: int) -> Any:
    if not 0 <= index < len(items):
        raise ValueError(f"no item {index} in a list of {len(items)}")
    return items[index]


# The regular expressions that mean the same in Java and Python. For example, a lone "." or a
# negated class does not, because the languages differ in line ends and characters.
_EXPRESSION: Final = re.compile(
    r"(?:[A-Za-z0-9:/%-]|\[(?:[A-Za-z0-9.+](?:-[A-Za-z0-9.])?)+-?\]|\((?!\?)|\)|[*+?](?![*+?])|\|)*"
)


def _matches(value: str, expression: str) -> bool:
    if not _EXPRESSION.fullmatch(expression):
        raise ValueError(
            "a regular expression may only have letters, digits and : / % - [] () | * + ? here, "
            f"got {expression}"
        )
    return bool(re.fullmatch(expression, value))


def _is_empty(value: Collection[Any]) -> bool:
    return not value


_STRING: Final[_Methods] = {
    "contains": lambda value, part: part in value,
    "endsWith": lambda value, suffix: value.endswith(suffix),
    "equals": lambda value, other: isinstance(other, str) and value == other,
    "equalsIgnoreCase": _equals_ignoring_case,
    "indexOf": _index_of,
    "isEmpty": _is_empty,
    "length": _length,
    "matches": _matches,
    "startsWith": lambda value, prefix: value.startswith(prefix),
    "substring": _substring,
    # Equal to Java 17's, except for the 40 pairs of letters of later Unicode versions.
    "toLowerCase": str.lower,
    "toString": text,
    "toUpperCase": str.upper,
    "trim": lambda value: value.strip("".join(map(chr, range(0x21)))),
}
_MAP: Final[_Methods] = {
    "containsKey": lambda members, key: key in members,
    "entrySet": _entries,
    "get": lambda members, key: members.get(key),
    "isEmpty": _is_empty,
    "keySet": lambda members: members.keys(),
    "size": len,
    "toString": text,
    "values": lambda members: members.values(),
}
_COLLECTION: Final[_Methods] = {
    "contains": lambda items, item: item in items,
    "isEmpty": _is_empty,
    "size": len,
    "toString": text,
}
_METHODS: Final[tuple[tuple[type, _Methods], ...]] = (
    (str, _STRING),
    (Mapping, _MAP),
    (list, {**_COLLECTION, "get": _item}),
    (Collection, _COLLECTION),
    (int, {"toString": text}),
)


# $input ---------------------------------------------------------------------------------------

_STEP: Final = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\['([^']*)'\]|\[([0-9]+)\]")
_PATH: Final = re.compile(rf"\$(?:{_STEP.pattern})*")


def request_input(
    *,
    path: Mapping[str, str],
    querystring: Mapping[str, str],
    headers: Mapping[str, str],
    body: str,
) -> JavaObject:
    """Return ``$input`` for one request."""
    parts = MappingProxyType({"path": path, "querystring": querystring, "header": headers})
    return JavaObject(
        "$input",
        {"body": body},
        {
            "json": lambda expression: _write_json(_find(body, expression)),
            "params": partial(_params, parts),
            "path": partial(_find_or_null, body),
        },
    )


def _params(parts: Mapping[str, Mapping[str, str]], *name: str) -> Any:
    if not name:
        return parts
    (wanted,) = name
    return next((part[wanted] for part in parts.values() if wanted in part), None)


def _find(body: str, expression: str) -> Any:
    if not _PATH.fullmatch(expression):
        raise ValueError(
            f"a JSONPath may only have $, .name, ['name'] and [0] here, got {expression}"
        )
    node = _parse_json(body)
    for step in _STEP.finditer(expression):
        member, quoted, index = step.groups()
        node = node[int(index)] if index else node[quoted if member is None else member]
    return node


def _find_or_null(body: str, expression: str) -> Any:
    try:
        return _find(body, expression)
    except (LookupError, TypeError):
        return None


# $util ----------------------------------------------------------------------------------------


def _parse_json(value: str) -> Any:
    return json.loads(value, parse_constant=_refuse_constant)


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _write_json(value: object) -> str:
    return json.dumps(_writable(value), ensure_ascii=False, separators=(",", ":"))


def _writable(value: object) -> object:
    # Java and Python write fractions differently, and no template needs them.
    match value:
        case float():
            raise ValueError(f"only whole numbers can be written as JSON here, got {value}")
        case list():
            return [_writable(item) for item in value]
        case dict():
            return {name: _writable(member) for name, member in value.items()}
    return value


def _url_encode(value: str) -> str:
    # As java.net.URLEncoder does: unlike quote_plus, it encodes `~` and not `*`, and half a
    # surrogate pair becomes "?".
    return quote_plus(value, safe="*", errors="replace").replace("~", "%7E")


def _url_decode(value: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", value):
        raise ValueError(f"not percent-encoded: {value!r}")
    return unquote_plus(value, errors="strict")


_JAVASCRIPT_ESCAPES: Final = {
    **{ord(char): f"\\{char}" for char in "'\"\\/"},
    **{ord(char): f"\\{name}" for char, name in zip("\b\t\n\f\r", "btnfr", strict=True)},
}


def _escape_javascript(value: str) -> str:
    # As StringEscapeUtils of commons-lang 2 does: UTF-16 units, upper-case hexadecimal digits.
    return "".join(
        _JAVASCRIPT_ESCAPES.get(unit) or (chr(unit) if 0x20 <= unit <= 0x7F else f"\\u{unit:04X}")  # noqa: PLR2004
        for (unit,) in struct.iter_unpack("<H", _utf_16(value))
    )


UTIL: Final = JavaObject(
    "$util",
    methods={
        "base64Decode": lambda value: base64.b64decode(value, validate=True).decode(),
        "base64Encode": lambda value: base64.b64encode(value.encode()).decode(),
        "escapeJavaScript": _escape_javascript,
        "parseJson": _parse_json,
        "urlDecode": _url_decode,
        "urlEncode": _url_encode,
    },
)
"""The object ``$util`` of templates."""
