"""The endpoint's contract with tags: the names in its URLs, its parameters, and its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cdk_gtm_connector import mapping
from cdk_gtm_connector.max_events import DEFAULT_MAX_EVENTS
from cdk_gtm_connector.unset_values import checked_unset_values

if TYPE_CHECKING:
    from collections.abc import Sequence

STAGE_NAME: Final = "Api-PinpointEvents"
"""Part of URLs that already sit in people's GTM containers: never change it."""

RESOURCE_NAME: Final = "events"
"""Part of URLs that already sit in people's GTM containers: never change it."""

AUTHENTICATED_RESOURCE_NAME: Final = "authenticated"
"""Last part of the URL of the authenticated route."""

REQUIRED_PARAMETERS: Final = ("event", "endpoint_id")

TOKEN_PARAMETER: Final = "token"  # noqa: S105 - a parameter's name
"""Query parameter that carries a signed token. It is never queued."""

MAX_BODY_CHARACTERS: Final = 300_000
"""Maximum length of a POST body.

Percent-encoding turns one byte into up to three, and an SQS message has at most 1 MiB. So does an
SNS message if the topic's ``MaximumMessageSize`` is 1 MiB.
"""


def rules(
    unset_values: Sequence[str] | None = None,
    *,
    honor_privacy_signals: bool = False,
    max_events: mapping.MaxEvents = DEFAULT_MAX_EVENTS,
) -> mapping.Rules:
    """Return the rules for which requests a :class:`~cdk_gtm_connector.CollectionApi` queues.

    Args:
        unset_values: See :class:`cdk_gtm_connector.GtmConnector`.
        honor_privacy_signals: See :class:`cdk_gtm_connector.GtmConnector`.
        max_events: Maximum events in one request. Default: 20, or 100 if it is authenticated.
    """
    return mapping.Rules(
        required=REQUIRED_PARAMETERS,
        unset_values=checked_unset_values(unset_values),
        token_parameter=TOKEN_PARAMETER,
        honor_privacy_signals=honor_privacy_signals,
        max_body_characters=MAX_BODY_CHARACTERS,
        max_events=max_events,
    )
