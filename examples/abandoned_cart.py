"""An e-mail for an abandoned cart, sent by an Amazon Connect campaign.

    npx aws-cdk@2.1148.1 deploy --app "python3 examples/abandoned_cart.py"

The tag sends ``cart_abandoned``, with the cart's value as the metric ``value``. Resources that must
already exist are arguments of the stack. ``docs/customer-profiles.md`` has the steps, and says
which of them need the Amazon Connect console or its admin website.
"""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_connectcampaignsv2 as campaigns
from constructs import Construct

from cdk_gtm_connector import (
    CalculatedAttribute,
    CustomerProfilesDestination,
    GreaterThan,
    GtmConnector,
    ProfileEventTrigger,
    Segment,
    SignedTokenAuthorizer,
)


class AbandonedCartStack(cdk.Stack):
    """The shop's endpoint, its customer profiles, and the campaign that a trigger starts.

    Args:
        scope: The app.
        construct_id: The stack's id.
        instance_id: The Amazon Connect instance, with outbound campaigns enabled.
        journey_flow_arn: A published flow of the type *journey*: it waits, looks whether
            ``purchases_1_day`` is still 0, and sends the e-mail.
        email_address: The sender: an e-mail address of the instance.
        email_template_arn: The active version of a message template with the e-mail's text.
        kwargs: The stack's other props.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        instance_id: str,
        journey_flow_arn: str,
        email_address: str,
        email_template_arn: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        kind = campaigns.CfnCampaign
        campaign = kind(
            self,
            "Campaign",
            name="Abandoned carts",
            connect_instance_id=instance_id,
            type="JOURNEY",
            connect_campaign_flow_arn=journey_flow_arn,
            source=kind.SourceProperty(
                event_trigger=kind.EventTriggerProperty(
                    customer_profiles_domain_arn=self.format_arn(
                        service="profile", resource="domains", resource_name="shop"
                    )
                )
            ),
            channel_subtype_config=kind.ChannelSubtypeConfigProperty(
                email=kind.EmailChannelSubtypeConfigProperty(
                    outbound_mode=kind.EmailOutboundModeProperty(agentless_config={}),
                    default_outbound_config=kind.EmailOutboundConfigProperty(
                        connect_source_email_address=email_address,
                        wisdom_template_arn=email_template_arn,
                    ),
                )
            ),
        )
        spent = CalculatedAttribute(
            "spent_90_days", event_type="purchase", metric="price", statistic="SUM", days=90
        )
        destination = CustomerProfilesDestination(
            domain_name="shop",
            create_domain=True,
            user_attributes={"email": "EmailAddress"},
            calculated_attributes=[
                spent,
                CalculatedAttribute(
                    "purchases_1_day", event_type="purchase", statistic="COUNT", days=1
                ),
            ],
            event_trigger=ProfileEventTrigger(
                event_type="cart_abandoned",
                where={"metrics.value": GreaterThan(50)},
                segment=Segment(
                    "customers", all_of={f"CalculatedAttributes.{spent.name}": GreaterThan(0)}
                ),
                campaign_arn=campaign.attr_arn,
                # Otherwise anyone who knows a customer's endpoint id could have e-mails sent to
                # that customer.
                authenticated_only=True,
                max_invocations=1,
                period=cdk.Duration.days(7),
                expiration=cdk.Duration.hours(1),
            ),
        )
        token = SignedTokenAuthorizer(self, "Token")
        connector = GtmConnector(self, "Gtm", destination=destination, authorizer=token)
        if destination.domain is not None:
            campaign.node.add_dependency(destination.domain)
        for name, value in {
            "GtmImageUrl": connector.gtm_image_url,
            # `make run APP=examples/abandoned_cart.py` reads these outputs.
            "EndpointUrl": connector.endpoint_url,
            "AuthenticatedEndpointUrl": connector.authenticated_endpoint_url,
            "TokenSecretArn": token.secret.secret_arn,
            "FunctionName": connector.function.function_name,
            "QueueName": connector.queue.queue_name,
            "DeadLetterQueueName": connector.dead_letter_queue.queue_name,
            "InvalidMessageQueueName": connector.invalid_message_queue.queue_name,
        }.items():
            cdk.CfnOutput(self, name, value=value)


ACCOUNT = "eu-central-1:123456789012"
INSTANCE = "01234567-89ab-cdef-0123-456789abcdef"

app = cdk.App()
AbandonedCartStack(
    app,
    "Shop",
    instance_id=INSTANCE,
    journey_flow_arn=f"arn:aws:connect:{ACCOUNT}:instance/{INSTANCE}/contact-flow/{INSTANCE}",
    email_address="hello@shop.test",
    email_template_arn=f"arn:aws:wisdom:{ACCOUNT}:message-template/{INSTANCE}/{INSTANCE}:1",
    env=cdk.Environment(region="eu-central-1"),
)
app.synth()
