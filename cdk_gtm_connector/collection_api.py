"""The API that tags call. API Gateway passes requests to SQS or SNS without code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_gtm_connector.checks import (
    check_authenticated_max_events,
    check_endpoint,
    check_queue,
    check_topic,
)
from cdk_gtm_connector.cors import Cors
from cdk_gtm_connector.endpoint import (
    AUTHENTICATED_RESOURCE_NAME,
    RESOURCE_NAME,
    STAGE_NAME,
    rules,
)
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.event_methods import EventMethods
from cdk_gtm_connector.json_body import json_body_schema
from cdk_gtm_connector.keys import allow_logs, check_key
from cdk_gtm_connector.max_events import checked_max_events
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.receiver import QueueReceiver, TopicReceiver
from cdk_gtm_connector.redeployment import redeploy_on_change
from cdk_gtm_connector.validation import check_instance, check_scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs
    from constructs import IConstruct

    from cdk_gtm_connector.authorizers import Authorizer
    from cdk_gtm_connector.receiver import Receiver

_KINDS: Final = {"sqs": "queue", "sns": "topic"}

# No query string, IP address or user agent: they are personal data. The extended request id,
# because clients can set the other one.
_ACCESS_LOG_FORMAT = json.dumps(
    {
        "extendedRequestId": "$context.extendedRequestId",
        "requestTime": "$context.requestTime",
        "requestTimeEpoch": "$context.requestTimeEpoch",
        "httpMethod": "$context.httpMethod",
        "resourcePath": "$context.resourcePath",
        "protocol": "$context.protocol",
        "status": "$context.status",
        "responseLength": "$context.responseLength",
        "responseLatency": "$context.responseLatency",
        "integrationStatus": "$context.integration.status",
        "integrationLatency": "$context.integration.latency",
        "errorResponseType": "$context.error.responseType",
    }
)


@named_props
class CollectionApi(Construct):
    """A REST API that turns each request to ``/events`` into a message for a queue or a topic.

    Once SQS or SNS has the message, ``GET`` answers a 1x1 transparent SVG with status 200, and
    ``POST`` answers 204. A request gets 400 if ``event`` or ``endpoint_id`` is missing or is a word
    for no value, and 502 if SQS or SNS does not accept the message. An image tag reports failure
    for both.

    Args:
        scope: Parent construct.
        construct_id: Id within ``scope``.
        queue: A standard queue that receives the messages. The API's role may only send to it.
        topic: A standard topic that receives the messages instead of ``queue``. The API's role may
            only publish to it. Its ``MaximumMessageSize`` must be 1 MiB, or SNS would refuse POST
            bodies that are within the limit.
        cors: The sites whose scripts may read the answers. Default: any, without credentials.
        authorizer: Authorizer of ``/events/authenticated``. Default: there is no such route.
        honor_privacy_signals: See :class:`cdk_gtm_connector.GtmConnector`.
        unset_values: See :class:`cdk_gtm_connector.GtmConnector`.
        max_events_per_request: See :class:`cdk_gtm_connector.GtmConnector`.
        authenticated_max_events_per_request: See :class:`cdk_gtm_connector.GtmConnector`.
        throttling_rate_limit: Maximum requests per second from all callers together. Default: the
            account's limit.
        throttling_burst_limit: Maximum requests at once. Default: the account's limit.
        disable_execute_api_endpoint: Whether the API answers only under its custom domain. Default:
            no.
        log_retention: How long the access log is kept. Default: 3 months.
        cloud_watch_role: Whether to create the account-wide role with which API Gateway writes
            logs. An account needs one in each Region before any stage can log. Creating it replaces
            an existing one. Default: no.
        encryption_key: Symmetric key in the stack's Region that encrypts the access log. An
            encrypted ``queue`` or ``topic`` has its own key; import it together with that key.
            Default: AWS's own key.

    Raises:
        PropError: Neither ``queue`` nor ``topic`` is given, or both are, or a prop has a value that
            cannot work.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        queue: sqs.IQueue | None = None,
        topic: sns.ITopic | None = None,
        cors: Cors | None = None,
        authorizer: Authorizer | None = None,
        honor_privacy_signals: bool = False,
        unset_values: Sequence[str] | None = None,
        max_events_per_request: int | None = None,
        authenticated_max_events_per_request: int | None = None,
        throttling_rate_limit: int | None = None,
        throttling_burst_limit: int | None = None,
        disable_execute_api_endpoint: bool = False,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        cloud_watch_role: bool = False,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        check_scope(scope, construct_id)
        check_endpoint(
            authorizer=authorizer,
            honor_privacy_signals=honor_privacy_signals,
            throttling_rate_limit=throttling_rate_limit,
            throttling_burst_limit=throttling_burst_limit,
            disable_execute_api_endpoint=disable_execute_api_endpoint,
            log_retention=log_retention,
            cloud_watch_role=cloud_watch_role,
        )
        if cors is not None:
            check_instance("cors", cors, Cors, 'Cors(["https://shop.example"])')
        if encryption_key is not None:
            check_key("encryption_key", encryption_key)
        receiver = _receiver(queue, topic)
        check_authenticated_max_events(authenticated_max_events_per_request, authorizer)
        own_rules = rules(
            unset_values,
            honor_privacy_signals=honor_privacy_signals,
            max_events=checked_max_events(
                max_events_per_request, authenticated_max_events_per_request
            ),
        )
        super().__init__(scope, construct_id)
        cors = cors or Cors(None)

        self._access_log = logs.LogGroup(
            self,
            "AccessLog",
            retention=log_retention,
            encryption_key=encryption_key,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        allow_logs(self, encryption_key)
        self._api = apigateway.RestApi(
            self,
            "Api",
            # The default is the construct's id, so the console would show two connectors as two
            # "Api".
            rest_api_name=cdk.Names.unique_resource_name(self, max_length=128, separator="-"),
            description="Turns Google Tag Manager image requests into events",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            disable_execute_api_endpoint=disable_execute_api_endpoint or None,
            # Feature flags of the importing app decide the default, so it is always set.
            cloud_watch_role=cloud_watch_role,
            cloud_watch_role_removal_policy=(
                # Every API of the account in this Region uses the role, so it outlives this stack.
                cdk.RemovalPolicy.RETAIN if cloud_watch_role else None
            ),
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE_NAME,
                access_log_destination=apigateway.LogGroupLogDestination(self._access_log),
                access_log_format=apigateway.AccessLogFormat.custom(_ACCESS_LOG_FORMAT),
                metrics_enabled=True,
                # Execution logs hold query strings, which hold personal data.
                logging_level=apigateway.MethodLoggingLevel.OFF,
                data_trace_enabled=False,
                throttling_rate_limit=throttling_rate_limit,
                throttling_burst_limit=throttling_burst_limit,
            ),
        )
        # RestApi always adds an output, but a stack's outputs are for its owner to choose.
        self._api.node.try_remove_child("Endpoint")
        self._add_gateway_responses(cors)

        self._integration_role = iam.Role(
            self,
            receiver.role_id,
            description=f"Lets the API send to the one {_KINDS[receiver.service]} behind it",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
        )
        receiver.grant(self._integration_role)
        validator = apigateway.RequestValidator(
            self,
            "RequiredParameters",
            rest_api=self._api,
            validate_request_parameters=True,
            validate_request_body=True,
        )
        json_body = self._api.add_model(
            "JsonBody", content_type="application/json", schema=json_body_schema()
        )
        methods = EventMethods(
            receiver=receiver,
            role=self._integration_role,
            rules=own_rules,
            cors=cors,
            validator=validator,
            json_body=json_body,
        )
        self._resource = self._api.root.add_resource(RESOURCE_NAME)
        self._methods = methods.add_to(self._resource, None)
        self._authenticated_methods: list[apigateway.Method] = []
        if authorizer is not None:
            self._authenticated_methods = methods.add_to(
                self._resource.add_resource(AUTHENTICATED_RESOURCE_NAME), authorizer
            )
            if isinstance(authorizer, Construct):
                # The stage must not go live before its authorizer's function exists and allows API
                # Gateway to call it.
                self.deploy_after(authorizer)
        # An authorizer may be anywhere in the construct tree.
        redeploy_on_change(self._api, *([] if authorizer is None else [authorizer.authorizer]))
        # A stage that goes live before its role has its permissions would answer 502.
        self.deploy_after(self._integration_role)

    def _add_gateway_responses(self, cors: Cors) -> None:
        headers = {**cors.gateway_headers, "Cache-Control": "'no-store'"}
        for name, response_type in (
            ("Default4xx", apigateway.ResponseType.DEFAULT_4_XX),
            ("Default5xx", apigateway.ResponseType.DEFAULT_5_XX),
        ):
            self._api.add_gateway_response(name, type=response_type, response_headers=headers)

    def deploy_after(self, *dependencies: IConstruct) -> None:
        """Make the deployment depend on ``dependencies``."""
        deployment = self._api.latest_deployment
        if deployment is not None:  # it is there, with a stage of its own
            deployment.node.add_dependency(*dependencies)

    @property
    def api(self) -> apigateway.RestApi:
        """The REST API."""
        return self._api

    @property
    def resource(self) -> apigateway.Resource:
        """``/events``."""
        return self._resource

    @property
    def methods(self) -> list[apigateway.Method]:
        """``GET`` and ``POST`` of ``/events``."""
        return list(self._methods)

    @property
    def authenticated_methods(self) -> list[apigateway.Method]:
        """``GET`` and ``POST`` of ``/events/authenticated``; empty without an authorizer."""
        return list(self._authenticated_methods)

    @property
    def access_log(self) -> logs.LogGroup:
        """Log group of the stage's access log."""
        return self._access_log

    @property
    def integration_role(self) -> iam.Role:
        """The role with which the API sends to the queue, or publishes to the topic."""
        return self._integration_role

    @property
    def endpoint_path(self) -> str:
        """Path of ``/events`` with the stage, the same under every domain."""
        return f"/{STAGE_NAME}/{RESOURCE_NAME}"

    @property
    def endpoint_url(self) -> str:
        """URL of ``/events`` under API Gateway's own domain, without a query string."""
        return self._api.url_for_path(f"/{RESOURCE_NAME}")


def _receiver(queue: sqs.IQueue | None, topic: sns.ITopic | None) -> Receiver:
    if topic is None:
        if queue is None:
            raise PropError("queue", "must be given, or {topic}", None, others={"topic": None})
        check_queue("queue", queue)
        return QueueReceiver(queue)
    if queue is not None:
        raise PropError("topic", "must not be given with {queue}", topic, others={"queue": queue})
    check_topic(topic)
    return TopicReceiver(topic)
