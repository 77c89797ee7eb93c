"""Lambda can read the function's files, whatever the umask of who installs this library."""

from __future__ import annotations

import json
import shutil
import stat
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.packaging.conftest import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.packaging.conftest import Synthesis, Synthesizer


def copy_library(directory: Path) -> None:
    """Copy the library as a checkout has it, for nobody else to read."""
    for name in ("cdk_gtm_connector", "lambda_src"):
        shutil.copytree(
            CHECKOUT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for path in directory.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)


class Synthesize(Protocol):
    """Synthesizes README's example with a copy of the library that nobody else may read."""

    def __call__(self, **context: object) -> Path:
        """Return the assembly, which is the same directory each time."""
        ...


@pytest.fixture
def synthesize(tmp_path: Path, example: str, with_copies: Synthesizer) -> Synthesize:
    """Return what synthesizes with a copy in the test's own directory."""
    copy_library(tmp_path)
    app = tmp_path / "app.py"
    app.write_text(example, encoding="utf-8")

    def run(**context: object) -> Path:
        out = tmp_path / "cdk.out"
        imported = with_copies(app, out, library=tmp_path, context=context)
        assert imported.is_relative_to(tmp_path)
        return out

    return run


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
    synthesize: Synthesize, syntheses: Mapping[str, Synthesis]
) -> None:
    out = synthesize()

    (asset,) = (path for path in out.glob("asset.*") if path.is_dir())
    assert modes(asset) == {(False, "644"), (True, "755")}
    key = code_key(json.loads((out / "Shop.template.json").read_text(encoding="utf-8")))
    assert asset.name == f"asset.{key.removesuffix('.zip')}"
    assert {code_key(synthesis.template) for synthesis in syntheses.values()} == {key}


def test_one_that_is_staged_already_is_mended(synthesize: Synthesize) -> None:
    out = synthesize()
    (asset,) = (path for path in out.glob("asset.*") if path.is_dir())
    for path in asset.rglob("*.py"):
        path.chmod(0o600)

    synthesize()

    assert modes(asset) == {(False, "644"), (True, "755")}


def test_the_installed_files_are_left_alone(synthesize: Synthesize, tmp_path: Path) -> None:
    synthesize(**{"aws:cdk:disable-asset-staging": True})
    assert modes(tmp_path / "lambda_src") == {(False, "600"), (True, "700")}
