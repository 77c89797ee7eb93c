"""Logged-in visitors: an image tag with a token that your server signs."""

import aws_cdk as cdk

from cdk_gtm_connector import CustomerProfilesDestination, GtmConnector, SignedTokenAuthorizer

app = cdk.App()
stack = cdk.Stack(app, "Shop", env=cdk.Environment(region="eu-central-1"))
token = SignedTokenAuthorizer(stack, "Token", audience="shop")
connector = GtmConnector(
    stack,
    "Gtm",
    destination=CustomerProfilesDestination(domain_name="shop", user_attributes=["plan", "city"]),
    allowed_origins=["https://shop.example"],
    authorizer=token,
    authenticated_user_attributes=["plan", "city"],
)
cdk.CfnOutput(stack, "EndpointUrl", value=connector.authenticated_endpoint_url)
cdk.CfnOutput(stack, "SecretArn", value=token.secret.secret_arn)
app.synth()
