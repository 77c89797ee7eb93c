"""Description of a stand-in for a built-in destination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gtm_events.event import Limits
    from local.arrivals import Arrivals
    from local.stand_in.server import DestinationServer

NAME: Final = "gtm-events"
"""Name of the local stream, bus or domain."""

WATCHER: Final = "local-console"
"""Name, or prefix of the name, of the resources that collect arrivals for the console."""


def nothing_to_prepare(_variables: Mapping[str, str], _client: Callable[[str], Any]) -> None:
    """Prepare nothing, because the server keeps the events itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """A stand-in for a built-in destination.

    Attributes:
        context: Settings that the app needs for this destination in a local run.
        server: Returns the server that the function calls. Its arguments are the function's
            environment, the stack's template, and the options of
            :class:`~local.stand_in.server.DestinationServer`. It raises ``ValueError`` if the
            stand-in does not support something in the template.
        limits: The function's limits for one event.
        prepare: Creates the destination's resources in the emulator, and returns a reader of the
            events that arrive there, or ``None`` if the server keeps them. Its arguments are the
            function's environment, and a function that returns a boto3 client.
        arn_variables: Environment variables that hold the ARNs of these resources.
    """

    context: Mapping[str, str]
    server: Callable[..., DestinationServer]
    limits: Limits
    prepare: Callable[[Mapping[str, str], Callable[[str], Any]], Arrivals | None] = (
        nothing_to_prepare
    )
    arn_variables: Sequence[str] = ()
