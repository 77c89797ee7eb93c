"""The endpoint under a custom domain, with its certificate and its DNS record."""

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53

from cdk_gtm_connector import CustomerProfilesDestination, Domain, GtmConnector

app = cdk.App()
stack = cdk.Stack(app, "Shop", env=cdk.Environment(region="eu-central-1"))
zone = route53.HostedZone.from_hosted_zone_attributes(
    stack, "Zone", hosted_zone_id="Z0123456789ABCDEFGHIJ", zone_name="shop.example"
)
GtmConnector(
    stack,
    "Gtm",
    destination=CustomerProfilesDestination(domain_name="shop"),
    domain=Domain(
        name="events.shop.example",
        certificate=acm.Certificate(
            stack,
            "Certificate",
            domain_name="events.shop.example",
            validation=acm.CertificateValidation.from_dns(zone),
        ),
        hosted_zone=zone,
    ),
    disable_execute_api_endpoint=True,
)
app.synth()
