"""The methods of the endpoint's resources, which call SQS or SNS without code in between."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway

from cdk_gtm_connector import mapping
from cdk_gtm_connector.endpoint import MAX_BODY_CHARACTERS, REQUIRED_PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_iam as iam

    from cdk_gtm_connector.authorizers import Authorizer
    from cdk_gtm_connector.cors import Cors
    from cdk_gtm_connector.receiver import Receiver

# An SVG, not a GIF: text needs no binaryMediaTypes, which would make the MOCK integration of a CORS
# preflight answer 500. Browsers fire onload for an SVG, and their opaque-response blocking lets it
# through. See docs/decisions/0002-svg-answer.md.
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

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_TEXT = "text/plain"

# API Gateway answers 415 to a media type that has no template, even for a GET, and assumes
# application/json if a request names none. A parameter such as charset is commonly held to be no
# part of the type. The media types that browsers write for a beacon are listed in full all the
# same.
_BROWSERS_CHARSET = ";charset=UTF-8"
_JSON_TYPES = (_JSON, _TEXT, _TEXT + _BROWSERS_CHARSET)
_FORM_TYPES = (_FORM, _FORM + _BROWSERS_CHARSET)
_GET_TYPES = (
    # Set by clients that send one header with all requests: for JSON, a form, or text from fetch().
    *(_JSON, _FORM, _TEXT),
    # Left over from uploads, pages and SOAP clients.
    *("multipart/form-data", "text/html", "text/xml", "application/xml"),
    # The usual type for unknown content.
    "application/octet-stream",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMethods:
    """Adds the methods that queue events.

    Attributes:
        receiver: The queue or topic that receives the messages.
        role: Role with which API Gateway calls the receiver.
        rules: Rules for which requests are queued.
        cors: Sites whose scripts may read the answers.
        validator: Checks that the required parameters are there.
        json_body: Schema of a JSON body.
    """

    receiver: Receiver
    role: iam.IRole
    rules: mapping.Rules
    cors: Cors
    validator: apigateway.IRequestValidator
    json_body: apigateway.IModel

    def add_to(
        self, resource: apigateway.Resource, authorizer: Authorizer | None
    ) -> list[apigateway.Method]:
        """Add GET, POST and OPTIONS to ``resource``; return the first two."""
        self.cors.add_preflight(
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
            request_validator=self.validator,
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
            request_models=dict.fromkeys(_JSON_TYPES, self.json_body),
            request_validator=self.validator,
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
                    for name in headers | self.cors.answer_headers
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
            authorizer: Verifies the sender; ``None`` for anonymous requests.
            contents: Kind of content by the request's media type. API Gateway takes
                ``application/json`` when a request names none.
            status: Status of the answer once SQS or SNS has the message.
            headers: Headers of that answer.
            body: Body of that answer.
        """
        receiver = self.receiver
        # Only a body can be too large: a URL ends at 10,240 characters.
        too_large = (
            None
            if set(contents.values()) == {"query"}
            else _message(
                f"Not queued: a body may have at most {MAX_BODY_CHARACTERS:,} characters."
            )
        )
        max_events = self.rules.max_events
        most = max_events.anonymous if authorizer is None else max_events.authenticated
        failed = mapping.refusal(
            call=receiver.call,
            rules=self.rules,
            too_large=too_large,
            # Only JSON can hold several events.
            too_many=(
                _message(f"Not queued: a request may have at most {most} event{'s' * (most > 1)}.")
                if "json" in contents.values()
                else None
            ),
            failed=_message("The event could not be queued. Send it again."),
        )
        answers = [
            self._answer(status, headers, body, selection_pattern="200"),
            # A response without a selection pattern is the default, so an unknown response is a
            # failure, never a false success.
            self._answer("502", _ERROR_HEADERS, failed, selection_pattern=None),
        ]
        return apigateway.AwsIntegration(
            service=receiver.service,
            # The queue's own Region, because the queue may be in another stack.
            region=receiver.region if receiver.region != cdk.Stack.of(self.role).region else None,
            path=receiver.path,
            integration_http_method="POST",
            options=apigateway.IntegrationOptions(
                credentials_role=self.role,
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
                        rules=self.rules,
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
                for name, value in {**headers, **self.cors.answer_headers}.items()
            },
            response_templates={_JSON: self.cors.answer(body)},
        )


def _message(text: str) -> str:
    return json.dumps({"message": text})
