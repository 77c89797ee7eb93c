"""The JSON Schema of the event records that Kinesis, Firehose and EventBridge receive."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_NAME: Final = "event-record.schema.json"


def schema_path() -> Path:
    """Return the path of the event record's JSON Schema (draft 2020-12).

    ``docs/event-record.md`` in the source distribution describes it. This module does not import
    ``aws_cdk``.
    """
    package = Path(__file__).parent
    installed = package / _NAME
    return installed if installed.exists() else package.parent / "docs" / _NAME
