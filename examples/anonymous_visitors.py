"""Anonymous visitors: events from your own pages only, and one harmless user attribute."""

import aws_cdk as cdk

from cdk_gtm_connector import CustomerProfilesDestination, Firewall, GtmConnector

app = cdk.App()
stack = cdk.Stack(app, "Shop", env=cdk.Environment(region="eu-central-1"))
connector = GtmConnector(
    stack,
    "Gtm",
    destination=CustomerProfilesDestination(domain_name="shop", user_attributes=["newsletter"]),
    allowed_origins=["https://shop.example", "https://*.shop.example"],
    anonymous_user_attributes=["newsletter"],
    honor_privacy_signals=True,
    firewall=Firewall(rate_limit=1_000),
    throttling_rate_limit=500,
    throttling_burst_limit=200,
    max_events_per_request=5,
)
cdk.CfnOutput(stack, "GtmImageUrl", value=connector.gtm_image_url)
app.synth()
