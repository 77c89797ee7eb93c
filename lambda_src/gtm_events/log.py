"""One JSON object a line on standard output, which Lambda takes to CloudWatch Logs as it is."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any


def quiet_the_sdk() -> None:
    """Keep the SDK from logging requests, which hold customer data, at any log level."""
    for name in ("botocore", "boto3", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)


def emit(level: str, message: str, **fields: Any) -> None:
    """Write one line. ``fields`` must never hold anything of an event.

    Args:
        level: ``INFO``, ``WARN`` or ``ERROR``.
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
