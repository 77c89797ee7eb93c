"""The lengths of files: who looks for one thing reads one short file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SUFFIXES: Final = {".css", ".html", ".java", ".js", ".py", ".vtl"}

# By folder, the most lines of a file.
MOST: Final = {
    **dict.fromkeys(("cdk_gtm_connector", "cdk_gtm_connector_cli", "lambda_src", "stacks"), 400),
    **dict.fromkeys(("examples", "gtm", "integ", "local", "scripts", "tests"), 500),
    **dict.fromkeys(("benchmarks", "capacity"), 500),
}


@pytest.mark.parametrize("folder", MOST)
def test_no_file_is_too_long(folder: str) -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in ROOT.joinpath(folder).rglob("*")
        if path.suffix in SUFFIXES
    }
    assert lengths
    assert {path: lines for path, lines in lengths.items() if lines > MOST[folder]} == {}
