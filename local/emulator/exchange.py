"""The current request to the emulated API, and its facts."""

# MiniStack has no types.
# ruff: noqa: SLF001
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import base64
import contextvars
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ministack.services import apigateway_v1

from local import vtl

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request with MiniStack's facts about it."""

    routed: Mapping[str, Any]
    """Values that gateway responses can map. MiniStack adds more when it has found the resource."""
    method: str
    path: str
    body: bytes
    account: str

    def template_request(
        self,
        *,
        authorizer: Mapping[str, Any] | None = None,
        caller: Mapping[str, Any] | None = None,
    ) -> vtl.Request:
        """Return the request as mapping templates see it.

        Args:
            authorizer: The authorizer's context.
            caller: The signer of the request, with IAM authorization.
        """
        routed = self.routed
        now = time.time()
        user_agent: str = apigateway_v1._header_ci(routed["headers"], "user-agent")
        return vtl.Request(
            querystring=last_values(routed["query_params"]),
            headers=dict(routed["headers"]),
            path=dict(routed["path_params"]),
            body=self.body.decode("utf-8", errors="replace"),
            context={
                "accountId": self.account,
                "apiId": routed["api_id"],
                "authorizer": dict(authorizer or {}),
                "domainName": apigateway_v1._header_ci(routed["headers"], "host"),
                "error": {},
                "extendedRequestId": CURRENT.get().extended_request_id,
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


class Exchange:
    """Facts about one request that the emulator's layers share."""

    def __init__(self) -> None:
        self.extended_request_id = base64.b64encode(os.urandom(11)).decode()

    request: ApiRequest
    event_id: str | None = None
    """ID of the event at every destination; ``None`` until it is queued."""
    opted_out: bool = False


CURRENT: Final[contextvars.ContextVar[Exchange]] = contextvars.ContextVar("exchange")
"""The exchange of the request that this task handles."""


def last_values(parameters: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the last value of each parameter, as API Gateway does."""
    return {
        name: values[-1] if isinstance(values, list) else values
        for name, values in (parameters or {}).items()
    }
