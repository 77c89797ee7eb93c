"""Amazon Connect Customer Profiles, with one object type or with two.

- With two object types, each event becomes an *event object*, and the user attributes of an
  endpoint become its *visitor object*; see :mod:`.two_types`. The construct creates both types.
- With one object type, each event becomes an object with everything in it; see :mod:`.one_type`.
  Deployments of earlier versions use this, and so do owners with an object type of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtm_events.aws import ServiceEndpoint
from gtm_events.destinations.batching import BatchDestination, requests_per_second
from gtm_events.destinations.customer_profiles.api import (
    LIMITS,
    MAX_ATTRIBUTE,
    MAX_OBJECT_CHARACTERS,
    MAX_OBJECTS,
    REQUESTS_PER_SECOND,
)
from gtm_events.destinations.customer_profiles.calculated import CalculatedFields
from gtm_events.destinations.customer_profiles.one_type import OneObjectType
from gtm_events.destinations.customer_profiles.two_types import (
    EventsAndVisitors,
    TwoObjectTypes,
)
from gtm_events.environment import required

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = [
    "LIMITS",
    "MAX_ATTRIBUTE",
    "MAX_OBJECTS",
    "MAX_OBJECT_CHARACTERS",
    "REQUESTS_PER_SECOND",
    "CalculatedFields",
    "EventsAndVisitors",
    "OneObjectType",
    "TwoObjectTypes",
    "create",
]


def create(environment: Mapping[str, str]) -> BatchDestination[Any]:
    """Return the destination that ``environment`` describes.

    ``CUSTOMER_PROFILES_DOMAIN_NAME`` and ``CUSTOMER_PROFILES_OBJECT_TYPE_NAME`` are required. With
    ``CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME`` there are two object types, and the former is
    the events'; without it, there is one.
    ``CUSTOMER_PROFILES_REGION`` is the domain's Region (default: the function's), and
    ``CUSTOMER_PROFILES_REQUESTS_PER_SECOND`` the account's quota there (default: 100).
    ``CUSTOMER_PROFILES_CALCULATED_ATTRIBUTES`` holds the rules of calculated attributes (default:
    none).

    Raises:
        SettingsError: A variable is missing or malformed.
    """
    domain = required(environment, "CUSTOMER_PROFILES_DOMAIN_NAME")
    object_type = required(environment, "CUSTOMER_PROFILES_OBJECT_TYPE_NAME")
    visitors = environment.get("CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME")
    calculated = CalculatedFields.of(environment)
    endpoint = ServiceEndpoint.of(
        "customer-profiles",
        environment,
        host="profile",
        region=environment.get("CUSTOMER_PROFILES_REGION", ""),
    )
    quota = requests_per_second(
        environment, "CUSTOMER_PROFILES_REQUESTS_PER_SECOND", REQUESTS_PER_SECOND
    )
    if visitors:
        return EventsAndVisitors.at(
            TwoObjectTypes(domain, object_type, visitors, calculated),
            endpoint,
            requests_per_second=quota,
        )
    return BatchDestination.at(
        OneObjectType(domain, object_type, calculated), endpoint, requests_per_second=quota
    )
