"""Amazon Connect Customer Profiles on loopback: objects go the way that a template describes.

The rules are in these modules, each with who says so. The *guide* is the Amazon Connect
administrator guide, the *model* is botocore's ``customer-profiles``; what neither says is taken in
a strict way, and the module says which:

- ``objects``: object types, keys, expiry, limits of a profile;
- ``calculated``: calculated attributes;
- ``segments`` and ``triggers``;
- ``server``: the request; ``view``: a profile as the console shows it.
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
from local.destinations.customer_profiles.triggers import Trigger, Verdict
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
    "Verdict",
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
    # A type that the account has already. Its mapping is not known here.
    others = [ObjectType(domain, name) for name in names if (domain, name) not in known]
    return ProfilesServer([*found, *others], behavior, **options)


STAND_IN: Final = StandIn(
    context={"customer_profiles_domain": NAME, "customer_profiles_create_domain": "true"},
    server=_server,
    limits=LIMITS,
)
