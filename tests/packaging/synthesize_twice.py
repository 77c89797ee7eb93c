"""Synthesize ``app.py`` of the working directory, run the function's code, synthesize again.

Runs in the environment under test, with ``CDK_OUTDIR`` set. Prints JSON.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk

import cdk_gtm_connector
from cdk_gtm_connector.lambda_asset import source_root


def synthesize() -> Any:
    """Return the template of the one stack in ``app.py``."""
    cdk.AssetStaging.clear_asset_hash_cache()  # an app's own process would find it empty
    runpy.run_path("app.py")
    (template,) = Path(os.environ["CDK_OUTDIR"]).glob("*.template.json")
    return json.loads(template.read_text(encoding="utf-8"))


def run_function() -> None:
    """Import the function as Lambda does, which leaves compiled files beside the source."""
    environment = {**os.environ, "PYTHONPATH": str(source_root())}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", "import gtm_events.handler"]
    subprocess.run(command, env=environment, check=True)  # noqa: S603 - itself
    if not list(source_root().rglob("*.pyc")):
        sys.exit("running the function left no compiled files: the comparison would show nothing")


first = synthesize()
run_function()
json.dump(
    {
        "library": cdk_gtm_connector.__file__,
        "template": first,
        "template_after_running": synthesize(),
    },
    sys.stdout,
)
