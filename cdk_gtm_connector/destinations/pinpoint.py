"""Amazon Pinpoint."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from cdk_gtm_connector.destinations.base import Destination
from cdk_gtm_connector.destinations.module import BuiltInModule
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import check_number, check_text, number_text

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

    from cdk_gtm_connector.delivery_options import DeliveryOptions


@named_props
class PinpointDestination(Destination):
    """Amazon Pinpoint's ``PutEvents``.

    AWS ended support for Pinpoint's engagement features (endpoints, segments, campaigns, journeys,
    analytics) on 2026-10-30.

    Args:
        application_id: ID of the Pinpoint application (the console's *Project ID*), in the Region
            and account of the stack.
        requests_per_second: The account's quota for ``PutEvents`` in the Region, 1 to 100,000.
            Default: 15, which is AWS's default.
        construct_id: See :class:`Destination`.
        delivery: See :class:`Destination`.

    Raises:
        PropError: ``application_id`` is not letters, digits and hyphens, or another prop is out of
            its range.
    """

    # Other characters could widen the IAM resource below: "*" would allow every application.
    _APPLICATION_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)

    def __init__(
        self,
        application_id: str,
        *,
        requests_per_second: int | None = None,
        construct_id: str | None = None,
        delivery: DeliveryOptions | None = None,
    ) -> None:
        super().__init__(construct_id=construct_id, delivery=delivery)
        problem = "must be a Pinpoint project ID of 1 to 64 letters, digits and hyphens"
        check_text("application_id", application_id, self._APPLICATION_ID, problem)
        if requests_per_second is not None:
            check_number("requests_per_second", requests_per_second, 1, 100_000)
        self._application_id = application_id
        self._requests_per_second = requests_per_second

    @property
    def module(self) -> BuiltInModule:
        """See :attr:`Destination.module`."""
        return BuiltInModule("pinpoint")

    @property
    def application_id(self) -> str:
        """ID of the Pinpoint application that receives the events."""
        return self._application_id

    @property
    def max_attribute_name(self) -> int:
        """50: Pinpoint's limit for a user attribute's name."""
        return 50

    def bind(self, function: lambda_.Function) -> None:
        """See :meth:`Destination.bind`."""
        function.add_environment("PINPOINT_APPLICATION_ID", self._application_id)
        if self._requests_per_second is not None:
            function.add_environment(
                "PINPOINT_REQUESTS_PER_SECOND", number_text(self._requests_per_second)
            )
        # Pinpoint has no L2 construct with a grant method.
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
