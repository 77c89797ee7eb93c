"""The rules of Amazon Pinpoint's ``PutEvents``: the service model's shapes, and the quotas.

This module does no I/O: :mod:`local.destinations.pinpoint.server` serves the rules over HTTP.
Shapes and error names come from botocore's service model of ``pinpoint``. The model lacks the
limits in :class:`PutEventsLimits`, which come from AWS's quotas page, as does the silent drop of
long attribute values.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from botocore.validate import ParamValidator

from local.model import RequestRefused, error_names, operation, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_OPERATION = operation("pinpoint", "PutEvents")

_INPUT: Final[Any] = _OPERATION.input_shape

_CHANNEL_TYPES: Final = frozenset(
    _INPUT.members["EventsRequest"]
    .members["BatchItem"]
    .value.members["Endpoint"]
    .members["ChannelType"]
    .enum
)

ERROR_NAMES: Final[Mapping[int, str]] = error_names(_OPERATION)
"""Names of the model's exceptions by HTTP status: ``{429: "TooManyRequestsException", …}``."""

_ISO_8601 = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutEventsLimits:
    """Pinpoint's quotas for ``PutEvents``.

    AWS does not say whether its KB and MB are decimal or binary. The stand-in enforces the smaller,
    decimal values, so a client that passes here is within either limit.
    """

    events_per_request: int = 100
    request_bytes: int = 4_000_000
    event_bytes: int = 1_000_000
    keys_per_event: int = 40
    """Attributes and metrics of one event together."""
    key_characters: int = 50
    value_characters: int = 200
    """An event with a longer attribute value gets 202 and is dropped."""
    event_types: int = 1_500
    """Distinct event types per application."""
    attribute_keys: int = 500
    """Distinct attribute names per application."""
    endpoint_bytes: int = 15_000
    user_attribute_name_characters: int = 50
    user_attribute_value_characters: int = 100
    user_attribute_values: int = 50


@dataclass(frozen=True, slots=True)
class ItemResult:
    """The result for one endpoint or one event of an accepted request."""

    status: int = HTTPStatus.ACCEPTED
    message: str = "Accepted"
    dropped: bool = False
    """The answer says 202, but Pinpoint never records the event."""

    def answer(self) -> dict[str, Any]:
        """Return the model's ``EndpointItemResponse`` or ``EventItemResponse``."""
        # The drop is silent: a dropped event looks like an accepted one.
        message = "Accepted" if self.dropped else self.message
        return {"StatusCode": self.status, "Message": message}


_ACCEPTED = ItemResult()


def parse(body: bytes, application_id: str, limits: PutEventsLimits) -> dict[str, Any]:
    """Return the ``EventsRequest`` in ``body`` after checking it against the service model.

    Raises:
        RequestRefused: 413 for a body over the limit; 400 for a body that is not JSON, does not
            conform to the model, or has no batch item or too many events.
    """
    if len(body) > limits.request_bytes:
        raise RequestRefused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The request has {len(body):,} bytes, over the limit of {limits.request_bytes:,}",
        )
    request: dict[str, Any] = parse_json(body)
    report = ParamValidator().validate(
        {"ApplicationId": application_id, "EventsRequest": request}, _INPUT
    )
    fault = report.generate_report() or next(_batch_faults(request["BatchItem"], limits), None)
    if fault:
        raise RequestRefused(HTTPStatus.BAD_REQUEST, fault)
    return request


def _batch_faults(batch: Mapping[str, Any], limits: PutEventsLimits) -> Iterator[str]:
    """Yield a batch's violations of rules that the service model lacks."""
    if not batch:
        yield "BatchItem is empty: a request needs at least one endpoint"
    events = sum(len(item["Events"]) for item in batch.values())
    if events > limits.events_per_request:
        yield f"The request has {events} events, over the limit of {limits.events_per_request}"
    for endpoint_id, item in batch.items():
        if not endpoint_id:
            yield "BatchItem has an empty endpoint ID"
        for event_id, event in item["Events"].items():
            if not event_id:
                yield f"Endpoint {endpoint_id!r} has an empty event ID"
            for name, value in event.get("Metrics", {}).items():
                # botocore's validator accepts a bool as an int; in JSON it is not a number.
                if isinstance(value, bool):
                    yield f"Metric {name!r} of event {event_id!r} must be a number, got {value}"


def each_event(
    request: object,
) -> Iterator[tuple[str, Mapping[str, Any], str, Mapping[str, Any]]]:
    """Yield ``(endpoint ID, endpoint, event ID, event)`` of a request, even of an invalid one.

    Parts that do not have the model's shape are skipped.
    """
    for endpoint_id, item in _items(_member(request, "BatchItem")):
        endpoint = _member(item, "Endpoint")
        for event_id, event in _items(_member(item, "Events")):
            if isinstance(event, dict):
                yield endpoint_id, endpoint if isinstance(endpoint, dict) else {}, event_id, event


@dataclass(slots=True)
class Application:
    """One Pinpoint application, with the event types and attribute names that it has seen."""

    limits: PutEventsLimits
    event_types: set[str] = field(default_factory=set)
    attribute_keys: set[str] = field(default_factory=set)

    def evaluate_endpoint(self, endpoint: Mapping[str, Any]) -> ItemResult:
        """Return the result for the endpoint's own data, apart from its events."""
        if not endpoint:
            return _ACCEPTED
        fault = next(_endpoint_faults(endpoint, self.limits), None)
        return ItemResult(HTTPStatus.BAD_REQUEST, fault) if fault else _ACCEPTED

    def evaluate_event(self, event: Mapping[str, Any], *, request_bytes: int) -> ItemResult:
        """Return the result for ``event``, and remember the type and names of an accepted event.

        Args:
            event: The event, of the model's shape.
            request_bytes: Size of the whole request. No event can be larger, so the events of a
                small request need not be measured.
        """
        fault = next(self._event_faults(event, request_bytes), None)
        if fault:
            return ItemResult(HTTPStatus.BAD_REQUEST, fault)
        attributes = event.get("Attributes", {})
        for name, value in attributes.items():
            if len(value) > self.limits.value_characters:
                return ItemResult(
                    message=f"Attribute {name!r} has {len(value):,} characters, over the limit of "
                    f"{self.limits.value_characters}: Pinpoint answers 202 and drops the event",
                    dropped=True,
                )
        self.event_types.add(event["EventType"])
        self.attribute_keys.update(attributes)
        return _ACCEPTED

    def _event_faults(self, event: Mapping[str, Any], request_bytes: int) -> Iterator[str]:
        yield from self._type_faults(event["EventType"])
        yield from self._name_faults(event.get("Attributes", {}), event.get("Metrics", {}))
        for path, value in _event_times(event):
            yield from _time_faults(path, value)
        most = self.limits.event_bytes
        if request_bytes > most and (size := _size(event)) > most:
            yield f"The event has {size:,} bytes, over the limit of {most:,}"

    def _type_faults(self, event_type: str) -> Iterator[str]:
        if not event_type:
            yield "EventType is empty"
        if event_type.startswith("_"):
            yield f"EventType {event_type!r} begins with '_', which is reserved for Pinpoint"
        most = self.limits.event_types
        if event_type not in self.event_types and len(self.event_types) >= most:
            yield (f"EventType {event_type!r} exceeds the {most:,} event types of an application")

    def _name_faults(
        self, attributes: Mapping[str, str], metrics: Mapping[str, float]
    ) -> Iterator[str]:
        limits = self.limits
        keys = len(attributes) + len(metrics)
        if keys > limits.keys_per_event:
            yield f"{keys} attributes and metrics, over the limit of {limits.keys_per_event}"
        for name in (*attributes, *metrics):
            if not 1 <= len(name) <= limits.key_characters:
                yield (
                    f"The name {name!r} has {len(name)} characters, but must have 1 to "
                    f"{limits.key_characters}"
                )
        new = len(attributes.keys() - self.attribute_keys)
        if new and len(self.attribute_keys) + new > limits.attribute_keys:
            yield (
                f"{new} new attribute names exceed the {limits.attribute_keys} that an application "
                "may have"
            )


def _endpoint_faults(endpoint: Mapping[str, Any], limits: PutEventsLimits) -> Iterator[str]:
    size = _size(endpoint)
    if size > limits.endpoint_bytes:
        yield f"The endpoint has {size:,} bytes, over the limit of {limits.endpoint_bytes:,}"
    if "EffectiveDate" in endpoint:
        yield from _time_faults("EffectiveDate", endpoint["EffectiveDate"])
    channel = endpoint.get("ChannelType")
    if channel is not None and channel not in _CHANNEL_TYPES:
        yield f"ChannelType {channel!r} is not one of {', '.join(sorted(_CHANNEL_TYPES))}"
    for name, values in endpoint.get("User", {}).get("UserAttributes", {}).items():
        if not 1 <= len(name) <= limits.user_attribute_name_characters:
            yield (
                f"The user attribute name {name!r} has {len(name)} characters, but must have 1 to "
                f"{limits.user_attribute_name_characters}"
            )
        if len(values) > limits.user_attribute_values:
            yield (
                f"User attribute {name!r} has {len(values)} values, over the limit of "
                f"{limits.user_attribute_values}"
            )
        longest = max(map(len, values), default=0)
        if longest > limits.user_attribute_value_characters:
            yield (
                f"User attribute {name!r} has a value of {longest} characters, over the limit of "
                f"{limits.user_attribute_value_characters}"
            )


def _event_times(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Timestamp", event["Timestamp"]
    session = event.get("Session", {})
    for name in ("StartTimestamp", "StopTimestamp"):
        if name in session:
            yield f"Session.{name}", session[name]


def _time_faults(path: str, value: str) -> Iterator[str]:
    # The model calls these plain strings; its documentation says ISO 8601.
    if not _is_time(value):
        yield f"{path} must be ISO 8601 with a zone, like 2026-11-23T22:11:00.000Z, got {value!r}"


def _is_time(value: str) -> bool:
    try:
        return bool(_ISO_8601.fullmatch(value) and datetime.fromisoformat(value))
    except ValueError:
        return False


def _size(value: Mapping[str, Any]) -> int:
    """Return the number of bytes of ``value`` as boto3 writes it into a request."""
    return len(json.dumps(value))


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _items(value: object) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
