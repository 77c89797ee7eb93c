"""Metrics that AWS publishes, as its documentation lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Published:
    """Published metrics of a service.

    Attributes:
        source: The page that lists them.
        names: The metrics that this project uses.
        dimensions: The sets of their dimensions.
    """

    source: str
    names: frozenset[str]
    dimensions: frozenset[frozenset[str]]


def _published(source: str, names: str, *dimensions: str) -> Published:
    return Published(
        source,
        frozenset(names.split()),
        frozenset(frozenset(each.split()) for each in dimensions),
    )


PUBLISHED: Final = {
    "AWS/ApiGateway": _published(
        "docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html",
        "4XXError 5XXError CacheHitCount CacheMissCount Count IntegrationLatency Latency",
        "ApiName",
        "ApiName Stage",
    ),
    "AWS/SQS": _published(
        "docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
        "sqs-available-cloudwatch-metrics.html",
        "ApproximateAgeOfOldestMessage ApproximateNumberOfMessagesDelayed "
        "ApproximateNumberOfMessagesNotVisible ApproximateNumberOfMessagesVisible "
        "NumberOfEmptyReceives NumberOfMessagesDeleted NumberOfMessagesReceived "
        "NumberOfMessagesSent SentMessageSize",
        "QueueName",
    ),
    "AWS/SNS": _published(
        "docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html",
        "NumberOfMessagesPublished NumberOfNotificationsDelivered NumberOfNotificationsFailed "
        "NumberOfNotificationsRedrivenToDlq NumberOfNotificationsFailedToRedriveToDlq PublishSize",
        "TopicName",
    ),
    "AWS/Lambda": _published(
        "docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html",
        "Invocations Errors Throttles Duration ConcurrentExecutions",
        "FunctionName",
        "FunctionName Resource",
    ),
    "AWS/Logs": _published(
        "docs.aws.amazon.com/AmazonCloudWatch/latest/logs/"
        "CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html",
        "IncomingBytes IncomingLogEvents",
        "LogGroupName",
    ),
    "AWS/WAFV2": _published(
        "docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html",
        "AllowedRequests BlockedRequests CountedRequests PassedRequests",
        "WebACL Region Rule",
    ),
}
