"""Settings of the deployable app, read from CDK context (``cdk deploy -c name=value``)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal

from stacks import values
from stacks.errors import SettingError
from stacks.spelling import refuse_misspelt
from stacks.values import destination_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import aws_cdk as cdk
    from aws_cdk import aws_logs as logs
    from constructs import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What ``cdk deploy`` can be told.

    The first few are the app's own, the others are props of ``GtmConnector``; ``None`` leaves one
    at the construct's default.

    Attributes:
        destination: Where the events go, of ``DESTINATIONS``; several for a fan-out.
        pinpoint_app_id: Pinpoint application that receives the events.
        pinpoint_requests_per_second: The account's quota for Pinpoint.
        kinesis_stream_arn: Kinesis data stream that receives the events.
        firehose_delivery_stream_name: Firehose delivery stream that receives the events.
        firehose_events_per_record: Events that share a Firehose record at the most.
        event_bus_name: EventBridge bus that receives the events.
        event_source: The events' source on it.
        customer_profiles_domain: Customer Profiles domain that receives the events.
        customer_profiles_region: Its Region, if it is not the stack's.
        customer_profiles_create_domain: Whether it is made.
        customer_profiles_object_type: Name of the object type in it.
        customer_profiles_visitor_object_type: Name of the visitor objects' type in it.
        customer_profiles_create_object_type: Whether they are made.
        customer_profiles_single_object_type: Whether there is but one, as in earlier versions.
        customer_profiles_event_expiration: How long an event object is kept.
        customer_profiles_max_events: How many event objects a profile holds.
        customer_profiles_attributes: User attributes that become the profile's: names, or the
            profile's fields by name.
        customer_profiles_trigger_event: Event type that a trigger is made for.
        customer_profiles_trigger_authenticated_only: Whether only events that a token vouches for
            start it.
        customer_profiles_requests_per_second: The account's quota for Customer Profiles.
        signed_token: Whether there is an authenticated route, behind signed tokens.
        token_audience: What a token's ``aud`` must hold.
        max_token_lifetime: How long a token may live.
        require_endpoint_id: Whether a token has to name an endpoint.
        authorizer_reserved_concurrent_executions: Invocations at once that are the token
            authorizer's, at the most.
        firewall_rate_limit: Puts a web ACL before the endpoint, with this rate limit.
        firewall_log_retention: How long its log is kept, which there is only then.
        domain_name: Domain name for the endpoint.
        certificate_arn: ACM certificate of ``domain_name``.
        encryption_key_arn: Key for the queues, the topic, the log groups and the token's secret.
        monitoring: Whether there are metrics, alarms and a dashboard.
        alarm_email: Address that alarms are sent to.
        alarm_topic_arn: Topic that alarms are published to.
        cdk_nag: Whether synthesis stops for what cdk-nag's AwsSolutions pack finds.
    """

    destination: Sequence[str] = ("pinpoint",)
    pinpoint_app_id: str = ""
    pinpoint_requests_per_second: int | None = None
    kinesis_stream_arn: str = ""
    firehose_delivery_stream_name: str = ""
    firehose_events_per_record: int | None = None
    event_bus_name: str = "default"
    event_source: str | None = None
    customer_profiles_domain: str = ""
    customer_profiles_region: str | None = None
    customer_profiles_create_domain: bool = False
    customer_profiles_object_type: str | None = None
    customer_profiles_visitor_object_type: str | None = None
    customer_profiles_create_object_type: bool = True
    customer_profiles_single_object_type: bool = False
    customer_profiles_event_expiration: cdk.Duration | None = None
    customer_profiles_max_events: int | None = None
    customer_profiles_attributes: Sequence[str] | Mapping[str, str] | None = None
    customer_profiles_trigger_event: str | None = None
    customer_profiles_trigger_authenticated_only: bool = False
    customer_profiles_requests_per_second: int | None = None
    signed_token: bool = False
    token_audience: str | None = None
    max_token_lifetime: cdk.Duration | None = None
    require_endpoint_id: bool = False
    authorizer_reserved_concurrent_executions: int | None = None
    firewall_rate_limit: int | None = None
    firewall_log_retention: logs.RetentionDays | None = None
    domain_name: str | None = None
    certificate_arn: str | None = None
    encryption_key_arn: str | None = None
    monitoring: bool = True
    alarm_email: str | None = None
    alarm_topic_arn: str | None = None
    cdk_nag: bool = False
    anonymous_user_attributes: Sequence[str] | Literal["*"] | None = None
    authenticated_user_attributes: Sequence[str] | Literal["*"] | None = None
    allowed_origins: Sequence[str] | None = None
    require_origin: bool | None = None
    allow_http_origins: bool | None = None
    honor_privacy_signals: bool | None = None
    unset_values: Sequence[str] | None = None
    max_events_per_request: int | None = None
    authenticated_max_events_per_request: int | None = None
    throttling_rate_limit: int | None = None
    throttling_burst_limit: int | None = None
    disable_execute_api_endpoint: bool | None = None
    accept_client_timestamp: bool | None = None
    batch_size: int | None = None
    max_batching_window: cdk.Duration | None = None
    max_concurrency: int | None = None
    memory_size: int | None = None
    timeout: cdk.Duration | None = None
    max_receive_count: int | None = None
    message_retention: cdk.Duration | None = None
    log_retention: logs.RetentionDays | None = None
    cloud_watch_role: bool | None = None
    tracing: bool | None = None

    @classmethod
    def from_context(cls, node: Node) -> Settings:
        """Read the settings from ``node``'s context.

        Raises:
            SettingError: A setting is missing, malformed, or looks like a misspelt one.
        """
        refuse_misspelt(node)
        given = {name: value for name in _READ if (value := _read(node, name)) is not None}
        _check_destinations(given)
        defaults = {field.name: field.default for field in fields(cls)}
        for name, needed, problem in _NEEDS:
            if given.get(name) and not given.get(needed, defaults[needed]):
                shown = repr(given[needed]) if needed in given else None
                raise SettingError(needed, f"{problem} with {name}", shown)
        return cls(**given)

    def props(self) -> dict[str, Any]:
        """Return the props of ``GtmConnector`` that were set."""
        return {
            field.name: value
            for field in fields(self)
            if field.name not in _OWN and (value := getattr(self, field.name)) is not None
        }

    def ignored(self) -> dict[str, str]:
        """Return the settings that change nothing, their destination not being chosen, and why.

        They are no errors: one ``cdk.json`` may hold the settings of several destinations, such as
        the one that was left, and ``destination`` choose among them.
        """
        chosen = ",".join(self.destination)
        return {
            field.name: (
                f"setting {field.name} is ignored, got {value!r}: events go to {chosen} and not to "
                f"{destination}; to send them there as well set -c destination={chosen},"
                f"{destination}, else remove {field.name}"
            )
            for field in fields(self)
            if (destination := destination_of(field.name)) not in (None, *self.destination)
            and (value := getattr(self, field.name)) != field.default
        }


_OWN = frozenset(
    {
        "destination",
        "pinpoint_app_id",
        "pinpoint_requests_per_second",
        "kinesis_stream_arn",
        "firehose_delivery_stream_name",
        "firehose_events_per_record",
        "event_bus_name",
        "event_source",
        "customer_profiles_domain",
        "customer_profiles_region",
        "customer_profiles_create_domain",
        "customer_profiles_object_type",
        "customer_profiles_visitor_object_type",
        "customer_profiles_create_object_type",
        "customer_profiles_single_object_type",
        "customer_profiles_event_expiration",
        "customer_profiles_max_events",
        "customer_profiles_attributes",
        "customer_profiles_trigger_event",
        "customer_profiles_trigger_authenticated_only",
        "customer_profiles_requests_per_second",
        "signed_token",
        "token_audience",
        "max_token_lifetime",
        "require_endpoint_id",
        "authorizer_reserved_concurrent_executions",
        "firewall_rate_limit",
        "firewall_log_retention",
        "domain_name",
        "certificate_arn",
        "encryption_key_arn",
        "monitoring",
        "alarm_email",
        "alarm_topic_arn",
        "cdk_nag",
    }
)

_READ: Final[Mapping[str, Callable[[object], Any]]] = {
    "destination": values.destinations,
    "pinpoint_app_id": values.app_id,
    "pinpoint_requests_per_second": values.whole_number,
    "kinesis_stream_arn": values.stream_arn,
    "firehose_delivery_stream_name": values.delivery_stream_name,
    "firehose_events_per_record": values.whole_number,
    "event_bus_name": values.event_bus_name,
    "event_source": values.text,
    "customer_profiles_domain": values.text,
    "customer_profiles_region": values.region,
    "customer_profiles_create_domain": values.boolean,
    "customer_profiles_object_type": values.text,
    "customer_profiles_visitor_object_type": values.text,
    "customer_profiles_create_object_type": values.boolean,
    "customer_profiles_single_object_type": values.boolean,
    "customer_profiles_event_expiration": values.days,
    "customer_profiles_max_events": values.whole_number,
    "customer_profiles_attributes": values.targets,
    "customer_profiles_trigger_event": values.text,
    "customer_profiles_trigger_authenticated_only": values.boolean,
    "customer_profiles_requests_per_second": values.whole_number,
    "signed_token": values.boolean,
    "token_audience": values.text,
    "max_token_lifetime": values.seconds,
    "require_endpoint_id": values.boolean,
    "authorizer_reserved_concurrent_executions": values.whole_number,
    "firewall_rate_limit": values.whole_number,
    "firewall_log_retention": values.retention,
    "domain_name": values.text,
    "certificate_arn": values.certificate_arn,
    "encryption_key_arn": values.key_arn,
    "monitoring": values.boolean,
    "alarm_email": values.text,
    "alarm_topic_arn": values.topic_arn,
    "cdk_nag": values.boolean,
    "anonymous_user_attributes": values.names,
    "authenticated_user_attributes": values.names,
    "allowed_origins": values.origins,
    "require_origin": values.boolean,
    "allow_http_origins": values.boolean,
    "honor_privacy_signals": values.boolean,
    "unset_values": values.words,
    "max_events_per_request": values.whole_number,
    "authenticated_max_events_per_request": values.whole_number,
    "throttling_rate_limit": values.whole_number,
    "throttling_burst_limit": values.whole_number,
    "disable_execute_api_endpoint": values.boolean,
    "accept_client_timestamp": values.boolean,
    "batch_size": values.whole_number,
    "max_batching_window": values.seconds,
    "max_concurrency": values.whole_number,
    "memory_size": values.whole_number,
    "timeout": values.seconds,
    "max_receive_count": values.whole_number,
    "message_retention": values.days,
    "log_retention": values.retention,
    "cloud_watch_role": values.boolean,
    "tracing": values.boolean,
}

# A setting, the one that it does nothing without, and what that must be.
_NEEDS: Final = (
    ("domain_name", "certificate_arn", "must be given"),
    ("certificate_arn", "domain_name", "must be given"),
    ("token_audience", "signed_token", "must be true"),
    ("max_token_lifetime", "signed_token", "must be true"),
    ("require_endpoint_id", "signed_token", "must be true"),
    ("authorizer_reserved_concurrent_executions", "signed_token", "must be true"),
    (
        "customer_profiles_trigger_authenticated_only",
        "customer_profiles_trigger_event",
        "must be given",
    ),
    ("customer_profiles_trigger_authenticated_only", "signed_token", "must be true"),
    ("require_origin", "allowed_origins", "must be given"),
    ("firewall_log_retention", "firewall_rate_limit", "must be given"),
    ("authenticated_max_events_per_request", "signed_token", "must be true"),
    ("alarm_email", "monitoring", "must be true"),
    ("alarm_topic_arn", "monitoring", "must be true"),
)

# By destination, the setting that it needs, and what that must be.
_REQUIRED: Final = {
    "pinpoint": ("pinpoint_app_id", values.APP_ID),
    "kinesis": ("kinesis_stream_arn", values.STREAM_ARN),
    "firehose": ("firehose_delivery_stream_name", values.DELIVERY_STREAM_NAME),
    "customer-profiles": ("customer_profiles_domain", values.DOMAIN_NAME),
}


def _read(node: Node, name: str) -> Any:
    """Return the setting ``name``, ``None`` where it is not set."""
    value = node.try_get_context(name)
    if value is None:
        return None
    try:
        return _READ[name](value)
    except ValueError as error:
        raise SettingError(name, str(error), repr(value)) from error


def _check_destinations(given: Mapping[str, Any]) -> None:
    """Refuse settings that leave open where the events go."""
    if "destination" not in given:
        # Else the events would go to Pinpoint, although another destination was meant.
        named = {name: kind for name in given if (kind := destination_of(name)) is not None}
        for name, kind in named.items():
            if kind != "pinpoint":
                raise SettingError("destination", f"must be {kind} with {name}", None, value=kind)
        if not named:  # nobody who begins today means Pinpoint
            raise SettingError("destination", values.ONE_OF, None)
    for kind in given.get("destination", ("pinpoint",)):
        if kind in _REQUIRED and _REQUIRED[kind][0] not in given:
            raise SettingError(*_REQUIRED[kind], None)
