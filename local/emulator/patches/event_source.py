"""Patches of Lambda's event source for SQS."""

# Replacing private functions is what this package is for, and MiniStack has no types.
# ruff: noqa: SLF001
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

from ministack.core.concurrency import esm_wake
from ministack.services import lambda_svc, sqs

from local.emulator.patches.patch import patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_MAX_PAYLOAD_BYTES: Final = 6 * 1024 * 1024  # Lambda's limit for an invocation's event
# A record of MiniStack without its body. On AWS it is larger, because of the receipt handle.
_RECORD_OVERHEAD_BYTES: Final = 520


@patch(
    sqs,
    "_receive_messages_for_esm",
    "(queue_url: str, max_number: int) -> list[dict]",
    aws="An event source waits for MaximumBatchingWindowInSeconds, takes more than 10 messages, "
    "and cuts a batch at Lambda's 6 MB.",
    needless="MiniStack's event source takes a batch of 11 messages after its batching window.",
    uses={
        (lambda_svc, "_iter_all_esms"): "()",
        (sqs, "_get_q"): "(url: str, action: str | None = None) -> dict",
        (sqs, "_collect_msgs"): "(q: dict, max_n: int, vis_timeout: int) -> list",
        (sqs, "_dlq_sweep"): "(q: dict) -> None",
        (sqs, "_expire_retained"): "(q: dict) -> None",
    },
)
def gathering(_receive: Callable[..., Any]) -> Callable[..., Any]:
    """Replace the receiving of a batch, because MiniStack's takes at most 10 messages."""
    return BatchingWindow().receive


class BatchingWindow:
    """An event source that gathers a queue's messages as AWS does.

    A batch is due when the window since its first message has passed, when the batch size is
    reached, or when the next message would exceed Lambda's 6 MB. Only MiniStack's polling thread
    uses this object.
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def receive(self, queue_url: str, max_number: int) -> list[dict[str, Any]]:
        """Return the batch that is due, or an empty list."""
        with sqs._queues_lock:
            queue = sqs._get_q(queue_url)
            sqs._expire_retained(queue)
            sqs._dlq_sweep(queue)
            now = time.time()
            count, full = _fill(queue["messages"], max_number, now)
            if count == 0:
                self._due.pop(queue_url, None)
                return []
            if not full and self._remaining(queue_url, queue, now) > 0:
                return []
            self._due.pop(queue_url, None)
            visibility_timeout = int(queue["attributes"].get("VisibilityTimeout", "30"))
            batch: list[dict[str, Any]] = sqs._collect_msgs(queue, count, visibility_timeout)
            return batch

    def _remaining(self, queue_url: str, queue: Mapping[str, Any], now: float) -> float:
        """Return the seconds until the window closes. Open it, with a timer, if necessary."""
        window = _batching_window(queue["attributes"]["QueueArn"])
        if queue_url not in self._due:
            self._due[queue_url] = now + window
            alarm = threading.Timer(window, esm_wake.set)
            alarm.daemon = True
            alarm.start()
        return self._due[queue_url] - now


def _batching_window(queue_arn: str) -> float:
    """Return the shortest batching window in seconds of the mappings that read the queue."""
    return min(
        (
            float(mapping.get("MaximumBatchingWindowInSeconds") or 0)
            for _, _, mapping in lambda_svc._iter_all_esms()
            if mapping.get("EventSourceArn") == queue_arn
        ),
        default=0.0,
    )


def _fill(messages: Iterable[Mapping[str, Any]], max_number: int, now: float) -> tuple[int, bool]:
    """Return how many of the visible messages fit into a batch, and whether they fill it."""
    count = size = 0
    for message in messages:
        if message["visible_at"] > now:
            continue
        size += len(message["body"].encode()) + _RECORD_OVERHEAD_BYTES
        if size > _MAX_PAYLOAD_BYTES:
            return count, True
        count += 1
        if count == max_number:
            return count, True
    return count, False
