"""What a setting that cannot be used makes of the synthesis: one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdk_gtm_connector import PropError

EXAMPLES: Final = {
    "destination": "customer-profiles,firehose",
    "pinpoint_app_id": "0123456789abcdef0123456789abcdef",
    "pinpoint_requests_per_second": "100",
    "kinesis_stream_arn": "arn:aws:kinesis:us-east-1:123456789012:stream/events",
    "firehose_delivery_stream_name": "events",
    "firehose_events_per_record": "1",
    "event_bus_name": "default",
    "event_source": "shop.example",
    "customer_profiles_domain": "shop",
    "customer_profiles_region": "eu-west-2",
    "customer_profiles_create_domain": "true",
    "customer_profiles_object_type": "GtmEvent",
    "customer_profiles_visitor_object_type": "GtmVisitor",
    "customer_profiles_create_object_type": "true",
    "customer_profiles_single_object_type": "true",
    "customer_profiles_event_expiration": "90",
    "customer_profiles_max_events": "500",
    "customer_profiles_attributes": "plan,email=EmailAddress",
    "customer_profiles_trigger_event": "purchase",
    "customer_profiles_trigger_authenticated_only": "true",
    "customer_profiles_requests_per_second": "100",
    "signed_token": "true",
    "token_audience": "shop",
    "max_token_lifetime": "3600",
    "require_endpoint_id": "true",
    "authorizer_reserved_concurrent_executions": "50",
    "firewall_rate_limit": "2000",
    "firewall_log_retention": "30",
    "domain_name": "events.shop.example",
    "certificate_arn": (
        "arn:aws:acm:us-east-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
    ),
    "encryption_key_arn": (
        "arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
    ),
    "monitoring": "true",
    "alarm_email": "oncall@shop.example",
    "alarm_topic_arn": "arn:aws:sns:us-east-1:123456789012:alarms",
    "cdk_nag": "true",
    "anonymous_user_attributes": "plan,city",
    "authenticated_user_attributes": "plan,city",
    "allowed_origins": "https://shop.example",
    "require_origin": "true",
    "allow_http_origins": "true",
    "honor_privacy_signals": "true",
    "unset_values": "undefined,null",
    "max_events_per_request": "20",
    "authenticated_max_events_per_request": "100",
    "throttling_rate_limit": "1000",
    "throttling_burst_limit": "500",
    "disable_execute_api_endpoint": "true",
    "accept_client_timestamp": "true",
    "batch_size": "1000",
    "max_batching_window": "5",
    "max_concurrency": "2",
    "memory_size": "256",
    "timeout": "60",
    "max_receive_count": "10",
    "message_retention": "7",
    "log_retention": "90",
    "cloud_watch_role": "true",
    "tracing": "false",
}
"""A value that works, by setting, as the command line takes it."""


class SettingError(Exception):
    """A setting is missing, malformed or misspelt.

    As text it is one sentence for whoever runs ``cdk``.

    Args:
        name: The setting.
        problem: What its value must be: a sentence without its subject.
        given: What was given, as the sentence shows it; ``None`` for nothing.
        remedy: The setting that has to be set. Default: the same.
        value: What it can be set to. Default: an example.
    """

    def __init__(
        self,
        name: str,
        problem: str,
        given: str | None,
        *,
        remedy: str | None = None,
        value: str | None = None,
    ) -> None:
        got = "it is not set" if given is None else f"got {given}"
        remedy = remedy or name
        super().__init__(
            f"setting {name} {problem}, {got}: set {'it' if remedy == name else remedy} with "
            f'-c {remedy}={value or EXAMPLES[remedy]} or under "context" in cdk.json'
        )
        self.name = name
        """The setting."""
        self.remedy = remedy
        """The setting that has to be set."""

    @classmethod
    def from_prop(cls, error: PropError, names: Mapping[str, str]) -> SettingError:
        """Return what a construct said of a prop, in the words of the settings.

        Args:
            error: What it said.
            names: Settings by prop, where they are called otherwise.
        """
        told = error.renamed(names)
        # What is missing, or switched off, beside it is what has to be set.
        missing = [name for name, value in told.others.items() if value in (None, False)]
        return cls(
            told.prop,
            told.problem,
            told.given or None,
            remedy=next((name for name in missing if name in EXAMPLES), None),
        )
