"""The stack that ``cdk deploy`` deploys."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

# Both packages import a module when it is asked for: Pinpoint's owner does not wait for Kinesis.
import aws_cdk as cdk

import cdk_gtm_connector as gtm
from stacks.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from constructs import Construct

    from stacks.settings import Settings

# What the settings are called that are a construct's props. The others have the props' names.
_PINPOINT_PROPS: Final = {
    "application_id": "pinpoint_app_id",
    "requests_per_second": "pinpoint_requests_per_second",
}
_FIREHOSE_PROPS: Final = {
    "delivery_stream": "firehose_delivery_stream_name",
    "events_per_record": "firehose_events_per_record",
}
_EVENT_BRIDGE_PROPS: Final = {"event_bus": "event_bus_name", "source": "event_source"}
_TRIGGER_PROPS: Final = {
    **dict.fromkeys(("event_type", "name"), "customer_profiles_trigger_event"),
    "authenticated_only": "customer_profiles_trigger_authenticated_only",
}
_CUSTOMER_PROFILES_PROPS: Final = {
    "domain_name": "customer_profiles_domain",
    "region": "customer_profiles_region",
    "create_domain": "customer_profiles_create_domain",
    "object_type_name": "customer_profiles_object_type",
    "visitor_object_type_name": "customer_profiles_visitor_object_type",
    "create_object_type": "customer_profiles_create_object_type",
    "single_object_type": "customer_profiles_single_object_type",
    "event_expiration": "customer_profiles_event_expiration",
    "max_events_per_profile": "customer_profiles_max_events",
    "user_attributes": "customer_profiles_attributes",
    "event_trigger": "customer_profiles_trigger_event",
    "requests_per_second": "customer_profiles_requests_per_second",
}
_TOKEN_PROPS: Final = {
    "audience": "token_audience",
    "reserved_concurrent_executions": "authorizer_reserved_concurrent_executions",
}
_FIREWALL_PROPS: Final = {
    "rate_limit": "firewall_rate_limit",
    "log_retention": "firewall_log_retention",
}
_DOMAIN_PROPS: Final = {"name": "domain_name", "certificate": "certificate_arn"}
_CONNECTOR_PROPS: Final = {"authorizer": "signed_token", "domain": "domain_name"}


@contextmanager
def _in_settings(names: Mapping[str, str]) -> Iterator[None]:
    """Say what a construct refuses in the words of whoever runs ``cdk``.

    Args:
        names: Settings by prop, where they are called otherwise.
    """
    try:
        yield
    except gtm.PropError as error:
        raise SettingError.from_prop(error, names) from error


class ConnectorStack(cdk.Stack):
    """One connector and the outputs that its owner needs next.

    Args:
        scope: Parent construct.
        construct_id: Id within ``scope``.
        settings: What ``cdk deploy`` was told.
        home: The Region that the stack will be deployed to. Default: not known.
        kwargs: The stack's own.
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
        self._home = home
        for name, why in settings.ignored().items():
            cdk.Annotations.of(self).add_warning_v2(f"cdk-gtm-connector:{name}", why)
        self._key = self._encryption_key(settings)
        self.token = self._token(settings) if settings.signed_token else None
        destinations = [self._destination(name, settings) for name in settings.destination]
        firewall, domain = self._firewall(settings), self._domain(settings)
        monitoring = self._monitoring(settings)
        names = _CONNECTOR_PROPS
        if "customer-profiles" in settings.destination:
            names = {
                **names,
                **_CUSTOMER_PROFILES_PROPS,
            }  # it looks at the stack, once there is one
        with _in_settings(names):
            self.connector = gtm.GtmConnector(
                self,
                "Connector",
                destinations=destinations,
                authorizer=self.token,
                firewall=firewall,
                domain=domain,
                encryption_key=self._key,
                monitoring=monitoring,
                **settings.props(),
            )
        self._add_outputs()

    def _destination(self, name: str, settings: Settings) -> gtm.Destination:
        match name:
            case "pinpoint":
                return self._pinpoint(settings)
            case "kinesis":
                return gtm.KinesisDestination(
                    cdk.aws_kinesis.Stream.from_stream_arn(
                        self, "Stream", settings.kinesis_stream_arn
                    )
                )
            case "firehose":
                return self._firehose(settings)
            case "eventbridge":
                return self._event_bridge(settings)
            case _:
                return self._customer_profiles(settings)

    def _pinpoint(self, settings: Settings) -> gtm.PinpointDestination:
        with _in_settings(_PINPOINT_PROPS):
            return gtm.PinpointDestination(
                settings.pinpoint_app_id, requests_per_second=settings.pinpoint_requests_per_second
            )

    def _firehose(self, settings: Settings) -> gtm.FirehoseDestination:
        stream = cdk.aws_kinesisfirehose.DeliveryStream.from_delivery_stream_name(
            self, "DeliveryStream", settings.firehose_delivery_stream_name
        )
        # aws-cdk-lib adds Firehose's IP ranges to the stack, which nothing here refers to.
        self.node.try_remove_child("@aws-cdk--aws-kinesisfirehose.CidrBlocks")
        number = settings.firehose_events_per_record
        props: dict[str, Any] = {} if number is None else {"events_per_record": number}
        with _in_settings(_FIREHOSE_PROPS):
            return gtm.FirehoseDestination(stream, **props)

    def _event_bridge(self, settings: Settings) -> gtm.EventBridgeDestination:
        bus = cdk.aws_events.EventBus.from_event_bus_name(self, "EventBus", settings.event_bus_name)
        props: dict[str, Any] = (
            {} if settings.event_source is None else {"source": settings.event_source}
        )
        with _in_settings(_EVENT_BRIDGE_PROPS):
            return gtm.EventBridgeDestination(bus, **props)

    def _customer_profiles(self, settings: Settings) -> gtm.CustomerProfilesDestination:
        props: dict[str, Any] = {
            "region": self._customer_profiles_region(settings),
            "object_type_name": settings.customer_profiles_object_type,
            "visitor_object_type_name": settings.customer_profiles_visitor_object_type,
            "event_expiration": settings.customer_profiles_event_expiration,
            "max_events_per_profile": settings.customer_profiles_max_events,
            "user_attributes": settings.customer_profiles_attributes,
            "requests_per_second": settings.customer_profiles_requests_per_second,
        }
        event_type = settings.customer_profiles_trigger_event
        if event_type is not None:
            with _in_settings(_TRIGGER_PROPS):
                props["event_trigger"] = gtm.ProfileEventTrigger(
                    event_type=event_type,
                    authenticated_only=settings.customer_profiles_trigger_authenticated_only,
                )
        with _in_settings(_CUSTOMER_PROFILES_PROPS):
            return gtm.CustomerProfilesDestination(
                domain_name=settings.customer_profiles_domain,
                create_domain=settings.customer_profiles_create_domain,
                create_object_type=settings.customer_profiles_create_object_type,
                single_object_type=settings.customer_profiles_single_object_type,
                **{prop: value for prop, value in props.items() if value is not None},
            )

    def _customer_profiles_region(self, settings: Settings) -> str | None:
        """Return the domain's Region, ``None`` for the stack's own."""
        from cdk_gtm_connector.destinations.regions import (  # noqa: PLC0415 - see above
            CUSTOMER_PROFILES_REGIONS,
        )

        named = settings.customer_profiles_region
        if named not in (None, self._home):
            return named
        if self._home in CUSTOMER_PROFILES_REGIONS:
            # The construct cannot know it: the template is for any Region.
            cdk.Annotations.of(self).acknowledge_warning("cdk-gtm-connector:customerProfilesRegion")
        elif self._home is not None and named is None:
            raise SettingError(
                "customer_profiles_region",
                f"must be set to deploy to {self._home}, for Customer Profiles is in "
                f"{', '.join(CUSTOMER_PROFILES_REGIONS)} only",
                None,
            )
        return None

    def _token(self, settings: Settings) -> gtm.SignedTokenAuthorizer:
        props: dict[str, Any] = {
            "audience": settings.token_audience,
            "require_endpoint_id": settings.require_endpoint_id,
            "max_token_lifetime": settings.max_token_lifetime,
            "reserved_concurrent_executions": settings.authorizer_reserved_concurrent_executions,
            "encryption_key": self._key,
        }
        if settings.log_retention is not None:
            props["log_retention"] = settings.log_retention
        with _in_settings(_TOKEN_PROPS):
            return gtm.SignedTokenAuthorizer(self, "Token", **props)

    def _encryption_key(self, settings: Settings) -> cdk.aws_kms.IKey | None:
        if settings.encryption_key_arn is None:
            return None
        return cdk.aws_kms.Key.from_key_arn(self, "Key", settings.encryption_key_arn)

    def _firewall(self, settings: Settings) -> gtm.Firewall | None:
        if settings.firewall_rate_limit is None:
            return None
        with _in_settings(_FIREWALL_PROPS):
            return gtm.Firewall(
                rate_limit=settings.firewall_rate_limit,
                log_retention=settings.firewall_log_retention,
            )

    def _domain(self, settings: Settings) -> gtm.Domain | None:
        if settings.domain_name is None or settings.certificate_arn is None:
            return None
        certificate = cdk.aws_certificatemanager.Certificate.from_certificate_arn(
            self, "Certificate", settings.certificate_arn
        )
        with _in_settings(_DOMAIN_PROPS):
            return gtm.Domain(name=settings.domain_name, certificate=certificate)

    def _monitoring(self, settings: Settings) -> gtm.Monitoring | None:
        if not settings.monitoring:
            return None
        arn = settings.alarm_topic_arn
        with _in_settings({}):
            return gtm.Monitoring(
                alarm_email=settings.alarm_email,
                alarm_topic=(
                    None
                    if arn is None
                    else cdk.aws_sns.Topic.from_topic_arn(self, "AlarmTopic", arn)
                ),
            )

    def _add_outputs(self) -> None:
        connector = self.connector
        outputs = {
            "EndpointUrl": (connector.endpoint_url, "URL that the tag calls"),
            "GtmImageUrl": (connector.gtm_image_url, "Paste it into a GTM Custom Image tag"),
        }
        for number, delivery in enumerate(connector.deliveries):
            # The first one's are called as if it were the only one.
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
