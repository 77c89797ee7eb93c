"""Where events go. Adding a destination is one file here and one line in ``_MODULES``."""

from __future__ import annotations

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


# By name, so that an invocation imports the one destination that it needs.
_MODULES: Final = {
    "customer-profiles": "gtm_events.destinations.customer_profiles",
    "eventbridge": "gtm_events.destinations.eventbridge",
    "firehose": "gtm_events.destinations.firehose",
    "kinesis": "gtm_events.destinations.kinesis",
    "pinpoint": "gtm_events.destinations.pinpoint",
}


def create(name: str, environment: Mapping[str, str]) -> Destination:
    """Return the destination called ``name``, configured from ``environment``.

    Raises:
        SettingsError: There is no such destination, or its own settings are wrong.
    """
    if name not in _MODULES:
        raise SettingsError("DESTINATION", f"must be one of {', '.join(_MODULES)}", name)
    return cast("Destination", import_module(_MODULES[name]).create(environment))
