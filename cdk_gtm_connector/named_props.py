"""Errors that say which prop is misspelt, missing, or given by position."""

from __future__ import annotations

import inspect
import re
from difflib import get_close_matches
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from cdk_gtm_connector.errors import PropError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

AnyClass = TypeVar("AnyClass", bound=type)


def named_props(cls: AnyClass) -> AnyClass:
    """Make ``cls`` raise :class:`~cdk_gtm_connector.PropError` where Python raises ``TypeError``.

    Python's error only says that an argument is unexpected; this one says which prop was probably
    meant. It is a class decorator, so type checkers and editors see the signature as written.
    """
    class_: Any = cls
    init = class_.__init__
    signature = inspect.signature(init)

    @wraps(init)
    def checked(*args: Any, **kwargs: Any) -> None:
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            _refuse(cls.__name__, signature.parameters, args, kwargs)
        init(*args, **kwargs)

    class_.__init__ = checked
    return cls


def _refuse(
    construct: str,
    parameters: Mapping[str, inspect.Parameter],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> None:
    """Raise a ``PropError`` for a wrong argument. Python reports the other mistakes."""
    positional = [p.name for p in parameters.values() if p.kind is not p.KEYWORD_ONLY]
    by_name = [name for name in parameters if name not in positional]
    for name, value in kwargs.items():
        if name not in parameters:
            props = [*positional[1:], *by_name]
            meant = get_close_matches(_snake_case(name), props, n=1)
            fix = f"write {meant[0]}" if meant else f"its props are {', '.join(props)}"
            raise PropError(name, f"is no prop of {construct}", value, fix)
    if len(args) > len(positional):
        left = [name for name in by_name if name not in kwargs]
        first = left[0] if left else positional[-1]
        value = args[len(positional)]
        raise PropError(first, f"must be given to {construct} by its name, as {first}=…", value)
    given = {*positional[: len(args)], *kwargs}
    for name, parameter in parameters.items():
        if name not in given and parameter.default is parameter.empty:
            raise PropError(name, f"must be given to {construct}, as {name}=…")


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
