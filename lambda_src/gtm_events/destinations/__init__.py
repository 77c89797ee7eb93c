"""Destinations of events: one module each, found by name.

``kinesis`` is :mod:`gtm_events.destinations.kinesis`, and ``customer-profiles`` is
:mod:`gtm_events.destinations.customer_profiles`. A custom destination is named by its entry point,
such as ``shop_webhook:create``; its module is beside this package or in a layer.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from gtm_events.errors import SettingsError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gtm_events.deadline import Deadline
    from gtm_events.event import Event, Limits
    from gtm_events.outcome import Outcome


class Destination(Protocol):
    """A destination of events. One instance serves many invocations."""

    @property
    def limits(self) -> Limits:
        """The destination's limits for one event."""
        ...

    def deliver(
        self, messages: Iterable[Sequence[Event]], deadline: Deadline, counts: Counter[str]
    ) -> Iterator[Outcome]:
        """Yield exactly one outcome per event, in any order.

        Args:
            messages: Each message's events, in the order of delivery. A message may have none.
                Messages are read one by one, and delivered so that the first ones are complete
                early.
            deadline: Nothing is sent after it.
            counts: Receives the numbers of requests, throttles and losses.

        Raises:
            gtm_events.errors.Denied: The destination denies the function access. Every event has
                its outcome before this is raised.
        """
        ...


_BUILT_IN: Final = re.compile(r"[a-z]+(?:-[a-z]+)*", re.ASCII)
_ENTRY_POINT: Final = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)", re.ASCII)
_NAMES: Final = (
    "must name a destination of gtm_events, like kinesis, or the entry point of another, like "
    "shop_webhook:create"
)


def create(name: str, environment: Mapping[str, str]) -> Destination:
    """Return the destination called ``name``, configured from ``environment``.

    Only its own module is imported, so that a cold start does not wait for the others.

    Raises:
        SettingsError: There is no such destination, or its own settings are wrong.
    """
    module, function = _entry_point(name)
    try:
        factory = getattr(import_module(module), function, None)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name in _parents(module):
            words = f"{_NAMES}; there is no module {error.name}"
        else:  # safe to quote: no event has been read yet
            words = f"must name a module that can be imported ({type(error).__name__}: {error})"
        raise SettingsError("DESTINATION", words, name) from error
    if not callable(factory):
        raise SettingsError("DESTINATION", f"{_NAMES}; {module} has no function {function}", name)
    destination = factory(environment)
    missing = [part for part in ("limits", "deliver") if not hasattr(destination, part)]
    if missing:
        raise SettingsError(
            "DESTINATION",
            f"must name a function that returns a destination; what {function} of {module} returns "
            f"has no {' and no '.join(missing)}",
            name,
        )
    return cast("Destination", destination)


def _entry_point(name: str) -> tuple[str, str]:
    if found := _ENTRY_POINT.fullmatch(name):
        return found[1], found[2]
    if not _BUILT_IN.fullmatch(name):
        raise SettingsError("DESTINATION", _NAMES, name)
    return f"{__name__}.{name.replace('-', '_')}", "create"


def _parents(module: str) -> set[str]:
    """Return a module's name and the names of its parent packages."""
    names = module.split(".")
    return {".".join(names[: number + 1]) for number in range(len(names))}
