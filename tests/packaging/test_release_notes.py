"""Notes of a release, and when there is none."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final

import pytest

SCRIPT: Final = Path(__file__).parents[2] / "scripts" / "release_notes.py"
VERSION: Final = '__version__ = "0.2.0"  # pyproject.toml reads it from here\n'
CHANGELOG: Final = """# Changelog

## [Unreleased]

- Not yet.

## [0.2.0] - 2026-12-01

### Added

- A thing.

## [0.1.0] - 2026-11-30

- The first.

[0.2.0]: https://example.com
"""


@pytest.fixture(scope="module")
def script() -> Any:
    """The script, which is no module of a package."""
    spec = importlib.util.spec_from_file_location("release_notes", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_they_are_the_changelogs_section(script: Any) -> None:
    assert script.notes("v0.2.0", VERSION, CHANGELOG) == "### Added\n\n- A thing.\n"
    older = VERSION.replace("0.2.0", "0.1.0")
    assert script.notes("v0.1.0", older, CHANGELOG) == "- The first.\n"


@pytest.mark.parametrize(
    ("tag", "changelog", "problem"),
    [
        ("v0.2.1", CHANGELOG, "the tag is v0.2.1, but the library's version is 0.2.0"),
        ("0.2.0", CHANGELOG, "the tag is 0.2.0, but the library's version is 0.2.0"),
        ("v0.2.0", CHANGELOG.replace(" - 2026-12-01", ""), "CHANGELOG.md has no text under"),
        ("v0.2.0", CHANGELOG.replace("[0.2.0] -", "[0.2] -"), "CHANGELOG.md has no text under"),
        ("v0.2.0", "## [0.2.0] - 2026-12-01\n\n## [0.1.0]", "CHANGELOG.md has no text under"),
    ],
)
def test_a_release_that_is_not_ready_is_stopped(
    script: Any, tag: str, changelog: str, problem: str
) -> None:
    with pytest.raises(script.NotReadyError, match=problem):
        script.notes(tag, VERSION, changelog)


def test_the_command_stops_the_workflow(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["v999.0.0"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: the tag is v999.0.0, but the library's version is ")
