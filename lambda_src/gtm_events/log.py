"""Writes the log: one JSON object per line on standard output, which goes to CloudWatch Logs."""

from __future__ import annotations

import json
import logging
import sys
import threading
import warnings
from datetime import UTC, datetime
from typing import Any


def silence_other_output() -> None:
    """Silence everything but :func:`emit`, at any log level.

    The SDK logs requests and answers, which hold customer data. Warnings and uncaught exceptions
    may quote them.
    """
    for name in ("botocore", "boto3", "urllib3"):
        logger = logging.getLogger(name)
        logger.propagate = False  # also stops its children's records, whatever their level
        logger.handlers[:] = [logging.NullHandler()]
        logger.setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    threading.excepthook = _log_thread_exception
    sys.unraisablehook = _log_unraisable


def _log_thread_exception(uncaught: threading.ExceptHookArgs) -> None:
    emit("ERROR", "defect in a thread", type=uncaught.exc_type.__name__)


def _log_unraisable(uncaught: sys.UnraisableHookArgs) -> None:
    emit("ERROR", "defect while cleaning up", type=uncaught.exc_type.__name__)


def emit(level: str, message: str, **fields: Any) -> None:
    """Write one line. ``fields`` must never hold data of an event.

    Args:
        level: ``INFO``, ``WARN``, or ``ERROR``.
        message: Constant text to filter on.
        fields: Numbers and reasons.
    """
    line = {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "message": message,
        **fields,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
