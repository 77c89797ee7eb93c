"""``python -m local`` as its users run it: it starts, serves, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import ProxyHandler, build_opener

import pytest

from local.pipeline.emulator_process import Emulator, EmulatorError
from local.pipeline.synthesis import ROOT, SynthesisError, completed, synthesize
from tests import pipelines
from tests.patience import HANG_SECONDS
from tests.pipeline.conftest import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.pipeline.stack import Pipeline

PROC = Path("/proc")

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="needs /proc to see what is left running")

_open = build_opener(ProxyHandler({})).open


@dataclass
class Command:
    """A running ``python -m local``."""

    process: subprocess.Popen[str]
    temporary: Path
    said: str = ""

    def read_until(self, pattern: str) -> str:
        """Read what it says until a line matches; return the first group."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if match := re.search(pattern, line):
                return match[1]
        raise AssertionError(f"it ended without saying {pattern!r}:\n{self.said}")

    def deliver_an_event(self) -> None:
        """Send one event and wait until it is delivered, so that a function's process runs."""
        console = self.read_until(r"Console +(\S+)")
        endpoint = self.read_until(r"Endpoint +(\S+)")
        with _open(f"{endpoint}?event=hello&endpoint_id=me", timeout=HANG_SECONDS) as answer:
            assert answer.headers["Content-Type"] == "image/svg+xml"
        with _open(f"{console}api/stream", timeout=HANG_SECONDS) as stream:
            for line in stream:
                if b'"status":"delivered"' in line.replace(b" ", b""):
                    break
            else:
                raise AssertionError("the console's stream ended before the event was delivered")
        assert len(self.left_behind()) > 2, "no emulator or function to be seen"

    def processes(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield command line and environment of what runs in its temporary directory's name."""
        for directory in PROC.iterdir():
            if not directory.name.isdigit():
                continue
            with contextlib.suppress(OSError):  # gone, or another user's
                environment = (directory / "environ").read_bytes().decode()
                if str(self.temporary) in environment:
                    variables = (each.partition("=") for each in environment.split("\0") if each)
                    command = (directory / "cmdline").read_bytes().decode().replace("\0", " ")
                    yield command, {name: value for name, _, value in variables}

    def left_behind(self) -> list[str]:
        """Return the command lines of processes that run in its temporary directory's name."""
        return [command for command, _ in self.processes()]

    def nothing_left(self) -> bool | None:
        """Return ``True`` if no process and no file is left, else ``None``."""
        return None if self.left_behind() or any(self.temporary.iterdir()) else True


@pytest.fixture
def start(pipeline: Pipeline, tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Return a function that starts the command on the assembly of this directory's pipeline."""
    processes: list[subprocess.Popen[str]] = []

    def start_command(*arguments: str, **environment: str) -> Command:
        assembly = str(pipeline.assembly.directory)
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "local", "--assembly", assembly, "--port", "0", *arguments],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(tmp_path), **environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return Command(process, tmp_path)

    yield start_command
    for process in processes:
        with process:
            process.kill()


def test_others_on_the_machine_learn_nothing_of_it(start: Callable[..., Command]) -> None:
    own = {
        "AWS_ACCESS_KEY_ID": "developers-key",
        "AWS_SECRET_ACCESS_KEY": "developers-secret",
        "AWS_SESSION_TOKEN": "developers-token",
        "AWS_ENDPOINT_URL_SQS": "developers-endpoint",
    }
    command = start(**own)
    command.deliver_an_event()

    processes = list(command.processes())
    theirs = [it for line, it in processes if "local.emulator" in line or "_worker.py" in line]
    assert len(theirs) == 2
    [secret] = {environment["AWS_SECRET_ACCESS_KEY"] for environment in theirs}
    assert len(secret) == 40
    # The developer's credentials stay out of what runs there; everybody sees command lines.
    for environment in theirs:
        assert not set(own.values()) & set(environment.values())
    for line, _ in processes:
        assert secret not in line
    assert secret not in command.said
    [directory] = command.temporary.iterdir()
    assert directory.stat().st_mode & 0o077 == 0


def test_it_stops_by_itself_and_leaves_nothing(start: Callable[..., Command]) -> None:
    started = time.monotonic()
    command = start("--duration", "2")
    command.read_until(r"Endpoint +(\S+)")

    assert command.process.wait(HANG_SECONDS) == 0
    assert time.monotonic() - started > 2
    assert command.nothing_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_and_leaves_nothing(
    start: Callable[..., Command], number: signal.Signals
) -> None:
    command = start()
    command.deliver_an_event()

    command.process.send_signal(number)
    assert command.process.wait(HANG_SECONDS) == 0
    assert command.nothing_left()


def test_nothing_outlives_it_even_if_it_is_killed(start: Callable[..., Command]) -> None:
    command = start()
    command.deliver_an_event()

    command.process.kill()
    wait_for("end of all that it started", command.nothing_left)


def test_the_pipelines_of_the_tests_are_those_of_the_command(tmp_path: Path) -> None:
    context = completed({"destination": "customer-profiles,firehose", "signed_token": "true"})
    synthesize(tmp_path / "by_command", context)
    pipelines.synthesize(tmp_path / "by_tests", context)
    (template,) = (tmp_path / "by_command").glob("*.template.json")
    by_tests = tmp_path / "by_tests" / template.name
    assert by_tests.read_text(encoding="utf-8") == template.read_text(encoding="utf-8")


def test_a_refused_setting_is_reported_in_the_apps_own_words(tmp_path: Path) -> None:
    context = {"pinpoint_app_id": "local", "max_batching_window": "soon"}
    with pytest.raises(SynthesisError, match=r"^error: setting max_batching_window .*'soon'.*$"):
        synthesize(tmp_path / "cdk.out", context)


def test_an_emulator_that_cannot_start_says_why(tmp_path: Path) -> None:
    broken = Emulator(
        run_directory=tmp_path,
        resource_types=[],
        environment={"LOCAL_EMULATOR_RESOURCE_TYPES": "no JSON"},
        on_request=lambda _: None,
        on_log=lambda _: None,
    )
    with pytest.raises(EmulatorError, match=r"(?s)ended with status 1:.*JSONDecodeError"):
        broken.__enter__()


@pytest.mark.parametrize(
    "arguments",
    [("--duration", "0"), ("--duration", "soon"), ("--port", "70000"), ("--context", "no-value")],
)
def test_a_malformed_option_is_refused(
    start: Callable[..., Command], arguments: tuple[str, str]
) -> None:
    assert start(*arguments).process.wait(HANG_SECONDS) == 2


def test_a_directory_without_an_assembly_is_refused(
    start: Callable[..., Command], tmp_path: Path
) -> None:
    assert start("--assembly", str(tmp_path)).process.wait(HANG_SECONDS) == 1
