"""One pipeline for all tests of the command, and a runner of the command."""

from __future__ import annotations

import base64
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote_plus, urlencode

import pytest

from cdk_gtm_connector_cli.local_run import VARIABLE
from cdk_gtm_connector_cli.main import run
from cdk_gtm_connector_cli.messages import event_id_of
from local.stand_in.values import Behavior
from tests.patience import HANG_SECONDS
from tests.pipelines import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local.pipeline.stack import Pipeline

SITE = "https://shop.example"
CONTEXT = {
    "destination": "kinesis,firehose",
    "max_batching_window": "1",
    "signed_token": "true",
    "allowed_origins": SITE,
}


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of a run of the command."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one line of JSON on standard output."""
        (line,) = self.out.splitlines()
        return json.loads(line)


class Command(Protocol):
    """A runner of ``gtm-connector --local`` on the pipeline."""

    def __call__(self, *arguments: str) -> Ran:
        """Run the command, and return its result."""
        ...


@pytest.fixture(scope="session")
def _running_pipeline() -> Iterator[Pipeline]:
    # The emulator's output would be mixed with the command's.
    with running(context=CONTEXT, say=lambda _: None) as pipeline:
        yield pipeline


@pytest.fixture
def pipeline(_running_pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """Return the pipeline, with nothing in the queues of rejected messages."""
    monkeypatch.setenv(VARIABLE, str(run_file(_running_pipeline)))
    sqs = _running_pipeline.client("sqs")
    for output in REJECTED:
        sqs.purge_queue(QueueUrl=_running_pipeline.queue_url(output))
    yield _running_pipeline
    for server in _running_pipeline.servers.values():
        server.behavior = Behavior()
    _running_pipeline.emulator.check()


REJECTED = ("DeadLetterQueueName", "FirehoseDeadLetterQueueName", "InvalidMessageQueueName")


def run_file(pipeline: Pipeline) -> Path:
    """Return the file that the command reads to find a run."""
    for path in Path(tempfile.gettempdir()).glob("gtm-connector-*/run.json"):
        if json.loads(path.read_text("utf-8"))["url"] == pipeline.emulator.url:
            return path
    raise AssertionError("the run has written no file")


@pytest.fixture
def command(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return the runner."""
    assert pipeline.endpoint_url

    def run_command(*arguments: str) -> Ran:
        capsys.readouterr()
        status = run([*arguments, "--local"])
        captured = capsys.readouterr()
        return Ran(status, captured.out, captured.err)

    return run_command


def new_request_id() -> str:
    """Return a request id in API Gateway's format."""
    return base64.b64encode(os.urandom(11)).decode()


def body_of(request_id: str, parameters: Mapping[str, str], **envelope: str) -> str:
    """Return a queue message, as the endpoint writes it."""
    first = {
        "v": "1",
        "time": str(int(time.time() * 1000)),
        "id": request_id,
        "access": "anonymous",
        **envelope,
    }
    return f"{urlencode(first, quote_via=quote_plus)}\n{urlencode(parameters)}"


def put(
    pipeline: Pipeline,
    output: str,
    body: str,
    **attributes: str,
) -> None:
    """Send a message to a queue as the function sends rejected ones."""
    pipeline.client("sqs").send_message(
        QueueUrl=pipeline.queue_url(output),
        MessageBody=body,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    )


def dead_event(pipeline: Pipeline, output: str = "DeadLetterQueueName", **attributes: str) -> str:
    """Put an event into a queue of rejected messages, and return its id."""
    request_id = new_request_id()
    put(pipeline, output, body_of(request_id, {"event": "buy", "endpoint_id": "me"}), **attributes)
    return event_id_of(request_id)


def arrived(pipeline: Pipeline, kind: str) -> set[str]:
    """Return the ids of the events that a destination has."""
    return set(pipeline.arrivals[kind].events)


def wait_until(what: str, probe: Callable[[], bool]) -> None:
    """Wait until ``probe`` returns true."""
    deadline = time.monotonic() + HANG_SECONDS
    while not probe():
        assert time.monotonic() < deadline, f"not within {HANG_SECONDS:g} seconds: {what}"
        time.sleep(0.05)
