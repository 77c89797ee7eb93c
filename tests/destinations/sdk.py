"""The AWS SDK as an oracle: its models of operations, and the requests that its clients send."""

from __future__ import annotations

import re
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator


_LOADING: Final = Lock()


def input_shape(service: str, operation: str) -> Any:
    """Return the SDK's model of an operation's input."""
    # Without the lock, several threads could each load the model, at half a second of CPU.
    with _LOADING:
        return _loaded(service, operation)


@cache
def _loaded(service: str, operation: str) -> Any:
    model = botocore.session.get_session().get_service_model(service)
    return model.operation_model(operation).input_shape


def violations(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """Yield the violations of maxima and patterns in ``value``, which the SDK does not check."""
    most = shape.metadata.get("max")
    if shape.type_name == "structure":
        for name, member in value.items():
            yield from violations(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "map":
        for name, member in value.items():
            yield from violations(member, shape.value, f"{path}.{name}")
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from violations(item, shape.member, f"{path}[{index}]")
    if shape.type_name in ("string", "list", "blob") and most is not None and len(value) > most:
        yield f"{path} has {len(value)}, the model says {most}"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        yield f"{path} is {value!r}, the model says {pattern}"


class _NoBody:
    """An empty response body."""

    def stream(self) -> Iterator[bytes]:
        yield b""


def sdk_request(
    service: str, operation: str, arguments: dict[str, Any], *, url: str, region: str = "us-east-1"
) -> Any:
    """Return the request that the SDK's own client signs, without the headers about retries.

    Args:
        service: The SDK's name for the service.
        operation: Name of the client's method.
        arguments: Arguments of the method.
        url: URL of the service.
        region: The service's Region.
    """
    client: Any = botocore.session.get_session().create_client(service, region, endpoint_url=url)
    sent: list[Any] = []
    refused: Any = AWSResponse  # the type stubs do not cover its parts

    def before_sign(request: Any, **_: object) -> None:
        for header in ("amz-sdk-invocation-id", "amz-sdk-request"):
            del request.headers[header]

    def before_send(request: Any, **_: object) -> Any:
        sent.append(request)
        return refused(url, 400, HeadersDict(), _NoBody())

    client.meta.events.register("before-sign", before_sign)
    client.meta.events.register("before-send", before_send)
    with pytest.raises(ClientError):
        getattr(client, operation)(**arguments)
    [request] = sent
    request.headers = {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in request.headers.items()
    }
    return request
