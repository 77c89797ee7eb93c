"""The stack that ``cdk deploy`` deploys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aws_cdk as cdk

from cdk_gtm_connector import GtmConnector, PinpointDestination
from stacks.settings import SettingError

if TYPE_CHECKING:
    from constructs import Construct

    from stacks.settings import Settings


class ConnectorStack(cdk.Stack):
    """One connector and the outputs that its owner needs next."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, **kwargs: Any
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        try:
            self.connector = GtmConnector(
                self,
                "Connector",
                destination=PinpointDestination(application_id=settings.pinpoint_app_id),
                **settings.props(),
            )
        except ValueError as error:
            raise SettingError.from_prop(error) from error
        for name, value, description in (
            ("EndpointUrl", self.connector.endpoint_url, "URL that the tag calls"),
            ("GtmImageUrl", self.connector.gtm_image_url, "Paste it into a GTM Custom Image tag"),
            ("QueueName", self.connector.queue.queue_name, "Where events wait for delivery"),
            (
                "DeadLetterQueueName",
                self.connector.dead_letter_queue.queue_name,
                "Where messages end that cannot be delivered",
            ),
            ("FunctionName", self.connector.function.function_name, "The function that delivers"),
        ):
            cdk.CfnOutput(self, name, value=value, description=description)
