"""MiniStack with API Gateway's template engine: ``python -m local.emulator``, the pipeline's child.

The queue, the function, its event source, the API and CloudFormation are MiniStack's own. Where
it differs from AWS on the way of an image request, a few of its functions are replaced or wrapped;
that works on one release only, so any other is refused at start. What is mended:

- An SQS integration may speak the AWS JSON protocol, and may set headers
  (``integration.request.header.*``). MiniStack understands only the query protocol's form body. Its
  queue service still decides what happens to the message and with which status.
- An integration may publish to SNS, by the query protocol, whose answer API Gateway gets as JSON.
  MiniStack takes every AWS integration that is not SQS's for a function.
- SNS holds a message to the topic's ``MaximumMessageSize``, which MiniStack's CloudFormation drops,
  its attributes to the types that there are, and the message to being JSON if it is said to be
  structured: by these a request template refuses a request. A message whose queue is gone goes to
  its subscription's redrive queue.
- EventBridge gives an event the time of its entry; MiniStack gives it the present time.
- Mapping templates are rendered by :mod:`local.velocity`; MiniStack's own renderer knows no
  ``#foreach``. A template that fails answers 500 through the gateway response, as API Gateway does.
- Response templates, those of MOCK integrations included, see the request that they answer, and
  their ``$context.responseOverride`` counts. MiniStack answers a MOCK integration's template as it
  stands.
- ``$context.authorizer`` and, behind IAM authorization, ``$context.identity`` reach the templates.
- A body is validated against the model of its own media type, or of ``$default``; MiniStack takes
  the model of ``application/json`` for every body. An empty body is validated as ``{}``, and
  ``NaN`` is no JSON.
- A URL over 10,240 characters and a raw ``|`` in a query string are refused, for API Gateway's
  documentation says that it takes neither. It does not say how: 414 and 400 are a guess.
- A query string is split at ``;`` as well as ``&``, and the last of several values counts.
- A method's request validator is kept: MiniStack's CloudFormation drops it, and then refuses
  nothing.
- A required parameter must be "included and not blank": ``event=`` is refused like a missing one.
- The keys of a Cognito user pool are taken from the pool; MiniStack asks its own port for them.
- A MOCK integration without a response template answers with an empty body instead of ``{}``, and
  an answer with status 204, as to a preflight, has none whatever its template renders.
- SQS refuses a message with ``DelaySeconds`` over 900, which is how a request template refuses a
  request; MiniStack would delay it.
- The event source honours ``MaximumBatchingWindowInSeconds`` and batches of more than 10 messages,
  cut at Lambda's 6 MB, so that a batch here is the batch that the function gets on AWS.

Known differences that are left:

- Header names arrive in lower case, as they do on API Gateway over HTTP/2.
- Malformed percent-escapes (``%zz``) and escapes that are not UTF-8 are not refused.
- Response parameters of an integration can only be literals; those of a gateway response can name
  what the request holds.
- An empty body stays empty for templates; whether API Gateway shows them ``{}`` is not known here.
  Nor is whether it validates an empty body as ``{}``.
- A media type's parameters are no part of it: ``text/plain;charset=UTF-8`` is ``text/plain``. It is
  held to be so on API Gateway, whose documentation does not say.
- Of a name that a JSON body repeats, the last counts.
- The message of a 400 about a body, and the order of API Gateway's checks, are MiniStack's word:
  authorization, throttling, parameters, body, media type.
- A ``REQUEST`` authorizer is called, asked once a token and time to live, and believed as on AWS
  (401 for a missing identity source or a raised ``Unauthorized``, 403 for no ``Allow``, 500 for
  other failures). Of a repeated parameter it is told the first value, where AWS tells the last; the
  function here reads all. An authorizer without caching is called although the proof is missing.
- A Cognito authorizer verifies signature, times and issuer of an ID or access token against the
  emulator's own pools. Without the package ``cryptography`` MiniStack can do neither, and refuses
  every token.
- IAM authorization takes any request that has an ``Authorization`` header: neither signature nor
  policies are checked. Who it is goes by the access key alone, and is nobody for a key that the
  emulator has not issued.
- Web ACLs filter nothing, and a custom domain name is there without DNS or a certificate: the API
  answers under its path. ``disable_execute_api_endpoint`` has no effect.
- A generated secret holds punctuation even where the template excludes it, and a template's
  reference to a secret is its name instead of its ARN. Both serve as well.
- SNS delivers at once, once and in order, and never fails to while the queue exists. Its encryption
  and its topic policy have no effect.
- Kinesis, Firehose and EventBridge keep to few of their limits and to none of their quotas:
  :mod:`local.streams` stands before them. EventBridge takes events for a bus that does not exist.
- A function runs on this machine's Python and boto3, whatever runtime the template names.
- IAM, TLS-only policies, encryption, access logs, X-Ray and metrics have no effect: whoever has the
  run's secret may do everything.

Strangers get nothing but the deployed APIs, under ``/_aws/execute-api/`` and a loopback host: what
else there is needs a signature of the run's own secret (:mod:`local.guard`), which is this
process's ``AWS_SECRET_ACCESS_KEY`` and that of the functions. That goes for what AWS leaves open as
well, such as signing in to a Cognito user pool. MiniStack alone has no authentication, and allows
every origin.

The process reports each request that an API answered, a signed token masked, with the beginning of
what was posted and its event's ID, as a line of JSON to the file descriptor
``LOCAL_EMULATOR_REPORT_FD``; the first line names the resource types that are placeholders only. It
ends when its standard input does, so that it never outlives the process that started it.
"""

# Replacing private functions is what this module is for; check_ministack() keeps it honest.
# ruff: noqa: SLF001
# MiniStack has no types.
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import base64
import contextvars
import importlib.metadata
import inspect
import json
import os
import re
import shutil
import signal
import sys
import threading
import time
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import parse_qsl, unquote_plus
from xml.etree import ElementTree as ET

from ministack import app
from ministack.core import lambda_runtime
from ministack.core.concurrency import esm_wake
from ministack.core.responses import request_scope
from ministack.services import (
    apigateway,
    apigateway_v1,
    eventbridge,
    lambda_svc,
    sns,
    sqs,
)
from ministack.services.cloudformation import custom_resource, provisioners, wait_conditions

from local import velocity
from local.guard import LoopbackOnly, SignedOnly
from local.journal import decode_envelope, event_id_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from types import ModuleType

MINISTACK_VERSION: Final = "1.5.33"

REPORT_FD: Final = "LOCAL_EMULATOR_REPORT_FD"
"""Environment variable: the file descriptor that reports go to."""

RESOURCE_TYPES: Final = "LOCAL_EMULATOR_RESOURCE_TYPES"
"""Environment variable: JSON list of the resource types that are going to be deployed."""

RUN_DIRECTORY: Final = "LOCAL_EMULATOR_RUN_DIRECTORY"
"""Environment variable: directory to remove should the parent die without doing so."""

TOKEN_PARAMETER: Final = "token"  # noqa: S105 - a parameter's name
"""Query parameter whose value no report shows: it lets in whoever has it."""

_API_PREFIX: Final = "/_aws/execute-api/"
_CONNECTIONS: Final = "/@connections/"  # how a WebSocket API's owner reaches its clients
_RESPONSE_PREFIX: Final = "/_ministack/cfn-response/"  # MiniStack has no name for it
_MASK: Final = "***"
_REPORTED_BODY_BYTES: Final = 32_768  # of what is posted
# From its beginning only: a long text without "=" would be searched once for each character of it.
_PARAMETER: Final = re.compile("(?<![^&;])(?P<name>[^&;=]+)=[^&;]*")
_MAX_URL_CHARACTERS: Final = 10_240  # API Gateway's limit for a Regional API
_MAX_DELAY_SECONDS: Final = 900  # SQS's limit
_MAX_MESSAGE_BYTES: Final = 1_048_576  # the most that SNS lets a topic take
_DEFAULT_MESSAGE_BYTES: Final = 262_144
_ATTRIBUTE_TYPES: Final = ("Binary", "Number", "String")
_SIZE: Final = "MaximumMessageSize"  # a topic's attribute
_MAX_ENTRIES: Final = 10  # of a PutEvents request
_SHUTDOWN_SECONDS: Final = 3.0
_MAX_PAYLOAD_BYTES: Final = 6 * 1024 * 1024  # Lambda's limit for an invocation's event
# A record without its body, as MiniStack writes it. On AWS it is larger, for the receipt handle is.
_RECORD_OVERHEAD_BYTES: Final = 520

_SIGNATURES: Final[dict[tuple[ModuleType, str], str]] = {
    (app, "_get_module"): "(name: str)",
    (app, "app"): "(scope, receive, send)",
    (app, "_handle_execute_api_request"): "(host: str, path: str, method: str, headers: dict, "
    "body: bytes, query_params: dict, raw_path: str | None = None, "
    "raw_query_string: str | None = None)",
    (app, "_parse_execute_api_url"): "(host: str, path: str) -> tuple[str, str, str] | None",
    (apigateway_v1, "_fetch_jwks"): "(url: str) -> dict",
    (apigateway_v1, "_resolve_jwks_url"): "(authorizer: dict) -> str | None",
    (apigateway_v1, "_invoke_sqs_v1"): "(integration, api_id, stage_name, stage, resource, "
    "request_path, method, headers, body, query_params, path_params, *, owner_account_id=None, "
    "owner_region=None, binary_media_types=None, authorizer_context=None, caller_identity=None)",
    (apigateway_v1, "_invoke_lambda_custom_v1"): "(integration, api_id, stage_name, stage, "
    "resource, request_path, method, headers, body, query_params, path_params, *, "
    "owner_account_id=None, owner_region=None, binary_media_types=None, authorizer_context=None, "
    "caller_identity=None)",
    (apigateway_v1, "_invoke_mock_v1"): "(integration)",
    (apigateway_v1, "_execute_in_scope"): "(request, api_id, stage_name, method, path, headers, "
    "body, query_params, owner_account_id, owner_region)",
    (apigateway_v1, "_check_request_validation"): "(method_obj, api_id, request, headers, body, "
    "query_params)",
    (apigateway_v1, "_render_request_template_v1"): "(template: str, body_str: str, "
    "params_map: dict, context=None) -> str",
    (apigateway_v1, "_missing_request_parameters"): "(method_obj, request, headers, query_params)",
    (apigateway_v1, "_service_integration_response"): "(integration, backend_status: int, "
    "backend_text: str, accept: str, request_params: dict, context=None)",
    (apigateway_v1, "_create_request_validator"): "(api_id, data)",
    (apigateway_v1, "_parse_service_integration_uri"): "(uri: str)",
    (apigateway_v1, "_gateway_request_value"): "(source, request)",
    (apigateway_v1, "_gw_error"): "(response_type, message)",
    (apigateway_v1, "_header_ci"): "(headers, name)",
    (sqs, "handle_request"): "(method: str, path: str, headers: dict, body: bytes, "
    "query_params: dict) -> tuple",
    (sqs, "_queue_by_arn"): "(arn: str) -> dict | None",
    (sns, "handle_request"): "(method: str, path: str, headers: dict, body: bytes, "
    "query_params: dict) -> tuple",
    (sns, "publish_internal"): "(topic_arn: str, message, subject: str = '', *, "
    "message_structure: str = '', message_attributes: dict | None = None, "
    "message_group_id: str = '', message_deduplication_id: str = '') -> dict | None",
    (sns, "_deliver_to_sqs"): "(endpoint: str, envelope: str, raw: bool, raw_message: str, "
    "message_group_id: str = '', message_dedup_id: str = '', "
    "message_attributes: dict | None = None, topic_arn: str = '')",
    (sns, "_topic_by_arn_any_scope"): "(topic_arn: str) -> dict | None",
    (sns, "_message_payload_size"): "(message: str, attrs: dict) -> int",
    (eventbridge, "_put_events"): "(data, allow_aws_source=False)",
    (eventbridge, "_now_ts"): "() -> float",
    (sqs, "_receive_messages_for_esm"): "(queue_url: str, max_number: int) -> list[dict]",
    (sqs, "_act_send_message"): "(data: dict, qurl: str) -> dict",
    (sqs, "_get_q"): "(url: str, action: str | None = None) -> dict",
    (sqs, "_collect_msgs"): "(q: dict, max_n: int, vis_timeout: int) -> list",
    (sqs, "_dlq_sweep"): "(q: dict) -> None",
    (sqs, "_expire_retained"): "(q: dict) -> None",
    (provisioners, "_sns_create"): "(logical_id, props, stack_name)",
    (provisioners, "_apigw_method_create"): "(logical_id, props, stack_name)",
    (provisioners, "_apigw_request_validator_create"): "(logical_id, props, stack_name)",
    (lambda_svc, "_iter_all_esms"): "()",
    (custom_resource, "deliver_response"): "(token: str, response: dict) -> bool",
    (wait_conditions, "has_handle"): "(token: str) -> bool",
}


class WrongMiniStackError(Exception):
    """The installed MiniStack is not the release that the replacements were written for."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A request on its way through an API, as far as MiniStack knows it."""

    routed: Mapping[str, Any]
    """What gateway responses can map from; MiniStack fills it in as it finds the resource."""
    method: str
    path: str
    body: bytes
    account: str

    def template_request(
        self,
        *,
        authorizer: Mapping[str, Any] | None = None,
        caller: Mapping[str, Any] | None = None,
    ) -> velocity.Request:
        """Return what mapping templates see of it.

        Args:
            authorizer: What the authorizer said.
            caller: Who signed the request, behind IAM authorization.
        """
        routed = self.routed
        now = time.time()
        user_agent: str = apigateway_v1._header_ci(routed["headers"], "user-agent")
        return velocity.Request(
            querystring=_last_values(routed["query_params"]),
            headers=dict(routed["headers"]),
            path=dict(routed["path_params"]),
            body=self.body.decode("utf-8", errors="replace"),
            context={
                "accountId": self.account,
                "apiId": routed["api_id"],
                "authorizer": dict(authorizer or {}),
                "domainName": apigateway_v1._header_ci(routed["headers"], "host"),
                "error": {},
                "extendedRequestId": _exchange.get().extended_request_id,
                "httpMethod": self.method,
                "identity": {
                    "sourceIp": "127.0.0.1",
                    "userAgent": user_agent,
                    **{name: value for name, value in (caller or {}).items() if value is not None},
                },
                "path": f"/{routed['stage_name']}{self.path}",
                "protocol": "HTTP/1.1",
                "requestId": routed["request_id"],
                "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
                "requestTimeEpoch": int(now * 1000),
                "resourcePath": routed["resource_path"],
                "stage": routed["stage_name"],
            },
        )


class _Exchange:
    """What the layers below learn of one request, and those above and beside them need."""

    def __init__(self) -> None:
        self.extended_request_id = base64.b64encode(os.urandom(11)).decode()

    call: _Call
    event_id: str | None = None
    """What becomes of it has this ID at every destination; ``None`` while nothing is queued."""
    opted_out: bool = False


_exchange: contextvars.ContextVar[_Exchange] = contextvars.ContextVar("exchange")
_entry_time: contextvars.ContextVar[float | None] = contextvars.ContextVar(
    "entry_time", default=None
)


def check_ministack() -> None:
    """Check that the functions to be replaced are those that the replacements were written for.

    Raises:
        WrongMiniStackError: MiniStack is another release, or a signature differs.
    """
    installed = importlib.metadata.version("ministack")
    if installed != MINISTACK_VERSION:
        raise WrongMiniStackError(
            f"the local pipeline needs ministack {MINISTACK_VERSION}, {installed} is installed: "
            f"run pip install ministack=={MINISTACK_VERSION}"
        )
    for (module, name), expected in _SIGNATURES.items():
        function = getattr(module, name, None)
        found = str(inspect.signature(function)) if callable(function) else "nothing"
        if found != expected:
            raise WrongMiniStackError(
                f"{module.__name__}.{name} of ministack {installed} has the signature {found}, "
                f"expected {expected}: reinstall ministack=={MINISTACK_VERSION}"
            )


def patch() -> None:
    """Put the replacements in place. Call :func:`check_ministack` first."""
    apigateway_v1._fetch_jwks = _knowing_own_pools(apigateway_v1._fetch_jwks)
    apigateway_v1._invoke_sqs_v1 = _invoke_service
    apigateway_v1._invoke_lambda_custom_v1 = _reaching_sns(apigateway_v1._invoke_lambda_custom_v1)
    apigateway_v1._render_request_template_v1 = _render_response
    apigateway_v1._invoke_mock_v1 = _rendering(apigateway_v1._invoke_mock_v1)
    apigateway_v1._execute_in_scope = _remembering(apigateway_v1._execute_in_scope)
    apigateway_v1._check_request_validation = _by_media_type(
        apigateway_v1._check_request_validation
    )
    apigateway_v1._missing_request_parameters = _counting_blank(
        apigateway_v1._missing_request_parameters
    )
    sqs._HANDLERS["SendMessage"] = _checking_delay(sqs._HANDLERS["SendMessage"])
    sqs._receive_messages_for_esm = BatchingWindow().receive
    sns._SNS_MAX_PAYLOAD_BYTES = _MAX_MESSAGE_BYTES
    sns.publish_internal = _checking_message(sns.publish_internal)
    sns._deliver_to_sqs = _redriving(sns._deliver_to_sqs)
    eventbridge._now_ts = _of_the_entry(eventbridge._now_ts)
    eventbridge._put_events = _one_by_one(eventbridge._put_events)
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::ApiGateway::RequestValidator"]["create"] = _create_request_validator
    handlers["AWS::ApiGateway::Method"]["create"] = _keeping_validator(
        handlers["AWS::ApiGateway::Method"]["create"]
    )
    handlers["AWS::SNS::Topic"]["create"] = _keeping_message_size(
        handlers["AWS::SNS::Topic"]["create"]
    )


# --- API Gateway ----------------------------------------------------------------------------------


def split_query(query: str) -> dict[str, list[str]]:
    """Return the decoded parameters of a raw query string, each with all its values in order.

    API Gateway separates parameters by ``&`` or ``;``, and keeps those that are empty.
    """
    parameters: dict[str, list[str]] = {}
    for name, value in parse_qsl(query.replace(";", "&"), keep_blank_values=True):
        parameters.setdefault(name, []).append(value)
    return parameters


def refuse(target: str) -> tuple[int, dict[str, str], bytes] | None:
    """Return the answer to a request target that API Gateway would not let in, else ``None``."""
    if len(target) > _MAX_URL_CHARACTERS:
        status, message = 414, f"The URL is over {_MAX_URL_CHARACTERS:,} characters"
    elif "|" in target:
        status, message = 400, "A | in the URL must be sent as %7C"
    else:
        return None
    return status, {"Content-Type": "application/json"}, json.dumps({"message": message}).encode()


def _content_type(headers: Mapping[str, str]) -> str:
    return next((it for name, it in headers.items() if name.lower() == "content-type"), "")


def mask_token(query: str) -> str:
    """Return a raw query string with :data:`_MASK` for each value of :data:`TOKEN_PARAMETER`.

    However its name is written: ``%74oken`` is decoded to it as well.
    """
    return _PARAMETER.sub(
        lambda it: (
            f"{it['name']}={_MASK}" if unquote_plus(it["name"]) == TOKEN_PARAMETER else it[0]
        ),
        query,
    )


def _last_values(parameters: Mapping[str, Any] | None) -> dict[str, str]:
    return {
        name: values[-1] if isinstance(values, list) else values
        for name, values in (parameters or {}).items()
    }


def _knowing_own_pools(fetch: Callable[[str], Awaitable[Any]]) -> Callable[[str], Awaitable[Any]]:
    """Wrap the fetching of an issuer's keys: MiniStack asks its own port, and signs nothing."""
    own = f"http://{apigateway._HOST}:{apigateway._PORT}/"

    async def fetch_jwks(url: str) -> Any:
        if not url.startswith(own):
            return await fetch(url)
        pool, _, _ = url.removeprefix(own).partition("/")
        # Loaded once a pool is asked for: that makes a key, and needs another package.
        _, _, body = app._get_module("cognito").well_known_jwks(pool)
        return json.loads(body)

    return fetch_jwks


def _counting_blank(missing: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Wrap MiniStack's check: to it a list that holds an empty string is not empty."""

    def missing_or_blank(
        method_obj: Any, request: Any, headers: Any, query_params: Any
    ) -> list[str]:
        return missing(method_obj, request, headers, _last_values(query_params))

    return missing_or_blank


def _by_media_type(check: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap MiniStack's request validation, so that a body meets the model that is meant for it."""

    def check_request(  # noqa: PLR0917 - MiniStack's signature
        method_obj: Mapping[str, Any],
        api_id: str,
        request: Any,
        headers: Mapping[str, str],
        body: bytes,
        query_params: Any,
    ) -> Any:
        models = method_obj.get("requestModels") or {}
        model = models.get(_media_type(headers, "content-type")) or models.get("$default")
        if model and not body:
            body = b"{}"
        elif model and not _is_json(body):
            body = b""  # as good as none to MiniStack, which then refuses it
        # MiniStack falls back to this key, so it decides alone.
        method_obj = {**method_obj, "requestModels": {"application/json": model} if model else {}}
        return check(method_obj, api_id, request, headers, body, query_params)

    return check_request


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError


def _remembering(execute: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Wrap the way of a request through an API: what MOCK integrations answer depends on it."""

    async def execute_in_scope(  # noqa: PLR0917 - MiniStack's signature
        request: Mapping[str, Any],
        api_id: str,
        stage_name: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query_params: Mapping[str, list[str]],
        owner_account_id: str,
        owner_region: str,
    ) -> Any:
        _exchange.get().call = _Call(request, method, path, body, owner_account_id)
        return await execute(
            request,
            api_id,
            stage_name,
            method,
            path,
            headers,
            body,
            query_params,
            owner_account_id,
            owner_region,
        )

    return execute_in_scope


def _rendering(invoke: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap MOCK integrations: MiniStack answers with the response template's own text."""

    def invoke_mock(integration: Mapping[str, Any]) -> Any:
        status, headers, body = invoke(integration)
        template = "" if body == b"{}" else body.decode()
        answering = _Answering(replace(_exchange.get().call.template_request(), body=""))
        try:
            body = answering.render(template).encode()
        except velocity.TemplateError as error:
            return _template_failure("response", error)
        return answering.override((status, headers, body))

    return invoke_mock


@dataclass(slots=True)
class _Answering:
    """A response template at work: what it renders goes one way, what it overrides another."""

    request: velocity.Request
    rendered: velocity.Rendered | None = None

    def render(self, template: str) -> str:
        """Return the body; remember the rest."""
        self.rendered = velocity.render_response(template, self.request)
        return self.rendered.text

    def override(
        self, answer: tuple[int, Mapping[str, str], bytes]
    ) -> tuple[int, dict[str, str], bytes]:
        """Return the answer as the template wants it."""
        status, headers, body = answer
        overrides: Mapping[str, str] = {}
        if self.rendered is not None:
            status = self.rendered.status or status
            overrides = self.rendered.headers
        replaced = {name.lower() for name in overrides}
        kept = {name: value for name, value in headers.items() if name.lower() not in replaced}
        return status, {**kept, **overrides}, b"" if status == HTTPStatus.NO_CONTENT else body


def _template_failure(which: str, error: velocity.TemplateError) -> Any:
    """Return what API Gateway answers when a template fails, and say why on standard error."""
    call = _exchange.get().call
    print(f"the {which} template of {call.method} {call.path} fails: {error}", file=sys.stderr)
    return apigateway_v1._gw_error("API_CONFIGURATION_ERROR", "Internal server error")


def _media_type(headers: Mapping[str, str], name: str) -> str:
    """Return the first media type of a header, ``application/json`` where it is missing."""
    value: str = apigateway_v1._header_ci(headers, name) or "application/json"
    return re.split("[,;]", value, maxsplit=1)[0].strip().lower()


def _request_template(integration: Mapping[str, Any], content_type: str) -> str | None:
    templates: Mapping[str, str] = integration.get("requestTemplates") or {}
    for media_type, template in templates.items():
        if media_type.partition(";")[0].strip().lower() == content_type:
            return template
    return None


def _integration_headers(
    integration: Mapping[str, Any], request: Mapping[str, Any]
) -> dict[str, str]:
    """Return the headers that an integration's request parameters ask for, names in lower case."""
    prefix = "integration.request.header."
    headers = {}
    for destination, source in (integration.get("requestParameters") or {}).items():
        if not destination.startswith(prefix):
            continue
        value = apigateway_v1._gateway_request_value(source, request)
        if value is not None:
            headers[destination.removeprefix(prefix).lower()] = value
    return headers


def _reaching_sns(invoke: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Wrap the way to a function, which MiniStack takes for every service but SQS."""

    async def invoke_custom(integration: Mapping[str, Any], *args: Any, **options: Any) -> Any:
        uri = apigateway_v1._parse_service_integration_uri(integration.get("uri", ""))
        reach = _invoke_service if uri is not None and uri[1] == "sns" else invoke
        return await reach(integration, *args, **options)

    return invoke_custom


async def _invoke_service(  # noqa: PLR0917 - MiniStack's signature
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
    """Send what an integration's template makes of a request to MiniStack's SQS or SNS."""
    uri = apigateway_v1._parse_service_integration_uri(integration.get("uri", ""))
    service, region, account, path = sqs, owner_region, owner_account_id, ""
    if uri is not None:
        service = sns if uri[1] == "sns" else sqs
        region, path = uri[0] or owner_region, f"/{uri[3].strip('/')}"
        if path.count("/") == 2:  # noqa: PLR2004 - /{account}/{queue}
            account = path.split("/")[1]

    request = _exchange.get().call.template_request(
        authorizer=authorizer_context, caller=caller_identity
    )
    # Without a match there is no template: MiniStack has answered 415 already (NEVER) or the
    # integration passes the body through.
    template = _request_template(integration, _media_type(headers, "content-type"))
    try:
        message = request.body if template is None else velocity.render(template, request)
    except velocity.TemplateError as error:
        return _template_failure("request", error)

    with request_scope(account, region):
        status, _, answer = await service.handle_request(
            integration.get("httpMethod") or "POST",
            path,
            _integration_headers(
                integration,
                {
                    "headers": headers,
                    "query_params": _last_values(query_params),
                    "path_params": path_params or {},
                    "stage": stage,
                    "request_id": request.context["requestId"],
                },
            ),
            message.encode(),
            {},
        )
    text = _json_of(answer) if service is sns else answer.decode()
    if status == HTTPStatus.OK:  # what the service answers for a message that it has
        _remember(service, message)
    answering = _Answering(replace(request, body=text))
    try:
        return answering.override(
            apigateway_v1._service_integration_response(
                integration, status, text, _media_type(headers, "accept"), answering
            )
        )
    except velocity.TemplateError as error:
        return _template_failure("response", error)


def _json_of(answer: bytes) -> str:
    """Return an answer of SNS as API Gateway gets it, which asks for JSON."""
    root = ET.fromstring(answer)  # noqa: S314 - MiniStack's own words
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
    """Note what is reported of a message that has been taken over."""
    exchange = _exchange.get()
    if service is sns:
        body = dict(parse_qsl(message, keep_blank_values=True))["Message"]
    else:
        body = json.loads(message)["MessageBody"]
    envelope = decode_envelope(body)
    exchange.event_id = event_id_of(body)
    exchange.opted_out = envelope.get("privacy") == "1"


def _render_response(
    template: str,
    body_str: str,  # noqa: ARG001 - the request to be answered holds it
    params_map: _Answering,
    context: None = None,  # noqa: ARG001
) -> str:
    """Render a response template: ``$input.body`` is the queue service's answer."""
    return params_map.render(template)


# --- SQS ------------------------------------------------------------------------------------------


def _checking_delay(send: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap SendMessage: MiniStack does not look at how long the delay is."""

    def send_message(data: Mapping[str, Any], qurl: str) -> Any:
        delay = int(data.get("DelaySeconds") or 0)
        if not 0 <= delay <= _MAX_DELAY_SECONDS:
            raise sqs._Err(
                "InvalidParameterValue",
                f"Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must "
                f"be >= 0 and <= {_MAX_DELAY_SECONDS}.",
            )
        return send(data, qurl)

    return send_message


# --- SNS ------------------------------------------------------------------------------------------


def _checking_message(publish: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap publishing: MiniStack knows one size for all topics, and takes any type and any JSON."""

    def publish_internal(
        topic_arn: str,
        message: Any,
        subject: str = "",
        *,
        message_structure: str = "",
        message_attributes: Mapping[str, Any] | None = None,
        **options: str,
    ) -> Any:
        topic = sns._topic_by_arn_any_scope(topic_arn)
        for name, attribute in (message_attributes or {}).items():
            if attribute.get("DataType", "").partition(".")[0] not in _ATTRIBUTE_TYPES:
                raise sns.SnsPublishError(
                    "ParameterValueInvalid",
                    f"The message attribute '{name}' has an invalid message attribute type, the "
                    "set of supported type prefixes is Binary, Number, and String.",
                )
        most = int((topic or {"attributes": {}})["attributes"].get(_SIZE, _DEFAULT_MESSAGE_BYTES))
        if message_structure == "json" and not _is_structured(message):
            raise sns.SnsPublishError(
                "InvalidParameter",
                "Invalid parameter: Message Structure - JSON message body failed to parse",
            )
        if sns._message_payload_size(message, message_attributes or {}) > most:
            raise sns.SnsPublishError("InvalidParameter", "Invalid parameter: Message too long")
        return publish(
            topic_arn,
            message,
            subject,
            message_structure=message_structure,
            message_attributes=message_attributes,
            **options,
        )

    return publish_internal


def _is_structured(message: str) -> bool:
    try:
        document = json.loads(message)
    except ValueError:
        return False
    return isinstance(document, dict) and "default" in document


def _redriving(deliver: Callable[..., None]) -> Callable[..., None]:
    """Wrap a delivery to a queue: MiniStack has no dead-letter queues for subscriptions.

    A queue that is gone is the one failure for which SNS uses them here.
    """

    def deliver_to_sqs(endpoint: str, *others: Any, topic_arn: str = "", **options: Any) -> None:
        queue = endpoint
        if sqs._queue_by_arn(endpoint) is None:
            queue = _dead_letter_queue(topic_arn, endpoint) or endpoint
        deliver(queue, *others, topic_arn=topic_arn, **options)

    return deliver_to_sqs


def _dead_letter_queue(topic_arn: str, endpoint: str) -> str | None:
    topic = sns._topic_by_arn_any_scope(topic_arn) or {"subscriptions": []}
    for subscription in topic["subscriptions"]:
        policy = subscription.get("attributes", {}).get("RedrivePolicy")
        if subscription.get("endpoint") == endpoint and policy:
            arn: str = json.loads(policy)["deadLetterTargetArn"]
            return arn
    return None


# --- EventBridge ----------------------------------------------------------------------------------


def _of_the_entry(now: Callable[[], float]) -> Callable[[], float]:
    """Wrap EventBridge's clock: within an entry that names a time, it is that time."""

    def now_or_then() -> float:
        then = _entry_time.get()
        return now() if then is None else then

    return now_or_then


def _one_by_one(put: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap PutEvents, so that each entry is put at its own time."""

    def put_events(data: Mapping[str, Any], allow_aws_source: bool = False) -> Any:  # noqa: FBT001, FBT002
        entries = data.get("Entries", [])
        if len(entries) > _MAX_ENTRIES:
            return put(data, allow_aws_source)
        results: list[Any] = []
        failed = 0
        headers: Mapping[str, str] = {}
        for entry in entries:
            token = _entry_time.set(entry.get("Time"))
            try:
                _, headers, body = put({**data, "Entries": [entry]}, allow_aws_source)
            finally:
                _entry_time.reset(token)
            answer = json.loads(body)
            results += answer["Entries"]
            failed += answer["FailedEntryCount"]
        return 200, headers, json.dumps({"FailedEntryCount": failed, "Entries": results}).encode()

    return put_events


# --- CloudFormation -------------------------------------------------------------------------------


def _create_request_validator(
    logical_id: str, properties: Mapping[str, Any], _stack: str
) -> tuple[str, dict[str, str]]:
    """Create the validator in the API; MiniStack only makes up an id for it."""
    status, _, body = apigateway_v1._create_request_validator(
        properties["RestApiId"],
        {
            "name": properties.get("Name", logical_id),
            # CloudFormation passes booleans as JSON has them or as strings.
            "validateRequestBody": _is_true(properties.get("ValidateRequestBody")),
            "validateRequestParameters": _is_true(properties.get("ValidateRequestParameters")),
        },
    )
    answer = json.loads(body)
    if status >= 400:  # noqa: PLR2004 - HTTP's errors
        raise ValueError(f"AWS::ApiGateway::RequestValidator create failed: {answer}")
    return answer["id"], {"RequestValidatorId": answer["id"]}


def _keeping_validator(create: Callable[..., tuple[str, Any]]) -> Callable[..., tuple[str, Any]]:
    """Wrap the creation of a method: MiniStack drops its request validator."""

    def create_method(
        logical_id: str, properties: Mapping[str, Any], stack: str
    ) -> tuple[str, Any]:
        created = create(logical_id, properties, stack)
        resource = apigateway_v1._resources[properties["RestApiId"]][properties["ResourceId"]]
        method = resource["resourceMethods"][properties["HttpMethod"]]
        method["requestValidatorId"] = properties.get("RequestValidatorId")
        return created

    return create_method


def _keeping_message_size(create: Callable[..., tuple[str, Any]]) -> Callable[..., tuple[str, Any]]:
    """Wrap the creation of a topic: MiniStack drops the size of its messages."""

    def create_topic(logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, Any]:
        arn, attributes = create(logical_id, properties, stack)
        if _SIZE in properties:
            sns._topics[arn]["attributes"][_SIZE] = str(properties[_SIZE])
        return arn, attributes

    return create_topic


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"


# --- Lambda's event source for SQS ----------------------------------------------------------------


class BatchingWindow:
    """Gathers a queue's messages as an event source on AWS does.

    A batch is due when the window has passed since its first message was seen, when the batch size
    is reached, or when the next message would not fit into Lambda's 6 MB. Used by MiniStack's one
    polling thread.
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def receive(self, queue_url: str, max_number: int) -> list[dict[str, Any]]:
        """Receive the batch that is due, or nothing yet."""
        with sqs._queues_lock:
            queue = sqs._get_q(queue_url)
            sqs._expire_retained(queue)
            sqs._dlq_sweep(queue)
            now = time.time()
            count, full = _fill(queue["messages"], max_number, now)
            if count == 0:
                self._due.pop(queue_url, None)
                return []
            if not full and self._remaining(queue_url, queue, now) > 0:
                return []
            self._due.pop(queue_url, None)
            visibility_timeout = int(queue["attributes"].get("VisibilityTimeout", "30"))
            batch: list[dict[str, Any]] = sqs._collect_msgs(queue, count, visibility_timeout)
            return batch

    def _remaining(self, queue_url: str, queue: Mapping[str, Any], now: float) -> float:
        """Return the seconds until the window closes; open it, with an alarm, if it is not."""
        window = _batching_window(queue["attributes"]["QueueArn"])
        if queue_url not in self._due:
            self._due[queue_url] = now + window
            alarm = threading.Timer(window, esm_wake.set)
            alarm.daemon = True
            alarm.start()
        return self._due[queue_url] - now


def _batching_window(queue_arn: str) -> float:
    """Return the shortest batching window in seconds of the mappings that read the queue."""
    return min(
        (
            float(mapping.get("MaximumBatchingWindowInSeconds") or 0)
            for _, _, mapping in lambda_svc._iter_all_esms()
            if mapping.get("EventSourceArn") == queue_arn
        ),
        default=0.0,
    )


def _fill(messages: Iterable[Mapping[str, Any]], max_number: int, now: float) -> tuple[int, bool]:
    """Return how many of the visible messages fit into a batch, and whether they fill it."""
    count = size = 0
    for message in messages:
        if message["visible_at"] > now:
            continue
        size += len(message["body"].encode()) + _RECORD_OVERHEAD_BYTES
        if size > _MAX_PAYLOAD_BYTES:
            return count, True
        count += 1
        if count == max_number:
            return count, True
    return count, False


# --- Who may do what ------------------------------------------------------------------------------


def is_open(method: str, path: str) -> bool:
    """Return whether a request needs no signature, by its method and decoded path.

    Those are requests for a deployed API, and answers to CloudFormation under the URLs that it has
    given to a custom resource's function or to a wait condition: a random token in them is what
    the signature of a presigned URL is on AWS.
    """
    if path.startswith(_API_PREFIX):
        target = app._parse_execute_api_url("", path)
        return target is not None and not target[2].startswith(_CONNECTIONS)
    if method == "PUT" and path.startswith(_RESPONSE_PREFIX):
        return path.removeprefix(_RESPONSE_PREFIX) in custom_resource._pending
    if method == "PUT" and path.startswith(wait_conditions.SIGNAL_PATH):
        return bool(wait_conditions.has_handle(path.removeprefix(wait_conditions.SIGNAL_PATH)))
    return False


# --- The process ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reporter:
    """Writes lines of JSON for the process that started this one."""

    fd: int

    def write(self, report: Mapping[str, Any]) -> None:
        """Write one report. A reader that is gone is the watchdog's business."""
        line = memoryview(json.dumps(report).encode() + b"\n")
        try:
            while line:
                line = line[os.write(self.fd, line) :]
        except OSError:
            return

    def wrap(
        self, handle: Callable[..., Awaitable[tuple[int, dict[str, str], bytes] | None]]
    ) -> Callable[..., Awaitable[tuple[int, dict[str, str], bytes] | None]]:
        """Wrap MiniStack's handler of API requests: split the query, report the answer."""

        async def handle_and_report(  # noqa: PLR0917 - MiniStack's signature
            host: str,
            path: str,
            method: str,
            headers: dict[str, str],
            body: bytes,
            query_params: dict[str, list[str]],
            raw_path: str | None = None,
            raw_query_string: str | None = None,
        ) -> tuple[int, dict[str, str], bytes] | None:
            target = app._parse_execute_api_url(host, path)
            if target is None:
                return await handle(
                    host, path, method, headers, body, query_params, raw_path, raw_query_string
                )
            query = raw_query_string or ""
            exchange = _Exchange()
            _exchange.set(exchange)
            received = int(time.time() * 1000)
            _, stage, api_path = target
            answer = refuse(f"/{stage}{api_path}?{query}") or await handle(
                host, path, method, headers, body, split_query(query), raw_path, query
            )
            if answer is not None:
                status, answer_headers, answer_body = answer
                # By this one the browser's own tools tell which event a request became.
                answer_headers["x-amz-apigw-id"] = exchange.extended_request_id
                failed = status >= 400  # noqa: PLR2004 - HTTP's errors
                self.write(
                    {
                        "time": received,
                        "method": method,
                        "path": api_path,
                        "query": mask_token(query),
                        "content_type": _content_type(headers),
                        "body": mask_token(body[:_REPORTED_BODY_BYTES].decode(errors="replace")),
                        "body_cut": len(body) > _REPORTED_BODY_BYTES,
                        "status": status,
                        "event_id": exchange.event_id,
                        "opted_out": exchange.opted_out,
                        "detail": answer_body.decode(errors="replace") if failed else "",
                    }
                )
            return answer

        return handle_and_report


def add_placeholders(resource_types: Iterable[str]) -> list[str]:
    """Let CloudFormation accept types that MiniStack lacks, creating nothing for them.

    So a template goes in unchanged. Returns the types, for the user to be told.
    """
    placeholders = sorted(
        {
            resource_type
            for resource_type in resource_types
            if resource_type not in provisioners._RESOURCE_HANDLERS
            and not resource_type.startswith("Custom::")
        }
    )
    for resource_type in placeholders:
        provisioners._RESOURCE_HANDLERS[resource_type] = {
            "create": lambda logical_id, _properties, _stack: (f"placeholder-{logical_id}", {}),
            "delete": lambda _physical_id, _properties: None,
        }
    return placeholders


class ParentWatch:
    """Stops this process when its standard input ends, which the parent holds open."""

    def __init__(self, run_directory: str | None) -> None:
        self._run_directory = run_directory
        self._orphaned = False

    def start(self) -> None:
        """Watch in a thread of its own."""
        threading.Thread(target=self._watch, name="parent-watch", daemon=True).start()

    def tidy_up(self) -> None:
        """Remove the run's directory if the parent can no longer do it."""
        if self._orphaned and self._run_directory:
            shutil.rmtree(self._run_directory, ignore_errors=True)

    def _watch(self) -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        self._orphaned = True
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_SHUTDOWN_SECONDS)
        self.tidy_up()
        if os.getpgrp() == os.getpid():  # the parent started this process as a group's leader
            os.killpg(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run the emulator until it is told to stop. Settings come from the environment."""
    try:
        check_ministack()
    except WrongMiniStackError as error:
        sys.exit(f"error: {error}")
    patch()
    reporter = Reporter(int(os.environ[REPORT_FD]))
    app._handle_execute_api_request = reporter.wrap(app._handle_execute_api_request)
    app.app = LoopbackOnly(SignedOnly(app.app, os.environ["AWS_SECRET_ACCESS_KEY"], is_open))
    reporter.write({"placeholders": add_placeholders(json.loads(os.environ[RESOURCE_TYPES]))})
    watch = ParentWatch(os.environ.get(RUN_DIRECTORY))
    watch.start()
    sys.argv = sys.argv[:1]  # MiniStack's main reads it
    try:
        app.main()
    finally:
        lambda_runtime.reset()  # MiniStack leaves its functions' processes running
        watch.tidy_up()


if __name__ == "__main__":
    main()
