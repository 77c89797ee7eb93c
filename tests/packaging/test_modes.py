"""Lambda can read the function's files, whatever the umask of who installs this library."""

from __future__ import annotations

import json
import stat
import sys
from typing import TYPE_CHECKING

from tests.packaging.conftest import CHECKOUT, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.packaging.conftest import Synthesis

# Copies the library as a checkout has it, and synthesizes with the copy.
PROGRAM = """
import os, shutil, sys
os.umask(0o077)
for name in ("cdk_gtm_connector", "lambda_src"):
    shutil.copytree(
        os.path.join(sys.argv[1], name),
        name,
        copy_function=shutil.copyfile,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
for directory, _, _ in os.walk("."):
    os.chmod(directory, 0o700)
sys.path.insert(0, os.getcwd())
exec(open("shop.py").read())
"""


def synthesize(directory: Path, example: str, **context: object) -> Path:
    """Synthesize README's example with a copy that nobody else may read; return the assembly."""
    directory.mkdir(exist_ok=True)
    directory.joinpath("shop.py").write_text(example, encoding="utf-8")
    out = directory / "cdk.out"
    run(
        *(sys.executable, "-B", "-c", PROGRAM, CHECKOUT),
        cwd=directory,
        CDK_OUTDIR=str(out),
        CDK_CONTEXT_JSON=json.dumps(context),
    )
    return out


def modes(asset: Path) -> set[tuple[bool, str]]:
    """Return how files and directories may be used: (whether it is a directory, the mode)."""
    return {
        (path.is_dir(), f"{stat.S_IMODE(path.stat().st_mode):o}")
        for path in (asset, *asset.rglob("*"))
    }


def code_key(template: Mapping[str, object]) -> str:
    """Return where the template has the function's code."""
    resources = template["Resources"]
    assert isinstance(resources, dict)
    (key,) = {
        resource["Properties"]["Code"]["S3Key"]
        for resource in resources.values()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    return str(key)


def test_what_is_uploaded_is_readable_and_the_same(
    tmp_path: Path, example: str, syntheses: Mapping[str, Synthesis]
) -> None:
    out = synthesize(tmp_path / "project", example)

    (asset,) = (path for path in out.glob("asset.*") if path.is_dir())
    assert modes(asset) == {(False, "644"), (True, "755")}
    key = code_key(json.loads((out / "Shop.template.json").read_text(encoding="utf-8")))
    assert asset.name == f"asset.{key.removesuffix('.zip')}"
    assert {code_key(synthesis.template) for synthesis in syntheses.values()} == {key}


def test_one_that_is_staged_already_is_mended(tmp_path: Path, example: str) -> None:
    directory = tmp_path / "project"
    out = synthesize(directory, example)
    (asset,) = (path for path in out.glob("asset.*") if path.is_dir())
    for path in asset.rglob("*.py"):
        path.chmod(0o600)

    synthesize(directory, example)

    assert modes(asset) == {(False, "644"), (True, "755")}


def test_the_installed_files_are_left_alone(tmp_path: Path, example: str) -> None:
    directory = tmp_path / "project"
    synthesize(directory, example, **{"aws:cdk:disable-asset-staging": True})
    assert modes(directory / "lambda_src") == {(False, "600"), (True, "700")}
