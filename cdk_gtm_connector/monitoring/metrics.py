"""The metrics that alarms and the dashboard use, and the filters that extract them from logs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_logs as logs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_apigateway as apigateway
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs
    from constructs import Construct

REJECTED: Final = (
    "malformed",
    "unset",
    "too_many_events",
    "origin",
    "foreign_endpoint",
    "reserved_event_type",
    "too_large",
    "refused",
    "user_attributes_refused",
)
"""Reasons for rejecting an event: ``gtm_events.outcome.Reason``."""

RETRIED: Final = (
    "throttled",
    "unavailable",
    "timed_out",
    "unreachable",
    "unanswered",
    "denied",
    "out_of_time",
    "dead_letter_queue_failed",
    "invalid_message_queue_failed",
    "internal_error",
)
"""Reasons for returning an event to the queue: ``gtm_events.outcome.RetryReason``."""

LOSSES: Final = (
    "ignored_parameters",
    "truncated_values",
    "denied_user_attributes",
    "ignored_timestamps",
)
"""Totals of data that was left out of events or cut: ``gtm_events.losses.TOTALS``."""

COUNTS: Final = (
    *("received", "events", "delivered", "retried", "rejected", "opted_out"),
    *LOSSES,
    *("requests", "throttles", "duration_ms"),
    *(f"rejected_by_reason.{reason}" for reason in REJECTED),
    *(f"retried_by_reason.{reason}" for reason in RETRIED),
)
"""Fields of the batch log line that become metrics. A metric's name is the field's path."""

PROBLEMS: Final = "problems"
"""Name of the metric that counts batches with problems that the owner has to mend."""

AUTHORIZER_FAILURES: Final = "authorizer_failures"
"""Name of the metric that counts requests whose authorizer failed."""

# A count of 0 is left out, because CloudWatch charges for each hour in which a metric gets a value.
_COUNT: Final = '{{ ($.message = "batch") && ($.{name} > 0) }}'
_PROBLEM: Final = '{ ($.message = "batch") && ($.level = "ERROR") }'
# API Gateway's gateway responses for an authorizer that failed or cannot be called.
_AUTHORIZER_FAILED: Final = (
    '{ ($.errorResponseType = "AUTHORIZER_FAILURE") || '
    '($.errorResponseType = "AUTHORIZER_CONFIGURATION_ERROR") }'
)
_LONGEST_PATH: Final = 100


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric and its statistic.

    Attributes:
        namespace: Namespace.
        name: Name.
        statistic: Such as ``Sum`` or ``p99``.
        dimensions: Dimensions by name. Metrics of log filters have none.
    """

    namespace: str
    name: str
    statistic: str = "Sum"
    dimensions: Mapping[str, str] = field(default_factory=dict)


def namespace_of(connector: Construct) -> str:
    """Return the namespace of a connector's own metrics, unique in its account and Region.

    A metric filter can take dimensions only from fields of the log line, which does not name the
    stack. So the namespace names it.
    """
    stack = cdk.Stack.of(connector)
    path = connector.node.path.removeprefix(f"{stack.node.path}/")
    path = re.sub(r"[^A-Za-z0-9_./-]", "-", path)
    if len(path) > _LONGEST_PATH:
        path = cdk.Names.unique_resource_name(connector, max_length=_LONGEST_PATH, separator="-")
    return f"GtmConnector/{stack.stack_name}/{path}"


def add_batch_filters(scope: Construct, log: logs.ILogGroup, namespace: str) -> None:
    """Add filters that extract metrics from the delivering function's log line for each batch.

    Args:
        scope: Parent of the filters.
        log: The function's log group.
        namespace: Namespace of the metrics.
    """
    for name in COUNTS:
        unit = "Milliseconds" if name.endswith("_ms") else "Count"
        count = Metric(namespace, name)
        pattern = _COUNT.format(name=name)
        _add_filter(scope, log, count, pattern, value=f"$.{name}", unit=unit)
    _add_filter(scope, log, Metric(namespace, PROBLEMS), _PROBLEM)


def add_authorizer_filter(scope: Construct, access_log: logs.ILogGroup, namespace: str) -> None:
    """Add a filter that counts the requests in ``access_log`` whose authorizer failed."""
    _add_filter(scope, access_log, Metric(namespace, AUTHORIZER_FAILURES), _AUTHORIZER_FAILED)


def _add_filter(
    scope: Construct,
    log: logs.ILogGroup,
    metric: Metric,
    pattern: str,
    *,
    value: str = "1",
    unit: str = "Count",
) -> None:
    logs.CfnMetricFilter(
        scope,
        metric.name,
        log_group_name=log.log_group_name,
        filter_pattern=pattern,
        metric_transformations=[
            logs.CfnMetricFilter.MetricTransformationProperty(
                metric_namespace=metric.namespace,
                metric_name=metric.name,
                metric_value=value,
                unit=unit,
            )
        ],
    )


def of_queue(queue: sqs.IQueue, name: str, statistic: str = "Sum") -> Metric:
    """Return a metric of SQS."""
    return Metric("AWS/SQS", name, statistic, {"QueueName": queue.queue_name})


def of_topic(topic: sns.ITopic, name: str) -> Metric:
    """Return a metric of SNS."""
    return Metric("AWS/SNS", name, "Sum", {"TopicName": topic.topic_name})


def of_function(function: lambda_.IFunction, name: str, statistic: str = "Sum") -> Metric:
    """Return a metric of Lambda."""
    return Metric("AWS/Lambda", name, statistic, {"FunctionName": function.function_name})


def of_api(api: apigateway.RestApi, name: str, statistic: str = "Sum") -> Metric:
    """Return a metric of API Gateway for the stage that tags call."""
    dimensions = {"ApiName": api.rest_api_name, "Stage": api.deployment_stage.stage_name}
    return Metric("AWS/ApiGateway", name, statistic, dimensions)


def of_log(log: logs.ILogGroup, name: str) -> Metric:
    """Return a metric of CloudWatch Logs."""
    return Metric("AWS/Logs", name, "Sum", {"LogGroupName": log.log_group_name})


def of_web_acl(web_acl: str, name: str) -> Metric:
    """Return a metric of AWS WAF.

    Args:
        web_acl: The web ACL's metric name.
        name: Name of the metric.
    """
    dimensions = {"WebACL": web_acl, "Region": cdk.Aws.REGION, "Rule": "ALL"}
    return Metric("AWS/WAFV2", name, "Sum", dimensions)
