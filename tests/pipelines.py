"""Pipelines whose app this process synthesizes."""

from __future__ import annotations

import runpy
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest

from local import deploy
from local.pipeline import running as pipeline_running
from local.pipeline.synthesis import APP, ROOT, app_context, completed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.pipeline.stack import Pipeline


def synthesize(directory: Path, context: Mapping[str, Any], app: str = APP) -> None:
    """Synthesize an app as ``local.pipeline.synthesis.synthesize`` does, without a process.

    A process of its own starts another Node. That takes ten times as long as to synthesize the app
    in a process that has one. ``tests/pipeline/test_command.py`` compares both.

    Args:
        directory: Where the cloud assembly goes.
        context: The context, which overrides that of ``cdk.json``.
        app: The app's file, relative to the project's root.
    """
    prepared = cdk.App(outdir=str(directory), context=app_context(context))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cdk, "App", lambda: prepared)
        patch.setenv("CDK_DEFAULT_REGION", deploy.DEFAULT_REGION)
        patch.setattr(sys, "path", [str((ROOT / app).parent), *sys.path])
        runpy.run_path(str(ROOT / app), run_name="__main__")


@contextmanager
def running(
    *, context: Mapping[str, str] | None = None, app: str = APP, **others: Any
) -> Iterator[Pipeline]:
    """Run a pipeline as ``local.pipeline.running.running`` does.

    Args:
        context: The app's settings.
        app: The app's file, relative to the project's root.
        others: The function's other arguments.
    """
    with tempfile.TemporaryDirectory(prefix="gtm-connector-assembly-") as directory:
        synthesize(Path(directory), completed(context or {}), app)
        with pipeline_running.running(assembly_directory=Path(directory), **others) as pipeline:
            yield pipeline
