"""Child processes of the pipeline: their environment, requests to them, and their end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Any, Final
from urllib.request import ProxyHandler, build_opener

STOP_SECONDS: Final = 3.0

# Variables of this process that its children get. No AWS settings are among them, so that nothing
# here reaches an account.
INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")

# On the local machine only: a proxy for the world outside must not see these requests.
opener = build_opener(ProxyHandler({}))


def end(process: subprocess.Popen[Any]) -> None:
    """End a process that leads a group, and then whatever is left of the group."""
    for order in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, order)
        except ProcessLookupError:  # nobody left
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
