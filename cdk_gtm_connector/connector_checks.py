"""Checks of a connector's props against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cdk_gtm_connector.checks import check_user_attributes
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.validation import check_construct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdk_gtm_connector.destinations.base import Destination


def check_visitors(
    destinations: Sequence[Destination],
    anonymous_user_attributes: Sequence[str] | Literal["*"],
    authenticated_user_attributes: Sequence[str] | Literal["*"],
    *,
    authorized: bool,
) -> None:
    """Refuse user attributes that a destination does not accept, or that no visitor could set.

    Args:
        destinations: The connector's destinations.
        anonymous_user_attributes: The prop's value.
        authenticated_user_attributes: The prop's value.
        authorized: Whether the connector has an authorizer.

    Raises:
        PropError: A name is invalid, is too long for a destination, or needs an authorizer.
    """
    longest = min(
        (limit for each in destinations if (limit := each.max_attribute_name) is not None),
        default=None,
    )
    check_user_attributes("anonymous_user_attributes", anonymous_user_attributes, longest)
    check_user_attributes("authenticated_user_attributes", authenticated_user_attributes, longest)
    if not authorized and authenticated_user_attributes not in ("*", [], ()):
        raise PropError(
            "authenticated_user_attributes",
            "must not name any without {authorizer}, because then nobody is authenticated",
            authenticated_user_attributes,
            others={"authorizer": None},
        )


def check_firewall_and_domain(
    firewall: object, domain: object, *, disable_execute_api_endpoint: bool
) -> None:
    """Refuse a ``firewall`` or ``domain`` of another type, and an endpoint that nothing can reach.

    Their classes are not imported here, so an app that has neither does not load their ``aws_cdk``
    modules.

    Args:
        firewall: The prop's value, ``None`` for none.
        domain: The prop's value, ``None`` for none.
        disable_execute_api_endpoint: The prop's value.

    Raises:
        PropError: One of the values cannot work.
    """
    if firewall is not None:
        check_construct(
            "firewall", firewall, "instance of Firewall", ("rate_limit", "bind"), "Firewall()"
        )
    if domain is not None:
        check_construct(
            "domain",
            domain,
            "instance of Domain",
            ("certificate", "name", "bind"),
            'Domain(name="events.shop.example", certificate=certificate)',
        )
    elif disable_execute_api_endpoint:
        raise PropError(
            "disable_execute_api_endpoint",
            "must not be set without {domain}, because nothing could reach the endpoint",
            got=True,
            others={"domain": None},
        )
