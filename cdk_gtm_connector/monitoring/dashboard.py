"""The dashboard: the endpoint, each destination's queue, function and rejections, and the cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk

from cdk_gtm_connector.monitoring import metrics
from cdk_gtm_connector.monitoring.alarms import uses_authorizer
from cdk_gtm_connector.monitoring.cost import cost_of_the_day
from cdk_gtm_connector.monitoring.metrics import Metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cdk_gtm_connector.connector import GtmConnector
    from cdk_gtm_connector.monitoring.watched import WatchedDelivery

_WIDTH: Final = 24  # columns of a dashboard
_HEIGHT: Final = 6
_PERIOD: Final = 300

Widget = dict[str, Any]


def dashboard_body(
    connector: GtmConnector,
    deliveries: Sequence[WatchedDelivery],
    *,
    alarms: Sequence[str],
    namespace: str,
    web_acl: str | None,
    runbook_url: str,
) -> Widget:
    """Return the dashboard's body, in CloudWatch's format.

    Args:
        connector: The connector.
        deliveries: Its destinations.
        alarms: ARNs of its alarms.
        namespace: Namespace of the connector's own metrics.
        web_acl: Metric name of the web ACL; ``None`` without a firewall.
        runbook_url: The page about the alarms.
    """
    name = cdk.Stack.of(connector).stack_name
    rows: list[list[Widget]] = [
        [_text(f"# {name}\nWhat each alarm means and what to do: [operations]({runbook_url})")],
        [_alarms(alarms)],
        [_text("## Door")],
        *_in_threes(_endpoint(connector, namespace, web_acl)),
    ]
    for delivery in deliveries:
        rows += [[_text(f"## {delivery.name}")], *_delivery(delivery)]
    rows += [
        [_text("## All destinations")],
        [_problems([delivery.delivery.log.log_group_name for delivery in deliveries])],
        [_cost(connector, deliveries)],
    ]
    return {"widgets": _placed(rows)}


def _endpoint(connector: GtmConnector, namespace: str, web_acl: str | None) -> list[Widget]:
    api = connector.api
    widgets = [
        _graph(
            "Requests",
            {
                "requests": metrics.of_api(api, "Count"),
                "refused (4xx)": metrics.of_api(api, "4XXError"),
                "failed (5xx)": metrics.of_api(api, "5XXError"),
            },
        ),
        _graph(
            "Time to answer, milliseconds",
            {
                "half of them": metrics.of_api(api, "Latency", "p50"),
                "99 of 100": metrics.of_api(api, "Latency", "p99"),
            },
        ),
        _graph(
            "Invalid messages, the callers' mistakes",
            {
                "new": metrics.of_queue(connector.invalid_message_queue, "NumberOfMessagesSent"),
                "kept": metrics.of_queue(
                    connector.invalid_message_queue,
                    "ApproximateNumberOfMessagesVisible",
                    "Maximum",
                ),
            },
        ),
    ]
    if connector.topic is not None:
        widgets.append(
            _graph(
                "Topic",
                {
                    "published": metrics.of_topic(connector.topic, "NumberOfMessagesPublished"),
                    "not taken by a queue": metrics.of_topic(
                        connector.topic, "NumberOfNotificationsFailed"
                    ),
                },
            )
        )
    if uses_authorizer(connector):
        failures = Metric(namespace, metrics.AUTHORIZER_FAILURES)
        widgets.append(_graph("Authorizer", {"failures": failures}))
    if web_acl is not None:
        widgets.append(
            _graph(
                "Firewall",
                {
                    "allowed": metrics.of_web_acl(web_acl, "AllowedRequests"),
                    "blocked": metrics.of_web_acl(web_acl, "BlockedRequests"),
                },
            )
        )
    return widgets


def _delivery(delivery: WatchedDelivery) -> list[list[Widget]]:
    def own(name: str, statistic: str = "Sum") -> Metric:
        return Metric(delivery.namespace, name, statistic)

    queue, dead_letters = delivery.queue, delivery.dead_letter_queue
    return [
        [
            _graph(
                "Queue, messages",
                {
                    "waiting": metrics.of_queue(
                        queue, "ApproximateNumberOfMessagesVisible", "Maximum"
                    ),
                    "in flight, or to be tried again": metrics.of_queue(
                        queue, "ApproximateNumberOfMessagesNotVisible", "Maximum"
                    ),
                    "dead letters": metrics.of_queue(
                        dead_letters, "ApproximateNumberOfMessagesVisible", "Maximum"
                    ),
                },
            ),
            _graph(
                "Oldest message, seconds",
                {
                    "in the queue": metrics.of_queue(
                        queue, "ApproximateAgeOfOldestMessage", "Maximum"
                    )
                },
            ),
            _graph(
                "Function",
                {
                    "invocations": metrics.of_function(delivery.function, "Invocations"),
                    "failed": metrics.of_function(delivery.function, "Errors"),
                    "throttled by Lambda": metrics.of_function(delivery.function, "Throttles"),
                },
            ),
        ],
        [
            _graph(
                "Time of a batch, milliseconds",
                {
                    "average": own("duration_ms", "Average"),
                    "longest": own("duration_ms", "Maximum"),
                },
            ),
            _graph(
                "Messages",
                {
                    "received": own("received"),
                    "delivered": own("delivered"),
                    "retried": own("retried"),
                    "rejected": own("rejected"),
                    "opted out": own("opted_out"),
                    "events in them": own("events"),
                },
            ),
            _graph(
                "Requests to the destination",
                {
                    "requests": own("requests"),
                    "throttled": own("throttles"),
                    "batches with problems": own(metrics.PROBLEMS),
                },
            ),
        ],
        [
            _graph(
                "Rejected, by reason",
                {reason: own(f"rejected_by_reason.{reason}") for reason in metrics.REJECTED},
                stacked=True,
            ),
            _graph(
                "Retried, by reason",
                {reason: own(f"retried_by_reason.{reason}") for reason in metrics.RETRIED},
                stacked=True,
            ),
            _graph("Left out of events, or cut", {name: own(name) for name in metrics.LOSSES}),
        ],
    ]


def _graph(title: str, lines: Mapping[str, Metric], *, stacked: bool = False) -> Widget:
    return {
        "type": "metric",
        "height": _HEIGHT,
        "properties": {
            "title": title,
            "view": "timeSeries",
            "stacked": stacked,
            "region": cdk.Aws.REGION,
            "period": _PERIOD,
            "metrics": [_line(metric, label) for label, metric in lines.items()],
            "yAxis": {"left": {"min": 0}},
        },
    }


def _line(metric: Metric, label: str, **options: object) -> list[Any]:
    dimensions = [part for dimension in metric.dimensions.items() for part in dimension]
    shown = {"label": label} if label else {}
    return [
        metric.namespace,
        metric.name,
        *dimensions,
        {"stat": metric.statistic, **shown, **options},
    ]


def _cost(connector: GtmConnector, deliveries: Sequence[WatchedDelivery]) -> Widget:
    using, parts = cost_of_the_day(connector, deliveries)
    names = [f"cost{number}" for number in range(len(parts))]
    return {
        "type": "metric",
        "height": 4,
        "properties": {
            "title": (
                "Cost of the day since 0:00 UTC, US dollars, at us-east-1's list prices: without "
                "the destination's own charges, data transfer, AWS WAF and monitoring"
            ),
            "view": "singleValue",
            "region": cdk.Aws.REGION,
            "period": 86_400,
            "metrics": [
                [{"expression": f"SUM([{', '.join(names)}])", "label": "all", "id": "total"}],
                *(
                    [{"expression": expression, "label": label, "id": name}]
                    for name, (label, expression) in zip(names, parts.items(), strict=True)
                ),
                *(_line(metric, "", id=name, visible=False) for name, metric in using.items()),
            ],
        },
    }


def _problems(log_groups: Sequence[str]) -> Widget:
    sources = " | ".join(f"SOURCE '{name}'" for name in log_groups)
    return {
        "type": "log",
        "height": 4,
        "properties": {
            "title": "Problems that the owner has to mend",
            "view": "table",
            "region": cdk.Aws.REGION,
            "query": (
                f"{sources} | filter message = 'batch' and level = 'ERROR' "
                "| fields @timestamp, problems.0, problems.1, @log "
                "| sort @timestamp desc | limit 20"
            ),
        },
    }


def _alarms(arns: Sequence[str]) -> Widget:
    return {
        "type": "alarm",
        "height": 3,
        "properties": {"title": "Alarms", "alarms": list(arns)},
    }


def _text(markdown: str) -> Widget:
    height = 1 + markdown.count("\n")
    return {"type": "text", "height": height, "properties": {"markdown": markdown}}


def _in_threes(widgets: Sequence[Widget]) -> list[list[Widget]]:
    return [list(widgets[first : first + 3]) for first in range(0, len(widgets), 3)]


def _placed(rows: Sequence[Sequence[Widget]]) -> list[Widget]:
    """Return the widgets with their positions. The widgets of a row share its width."""
    placed = []
    top = 0
    for row in rows:
        width = _WIDTH // len(row)
        for number, widget in enumerate(row):
            placed.append({**widget, "x": number * width, "y": top, "width": width})
        top += max(widget["height"] for widget in row)
    return placed
