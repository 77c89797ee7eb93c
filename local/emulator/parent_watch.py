"""A watch that ends the emulator when its parent ends."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from typing import Final

_SHUTDOWN_SECONDS: Final = 3.0


class ParentWatch:
    """A watch that stops this process when its standard input, held by the parent, closes."""

    def __init__(self, run_directory: str | None) -> None:
        self._run_directory = run_directory
        self._orphaned = False

    def start(self) -> None:
        """Start watching in a thread."""
        threading.Thread(target=self._watch, name="parent-watch", daemon=True).start()

    def tidy_up(self) -> None:
        """Remove the run's directory if the parent can no longer do it."""
        if self._orphaned and self._run_directory:
            shutil.rmtree(self._run_directory, ignore_errors=True)

    def _watch(self) -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        self._orphaned = True
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_SHUTDOWN_SECONDS)
        self.tidy_up()
        if os.getpgrp() == os.getpid():  # the parent started this process as a group's leader
            os.killpg(os.getpid(), signal.SIGKILL)
