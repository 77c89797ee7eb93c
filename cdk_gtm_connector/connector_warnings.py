"""Warnings about props that are valid alone but do not work together."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Literal

import aws_cdk as cdk

from cdk_gtm_connector.validation import is_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

    from cdk_gtm_connector.delivery_options import EffectiveDeliveryOptions
    from cdk_gtm_connector.destinations.base import Destination


def add_warnings(
    connector: Construct,
    destinations: Sequence[Destination],
    delivering: Sequence[EffectiveDeliveryOptions],
    *settable: Sequence[str] | Literal["*"],
    authorized: bool,
) -> None:
    """Add warnings about a connector's props.

    Args:
        connector: Construct that gets the warnings.
        destinations: Its destinations.
        delivering: The delivery options of each destination, in the same order.
        settable: The user attributes that its visitors may set, for each kind of visitor.
        authorized: Whether it has an authorizer.
    """
    annotations = cdk.Annotations.of(connector)
    _warn_of_expiry(annotations, destinations, delivering)
    _warn_of_unsettable(annotations, destinations, settable)
    if not authorized:
        _warn_of_nobody_authenticated(annotations, destinations)


def _warn_of_expiry(
    annotations: cdk.Annotations,
    destinations: Sequence[Destination],
    delivering: Sequence[EffectiveDeliveryOptions],
) -> None:
    """Warn if a message would expire before its last delivery attempt."""
    for each, options in zip(destinations, delivering, strict=True):
        retention, tries = options.message_retention, options.max_receive_count
        if retention.is_unresolved() or is_token(tries):
            continue
        if tries * options.visibility_timeout.to_seconds() > retention.to_seconds():
            annotations.add_warning_v2(
                "cdk-gtm-connector:messageRetention",
                f"{each.construct_id}: {tries:,} tries of a message, one every "
                f"{options.visibility_timeout.to_human_string()}, take longer than its "
                f"message_retention, {retention.to_human_string()}: while the destination is "
                "down it is deleted, and never reaches the dead-letter queue. Lower "
                "max_receive_count or timeout, or raise message_retention.",
            )


def _warn_of_unsettable(
    annotations: cdk.Annotations,
    destinations: Sequence[Destination],
    settable: Sequence[Sequence[str] | Literal["*"]],
) -> None:
    if "*" in settable or any(map(is_token, chain(*settable))):
        return
    used = dict.fromkeys(chain(*(each.used_user_attributes for each in destinations)))
    unsettable = [name for name in used if name not in {*chain(*settable)}]
    if unsettable:
        annotations.add_warning_v2(
            "cdk-gtm-connector:unsettableUserAttributes",
            f"Nobody may set the user attributes {', '.join(unsettable)}, which a destination "
            "is told to use: name them in anonymous_user_attributes, if anybody may set them, "
            "or in authenticated_user_attributes with an authorizer; or leave them out there.",
        )


def _warn_of_nobody_authenticated(
    annotations: cdk.Annotations, destinations: Sequence[Destination]
) -> None:
    for each in destinations:
        if each.authenticated_only:
            annotations.add_warning_v2(
                "cdk-gtm-connector:nobodyAuthenticated",
                f"{each.construct_id}: authenticated_only is True, and there is no authorizer: "
                "no event of this connector starts the trigger. Give it an authorizer, or "
                "leave authenticated_only out.",
            )
