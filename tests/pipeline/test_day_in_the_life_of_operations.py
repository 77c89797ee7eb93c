"""A day of whoever is on call: 1,000 events, 50 of them bad, and a destination that is down.

The dashboard's metrics, the console, ``rejected``, ``redrive`` and the destination must agree.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from cdk_gtm_connector.tokens import mint
from cdk_gtm_connector_cli.local_run import VARIABLE
from cdk_gtm_connector_cli.main import run
from local.pipeline.running import running
from local.stand_in.values import Behavior
from tests.cli.conftest import CONTEXT, SITE, run_file
from tests.pipeline.conftest import RecordingJournal, logged_batches, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.pipeline.stack import Pipeline
    from tests.pipeline.conftest import Send

GOOD = 950
OF_EACH_KIND = 10
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
    for number in range(GOOD):
        query = urlencode({"event": "buy", "endpoint_id": f"visitor-{number}"})
        assert send(query, headers={"Origin": SITE}).status == 200

    def tried_again() -> bool | None:
        return True if any(it["ReceiveCount"] > 1 for it in pipeline.peek("QueueName")) else None

    wait_for("message that comes again", tried_again)
    server.behavior = Behavior(refuse_event_types=refusing)

    def arrivals() -> dict[str, Any]:
        return dict(pipeline.arrivals["kinesis"].events)

    wait_for("good events", lambda: True if len(arrivals()) >= GOOD else None)
    wait_for("rejected", lambda: True if counters()["invalid_messages"] == 40 else None)
    wait_for("refused", lambda: True if counters()["dead_letters"] == 10 else None)

    summed = metrics(pipeline)
    kinds = ("unset", "origin", "refused", "foreign_endpoint", "malformed")
    for reason in kinds:
        assert summed[f"rejected_by_reason.{reason}"] == OF_EACH_KIND, (reason, summed)
    assert summed["rejected"] == 5 * OF_EACH_KIND
    assert summed["delivered"] == GOOD
    assert summed["retried"] > 0
    assert summed["received"] == GOOD + 5 * OF_EACH_KIND + summed["retried"]
    groups = Counter[str]()
    for it in command("rejected")["groups"]:
        groups[it["reason"]] += it["messages"]
    assert groups == dict.fromkeys(kinds, OF_EACH_KIND)

    assert command("redrive", "--yes")["moved"] == 0
    server.behavior = Behavior()
    assert command("redrive", "--yes", "--reason", "refused")["moved"] == OF_EACH_KIND
    wait_for("mended", lambda: True if len(arrivals()) >= GOOD + OF_EACH_KIND else None)
    assert len(arrivals()) == GOOD + OF_EACH_KIND
    wait_for("console", lambda: True if counters()["dead_letters"] == 0 else None)
    assert metrics(pipeline)["delivered"] == GOOD + OF_EACH_KIND
    assert counters()["invalid_messages"] == 4 * OF_EACH_KIND
