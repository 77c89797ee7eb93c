"""The stacks of make verify-all: what they are, what they cost, and that they are removed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from capacity import prices
from cdk_gtm_connector_cli.verify.account import SDK_OUTPUT
from integ import app, stacks
from integ.__main__ import announcement, cost, main
from integ.snapshots import file_of, templates, text_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def synthesized() -> dict[str, Any]:
    return templates()


def test_there_are_three(synthesized: dict[str, Any]) -> None:
    assert sorted(synthesized) == sorted(stacks.NAMES)


@pytest.mark.parametrize("name", stacks.NAMES)
def test_a_snapshot_is_what_is_deployed(synthesized: dict[str, Any], name: str) -> None:
    snapshot = file_of(name).read_text(encoding="utf-8")
    assert snapshot == text_of(synthesized[name]), "python -m integ.snapshots writes it"


@pytest.mark.parametrize("name", stacks.NAMES)
def test_nothing_stays(synthesized: dict[str, Any], name: str) -> None:
    for logical_id, resource in synthesized[name]["Resources"].items():
        assert resource.get("DeletionPolicy", "Delete") == "Delete", logical_id


def test_one_of_them_says_what_the_runtime_carries(
    synthesized: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    template = synthesized[stacks.NAMES[0]]
    function = template["Outputs"][SDK_OUTPUT]["Value"]["Ref"]
    code = template["Resources"][function]["Properties"]["Code"]["ZipFile"]
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - what Lambda does with it
    said = names["handler"]({}, None)
    assert said["missing"] == []
    assert said["python"] == sys.version.split()[0]
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(
    importlib.util.find_spec("aws_cdk.integ_tests_alpha") is None,
    reason="only make verify-all installs aws-cdk.integ-tests-alpha",
)
def test_they_are_an_integration_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = cdk.App(outdir=str(tmp_path))
    monkeypatch.setattr(cdk, "App", lambda: prepared)
    app.main()
    document = json.loads((tmp_path / "integ.json").read_text(encoding="utf-8"))
    (case,) = document["testCases"].values()
    assert case["stacks"] == list(stacks.NAMES)


def test_the_alpha_is_of_the_pinned_library() -> None:
    pinned = (file_of("x").parents[2] / "requirements-integ.in").read_text(encoding="utf-8")
    version = importlib.metadata.version("aws-cdk-lib")
    assert f"aws-cdk.integ-tests-alpha=={version}a0" in pinned


def test_it_says_what_it_costs() -> None:
    parts = cost()
    assert parts["API Gateway"] == prices.API_GATEWAY.cost(1_200)
    assert 0.001 < sum(parts.values()) < 0.5
    said = announcement()
    assert f"about {100 * sum(parts.values()):.0f} cents" in said
    assert all(name in said for name in (*stacks.NAMES, *parts))


def program(path: Path, code: str) -> str:
    """Write a program that notes its arguments; return its command."""
    calls = str(path.parent / "calls")
    path.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f"open({calls!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n{code}\n",
        encoding="utf-8",
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize(
    ("cdk_does", "verify_does", "status"),
    [
        ("", "", 0),
        ("", "sys.exit('Topic' in sys.argv[1])", 1),
        ("sys.exit('deploy' in sys.argv)", "", 3),
        ("sys.exit('destroy' in sys.argv)", "", 3),
    ],
)
def test_they_are_removed_whatever_happens(
    tmp_path: Path, cdk_does: str, verify_does: str, status: int
) -> None:
    arguments = ["--cdk", program(tmp_path / "cdk", cdk_does), "--yes"]
    arguments += ["--verify", program(tmp_path / "verify", verify_does)]
    assert main(arguments) == status
    calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert "destroy --force" in calls[-1]
    assert calls[-1].endswith(" ".join(stacks.NAMES))
    evidence = [it.split()[0] for it in calls if "--may-redeploy" in it]
    assert evidence == ([] if "'deploy'" in cdk_does else list(stacks.NAMES))


def test_nothing_is_deployed_unless_somebody_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write = os.pipe()
    os.write(write, b"n\n")
    os.close(write)
    with os.fdopen(read) as no:
        monkeypatch.setattr(sys, "stdin", no)
        assert main(["--cdk", program(tmp_path / "cdk", "")]) == 3
    assert not (tmp_path / "calls").exists()


def test_the_sdk_is_looked_for_in_the_runtime_that_the_functions_have(
    synthesized: dict[str, Any],
) -> None:
    resources = synthesized[stacks.NAMES[0]]["Resources"].values()
    runtimes = [
        each["Properties"]["Runtime"]
        for each in resources
        if each["Type"] == "AWS::Lambda::Function"
    ]
    assert len(runtimes) == 3
    assert len(set(runtimes)) == 1, runtimes
