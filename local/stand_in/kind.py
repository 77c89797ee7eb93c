"""A built-in destination on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gtm_events.event import Limits
    from local.arrivals import Arrivals
    from local.stand_in.server import DestinationServer

NAME: Final = "gtm-events"
"""Name of a stream, a bus or a domain that exists on this machine only."""

WATCHER: Final = "local-console"
"""Name, or prefix of the name, of the resources through which the console sees arrivals."""


def nothing_to_prepare(_variables: Mapping[str, str], _client: Callable[[str], Any]) -> None:
    """Prepare nothing, because the server itself keeps the events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """The local side of a built-in destination.

    Attributes:
        context: Settings that the app needs to choose this destination here.
        server: Returns the server that the function calls. It gets the function's environment, the
            stack's template, and the options of
            :class:`~local.stand_in.server.DestinationServer`. Raises ``ValueError`` for something
            in the template that is not known here.
        limits: The function's limits for one event.
        prepare: Makes in the emulator what the destination refers to, and returns a reader of what
            arrives there; ``None`` if the server keeps that. It gets the function's environment,
            and a function that returns a boto3 client.
        places: The environment's variables that hold ARNs of what ``prepare`` makes.
    """

    context: Mapping[str, str]
    server: Callable[..., DestinationServer]
    limits: Limits
    prepare: Callable[[Mapping[str, str], Callable[[str], Any]], Arrivals | None] = (
        nothing_to_prepare
    )
    places: Sequence[str] = ()
