"""The command line itself: errors, exit statuses, and ways to start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from cdk_gtm_connector.version import __version__
from cdk_gtm_connector_cli.errors import Status
from cdk_gtm_connector_cli.local_run import VARIABLE, LocalRun
from cdk_gtm_connector_cli.main import add_command, cli, run
from cdk_gtm_connector_cli.options import connector_options
from local.pipeline.synthesis import ROOT

if TYPE_CHECKING:
    from cdk_gtm_connector_cli.context import Context
    from local.pipeline.stack import Pipeline
    from tests.cli.conftest import Command


@pytest.mark.parametrize("module", ["cdk_gtm_connector", "cdk_gtm_connector_cli"])
def test_it_is_a_module_as_well(module: str) -> None:
    said = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-m", module, "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said == f"gtm-connector, version {__version__}\n"


@pytest.mark.parametrize("package", ["rich", "click", "boto3"])
def test_without_its_packages_it_says_what_to_install(package: str) -> None:
    program = (
        f"import sys; sys.modules[{package!r}] = None; "
        "from cdk_gtm_connector_cli.entry import main; sys.exit(main(['--version']))"
    )
    ran = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 3
    assert "pip install 'cdk-gtm-connector[cli]'" in ran.stderr


def test_it_needs_neither_the_cdk_nor_node() -> None:
    program = (
        "import sys; import cdk_gtm_connector_cli.main; "
        "sys.exit(bool({'aws_cdk', 'jsii', 'constructs'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0  # noqa: S603


def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["nothing"],
        ["send", "--method", "put"],
        ["send", "--set", "no value"],
        ["send", "--local", "--region", "eu-west-1"],
    ):
        assert run(arguments) == Status.USAGE, arguments
        assert "Error: " in capsys.readouterr().err


def test_a_stack_that_is_not_there_is_3(command: Command) -> None:
    ran = command("rejected", "--stack", "Nowhere")
    assert ran.status == Status.FAILED
    assert "error: there is no stack Nowhere in us-east-1" in ran.err
    assert "to do: " in ran.err
    ran = command("rejected", "--stack", "Nowhere", "--json")
    assert ran.document["error"] == (
        "there is no stack Nowhere in us-east-1 of the pipeline on this machine"
    )
    assert ran.document["to_do"]


def test_no_profile_and_no_region_are_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["rejected", "--stack", "Shop", "--profile", "nobodys-profile"]) == Status.FAILED
    assert "aws configure list-profiles" in capsys.readouterr().err
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    assert run(["rejected", "--stack", "Shop"]) == Status.FAILED
    assert "--region REGION" in capsys.readouterr().err


def test_no_local_run_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    # What a run that was killed leaves behind is none, nor is what somebody else wrote.
    for number, content in enumerate(('{"process": 0}', "{", '{"process": 999999999}')):
        directory = tmp_path / f"gtm-connector-{number}"
        directory.mkdir()
        directory.joinpath("run.json").write_text(content, "utf-8")
    tmp_path.joinpath("gtm-connector-0", "run.json").unlink()
    assert run(["rejected", "--local"]) == Status.FAILED
    assert "start one with make run" in capsys.readouterr().err
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nothing"))
    assert run(["rejected", "--local"]) == Status.FAILED
    assert VARIABLE in capsys.readouterr().err


def test_the_newest_run_is_found_and_its_file_is_its_owners(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = Path(os.environ[VARIABLE])
    assert file.stat().st_mode & 0o077 == 0
    own = tmp_path / "gtm-connector-x"
    own.mkdir()
    own.joinpath("run.json").write_bytes(file.read_bytes())
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = LocalRun.find()
    assert found.url == pipeline.emulator.url
    assert pipeline.emulator.secret not in repr(found)


def test_a_command_of_ones_own_gets_the_context(command: Command, pipeline: Pipeline) -> None:
    seen: list[Context] = []

    @click.command("own")
    @connector_options(argument=True)
    @click.option("--more", is_flag=True)
    def own(context: Context, *, more: bool) -> Status:
        """See that it is called."""
        seen.append(context)
        context.output.result({"stack": context.stack_name, "more": more})
        return Status.NOT_FINE

    add_command(own)
    try:
        ran = command("own", "--more", "--json")
        assert command("own", "Another").status == Status.NOT_FINE
    finally:
        del cli.commands["own"]
    assert (ran.status, ran.document) == (1, {"stack": "GtmConnector", "more": True})
    assert seen[0].outputs["QueueName"] == pipeline.outputs["QueueName"]
    assert [each.destination for each in seen[0].connector.deliveries] == ["kinesis", "firehose"]
    assert seen[1].stack_name == "Another"


def test_every_command_has_json_and_the_options_of_a_connector() -> None:
    assert set(cli.commands) >= {
        "doctor", "gtm", "redrive", "rejected", "send", "tail", "token", "where",
    }  # fmt: skip
    for name, each in cli.commands.items():
        options = {option for parameter in each.params for option in parameter.opts}
        assert {"--stack", "--region", "--profile", "--local", "--json"} <= options, name
        assert each.help, name


def test_json_is_ascii_and_one_line(command: Command) -> None:
    ran = command("rejected", "--json")
    assert ran.out.isascii()
    assert json.loads(ran.out)["groups"] == []


def test_a_reader_that_has_seen_enough_gets_no_traceback() -> None:
    program = f"{sys.executable} -m cdk_gtm_connector_cli --help | true"
    ran = subprocess.run(  # noqa: S603 - ours
        ["/bin/bash", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.stderr == ""
