"""Reads the function's log, and summarizes its lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BATCH: Final = "batch"
_NOTHING: Final = {0, None}
_FAILED: Final = ("error", "failure", "timeout")  # status in Lambda's own lines


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a log.

    Attributes:
        id: Its id in CloudWatch Logs.
        time: Its timestamp, in epoch milliseconds.
        text: Its text.
        fields: The members of its JSON object; empty if it is not JSON.
    """

    id: str
    time: int
    text: str
    fields: Mapping[str, Any]

    @property
    def is_batch(self) -> bool:
        """Whether it describes a batch."""
        return self.fields.get("message") == _BATCH

    @property
    def is_problem(self) -> bool:
        """Whether it reports an error."""
        return self.fields.get("level") in ("ERROR", "CRITICAL", "FATAL") or self.failure != ""

    @property
    def failure(self) -> str:
        """The error that ended an invocation, as Lambda reports it; empty if there is none."""
        fields = self.fields
        record = fields.get("record")
        if isinstance(record, dict) and record.get("status") in _FAILED:
            parts = (fields.get("type"), record["status"], record.get("errorType"))
        else:  # an exception that the function did not catch
            parts = (fields.get("errorType"), fields.get("errorMessage"), None)
        return ": ".join(str(part) for part in parts if part)

    def words(self) -> str:
        """Return a summary in one sentence."""
        if not self.is_batch:
            return str(self.fields.get("message") or self.failure or self.text).strip()
        fields = self.fields
        parts = [
            f"{fields.get('received', 0):,} messages"
            + (
                f" ({fields['events']:,} events)"
                if fields.get("events") not in (fields.get("received"), None)
                else ""
            )
        ]
        for name, word in (
            ("delivered", "delivered"),
            ("retried", "retried"),
            ("rejected", "rejected"),
            ("opted_out", "opted out"),
        ):
            if (number := fields.get(name)) not in _NOTHING:
                reasons = _by_number(fields.get(f"{name}_by_reason") or {})
                parts.append(f"{number:,} {word}" + (f" ({reasons})" if reasons else ""))
        if losses := _by_number(fields.get("losses_by_reason") or {}):
            parts.append(f"left out or cut: {losses}")
        if throttles := fields.get("throttles"):
            parts.append(f"throttled {throttles:,} times")
        parts.append(f"{fields.get('requests', 0):,} requests")
        parts.append(f"{fields.get('duration_ms', 0) / 1000:.1f} s")
        return ", ".join(parts) + "".join(f"; {it}" for it in fields.get("problems") or ())

    def when(self) -> str:
        """Return its time in UTC, such as ``11:06:40Z``."""
        return f"{datetime.fromtimestamp(self.time / 1000, UTC):%H:%M:%S}Z"


def _by_number(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda it: -it[1])
    return ", ".join(f"{name} {number:,}" for name, number in ordered)


def lines(
    logs: Any, group: str, since: int, until: int | None = None, pattern: str = ""
) -> Iterator[Line]:
    """Yield the lines of a log group, oldest first.

    Args:
        logs: A boto3 client.
        group: Name of the log group. One that does not exist has no lines.
        since: Start of the period, in epoch milliseconds.
        until: End of the period, in epoch milliseconds. Default: now.
        pattern: Filter pattern of CloudWatch Logs. Default: all lines.
    """
    more: dict[str, Any] = {} if until is None else {"endTime": until}
    if pattern:
        more["filterPattern"] = pattern
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=since, **more
    )
    try:
        for page in pages:
            for event in page["events"]:
                yield _line(event)
    except ClientError as error:
        if error.response["Error"].get("Code") != "ResourceNotFoundException":
            raise


def _line(event: Mapping[str, Any]) -> Line:
    text = event["message"].rstrip("\n")
    try:
        fields = json.loads(text)
    except ValueError:
        fields = {}
    return Line(
        str(event.get("eventId", "")) or f"{event['timestamp']} {text}",
        event["timestamp"],
        text,
        fields if isinstance(fields, dict) else {},
    )
