"""The endpoint that the image tag calls: API Gateway straight into SQS, no code in between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

if TYPE_CHECKING:
    from aws_cdk import aws_sqs as sqs

STAGE_NAME: Final = "Api-PinpointEvents"
"""Part of URLs that already sit in people's GTM containers: never change it."""

RESOURCE_NAME: Final = "events"
"""Part of URLs that already sit in people's GTM containers: never change it."""

REQUIRED_PARAMETERS: Final = ("event", "endpoint_id")

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
_CORS_HEADERS = {"Access-Control-Allow-Origin": "*"}

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


def _template(name: str, queue: sqs.IQueue) -> str:
    template = (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
    return template.replace("@QUEUE_URL@", queue.queue_url)


def _literals(prefix: str, headers: dict[str, str]) -> dict[str, str]:
    return {f"{prefix}.header.{name}": f"'{value}'" for name, value in headers.items()}


def _declared(headers: dict[str, str]) -> dict[str, bool]:
    return {f"method.response.header.{name}": True for name in headers}


class CollectionApi(Construct):
    """A REST API whose ``GET /events`` puts one message a request into ``queue``.

    The answer is a 1x1 transparent SVG with status 200 once SQS has the message. A request without
    ``event`` or ``endpoint_id`` gets 400 from API Gateway's request validator, one that SQS does
    not take gets 502: an image tag shows both as failed.

    Args:
        scope: Parent construct.
        construct_id: Id within ``scope``.
        queue: Receives the messages. The API may send to it and nothing else.
        log_retention: How long the access log is kept.
        cloud_watch_role: Whether to create the account-wide role with which API Gateway writes
            logs. An account needs one, once in each Region, before any stage can log; creating it
            replaces the one that is there.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        queue: sqs.IQueue,
        log_retention: logs.RetentionDays,
        cloud_watch_role: bool,
    ) -> None:
        super().__init__(scope, construct_id)

        self._access_log = logs.LogGroup(
            self,
            "AccessLog",
            retention=log_retention,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self._api = apigateway.RestApi(
            self,
            "Api",
            # The default is the construct's id: two connectors would be two "Api" in the console.
            rest_api_name=cdk.Names.unique_resource_name(self, max_length=128, separator="-"),
            description="Turns Google Tag Manager image requests into events",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
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
            ),
        )
        # RestApi always adds an output; which outputs a stack has is for the stack to say.
        self._api.node.try_remove_child("Endpoint")
        for name, response_type in (
            ("Default4xx", apigateway.ResponseType.DEFAULT_4_XX),
            ("Default5xx", apigateway.ResponseType.DEFAULT_5_XX),
        ):
            self._api.add_gateway_response(
                name,
                type=response_type,
                response_headers={
                    header: f"'{value}'"
                    for header, value in {**_CORS_HEADERS, "Cache-Control": "no-store"}.items()
                },
            )

        self._integration_role = iam.Role(
            self,
            "IntegrationRole",
            description="Lets the API send to the one queue behind it",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
        )
        # Not grant_send_messages(): it would also allow reading the queue's attributes.
        queue.grant(self._integration_role, "sqs:SendMessage")

        resource = self._api.root.add_resource(
            RESOURCE_NAME,
            default_cors_preflight_options=apigateway.CorsOptions(
                allow_origins=apigateway.Cors.ALL_ORIGINS,
                allow_methods=["GET", "OPTIONS"],
                allow_headers=["Content-Type"],
                max_age=cdk.Duration.hours(2),  # Chromium's upper bound
            ),
        )
        self._method = resource.add_method(
            "GET",
            self._integration(queue),
            authorization_type=apigateway.AuthorizationType.NONE,
            request_parameters={
                f"method.request.querystring.{name}": True for name in REQUIRED_PARAMETERS
            },
            request_validator=apigateway.RequestValidator(
                self,
                "RequiredParameters",
                rest_api=self._api,
                validate_request_parameters=True,
                validate_request_body=True,  # a GET has none; cdk-nag asks for both
            ),
            method_responses=[
                apigateway.MethodResponse(
                    status_code="200", response_parameters=_declared(_IMAGE_HEADERS | _CORS_HEADERS)
                ),
                apigateway.MethodResponse(
                    status_code="502", response_parameters=_declared(_ERROR_HEADERS | _CORS_HEADERS)
                ),
            ],
        )

    def _integration(self, queue: sqs.IQueue) -> apigateway.AwsIntegration:
        stack = cdk.Stack.of(self)
        return apigateway.AwsIntegration(
            service="sqs",
            # The queue's own account and Region: it may be another stack's.
            region=queue.env.region if queue.env.region != stack.region else None,
            path=f"{queue.env.account}/{queue.queue_name}",
            integration_http_method="POST",
            options=apigateway.IntegrationOptions(
                credentials_role=self._integration_role,
                passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                request_parameters=_literals(
                    "integration.request",
                    {
                        "Content-Type": "application/x-amz-json-1.0",
                        "X-Amz-Target": "AmazonSQS.SendMessage",
                    },
                ),
                # application/json is what API Gateway takes when a request names no Content-Type.
                request_templates={"application/json": _template("events.vtl", queue)},
                integration_responses=[
                    apigateway.IntegrationResponse(
                        status_code="200",
                        selection_pattern="200",
                        response_parameters=_literals(
                            "method.response", _IMAGE_HEADERS | _CORS_HEADERS
                        ),
                        response_templates={"application/json": _IMAGE},
                    ),
                    # No pattern, so the default: whatever SQS says that is not 200 is a failure,
                    # never a false success.
                    apigateway.IntegrationResponse(
                        status_code="502",
                        response_parameters=_literals(
                            "method.response", _ERROR_HEADERS | _CORS_HEADERS
                        ),
                        response_templates={
                            "application/json": json.dumps(
                                {"message": "The event could not be queued. Send it again."}
                            )
                        },
                    ),
                ],
            ),
        )

    @property
    def api(self) -> apigateway.RestApi:
        """The REST API."""
        return self._api

    @property
    def method(self) -> apigateway.Method:
        """``GET /events``."""
        return self._method

    @property
    def access_log(self) -> logs.LogGroup:
        """Log group of the stage's access log."""
        return self._access_log

    @property
    def integration_role(self) -> iam.Role:
        """The role with which the API sends to the queue."""
        return self._integration_role

    @property
    def endpoint_url(self) -> str:
        """URL of ``/events``, without a query string."""
        return self._api.url_for_path(f"/{RESOURCE_NAME}")
