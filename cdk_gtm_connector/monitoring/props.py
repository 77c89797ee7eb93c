"""What can be said of a connector's monitoring."""

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
"""The page with a section for each alarm, where this project is published."""

_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_URL: Final = re.compile(r"https://[^\s#]{1,190}")
_SHORTEST_AGE: Final = cdk.Duration.minutes(10)
_LONGEST_AGE: Final = cdk.Duration.days(13)


@named_props
@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """Metrics of what the functions log, alarms that say what to do, and a dashboard.

    The metrics are made of the log lines by filters, so they cost no call and the functions stay as
    they are. Each destination takes 40 resources of the 500 that a stack may have: that is enough
    for nine destinations. A metric, an alarm and a dashboard have a monthly price:
    ``docs/operations.md`` adds them up.

    Each alarm's description says what happened, what it means and what to do, and links to the
    section of ``docs/operations.md`` about it. Without ``alarm_email`` and ``alarm_topic`` the
    alarms show on the dashboard and tell nobody.

    Example:
        >>> GtmConnector(
        ...     self,
        ...     "Gtm",
        ...     destination=CustomerProfilesDestination(domain_name="shop"),
        ...     monitoring=Monitoring(alarm_email="oncall@shop.example"),
        ... )

    Args:
        alarm_email: Address that is told when an alarm goes off, and when it is over. AWS asks it
            to confirm first. The topic in between is encrypted with the connector's
            ``encryption_key`` if there is one. Default: nobody is told.
        alarm_topic: A standard topic that is told the same. If it is encrypted, then with a key of
            the owner's that lets ``cloudwatch.amazonaws.com`` in: SNS's own key does not. Default:
            none.
        dashboard: Whether there is a dashboard, one for all destinations. Default: yes.
        max_message_age: Age of the oldest message that waits for delivery from which on an alarm
            goes off, 10 minutes to 13 days, in whole seconds. A message that is tried again comes
            back after 6 times ``timeout``, so less than 10 minutes would be a single retry.
            Default: 30 minutes.
        expiry_percent: Share of the time that a message is kept from which on an alarm goes off, 1
            to 99. For the queue that is a share of ``message_retention``, for the dead-letter queue
            of what is left of 14 days for a message that was moved there last. Default: 80.
        throttled_periods: Periods of 5 minutes in a row, 1 to 288, in which the destination has to
            throttle requests for an alarm to go off. Default: 3.
        server_error_percent: Share of the requests within 5 minutes, 1 to 100, above which answers
            of 5xx make an alarm go off. Default: 1.
        blocked_percent: Share of the requests within 5 minutes, 1 to 100, above which what the
            ``firewall`` blocks makes an alarm go off, if there are at least 100 requests. Default:
            20.
        invalid_percent: Share of the requests within 5 minutes, 1 to 100, above which what callers
            got wrong makes an alarm go off, if there are at least 100 requests. Nothing that the
            owner mends would make them right. Default: there is no such alarm; they are counted.
        runbook_url: Where ``docs/operations.md`` is read, if somewhere else: an ``https`` URL
            without a fragment. The headings must stay as they are, because alarms link to them.
            Default: where this project is published.

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
    """Refuse a ``monitoring`` that is none; ``None`` is no monitoring at all."""
    if monitoring is not None:
        example = 'Monitoring(alarm_email="oncall@shop.example")'
        check_instance("monitoring", monitoring, Monitoring, example)


def add_monitoring(
    connector: GtmConnector, monitoring: Monitoring | None
) -> ConnectorMonitoring | None:
    """Add what ``monitoring`` says to a connector, after all of its other parts."""
    if monitoring is None:
        return None
    # Whoever has no monitoring does not wait for CloudWatch's modules of aws_cdk.
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
            "alarm_topic", "must be a standard topic, for CloudWatch publishes to no other", topic
        )
