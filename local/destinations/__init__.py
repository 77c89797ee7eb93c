"""Stand-ins for the built-in destinations.

Each module or package here is the stand-in for one destination. Its name is the destination's, with
``_`` for ``-``, and its constant ``STAND_IN`` describes it. :func:`stand_ins` finds them by name,
so there is no list to maintain.
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
