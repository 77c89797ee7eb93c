"""An endpoint in a Region without Customer Profiles, and the profiles in another Region."""

import aws_cdk as cdk

from cdk_gtm_connector import CustomerProfilesDestination, GtmConnector

app = cdk.App()
there = cdk.Stack(app, "Profiles", env=cdk.Environment(region="eu-west-2"))
CustomerProfilesDestination(
    domain_name="shop", create_domain=True, user_attributes=["plan"]
).add_resources(there)

stack = cdk.Stack(app, "Shop", env=cdk.Environment(region="eu-west-1"))
stack.add_dependency(there)
GtmConnector(
    stack,
    "Gtm",
    destination=CustomerProfilesDestination(
        domain_name="shop",
        region="eu-west-2",
        create_object_type=False,
        visitor_object_type_name="GtmVisitor",
    ),
    anonymous_user_attributes=["plan"],
)
app.synth()
