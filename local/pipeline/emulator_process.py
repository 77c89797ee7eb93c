"""The emulator's process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.error import URLError

from local import deploy
from local.pipeline.processes import INHERITED, STOP_SECONDS, end, opener
from local.pipeline.synthesis import ROOT
from local.signature import EmulatorAccess, Scope, new_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType


_START_SECONDS: Final = 120.0  # only for a start that hangs; a busy machine takes many seconds


_LOG_LINES: Final = 60


class EmulatorError(Exception):
    """The emulator did not start, or stopped. The message holds the end of its log."""


@dataclass(eq=False)
class Emulator:
    """A context manager for the process of :mod:`local.emulator`.

    Args:
        run_directory: Directory for temporary files. The emulator removes it if this process dies.
        resource_types: The resource types that will be deployed.
        environment: Environment variables for the functions, besides those in the template.
        on_request: Called in a thread with the report of each request that an API answered.
        on_log: Called in a thread with each line of the emulator's log after its start.
        secret: Secret access key of its callers and functions. Default: a new one.
    """

    run_directory: Path
    resource_types: list[str]
    environment: Mapping[str, str]
    on_request: Callable[[Mapping[str, Any]], None]
    on_log: Callable[[str], None]
    secret: str = field(default_factory=new_secret, repr=False)
    url: str = field(init=False, default="")
    placeholders: list[str] = field(init=False, default_factory=list)
    """The resource types for which nothing is created."""

    def __enter__(self) -> Self:
        """Start the emulator, and wait until it answers.

        Raises:
            EmulatorError: The emulator does not answer.
        """
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._up = threading.Event()
        temporary = self.run_directory / "tmp"
        temporary.mkdir()
        report_fd, their_report_fd = os.pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.emulator"],
                cwd=ROOT,
                env={
                    **{name: os.environ[name] for name in INHERITED if name in os.environ},
                    **self._settings(port, temporary, their_report_fd),
                    **self.environment,
                },
                stdin=subprocess.PIPE,  # held open: the emulator ends when it closes
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                pass_fds=(their_report_fd,),
                # Ctrl-C goes to the whole foreground process group. The emulator has its own
                # session, so only this process ends it.
                start_new_session=True,
            )
        except BaseException:
            os.close(report_fd)
            raise
        finally:
            os.close(their_report_fd)
        self._threads = [
            threading.Thread(target=self._read_reports, args=(report_fd,), daemon=True),
            threading.Thread(target=self._read_log, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        try:
            self._wait_until_up()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the emulator and its functions."""
        end(self.process)
        for stream in (self.process.stdin, self.process.stderr):
            if stream is not None and stream is not self.process.stderr:
                stream.close()
        for thread in self._threads:
            thread.join(STOP_SECONDS)

    @property
    def access(self) -> EmulatorAccess:
        """Address and secret of the emulator."""
        return EmulatorAccess(self.url, self.secret)

    @property
    def log(self) -> str:
        """The last lines of the emulator's log."""
        return "\n".join(self._log)

    def get(self, path: str) -> Any:
        """Return the JSON document at one of MiniStack's own paths, such as its health.

        Raises:
            URLError: The emulator does not answer, or refuses.
        """
        scope = Scope(deploy.DEFAULT_ACCOUNT, deploy.DEFAULT_REGION, "ministack")
        with opener.open(self.access.request(path, scope), timeout=_START_SECONDS) as answer:
            return json.load(answer)

    def check(self) -> None:
        """Check that the emulator is running.

        Raises:
            EmulatorError: The emulator has ended.
        """
        if (status := self.process.poll()) is not None:
            for thread in self._threads:
                thread.join(STOP_SECONDS)
            raise EmulatorError(f"the emulator ended with status {status}:\n{self.log}")

    def _settings(self, port: int, temporary: Path, report_fd: int) -> dict[str, str]:
        return {
            "LOCAL_EMULATOR_REPORT_FD": str(report_fd),
            "LOCAL_EMULATOR_RESOURCE_TYPES": json.dumps(self.resource_types),
            "LOCAL_EMULATOR_RUN_DIRECTORY": str(self.run_directory),
            "TMPDIR": str(temporary),
            "STATE_DIR": str(temporary / "state"),  # Cognito's private keys, by default in /tmp
            "S3_DATA_DIR": str(temporary / "s3"),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "LOG_LEVEL": "WARNING",
            "IOT_MTLS_ENABLED": "0",  # these two would listen on other ports
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{temporary / 'no-docker'}",  # MiniStack would remove containers
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            self.check()
            try:
                self.get("/_ministack/health")
            except URLError as error:
                if time.monotonic() > deadline:
                    raise EmulatorError(
                        f"the emulator does not answer after {_START_SECONDS:g} seconds "
                        f"({error.reason}):\n{self.log}"
                    ) from error
            else:
                self._up.set()
                return
            time.sleep(0.02)

    def _read_reports(self, fd: int) -> None:
        with os.fdopen(fd, encoding="utf-8") as lines:
            for line in lines:
                report = json.loads(line)
                if "placeholders" in report:
                    self.placeholders = report["placeholders"]
                else:
                    self.on_request(report)

    def _read_log(self) -> None:
        assert self.process.stderr is not None  # noqa: S101 - it is a pipe, see __enter__
        with self.process.stderr as lines:
            for line in lines:
                self._log.append(line.rstrip("\n"))
                # The log of the start matters only if the start fails.
                if self._up.is_set():
                    self.on_log(line.rstrip("\n"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
