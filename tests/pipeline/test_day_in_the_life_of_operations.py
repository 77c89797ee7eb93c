"""A day of whoever is on call: 1,000 events, 50 of them bad, a destination that is down, a kill.

The dashboard's metrics, the console, ``rejected``, ``redrive`` and the destination must agree.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from cdk_gtm_connector.tokens import mint
from cdk_gtm_connector_cli.local_run import VARIABLE
from cdk_gtm_connector_cli.main import run
from local.stand_in.values import Behavior
from tests.cli.conftest import CONTEXT, SITE, run_file
from tests.pipeline.conftest import RecordingJournal, logged_batches, wait_for
from tests.pipelines import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.pipeline.stack import Pipeline
    from tests.pipeline.conftest import Send

GOOD = 950
IN_THE_KILLED_BATCH = 100  # of the good ones
OF_EACH_KIND = 10
KINDS = ("unset", "origin", "refused", "foreign_endpoint", "malformed")
VISIBILITY_SECONDS = 8
COUNT = re.compile(r'\{ \(\$\.message = "batch"\) && \(\$\.([\w.]+) > 0\) \}')


@pytest.fixture(scope="module")
def journal() -> RecordingJournal:
    """Return the journal of this module's own pipeline."""
    return RecordingJournal()


@pytest.fixture(scope="module")
def _running_pipeline(journal: RecordingJournal) -> Iterator[Pipeline]:
    context = {**CONTEXT, "destination": "kinesis"}
    with running(context=context, journal=journal, say=lambda _: None) as pipeline:
        pipeline.client("sqs").set_queue_attributes(
            QueueUrl=pipeline.queue_url("QueueName"),
            Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)},
        )
        yield pipeline


def metrics(pipeline: Pipeline) -> Counter[str]:
    """Return the sum of each metric that the template's filters make of the function's lines."""
    lines = logged_batches(pipeline)
    found: Counter[str] = Counter()
    for resource in pipeline.assembly.template["Resources"].values():
        if resource["Type"] != "AWS::Logs::MetricFilter":
            continue
        made = resource["Properties"]
        pattern = COUNT.fullmatch(made["FilterPattern"])
        if pattern is None:  # of the authorizer, or of problems
            continue
        (transformation,) = made["MetricTransformations"]
        assert transformation["MetricValue"] == f"$.{pattern[1]}"
        found[transformation["MetricName"]] = sum(value_of(line, pattern[1]) for line in lines)
    return found


def value_of(line: Mapping[str, Any], path: str) -> int:
    """Return the number at a path of a line; 0 if there is none."""
    value: Any = line
    for name in path.split("."):
        value = value.get(name, 0) if isinstance(value, dict) else 0
    return int(value)


def send_bad(send: Send, pipeline: Pipeline) -> None:
    """Send ten events of each of five kinds that are rejected."""
    secret = pipeline.client("secretsmanager").get_secret_value(
        SecretId=pipeline.outputs["TokenSecretArn"]
    )["SecretString"]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    event = {"event": "buy", "endpoint_id": "me"}
    for _ in range(OF_EACH_KIND):
        send("", method="POST", headers=form, body="event=undefined&endpoint_id=me")
        send(urlencode(event), headers={"Origin": "https://other.example"})
        send(urlencode({**event, "event": "faulty"}))
        token = mint(secret, subject="visitor", endpoint_id="somebody-else")
        send(urlencode({**event, "token": token}), url=pipeline.authenticated_endpoint_url)
        pipeline.client("sqs").send_message(
            QueueUrl=pipeline.queue_url("QueueName"), MessageBody="nobody's"
        )


def instances(pipeline: Pipeline) -> list[int]:
    """Return the processes of the delivery function's instances."""
    process = pipeline.emulator.process
    assert process is not None
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().decode()
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended meanwhile
            continue
        if parent == process.pid and "_worker.py" in command and "DeliveryFunction" in command:
            found.append(int(entry.name))
    return found


def kill_in_the_middle_of_a_batch(pipeline: Pipeline) -> None:
    """Kill the function's instances once a request of theirs waits for its answer."""
    server = pipeline.servers["kinesis"]
    slow = server.behavior.slow_next
    wait_for("request", lambda: True if server.behavior.slow_next < slow else None)
    killed = instances(pipeline)
    assert killed
    for process in killed:
        os.kill(process, signal.SIGKILL)


def assert_metrics_agree(pipeline: Pipeline) -> None:
    """Assert that the dashboard's numbers are those of what was sent, and of the console."""
    summed = metrics(pipeline)
    for reason in KINDS:
        assert summed[f"rejected_by_reason.{reason}"] == OF_EACH_KIND, (reason, summed)
    assert (summed["delivered"], summed["rejected"]) == (GOOD, 5 * OF_EACH_KIND)
    assert summed["retried"] > 0
    # A killed batch writes no line: those that there are agree with each other.
    assert summed["received"] == summed["delivered"] + summed["rejected"] + summed["retried"]
    assert summed["throttles"] == 0

    def settled() -> dict[str, Any] | None:
        counted: dict[str, Any] = pipeline.journal.changes(0)["counters"]
        return counted if counted["waiting"] == 0 else None

    counted = wait_for("empty queue", settled)
    assert counted["received"] == GOOD + 4 * OF_EACH_KIND  # one kind goes past the endpoint
    assert (counted["delivered"], counted["rejected"]) == (GOOD, 5 * OF_EACH_KIND)


def test_a_day_of_operations(
    send: Send,
    pipeline: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(VARIABLE, str(run_file(pipeline)))

    def command(*arguments: str) -> Any:
        capsys.readouterr()
        run([*arguments, "--local", "--json"])
        return json.loads(capsys.readouterr().out)

    def counters() -> dict[str, Any]:
        found: dict[str, Any] = pipeline.journal.changes(0)["counters"]
        return found

    server = pipeline.servers["kinesis"]
    refusing = frozenset({"faulty"})
    server.behavior = Behavior(refuse_event_types=refusing, fail_share=1)
    send_bad(send, pipeline)

    def send_good(number: int) -> Iterator[str | None]:
        for at in range(number):
            query = urlencode({"event": "buy", "endpoint_id": f"visitor-{at}"})
            answer = send(query, headers={"Origin": SITE})
            assert answer.status == 200
            yield answer.event_id

    sent = {*send_good(GOOD - IN_THE_KILLED_BATCH)}

    def tried_again() -> bool | None:
        return True if any(it["ReceiveCount"] > 1 for it in pipeline.peek("QueueName")) else None

    wait_for("message that comes again", tried_again)
    server.behavior = Behavior(refuse_event_types=refusing)

    def arrivals() -> dict[str, Any]:
        return dict(pipeline.arrivals["kinesis"].events)

    wait_for("good events", lambda: True if len(arrivals()) >= len(sent) else None)
    wait_for("rejected", lambda: True if counters()["invalid_messages"] == 40 else None)
    wait_for("refused", lambda: True if counters()["dead_letters"] == 10 else None)

    server.behavior = Behavior(refuse_event_types=refusing, slow_next=9, slow_seconds=600)
    sent |= {*send_good(IN_THE_KILLED_BATCH)}
    kill_in_the_middle_of_a_batch(pipeline)
    server.behavior = Behavior(refuse_event_types=refusing)
    wait_for("all good events", lambda: True if len(arrivals()) >= GOOD else None)
    wait_for("last line", lambda: True if metrics(pipeline)["delivered"] >= GOOD else None)
    assert arrivals().keys() == sent  # none is lost; at-least-once permits copies

    assert_metrics_agree(pipeline)
    groups = Counter[str]()
    for it in command("rejected")["groups"]:
        groups[it["reason"]] += it["messages"]
    assert groups == dict.fromkeys(KINDS, OF_EACH_KIND)

    assert command("redrive", "--yes")["moved"] == 0
    server.behavior = Behavior()
    assert command("redrive", "--yes", "--reason", "refused")["moved"] == OF_EACH_KIND
    wait_for("mended", lambda: True if len(arrivals()) >= GOOD + OF_EACH_KIND else None)
    assert len(arrivals()) == GOOD + OF_EACH_KIND
    assert sum(it["messages"] for it in command("rejected")["groups"]) == 4 * OF_EACH_KIND
    wait_for("console", lambda: True if counters()["dead_letters"] == 0 else None)
    assert metrics(pipeline)["delivered"] == GOOD + OF_EACH_KIND
    assert counters()["invalid_messages"] == 4 * OF_EACH_KIND
