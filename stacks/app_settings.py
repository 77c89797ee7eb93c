"""Settings of the deployable app itself; each destination has its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from stacks import values
from stacks.destinations import read_destinations
from stacks.setting import SettingsBase, setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aws_cdk as cdk
    from aws_cdk import aws_logs as logs

FIRST_DESTINATION: Final = "pinpoint"
"""The destination of settings that name none, from versions that had no other."""

_GIVEN: Final = "must be given"
_TRUE: Final = "must be true"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettings(SettingsBase):
    """The settings of ``cdk deploy`` that belong to no destination.

    Most are props of ``GtmConnector``. ``None`` stands for the construct's default.
    """

    destination: Sequence[str] = setting(
        read_destinations,
        "where the events go: {destinations}, or several, comma-separated; required unless "
        "`pinpoint_app_id` is set",
        default=(FIRST_DESTINATION,),
        default_words="`pinpoint`",
        example="customer-profiles,firehose",
        prop="",
        section="Where events go",
    )
    anonymous_user_attributes: Sequence[str] | Literal["*"] | None = setting(
        values.names,
        "comma-separated names of the user attributes that anybody may change, or `*`",
        default_words="none",
        example="plan,city",
        section="Who may change what",
    )
    authenticated_user_attributes: Sequence[str] | Literal["*"] | None = setting(
        values.names,
        "the same for authenticated visitors; names need `signed_token`",
        default_words="`*`",
        example="plan,city",
    )
    signed_token: bool = setting(
        values.boolean,
        "whether there is `/events/authenticated`, behind signed tokens",
        default=False,
        default_words="`false`",
        example="true",
        prop="",
        also=("connector.authorizer",),
    )
    token_audience: str | None = setting(
        values.text,
        "required `aud` of a token",
        default_words="none",
        example="shop",
        prop="token.audience",
        needs={"signed_token": _TRUE},
    )
    max_token_lifetime: cdk.Duration | None = setting(
        values.seconds,
        "maximum seconds from now to a token's `exp`, 60–31,536,000; a token that lives longer is "
        "refused",
        default_words="24 hours",
        example="3600",
        prop="token.max_token_lifetime",
        needs={"signed_token": _TRUE},
    )
    require_endpoint_id: bool = setting(
        values.boolean,
        "whether to reject the events of a token without `endpoint_id`",
        default=False,
        default_words="`false`",
        example="true",
        prop="token.require_endpoint_id",
        needs={"signed_token": _TRUE},
    )
    authorizer_reserved_concurrent_executions: int | None = setting(
        values.whole_number,
        "concurrency reserved for the token authorizer, and its maximum, 1–1,000,000: a flood of "
        "junk tokens then cannot use up the account's concurrency, which the delivering function "
        "needs",
        default_words="none",
        example="50",
        prop="token.reserved_concurrent_executions",
        needs={"signed_token": _TRUE},
    )
    allowed_origins: Sequence[str] | None = setting(
        values.origins,
        "comma-separated origins, such as "
        "`https://shop.example,https://*.shop.example,capacitor://localhost`",
        default_words="every site",
        example="https://shop.example",
    )
    require_origin: bool | None = setting(
        values.boolean,
        "whether the `Origin` header must name one of them, for traffic of scripts only: **it "
        "switches image tags off**; needs `allowed_origins`",
        default_words="`false`",
        example="true",
        needs={"allowed_origins": _GIVEN},
    )
    allow_http_origins: bool | None = setting(
        values.boolean,
        "whether they may begin with `http://`",
        default_words="`false`",
        example="true",
    )
    honor_privacy_signals: bool | None = setting(
        values.boolean,
        "whether to drop what browsers send with `Sec-GPC: 1` or `DNT: 1`",
        default_words="`false`",
        example="true",
    )
    max_events_per_request: int | None = setting(
        values.whole_number,
        "maximum events of one request, 1–100: a JSON list is one request, and rate limits count "
        "requests. `1` switches lists off",
        default_words="20, or 100 if authenticated",
        example="20",
        section="The endpoint",
    )
    authenticated_max_events_per_request: int | None = setting(
        values.whole_number,
        "the same for `/events/authenticated` alone; needs `signed_token`",
        default_words="`max_events_per_request`",
        example="100",
        needs={"signed_token": _TRUE},
    )
    unset_values: Sequence[str] | None = setting(
        values.words,
        "comma-separated words that a tag writes for a variable without a value, compared exactly; "
        "empty for none",
        default_words="`undefined,null,NaN,[object Object]`",
        example="undefined,null",
    )
    throttling_rate_limit: int | None = setting(
        values.whole_number,
        "maximum requests per second, from all callers together",
        default_words="the account's",
        example="1000",
    )
    throttling_burst_limit: int | None = setting(
        values.whole_number,
        "maximum burst of requests, from all callers together",
        default_words="the account's",
        example="500",
    )
    firewall_rate_limit: int | None = setting(
        values.whole_number,
        "maximum requests of one IP address in 5 minutes, 10–2,000,000,000; creates a web ACL",
        default_words="no web ACL",
        example="2000",
        prop="firewall.rate_limit",
    )
    firewall_log_retention: logs.RetentionDays | None = setting(
        values.retention,
        "days to keep a log of what the web ACL blocks and counts; it holds IP addresses and user "
        "agents, query strings and cookies are redacted",
        default_words="no log",
        example="30",
        prop="firewall.log_retention",
        needs={"firewall_rate_limit": _GIVEN},
    )
    domain_name: str | None = setting(
        values.text,
        "domain name for the endpoint; create its DNS record yourself, pointing to the output "
        "`DomainTarget`",
        default_words="API Gateway's",
        example="events.shop.example",
        prop="domain.name",
        also=("connector.domain",),
        needs={"certificate_arn": _GIVEN},
    )
    certificate_arn: str | None = setting(
        values.certificate_arn,
        "ACM certificate of `domain_name`",
        default_words="none",
        example=(
            "arn:aws:acm:us-east-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
        ),
        prop="domain.certificate",
        needs={"domain_name": _GIVEN},
    )
    disable_execute_api_endpoint: bool | None = setting(
        values.boolean,
        "whether to disable API Gateway's own URL; needs `domain_name`",
        default_words="`false`",
        example="true",
    )
    accept_client_timestamp: bool | None = setting(
        values.boolean,
        "whether a plausible `timestamp` parameter becomes the event's time",
        default_words="`false`",
        example="true",
    )
    max_batching_window: cdk.Duration | None = setting(
        values.seconds,
        "seconds that Lambda waits to fill a batch, 0–300",
        default_words="`5`",
        example="5",
        section="Delivery",
    )
    batch_size: int | None = setting(
        values.whole_number,
        "maximum messages of a batch, 1–10,000; Lambda limits a batch to 6 MB, about 5,000 "
        "messages",
        default_words="`10000`",
        example="1000",
    )
    max_concurrency: int | None = setting(
        values.whole_number,
        "concurrent batches, 2–1,000; one alone uses Pinpoint's default quota, so more would be "
        "throttled",
        default_words="`2`",
        example="2",
    )
    memory_size: int | None = setting(
        values.whole_number,
        "memory of the function in MB, 128–10,240",
        default_words="`256`",
        example="256",
    )
    timeout: cdk.Duration | None = setting(
        values.seconds,
        "maximum seconds of a batch, 30–900; a retry comes after 6 times this, plus "
        "`max_batching_window`",
        default_words="`60`",
        example="60",
    )
    max_receive_count: int | None = setting(
        values.whole_number,
        "tries of a message before it goes to the dead-letter queue, 1–1,000",
        default_words="`10`",
        example="10",
    )
    message_retention: cdk.Duration | None = setting(
        values.days,
        "days that a message waits for delivery, 1–13; then SQS deletes it",
        default_words="`7`",
        example="7",
    )
    log_retention: logs.RetentionDays | None = setting(
        values.retention,
        "days that logs are kept: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731",
        default_words="`90`",
        example="90",
        section="The account",
    )
    cloud_watch_role: bool | None = setting(
        values.boolean,
        "whether to create the role with which API Gateway writes logs, which an account needs "
        "once in each Region",
        default_words="`false`",
        example="true",
    )
    tracing: bool | None = setting(
        values.boolean,
        "whether X-Ray traces the functions: more than a third of the bill at a million events a "
        "month",
        default_words="`true`",
        example="false",
    )
    encryption_key_arn: str | None = setting(
        values.key_arn,
        "KMS key for the queues, the topic, the log groups and the token's secret",
        default_words="AWS's own keys",
        example="arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef",
        prop="",
        also=("connector.encryption_key",),
    )
    monitoring: bool = setting(
        values.boolean,
        "whether to create metrics, alarms and a dashboard: [operations](operations.md)",
        default=True,
        default_words="`true`",
        example="true",
        prop="",
        also=("connector.monitoring",),
        section="Operation",
    )
    alarm_email: str | None = setting(
        values.text,
        "address to send alarms to; AWS sends it a request to confirm",
        default_words="nobody",
        example="oncall@shop.example",
        prop="monitoring.alarm_email",
        needs={"monitoring": _TRUE},
    )
    alarm_topic_arn: str | None = setting(
        values.topic_arn,
        "SNS topic to publish alarms to",
        default_words="none",
        example="arn:aws:sns:us-east-1:123456789012:alarms",
        prop="monitoring.alarm_topic",
        needs={"monitoring": _TRUE},
    )
    cdk_nag: bool = setting(
        values.boolean,
        "whether synthesis stops at findings of cdk-nag's AwsSolutions pack; the tests hold every "
        "setting to it",
        default=False,
        default_words="`false`",
        example="true",
        prop="",
    )
