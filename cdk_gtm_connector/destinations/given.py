"""Checks of the destinations that a connector is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cdk_gtm_connector.destinations.base import Destination
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.validation import check_instance, check_sequence

if TYPE_CHECKING:
    from collections.abc import Sequence

# Construct ids of the connector's own children, which are needed before the children exist. A test
# compares them with the construct tree.
_OWN_IDS: Final = (
    *("ARecord", "AaaaRecord", "Collection", "DeadLetterQueue", "Delivery", "DomainName"),
    *("InvalidMessageQueue", "Queue", "Topic"),
    *("WebAcl", "WebAclAssociation", "WebAclLog", "WebAclLogging"),
)
_MAX_DESTINATIONS: Final = (
    100  # SNS's limit for a topic that accepts messages as large as a queue does
)
_EXAMPLE: Final = 'CustomerProfilesDestination(domain_name="shop")'


def checked_destinations(destination: object, destinations: object) -> list[Destination]:
    """Return the destinations of a connector, which come in one of two props.

    Raises:
        PropError: Neither or both props are given, or a value is not a destination or is listed
            twice.
    """
    checked: list[Destination] = []
    if destination is not None:
        if destinations is not None:
            raise PropError(
                "destinations",
                "must not be given with {destination}",
                destinations,
                others={"destination": destination},
            )
        check_instance("destination", destination, Destination, _EXAMPLE)
        given: Sequence[object] = [destination]
    elif destinations is None:
        raise PropError("destination", f"must be given, or destinations, such as {_EXAMPLE}", None)
    else:
        given = _listed(destinations)
    for each in given:
        if not isinstance(each, Destination):
            raise PropError("destinations", f"must each be a Destination, such as {_EXAMPLE}", each)
        checked.append(each)
    _check_ids([each.construct_id for each in checked])
    return checked


def _listed(destinations: object) -> Sequence[object]:
    given = check_sequence("destinations", destinations, "must be a list of destinations")
    if not 1 <= len(given) <= _MAX_DESTINATIONS:
        raise PropError("destinations", f"must hold 1 to {_MAX_DESTINATIONS} of them", len(given))
    for number, each in enumerate(given):
        if any(each is other for other in given[:number]):
            raise PropError("destinations", "must each be an object of its own", each)
    return given


def _check_ids(ids: Sequence[str]) -> None:
    for number, construct_id in enumerate(ids):
        if construct_id in _OWN_IDS:
            raise PropError(
                "construct_id",
                f"must not be one of the connector's own, {', '.join(_OWN_IDS)}",
                construct_id,
            )
        if construct_id in ids[:number]:
            raise PropError(
                "construct_id",
                "must be another for each of several destinations",
                construct_id,
                "give it to the second of one kind",
            )
