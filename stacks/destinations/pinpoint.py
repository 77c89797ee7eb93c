"""Amazon Pinpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cdk_gtm_connector as gtm
from stacks import values
from stacks.destinations.base import DestinationSettings
from stacks.setting import in_settings, setting

if TYPE_CHECKING:
    from constructs import Construct

_APP_ID: Final = (
    "must be the ID of the Pinpoint application that receives the events (letters, digits and "
    "hyphens)"
)


def _app_id(value: object) -> str:
    return values.matched(r"[A-Za-z0-9-]{1,64}", value, _APP_ID)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinpointSettings(DestinationSettings):
    """Settings of the destination ``pinpoint``."""

    pinpoint_app_id: str = setting(
        _app_id,
        "Pinpoint application that receives the events",
        default="",
        default_words="required with `pinpoint`",
        example="0123456789abcdef0123456789abcdef",
        prop="destination.application_id",
        required=_APP_ID,
    )
    pinpoint_requests_per_second: int | None = setting(
        values.whole_number,
        "the account's quota for Pinpoint",
        default_words="`15`",
        example="100",
        prop="destination.requests_per_second",
    )

    def destination(self, scope: Construct, home: str | None) -> gtm.Destination:  # noqa: ARG002
        """See :meth:`DestinationSettings.destination`."""
        with in_settings(self.names("destination")):
            return gtm.PinpointDestination(**self.props("destination"))


SETTINGS: Final = PinpointSettings
