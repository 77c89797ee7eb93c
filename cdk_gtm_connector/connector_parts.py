"""The parts of a connector that other code may refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from cdk_gtm_connector.endpoint import AUTHENTICATED_RESOURCE_NAME
from cdk_gtm_connector.errors import PropError

if TYPE_CHECKING:
    from aws_cdk import aws_apigateway as apigateway
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

    from cdk_gtm_connector.collection_api import CollectionApi
    from cdk_gtm_connector.delivery import EventDelivery
    from cdk_gtm_connector.domain import Domain
    from cdk_gtm_connector.monitoring.connector_monitoring import ConnectorMonitoring
    from cdk_gtm_connector.queues import ConnectorQueues


class ConnectorParts(Construct):
    """Read-only access to the parts of a :class:`~cdk_gtm_connector.GtmConnector`."""

    _collection: CollectionApi
    _queues: ConnectorQueues
    _deliveries: list[EventDelivery]
    _domain: Domain | None
    _monitoring: ConnectorMonitoring | None
    _domain_name: apigateway.DomainName | None

    @property
    def monitoring(self) -> ConnectorMonitoring | None:
        """The alarms, the dashboard and the topic of alarms; ``None`` without ``monitoring``."""
        return self._monitoring

    @property
    def api(self) -> apigateway.RestApi:
        """The REST API that the tag calls."""
        return self._collection.api

    @property
    def collection(self) -> CollectionApi:
        """The endpoint: the API and its integration."""
        return self._collection

    @property
    def domain_name(self) -> apigateway.DomainName | None:
        """The endpoint's custom domain name, with the target for its DNS record."""
        return self._domain_name

    @property
    def topic(self) -> sns.Topic | None:
        """The topic that passes each message on to the queues; ``None`` with one destination."""
        return self._queues.topic

    @property
    def deliveries(self) -> list[EventDelivery]:
        """Function and event source of each destination, in the order of the destinations."""
        return list(self._deliveries)

    @property
    def delivery(self) -> EventDelivery:
        """Function and event source of the first destination."""
        return self._deliveries[0]

    @property
    def queue(self) -> sqs.Queue:
        """The queue in which events wait for delivery to the first destination."""
        return self._queues.pairs[0][0]

    @property
    def dead_letter_queue(self) -> sqs.Queue:
        """The queue of messages that cannot be delivered to the first destination.

        A rejected message carries its reason.
        """
        return self._queues.pairs[0][1]

    @property
    def invalid_message_queue(self) -> sqs.Queue:
        """The queue of messages that callers got wrong, with the reason.

        The owner cannot fix these messages, so they need no urgent alarm. With several
        destinations, the queue still holds each such message once.
        """
        return self._queues.invalid_messages

    @property
    def function(self) -> lambda_.Function:
        """The function that delivers to the first destination.

        It must not refer to the endpoint's URL, because the endpoint depends on the function.
        """
        return self.delivery.function

    @property
    def endpoint_url(self) -> str:
        """The URL that the tag calls, with the custom domain if any, and without a query string.

        None of the connector's functions may refer to it, because the endpoint depends on them.
        """
        if self._domain is None:
            return self._collection.endpoint_url
        return f"https://{self._domain.name}{self._collection.endpoint_path}"

    @property
    def authenticated_endpoint_url(self) -> str:
        """The URL of the authenticated route, without a query string.

        Raises:
            PropError: There is no such route, because ``authorizer`` was not given.
        """
        if not self._collection.authenticated_methods:
            raise PropError(
                "authorizer", "must be given for the connector to have this route", None
            )
        return f"{self.endpoint_url}/{AUTHENTICATED_RESOURCE_NAME}"

    @property
    def gtm_image_url(self) -> str:
        """The URL to paste into a GTM *Custom Image* tag.

        ``{{Event}}`` is a built-in variable of GTM. The container's owner defines
        ``{{endpoint_id}}``.
        """
        return f"{self.endpoint_url}?event={{{{Event}}}}&endpoint_id={{{{endpoint_id}}}}"
