"""The error of every refused prop. This module does not import ``aws_cdk``."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class _NotGiven(Enum):
    """Type of the marker for a value that was not given, because ``None`` may be a value."""

    NOT_GIVEN = "nothing"


NOT_GIVEN: Final = _NotGiven.NOT_GIVEN
"""``got`` of a :class:`PropError` about other props' values, or about no value."""


class PropError(ValueError):
    """A prop is missing or misspelt, or its value cannot work.

    As text it is one sentence: ``batch_size must be a whole number between 1 and 10,000, got 0``.

    Example:
        >>> try:
        ...     GtmConnector(self, "Gtm", destination=destination, batch_size=size)
        ... except PropError as error:
        ...     report(error.prop, error.problem, error.got)

    Args:
        prop: Name of the prop, as the caller wrote it.
        problem: Requirement that the value does not meet: a sentence without its subject. The name
            of a prop in ``others`` is in braces, ``{batch_size}``.
        got: The value that was given; :data:`NOT_GIVEN` for none.
        fix: Remedy, if ``problem`` does not say it. Braces as in ``problem``.
        others: Values of other props that conflict with the value, by name.
    """

    def __init__(
        self,
        prop: str,
        problem: str,
        got: object = NOT_GIVEN,
        fix: str = "",
        others: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(prop, problem, got, fix, others)
        self._problem = problem
        self._fix = fix
        self.prop = prop
        """Name of the prop, as the caller wrote it."""
        self.got = got
        """The value that was given; :data:`NOT_GIVEN` for none."""
        self.others: Mapping[str, object] = others or {}
        """Values of other props that conflict with the value, by name."""

    @property
    def problem(self) -> str:
        """Requirement that the value does not meet: the sentence without its subject."""
        return self._named(self._problem)

    @property
    def fix(self) -> str:
        """Remedy; empty if :attr:`problem` says it."""
        return self._named(self._fix)

    @property
    def given(self) -> str:
        """Value that was given, as the sentence shows it; empty if there is none."""
        values = [] if self.got is NOT_GIVEN else [shown(self.got)]
        others = " and ".join(
            f"{name}={repr(value) if isinstance(value, int) else shown(value)}"
            for name, value in self.others.items()
        )
        return " with ".join([*values, *([others] if others else [])])

    def renamed(self, names: Mapping[str, str]) -> PropError:
        """Return the same error with other names for the props.

        Args:
            names: New names by prop. Other props keep their names.
        """
        problem, fix = self._problem, self._fix
        for name in self.others:
            problem = problem.replace(f"{{{name}}}", f"{{{names.get(name, name)}}}")
            fix = fix.replace(f"{{{name}}}", f"{{{names.get(name, name)}}}")
        others = {names.get(name, name): value for name, value in self.others.items()}
        return PropError(names.get(self.prop, self.prop), problem, self.got, fix, others)

    def __str__(self) -> str:
        got = f", got {self.given}" if self.given else ""
        fix = f": {self.fix}" if self.fix else ""
        return f"{self.prop} {self.problem}{got}{fix}"

    def _named(self, text: str) -> str:
        for name in self.others:
            text = text.replace(f"{{{name}}}", name)
        return text


def shown(value: object) -> str:
    """Return ``value`` as an error message shows it: as it was written, or by its class."""
    if _is_token(value):
        return "a token"
    match value:
        case Enum():
            text = f"{type(value).__name__}.{value.name}"
        case bool() | None | float() | str() | bytes():
            text = repr(value)
        case int():
            text = f"{value:,}"
        case list() | tuple():
            text = f"[{', '.join(map(shown, value))}]"
        case type():
            text = f"the class {value.__name__}"
        case _ if callable(getattr(value, "to_human_string", None)):
            text = _duration(value)
        case _:
            # jsii's class name for objects that implement an interface in another language.
            name = type(value).__name__.removeprefix("_").removesuffix("Proxy")
            name = name.removesuffix("Base")  # the class of an imported resource
            text = f"{'an' if name[0] in 'AEIOaeio' else 'a'} {name}"
    return text


def _duration(value: Any) -> str:
    milliseconds = value.to_milliseconds()
    # The text has at most two units: 90.5 seconds would become "1 minute 30 seconds".
    return f"{milliseconds:,} milliseconds" if milliseconds % 1_000 else value.to_human_string()


# aws-cdk-lib encodes number tokens below this value. No real number is that low.
_NUMBER_TOKENS: Final = -1e289


def _is_token(value: object) -> bool:
    match value:
        case str():
            return "${Token[" in value
        case float():
            return -float("inf") < value < _NUMBER_TOKENS
        case [str(text)]:
            return text.startswith("#{Token[")
        case type():
            return False
    if callable(unresolved := getattr(value, "is_unresolved", None)):  # a Duration
        return bool(unresolved())
    return callable(getattr(value, "resolve", None))  # not yet written as a text or a number
