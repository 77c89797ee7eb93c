"""Checks of names in Customer Profiles, and the profile's fields for user attributes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from cdk_gtm_connector.checks import check_once, check_user_attribute_names
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.validation import check_sequence, check_text, is_deferred, matches

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_NAME: Final = 64
"""Maximum length of the name of a domain, a field or a trigger, in characters."""

_NAME: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_NAME}}}", re.ASCII)
_CUSTOM: Final = re.compile(rf"Attributes\.{_NAME.pattern}", re.ASCII)
FIELD_PREFIX: Final = "usat_"
"""Prefix of a user attribute's field in an object type."""

_MAX_USER_ATTRIBUTE: Final = MAX_NAME - len(FIELD_PREFIX)
_USER_ATTRIBUTE: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{_MAX_USER_ATTRIBUTE}}}", re.ASCII)
CONTENT_TYPES: Final = {
    **dict.fromkeys(("FirstName", "MiddleName", "LastName"), "NAME"),
    **dict.fromkeys(
        ("PhoneNumber", "MobilePhoneNumber", "HomePhoneNumber", "BusinessPhoneNumber"),
        "PHONE_NUMBER",
    ),
    **dict.fromkeys(
        ("EmailAddress", "PersonalEmailAddress", "BusinessEmailAddress"), "EMAIL_ADDRESS"
    ),
}
"""Content type by the profile's field, where it is not ``STRING``."""

_ADDRESSES: Final = ("Address", "ShippingAddress", "MailingAddress", "BillingAddress")
_ADDRESS_FIELDS: Final = (
    *("Address1", "Address2", "Address3", "Address4"),
    *("City", "County", "State", "Province", "Country", "PostalCode"),
)
PROFILE_FIELDS: Final = (
    *("AccountNumber", "AdditionalInformation", "BirthDate", "BusinessName"),
    *("GenderString", "PartyTypeString"),
    *CONTENT_TYPES,
    *(f"{address}.{field}" for address in _ADDRESSES for field in _ADDRESS_FIELDS),
)
"""The profile's own fields that hold one text, from ``UpdateProfile`` in botocore's model."""


def check_name(prop: str, value: object, *, known: bool = False) -> None:
    """Require a name that Customer Profiles accepts.

    Args:
        prop: The prop as the caller wrote it.
        value: What the caller gave.
        known: Whether tokens are refused.
    """
    check_text(prop, value, _NAME, f"must be 1 to {MAX_NAME} letters, digits, _ and -", known=known)


def profile_fields(user_attributes: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Return the profile's field for each user attribute, by the attribute's name.

    Raises:
        PropError: ``user_attributes`` is neither a list of names nor a mapping of names to fields.
    """
    prop = "user_attributes"
    if not isinstance(user_attributes, Mapping):
        problem = 'must be a list of names, such as ["plan"], or a mapping of names to fields'
        check_sequence(prop, user_attributes, problem)
    names = list(user_attributes)
    problem = f"must hold names of 1 to {_MAX_USER_ATTRIBUTE} letters, digits, _ and -"
    for name in names:
        check_text(prop, name, _USER_ATTRIBUTE, problem, known=True)
    check_user_attribute_names(prop, names)
    if not isinstance(user_attributes, Mapping):
        return {name: f"Attributes.{name}" for name in names}
    targets = list(user_attributes.values())
    for target in targets:
        if (
            not is_deferred(target)
            and target not in PROFILE_FIELDS
            and not matches(_CUSTOM, target)
        ):
            raise PropError(
                prop,
                "must map to fields of a profile, such as EmailAddress, Address.City or "
                "Attributes.plan",
                target,
            )
    check_once(prop, targets, "field")
    return dict(user_attributes)
