"""Write the stacks' templates into the repository: ``python -m integ.snapshots``."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk

from integ.stacks import add_stacks

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER: Final = Path(__file__).parent / "snapshots"

_ASSET: Final = re.compile(r"\b[0-9a-f]{64}\b")


def templates() -> dict[str, Any]:
    """Return the templates by the stacks' names, without the assets' hashes.

    The hashes change with each line of the functions' code, and need no snapshot.
    """
    with tempfile.TemporaryDirectory() as directory:
        app = cdk.App(outdir=directory, analytics_reporting=False)
        add_stacks(app)
        assembly = app.synth()
        return {
            stack.stack_name: json.loads(_ASSET.sub("asset", json.dumps(stack.template)))
            for stack in assembly.stacks
        }


def text_of(template: Mapping[str, Any]) -> str:
    """Return a template as the text of its file."""
    return json.dumps(template, indent=1, sort_keys=True) + "\n"


def file_of(stack: str) -> Path:
    """Return the file of a stack's template."""
    return FOLDER / f"{stack}.template.json"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, template in templates().items():
        file_of(name).write_text(text_of(template), encoding="utf-8")
