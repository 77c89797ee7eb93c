"""Models of the built-in destinations: packing, quotas, charges and prices.

Each module here is one destination. It has the destination's name with ``_`` for ``-``, and its
``MODEL`` is a :class:`~capacity.destinations.base.DestinationModel`. There is no list of them: they
are found by name.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from capacity.destinations.base import DestinationModel


@cache
def destination_models() -> Sequence[DestinationModel]:
    """Return the model of each built-in destination, in alphabetical order."""
    modules = sorted(module.name for module in iter_modules(__path__) if module.name != "base")
    return [cast("DestinationModel", import_module(f"{__name__}.{name}").MODEL) for name in modules]
