"""The endpoint that tags call: API Gateway straight into SQS or SNS, no code in between."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_gtm_connector import mapping
from cdk_gtm_connector.access import TOKEN_PARAMETER, Cors
from cdk_gtm_connector.checks import (
    check_authenticated_max_events,
    check_endpoint,
    check_queue,
    check_topic,
)
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.keys import check_key, let_logs_in
from cdk_gtm_connector.max_events import DEFAULT_MAX_EVENTS, checked_max_events
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.receiver import QueueReceiver, TopicReceiver
from cdk_gtm_connector.redeployment import redeploy_on_change
from cdk_gtm_connector.unset_values import checked_unset_values
from cdk_gtm_connector.validation import check_instance, check_scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs
    from constructs import IConstruct

    from cdk_gtm_connector.access import Authorizer
    from cdk_gtm_connector.receiver import Receiver

STAGE_NAME: Final = "Api-PinpointEvents"
"""Part of URLs that already sit in people's GTM containers: never change it."""

RESOURCE_NAME: Final = "events"
"""Part of URLs that already sit in people's GTM containers: never change it."""

AUTHENTICATED_RESOURCE_NAME: Final = "authenticated"

REQUIRED_PARAMETERS: Final = ("event", "endpoint_id")

MAX_BODY_CHARACTERS: Final = 300_000
"""Of a POST. Percent-encoding makes up to three bytes of one, and SQS takes a message of 1 MiB.

So does an SNS topic with a ``MaximumMessageSize`` of as much.
"""

# SVG, not GIF: text needs no binaryMediaTypes, with which the MOCK integration behind a CORS
# preflight answers 500. Browsers fire onload for it and allow it through their opaque-response
# blocking. See docs/decisions/0002-svg-answer.md.
_IMAGE = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
_IMAGE_HEADERS = {
    "Content-Type": "image/svg+xml",
    "Cache-Control": "no-store, no-cache, must-revalidate, private",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}
_ERROR_HEADERS = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
}
_NO_CONTENT_HEADERS = {"Cache-Control": "no-store"}

_NOT_BLANK = r"\S"

_KINDS = {"sqs": "queue", "sns": "topic"}

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_TEXT = "text/plain"

# API Gateway answers 415 to a media type that has no template, on a GET as well, and takes
# application/json where a request names none. A parameter such as charset is commonly held to be no
# part of the type; what browsers write for a beacon is named in full all the same.
_BROWSERS_CHARSET = ";charset=UTF-8"
_JSON_TYPES = (_JSON, _TEXT, _TEXT + _BROWSERS_CHARSET)
_FORM_TYPES = (_FORM, _FORM + _BROWSERS_CHARSET)
_GET_TYPES = (
    # What clients with one header for all requests set: for JSON, a form, a fetch() of text.
    *(_JSON, _FORM, _TEXT),
    # What is left of an upload's or a page's headers, and of a SOAP client's.
    *("multipart/form-data", "text/html", "text/xml", "application/xml"),
    # What a client takes that does not know.
    "application/octet-stream",
)

# Neither the query string nor the IP address nor the user agent: they are personal data. The
# extended request id, because a client can choose the other one.
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
    """A REST API whose ``/events`` makes one message of each request, for ``queue`` or ``topic``.

    ``GET`` answers a 1x1 transparent SVG with status 200 once SQS or SNS has the message, ``POST``
    answers 204. A request without ``event`` or ``endpoint_id`` gets 400, as does one in which one
    of them is a word for no value; one that SQS or SNS does not take gets 502: an image tag shows
    both as failed.

    Args:
        scope: Parent construct.
        construct_id: Id within ``scope``.
        queue: Receives the messages: a standard queue. The API may send to it and nothing else.
        topic: Receives the messages instead of ``queue``, with the same bytes: a standard topic.
            The API may publish to it and nothing else. Its ``MaximumMessageSize`` must be 1 MiB, or
            POST bodies within the limit would be refused.
        cors: Which sites' scripts may read the answers. Default: any, without credentials.
        authorizer: Who may use ``/events/authenticated``, which exists only if this is given.
        honor_privacy_signals: See :class:`cdk_gtm_connector.GtmConnector`.
        unset_values: See :class:`cdk_gtm_connector.GtmConnector`.
        max_events_per_request: See :class:`cdk_gtm_connector.GtmConnector`.
        authenticated_max_events_per_request: See :class:`cdk_gtm_connector.GtmConnector`.
        throttling_rate_limit: Requests a second, all callers together. Default: the account's.
        throttling_burst_limit: Requests at once. Default: the account's.
        disable_execute_api_endpoint: Whether the API answers under its own domain only. Default:
            no.
        log_retention: How long the access log is kept. Default: 3 months.
        cloud_watch_role: Whether to create the account-wide role with which API Gateway writes
            logs. An account needs one, once in each Region, before any stage can log; creating it
            replaces the one that is there. Default: no.
        encryption_key: Encrypts the access log: a symmetric key of the stack's Region. The key of
            an encrypted ``queue`` or ``topic`` is that one's own; one that is imported has to be
            imported with it. Default: a key of AWS's.

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
        self._receiver = receiver
        self._cors = cors or Cors(None)
        self._rules = own_rules

        self._access_log = logs.LogGroup(
            self,
            "AccessLog",
            retention=log_retention,
            encryption_key=encryption_key,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        let_logs_in(self, encryption_key)
        self._api = apigateway.RestApi(
            self,
            "Api",
            # The default is the construct's id: two connectors would be two "Api" in the console.
            rest_api_name=cdk.Names.unique_resource_name(self, max_length=128, separator="-"),
            description="Turns Google Tag Manager image requests into events",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            disable_execute_api_endpoint=disable_execute_api_endpoint or None,
            # Feature flags of the importing app decide the default, so it is always set.
            cloud_watch_role=cloud_watch_role,
            cloud_watch_role_removal_policy=(
                # The role serves every API of the account in this Region: it outlives this stack.
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
        # RestApi always adds an output; which outputs a stack has is for the stack to say.
        self._api.node.try_remove_child("Endpoint")
        self._add_gateway_responses()

        self._integration_role = iam.Role(
            self,
            self._receiver.role_id,
            description=f"Lets the API send to the one {_KINDS[self._receiver.service]} behind it",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
        )
        self._receiver.grant(self._integration_role)
        self._validator = apigateway.RequestValidator(
            self,
            "RequiredParameters",
            rest_api=self._api,
            validate_request_parameters=True,
            validate_request_body=True,
        )
        self._json_body = self._api.add_model(
            "JsonBody", content_type=_JSON, schema=_json_body_schema()
        )

        self._resource = self._api.root.add_resource(RESOURCE_NAME)
        self._methods = self._add_methods(self._resource, None)
        self._authenticated_methods: list[apigateway.Method] = []
        if authorizer is not None:
            self._authenticated_methods = self._add_methods(
                self._resource.add_resource(AUTHENTICATED_RESOURCE_NAME), authorizer
            )
            if isinstance(authorizer, Construct):
                # Nor may the stage call a function that is not there, or will not let it in.
                self.deploy_after(authorizer)
        # An authorizer is wherever its owner has put it.
        redeploy_on_change(self._api, *([] if authorizer is None else [authorizer.authorizer]))
        # A stage that calls what its role may not yet call would answer 502.
        self.deploy_after(self._integration_role)

    def _add_gateway_responses(self) -> None:
        headers = {**self._cors.gateway_headers, "Cache-Control": "'no-store'"}
        for name, response_type in (
            ("Default4xx", apigateway.ResponseType.DEFAULT_4_XX),
            ("Default5xx", apigateway.ResponseType.DEFAULT_5_XX),
        ):
            self._api.add_gateway_response(name, type=response_type, response_headers=headers)

    def _add_methods(
        self, resource: apigateway.Resource, authorizer: Authorizer | None
    ) -> list[apigateway.Method]:
        """Add GET, POST and OPTIONS to ``resource``; return the first two."""
        self._cors.add_preflight(
            resource,
            methods=["GET", "POST"],
            headers=["Content-Type", *(authorizer.headers if authorizer else ())],
        )
        if authorizer is None:
            authorization_type, api_authorizer = apigateway.AuthorizationType.NONE, None
        else:
            authorization_type = authorizer.authorization_type
            api_authorizer = authorizer.authorizer
        get = resource.add_method(
            "GET",
            self._integration(
                authorizer,
                contents=dict.fromkeys(_GET_TYPES, "query"),
                status="200",
                headers=_IMAGE_HEADERS,
                body=_IMAGE,
            ),
            authorization_type=authorization_type,
            authorizer=api_authorizer,
            request_parameters={
                f"method.request.querystring.{name}": True for name in REQUIRED_PARAMETERS
            },
            request_validator=self._validator,
            method_responses=self._method_responses({"200": _IMAGE_HEADERS}),
        )
        post = resource.add_method(
            "POST",
            self._integration(
                authorizer,
                contents={
                    **dict.fromkeys(_FORM_TYPES, "form"),
                    **dict.fromkeys(_JSON_TYPES, "json"),
                },
                status="204",
                headers=_NO_CONTENT_HEADERS,
                body="",
            ),
            authorization_type=authorization_type,
            authorizer=api_authorizer,
            request_models=dict.fromkeys(_JSON_TYPES, self._json_body),
            request_validator=self._validator,
            method_responses=self._method_responses({"204": _NO_CONTENT_HEADERS}),
        )
        return [get, post]

    def _method_responses(
        self, headers_by_status: dict[str, dict[str, str]]
    ) -> list[apigateway.MethodResponse]:
        return [
            apigateway.MethodResponse(
                status_code=status,
                response_parameters={
                    f"method.response.header.{name}": True
                    for name in headers | self._cors.answer_headers
                },
            )
            for status, headers in {**headers_by_status, "502": _ERROR_HEADERS}.items()
        ]

    def _integration(
        self,
        authorizer: Authorizer | None,
        *,
        contents: Mapping[str, mapping.Content],
        status: str,
        headers: dict[str, str],
        body: str,
    ) -> apigateway.AwsIntegration:
        """Return the integration with SQS or SNS.

        Args:
            authorizer: Who vouches for the sender.
            contents: By the request's media type, what it holds. ``application/json`` is what API
                Gateway takes when a request names none.
            status: Of the answer once SQS or SNS has the message.
            headers: The same answer's headers.
            body: The same answer's body.
        """
        receiver = self._receiver
        # Only a body can be too large: a URL ends at 10,240 characters.
        too_large = (
            None
            if set(contents.values()) == {"query"}
            else _message(
                f"Not queued: a body may have at most {MAX_BODY_CHARACTERS:,} characters."
            )
        )
        max_events = self._rules.max_events
        most = max_events.anonymous if authorizer is None else max_events.authenticated
        failed = mapping.refusal(
            call=receiver.call,
            rules=self._rules,
            too_large=too_large,
            # Only JSON can hold several.
            too_many=(
                _message(f"Not queued: a request may have at most {most} event{'s' * (most > 1)}.")
                if "json" in contents.values()
                else None
            ),
            failed=_message("The event could not be queued. Send it again."),
        )
        answers = [
            self._answer(status, headers, body, selection_pattern="200"),
            # No pattern, so the default: whatever the service says that is not known is a failure,
            # never a false success.
            self._answer("502", _ERROR_HEADERS, failed, selection_pattern=None),
        ]
        return apigateway.AwsIntegration(
            service=receiver.service,
            # The queue's own Region: it may be another stack's.
            region=receiver.region if receiver.region != cdk.Stack.of(self).region else None,
            path=receiver.path,
            integration_http_method="POST",
            options=apigateway.IntegrationOptions(
                credentials_role=self._integration_role,
                passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                request_parameters={
                    f"integration.request.header.{name}": f"'{value}'"
                    for name, value in receiver.headers.items()
                },
                request_templates={
                    media_type: mapping.message(
                        call=receiver.call,
                        content=content,
                        authorizer=authorizer,
                        rules=self._rules,
                    )
                    for media_type, content in contents.items()
                },
                integration_responses=answers,
            ),
        )

    def _answer(
        self, status: str, headers: dict[str, str], body: str, *, selection_pattern: str | None
    ) -> apigateway.IntegrationResponse:
        return apigateway.IntegrationResponse(
            status_code=status,
            selection_pattern=selection_pattern,
            response_parameters={
                f"method.response.header.{name}": f"'{value}'"
                for name, value in {**headers, **self._cors.answer_headers}.items()
            },
            response_templates={_JSON: self._cors.answer(body)},
        )

    def deploy_after(self, *dependencies: IConstruct) -> None:
        """Let the stage change to what is new here only when all of ``dependencies`` is there."""
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


def rules(
    unset_values: Sequence[str] | None = None,
    *,
    honor_privacy_signals: bool = False,
    max_events: mapping.MaxEvents | None = None,
) -> mapping.Rules:
    """Return the rules by which a :class:`CollectionApi` queues requests.

    Args:
        unset_values: See :class:`cdk_gtm_connector.GtmConnector`.
        honor_privacy_signals: See :class:`cdk_gtm_connector.GtmConnector`.
        max_events: Events that a request may have. Default: 20, or 100 if it is authenticated.
    """
    return mapping.Rules(
        required=REQUIRED_PARAMETERS,
        unset_values=checked_unset_values(unset_values),
        token_parameter=TOKEN_PARAMETER,
        honor_privacy_signals=honor_privacy_signals,
        max_body_characters=MAX_BODY_CHARACTERS,
        max_events=max_events or DEFAULT_MAX_EVENTS,
    )


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


def _message(text: str) -> str:
    return json.dumps({"message": text})


def _json_body_schema() -> apigateway.JsonSchema:
    """Return what a JSON body must be: one event, a list of them, or empty.

    Of an empty one API Gateway may make ``{}``; the template then looks at the query. How many
    events there are is the template's to check, which refuses with a sentence.
    """
    event = apigateway.JsonSchema(
        type=apigateway.JsonSchemaType.OBJECT,
        properties={
            "event": apigateway.JsonSchema(
                type=apigateway.JsonSchemaType.STRING, pattern=_NOT_BLANK
            ),
            # Databases number their customers.
            "endpoint_id": apigateway.JsonSchema(
                type=[apigateway.JsonSchemaType.STRING, apigateway.JsonSchemaType.NUMBER],
                pattern=_NOT_BLANK,
            ),
        },
        required=list(REQUIRED_PARAMETERS),
    )
    events = apigateway.JsonSchema(type=apigateway.JsonSchemaType.ARRAY, min_items=1, items=event)
    return apigateway.JsonSchema(
        schema=apigateway.JsonSchemaVersion.DRAFT4,
        type=apigateway.JsonSchemaType.OBJECT,
        # Whatever has them is a list.
        properties={"events": events},
        any_of=[
            event,
            apigateway.JsonSchema(required=["events"]),
            apigateway.JsonSchema(max_properties=0),
        ],
    )
