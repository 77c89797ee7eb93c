"""The direction of imports: scaffolding imports the product, and never the other way."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]

# By package, the packages of this project that it may import. Not itself: that it may.
MAY: Final = {
    "lambda_src/gtm_events": set[str](),
    "lambda_src/gtm_token_authorizer": set[str](),
    "cdk_gtm_connector": set[str](),
    "cdk_gtm_connector_cli": {"cdk_gtm_connector", "gtm_events"},
    "stacks": {"cdk_gtm_connector"},
    "local": {"cdk_gtm_connector", "cdk_gtm_connector_cli", "gtm_events"},
    "capacity": {"gtm_events"},
    "integ": {"capacity", "cdk_gtm_connector"},
    "benchmarks": {"cdk_gtm_connector", "gtm_events", "local"},
}
OURS: Final = {Path(package).name for package in MAY} | {"app", "examples", "tests", "scripts"}


def imported(package: str) -> Iterator[tuple[str, str]]:
    """Yield each file of a package with the name of a package that it imports."""
    for path in ROOT.joinpath(package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                yield str(path.relative_to(ROOT)), name.partition(".")[0]


@pytest.mark.parametrize("package", MAY)
def test_a_package_imports_nothing_above_it(package: str) -> None:
    found = {(path, name) for path, name in imported(package) if name in OURS}
    allowed = MAY[package] | {Path(package).name}
    assert {pair for pair in found if pair[1] not in allowed} == set()


@pytest.mark.parametrize("package", ["gtm_events", "gtm_token_authorizer"])
def test_a_function_needs_nothing_that_lambda_does_not_have(package: str) -> None:
    there = {*sys.stdlib_module_names, "boto3", "botocore", package}
    assert {pair for pair in imported(f"lambda_src/{package}") if pair[1] not in there} == set()
