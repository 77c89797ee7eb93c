"""From a request's parameters to an event: the URL contract, in one place."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from gtm_events.errors import MalformedMessage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gtm_events.message import Parameters

# float() alone would also take "1_000", "infinity", "nan" and digits of other scripts.
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)

_MAX_AHEAD_MS: Final = 5 * 60 * 1000
_MAX_AGE_MS: Final = 7 * 24 * 60 * 60 * 1000

# GTM's cache buster says nothing about the event: ignored without being counted.
_CACHE_BUSTER: Final = "gtmcb"

IGNORED_PARAMETERS: Final = "ignored_parameters"
TRUNCATED_VALUES: Final = "truncated_values"
IGNORED_TIMESTAMPS: Final = "ignored_timestamps"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a destination takes of one event. ``None`` is no limit; lengths are in characters."""

    name_length: int | None = None
    value_length: int | None = None
    attributes_and_metrics: int | None = None
    user_attribute_name_length: int | None = None
    user_attribute_value_length: int | None = None
    user_attribute_values: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One event, ready for any destination.

    Attributes:
        id: The SQS message id. A redelivery carries the same one, so a destination that knows it
            can tell a repetition from a second event.
        endpoint_id: Endpoint the event belongs to.
        event_type: What happened.
        time: When, in epoch milliseconds.
        attributes: ``evat_…`` parameters.
        metrics: ``evmt_…`` parameters, finite.
        user_attributes: ``usat_…`` parameters, each a list of values.
        user_id: Who sent it, vouched for; empty if nobody does.
        counts: What was left out or cut on the way, by name, for the batch's log line.
    """

    id: str
    endpoint_id: str
    event_type: str
    time: int
    attributes: Mapping[str, str]
    metrics: Mapping[str, float]
    user_attributes: Mapping[str, list[str]]
    user_id: str = ""
    counts: Counter[str] = field(default_factory=Counter)


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
    draft = _Draft(limits)
    named = {"evat_": draft.attribute, "evmt_": draft.metric, "usat_": draft.user_attribute}
    own = {"event": "", "endpoint_id": ""}
    if accept_client_timestamp:
        own["timestamp"] = ""
    for parameter, value in parameters:
        if take := named.get(parameter[:5]):
            take(parameter[5:], value)
        elif parameter in own:
            own[parameter] = value
        elif parameter != _CACHE_BUSTER:
            draft.ignored += 1

    for parameter in ("event", "endpoint_id"):
        if not own[parameter]:
            raise MalformedMessage(f"the parameter {parameter} is missing or empty")
    draft.keep_first()
    counts = draft.counts()
    time = request_time
    if timestamp := own.get("timestamp"):
        client_time = _plausible_time(timestamp, request_time)
        if client_time is None:
            counts[IGNORED_TIMESTAMPS] = 1
        else:
            time = client_time
    return Event(
        id=event_id,
        endpoint_id=own["endpoint_id"],
        event_type=own["event"],
        time=time,
        attributes=draft.attributes,
        metrics=draft.metrics,
        user_attributes=draft.user_attributes,
        counts=counts,
    )


class _Draft:
    """An event's attributes, metrics and user attributes while they are read."""

    __slots__ = ("_limits", "attributes", "ignored", "metrics", "truncated", "user_attributes")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.attributes: dict[str, str] = {}
        self.metrics: dict[str, float] = {}
        self.user_attributes: dict[str, list[str]] = {}
        self.ignored = 0
        self.truncated = 0

    def attribute(self, name: str, value: str) -> None:
        if not name or not value or _longer(name, self._limits.name_length):
            self.ignored += 1
            return
        # API Gateway hands over the last of a repeated parameter; a form body works alike.
        self.ignored += name in self.attributes
        self.attributes[name] = self._cut(value, self._limits.value_length)

    def metric(self, name: str, value: str) -> None:
        number = _finite(value)
        if not name or number is None or _longer(name, self._limits.name_length):
            self.ignored += 1
            return
        self.ignored += name in self.metrics
        self.metrics[name] = number

    def user_attribute(self, name: str, value: str) -> None:
        limits = self._limits
        values = self.user_attributes.get(name, [])
        full = limits.user_attribute_values is not None and (
            len(values) >= limits.user_attribute_values
        )
        if not name or not value or full or _longer(name, limits.user_attribute_name_length):
            self.ignored += 1
            return
        values.append(self._cut(value, limits.user_attribute_value_length))
        self.user_attributes[name] = values

    def keep_first(self) -> None:
        """Drop the attributes and metrics that are too many, the last by name first."""
        limit = self._limits.attributes_and_metrics
        if limit is None or len(self.attributes) + len(self.metrics) <= limit:
            return
        kinds: tuple[dict[str, str], dict[str, float]] = (self.attributes, self.metrics)
        by_name = sorted((name, kind) for kind in (0, 1) for name in kinds[kind])
        for name, kind in by_name[limit:]:
            del kinds[kind][name]
            self.ignored += 1

    def counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        if self.ignored:
            counts[IGNORED_PARAMETERS] = self.ignored
        if self.truncated:
            counts[TRUNCATED_VALUES] = self.truncated
        return counts

    def _cut(self, value: str, length: int | None) -> str:
        if not _longer(value, length):
            return value
        self.truncated += 1
        return value[:length]


def iso8601(time: int) -> str:
    """Return epoch milliseconds as ISO 8601 in UTC, like ``2026-11-23T09:30:00.000Z``."""
    moment = datetime.fromtimestamp(time // 1000, UTC).replace(microsecond=time % 1000 * 1000)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _longer(text: str, limit: int | None) -> bool:
    return limit is not None and len(text) > limit


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
