"""Where events go: the infrastructure half of a destination.

The runtime half, which sends the events, is ``gtm_events.destinations`` in the function's source.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_


class Destination(ABC):
    """Where events go. The collector does not know which destination is behind it."""

    @abstractmethod
    def bind(self, function: lambda_.Function) -> None:
        """Configure ``function`` for this destination and grant it what it needs, no more."""


class PinpointDestination(Destination):
    """Amazon Pinpoint's ``PutEvents``.

    AWS ended support for Pinpoint's engagement features (endpoints, segments, campaigns, journeys,
    analytics) on 2026-10-30.

    Args:
        application_id: ID of the Pinpoint application (the console's *Project ID*), in the Region
            and account of the stack.

    Raises:
        ValueError: ``application_id`` is not letters, digits and hyphens.
    """

    # Anything else would widen the IAM resource below: "*" is every application.
    _APPLICATION_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)

    def __init__(self, application_id: str) -> None:
        if not cdk.Token.is_unresolved(application_id) and not self._APPLICATION_ID.fullmatch(
            application_id
        ):
            raise ValueError(
                "application_id must be a Pinpoint project ID of 1 to 64 letters, digits and "
                f"hyphens, got {application_id!r}"
            )
        self._application_id = application_id

    @property
    def application_id(self) -> str:
        """ID of the Pinpoint application that receives the events."""
        return self._application_id

    def bind(self, function: lambda_.Function) -> None:
        """See :meth:`Destination.bind`."""
        function.add_environment("DESTINATION", "pinpoint")
        function.add_environment("PINPOINT_APPLICATION_ID", self._application_id)
        # Pinpoint has no L2 construct to ask for a grant.
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["mobiletargeting:PutEvents"],
                resources=[
                    cdk.Stack.of(function).format_arn(
                        service="mobiletargeting",
                        resource="apps",
                        resource_name=f"{self._application_id}/events",
                    )
                ],
            )
        )
