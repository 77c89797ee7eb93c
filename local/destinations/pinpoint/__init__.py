"""A stand-in for Amazon Pinpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gtm_events.destinations.pinpoint import Pinpoint
from local.destinations.pinpoint.server import PutEventsServer
from local.stand_in.kind import StandIn

if TYPE_CHECKING:
    from collections.abc import Mapping


def _server(
    _variables: Mapping[str, str], _template: Mapping[str, Any], **options: Any
) -> PutEventsServer:
    return PutEventsServer(**options)


STAND_IN: Final = StandIn(
    context={"pinpoint_app_id": "local"}, server=_server, limits=Pinpoint.limits
)
