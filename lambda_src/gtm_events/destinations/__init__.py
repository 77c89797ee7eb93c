"""Where events go: a module for each destination, found by its name.

``kinesis`` is :mod:`gtm_events.destinations.kinesis`, ``customer-profiles`` is
:mod:`gtm_events.destinations.customer_profiles`. A destination of one's own is named by its entry
point, ``shop_webhook:create``: a module of that name lies beside this package or in a layer.
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
    """Where events go. One instance serves many invocations."""

    @property
    def limits(self) -> Limits:
        """What the destination takes of one event."""
        ...

    def deliver(
        self, messages: Iterable[Sequence[Event]], deadline: Deadline, counts: Counter[str]
    ) -> Iterator[Outcome]:
        """Yield exactly one outcome per event, in any order.

        Args:
            messages: Each message's events, in the order in which the messages are to be delivered;
                may be none. They are read one after the other, and delivered so that some message
                is soon delivered whole.
            deadline: Nothing is sent after it.
            counts: Requests, throttles and what had to be left out are added to it.

        Raises:
            gtm_events.sending.Denied: The destination does not let the function in, after every
                event has its outcome.
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

    Only its module is imported: an invocation waits for no other.

    Raises:
        SettingsError: There is no such destination, or its own settings are wrong.
    """
    module, function = _entry_point(name)
    try:
        factory = getattr(import_module(module), function, None)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name in _parents(module):
            words = f"{_NAMES}; there is no module {error.name}"
        else:  # no event has come yet that the error's text could quote
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
    """Return a module's name and those of the packages that it is in."""
    names = module.split(".")
    return {".".join(names[: number + 1]) for number in range(len(names))}
