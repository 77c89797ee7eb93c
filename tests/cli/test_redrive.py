"""``gtm-connector redrive``: moves what can be delivered now, and never loses anything."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from cdk_gtm_connector_cli.context import Context
from cdk_gtm_connector_cli.local_run import LocalRun
from cdk_gtm_connector_cli.output import Output
from cdk_gtm_connector_cli.queues import rejection_queues
from cdk_gtm_connector_cli.redriving import Choice, Pace, Redrive
from local.messages import event_id_of
from local.pipeline.synthesis import ROOT
from local.stand_in.values import Behavior
from tests.cli.conftest import (
    SITE,
    arrived,
    body_of,
    dead_event,
    new_request_id,
    put,
    wait_until,
)

if TYPE_CHECKING:
    from local.pipeline.stack import Pipeline
    from tests.cli.conftest import Command

MESSAGES = 12  # two batches
STEPS = 40  # more than there are; the tests end at the first that the command survives


def in_queue(pipeline: Pipeline, output: str) -> set[str]:
    """Return the ids of the events in a queue, hidden ones as well."""
    return {event_id_of(it["Body"]) or "" for it in pipeline.peek(output)}


def _are_somewhere(pipeline: Pipeline, ids: set[str]) -> bool:
    """Return whether no event is lost; the places are looked at in the order of their way."""
    found = in_queue(pipeline, "DeadLetterQueueName")
    found |= in_queue(pipeline, "QueueName")
    return ids <= found | arrived(pipeline, "kinesis")


def _is_emptied(pipeline: Pipeline, redrive: Redrive) -> bool:
    """Run a redrive once more; return whether nothing is left."""
    context = Context(Output(as_json=True), local=LocalRun.find())
    redrive.run(rejection_queues(context.connector, ["kinesis"])[0], Pace(0), lambda _: None)
    return not in_queue(pipeline, "DeadLetterQueueName")


def _are_at(pipeline: Pipeline, kind: str, ids: set[str]) -> bool:
    return ids <= arrived(pipeline, kind)


def test_a_dry_run_moves_nothing_and_the_real_one_everything(
    pipeline: Pipeline, command: Command
) -> None:
    ids = {dead_event(pipeline) for _ in range(MESSAGES)}
    dry = command("redrive", "--json")
    assert (dry.status, dry.document["plan"]["going"], dry.document["moved"]) == (0, MESSAGES, 0)
    assert in_queue(pipeline, "DeadLetterQueueName") == ids
    assert command("redrive", "--dry-run", "--yes", "--json").document["moved"] == 0
    assert "Nothing was moved: --yes moves them" in command("redrive").out
    assert in_queue(pipeline, "DeadLetterQueueName") == ids

    assert command("redrive", "--yes", "--json").document["moved"] == MESSAGES
    assert in_queue(pipeline, "DeadLetterQueueName") == set()
    wait_until("all at the destination", lambda: ids <= arrived(pipeline, "kinesis"))
    again = command("redrive", "--yes")
    assert (again.status, "Nothing is to be moved" in again.out) == (0, True)


def test_what_would_only_be_rejected_again_stays(pipeline: Pipeline, command: Command) -> None:
    invalid = "InvalidMessageQueueName"
    unset = {"event": "undefined", "endpoint_id": "me"}
    event = {"event": "buy", "endpoint_id": "me"}
    put(pipeline, invalid, body_of(new_request_id(), unset), Reason="unset")
    # A retried message may be a caller's mistake just as well.
    put(pipeline, "DeadLetterQueueName", body_of(new_request_id(), unset))
    put(pipeline, "DeadLetterQueueName", "nobody's", Reason="malformed")
    foreign = body_of(new_request_id(), event, origin="https://evil.example")
    put(pipeline, invalid, foreign, Reason="origin")
    put(
        pipeline,
        invalid,
        body_of(new_request_id(), event),
        Reason="too_large",
        Destination="kinesis",
    )
    put(pipeline, "DeadLetterQueueName", body_of(new_request_id(), event), Reason="from_tomorrow")
    dead_event(pipeline, Reason="refused", Detail="400 no")
    ran = command("redrive", "--yes", "--json")
    assert (ran.document["plan"]["going"], ran.document["moved"]) == (0, 0)
    verdicts = " ".join(it["verdict"] for it in ran.document["plan"]["verdicts"])
    for words in (
        "rejected again as unset: the parameter event is the word undefined",
        "rejected again as malformed: the body is not two lines",
        "rejected again as origin: the Origin header names another site",
        "kinesis would refuse it again: too_large",
        "takes a newer gtm-connector",
        "name it with --reason refused",
    ):
        assert words in verdicts
    assert sum(it["messages"] for it in ran.document["plan"]["verdicts"]) == 7


def test_a_mistake_that_settings_have_mended_goes_back_to_every_destination(
    pipeline: Pipeline, command: Command
) -> None:
    # The owner has added the site since.
    request_id = new_request_id()
    body = body_of(request_id, {"event": "buy", "endpoint_id": "me"}, origin=SITE)
    put(pipeline, "InvalidMessageQueueName", body, Reason="origin", Detail="names another site")
    ran = command("redrive", "--yes", "--json")
    assert ran.document["moved"] == 1
    (verdict,) = ran.document["plan"]["verdicts"]
    assert verdict["verdict"] == "goes back to every destination"
    event_id = event_id_of(body)
    for kind in ("kinesis", "firehose"):
        wait_until(kind, partial(_are_at, pipeline, kind, {event_id or ""}))


def test_what_a_destination_refused_goes_back_if_its_owner_says_so(
    pipeline: Pipeline, command: Command
) -> None:
    refused = dead_event(pipeline, Reason="refused")
    retried = dead_event(pipeline)
    assert command("redrive", "--yes", "--reason", "refused", "--json").document["moved"] == 1
    wait_until("the refused one", lambda: refused in arrived(pipeline, "kinesis"))
    assert in_queue(pipeline, "DeadLetterQueueName") == {retried}


def test_what_is_refused_once_more_does_not_go_round(pipeline: Pipeline, command: Command) -> None:
    pipeline.servers["kinesis"].behavior = Behavior(refuse_event_types=frozenset("*"))
    # So few that the function does not blame the destination, which doctor would find.
    ids = {dead_event(pipeline, Reason="refused") for _ in range(3)}
    # Its clock and that of the queue are this machine's: what comes back is newer.
    ran = command("redrive", "--yes", "--reason", "refused", "--json")
    assert ran.document["moved"] == len(ids)
    wait_until("all rejected again", lambda: in_queue(pipeline, "DeadLetterQueueName") == ids)
    context = Context(Output(as_json=True), local=LocalRun.find())
    began = Choice(reasons=["refused"], sent_before=1)
    queue = rejection_queues(context.connector, ["kinesis"])[0]
    steps: list[int] = []
    Redrive(context, began).run(queue, Pace(0), lambda step: steps.append(step.moved))
    assert max(steps) == 0
    assert in_queue(pipeline, "DeadLetterQueueName") == ids


def test_destination_and_age_choose(pipeline: Pipeline, command: Command) -> None:
    kinesis = dead_event(pipeline)
    firehose = dead_event(pipeline, "FirehoseDeadLetterQueueName")
    for age in (("--older-than", "1h"), ("--newer-than", "0s")):
        ran = command("redrive", "--yes", "--json", *age)
        assert ran.document["moved"] == 0, age
    ran = command("redrive", "--yes", "--json", "--destination", "firehose", "--newer-than", "1h")
    assert ran.document["moved"] == 1
    assert in_queue(pipeline, "DeadLetterQueueName") == {kinesis}
    wait_until("at Firehose", lambda: firehose in arrived(pipeline, "firehose"))
    assert command("redrive", "--older-than", "soon").status == 2


def test_a_message_that_the_queue_does_not_take_stays(pipeline: Pipeline, command: Command) -> None:
    # SQS takes no empty body, and the function writes this for one.
    put(pipeline, "DeadLetterQueueName", "(empty)", Reason="malformed")
    assert command("redrive", "--yes", "--json").document["moved"] == 0
    assert len(pipeline.peek("DeadLetterQueueName")) == 1


class _Stop:
    """Raises Ctrl-C in, or after, the request of a number."""

    def __init__(self, number: int, *, after: bool) -> None:
        self.number = number
        self.calls = 0
        self.event = "after-call.*.*" if after else "before-call.*.*"

    def __call__(self, **_: Any) -> None:
        self.calls += 1
        if self.calls == self.number:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_it_goes_on_where_it_was_interrupted(pipeline: Pipeline, *, after: bool) -> None:
    for number in range(1, STEPS):
        ids = {dead_event(pipeline) for _ in range(MESSAGES)}
        context = Context(Output(as_json=True), local=LocalRun.find())
        stop = _Stop(number, after=after)
        for service in ("sqs", "sns"):
            context.client(service).meta.events.register(stop.event, stop)
        # What was received and not seen comes back after a second, not after two minutes.
        redrive = Redrive(context, Choice(), hidden_seconds=1)
        queue = rejection_queues(context.connector, ["kinesis"])[0]
        try:
            redrive.run(queue, Pace(0), lambda _: None)
        except KeyboardInterrupt:
            pass
        else:
            assert number > 6, "too few steps to have been interrupted between all of them"
            break
        # Between the queue and what is read at the destination is a moment.
        wait_until(f"all after step {number}", partial(_are_somewhere, pipeline, ids))
        wait_until(f"an empty queue after step {number}", partial(_is_emptied, pipeline, redrive))
        wait_until("all of them", partial(_are_at, pipeline, "kinesis", ids))
    else:
        pytest.fail("the command takes more steps than were tried")


KILLED = """
import os, signal, sys
from cdk_gtm_connector_cli.context import Context
from cdk_gtm_connector_cli.local_run import LocalRun
from cdk_gtm_connector_cli.output import Output
from cdk_gtm_connector_cli.queues import rejection_queues
from cdk_gtm_connector_cli.redriving import Choice, Pace, Redrive

calls = 0

def kill(**_):
    global calls
    calls += 1
    if calls == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)

context = Context(Output(), local=LocalRun.find())
context.client("sqs").meta.events.register(sys.argv[2], kill)
queue = rejection_queues(context.connector, ["kinesis"])[0]
Redrive(context, Choice()).run(queue, Pace(0), lambda _: None)
"""


@pytest.mark.parametrize("event", ["before-call.*.*", "after-call.*.*"])
def test_nothing_is_lost_when_it_is_killed_at_any_step(pipeline: Pipeline, event: str) -> None:
    for number in range(1, STEPS):
        ids = {dead_event(pipeline) for _ in range(MESSAGES)}
        program = (sys.executable, "-c", KILLED, str(number), event)
        status = subprocess.run(program, cwd=ROOT, check=False).returncode  # noqa: S603 - ours
        # Between the queue and what is read at the destination is a moment.
        wait_until(f"all after step {number}", partial(_are_somewhere, pipeline, ids))
        if status == 0:
            assert number > 6, "too few steps to have been killed between all of them"
            return
        assert status == -signal.SIGKILL
        pipeline.client("sqs").purge_queue(QueueUrl=pipeline.queue_url("DeadLetterQueueName"))
    pytest.fail("the command takes more steps than were tried")


def test_the_rate_is_kept() -> None:
    now, slept = [100.0], []

    def wait(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(20, wait=wait, clock=lambda: now[0])
    for _ in range(4):
        pace.wait(10)
    assert now[0] == pytest.approx(101.5)
    Pace(0, wait=wait, clock=lambda: now[0]).wait(10_000)
    assert len(slept) == 3
