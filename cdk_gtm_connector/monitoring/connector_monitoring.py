"""The monitoring of one connector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_gtm_connector.firewall import web_acl_name
from cdk_gtm_connector.keys import SENDING, allow_service
from cdk_gtm_connector.monitoring import metrics
from cdk_gtm_connector.monitoring.alarms import (
    alarms_of_delivery,
    alarms_of_endpoint,
    uses_authorizer,
)
from cdk_gtm_connector.monitoring.dashboard import dashboard_body
from cdk_gtm_connector.monitoring.watched import WatchedDelivery

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

    from cdk_gtm_connector.connector import GtmConnector
    from cdk_gtm_connector.monitoring.props import Monitoring

_CLOUDWATCH: Final = "cloudwatch.amazonaws.com"


class ConnectorMonitoring(Construct):
    """Metric filters, alarms and a dashboard, which :class:`~cdk_gtm_connector.Monitoring` adds.

    Args:
        connector: The connector, complete.
        props: The owner's monitoring options.
    """

    def __init__(self, connector: GtmConnector, props: Monitoring) -> None:
        super().__init__(connector, "Monitoring")
        stack = cdk.Stack.of(self).stack_name
        namespace = metrics.namespace_of(connector)
        web_acl = (
            None if connector.node.try_find_child("WebAcl") is None else web_acl_name(connector)
        )
        self._topic = _add_topic(self, props.alarm_email, connector.queue.encryption_master_key)
        # Named by destination, not by order, which may change.
        destinations = Construct(self, "Destinations")
        deliveries = []
        self._alarms: list[cloudwatch.Alarm] = []
        for delivery in connector.deliveries:
            name = delivery.destination.construct_id
            watched = WatchedDelivery(name, f"{namespace}/{name}", delivery)
            deliveries.append(watched)
            scope = Construct(destinations, name)
            metrics.add_batch_filters(scope, delivery.log, watched.namespace)
            self._alarms += [
                alarm.add(scope, props.runbook_url)
                for alarm in alarms_of_delivery(watched, props, stack)
            ]
        if uses_authorizer(connector):
            metrics.add_authorizer_filter(self, connector.collection.access_log, namespace)
        self._alarms += [
            alarm.add(self, props.runbook_url)
            for alarm in alarms_of_endpoint(connector, props, stack, namespace, web_acl)
        ]
        for topic in (self._topic, props.alarm_topic):
            if topic is not None:
                action = actions.SnsAction(topic)
                for alarm in self._alarms:
                    alarm.add_alarm_action(action)
                    alarm.add_ok_action(action)
        self._dashboard: cloudwatch.CfnDashboard | None = None
        if props.dashboard:
            body = dashboard_body(
                connector,
                deliveries,
                alarms=[alarm.alarm_arn for alarm in self._alarms],
                namespace=namespace,
                web_acl=web_acl,
                runbook_url=props.runbook_url,
            )
            self._dashboard = cloudwatch.CfnDashboard(
                self, "Dashboard", dashboard_body=cdk.Stack.of(self).to_json_string(body)
            )

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms, those of each destination before those of the endpoint."""
        return list(self._alarms)

    @property
    def dashboard(self) -> cloudwatch.CfnDashboard | None:
        """The dashboard; ``None`` if there is none."""
        return self._dashboard

    @property
    def alarm_topic(self) -> sns.Topic | None:
        """The topic that mails alarms to ``alarm_email``; ``None`` without it."""
        return self._topic


def _add_topic(scope: Construct, email: str | None, key: kms.IKey | None) -> sns.Topic | None:
    """Add a topic that CloudWatch may publish to and that sends e-mail."""
    if email is None:
        return None
    # CloudWatch cannot use SNS's own key, so without the owner's key the topic is not encrypted. An
    # alarm holds names and numbers, and no event data.
    topic = sns.Topic(scope, "AlarmTopic", enforce_ssl=True, master_key=key)
    stack = cdk.Stack.of(scope)
    alarms = stack.format_arn(
        service="cloudwatch",
        resource="alarm",
        resource_name="*",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    # A topic policy replaces SNS's default policy, which lets the account publish.
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(_CLOUDWATCH)],
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
            conditions={"ArnLike": {"aws:SourceArn": alarms}},
        )
    )
    if key is not None:
        allow_service(
            scope,
            key,
            service=_CLOUDWATCH,
            actions=SENDING,
            conditions={"ArnLike": {"aws:SourceArn": alarms}},
            warning="cdk-gtm-connector:encryptionKeyPolicy",
            name="encryption_key",
        )
    sns.Subscription(
        scope, "AlarmEmail", topic=topic, endpoint=email, protocol=sns.SubscriptionProtocol.EMAIL
    )
    return topic
