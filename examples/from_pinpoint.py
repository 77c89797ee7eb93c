"""From Amazon Pinpoint to Customer Profiles: one line changes."""

import aws_cdk as cdk

from cdk_gtm_connector import CustomerProfilesDestination, GtmConnector

app = cdk.App()
stack = cdk.Stack(app, "Shop", env=cdk.Environment(region="eu-central-1"))
GtmConnector(
    stack,
    "Gtm",
    # This replaces PinpointDestination(application_id="0123456789abcdef0123456789abcdef"):
    destination=CustomerProfilesDestination(
        domain_name="shop",
        create_domain=True,
        user_attributes={"plan": "Attributes.plan"},
    ),
    anonymous_user_attributes=["plan"],
)
app.synth()
