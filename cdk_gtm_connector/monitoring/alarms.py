"""The alarms: their thresholds, and the texts that they send."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypedDict

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from cdk_gtm_connector.delivery_options import MAX_SQS_RETENTION
from cdk_gtm_connector.monitoring import metrics
from cdk_gtm_connector.monitoring.watched import math_number
from cdk_gtm_connector.validation import number_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from constructs import Construct

    from cdk_gtm_connector.connector import GtmConnector
    from cdk_gtm_connector.monitoring.metrics import Metric
    from cdk_gtm_connector.monitoring.props import Monitoring
    from cdk_gtm_connector.monitoring.watched import WatchedDelivery

_PERIOD: Final = cdk.Duration.minutes(5)
_MAX_AGE: Final = cdk.Duration.minutes(30)
_FEWEST_REQUESTS: Final = 100
"""Minimum requests within a period for a share of them to be meaningful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmText:
    """The text of an alarm, for the person on call.

    Attributes:
        section: Heading of the section in ``docs/operations.md``.
        happened: What happened, in a sentence.
        means: What follows from it, in one or two sentences.
        remedy: What to do, in one or two sentences.
    """

    section: str
    happened: str
    means: str
    remedy: str

    def description(self, runbook_url: str) -> str:
        """Return the alarm's description, which CloudWatch cuts at 1,024 characters."""
        link = f"{runbook_url}#{anchor(self.section)}"
        return f"{self.happened} {self.means} {self.remedy} {link}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An alarm on the value of a metric, or of an expression over several.

    Attributes:
        construct_id: Id of the alarm within its scope. Another id makes another alarm.
        text: The alarm's text.
        threshold: The alarm goes off above this.
        using: The metrics, by their names in ``expression``.
        expression: Metric math; empty if the alarm watches its only metric directly.
        periods: Consecutive periods of 5 minutes that must be above the threshold.
    """

    construct_id: str
    text: AlarmText
    threshold: float
    using: Mapping[str, Metric] = field(default_factory=dict)
    expression: str = ""
    periods: float = 1

    def add(self, scope: Construct, runbook_url: str) -> cloudwatch.Alarm:
        """Add the alarm to ``scope``."""
        used = {
            name: cloudwatch.Metric(
                namespace=metric.namespace,
                metric_name=metric.name,
                dimensions_map=dict(metric.dimensions) or None,
                statistic=metric.statistic,
                period=_PERIOD,
            )
            for name, metric in self.using.items()
        }
        watched: cloudwatch.IMetric
        if self.expression:
            watched = cloudwatch.MathExpression(
                expression=self.expression, using_metrics=used, period=_PERIOD
            )
        else:
            (watched,) = used.values()
        return cloudwatch.Alarm(
            scope,
            self.construct_id,
            metric=watched,
            alarm_description=self.text.description(runbook_url),
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold=self.threshold,
            evaluation_periods=self.periods,
            # Without any traffic there is no data, and nothing is wrong.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def alarms_of_delivery(delivery: WatchedDelivery, props: Monitoring, stack: str) -> Iterator[Alarm]:
    """Yield the alarms for one destination."""
    name = delivery.name
    max_age = props.max_message_age or _MAX_AGE
    expiry = number_text(props.expiry_percent)
    yield Alarm(
        construct_id="DeadLetters",
        text=AlarmText(
            section="The dead-letter queue is not empty",
            happened=f"Messages are in the dead-letter queue of {name} in {stack}.",
            means=(
                "Their events were not delivered, and nothing tries them again by itself. SQS "
                "deletes them 14 days after they were first sent."
            ),
            remedy=(
                f"Run `gtm-connector rejected --stack {stack}` for the reasons. Mend them, then "
                f"run `gtm-connector redrive --stack {stack}`, with `--reason refused` for what "
                "the destination refused."
            ),
        ),
        using={
            "messages": metrics.of_queue(
                delivery.dead_letter_queue, "ApproximateNumberOfMessagesVisible", "Maximum"
            )
        },
        threshold=0,
    )
    age = metrics.of_queue(delivery.queue, "ApproximateAgeOfOldestMessage", "Maximum")
    yield Alarm(
        construct_id="OldMessages",
        text=AlarmText(
            section="Messages wait too long",
            happened=(
                f"A message has waited for {name} in {stack} longer than "
                f"{max_age.to_human_string()}."
            ),
            means=(
                "Events arrive faster than they are delivered, or are not delivered at all. "
                "Nothing is lost yet."
            ),
            remedy=(
                f"Run `gtm-connector doctor --stack {stack}`. Look on the dashboard why events are "
                "retried, and whether the function runs."
            ),
        ),
        using={"age": age},
        threshold=max_age.to_seconds(),
    )
    yield Alarm(
        construct_id="ExpiringMessages",
        text=AlarmText(
            section="Messages are about to expire",
            happened=(
                f"A message has waited for {name} in {stack} for more than {expiry} % of the "
                "time that it is kept."
            ),
            means="When that time is over SQS deletes it, and its events are lost.",
            remedy=(
                f"Find out why with `gtm-connector doctor --stack {stack}`. If that takes longer, "
                "raise `message_retention` first, which counts for the messages that wait already."
            ),
        ),
        **_share_of(age, delivery.retention, props.expiry_percent),
    )
    yield Alarm(
        construct_id="ExpiringDeadLetters",
        text=AlarmText(
            section="Dead letters are about to expire",
            happened=(
                f"A message in the dead-letter queue of {name} in {stack} may be near the end of "
                "its 14 days."
            ),
            means="SQS deletes it 14 days after it was first sent, and its events are lost.",
            remedy=(
                f"Run `gtm-connector redrive --stack {stack}`, or save the messages with "
                f"`gtm-connector rejected --stack {stack} --export FILE`."
            ),
        ),
        # The metric's age starts at the move. Before it, a message may have used all its retention.
        **_share_of(
            metrics.of_queue(
                delivery.dead_letter_queue, "ApproximateAgeOfOldestMessage", "Maximum"
            ),
            delivery.retention,
            props.expiry_percent,
            of_the_rest=True,
        ),
    )
    yield Alarm(
        construct_id="Problems",
        text=AlarmText(
            section="The function reports problems",
            happened=f"The function for {name} in {stack} reports problems.",
            means=(
                "The destination denies access or refuses whole batches, a queue takes no "
                "rejected messages, or the function has a bug. Events wait until it is mended."
            ),
            remedy=(
                "Read `problems` on the dashboard or with `gtm-connector tail "
                f"--stack {stack} --problems --since 1h`, and mend what they name."
            ),
        ),
        using={"problems": metrics.Metric(delivery.namespace, metrics.PROBLEMS)},
        threshold=0,
    )
    yield Alarm(
        construct_id="Throttled",
        text=AlarmText(
            section="The destination throttles",
            happened=(
                f"{name} has throttled requests of {stack} for "
                f"{number_text(props.throttled_periods)} periods of 5 minutes in a row."
            ),
            means=(
                "More events arrive than the quota lets through. They wait and are tried again; "
                "if it goes on, they grow old."
            ),
            remedy=(
                f"See how many with `gtm-connector tail --stack {stack} --since 1h`. Compare the "
                "requests on the dashboard with the account's quota, and have the quota raised, "
                "or lower `max_concurrency`."
            ),
        ),
        using={"throttles": metrics.Metric(delivery.namespace, "throttles")},
        threshold=0,
        periods=props.throttled_periods,
    )
    yield Alarm(
        construct_id="FunctionErrors",
        text=AlarmText(
            section="The function fails",
            happened=f"The function for {name} in {stack} failed or timed out.",
            means=(
                "The messages of that batch come back and are tried again; after "
                "`max_receive_count` times they go to the dead-letter queue."
            ),
            remedy=(
                f"Run `gtm-connector doctor --stack {stack}`, and read the failures with "
                f"`gtm-connector tail --stack {stack} --problems --since 1h`: a setting that is "
                "missing, too little memory, or a timeout."
            ),
        ),
        using={"errors": metrics.of_function(delivery.function, "Errors")},
        threshold=0,
    )


def alarms_of_endpoint(
    connector: GtmConnector, props: Monitoring, stack: str, namespace: str, web_acl: str | None
) -> Iterator[Alarm]:
    """Yield the alarms for the endpoint, which all destinations share.

    Args:
        connector: The connector.
        props: The owner's monitoring options.
        stack: Name of the stack, for the texts.
        namespace: Namespace of the connector's own metrics.
        web_acl: Metric name of the web ACL; ``None`` without a firewall.
    """
    yield Alarm(
        construct_id="ServerErrors",
        text=AlarmText(
            section="The endpoint answers 5xx",
            happened=(
                f"The endpoint of {stack} answers more than "
                f"{number_text(props.server_error_percent)} % of the requests with 5xx."
            ),
            means=(
                "Their events are not in the queue. A tag does not send them again, so they are "
                "lost, and its tag is red."
            ),
            remedy=(
                f"Run `gtm-connector doctor --stack {stack}`. Look in the access log for "
                "`errorResponseType` and `integrationStatus`."
            ),
        ),
        **_share_of(
            metrics.of_api(connector.api, "5XXError", "Average"), 1, props.server_error_percent
        ),
    )
    if uses_authorizer(connector):
        yield Alarm(
            construct_id="AuthorizerFailures",
            text=AlarmText(
                section="The authorizer fails",
                happened=f"The authorizer of {stack} fails.",
                means=(
                    "Requests to `/events/authenticated` get 500, whatever their token, and "
                    "their events are lost. Tokens that are refused do not count."
                ),
                remedy=(
                    f"Run `gtm-connector doctor --stack {stack}`, which looks at the secret and "
                    "at the authorizer's log: a secret that it cannot read, a timeout, or "
                    "concurrency that is used up."
                ),
            ),
            using={"failures": metrics.Metric(namespace, metrics.AUTHORIZER_FAILURES)},
            threshold=0,
        )
    if web_acl is not None:
        yield Alarm(
            construct_id="BlockedRequests",
            text=AlarmText(
                section="The firewall blocks many requests",
                happened=(
                    f"The firewall of {stack} blocks more than "
                    f"{number_text(props.blocked_percent)} % of the requests."
                ),
                means="Somebody attacks the endpoint, or a rule hits visitors, who lose events.",
                remedy=(
                    "See on the dashboard of AWS WAF which rule blocks. If it is the rate limit, "
                    "raise `firewall_rate_limit`; a whole office may share an address."
                ),
            ),
            using={
                "blocked": metrics.of_web_acl(web_acl, "BlockedRequests"),
                "allowed": metrics.of_web_acl(web_acl, "AllowedRequests"),
            },
            expression=_share("blocked", "(blocked + FILL(allowed, 0))"),
            threshold=props.blocked_percent,
        )
    if props.invalid_percent is not None:
        yield Alarm(
            construct_id="InvalidMessages",
            text=AlarmText(
                section="Callers send invalid messages",
                happened=(
                    f"More than {number_text(props.invalid_percent)} % of the requests to "
                    f"{stack} are invalid."
                ),
                means=(
                    "A tag is configured wrongly, or a stranger sends junk. These events are "
                    "never delivered; the others are."
                ),
                remedy=f"Run `gtm-connector rejected --stack {stack}`, and mend the tag.",
            ),
            using={
                "invalid": metrics.of_queue(
                    connector.invalid_message_queue, "NumberOfMessagesSent"
                ),
                "requests": metrics.of_api(connector.api, "Count"),
            },
            expression=_share("invalid", "requests"),
            threshold=props.invalid_percent,
        )


def uses_authorizer(connector: GtmConnector) -> bool:
    """Return whether API Gateway calls an authorizer. For IAM, AWS itself checks the signature."""
    return any(
        getattr(method.node.default_child, "authorization_type", None) != "AWS_IAM"
        for method in connector.collection.authenticated_methods
    )


class _Watching(TypedDict):
    """The arguments of :class:`Alarm` for its metrics and threshold."""

    using: Mapping[str, Metric]
    expression: str
    threshold: float


def _share_of(
    metric: Metric, whole: float, percent: float, *, of_the_rest: bool = False
) -> _Watching:
    """Return the arguments for an alarm when ``metric`` is more than a share of ``whole``.

    A number that is known only at deployment needs metric math: CloudFormation cannot multiply.

    Args:
        metric: The metric.
        whole: The number that is 100 percent.
        percent: The share, in percent.
        of_the_rest: Whether 100 percent is SQS's longest retention minus ``whole``.
    """
    longest = MAX_SQS_RETENTION.to_seconds()
    if cdk.Token.is_unresolved(whole) or cdk.Token.is_unresolved(percent):
        number = math_number(whole)
        divisor = f"({math_number(longest)} - {number})" if of_the_rest else number
        return _Watching(
            using={"value": metric}, expression=f"100 * value / {divisor}", threshold=percent
        )
    whole = longest - whole if of_the_rest else whole
    return _Watching(using={"value": metric}, expression="", threshold=percent * whole / 100)


def _share(part: str, whole: str) -> str:
    return f"IF({whole} >= {_FEWEST_REQUESTS}, 100 * {part} / {whole}, 0)"
