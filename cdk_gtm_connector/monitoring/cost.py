"""Metric math for the cost per day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdk_gtm_connector.monitoring import metrics
from cdk_gtm_connector.monitoring.prices import price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdk_gtm_connector.connector import GtmConnector
    from cdk_gtm_connector.monitoring.metrics import Metric
    from cdk_gtm_connector.monitoring.watched import WatchedDelivery

_GB = 1_000_000_000


def cost_of_the_day(
    connector: GtmConnector, deliveries: Sequence[WatchedDelivery]
) -> tuple[dict[str, Metric], dict[str, str]]:
    """Return metrics by id, and expressions over them, in US dollars, by cost item.

    The period is one day. The destination's own charges are left out, because they depend on its
    configuration. So are costs for which the connector has no metric: data transfer, AWS WAF, keys,
    and log storage. Requests to SQS are counted as if each held ten messages.
    """
    using: dict[str, Metric] = {}

    def number(name: str, metric: Metric) -> str:
        using[name] = metric
        # A service without activity that day has no data, and then the sum would have no value
        # either.
        return f"FILL({name}, 0)"

    requests = number("requests", metrics.of_api(connector.api, "Count"))
    logged = [
        number("access_log", metrics.of_log(connector.collection.access_log, "IncomingBytes"))
    ]
    parts = {"API Gateway": f"{price('API_GATEWAY')} * {requests}"}
    if connector.topic is not None:
        published = metrics.of_topic(connector.topic, "NumberOfMessagesPublished")
        parts["SNS"] = f"{price('SNS')} * {number('published', published)}"
    messages, lambdas, invocations = [], [], []
    for index, delivery in enumerate(deliveries):
        queue, function = delivery.queue, delivery.function
        if connector.topic is None:  # SNS is not charged for sending to SQS
            messages.append(number("sent", metrics.of_queue(queue, "NumberOfMessagesSent")))
        received = number(f"received{index}", metrics.of_queue(queue, "NumberOfMessagesReceived"))
        deleted = number(f"deleted{index}", metrics.of_queue(queue, "NumberOfMessagesDeleted"))
        empty = number(f"empty{index}", metrics.of_queue(queue, "NumberOfEmptyReceives"))
        messages.append(f"({received} + {deleted}) / 10 + {empty}")
        invoked = number(f"invocations{index}", metrics.of_function(function, "Invocations"))
        worked = number(f"worked{index}", metrics.of_function(function, "Duration"))
        gigabytes = f"{delivery.memory} / 1024"
        lambdas.append(
            f"{price('LAMBDA_INVOCATIONS')} * {invoked} + "
            f"{price('LAMBDA_ARM64')} * {worked} / 1000 * {gigabytes}"
        )
        if delivery.delivery.tracing:
            invocations.append(invoked)
        logged.append(number(f"log{index}", metrics.of_log(delivery.delivery.log, "IncomingBytes")))
    parts["SQS"] = f"{price('SQS')} * ({' + '.join(messages)})"
    parts["Lambda"] = " + ".join(lambdas)
    parts["Logs"] = f"{price('LAMBDA_LOGS')} * ({' + '.join(logged)}) / {_GB}"
    if invocations:
        # X-Ray traces up to one invocation per second, and with batches that is nearly all of them.
        parts["X-Ray, at most"] = f"{price('XRAY')} * ({' + '.join(invocations)})"
    return using, parts
