"""Helpers for the pipeline's child processes: their environment, requests to them, their end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Any, Final
from urllib.request import ProxyHandler, build_opener

STOP_SECONDS: Final = 3.0

# Variables that child processes inherit. AWS settings are left out, so that nothing here reaches an
# account.
INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")

# These requests stay on this machine, so they must bypass any proxy.
opener = build_opener(ProxyHandler({}))


def end(process: subprocess.Popen[Any]) -> None:
    """End a process that leads a group, then the rest of the group."""
    for order in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, order)
        except ProcessLookupError:  # nobody left
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
