"""The syntax tree of airspeed-ext. Classes that differ from Velocity 1.7 are replaced."""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

import importlib.util
import operator
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final

from local.vtl.errors import TemplateError
from local.vtl.java import (
    JavaObject,
    call_method,
    equal,
    read_property,
    text,
)

if TYPE_CHECKING:
    from airspeed import operators as vtl  # type: ignore[import-untyped]
else:
    # A private copy, because some of its classes are replaced, and the parser finds them by name.
    _spec = importlib.util.find_spec("airspeed.operators")
    vtl = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(vtl)

__all__ = ["LOOP_LIMIT", "ResponseOverride", "refusal", "vtl"]

LOOP_LIMIT: Final = 1_000
"""Iterations after which a ``#foreach`` ends, without an error (API Gateway's quota)."""


def refusal(element: Any, position: int, why: str) -> TemplateError:
    """Return the error for an element, with its line and the text there."""
    before, after = element.full_text()[:position], element.full_text()[position:]
    found = after.partition("\n")[0][:40] or "the end of the template"
    return TemplateError(f"line {before.count(chr(10)) + 1}: {why}: {found}")


def _syntax_error(element: Any, expected: str) -> TemplateError:
    return refusal(element, element.end, f"expected {expected} instead of")


class _Never(vtl.Text):
    """Syntax that never matches: Velocity lacks it, or mapping templates do not need it."""

    def parse(self) -> None:
        raise vtl.NoMatch


class _Text(vtl.Text):
    # Velocity unescapes `\$x` only if x is defined. So this does not match it, which refuses it.
    PLAIN = re.compile(r"((?:[^$#\\]|\\+(?![\\$#]))+)(.*)$", re.DOTALL)

    def parse(self) -> None:
        (self.text,) = self.identity_match(self.PLAIN)


class _Comment(vtl.Comment):
    # airspeed-ext also drops the line end after a block comment, and ends an open comment at the
    # end of the template, where Velocity's behavior depends on the last characters.
    COMMENT = re.compile(r"#(?:#[^\n]*\n|\*.*?\*#)(.*)$", re.DOTALL)


class _UnknownDirective(vtl.Text):
    START = re.compile(
        r"(?!#(?:(?:else|elseif|end)(?![A-Za-z0-9_@])|\{(?:else|end)\}))[#\\](.*)$", re.DOTALL
    )

    def parse(self) -> None:
        self.identity_match(self.START)
        raise refusal(self, self.start, "this directive or escape is not supported here")


class _Reference(vtl.FormalReference):
    def parse(self) -> None:
        super().parse()
        if self.expression is None:
            raise refusal(
                self,
                self.start,
                "$ must begin a reference; for a dollar sign, write #set($dollar = '$')",
            )
        if self.expression.part.parameters is not None:
            raise refusal(self, self.start, "a variable cannot be called")

    def evaluate_raw(self, stream: Any, namespace: Any, loader: Any) -> None:
        # airspeed-ext gives a special string another meaning, and a client could send that string.
        value = self.calculate(namespace, loader)
        stream.write("" if value is None else text(value))


class _Name(vtl.NameOrCall):
    RESERVED: Final = {"class", "true", "false"}

    def parse(self) -> None:
        super().parse()
        if self.name in self.RESERVED:
            raise refusal(self, self.start, "this name is reserved in Velocity")

    def calculate(self, owner: Any, loader: Any, namespace: Any) -> Any:
        if isinstance(owner, vtl.LocalNamespace):
            return _variable(owner, self.name)
        if owner is None:
            return None
        if self.parameters is None:
            return read_property(owner, self.name)
        return call_method(owner, self.name, self.parameters.calculate(namespace, loader))


class _Member(vtl.SubExpression):
    DOT = re.compile(r"\.(?=[A-Za-z])(.*)$", re.DOTALL)


class _Index(vtl.ArrayIndex):
    def parse(self) -> None:
        self.identity_match(self.START)
        raise refusal(
            self, self.start, "an index after a reference is not supported here; write .get(…)"
        )


class _String(vtl.InterpolatedStringLiteral):
    def parse(self) -> None:
        super().parse()
        # airspeed-ext drops what it cannot parse, and treats comments in strings differently.
        complete = self.block.end == len(self.value)
        if not complete or any(isinstance(part, vtl.Comment) for part in self.block.children):
            raise refusal(self, self.start, "this string cannot be interpolated")


class _Boolean(vtl.BooleanLiteral):
    BOOLEAN = re.compile(r"(true|false)(?![A-Za-z0-9_-])(.*)$", re.DOTALL)


class _Range(vtl.Range):
    def calculate(self, namespace: Any, loader: Any) -> list[int]:
        return list(super().calculate(namespace, loader))


class _Map(vtl.DictionaryLiteral):
    def calculate(self, namespace: Any, loader: Any) -> dict[str, Any]:
        members: dict[str, Any] = super().calculate(namespace, loader)
        if not all(isinstance(key, str) for key in members):
            raise TypeError(f"a map's keys must be strings, got {list(members)}")
        return members


_OPERAND: Final = vtl.Value


class _Argument(vtl.Value):
    """An argument, where Velocity accepts no expression."""

    def parse(self) -> None:
        super().parse()
        if isinstance(self.expression, vtl.ParenthesizedExpression | vtl.UnaryOperatorValue):
            raise refusal(self, self.start, "expected a value without operators or parentheses")


class _Parenthesized(vtl.ParenthesizedExpression):
    def parse(self) -> None:
        self.identity_match(self.START)
        self.expression = self.next_element(vtl.Expression)
        self.require_match(self.END, ")")

    def calculate(self, namespace: Any, loader: Any) -> Any:
        return self.expression.calculate(namespace, loader)


class _Not(vtl.UnaryOperatorValue):
    def parse(self) -> None:
        self.identity_match(self.UNARY_OP)
        self.value = self.next_element(_OPERAND)

    def calculate(self, namespace: Any, loader: Any) -> bool:
        return not _truth(self.value, namespace, loader)


class _Operator(vtl.BinaryOperator):
    # Velocity always reads `-1` as a number, so `7-1` is not a subtraction.
    BINARY_OP = re.compile(
        r"\s*(>=|<=|==|!=|>|<|&&|\|\||\+|-(?!\d)|\*|/|%|(?:or|and|gt|ge|lt|le|eq|ne)\b)\s*(.*)$",
        re.DOTALL,
    )
    WORDS: Final = {
        "or": "||",
        "and": "&&",
        "eq": "==",
        "ne": "!=",
        "gt": ">",
        "ge": ">=",
        "lt": "<",
        "le": "<=",
    }

    def parse(self) -> None:
        (symbol,) = self.identity_match(self.BINARY_OP)
        self.symbol = self.WORDS.get(symbol, symbol)


class _Expression(vtl.Expression):
    """Operands and operators, grouped when parsed, with short-circuit evaluation."""

    def parse(self) -> None:
        terms = [self.next_element(_OPERAND)]
        with suppress(vtl.NoMatch):
            while True:
                terms.append(self.next_element(_Operator))
                terms.append(self.require_next_element(_OPERAND, "value"))
        self.expression = _grouped(terms)

    def calculate(self, namespace: Any, loader: Any) -> Any:
        return self.expression.calculate(namespace, loader)


@dataclass(frozen=True, slots=True)
class _Operation:
    symbol: str
    left: Any
    right: Any

    def calculate(self, namespace: Any, loader: Any) -> Any:
        if self.symbol in {"&&", "||"}:
            decided = self.symbol == "||"
            if _truth(self.left, namespace, loader) == decided:
                return decided
            return _truth(self.right, namespace, loader)
        left = self.left.calculate(namespace, loader)
        right = self.right.calculate(namespace, loader)
        if self.symbol in {"==", "!="}:
            return equal(left, right) == (self.symbol == "==")
        if self.symbol == "+" and str in {type(left), type(right)} and None not in (left, right):
            return text(left) + text(right)
        for operand in (left, right):
            if isinstance(operand, bool) or not isinstance(operand, int):
                raise TypeError(f"{self.symbol} needs whole numbers, got {operand!r}")
        return _ON_NUMBERS[self.symbol](left, right)


class _Condition(vtl.Condition):
    def calculate(self, namespace: Any, loader: Any) -> bool:
        return _truth(self.expression, namespace, loader)


class _If(vtl.IfDirective):
    START = re.compile(r"#if\b\s*(.*)$", re.DOTALL)


class _Elseif(vtl.ElseifBlock):
    START = re.compile(r"#elseif\b\s*(.*)$", re.DOTALL)


class _Else(vtl.ElseBlock):
    START = re.compile(r"#(?:else(?![A-Za-z0-9_@])|\{else\})(?:[ \t]*\n)?(.*)$", re.DOTALL)


class _End(vtl.End):
    END = re.compile(r"#(?:end(?![A-Za-z0-9_@])|\{end\})(.*)$", re.DOTALL)


class _Set(vtl.SetDirective):
    START = re.compile(r"#set\b(.*)$", re.DOTALL)


@dataclass(slots=True, repr=False)
class ResponseOverride:
    """``$context.responseOverride``, which templates can set but not read."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "$context.responseOverride"

    def set_status(self, value: object) -> None:
        """Set the answer's status."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"a status must be a whole number, got {value!r}")
        self.status = value

    def set_header(self, name: str, value: object) -> None:
        """Set one of the answer's headers."""
        if not isinstance(value, str):
            raise TypeError(f"the header {name} must be a string, got {value!r}")
        self.headers[name] = value


class _Assignment(vtl.Assignment):
    START = re.compile(r" *\(\s*\$([A-Za-z_][A-Za-z0-9_]*)(.*)$", re.DOTALL)
    OVERRIDE = re.compile(
        r" *\(\s*\$(context)\.responseOverride"
        r"\.(?:status|header\.([A-Za-z](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?))(?=\s*=)(.*)$",
        re.DOTALL,
    )

    def parse(self) -> None:
        override = self.next_match(self.OVERRIDE)
        self.is_override, self.header = bool(override), override and override[1]
        (self.root_term,) = override[:1] if override else self.identity_match(self.START)
        self.require_match(self.TERMS_END, "= after a variable or a response override")
        self.value = self.require_next_element(vtl.Expression, "an expression")
        self.require_match(self.END, ")")

    def evaluate_raw(self, stream: Any, namespace: Any, loader: Any) -> None:  # noqa: ARG002
        value = self.value.calculate(namespace, loader)
        if value is None:  # Velocity keeps the old value
            return
        if not self.is_override:
            namespace[self.root_term] = value
            return
        override = read_property(namespace[self.root_term], "responseOverride")
        if not isinstance(override, ResponseOverride):
            raise TypeError("the template has replaced $context")
        if self.header:
            override.set_header(self.header, value)
        else:
            override.set_status(value)


class _Foreach(vtl.ForeachDirective):
    START = re.compile(r"#foreach\b(.*)$", re.DOTALL)
    CLOSE_PAREN = re.compile(r"[ \t]*\)(?:[ \t]*\n)?(.*)$", re.DOTALL)

    def evaluate_raw(self, stream: Any, namespace: Any, loader: Any) -> None:
        items = self.value.calculate(namespace, loader)
        if items is None:
            return
        if isinstance(items, Mapping):
            items = items.values()
        if isinstance(items, str) or not isinstance(items, Collection):
            raise TypeError(f"#foreach needs a list, a map or a set, got {items!r}")
        # Velocity has one scope: names that the body sets stay set, the loop's own names do not.
        names = (self.loop_var_name, "foreach", "velocityCount", "velocityHasNext")
        outer = {name: namespace[name] for name in names if name in namespace}
        for index, item in enumerate(islice(items, LOOP_LIMIT)):
            loop = _loop(index, len(items))
            count, has_next = loop.properties["count"], loop.properties["hasNext"]
            namespace.update(zip(names, (item, loop, count, has_next), strict=True))
            self.block.evaluate(stream, namespace, loader)
        for name in names:
            namespace.pop(name, None)
        namespace.update(outer)


class _Block(vtl.Block):
    # Velocity's lexer still reads a reference when it meets these, and takes them for something
    # else than it would in text; braces end a reference for certain.
    AFTER_REFERENCE = re.compile(r"[A-Za-z_\[{]|##|#\*|[ \t]*#set\b")
    AFTER_PROPERTY = re.compile(rf"{AFTER_REFERENCE.pattern}|[$#]")

    def parse(self) -> None:
        super().parse()
        for before, after in pairwise([*self.children, None]):
            if isinstance(before, vtl.FormalReference) and not before.my_text().endswith("}"):
                is_property = not before.my_text().endswith(")") and "." in before.my_text()
                unclear = self.AFTER_PROPERTY if is_property else self.AFTER_REFERENCE
                if unclear.match(self.full_text(), before.end):
                    raise refusal(before, before.start, "write this reference as ${...}")
            # Velocity drops blanks before #set, unless they follow other text than a backslash.
            if isinstance(before, vtl.Text) and isinstance(after, vtl.SetDirective):
                before.text = re.sub(r"(^|\\)[ \t]+\Z", r"\1", before.text)


def _loop(index: int, length: int) -> JavaObject:
    has_next = index + 1 < length
    return JavaObject(
        "$foreach",
        {
            "index": index,
            "count": index + 1,
            "first": index == 0,
            "last": not has_next,
            "hasNext": has_next,
        },
    )


def _variable(namespace: Any, name: str) -> Any:
    try:
        return namespace[name]
    except KeyError:
        if name == "stageVariables":
            raise TypeError("stage variables are not known here") from None
        return None


def _truth(node: Any, namespace: Any, loader: Any) -> bool:
    while isinstance(node, _OPERAND | _Parenthesized | _Expression):
        node = node.expression
    value = node.calculate(namespace, loader)
    if isinstance(value, bool):
        return value
    if isinstance(node, vtl.FormalReference):
        return value is not None
    # Velocity takes any literal and any sum for false, which no author intends.
    raise TypeError(f"{value!r} is no condition: only references and comparisons are")


def _grouped(terms: list[Any]) -> Any:
    """Group ``[operand, operator, operand, ...]`` from the left, by precedence."""
    for symbols in _LOOSEST_FIRST:
        for position in range(len(terms) - 2, 0, -2):
            if terms[position].symbol in symbols:
                return _Operation(
                    terms[position].symbol,
                    _grouped(terms[:position]),
                    _grouped(terms[position + 1 :]),
                )
    return terms[0]


_LOOSEST_FIRST: Final = (
    {"||"},
    {"&&"},
    {"==", "!="},
    {"<", "<=", ">", ">="},
    {"+", "-"},
    {"*", "/", "%"},
)


def _divide(dividend: int, divisor: int) -> int:
    # Java rounds toward zero, Python down.
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


_ON_NUMBERS: Final[Mapping[str, Callable[[int, int], int]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": lambda dividend, divisor: dividend - divisor * _divide(dividend, divisor),
}


for _name in (
    "AlternateValue",
    "DefineDefinition",
    "EvaluateDirective",
    "FloatingPointLiteral",
    "IncludeDirective",
    "MacroCall",
    "MacroDefinition",
    "NullLiteral",
    "ParseDirective",
    "ReturnDirective",
    "StopDirective",
    "UserDefinedDirective",
):
    setattr(vtl, _name, _Never)


for _name, _replacement in {
    "ArrayIndex": _Index,
    "Assignment": _Assignment,
    "Block": _Block,
    "BooleanLiteral": _Boolean,
    "Comment": _Comment,
    "Condition": _Condition,
    "DictionaryLiteral": _Map,
    "ElseBlock": _Else,
    "ElseifBlock": _Elseif,
    "End": _End,
    "Expression": _Expression,
    "FallthroughHashText": _UnknownDirective,
    "ForeachDirective": _Foreach,
    "FormalReference": _Reference,
    "IfDirective": _If,
    "InterpolatedStringLiteral": _String,
    "NameOrCall": _Name,
    "ParenthesizedExpression": _Parenthesized,
    "Range": _Range,
    "SetDirective": _Set,
    "SubExpression": _Member,
    "TemplateSyntaxError": _syntax_error,
    "Text": _Text,
    "UnaryOperatorValue": _Not,
    "Value": _Argument,
}.items():
    setattr(vtl, _name, _replacement)
