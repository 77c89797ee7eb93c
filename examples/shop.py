"""A connector in your own stack, with the two alarms that the person on call needs."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from cdk_gtm_connector import CustomerProfilesDestination, GtmConnector


class ShopStack(cdk.Stack):
    """The shop's stack."""

    def __init__(self, scope: Construct, construct_id: str, **kwargs: Any) -> None:
        super().__init__(scope, construct_id, **kwargs)
        connector = GtmConnector(
            self,
            "Gtm",
            destination=CustomerProfilesDestination(
                domain_name="shop", user_attributes=["newsletter"]
            ),
            anonymous_user_attributes=["newsletter"],
        )
        cdk.CfnOutput(self, "GtmImageUrl", value=connector.gtm_image_url)
        # The connector's parts are attributes that you can build on.
        connector.dead_letter_queue.metric_approximate_number_of_messages_visible().create_alarm(
            self, "EventsRejected", threshold=1, evaluation_periods=1
        )
        connector.queue.metric_approximate_age_of_oldest_message().create_alarm(
            self, "EventsWaiting", threshold=600, evaluation_periods=1
        )


app = cdk.App()
ShopStack(app, "Shop", env=cdk.Environment(region="eu-central-1"))
app.synth()
