"""Customer Profiles and Amazon Pinpoint together, for as long as both are needed."""

import aws_cdk as cdk

from cdk_gtm_connector import CustomerProfilesDestination, GtmConnector, PinpointDestination

app = cdk.App()
stack = cdk.Stack(app, "Shop", env=cdk.Environment(region="eu-central-1"))
connector = GtmConnector(
    stack,
    "Gtm",
    destinations=[
        CustomerProfilesDestination(
            domain_name="shop", create_domain=True, user_attributes=["plan"]
        ),
        PinpointDestination(application_id="0123456789abcdef0123456789abcdef"),
    ],
    anonymous_user_attributes=["plan"],
)
cdk.CfnOutput(stack, "GtmImageUrl", value=connector.gtm_image_url)
app.synth()
