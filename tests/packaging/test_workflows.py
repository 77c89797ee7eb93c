"""GitHub's workflows and the settings of Dependabot and pre-commit: linted, pinned, up to date.

Nothing here runs a workflow. zizmor reads them as GitHub does and audits them; the rest are facts
that are also written elsewhere.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from tests.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
WORKFLOWS: Final = sorted(ROOT.joinpath(".github", "workflows").glob("*.yml"))
SHA: Final = re.compile(r"[0-9a-f]{40}")


def document(path: Path) -> dict[str, Any]:
    """Read a file of YAML, in which GitHub's key ``on`` is a text and no boolean."""
    loaded = yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - texts only
    assert isinstance(loaded, dict)
    return loaded


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    """Return a workflow's jobs."""
    found: dict[str, dict[str, Any]] = document(path)["jobs"]
    return found


def steps() -> Iterator[dict[str, Any]]:
    """Yield every step of every workflow."""
    for path in WORKFLOWS:
        for job in jobs(path).values():
            yield from job.get("steps", [])


CI, RELEASE = (
    document(ROOT / ".github" / "workflows" / f"{name}.yml") for name in ("ci", "release")
)


def test_zizmor_finds_nothing() -> None:
    zizmor = shutil.which("zizmor", path=sysconfig.get_path("scripts"))
    if zizmor is None:
        missing = "zizmor is missing: it is one of requirements-dev.txt"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    audit = subprocess.run(  # noqa: S603 - of this environment
        [zizmor, "--offline", "--strict-collection", "--collect=all", "--no-progress", ROOT],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert audit.stderr.count("completed") == len(WORKFLOWS) + 2  # and the other two's settings


def test_every_action_is_a_commit_that_says_which_version_it_is() -> None:
    lines = [
        line.strip().removeprefix("- ").removeprefix("uses: ")
        for path in WORKFLOWS
        for line in path.read_text("utf-8").splitlines()
        if "uses: " in line and "uses: ./" not in line
    ]
    pins: dict[str, set[str]] = {}
    for line in lines:
        match = re.fullmatch(r"([\w-]+/[\w-]+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)", line)
        assert match, line
        pins.setdefault(match[1], set()).add(match[2])
    assert len(pins) >= 5
    assert all(len(commits) == 1 for commits in pins.values()), pins


def test_pre_commits_hooks_are_a_commit_or_the_projects_own_tools() -> None:
    repositories: Any = document(ROOT / ".pre-commit-config.yaml")["repos"]
    for repository in repositories:
        if repository["repo"] == "local":
            entries = [hook["entry"].split()[:3] for hook in repository["hooks"]]
            assert all(entry[:2] == [".venv/bin/python", "-m"] for entry in entries)
            assert {entry[2] for entry in entries} == {"ruff", "mypy"}
        else:
            assert SHA.fullmatch(repository["rev"])


def test_the_tests_run_on_every_python_that_the_package_says_it_is_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    prefix = "Programming Language :: Python :: 3."
    classified = [
        name.removeprefix("Programming Language :: Python :: ")
        for name in project["classifiers"]
        if name.startswith(prefix)
    ]
    assert CI["jobs"]["test"]["strategy"]["matrix"]["python"] == classified
    assert project["requires-python"] == f">={classified[0]}"
    assert CI["jobs"]["package"]["strategy"]["matrix"]["python"] == [classified[0], classified[-1]]


def test_what_a_job_makes_is_a_target_and_what_it_runs_is_a_file() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    commands = "\n".join(step.get("run", "") for step in steps())
    made = set(re.findall(r"\bmake ([a-z-]+)", commands))
    assert made == {"lint", "test", "coverage", "docs", "links", "build", "sbom"} <= targets
    scripts = re.findall(r"\b((?:scripts|examples)/\S+)", commands)
    assert scripts
    assert [script for script in scripts if not (ROOT / script).is_file()] == []


def test_nobody_but_the_job_that_publishes_gets_an_identity() -> None:
    for path in WORKFLOWS:
        assert document(path)["permissions"] == {"contents": "read"}
    granted = {
        (path.stem, name): job["permissions"]
        for path in WORKFLOWS
        for name, job in jobs(path).items()
        if "permissions" in job
    }
    assert granted == {
        ("release", "publish"): {"id-token": "write"},
        ("release", "github"): {"contents": "write"},
    }
    # It uploads what another job built: no code of a dependency runs beside the identity.
    publish = RELEASE["jobs"]["publish"]
    assert publish["environment"]["name"] == "pypi"
    assert all("run" not in step for step in publish["steps"])
    assert "password" not in str(publish)


def test_what_is_released_has_passed_the_same_jobs() -> None:
    assert "workflow_call" in CI["on"]
    assert RELEASE["jobs"]["ci"] == {"uses": "./.github/workflows/ci.yml"}
    needs = {name: job.get("needs") for name, job in RELEASE["jobs"].items()}
    assert needs == {"ci": None, "build": "ci", "publish": "build", "github": "publish"}


def test_dependabot_keeps_actions_and_requirements_up_to_date() -> None:
    updates: Any = document(ROOT / ".github" / "dependabot.yml")["updates"]
    ecosystems = {update["package-ecosystem"]: update for update in updates}
    assert set(ecosystems) == {"github-actions", "uv"}
    # What is pinned exactly, because something inside of it is replaced.
    exact = {
        match[1]
        for path in ROOT.glob("requirements*.in")
        for match in re.finditer(r"^([a-z-]+)==", path.read_text("utf-8"), re.MULTILINE)
    }
    ignored = {entry["dependency-name"] for entry in ecosystems["uv"]["ignore"]}
    assert ignored == exact


def test_coverage_has_a_floor_and_is_of_the_whole_product() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["coverage"]
    functions = {path.name for path in ROOT.joinpath("lambda_src").iterdir() if path.is_dir()}
    assert set(settings["run"]["source_pkgs"]) == {"app", "cdk_gtm_connector", "stacks"} | functions
    assert settings["run"]["branch"] is True
    assert settings["report"]["fail_under"] >= 98
