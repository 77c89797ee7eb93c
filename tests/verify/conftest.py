"""Two local pipelines: one with a queue, and one with a topic and several queues."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cdk_gtm_connector.tokens import mint
from cdk_gtm_connector_cli.context import Context
from cdk_gtm_connector_cli.local_run import LocalRun
from cdk_gtm_connector_cli.verify.catalog import QUESTIONS
from cdk_gtm_connector_cli.verify.deployment import Deployment
from cdk_gtm_connector_cli.verify.journal import Journal
from cdk_gtm_connector_cli.verify.running import Run
from tests.pipelines import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cdk_gtm_connector_cli.verify.question import Conclusion
    from local.pipeline.stack import Pipeline

SITES = "https://shop.example,https://www.shop.example"
QUEUE = {
    "destination": "kinesis",
    "max_batching_window": "1",
    "allowed_origins": SITES,
    "signed_token": "true",
    "firewall_rate_limit": "2000",
}
TOPIC = {"destination": "kinesis,firehose", "max_batching_window": "1"}

ALL_PERMISSIONS = frozenset({"--may-redeploy", "--may-write-profiles"})


def run_file(pipeline: Pipeline) -> Path:
    """Return the file that the command reads to find a run."""
    for path in Path(tempfile.gettempdir()).glob("gtm-connector-*/run.json"):
        if json.loads(path.read_text("utf-8"))["url"] == pipeline.emulator.url:
            return path
    raise AssertionError("the run has written no file")


def deployment_of(pipeline: Pipeline) -> Deployment:
    """Return the deployment as the command finds it: by CloudFormation's outputs."""
    run = LocalRun(**json.loads(run_file(pipeline).read_text("utf-8")))
    output: Any = None  # nothing here writes
    token = ""
    if secret := pipeline.outputs.get("TokenSecretArn"):
        key = pipeline.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
        token = mint(key, subject="verify", endpoint_id="someone")
    found = Deployment.of(Context(output=output, stack=run.stack, local=run), token)
    return Deployment(**{**vars(found), "pause": 0.2})


@contextmanager
def _deployed(context: Mapping[str, str]) -> Iterator[tuple[Pipeline, Deployment]]:
    with running(context=context) as pipeline:
        yield pipeline, deployment_of(pipeline)
        pipeline.emulator.check()


@pytest.fixture(scope="session")
def with_queue() -> Iterator[tuple[Pipeline, Deployment]]:
    """Return a pipeline with one destination, and the deployment in it."""
    with _deployed(QUEUE) as found:
        yield found


@pytest.fixture(scope="session")
def with_topic() -> Iterator[tuple[Pipeline, Deployment]]:
    """Return a pipeline with two destinations, and the deployment in it."""
    with _deployed(TOPIC) as found:
        yield found


def ask(
    deployment: Deployment,
    ids: Sequence[str] = (),
    write: Callable[[Mapping[str, Any]], None] = lambda _: None,
    patience: float = 30,
) -> Mapping[str, Conclusion]:
    """Ask questions, and return the findings. Default: all questions."""
    questions = [each for each in QUESTIONS if not ids or each.id in ids]
    run = Run(
        deployment=deployment,
        questions=questions,
        journal=Journal(write),
        permissions=ALL_PERMISSIONS,
        patience=patience,
    )
    return run.ask()
