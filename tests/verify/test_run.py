"""A run of verify: safe for others' events, resumable, and without traces."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cdk_gtm_connector_cli.errors import CommandError
from cdk_gtm_connector_cli.verify import own_messages
from cdk_gtm_connector_cli.verify.__main__ import main
from cdk_gtm_connector_cli.verify.catalog import QUESTIONS
from cdk_gtm_connector_cli.verify.journal import Journal
from cdk_gtm_connector_cli.verify.question import CannotAskError, Verdict
from cdk_gtm_connector_cli.verify.running import Run
from tests.verify.account import deployment
from tests.verify.conftest import ask, run_file
from tests.verify.tampering import Request, Response, Tamper, proxied

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cdk_gtm_connector_cli.verify.deployment import Deployment
    from local.pipeline.stack import Pipeline

OURS = ["repeated-parameters", "semicolon", "json-counts"]
REJECTED = ("InvalidMessageQueueName", "DeadLetterQueueName")


class StoppedError(Exception):
    """Stands for whatever ends a run."""


@pytest.fixture
def there(with_queue: tuple[Pipeline, Deployment]) -> tuple[Pipeline, Deployment]:
    pipeline, found = with_queue
    for output in REJECTED:
        pipeline.client("sqs").purge_queue(QueueUrl=pipeline.queue_url(output))
    return pipeline, found


def test_others_messages_stay_and_its_own_go(there: tuple[Pipeline, Deployment]) -> None:
    pipeline, found = there
    others = ["v=1&id=a\nevent=x", "gtmverify", "gtmverifyabcdefghn0001e: another run's"]
    for body in others:
        pipeline.client("sqs").send_message(
            QueueUrl=pipeline.queue_url("InvalidMessageQueueName"), MessageBody=body
        )
    findings = ask(found, OURS)
    assert {it.verdict for it in findings.values()} == {Verdict.AS_ASSUMED}
    left = pipeline.peek("InvalidMessageQueueName")
    assert sorted(it["Body"] for it in left) == sorted(others)
    assert pipeline.peek("DeadLetterQueueName") == []


def test_no_destination_gets_anything(there: tuple[Pipeline, Deployment]) -> None:
    pipeline, found = there
    ask(found, OURS)
    assert all(server.counts.requests == 0 for server in pipeline.servers.values())
    assert all(not arrivals.events for arrivals in pipeline.arrivals.values())


@pytest.mark.parametrize("after", [1, 5, 9, 20, 33])
def test_a_run_that_is_stopped_goes_on(there: tuple[Pipeline, Deployment], after: int) -> None:
    pipeline, found = there
    lines: list[str] = []

    def write(line: Mapping[str, Any]) -> None:
        if len(lines) == after:
            raise StoppedError
        lines.append(json.dumps(line))

    with pytest.raises(StoppedError):
        ask(found, OURS, write)
    answered = [it for it in map(json.loads, lines) if it.get("answer")]
    journal = Journal(lambda line: lines.append(json.dumps(line)))
    journal.read([*lines, lines[-1][:-3]])  # its last line was cut
    questions = [each for each in QUESTIONS if each.id in OURS]
    findings = Run(deployment=found, questions=questions, journal=journal).ask()
    assert {it.verdict for it in findings.values()} == {Verdict.AS_ASSUMED}
    repeated = [it for it in map(json.loads, lines) if it.get("answer")]
    assert all(repeated.count(it) == 1 for it in answered)
    assert pipeline.peek("InvalidMessageQueueName") == []


def test_nothing_more_is_sent_if_test_requests_have_no_message(
    there: tuple[Pipeline, Deployment],
) -> None:
    _, found = there
    sent: list[Request] = []

    def take(request: Request) -> Response:
        sent.append(request)
        return Response(200)

    with proxied(found) as (proxy, behind):
        proxy.tamper = Tamper(take)
        findings = ask(behind, OURS, patience=0.1)
    assert len(sent) == 4  # a test request of each kind
    assert {it.verdict for it in findings.values()} == {Verdict.NOT_ASKED}
    assert all("test request" in it.detail for it in findings.values())


def test_a_stage_that_changes_under_traffic(there: tuple[Pipeline, Deployment]) -> None:
    _, found = there
    finding = ask(found, ["stage-change"])["stage-change"]
    assert finding.verdict is Verdict.AS_ASSUMED, finding.detail


def test_a_stage_that_loses_what_it_accepts(there: tuple[Pipeline, Deployment]) -> None:
    _, found = there

    def lose(request: Request) -> Request | Response:
        return Response(200) if "n9030e" in request.target else request

    with proxied(found) as (proxy, behind):
        proxy.tamper = Tamper(lose)
        finding = ask(behind, ["stage-change"])["stage-change"]
    assert finding.verdict is Verdict.DIFFERENT
    assert "1 of " in finding.detail


def test_what_writes_elsewhere_needs_permission(there: tuple[Pipeline, Deployment]) -> None:
    _, found = there
    run = Run(deployment=found, questions=QUESTIONS, journal=Journal(lambda _: None))
    assert not any("deployment" in it or "profile" in it for it in run.plan())
    only = [each for each in QUESTIONS if each.id == "stage-change"]
    findings = replace(run, questions=only).ask()
    assert findings["stage-change"].verdict is Verdict.NOT_ASKED
    assert "--may-redeploy" in findings["stage-change"].detail


def test_a_full_queue_is_left_alone() -> None:
    many = {"ApproximateNumberOfMessages": str(own_messages.MOST + 1)}
    client = deployment({"sqs.GetQueueAttributes": {"Attributes": many}}).client("sqs")
    with pytest.raises(CannotAskError, match="gtm-connector rejected"):
        own_messages.check_size(client, "https://sqs.invalid/1/q")


def test_probes_have_names_of_their_own(there: tuple[Pipeline, Deployment]) -> None:
    for question in QUESTIONS:
        names = [probe.about for probe in question.probes(there[1])]
        assert len(set(names)) == len(names), question.id


def test_a_run_of_another_stack_is_not_resumed(there: tuple[Pipeline, Deployment]) -> None:
    journal = Journal(lambda _: None)
    journal.read([json.dumps({"run": "abcd1234", "began": 1, "stack": "Other"})])
    run = Run(deployment=there[1], questions=QUESTIONS, journal=journal)
    with pytest.raises(CommandError, match="Other"):
        run.ask()


@pytest.mark.parametrize("text", ["", "{}", "no JSON", '{"probe": "x"}'])
def test_a_file_that_holds_no_run(text: str) -> None:
    with pytest.raises(CommandError, match="not the output of a run"):
        Journal(lambda _: None).read([text])


def test_the_command(
    there: tuple[Pipeline, Deployment],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("GTM_CONNECTOR_RUN", str(run_file(there[0])))
    only = ["--local", "--only", "semicolon"]
    assert main(only) == 3  # nobody is there to ask
    assert "--yes" in capsys.readouterr().err
    assert main([*only, "--yes", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "marked requests to http" in err
    documents = [json.loads(line) for line in out.splitlines()]
    assert documents[0]["stack"] == there[1].stack
    assert documents[-1] | {"detail": ""} == {
        "question": "semicolon",
        "verdict": "as assumed",
        "detail": "",
    }
    file = tmp_path / "run.jsonl"
    file.write_text(out, encoding="utf-8")
    assert main([*only, "--yes", "--resume", str(file)]) == 0
    assert "semicolon: as assumed" in capsys.readouterr().out
    assert main(["--local", "--yes", "--only", "nothing"]) == 3
