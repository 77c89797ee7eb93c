"""One JSON object a line on standard output, which Lambda takes to CloudWatch Logs as it is."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


def quiet_the_sdk() -> None:
    """Keep the SDK from logging answers, which hold the secret, at any log level."""
    for name in ("botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)


def emit(level: str, message: str, **fields: str) -> None:
    """Write one line. ``fields`` must never hold anything of a token or a secret.

    Args:
        level: ``WARN`` or ``ERROR``.
        message: Constant text to filter on.
        fields: Reasons.
    """
    line = {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "message": message,
        **fields,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
