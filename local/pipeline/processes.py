"""Helpers for the pipeline's child processes: environment, requests, termination."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Any, Final
from urllib.request import ProxyHandler, build_opener

STOP_SECONDS: Final = 3.0

# Environment variables that child processes inherit. AWS settings are left out, so that no process
# can reach an account.
INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")

# These requests stay on this machine, so they must bypass any proxy.
opener = build_opener(ProxyHandler({}))


def end(process: subprocess.Popen[Any]) -> None:
    """Terminate a process group's leader, then the rest of the group."""
    for order in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, order)
        except ProcessLookupError:  # the group has ended
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
