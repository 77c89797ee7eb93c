"""The templates of the newest release, which an update of this library changes in users' accounts.

``released_templates.json.xz`` has them, so that a clone without history can compare. They are from
commit e4aa082; the next release updates them with ``python -m tests.infrastructure.released``.
"""

from __future__ import annotations

import json
import lzma
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk

from stacks.connector_stack import ConnectorStack
from stacks.settings import Settings
from tests.infrastructure.options import DESTINATIONS, OPTIONS, SETTINGS
from tests.infrastructure.synthesis import APPLICATION_ID, Template, synthesize

_FILE: Final = Path(__file__).with_name("released_templates.json.xz")


@cache
def released_templates() -> dict[str, dict[str, Any]]:
    """Return the templates by their option sets' names."""
    templates: dict[str, dict[str, Any]] = json.loads(lzma.decompress(_FILE.read_bytes()))
    return templates


def _synthesize_all(outdir: Path) -> dict[str, Template]:
    templates = synthesize(outdir / "options", {**OPTIONS, **DESTINATIONS})
    for name, context in SETTINGS.items():
        app = cdk.App(
            outdir=str(outdir / name), context={"pinpoint_app_id": APPLICATION_ID, **context}
        )
        ConnectorStack(app, "GtmConnector", settings=Settings.from_context(app.node))
        app.synth(skip_validation=True)
        templates[name] = Template.read(outdir / name, "GtmConnector")
    return templates


def _write() -> None:
    with tempfile.TemporaryDirectory() as outdir:
        documents = {
            name: template.document for name, template in _synthesize_all(Path(outdir)).items()
        }
    text = json.dumps(documents, sort_keys=True, separators=(",", ":"))
    _FILE.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    _write()
