"""Destinations of the deployable app, one module each.

A module's name is the destination's, with ``_`` for ``-``. Its ``SETTINGS`` is a
:class:`~stacks.destinations.base.DestinationSettings`. Nothing lists the modules.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stacks.destinations.base import DestinationSettings


@cache
def destination_settings() -> Mapping[str, type[DestinationSettings]]:
    """Return each destination's settings by its name, in alphabetical order."""
    modules = sorted(module.name for module in iter_modules(__path__) if module.name != "base")
    return {
        name.replace("_", "-"): cast(
            "type[DestinationSettings]", import_module(f"{__name__}.{name}").SETTINGS
        )
        for name in modules
    }


def destination_of(setting: str) -> str | None:
    """Return the destination of a setting, which its prefix names; ``None`` for the others."""
    for name, settings in destination_settings().items():
        old_names = (each.old_name for each in settings.definitions().values())
        if setting.startswith(f"{name.replace('-', '_')}_") or setting in old_names:
            return name
    return None


def one_of() -> str:
    """Return the requirement of the setting ``destination``."""
    return f"must be one of {', '.join(destination_settings())}, or several, comma-separated"


def read_destinations(value: object) -> Sequence[str]:
    """Read the chosen destinations."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list) or not given:
        raise ValueError(one_of())
    given = [name.strip() if isinstance(name, str) else name for name in given]
    if not all(isinstance(name, str) and name in destination_settings() for name in given):
        raise ValueError(one_of())
    if len(set(given)) < len(given):
        raise ValueError("must name each destination once")
    return given
