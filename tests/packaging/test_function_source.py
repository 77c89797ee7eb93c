"""The functions' source runs on what the Lambda runtime has: it is deployed as plain files."""

from __future__ import annotations

import ast
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.packaging.conftest import CHECKOUT, run

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE_ROOT = CHECKOUT / "lambda_src"
PACKAGES = {"gtm_events", "gtm_token_authorizer"}
MODULES = sorted(SOURCE_ROOT.rglob("*.py"))
SDK = {"boto3", "botocore"}
# What the SDK itself needs, which comes with it.
SDK_DEPENDENCIES = {"dateutil", "jmespath", "s3transfer", "six", "urllib3"}


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the top-level packages that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE_ROOT).as_posix())
def test_it_imports_the_standard_library_the_sdk_and_itself(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # One function's code does not use the other's.
    itself = path.relative_to(SOURCE_ROOT).parts[0]
    assert set(imported(tree)) <= sys.stdlib_module_names | SDK | {itself}


def test_the_source_root_is_no_package() -> None:
    # Its content is the root of the asset, and tests import it the same way.
    assert not (SOURCE_ROOT / "__init__.py").exists()
    assert {path.relative_to(SOURCE_ROOT).parts[0] for path in MODULES} == PACKAGES


def test_every_module_loads_where_nothing_else_is_installed(tmp_path: Path) -> None:
    # Also what is imported by a name that is put together, which reading does not show.
    for name in SDK | SDK_DEPENDENCIES:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        package = origin.parent if origin.name == "__init__.py" else origin
        (tmp_path / package.name).symlink_to(package)
    names = [
        ".".join(path.relative_to(SOURCE_ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in MODULES
    ]
    program = f"""
import sys
sys.path += [{str(SOURCE_ROOT)!r}, {str(tmp_path)!r}]
import importlib, json
for name in {names!r}:
    importlib.import_module(name)
json.dump(sorted({{name.partition(".")[0] for name in sys.modules}}), sys.stdout)
"""
    # -I -S: no site-packages, no environment.
    loaded = set(json.loads(run(sys.executable, "-I", "-S", "-B", "-c", program, cwd=tmp_path)))
    foreign = loaded - sys.stdlib_module_names - SDK - SDK_DEPENDENCIES
    assert foreign == {"__main__", *PACKAGES}
