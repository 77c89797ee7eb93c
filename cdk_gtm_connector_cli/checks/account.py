"""Checks of queues, alarms, and the use of quotas."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from cdk_gtm_connector_cli.checks import BAD, DOUBTFUL, GOOD, REVERT, Finding
from cdk_gtm_connector_cli.queues import counted, rejection_queues

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cdk_gtm_connector_cli.context import Context
    from cdk_gtm_connector_cli.queues import RejectionQueue
    from cdk_gtm_connector_cli.stack import DeliveryResources

_NEAR: Final = 0.7  # share of a quota at which to request more, which can take AWS days
_OLD: Final = 0.5  # of the retention
_DAY: Final = timedelta(days=1)
_QUARTER: Final = timedelta(minutes=15)
_ALARM: Final = "AWS::CloudWatch::Alarm"
_STAGE: Final = "Api-PinpointEvents"
_NO_QUEUE: Final = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
_MOST_NAMES: Final = 100  # DescribeAlarms


def queues(context: Context) -> Iterator[Finding]:
    """The queues: how old the oldest message is, and what was rejected."""
    for delivery in context.connector.deliveries:
        what = f"queue of {delivery.destination}"
        yield from _of_queue(_waiting(context, delivery, what), what, delivery.queue_url)
    for queue in rejection_queues(context.connector):
        yield from _of_queue(_rejected(context, queue), queue.name, queue.url)


def _of_queue(found: Iterator[Finding], what: str, url: str) -> Iterator[Finding]:
    """Yield a queue's findings. If the queue does not exist, yield that as a finding."""
    try:
        yield from found
    except ClientError as error:
        if error.response["Error"].get("Code", "") not in _NO_QUEUE:
            raise
        yield Finding(what, BAD, f"the queue {url} is gone, with what was in it", REVERT)


def _waiting(context: Context, delivery: DeliveryResources, what: str) -> Iterator[Finding]:
    sqs = context.client("sqs")
    waiting, in_flight, _ = counted(sqs, delivery.queue_url)
    attributes = sqs.get_queue_attributes(
        QueueUrl=delivery.queue_url, AttributeNames=["MessageRetentionPeriod"]
    )["Attributes"]
    retention = int(attributes["MessageRetentionPeriod"])
    age = _highest(
        context,
        "AWS/SQS",
        "ApproximateAgeOfOldestMessage",
        {"QueueName": delivery.queue_url.rpartition("/")[2]},
        _QUARTER,
    )
    words = f"{waiting:,} wait and {in_flight:,} are in flight"
    if age is not None and waiting + in_flight:
        words += f", the oldest for {timedelta(seconds=round(age))}"
    if age is not None and age > _OLD * retention:
        yield Finding(
            what,
            BAD,
            f"{words}; SQS deletes them after {timedelta(seconds=retention)}",
            "fix the destination now, or raise message_retention and deploy",
        )
    else:
        yield Finding(what, GOOD, words)


def _rejected(context: Context, queue: RejectionQueue) -> Iterator[Finding]:
    there = sum(counted(context.client("sqs"), queue.url))
    if there and queue.delivery is not None:
        yield Finding(
            queue.name,
            BAD,
            f"{there:,} messages",
            "gtm-connector rejected says why; gtm-connector redrive returns what can be delivered "
            "now",
        )
    elif there:
        yield Finding(
            queue.name,
            DOUBTFUL,
            f"{there:,} messages",
            "callers got these wrong; gtm-connector rejected says how. With the reason origin "
            "one of your own sites may be missing in allowed_origins",
        )
    else:
        yield Finding(queue.name, GOOD, "empty")


def alarms(context: Context) -> Iterator[Finding]:
    """The stack's alarms."""
    names = [it.physical_id for it in context.resources if it.type == _ALARM]
    if not names:
        yield Finding(
            "alarms",
            DOUBTFUL,
            "the stack has no alarm: nobody is told when events are rejected or wait too long",
            "deploy with alarm_email=… or alarm_topic_arn=…, or with monitoring=Monitoring(…)",
        )
        return
    client = context.client("cloudwatch")
    red = 0
    for start in range(0, len(names), _MOST_NAMES):
        answer = client.describe_alarms(AlarmNames=names[start : start + _MOST_NAMES])
        for it in answer["MetricAlarms"] + answer.get("CompositeAlarms", []):
            if it["StateValue"] == "ALARM":
                red += 1
                to_do = it.get("AlarmDescription") or "see docs/troubleshooting.md, by symptom"
                words = f"{it['AlarmName']}: {it.get('StateReason', '')}"
                yield Finding("alarms", BAD, words, to_do)
    if not red:
        yield Finding("alarms", GOOD, f"none of {len(names)} is in alarm")


def quotas(context: Context) -> Iterator[Finding]:
    """Quotas, and their use in the last day."""
    account = context.client("apigateway").get_account()
    rate = account.get("throttleSettings", {}).get("rateLimit")
    name = context.client("apigateway").get_rest_api(restApiId=context.connector.api_id)["name"]
    dimensions = {"ApiName": name, "Stage": _STAGE}
    most = _highest(context, "AWS/ApiGateway", "Count", dimensions, _DAY, statistic="Sum")
    if rate:
        yield _compared(
            "quota of API Gateway",
            (most or 0) / 60,
            float(rate),
            "requests a second, in the busiest minute of the last day",
            "ask AWS to raise the account's throttle rate (Service Quotas, API Gateway)",
        )
    limit = context.client("lambda").get_account_settings()["AccountLimit"]
    used = _highest(context, "AWS/Lambda", "ConcurrentExecutions", {}, _DAY)
    yield _compared(
        "quota of Lambda",
        used or 0,
        float(limit["ConcurrentExecutions"]),
        "concurrent executions in the account, the most in the last day",
        "ask AWS to raise concurrent executions, and reserve some for the functions",
    )


def _compared(what: str, used: float, quota: float, of_what: str, to_do: str) -> Finding:
    words = f"{used:,.0f} of {quota:,.0f} {of_what}"
    if used >= _NEAR * quota:
        return Finding(what, BAD if used >= quota else DOUBTFUL, words, to_do)
    return Finding(what, GOOD, words)


def _highest(  # noqa: PLR0917 - as CloudWatch is asked
    context: Context,
    namespace: str,
    metric: str,
    dimensions: dict[str, str],
    back: timedelta,
    statistic: str = "Maximum",
) -> float | None:
    """Return a metric's highest value in a minute; ``None`` if there is no data."""
    now = datetime.now(UTC)
    answer = context.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - back,
        EndTime=now,
        Period=60,
        Statistics=[statistic],
    )
    points: Sequence[dict[str, Any]] = answer.get("Datapoints", [])
    return max((float(it[statistic]) for it in points), default=None)


CHECKS: Final = (queues, alarms, quotas)
