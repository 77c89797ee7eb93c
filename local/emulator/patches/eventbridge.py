"""Patches of EventBridge."""

# Replacing private functions is what this package is for, and MiniStack has no types.
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import contextvars
import json
from typing import TYPE_CHECKING, Any, Final

from ministack.services import eventbridge

from local.emulator.patches.patch import patch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MAX_ENTRIES: Final = 10  # of a PutEvents request
_entry_time: contextvars.ContextVar[float | None] = contextvars.ContextVar(
    "entry_time", default=None
)


@patch(
    eventbridge,
    "_now_ts",
    "() -> float",
    aws="An event has the time of its entry.",
    needless="MiniStack gives an event the Time of its entry.",
)
def of_the_entry(now: Callable[[], float]) -> Callable[[], float]:
    """Wrap EventBridge's clock to return an entry's own time while MiniStack handles that entry."""

    def now_or_then() -> float:
        then = _entry_time.get()
        return now() if then is None else then

    return now_or_then


@patch(
    eventbridge,
    "_put_events",
    "(data, allow_aws_source=False)",
    aws="An event has the time of its entry.",
    needless="MiniStack gives an event the Time of its entry.",
)
def one_by_one(put: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap PutEvents to handle entries one by one, each at its own time."""

    def put_events(data: Mapping[str, Any], allow_aws_source: bool = False) -> Any:  # noqa: FBT001, FBT002
        entries = data.get("Entries", [])
        if len(entries) > _MAX_ENTRIES:
            return put(data, allow_aws_source)
        results: list[Any] = []
        failed = 0
        headers: Mapping[str, str] = {}
        for entry in entries:
            token = _entry_time.set(entry.get("Time"))
            try:
                _, headers, body = put({**data, "Entries": [entry]}, allow_aws_source)
            finally:
                _entry_time.reset(token)
            answer = json.loads(body)
            results += answer["Entries"]
            failed += answer["FailedEntryCount"]
        return 200, headers, json.dumps({"FailedEntryCount": failed, "Entries": results}).encode()

    return put_events
