"""Checks of requests against the service models of AWS, for the stand-ins.

Shapes, error names and limits come from botocore's service models. botocore itself only checks
types, required members and lower limits. :func:`faults` also checks upper limits, patterns and
enumerations, as the services do.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NoReturn

from botocore.loaders import create_loader
from botocore.model import OperationModel, ServiceModel
from botocore.validate import ParamValidator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "RequestRefused",
    "error_names",
    "faults",
    "items",
    "json_or_text",
    "member",
    "operation",
    "parse_json",
    "text",
]

_LONGEST_MESSAGE: Final = 2_000


class RequestRefused(Exception):
    """A refusal of the whole request.

    Args:
        status: HTTP status.
        message: The fault, for the answer.
        code: The service's name for the error. Default: the name in its model for the status.
    """

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = _shorten(message)
        self.code = code


def operation(service: str, name: str) -> OperationModel:
    """Return botocore's model of an operation."""
    model = create_loader().load_service_model(service, "service-2")
    return ServiceModel(model, service).operation_model(name)


def error_names(model: OperationModel) -> dict[int, str]:
    """Return the model's exceptions by HTTP status: ``{429: "TooManyRequestsException", …}``."""
    return {
        shape.metadata["error"]["httpStatusCode"]: shape.name
        for shape in model.error_shapes
        if "error" in shape.metadata
    }


def json_or_text(data: bytes) -> Any:
    """Return the JSON value in ``data``, or ``data`` as text if it is not JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")


def parse_json(body: bytes) -> Any:
    """Return the JSON document in ``body``.

    Raises:
        RequestRefused: 400, because the body is not JSON.
    """
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RequestRefused(HTTPStatus.BAD_REQUEST, f"The body is not JSON: {error}") from error


def faults(value: Mapping[str, Any], shape: Any) -> Iterator[str]:
    """Yield the faults in an operation's parameters, according to its input shape."""
    report = ParamValidator().validate(value, shape).generate_report()
    if report:
        yield report
    else:
        yield from _limit_faults(value, shape, shape.name)


def _limit_faults(value: Any, shape: Any, path: str) -> Iterator[str]:
    match shape.type_name:
        case "structure":
            for name, member in value.items():
                yield from _limit_faults(member, shape.members[name], f"{path}.{name}")
        case "list":
            yield from _size_faults(len(value), shape, path, "members")
            for number, member in enumerate(value):
                yield from _limit_faults(member, shape.member, f"{path}[{number}]")
        case "map":
            for key, member in value.items():
                yield from _limit_faults(key, shape.key, f"{path} (key {key!r})")
                yield from _limit_faults(member, shape.value, f"{path}.{key}")
        case "string":
            yield from _text_faults(value, shape, path)
        case "blob":
            yield from _size_faults(len(value), shape, path, "bytes")


def _text_faults(value: str, shape: Any, path: str) -> Iterator[str]:
    yield from _size_faults(len(value), shape, path, "characters")
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        yield f"{path} must match {pattern}, got {value!r}"
    if shape.enum and value not in shape.enum:
        yield f"{path} must be one of {', '.join(shape.enum)}, got {value!r}"


def _size_faults(size: int, shape: Any, path: str, unit: str) -> Iterator[str]:
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max")
    if size < low or (high is not None and size > high):
        yield f"{path} has {size:,} {unit}, but must have {low:,} to {high or float('inf'):,}"


def member(value: object, name: str) -> object:
    """Return a member of a JSON object; ``None`` if it is missing or ``value`` is not an object."""
    return value.get(name) if isinstance(value, dict) else None


def items(value: object) -> Iterator[Any]:
    """Yield the items of a JSON list; nothing if ``value`` is not a list."""
    if isinstance(value, list):
        yield from value


def text(value: Mapping[str, Any], name: str) -> str:
    """Return a string member; an empty string if it is missing or of another type."""
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _shorten(message: str) -> str:
    if len(message) <= _LONGEST_MESSAGE:
        return message
    return f"{message[:_LONGEST_MESSAGE]}… ({len(message):,} characters in all)"
