"""Synthesis of the app."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local import deploy
from local.deployed import context_for
from local.pipeline.processes import end

if TYPE_CHECKING:
    from collections.abc import Mapping


ROOT: Final = Path(__file__).resolve().parents[2]

APP: Final = "app.py"
"""The deployable app, from :data:`ROOT`."""

_SYNTHESIS_SECONDS: Final = 180.0


# The CDK CLI adds these to every app's context, so the template is the same as in a deployment.
_CLI_CONTEXT: Final = {
    "aws:cdk:enable-path-metadata": True,
    "aws:cdk:enable-asset-metadata": True,
    "aws:cdk:version-reporting": True,
    "aws:cdk:bundling-stacks": ["**"],
}


class SynthesisError(Exception):
    """The app did not produce a cloud assembly. The message is its output."""


def _cdk_json() -> dict[str, Any]:
    """Return the context in ``cdk.json``."""
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8")).get(
        "context", {}
    )
    return context


def completed(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``context`` with the settings that the destinations need in a local run."""
    # Nothing else from cdk.json, because its streams and buses exist only in an AWS account.
    chosen = {name: it for name, it in _cdk_json().items() if name == "destination"}
    if "firewall_rate_limit" in _cdk_json() | dict(context):
        # MiniStack has no alarms on metric math, such as the one on the share of blocked requests.
        chosen["monitoring"] = "false"
    return context_for(chosen | dict(context))


def app_context(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole context of an app that the CDK's command line runs from the project's root.

    Args:
        context: The context on the command line, which overrides that of ``cdk.json``.
    """
    return {**_CLI_CONTEXT, **_cdk_json(), **context}


def synthesize(directory: Path, context: Mapping[str, Any], app: str = APP) -> None:
    """Synthesize an app into ``directory`` as ``cdk synth -c name=value …`` does.

    Args:
        directory: Directory for the cloud assembly.
        context: The context, which overrides that of ``cdk.json``.
        app: The app's file, relative to the project's root.

    Raises:
        SynthesisError: The app refused a setting, or failed.
    """
    with tempfile.TemporaryDirectory(prefix="gtm-connector-synth-") as temporary:
        status, output = _run_app(
            app,
            {
                "CDK_OUTDIR": str(directory),
                "CDK_DEFAULT_REGION": deploy.DEFAULT_REGION,
                "CDK_CONTEXT_JSON": json.dumps(app_context(context)),
                # aws-cdk-lib's own validator only warns, and takes longer than the synthesis.
                "CDK_VALIDATION": "false",
                "TMPDIR": temporary,  # jsii leaves files there if it is interrupted
                # An app anywhere uses this checkout's library.
                "PYTHONPATH": os.pathsep.join(
                    filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
                ),
            },
        )
    if status != 0:
        # Lines of jsii's warning about the Node.js release, which is not the failure.
        lines = (line for line in output.splitlines() if not line.startswith("b'!!"))
        message = "\n".join(lines).strip()
        raise SynthesisError(message or f"{app} ended with status {status}")


def _run_app(app: str, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run an app; return its exit status and its standard error."""
    # In a process group of its own, because it starts node.
    process = subprocess.Popen(  # noqa: S603 - no shell, and the user's own app
        [sys.executable, app],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, output = process.communicate(timeout=_SYNTHESIS_SECONDS)
    except subprocess.TimeoutExpired:
        end(process)
        raise SynthesisError(
            f"{app} did not finish within {_SYNTHESIS_SECONDS:g} seconds"
        ) from None
    except BaseException:
        end(process)
        raise
    return process.returncode, output
