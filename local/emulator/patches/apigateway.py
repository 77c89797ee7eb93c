"""Patches of API Gateway, up to the integration."""

# Replacing private functions is what this package is for, and MiniStack has no types.
# ruff: noqa: SLF001
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from ministack import app
from ministack.services import apigateway, apigateway_v1

from local.emulator.exchange import CURRENT, ApiRequest, last_values
from local.emulator.media_types import media_type
from local.emulator.patches.patch import patch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping


@patch(
    apigateway_v1,
    "_fetch_jwks",
    "(url: str) -> dict",
    aws="The keys of a Cognito user pool verify its tokens.",
    needless="MiniStack reads its own pools' keys although its port requires signatures.",
    uses={
        (app, "_get_module"): "(name: str)",
        (apigateway_v1, "_resolve_jwks_url"): "(authorizer: dict) -> str | None",
    },
)
def knowing_own_pools(fetch: Callable[[str], Awaitable[Any]]) -> Callable[[str], Awaitable[Any]]:
    """Wrap the fetching of an issuer's keys to read those of the emulator's own pools directly."""
    own = f"http://{apigateway._HOST}:{apigateway._PORT}/"

    async def fetch_jwks(url: str) -> Any:
        if not url.startswith(own):
            return await fetch(url)
        pool, _, _ = url.removeprefix(own).partition("/")
        # Imported here, because the import generates a key and needs another package.
        _, _, body = app._get_module("cognito").well_known_jwks(pool)
        return json.loads(body)

    return fetch_jwks


@patch(
    apigateway_v1,
    "_missing_request_parameters",
    "(method_obj, request, headers, query_params)",
    aws="A required parameter must be included and not blank: event= counts as missing.",
    needless="MiniStack reports event= as missing.",
)
def counting_blank(missing: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Wrap the check of required parameters to count blank ones as missing."""

    def missing_or_blank(
        method_obj: Any, request: Any, headers: Any, query_params: Any
    ) -> list[str]:
        return missing(method_obj, request, headers, last_values(query_params))

    return missing_or_blank


@patch(
    apigateway_v1,
    "_check_request_validation",
    "(method_obj, api_id, request, headers, body, query_params)",
    aws="A body is validated against the model of its own media type, or of $default. An empty "
    "body is validated as {}, and NaN is not JSON.",
    needless="MiniStack accepts a form if only application/json has a model.",
    uses={(apigateway_v1, "_header_ci"): "(headers, name)"},
)
def by_media_type(check: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap request validation to choose the model by the body's media type."""

    def check_request(  # noqa: PLR0917 - MiniStack's signature
        method_obj: Mapping[str, Any],
        api_id: str,
        request: Any,
        headers: Mapping[str, str],
        body: bytes,
        query_params: Any,
    ) -> Any:
        models = method_obj.get("requestModels") or {}
        model = models.get(media_type(headers, "content-type")) or models.get("$default")
        if model and not body:
            body = b"{}"
        elif model and not _is_json(body):
            body = b""  # MiniStack refuses an empty body
        # MiniStack falls back to application/json, so this model decides.
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


@patch(
    apigateway_v1,
    "_execute_in_scope",
    "(request, api_id, stage_name, method, path, headers, body, query_params, owner_account_id, "
    "owner_region)",
    aws="Templates of MOCK integrations and responses see the request.",
    needless="MiniStack passes the request to _invoke_mock_v1.",
)
def remembering(execute: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Wrap the execution of a request to keep it for templates."""

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
        CURRENT.get().request = ApiRequest(request, method, path, body, owner_account_id)
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
