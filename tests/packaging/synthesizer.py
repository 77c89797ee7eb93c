"""Synthesize apps, one after another, each with the copy of the library that it wants.

Runs in the environment under test. It reads jobs and writes answers, both a line of JSON each. One
process does them all, because each would start a Node of its own, and that takes longest.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any, TypedDict

import aws_cdk as cdk


class Job(TypedDict):
    """An app to synthesize.

    Attributes:
        app: Its file. Its directory is the working directory.
        outdir: Where the cloud assembly goes.
        context: Its context.
        library: Directory that the library is imported from; empty for the environment's own.
        function: Whether to run the function's code first, which leaves compiled files.
    """

    app: str
    outdir: str
    context: dict[str, Any]
    library: str
    function: bool


def work(job: Job) -> dict[str, Any]:
    """Do a job; return the file of the library that did it."""
    for name in [*sys.modules]:
        if name.partition(".")[0] == "cdk_gtm_connector":
            del sys.modules[name]
    importlib.invalidate_caches()
    path, home, made = sys.path[:], Path.cwd(), cdk.App
    directory = Path(job["app"]).parent
    sys.path[:0] = [part for part in (str(directory), job["library"]) if part]
    os.chdir(directory)
    cdk.AssetStaging.clear_asset_hash_cache()  # an app's own process would find it empty
    prepared = cdk.App(outdir=job["outdir"], context=job["context"])
    cdk.App = lambda: prepared  # type: ignore[assignment, misc]
    try:
        import cdk_gtm_connector  # noqa: PLC0415 - another one each time
        from cdk_gtm_connector.lambda_asset import source_root  # noqa: PLC0415

        if job["function"]:
            _run_function(source_root())
        runpy.run_path(job["app"], run_name="__main__")
    finally:
        sys.path[:], cdk.App = path, made  # type: ignore[misc]
        os.chdir(home)
    return {"library": cdk_gtm_connector.__file__}


def _run_function(source: Path) -> None:
    """Import the function as Lambda does."""
    environment = {**os.environ, "PYTHONPATH": str(source)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", "import gtm_events.handler"]
    subprocess.run(command, env=environment, check=True)  # noqa: S603 - itself
    if not list(source.rglob("*.pyc")):
        sys.exit("running the function left no compiled files: the comparison would show nothing")


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(work(json.loads(line))) + "\n")
        sys.stdout.flush()
