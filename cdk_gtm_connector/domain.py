"""A domain name of the site's own for the endpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets

from cdk_gtm_connector.endpoint import STAGE_NAME
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import check_construct, check_text, is_deferred, is_token

if TYPE_CHECKING:
    from constructs import Construct

_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,}", re.ASCII)


@named_props
@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A custom domain name for the endpoint. The path stays the same: ``https://{name}/Api-PinpointEvents/events``.

    Args:
        name: For example ``events.shop.example``.
        certificate: An ACM certificate for that name, in the stack's Region.
        hosted_zone: Route 53 zone of ``name`` or of a parent domain, to which the alias records are
            added. Default: none, you create the record.

    Raises:
        PropError: A prop has a value that cannot work. The connector raises it if ``certificate``
            is in another Region than the stack.
    """

    name: str
    certificate: acm.ICertificate
    hosted_zone: route53.IHostedZone | None = None

    def __post_init__(self) -> None:
        check_text(
            "name",
            self.name,
            _NAME,
            "must be a domain name like events.shop.example (lower case)",
        )
        check_construct(
            "certificate",
            self.certificate,
            "ICertificate",
            ("certificate_arn", "metric_days_to_expiry"),
            'Certificate.from_certificate_arn(self, "Certificate", arn)',
        )
        self._check_names_of_certificate()
        if self.hosted_zone is not None:
            check_construct(
                "hosted_zone",
                self.hosted_zone,
                "IHostedZone",
                ("hosted_zone_arn", "hosted_zone_id", "zone_name"),
                'HostedZone.from_lookup(self, "Zone", domain_name="shop.example")',
            )
            self._check_zone(self.hosted_zone)

    def bind(self, scope: Construct, stage: apigateway.Stage) -> apigateway.DomainName:
        """Create the domain name in ``scope``, map it to ``stage`` and return it.

        Raises:
            PropError: ``certificate`` is in another Region than ``scope``.
        """
        self._check_region(cdk.Stack.of(scope).region)
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

    def _check_zone(self, zone: route53.IHostedZone) -> None:
        try:
            zone_name = zone.zone_name
        except RuntimeError:  # HostedZone.from_hosted_zone_id does not know the name
            return
        if is_deferred(zone_name) or is_deferred(self.name):
            return
        above = zone_name.rstrip(".").lower()
        if self.name != above and not self.name.endswith(f".{above}"):
            raise PropError(
                "hosted_zone",
                "must be the zone of {name}, or of a domain above it",
                zone_name,
                others={"name": self.name},
            )

    def _check_names_of_certificate(self) -> None:
        """Require a certificate that this app creates to be valid for the domain's name."""
        resource = self.certificate.node.default_child
        if not isinstance(resource, acm.CfnCertificate):
            return
        others = resource.subject_alternative_names or []
        names = [resource.domain_name, *others]
        if is_token(others) or any(map(is_deferred, [*names, self.name])):
            return
        _, _, parent = self.name.partition(".")
        if not {self.name, f"*.{parent}"} & {name.lower() for name in names}:
            raise PropError("certificate", "must be for {name}", names, others={"name": self.name})

    def _check_region(self, region: str) -> None:
        arn = self.certificate.certificate_arn.split(":")
        # The env of an imported certificate is that of the importing stack, and a certificate of
        # another stack has a token instead of an ARN.
        known = arn[3] if len(arn) > 3 else self.certificate.env.region  # noqa: PLR2004
        if known and region != known and not is_deferred(known) and not is_deferred(region):
            raise PropError(
                "certificate",
                f"must be in the stack's Region, {region}, because the endpoint is regional",
                known,
                f"request one in {region}",
            )
