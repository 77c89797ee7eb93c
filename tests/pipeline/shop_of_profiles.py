"""A shop with calculated attributes, segments and triggers, for the tests of a whole day."""

from __future__ import annotations

import aws_cdk as cdk

from cdk_gtm_connector import (
    CalculatedAttribute,
    CustomerProfilesDestination,
    GreaterThan,
    GtmConnector,
    ProfileEventTrigger,
    Segment,
    SignedTokenAuthorizer,
)

CAMPAIGN = "arn:aws:connect-campaigns:eu-central-1:123456789012:campaign/big-carts"

app = cdk.App()
stack = cdk.Stack(app, "Shop", env=cdk.Environment(region="eu-central-1"))
spent = CalculatedAttribute(
    "spent_90_days", event_type="purchase", metric="price", statistic="SUM", days=90
)
destination = CustomerProfilesDestination(
    domain_name="shop",
    create_domain=True,
    user_attributes={"plan": "Attributes.plan", "theme": "Attributes.theme"},
    calculated_attributes=[
        spent,
        CalculatedAttribute("purchases", event_type="purchase", statistic="COUNT", days=30),
        CalculatedAttribute("events", statistic="COUNT", days=30),
    ],
    event_triggers=[
        ProfileEventTrigger(
            event_type="cart",
            where={"metrics.value": GreaterThan(50)},
            campaign_arn=CAMPAIGN,
            authenticated_only=True,
        ),
        ProfileEventTrigger(
            event_type="farewell",
            segment=Segment(
                "spenders", all_of={f"CalculatedAttributes.{spent.name}": GreaterThan(0)}
            ),
        ),
        ProfileEventTrigger(
            event_type="purchase", max_invocations=1, period=cdk.Duration.days(7), name="first"
        ),
    ],
)
token = SignedTokenAuthorizer(stack, "Token")
connector = GtmConnector(
    stack,
    "Gtm",
    destination=destination,
    authorizer=token,
    anonymous_user_attributes=["theme"],
    authenticated_user_attributes=["plan"],
)
for name, value in {
    "EndpointUrl": connector.endpoint_url,
    "AuthenticatedEndpointUrl": connector.authenticated_endpoint_url,
    "TokenSecretArn": token.secret.secret_arn,
    "FunctionName": connector.function.function_name,
    "QueueName": connector.queue.queue_name,
    "DeadLetterQueueName": connector.dead_letter_queue.queue_name,
    "InvalidMessageQueueName": connector.invalid_message_queue.queue_name,
}.items():
    cdk.CfnOutput(stack, name, value=value)
app.synth()
