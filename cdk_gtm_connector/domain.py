"""A domain name of the site's own for the endpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets

from cdk_gtm_connector.collection_api import STAGE_NAME

if TYPE_CHECKING:
    from aws_cdk import aws_certificatemanager as acm
    from constructs import Construct

_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A domain name for the endpoint, so that the tag lives under the site's own name.

    The path stays the same: ``https://{name}/Api-PinpointEvents/events``.

    Args:
        name: For example ``events.shop.example``.
        certificate: An ACM certificate for it, in the stack's Region.
        hosted_zone: Route 53 zone to make the alias records in. Default: none, the record is yours
            to make.

    Raises:
        ValueError: ``name`` is not a domain name.
    """

    name: str
    certificate: acm.ICertificate
    hosted_zone: route53.IHostedZone | None = None

    def __post_init__(self) -> None:
        if not cdk.Token.is_unresolved(self.name) and not _NAME.fullmatch(self.name):
            raise ValueError(
                "domain's name must be a domain name like events.shop.example (lower case), got "
                f"{self.name!r}"
            )

    def bind(self, scope: Construct, stage: apigateway.Stage) -> apigateway.DomainName:
        """Create the domain name in ``scope``, map it to ``stage`` and return it."""
        domain_name = apigateway.DomainName(
            scope,
            "DomainName",
            domain_name=self.name,
            certificate=self.certificate,
            endpoint_type=apigateway.EndpointType.REGIONAL,
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
        )
        domain_name.add_base_path_mapping(stage.rest_api, base_path=STAGE_NAME, stage=stage)
        if self.hosted_zone is not None:
            target = route53.RecordTarget.from_alias(targets.ApiGatewayDomain(domain_name))
            for record, name in ((route53.ARecord, "A"), (route53.AaaaRecord, "Aaaa")):
                record(
                    scope,
                    f"{name}Record",
                    zone=self.hosted_zone,
                    record_name=f"{self.name}.",
                    target=target,
                )
        return domain_name
