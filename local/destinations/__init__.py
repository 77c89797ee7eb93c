"""Stand-ins for the built-in destinations.

Each module or package here is one destination. It has the destination's name with ``_`` for ``-``,
and its ``STAND_IN`` describes the local side. There is no list of them: they are found by name.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.stand_in.kind import StandIn


@cache
def stand_ins() -> Mapping[str, StandIn]:
    """Return each built-in destination's stand-in, by the destination's name."""
    return {
        module.name.replace("_", "-"): cast(
            "StandIn", import_module(f"{__name__}.{module.name}").STAND_IN
        )
        for module in sorted(iter_modules(__path__), key=lambda module: module.name)
    }
