"""Patches of a Lambda function's log."""

# Replacing private functions is what this package is for, and MiniStack has no types.
# ruff: noqa: SLF001
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import array
import fcntl
import termios
import time
from typing import TYPE_CHECKING, Any, Final

from ministack.core import lambda_runtime

from local.emulator.patches.patch import patch

if TYPE_CHECKING:
    from collections.abc import Callable

# The thread that reads the pipe runs in each of these pauses, so a line that it has read is in the
# queue after them. Counting pauses, not seconds, holds on a busy machine too.
_PAUSES: Final = 10
_PAUSE_SECONDS: Final = 0.001
_MAX_SECONDS: Final = 5  # for a function that never stops writing


@patch(
    lambda_runtime.Worker,
    "_drain_stderr_bounded",
    "(self, first_line_wait: float = 0.05, idle_confirm: float = 0.005, hard_cap: float = 0.25) "
    "-> str",
    aws="The log of an invocation has all its lines.",
    needless="MiniStack returns a line that its reading thread queues after 100 ms.",
    uses={(lambda_runtime.Worker, "_drain_stderr"): "(self) -> str"},
)
def reading_to_the_end(_drain: Callable[..., Any]) -> Callable[..., Any]:
    """Replace the reading of an invocation's log, which gives up after 50 ms.

    On a busy machine, the line then appeared only with the next invocation.
    """

    def drain(worker: Any, *_: float) -> str:
        deadline = time.monotonic() + _MAX_SECONDS
        pauses = 0
        while pauses < _PAUSES and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
            pauses = 0 if _has_unread(worker) else pauses + 1
        log: str = worker._drain_stderr()
        return log

    return drain


def _has_unread(worker: Any) -> bool:
    """Return whether the function wrote something that the reading thread has not read."""
    stream = worker._proc and worker._proc.stderr
    if stream is None or stream.closed:
        return False
    size = array.array("i", [0])
    fcntl.ioctl(stream.fileno(), termios.FIONREAD, size)
    return size[0] > 0
