"""Options of a connector's monitoring."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk

from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import (
    check_boolean,
    check_construct,
    check_duration,
    check_instance,
    check_number,
    check_text,
)

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from cdk_gtm_connector.connector import GtmConnector
    from cdk_gtm_connector.monitoring.connector_monitoring import ConnectorMonitoring

RUNBOOK_URL: Final = (
    "https://github.com/YOUR-ORGANIZATION/YOUR-REPOSITORY/blob/main/docs/operations.md"
)
"""URL of the published page with a section for each alarm."""

_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_URL: Final = re.compile(r"https://[^\s#]{1,190}")
_SHORTEST_AGE: Final = cdk.Duration.minutes(10)
_LONGEST_AGE: Final = cdk.Duration.days(13)


@named_props
@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """Metrics of what the functions log, alarms that say what to do, and a dashboard.

    Filters extract the metrics from log lines, so the functions make no extra calls. Each
    destination takes 40 of the 500 resources that a stack may have, which is enough for nine
    destinations. Metrics, alarms and dashboards have monthly prices: ``docs/operations.md`` adds
    them up.

    Each alarm's description says what happened, what it means and what to do, and links to the
    section of ``docs/operations.md`` about it. Without ``alarm_email`` and ``alarm_topic`` the
    alarms show only on the dashboard, and nobody is notified.

    Example:
        >>> GtmConnector(
        ...     self,
        ...     "Gtm",
        ...     destination=CustomerProfilesDestination(domain_name="shop"),
        ...     monitoring=Monitoring(alarm_email="oncall@shop.example"),
        ... )

    Args:
        alarm_email: Address that gets an e-mail when an alarm goes off and when it is over. Its
            owner must first confirm AWS's subscription e-mail. The topic in between is encrypted
            with the connector's ``encryption_key`` if there is one. Default: none.
        alarm_topic: A standard topic that gets the same notifications. If it is encrypted, its
            key's policy must allow ``cloudwatch.amazonaws.com``; SNS's own key does not. Default:
            none.
        dashboard: Whether to create a dashboard for all destinations together. Default: yes.
        max_message_age: Age of the oldest waiting message at which an alarm goes off, 10 minutes to
            13 days, in whole seconds. A retried message returns after 6 times ``timeout``, so a
            limit of less than 10 minutes could go off for a single retry. Default: 30 minutes.
        expiry_percent: Share of a message's retention, in percent, at which an alarm goes off, 1 to
            99. For the queue, the retention is ``message_retention``. For the dead-letter queue, it
            is what remains of 14 days after ``message_retention``. Default: 80.
        throttled_periods: Number of consecutive 5-minute periods, 1 to 288, with throttled requests
            after which an alarm goes off. Default: 3.
        server_error_percent: Share of requests within 5 minutes, in percent, 1 to 100. An alarm
            goes off if more than this are answered 5xx. Default: 1.
        blocked_percent: Share of requests within 5 minutes, in percent, 1 to 100. An alarm goes off
            if the ``firewall`` blocks more than this and there are at least 100 requests. Default:
            20.
        invalid_percent: Share of requests within 5 minutes, in percent, 1 to 100. An alarm goes off
            if more than this are invalid messages and there are at least 100 requests. The owner
            cannot fix such messages. Default: no such alarm; invalid messages are only counted.
        runbook_url: URL of your own copy of ``docs/operations.md``: an ``https`` URL without a
            fragment. The copy must keep the headings, because alarms link to them. Default: the
            page that this project publishes.

    Raises:
        PropError: A prop has a value that cannot work.
    """

    alarm_email: str | None = None
    alarm_topic: sns.ITopic | None = None
    dashboard: bool = True
    max_message_age: cdk.Duration | None = None
    expiry_percent: int = 80
    throttled_periods: int = 3
    server_error_percent: int = 1
    blocked_percent: int = 20
    invalid_percent: int | None = None
    runbook_url: str = RUNBOOK_URL

    def __post_init__(self) -> None:
        if self.alarm_email is not None:
            check_text(
                "alarm_email",
                self.alarm_email,
                _EMAIL,
                "must be an e-mail address, such as oncall@shop.example",
            )
        if self.alarm_topic is not None:
            _check_topic(self.alarm_topic)
        check_boolean("dashboard", self.dashboard)
        if self.max_message_age is not None:
            check_duration(
                "max_message_age", self.max_message_age, _SHORTEST_AGE, _LONGEST_AGE, known=True
            )
        check_number("expiry_percent", self.expiry_percent, 1, 99)
        check_number("throttled_periods", self.throttled_periods, 1, 288)
        check_number("server_error_percent", self.server_error_percent, 1, 100)
        check_number("blocked_percent", self.blocked_percent, 1, 100)
        if self.invalid_percent is not None:
            check_number("invalid_percent", self.invalid_percent, 1, 100)
        problem = "must be an https URL of 9 to 198 characters without a fragment"
        check_text("runbook_url", self.runbook_url, _URL, problem)


def check_monitoring(monitoring: object) -> None:
    """Refuse a value that is neither a :class:`Monitoring` nor ``None``."""
    if monitoring is not None:
        example = 'Monitoring(alarm_email="oncall@shop.example")'
        check_instance("monitoring", monitoring, Monitoring, example)


def add_monitoring(
    connector: GtmConnector, monitoring: Monitoring | None
) -> ConnectorMonitoring | None:
    """Add monitoring to a connector, after all of its other parts."""
    if monitoring is None:
        return None
    # Imported here, so that a connector without monitoring does not load aws_cdk's CloudWatch
    # modules.
    from cdk_gtm_connector.monitoring.connector_monitoring import (  # noqa: PLC0415
        ConnectorMonitoring,
    )

    return ConnectorMonitoring(connector, monitoring)


def _check_topic(topic: object) -> None:
    check_construct(
        "alarm_topic",
        topic,
        "ITopic",
        ("topic_arn", "topic_name", "grant_publish", "fifo"),
        'Topic.from_topic_arn(self, "Alarms", arn)',
    )
    if getattr(topic, "fifo", False):
        raise PropError(
            "alarm_topic",
            "must be a standard topic, because CloudWatch publishes to no other",
            topic,
        )
