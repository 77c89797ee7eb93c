"""Writes the questions into ``docs/verify.md``: ``python -m cdk_gtm_connector_cli.verify.page``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cdk_gtm_connector_cli.verify.catalog import document

PAGE: Final = Path(__file__).parents[2] / "docs" / "verify.md"
"""The page, in a checkout."""

if __name__ == "__main__":
    PAGE.write_text(document(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
