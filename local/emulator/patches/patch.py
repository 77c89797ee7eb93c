"""Replacements of MiniStack's private functions."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class WrongMiniStackError(Exception):
    """The installed MiniStack is not the release that the patches were written for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A replacement for one of MiniStack's functions.

    Attributes:
        holder: Module, or dictionary of handlers, that holds the function.
        name: The function's name there.
        signature: The expected signature of a function, or ``repr`` of a constant.
        aws: The behavior of AWS that MiniStack lacks.
        needless: The condition under which the patch can be removed.
        uses: Other private functions that the replacement calls, with their expected signatures.
        make: Returns the replacement for the original, its argument.
    """

    holder: Any
    name: str
    signature: str
    aws: str
    needless: str
    uses: Mapping[tuple[Any, str], str] = field(default_factory=dict)
    make: Callable[[Any], Any]

    @property
    def original(self) -> Any:
        """The function as it is now; ``None`` if it is missing."""
        return _get(self.holder, self.name)

    def check(self) -> None:
        """Check that MiniStack's functions are the expected ones.

        Raises:
            WrongMiniStackError: A signature differs.
        """
        found = signature_of(self.original)
        if found != self.signature:
            raise WrongMiniStackError(_differs(self.holder, self.name, found, self.signature))
        check_signatures(self.uses)

    def apply(self) -> None:
        """Replace the function."""
        replacement = self.make(self.original)
        if isinstance(self.holder, dict):
            self.holder[self.name] = replacement
        else:
            setattr(self.holder, self.name, replacement)


PATCHES: Final[dict[str, Patch]] = {}
"""All patches, by the names of the functions that make the replacements."""


def patch(
    holder: Any,
    name: str,
    signature: str,
    *,
    aws: str,
    needless: str,
    uses: Mapping[tuple[Any, str], str] | None = None,
) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Register the decorated function, which returns a replacement. See :class:`Patch`."""

    def register(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
        PATCHES[make.__name__] = Patch(
            holder=holder,
            name=name,
            signature=signature,
            aws=aws,
            needless=needless,
            uses=uses or {},
            make=make,
        )
        return make

    return register


def signature_of(found: Any) -> str:
    """Return a function's signature, or a constant's ``repr``."""
    if found is None:
        return "nothing"
    return str(inspect.signature(found)) if callable(found) else repr(found)


def check_signatures(signatures: Mapping[tuple[Any, str], str]) -> None:
    """Check functions of modules.

    Args:
        signatures: Expected signatures by module and name.

    Raises:
        WrongMiniStackError: A signature differs.
    """
    for (module, name), expected in signatures.items():
        found = signature_of(getattr(module, name, None))
        if found != expected:
            raise WrongMiniStackError(_differs(module, name, found, expected))


def _differs(holder: Any, name: str, found: str, expected: str) -> str:
    place = getattr(holder, "__name__", "a table of handlers")
    return f"{place}.{name} has the signature {found}, expected {expected}"


def _get(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, dict) else getattr(holder, name, None)
