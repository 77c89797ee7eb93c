"""The URL contract: turns the parameters of a request into an event."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from gtm_events.errors import MalformedMessage, UnsetParameter
from gtm_events.losses import Loss

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from gtm_events.losses import RecordLoss

# Epoch seconds or milliseconds. A longer run of digits is not a time.
_EPOCH: Final = re.compile(r"\d{1,20}(?:\.\d{1,20})?", re.ASCII)
# An unescaped "+" in a query is a space: 2026-11-23T10:00:00 01:00.
_ZONE_AFTER_SPACE: Final = re.compile(r"([^ ]+[Tt ][^ ]+) (\d\d(?::?\d\d)?)", re.ASCII)

_MAX_AHEAD_MS: Final = 5 * 60 * 1000
_MAX_AGE_MS: Final = 7 * 24 * 60 * 60 * 1000

# GTM's cache buster carries no data, so it is not counted as an ignored parameter.
_CACHE_BUSTER: Final = "gtmcb"

_WHY_UNKNOWN: Final = {"timestamp": Loss.TIMESTAMP_NOT_ACCEPTED}


@dataclass(frozen=True, slots=True)
class Limits:
    """A destination's limits for one event. Default: unlimited. Lengths are in characters."""

    name_length: int = sys.maxsize
    value_length: int = sys.maxsize
    attributes_and_metrics: int = sys.maxsize
    user_attribute_name_length: int = sys.maxsize
    user_attribute_value_length: int = sys.maxsize
    user_attribute_values: int = sys.maxsize


@dataclass(slots=True)  # frozen would cost time for every message
class Event:
    """One event, ready for any destination.

    Attributes:
        id: Id made from the request id. It is the same at each destination and in each redelivery,
            so destinations can recognize repeated events.
        endpoint_id: Endpoint that the event belongs to: a customer or visitor.
        event_type: Type of the event.
        time: Time of the event, in epoch milliseconds.
        attributes: ``evat_…`` parameters.
        metrics: ``evmt_…`` parameters; finite numbers.
        user_attributes: ``usat_…`` parameters; each has a list of values.
        user_id: Verified id of the sender; empty for an anonymous sender.
    """

    id: str
    endpoint_id: str
    event_type: str
    time: int
    attributes: dict[str, str]
    metrics: dict[str, float]
    user_attributes: dict[str, list[str]]
    user_id: str = ""

    @property
    def access(self) -> str:
        """``authenticated`` if the sender's id is verified, else ``anonymous``."""
        return "authenticated" if self.user_id else "anonymous"


def interpret(
    parameters: Iterable[tuple[str, str]],
    *,
    event_id: str,
    request_time: int,
    limits: Limits,
    accept_client_timestamp: bool,
    unset_values: Collection[str],
    record_loss: RecordLoss,
) -> Event:
    """Return the event that a tag's parameters describe.

    Unusable parameters are dropped and reported to ``record_loss``; they never stop the event.

    Args:
        parameters: Decoded names and values.
        event_id: Id of the event.
        request_time: When API Gateway received the request, in epoch milliseconds.
        limits: The destination's limits.
        accept_client_timestamp: Whether a plausible ``timestamp`` becomes the event's time.
        unset_values: Words that stand for no value when they are a whole value.
        record_loss: Called for each loss, with the name of its parameter.

    Raises:
        UnsetParameter: ``event`` or ``endpoint_id`` is one of ``unset_values``, or white space.
        MalformedMessage: ``event`` or ``endpoint_id`` is missing or empty. API Gateway itself
            refuses such a request, unless the parameters are in its body.
    """
    event = Event(event_id, "", "", request_time, {}, {}, {})
    own: dict[str, str | None] = {"event": None, "endpoint_id": None}
    if accept_client_timestamp:
        own["timestamp"] = None
    for parameter, value in parameters:
        if take := _TAKE.get(parameter[:5]):
            if value in unset_values:
                record_loss(Loss.UNSET, parameter)
            else:
                take(event, limits, parameter, value, record_loss)
        elif parameter in own:
            if own[parameter] is not None:
                record_loss(Loss.REPEATED, parameter)
            own[parameter] = value
        elif parameter != _CACHE_BUSTER:
            record_loss(_WHY_UNKNOWN.get(parameter, Loss.UNKNOWN_PARAMETER), parameter)

    event.event_type = _required("event", own["event"], unset_values)
    event.endpoint_id = _required("endpoint_id", own["endpoint_id"], unset_values)
    _keep_first(event, limits.attributes_and_metrics, record_loss)
    timestamp = own.get("timestamp")
    if timestamp is not None:
        _take_timestamp(event, timestamp, unset_values, record_loss)
    return event


def _required(parameter: str, value: str | None, unset_values: Collection[str]) -> str:
    """Return the value of a required parameter.

    Raises:
        UnsetParameter: It is a word for no value, or white space.
        MalformedMessage: It is missing or empty.
    """
    if not value:
        raise MalformedMessage(f"the parameter {parameter} is missing or empty")
    if value in unset_values:
        # The word comes from the owner's list, so the text quotes no event data.
        raise UnsetParameter(f"the parameter {parameter} is the word {value}: it has no value")
    if value.isspace():
        raise UnsetParameter(f"the parameter {parameter} is white space: it has no value")
    return value


def _take_attribute(
    event: Event, limits: Limits, parameter: str, value: str, record_loss: RecordLoss
) -> None:
    name = parameter[5:]
    if not name or not value or len(name) > limits.name_length:
        record_loss(_why_unusable(name, value), parameter)
        return
    attributes = event.attributes
    if name in attributes:
        # API Gateway keeps the last value of a repeated query parameter. Bodies are treated alike.
        record_loss(Loss.REPEATED, parameter)
    if len(value) > limits.value_length:
        value = value[: limits.value_length]
        record_loss(Loss.VALUE_TOO_LONG, parameter)
    attributes[name] = value


def _take_metric(
    event: Event, limits: Limits, parameter: str, value: str, record_loss: RecordLoss
) -> None:
    name = parameter[5:]
    if not name or not value or len(name) > limits.name_length:
        record_loss(_why_unusable(name, value), parameter)
        return
    number = _finite(value)
    if number is None:
        record_loss(Loss.NOT_A_NUMBER, parameter)
        return
    metrics = event.metrics
    if name in metrics:
        record_loss(Loss.REPEATED, parameter)
    metrics[name] = number


def _take_user_attribute(
    event: Event, limits: Limits, parameter: str, value: str, record_loss: RecordLoss
) -> None:
    name = parameter[5:]
    if not name or not value or len(name) > limits.user_attribute_name_length:
        record_loss(_why_unusable(name, value), parameter)
        return
    values = event.user_attributes.setdefault(name, [])
    if len(values) >= limits.user_attribute_values:
        record_loss(Loss.TOO_MANY_VALUES, parameter)
        return
    if len(value) > limits.user_attribute_value_length:
        value = value[: limits.user_attribute_value_length]
        record_loss(Loss.VALUE_TOO_LONG, parameter)
    values.append(value)


_TAKE: Final = {
    "evat_": _take_attribute,
    "evmt_": _take_metric,
    "usat_": _take_user_attribute,
}


def _why_unusable(name: str, value: str) -> Loss:
    """Return why a parameter with this name and value cannot be used."""
    if not name:
        return Loss.EMPTY_NAME
    return Loss.NAME_TOO_LONG if value else Loss.EMPTY_VALUE


def _keep_first(event: Event, limit: int, record_loss: RecordLoss) -> None:
    """Drop attributes and metrics beyond the limit, starting with the last by name."""
    if len(event.attributes) + len(event.metrics) <= limit:
        return
    kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("evat_", event.attributes),
        ("evmt_", event.metrics),
    )
    by_name = sorted((name, kind) for kind, (_, values) in enumerate(kinds) for name in values)
    for name, kind in by_name[limit:]:
        prefix, values = kinds[kind]
        del values[name]
        record_loss(Loss.TOO_MANY_PARAMETERS, prefix + name)


def iso8601(time: int) -> str:
    """Return epoch milliseconds as ISO 8601 in UTC, such as ``2026-11-23T09:30:00.000Z``."""
    seconds, milliseconds = divmod(time, 1000)
    return f"{_iso8601_second(seconds)}.{milliseconds:03}Z"


@lru_cache(maxsize=1024)  # a batch spans a few seconds
def _iso8601_second(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _finite(value: str) -> float | None:
    """Return a metric's value, ignoring white space around it: "+5" in a query becomes " 5".

    Unlike ``float()``, reject ``1_000``, ``infinity``, ``nan`` and digits of other scripts.
    """
    try:
        number = float(value)
    except ValueError:
        return None
    if "_" in value or not math.isfinite(number):
        return None
    return number if value.isascii() or value.strip().isascii() else None


def _take_timestamp(
    event: Event, timestamp: str, unset_values: Collection[str], record_loss: RecordLoss
) -> None:
    """Set the event's time to the tag's timestamp if that is plausible."""
    if not timestamp or timestamp in unset_values:
        record_loss(Loss.UNSET if timestamp else Loss.EMPTY_VALUE, "timestamp")
        return
    request_time = event.time
    times = list(_times(timestamp.strip()))
    for time in times:
        if request_time - _MAX_AGE_MS <= time <= request_time + _MAX_AHEAD_MS:
            event.time = time
            return
    record_loss(Loss.IMPLAUSIBLE_TIME if times else Loss.NOT_A_TIME, "timestamp")


def _times(timestamp: str) -> Iterator[int]:
    """Yield the possible meanings of ``timestamp``, in epoch milliseconds.

    A number may be milliseconds or seconds. No number is plausible as both.
    """
    if _EPOCH.fullmatch(timestamp):
        yield round(float(timestamp))
        yield round(float(timestamp) * 1000)
        return
    if match := _ZONE_AFTER_SPACE.fullmatch(timestamp):
        timestamp = "+".join(match.groups())
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        return
    if moment.tzinfo is not None:  # local time of an unknown zone is unusable
        yield round(moment.timestamp() * 1000)
