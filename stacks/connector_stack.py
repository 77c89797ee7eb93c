"""The stack that ``cdk deploy`` deploys."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

# Both packages import a module only when it is needed, so that Pinpoint's users do not wait for
# Kinesis's modules.
import aws_cdk as cdk

import cdk_gtm_connector as gtm
from stacks.errors import SettingError
from stacks.setting import in_settings
from stacks.settings import all_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs import Construct

    from stacks.settings import Settings


@contextmanager
def _setting_errors() -> Iterator[None]:
    """Turn the error of a prop that a setting sets into the setting's error."""
    try:
        yield
    except gtm.PropError as error:
        examples = {name: each.example for name, each in all_settings().items()}
        raise SettingError.from_prop(error, examples) from error


class ConnectorStack(cdk.Stack):
    """A stack with one connector and the outputs that its owner needs next.

    Args:
        scope: Parent construct.
        construct_id: Id within ``scope``.
        settings: The settings.
        home: The Region that the stack will be deployed to. Default: not known.
        kwargs: The stack's own arguments.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        home: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        for name, why in settings.warnings().items():
            cdk.Annotations.of(self).add_warning_v2(f"cdk-gtm-connector:{name}", why)
        with _setting_errors():
            self._key = self._encryption_key(settings)
            self.token = self._token(settings) if settings.signed_token else None
            chosen = [settings.destinations[name] for name in settings.destination]
            destinations = [each.destination(self, home) for each in chosen]
            firewall, domain = self._firewall(settings), self._domain(settings)
            monitoring = self._monitoring(settings)
            # Some destinations look at the stack only when the connector is created.
            names = {
                prop: name for each in chosen for prop, name in each.names("destination").items()
            }
            with in_settings({**names, **settings.names("connector")}):
                self.connector = gtm.GtmConnector(
                    self,
                    "Connector",
                    destinations=destinations,
                    authorizer=self.token,
                    firewall=firewall,
                    domain=domain,
                    encryption_key=self._key,
                    monitoring=monitoring,
                    **settings.props("connector"),
                )
        self._add_outputs()

    def _token(self, settings: Settings) -> gtm.SignedTokenAuthorizer:
        props = {**settings.props("token"), "encryption_key": self._key}
        if settings.log_retention is not None:
            props["log_retention"] = settings.log_retention
        with in_settings(settings.names("token")):
            return gtm.SignedTokenAuthorizer(self, "Token", **props)

    def _encryption_key(self, settings: Settings) -> cdk.aws_kms.IKey | None:
        if settings.encryption_key_arn is None:
            return None
        return cdk.aws_kms.Key.from_key_arn(self, "Key", settings.encryption_key_arn)

    def _firewall(self, settings: Settings) -> gtm.Firewall | None:
        if settings.firewall_rate_limit is None:
            return None
        with in_settings(settings.names("firewall")):
            return gtm.Firewall(**settings.props("firewall"))

    def _domain(self, settings: Settings) -> gtm.Domain | None:
        if settings.domain_name is None or settings.certificate_arn is None:
            return None
        certificate = cdk.aws_certificatemanager.Certificate.from_certificate_arn(
            self, "Certificate", settings.certificate_arn
        )
        with in_settings(settings.names("domain")):
            return gtm.Domain(name=settings.domain_name, certificate=certificate)

    def _monitoring(self, settings: Settings) -> gtm.Monitoring | None:
        if not settings.monitoring:
            return None
        props = settings.props("monitoring")
        if settings.alarm_topic_arn is not None:
            props["alarm_topic"] = cdk.aws_sns.Topic.from_topic_arn(
                self, "AlarmTopic", settings.alarm_topic_arn
            )
        with in_settings(settings.names("monitoring")):
            return gtm.Monitoring(**props)

    def _add_outputs(self) -> None:
        connector = self.connector
        outputs = {
            "EndpointUrl": (connector.endpoint_url, "URL that the tag calls"),
            "GtmImageUrl": (connector.gtm_image_url, "Paste it into a GTM Custom Image tag"),
        }
        for number, delivery in enumerate(connector.deliveries):
            # The first destination's outputs are named as if it were the only one.
            kind = delivery.destination.construct_id if number else ""
            to = f" to {kind}" if kind else ""
            outputs[f"{kind}QueueName"] = (
                delivery.queue.queue_name,
                f"Where events wait for delivery{to}",
            )
            outputs[f"{kind}DeadLetterQueueName"] = (
                delivery.dead_letter_queue.queue_name,
                f"Where messages end that cannot be delivered{to}",
            )
            outputs[f"{kind}FunctionName"] = (
                delivery.function.function_name,
                f"The function that delivers{to}",
            )
        outputs["InvalidMessageQueueName"] = (
            connector.invalid_message_queue.queue_name,
            "Where messages end that callers got wrong",
        )
        if connector.topic is not None:
            outputs["TopicArn"] = (
                connector.topic.topic_arn,
                "What passes each event on to the queues",
            )
        if connector.domain_name is not None:
            outputs["DomainTarget"] = (
                connector.domain_name.domain_name_alias_domain_name,
                "What the DNS record of the endpoint's own domain points to",
            )
            outputs["DomainTargetHostedZoneId"] = (
                connector.domain_name.domain_name_alias_hosted_zone_id,
                "Its hosted zone, for an alias record in Route 53",
            )
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
