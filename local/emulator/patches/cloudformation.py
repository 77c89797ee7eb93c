"""Patches of CloudFormation."""

# Replacing private functions is what this package is for, and MiniStack has no types.
# ruff: noqa: SLF001
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ministack.services import apigateway_v1, sns
from ministack.services.cloudformation import provisioners

from local.emulator.patches.patch import patch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SIZE: Final = "MaximumMessageSize"  # a topic's attribute
_HANDLERS: Final = provisioners._RESOURCE_HANDLERS
_CREATE: Final = "(logical_id, props, stack_name)"


@patch(
    _HANDLERS["AWS::ApiGateway::RequestValidator"],
    "create",
    _CREATE,
    aws="A request validator is part of its API.",
    needless="MiniStack's CloudFormation creates a validator in its API.",
    uses={(apigateway_v1, "_create_request_validator"): "(api_id, data)"},
)
def creating_validator(_create: Callable[..., Any]) -> Callable[..., Any]:
    """Replace the creation of a validator, because MiniStack only generates an id."""
    return create_request_validator


def create_request_validator(
    logical_id: str, properties: Mapping[str, Any], _stack: str
) -> tuple[str, dict[str, str]]:
    """Create a request validator in its API."""
    status, _, body = apigateway_v1._create_request_validator(
        properties["RestApiId"],
        {
            "name": properties.get("Name", logical_id),
            # CloudFormation passes booleans either as JSON booleans or as strings.
            "validateRequestBody": _is_true(properties.get("ValidateRequestBody")),
            "validateRequestParameters": _is_true(properties.get("ValidateRequestParameters")),
        },
    )
    answer = json.loads(body)
    if status >= 400:  # noqa: PLR2004 - HTTP's errors
        raise ValueError(f"AWS::ApiGateway::RequestValidator create failed: {answer}")
    return answer["id"], {"RequestValidatorId": answer["id"]}


@patch(
    _HANDLERS["AWS::ApiGateway::Method"],
    "create",
    _CREATE,
    aws="A method has the request validator that its template names.",
    needless="MiniStack's CloudFormation keeps a method's RequestValidatorId.",
)
def keeping_validator(create: Callable[..., tuple[str, Any]]) -> Callable[..., tuple[str, Any]]:
    """Wrap the creation of a method to keep its request validator."""

    def create_method(
        logical_id: str, properties: Mapping[str, Any], stack: str
    ) -> tuple[str, Any]:
        created = create(logical_id, properties, stack)
        resource = apigateway_v1._resources[properties["RestApiId"]][properties["ResourceId"]]
        method = resource["resourceMethods"][properties["HttpMethod"]]
        method["requestValidatorId"] = properties.get("RequestValidatorId")
        return created

    return create_method


@patch(
    _HANDLERS["AWS::SNS::Topic"],
    "create",
    _CREATE,
    aws="A topic has the MaximumMessageSize that its template names.",
    needless="MiniStack's CloudFormation keeps a topic's MaximumMessageSize.",
)
def keeping_message_size(create: Callable[..., tuple[str, Any]]) -> Callable[..., tuple[str, Any]]:
    """Wrap the creation of a topic to keep the maximum size of its messages."""

    def create_topic(logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, Any]:
        arn, attributes = create(logical_id, properties, stack)
        if _SIZE in properties:
            sns._topics[arn]["attributes"][_SIZE] = str(properties[_SIZE])
        return arn, attributes

    return create_topic


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"
