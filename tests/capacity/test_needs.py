"""Requirements of measuring, calculating and drawing, and the direction of their imports."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PRODUCT = ("cdk_gtm_connector", "lambda_src", "stacks", "app.py")

# A folder's own code; what a folder does not name is of packages that are installed.
OWN = {
    *("benchmarks", "capacity", "cdk_gtm_connector", "gtm_events", "gtm_token_authorizer"),
    *("local", "stacks", "app"),
}

_WITHOUT_MATPLOTLIB = """
import runpy, sys
sys.modules["matplotlib"] = None  # as if it were not installed
module, *sys.argv[1:] = sys.argv[1:]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def run_without_matplotlib(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module in a process that cannot import matplotlib."""
    return subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", _WITHOUT_MATPLOTLIB, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'lambda_src'}"},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


def imports(*folders: str) -> Iterator[tuple[Path, str]]:
    """Yield the name of each package that a folder's files import when they run."""
    for folder in folders:
        path = ROOT / folder
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            yield from ((file, name) for name in _imported(ast.parse(file.read_text("utf-8"))))


def _imported(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.Import(names=names):
            yield from (alias.name.partition(".")[0] for alias in names)
        case ast.ImportFrom(module=str(module), level=0):
            yield module.partition(".")[0]
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _imported(child)


def pinned(name: str) -> set[str]:
    """Return the names of the packages that a set of requirements installs."""
    text = (ROOT / f"requirements-{name}.txt").read_text("utf-8")
    return set(re.findall(r"^([a-z0-9.-]+)==", text, re.MULTILINE))


def test_measuring_needs_no_matplotlib() -> None:
    measured = run_without_matplotlib("benchmarks", "--quick", "--only", "queued_bytes")
    assert measured.returncode == 0, measured.stderr
    assert "| bytes in the queue for the reference request |" in measured.stdout
    assert "matplotlib" not in pinned("bench")


def test_nor_does_printing_a_table() -> None:
    printed = run_without_matplotlib("capacity", "--print", "in-flight")
    assert printed.returncode == 0, printed.stderr
    assert printed.stdout.startswith("| batch size |")
    drawn = run_without_matplotlib("capacity")  # so it cannot be imported, and nothing is written
    assert "matplotlib" in drawn.stderr


@pytest.mark.parametrize(("folder", "requirements"), [("benchmarks", "bench"), ("capacity",) * 2])
def test_what_a_folder_imports_its_requirements_install(folder: str, requirements: str) -> None:
    distributions = packages_distributions()
    names = {name for _, name in imports(folder)} - OWN - set(sys.stdlib_module_names)
    needed = {distributions[name][0].lower().replace("_", "-") for name in names}
    assert needed  # something is not of the standard library
    assert needed <= pinned(requirements)


def test_neither_knows_of_the_other_and_the_product_of_neither() -> None:
    for folders, forbidden in (
        (PRODUCT, {"benchmarks", "capacity", "local", "tests"}),
        (("local",), {"benchmarks", "capacity", "tests"}),
        (("benchmarks",), {"capacity", "tests"}),
        # The model reads the destinations' limits where the function declares them.
        (("capacity",), {"benchmarks", "local", "stacks", "tests"}),
    ):
        found = list(imports(*folders))
        assert len(found) > 20
        assert [(file, name) for file, name in found if name in forbidden] == []
