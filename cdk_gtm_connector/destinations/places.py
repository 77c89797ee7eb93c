"""Destinations in another account or Region than the function that sends to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

from cdk_gtm_connector.errors import PropError

if TYPE_CHECKING:
    from constructs import IConstruct


def in_another_account(place: cdk.IResource, scope: IConstruct) -> bool:
    """Return whether ``place`` is known to be in another account than ``scope``."""
    return _differ(place.env.account, cdk.Stack.of(scope).account)


def check_named(prop: str, kind: str, place: cdk.IResource, arn: str, scope: IConstruct) -> None:
    """Require a physical name for a resource of this app in another account or Region.

    Args:
        prop: The prop as the caller wrote it.
        kind: The resource's own prop for its name.
        place: The resource.
        arn: ARN of the resource.
        scope: Construct that refers to the resource.

    Raises:
        PropError: The resource is elsewhere and has no name.
    """
    stack = cdk.Stack.of(scope)
    if not (in_another_account(place, scope) or _differ(place.env.region, stack.region)):
        return
    try:
        stack.resolve(arn)
    except RuntimeError as error:  # jsii raises it for the CDK's error
        raise PropError(
            prop,
            "must have a name to be in another account or Region than the stack",
            place.node.path,
            f"{kind}=cdk.PhysicalName.GENERATE_IF_NEEDED gives it one",
        ) from error


def _differ(one: str, other: str) -> bool:
    return not cdk.Token.is_unresolved(one + other) and one != other
