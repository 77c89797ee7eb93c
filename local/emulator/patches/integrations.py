"""Patches of API Gateway's integrations and their templates."""

# Replacing private functions is what this package is for, and MiniStack has no types.
# ruff: noqa: SLF001
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

from ministack.core.responses import request_scope
from ministack.services import apigateway_v1, sns, sqs

from local import vtl
from local.emulator.exchange import CURRENT, last_values
from local.emulator.media_types import media_type, request_template
from local.emulator.patches.patch import patch
from local.messages import decode_envelope, event_id_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from types import ModuleType

_INVOKE: Final = (
    "(integration, api_id, stage_name, stage, resource, request_path, method, headers, body, "
    "query_params, path_params, *, owner_account_id=None, owner_region=None, "
    "binary_media_types=None, authorizer_context=None, caller_identity=None)"
)
_HANDLE: Final = "(method: str, path: str, headers: dict, body: bytes, query_params: dict) -> tuple"


@patch(
    apigateway_v1,
    "_invoke_sqs_v1",
    _INVOKE,
    aws="An SQS integration can use the AWS JSON protocol and set headers, and its mapping "
    "template is Velocity, with $context.authorizer and $context.identity.",
    needless="MiniStack renders #foreach and sends messages with the AWS JSON protocol.",
    uses={
        (sqs, "handle_request"): _HANDLE,
        (sns, "handle_request"): _HANDLE,
        (apigateway_v1, "_parse_service_integration_uri"): "(uri: str)",
        (apigateway_v1, "_gateway_request_value"): "(source, request)",
        (apigateway_v1, "_service_integration_response"): "(integration, backend_status: int, "
        "backend_text: str, accept: str, request_params: dict, context=None)",
        (apigateway_v1, "_gw_error"): "(response_type, message)",
    },
)
def invoking_service(_invoke: Callable[..., Any]) -> Callable[..., Any]:
    """Replace the call of SQS, which supports only the query protocol."""
    return invoke_service


@patch(
    apigateway_v1,
    "_invoke_lambda_custom_v1",
    _INVOKE,
    aws="An integration can publish to SNS, whose answer API Gateway gets as JSON.",
    needless="MiniStack does not treat an integration with SNS as one with a function.",
)
def reaching_sns(invoke: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Wrap the invocation of a function to send integrations with SNS to SNS."""

    async def invoke_custom(integration: Mapping[str, Any], *args: Any, **options: Any) -> Any:
        uri = apigateway_v1._parse_service_integration_uri(integration.get("uri", ""))
        reach = invoke_service if uri is not None and uri[1] == "sns" else invoke
        return await reach(integration, *args, **options)

    return invoke_custom


@patch(
    apigateway_v1,
    "_render_request_template_v1",
    "(template: str, body_str: str, params_map: dict, context=None) -> str",
    aws="Mapping templates are Velocity, and response templates see the request that they answer.",
    needless="MiniStack renders #foreach.",
)
def rendering_response(_render: Callable[..., str]) -> Callable[..., str]:
    """Replace the renderer of response templates; request templates no longer reach it."""
    return render_response


@patch(
    apigateway_v1,
    "_invoke_mock_v1",
    "(integration)",
    aws="A MOCK integration's response template is rendered, and sees the request. Without one the "
    "body is empty, as it is with status 204.",
    needless="MiniStack answers a MOCK integration without a template with an empty body.",
)
def rendering(invoke: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap MOCK integrations to render their response templates."""

    def invoke_mock(integration: Mapping[str, Any]) -> Any:
        status, headers, body = invoke(integration)
        template = "" if body == b"{}" else body.decode()
        answering = Answering(replace(CURRENT.get().request.template_request(), body=""))
        try:
            body = answering.render(template).encode()
        except vtl.TemplateError as error:
            return _template_failure("response", error)
        return answering.override((status, headers, body))

    return invoke_mock


@dataclass(slots=True)
class Answering:
    """A rendered response template, with the body and the overrides of status and headers."""

    request: vtl.Request
    rendered: vtl.Rendered | None = None

    def render(self, template: str) -> str:
        """Return the body, and remember the overrides."""
        self.rendered = vtl.render_response(template, self.request)
        return self.rendered.text

    def override(
        self, answer: tuple[int, Mapping[str, str], bytes]
    ) -> tuple[int, dict[str, str], bytes]:
        """Return the answer with the template's overrides."""
        status, headers, body = answer
        overrides: Mapping[str, str] = {}
        if self.rendered is not None:
            status = self.rendered.status or status
            overrides = self.rendered.headers
        replaced = {name.lower() for name in overrides}
        kept = {name: value for name, value in headers.items() if name.lower() not in replaced}
        return status, {**kept, **overrides}, b"" if status == HTTPStatus.NO_CONTENT else body


def _template_failure(which: str, error: vtl.TemplateError) -> Any:
    """Return API Gateway's answer to a failed template, and print the reason."""
    request = CURRENT.get().request
    print(
        f"the {which} template of {request.method} {request.path} fails: {error}", file=sys.stderr
    )
    return apigateway_v1._gw_error("API_CONFIGURATION_ERROR", "Internal server error")


def _integration_headers(
    integration: Mapping[str, Any], request: Mapping[str, Any]
) -> dict[str, str]:
    """Return the headers that an integration's request parameters set, with names in lower case."""
    prefix = "integration.request.header."
    headers = {}
    for destination, source in (integration.get("requestParameters") or {}).items():
        if not destination.startswith(prefix):
            continue
        value = apigateway_v1._gateway_request_value(source, request)
        if value is not None:
            headers[destination.removeprefix(prefix).lower()] = value
    return headers


async def invoke_service(  # noqa: PLR0917 - MiniStack's signature
    integration: Mapping[str, Any],
    api_id: str,  # noqa: ARG001 - MiniStack passes it, as it does others
    stage_name: str,  # noqa: ARG001
    stage: Mapping[str, Any],
    resource: Mapping[str, Any],  # noqa: ARG001
    request_path: str,  # noqa: ARG001
    method: str,  # noqa: ARG001
    headers: Mapping[str, str],
    body: bytes,  # noqa: ARG001
    query_params: Mapping[str, list[str]],
    path_params: Mapping[str, str] | None,
    *,
    owner_account_id: str | None = None,
    owner_region: str | None = None,
    binary_media_types: Iterable[str] | None = None,  # noqa: ARG001
    authorizer_context: Mapping[str, Any] | None = None,
    caller_identity: Mapping[str, Any] | None = None,
) -> Any:
    """Render an integration's template, and send the result to MiniStack's SQS or SNS."""
    uri = apigateway_v1._parse_service_integration_uri(integration.get("uri", ""))
    service, region, account, path = sqs, owner_region, owner_account_id, ""
    if uri is not None:
        service = sns if uri[1] == "sns" else sqs
        region, path = uri[0] or owner_region, f"/{uri[3].strip('/')}"
        if path.count("/") == 2:  # noqa: PLR2004 - /{account}/{queue}
            account = path.split("/")[1]

    request = CURRENT.get().request.template_request(
        authorizer=authorizer_context, caller=caller_identity
    )
    # Without a matching template, MiniStack has already answered 415 (NEVER), or the integration
    # passes the body through.
    template = request_template(integration, media_type(headers, "content-type"))
    try:
        message = request.body if template is None else vtl.render(template, request)
    except vtl.TemplateError as error:
        return _template_failure("request", error)

    with request_scope(account, region):
        status, _, answer = await service.handle_request(
            integration.get("httpMethod") or "POST",
            path,
            _integration_headers(
                integration,
                {
                    "headers": headers,
                    "query_params": last_values(query_params),
                    "path_params": path_params or {},
                    "stage": stage,
                    "request_id": request.context["requestId"],
                },
            ),
            message.encode(),
            {},
        )
    text = json_of(answer) if service is sns else answer.decode()
    if status == HTTPStatus.OK:  # the service has accepted the message
        _remember(service, message)
    answering = Answering(replace(request, body=text))
    try:
        return answering.override(
            apigateway_v1._service_integration_response(
                integration, status, text, media_type(headers, "accept"), answering
            )
        )
    except vtl.TemplateError as error:
        return _template_failure("response", error)


def json_of(answer: bytes) -> str:
    """Convert SNS's answer from XML to JSON, the format that API Gateway requests."""
    root = ET.fromstring(answer)  # noqa: S314 - MiniStack's own XML
    children = {_name(child): child for child in root}
    if "Error" in children:
        return json.dumps(
            {
                "Error": {_name(each): each.text for each in children["Error"]},
                "RequestId": children["RequestId"].text,
            }
        )
    return json.dumps(
        {
            _name(root): {
                name: {_name(each): each.text for each in child} for name, child in children.items()
            }
        }
    )


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _remember(service: ModuleType, message: str) -> None:
    """Store the facts to report about an accepted message."""
    exchange = CURRENT.get()
    if service is sns:
        body = dict(parse_qsl(message, keep_blank_values=True))["Message"]
    else:
        body = json.loads(message)["MessageBody"]
    envelope = decode_envelope(body)
    exchange.event_id = event_id_of(body)
    exchange.opted_out = envelope.get("privacy") == "1"


def render_response(
    template: str,
    body_str: str,  # noqa: ARG001 - the request to be answered holds it
    params_map: Answering,
    context: None = None,  # noqa: ARG001
) -> str:
    """Render a response template: ``$input.body`` is the queue service's answer."""
    return params_map.render(template)
