"""A stand-in for Amazon Connect Customer Profiles, which treats objects as a template describes.

Each module lists its rules with their sources. The *guide* is the Amazon Connect administrator
guide, and the *model* is botocore's ``customer-profiles``. Where neither says how AWS behaves, the
stand-in takes the strict choice, and the module lists these choices:

- ``objects``: object types, keys, expiration, limits of a profile;
- ``calculated``: calculated attributes;
- ``segments`` and ``triggers``;
- ``server``: requests; ``view``: profiles as the console shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gtm_events.destinations.customer_profiles import LIMITS
from local.destinations.customer_profiles.behavior import DomainBehavior
from local.destinations.customer_profiles.objects import (
    ObjectRefused,
    ObjectType,
    Profile,
    StoredObject,
)
from local.destinations.customer_profiles.server import ProfilesServer
from local.destinations.customer_profiles.triggers import Trigger, TriggerResult
from local.stand_in.kind import NAME, StandIn

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "STAND_IN",
    "DomainBehavior",
    "ObjectRefused",
    "ObjectType",
    "Profile",
    "ProfilesServer",
    "StoredObject",
    "Trigger",
    "TriggerResult",
]


def _server(
    variables: Mapping[str, str], template: Mapping[str, Any], **options: Any
) -> ProfilesServer:
    try:
        found = ObjectType.all_of(template)
        behavior = DomainBehavior.all_of(template)
    except ValueError as error:
        raise ValueError(f"Customer Profiles: {error}") from error
    domain = variables["CUSTOMER_PROFILES_DOMAIN_NAME"]
    names = [variables["CUSTOMER_PROFILES_OBJECT_TYPE_NAME"]]
    if visitors := variables.get("CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME"):
        names.append(visitors)
    known = {(it.domain, it.name) for it in found}
    # A type that the account already has, whose mapping the template does not show.
    others = [ObjectType(domain, name) for name in names if (domain, name) not in known]
    return ProfilesServer([*found, *others], behavior, **options)


STAND_IN: Final = StandIn(
    context={"customer_profiles_domain": NAME, "customer_profiles_create_domain": "true"},
    server=_server,
    limits=LIMITS,
)
