"""The stack that ``cdk deploy`` deploys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm

from cdk_gtm_connector import (
    Domain,
    Firewall,
    GtmConnector,
    PinpointDestination,
    SignedTokenAuthorizer,
)
from stacks.settings import SettingError

if TYPE_CHECKING:
    from constructs import Construct

    from stacks.settings import Settings


class ConnectorStack(cdk.Stack):
    """One connector and the outputs that its owner needs next."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, **kwargs: Any
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        self.token = self._token(settings) if settings.signed_token else None
        try:
            self.connector = GtmConnector(
                self,
                "Connector",
                destination=PinpointDestination(application_id=settings.pinpoint_app_id),
                authorizer=self.token,
                firewall=self._firewall(settings),
                domain=self._domain(settings),
                **settings.props(),
            )
        except ValueError as error:
            raise SettingError.from_prop(error) from error
        self._add_outputs()

    def _token(self, settings: Settings) -> SignedTokenAuthorizer:
        props: dict[str, Any] = {"audience": settings.token_audience}
        if settings.log_retention is not None:
            props["log_retention"] = settings.log_retention
        return SignedTokenAuthorizer(self, "Token", **props)

    def _firewall(self, settings: Settings) -> Firewall | None:
        if settings.firewall_rate_limit is None:
            return None
        return Firewall(rate_limit=settings.firewall_rate_limit)

    def _domain(self, settings: Settings) -> Domain | None:
        if settings.domain_name is None or settings.certificate_arn is None:
            return None
        certificate = acm.Certificate.from_certificate_arn(
            self, "Certificate", settings.certificate_arn
        )
        return Domain(name=settings.domain_name, certificate=certificate)

    def _add_outputs(self) -> None:
        connector = self.connector
        outputs = {
            "EndpointUrl": (connector.endpoint_url, "URL that the tag calls"),
            "GtmImageUrl": (connector.gtm_image_url, "Paste it into a GTM Custom Image tag"),
            "QueueName": (connector.queue.queue_name, "Where events wait for delivery"),
            "DeadLetterQueueName": (
                connector.dead_letter_queue.queue_name,
                "Where messages end that cannot be delivered",
            ),
            "FunctionName": (connector.function.function_name, "The function that delivers"),
        }
        if self.token is not None:
            outputs["AuthenticatedEndpointUrl"] = (
                connector.authenticated_endpoint_url,
                "URL that the tag of a logged-in visitor calls, with token=",
            )
            outputs["TokenSecretArn"] = (
                self.token.secret.secret_arn,
                "The secret that signs tokens (HS256)",
            )
        for name, (value, description) in outputs.items():
            cdk.CfnOutput(self, name, value=value, description=description)
