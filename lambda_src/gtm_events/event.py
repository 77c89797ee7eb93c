"""From a request's parameters to an event: the URL contract, in one place."""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from gtm_events.errors import MalformedMessage

if TYPE_CHECKING:
    from gtm_events.urlencoded import Parameters

# float() alone would also take "1_000", "infinity", "nan" and digits of other scripts.
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)

_MAX_AHEAD_MS: Final = 5 * 60 * 1000
_MAX_AGE_MS: Final = 7 * 24 * 60 * 60 * 1000

# GTM's cache buster says nothing about the event: ignored without being counted.
_CACHE_BUSTER: Final = "gtmcb"

IGNORED_PARAMETERS: Final = "ignored_parameters"
TRUNCATED_VALUES: Final = "truncated_values"
DENIED_USER_ATTRIBUTES: Final = "denied_user_attributes"
IGNORED_TIMESTAMPS: Final = "ignored_timestamps"

COUNTED: Final = (
    IGNORED_PARAMETERS,
    TRUNCATED_VALUES,
    DENIED_USER_ATTRIBUTES,
    IGNORED_TIMESTAMPS,
)
"""What is counted of what events lose on the way."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a destination takes of one event, by default everything; lengths are in characters."""

    name_length: int = sys.maxsize
    value_length: int = sys.maxsize
    attributes_and_metrics: int = sys.maxsize
    user_attribute_name_length: int = sys.maxsize
    user_attribute_value_length: int = sys.maxsize
    user_attribute_values: int = sys.maxsize


@dataclass(slots=True)  # not frozen: there is one for every message, and that costs
class Event:
    """One event, ready for any destination.

    Attributes:
        id: Named after the request, so that it is the same at each destination and whenever it
            comes again: a destination that knows it can tell a repetition from a second event.
        endpoint_id: Endpoint the event belongs to.
        event_type: What happened.
        time: When, in epoch milliseconds.
        attributes: ``evat_…`` parameters.
        metrics: ``evmt_…`` parameters, finite.
        user_attributes: ``usat_…`` parameters, each a list of values.
        user_id: Who sent it, vouched for; empty if nobody does.
        ignored_parameters: How many parameters were left out.
        truncated_values: How many values were cut.
        ignored_timestamps: 1 if the tag's own time was not plausible.
        denied_user_attributes: How many user attributes may not be changed.
    """

    id: str
    endpoint_id: str
    event_type: str
    time: int
    attributes: dict[str, str]
    metrics: dict[str, float]
    user_attributes: dict[str, list[str]]
    user_id: str = ""
    ignored_parameters: int = 0
    truncated_values: int = 0
    ignored_timestamps: int = 0
    denied_user_attributes: int = 0

    @property
    def counts(self) -> Counter[str]:
        """What was left out or cut on the way, by name."""
        counts: Counter[str] = Counter()
        self.add_counts(counts)
        return counts

    def add_counts(self, counts: Counter[str]) -> None:
        """Add what was left out or cut on the way to ``counts``, by name."""
        if self.ignored_parameters:
            counts[IGNORED_PARAMETERS] += self.ignored_parameters
        if self.truncated_values:
            counts[TRUNCATED_VALUES] += self.truncated_values
        if self.denied_user_attributes:
            counts[DENIED_USER_ATTRIBUTES] += self.denied_user_attributes
        if self.ignored_timestamps:
            counts[IGNORED_TIMESTAMPS] += self.ignored_timestamps


def interpret(
    parameters: Parameters,
    *,
    event_id: str,
    request_time: int,
    limits: Limits,
    accept_client_timestamp: bool,
) -> Event:
    """Turn what a tag sent into an event.

    What cannot be used is left out and counted; the event itself always goes through.

    Args:
        parameters: Names and values, decoded.
        event_id: The event's id for the destination.
        request_time: When API Gateway received them, in epoch milliseconds.
        limits: What the destination takes.
        accept_client_timestamp: Whether a plausible ``timestamp`` becomes the event's time.

    Raises:
        MalformedMessage: ``event`` or ``endpoint_id`` is missing or empty. API Gateway refuses such
            queries, and such JSON bodies, at the door.
    """
    event = Event(event_id, "", "", request_time, {}, {}, {})
    own = {"event": "", "endpoint_id": ""}
    if accept_client_timestamp:
        own["timestamp"] = ""
    for parameter, value in parameters:
        if take := _TAKE.get(parameter[:5]):
            take(event, limits, parameter[5:], value)
        elif parameter in own:
            own[parameter] = value
        elif parameter != _CACHE_BUSTER:
            event.ignored_parameters += 1

    for parameter in ("event", "endpoint_id"):
        if not own[parameter]:
            raise MalformedMessage(f"the parameter {parameter} is missing or empty")
    event.event_type = own["event"]
    event.endpoint_id = own["endpoint_id"]
    _keep_first(event, limits.attributes_and_metrics)
    if timestamp := own.get("timestamp"):
        client_time = _plausible_time(timestamp, request_time)
        if client_time is None:
            event.ignored_timestamps = 1
        else:
            event.time = client_time
    return event


def _take_attribute(event: Event, limits: Limits, name: str, value: str) -> None:
    if not name or not value or len(name) > limits.name_length:
        event.ignored_parameters += 1
        return
    attributes = event.attributes
    if name in attributes:
        # API Gateway hands over the last of a repeated parameter; a form body works alike.
        event.ignored_parameters += 1
    if len(value) > limits.value_length:
        value = value[: limits.value_length]
        event.truncated_values += 1
    attributes[name] = value


def _take_metric(event: Event, limits: Limits, name: str, value: str) -> None:
    number = _finite(value)
    if not name or number is None or len(name) > limits.name_length:
        event.ignored_parameters += 1
        return
    metrics = event.metrics
    if name in metrics:
        event.ignored_parameters += 1
    metrics[name] = number


def _take_user_attribute(event: Event, limits: Limits, name: str, value: str) -> None:
    values = event.user_attributes.get(name, [])
    if (
        not name
        or not value
        or len(values) >= limits.user_attribute_values
        or len(name) > limits.user_attribute_name_length
    ):
        event.ignored_parameters += 1
        return
    if len(value) > limits.user_attribute_value_length:
        value = value[: limits.user_attribute_value_length]
        event.truncated_values += 1
    values.append(value)
    event.user_attributes[name] = values


_TAKE: Final = {
    "evat_": _take_attribute,
    "evmt_": _take_metric,
    "usat_": _take_user_attribute,
}


def _keep_first(event: Event, limit: int) -> None:
    """Drop the attributes and metrics that are too many, the last by name first."""
    if len(event.attributes) + len(event.metrics) <= limit:
        return
    kinds: tuple[dict[str, str], dict[str, float]] = (event.attributes, event.metrics)
    by_name = sorted((name, kind) for kind in (0, 1) for name in kinds[kind])
    for name, kind in by_name[limit:]:
        del kinds[kind][name]
        event.ignored_parameters += 1


def iso8601(time: int) -> str:
    """Return epoch milliseconds as ISO 8601 in UTC, like ``2026-11-23T09:30:00.000Z``."""
    seconds, milliseconds = divmod(time, 1000)
    return f"{_iso8601_second(seconds)}.{milliseconds:03}Z"


@lru_cache(maxsize=1024)  # the events of a batch are a few seconds' worth
def _iso8601_second(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _finite(value: str) -> float | None:
    value = value.strip(" ")  # "+5" in a query is " 5"
    if not _NUMBER.fullmatch(value):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _plausible_time(timestamp: str, request_time: int) -> int | None:
    """Return ``timestamp`` in epoch milliseconds, or ``None`` if it cannot be when it happened."""
    if timestamp.isascii() and timestamp.isdigit():
        # A longer run of digits is no time, and int() refuses more than 4,300 of them.
        time = int(timestamp[:20])
    else:
        try:
            moment = datetime.fromisoformat(timestamp)
        except ValueError:
            return None
        if moment.tzinfo is None:  # some clock's local time: nobody knows whose
            return None
        time = round(moment.timestamp() * 1000)
    if request_time - _MAX_AGE_MS <= time <= request_time + _MAX_AHEAD_MS:
        return time
    return None
