"""Placeholders for resource types that MiniStack lacks."""

# Replacing private functions is what this package is for, and MiniStack has no types.
# ruff: noqa: SLF001
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

from typing import TYPE_CHECKING

from ministack.services.cloudformation import provisioners

if TYPE_CHECKING:
    from collections.abc import Iterable


def add_placeholders(resource_types: Iterable[str]) -> list[str]:
    """Make CloudFormation accept types that MiniStack lacks, so that templates deploy unchanged.

    Deploying such a type creates nothing. Returns the types without a handler of MiniStack.
    """
    placeholders = sorted(
        {
            resource_type
            for resource_type in resource_types
            if resource_type not in provisioners._RESOURCE_HANDLERS
            and not resource_type.startswith("Custom::")
        }
    )
    for resource_type in placeholders:
        provisioners._RESOURCE_HANDLERS[resource_type] = {
            # An ARN, for resources that refer to it, such as a campaign.
            "create": lambda logical_id, _properties, _stack: (
                f"placeholder-{logical_id}",
                {"Arn": f"arn:aws:placeholder:::{logical_id}"},
            ),
            "delete": lambda _physical_id, _properties: None,
        }
    return placeholders
