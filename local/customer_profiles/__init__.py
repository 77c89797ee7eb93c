"""Amazon Connect Customer Profiles on loopback: objects go the way that a template describes.

The rules are in these modules, each with who says so. The *guide* is the Amazon Connect
administrator guide, the *model* is botocore's ``customer-profiles``; what neither says is taken in
a strict way, and the module says which:

- :mod:`~local.customer_profiles.objects`: object types, keys, expiry, limits of a profile;
- :mod:`~local.customer_profiles.calculated`: calculated attributes;
- :mod:`~local.customer_profiles.segments` and :mod:`~local.customer_profiles.triggers`;
- :mod:`~local.customer_profiles.server`: the request, and :mod:`~local.customer_profiles.view`: a
  profile as the console shows it.
"""

from local.customer_profiles.behavior import DomainBehavior
from local.customer_profiles.objects import ObjectRefused, ObjectType, Profile, StoredObject
from local.customer_profiles.server import ProfilesServer
from local.customer_profiles.triggers import Trigger, Verdict

__all__ = [
    "DomainBehavior",
    "ObjectRefused",
    "ObjectType",
    "Profile",
    "ProfilesServer",
    "StoredObject",
    "Trigger",
    "Verdict",
]
