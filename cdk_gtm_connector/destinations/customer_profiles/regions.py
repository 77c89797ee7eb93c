"""The Regions that have Customer Profiles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk

from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.validation import check_text

if TYPE_CHECKING:
    from constructs import IConstruct

CUSTOMER_PROFILES_REGIONS: Final = (
    *("us-east-1", "us-west-2", "ca-central-1"),
    *("eu-central-1", "eu-west-2", "af-south-1"),
    *("ap-northeast-1", "ap-northeast-2", "ap-southeast-1", "ap-southeast-2"),
)
"""The Regions in botocore's endpoint data of November 2026. AWS adds to them."""

_WARNING: Final = "cdk-gtm-connector:customerProfilesRegion"
_REGION: Final = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[1-9][0-9]?", re.ASCII)


def check_region(region: object) -> None:
    """Require the name of a Region, or ``None``."""
    if region is not None:
        check_text("region", region, _REGION, "must be a Region, such as eu-west-2", known=True)


def check_place(scope: IConstruct, region: str | None) -> None:
    """Require a Region with Customer Profiles. Warn about one that may lack it.

    Args:
        scope: Gets the warning. The domain is in its stack's Region, unless ``region`` is given.
        region: The prop's value.

    Raises:
        PropError: The stack's Region is known to lack it. A Region that the prop names passes with
            a warning, because the list ages.
    """
    there = ", ".join(CUSTOMER_PROFILES_REGIONS)
    if region is not None:
        if region not in CUSTOMER_PROFILES_REGIONS:
            cdk.Annotations.of(scope).add_warning_v2(
                _WARNING,
                f"Customer Profiles was not in {region} when this version was made, but in "
                f"{there}: see that it is there now.",
            )
        return
    home = cdk.Stack.of(scope).region
    if cdk.Token.is_unresolved(home):
        cdk.Annotations.of(scope).add_warning_v2(
            _WARNING,
            "The stack's Region is not known, and not every Region has Customer Profiles: give the "
            f"stack an env with one of {there}, or name the domain's Region with region=.",
        )
    elif home not in CUSTOMER_PROFILES_REGIONS:
        raise PropError(
            "region",
            f"must be given for a stack in {home}, because Customer Profiles is in {there} only",
            None,
            f"name {home} itself if AWS has added it",
        )
