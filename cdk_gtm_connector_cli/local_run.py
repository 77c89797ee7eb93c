"""Finds the pipeline that ``make run`` runs on this machine.

A run writes ``run.json`` into its temporary directory, which only this user can read. It holds the
emulator's URL and the secret for its requests, and is deleted when the run ends.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cdk_gtm_connector_cli.emulator_client import emulator_client
from cdk_gtm_connector_cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIRECTORIES: Final = "gtm-connector-*"
_FILE: Final = "run.json"

VARIABLE: Final = "GTM_CONNECTOR_RUN"
"""Environment variable with the path of a run's file, to choose one of several runs."""


@dataclass(frozen=True, slots=True)
class LocalRun:
    """A pipeline on this machine.

    Attributes:
        url: URL of the emulator, which serves all services.
        secret: Secret access key for its requests.
        account: Account of the stack.
        region: Region of the stack.
        stack: Name of the stack.
        endpoint_url: URL of ``/events``.
        authenticated_endpoint_url: URL of ``/events/authenticated``; ``None`` if there is none.
        process: Id of its process.
    """

    url: str
    secret: str = field(repr=False)
    account: str
    region: str
    stack: str
    endpoint_url: str
    authenticated_endpoint_url: str | None
    process: int

    @classmethod
    def find(cls) -> LocalRun:
        """Return this user's newest run, or the one that :data:`VARIABLE` names.

        Raises:
            CommandError: There is none.
        """
        if named := os.environ.get(VARIABLE):
            try:
                return cls(**json.loads(Path(named).read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError) as error:
                raise CommandError(
                    f"{VARIABLE} names no file of a run: {named}",
                    "unset it to use the newest run",
                ) from error
        newest = max(_files(), key=lambda path: path.stat().st_mtime_ns, default=None)
        if newest is None:
            raise CommandError(
                f"no pipeline runs on this machine: no {_DIRECTORIES}/{_FILE} in "
                f"{tempfile.gettempdir()}",
                "start one with make run, in another terminal",
            )
        return cls(**json.loads(newest.read_text(encoding="utf-8")))

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a boto3 client for a service in the emulator."""
        return emulator_client(
            service,
            url=self.url,
            secret=self.secret,
            account=self.account,
            region=region or self.region,
        )


def _files() -> Iterator[Path]:
    """Yield the files of this user's runs whose processes are alive."""
    for path in Path(tempfile.gettempdir()).glob(f"{_DIRECTORIES}/{_FILE}"):
        try:
            # Another user's file could direct this user's commands to another server.
            if path.stat().st_uid == os.getuid() == path.parent.stat().st_uid:
                os.kill(json.loads(path.read_text(encoding="utf-8"))["process"], 0)
                yield path
        except (OSError, ValueError, KeyError):
            continue
