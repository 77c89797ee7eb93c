"""The requirements: every set pinned, with hashes, and in the same versions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SETS: Final = sorted(path.stem for path in ROOT.glob("requirements*.in"))
OPTIONS: Final = "--universal --python-version 3.11 --generate-hashes --no-annotate"


def entries(name: str) -> dict[str, str]:
    """Return each requirement of a set with its hashes, by its name."""
    text = (ROOT / f"{name}.txt").read_text("utf-8")
    body = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    found: dict[str, str] = {}
    for entry in body.replace("\\\n", " ").splitlines():
        requirement, _, hashes = entry.partition(" --hash=")
        package = requirement.partition("==")[0]
        # One name may have several versions, each for some of the Pythons.
        found[package] = found.get(package, "") + f"{requirement.strip()} {hashes.strip()}\n"
    return found


@pytest.mark.parametrize("name", SETS)
def test_each_pin_has_hashes_and_the_command_that_made_it(name: str) -> None:
    lines = (ROOT / f"{name}.txt").read_text("utf-8").splitlines()
    constraint = "" if name == "requirements-dev" else "-c requirements-dev.txt "
    assert lines[1] == f"#    uv pip compile {OPTIONS} {constraint}{name}.in -o {name}.txt"
    for package, pinned in entries(name).items():
        assert re.fullmatch(
            rf"({re.escape(package)}==\S+( ; [^\n]+?)? sha256:[0-9a-f]{{64}}"
            r"( +--hash=sha256:[0-9a-f]{64})*\n)+",
            pinned,
        ), package


@pytest.mark.parametrize("name", SETS)
def test_no_index_is_named(name: str) -> None:
    # Each user has an index of their own choice, and pip is told of it elsewhere.
    for suffix in ("in", "txt"):
        text = (ROOT / f"{name}.{suffix}").read_text("utf-8")
        assert "://" not in text
        assert not re.search(r"^--(?!hash)|index-url|find-links|trusted-host", text, re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in SETS if name != "requirements-dev"])
def test_a_set_is_a_part_of_what_the_tests_run_with(name: str) -> None:
    # For which systems a package is needed may differ from one set to the other.
    tested = re.sub(" ; [^\n]+? sha256", " sha256", "".join(entries("requirements-dev").values()))
    pins = re.sub(" ; [^\n]+? sha256", " sha256", "".join(entries(name).values())).splitlines()
    assert pins
    assert set(pins) <= set(tested.splitlines())


def test_every_set_can_be_made_and_is_installed_with_its_hashes() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (listed,) = re.findall(r"for set in (.+?); do", makefile)
    made = {"requirements" + part.strip('"') for part in listed.split()}
    assert {*made, "requirements-dev"} == set(SETS)
    setup = (ROOT / "scripts" / "setup.sh").read_text("utf-8")
    assert re.findall("pip install.*", setup) == [
        'pip install --quiet --disable-pip-version-check --require-hashes -r "$file"'
    ]
