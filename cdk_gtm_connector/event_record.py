"""The JSON Schema of what Kinesis, Firehose and EventBridge get: for tests of what reads it.

It needs no ``aws_cdk``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_NAME: Final = "event-record.schema.json"


def schema_path() -> Path:
    """Return where the schema of the event record is, as JSON Schema (draft 2020-12).

    ``docs/event-record.md`` of the source distribution is its description.
    """
    package = Path(__file__).parent
    installed = package / _NAME
    return installed if installed.exists() else package.parent / "docs" / _NAME
