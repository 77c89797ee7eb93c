"""``gtm-connector redrive``: moves what can be delivered now, and never loses anything."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from cdk_gtm_connector_cli.context import Context
from cdk_gtm_connector_cli.local_run import LocalRun
from cdk_gtm_connector_cli.output import Output
from cdk_gtm_connector_cli.queues import rejection_queues
from cdk_gtm_connector_cli.redriving import Pace, Redrive, Selection
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
    from collections.abc import Sequence

    from cdk_gtm_connector_cli.queues import RejectionQueue
    from local.pipeline.stack import Pipeline
    from tests.cli.conftest import Command

MESSAGES = 12  # two batches
STEPS = 24  # more than there are


def in_queue(pipeline: Pipeline, output: str) -> set[str]:
    """Return the ids of the events in a queue, hidden ones as well."""
    return {event_id_of(it["Body"]) or "" for it in pipeline.peek(output)}


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
    assert "Nothing was moved. Run it with --yes to move them" in command("redrive").out
    assert in_queue(pipeline, "DeadLetterQueueName") == ids

    assert command("redrive", "--yes", "--json").document["moved"] == MESSAGES
    assert in_queue(pipeline, "DeadLetterQueueName") == set()
    wait_until("all at the destination", lambda: ids <= arrived(pipeline, "kinesis"))
    again = command("redrive", "--yes")
    assert (again.status, "There is nothing to move" in again.out) == (0, True)


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
        "does not know the reason 'from_tomorrow'",
        "select it with --reason refused",
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
    began = Selection(reasons=["refused"], sent_before=1)
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


@dataclass(frozen=True)
class _Step:
    """A redrive that is stopped at one of its requests, and the queue that it has for itself."""

    url: str
    ids: frozenset[str]

    def queue(self, context: Context) -> RejectionQueue:
        """Return the queue as a redrive takes it: as that of the first destination."""
        return replace(rejection_queues(context.connector, ["kinesis"])[0], url=self.url)


def _step(pipeline: Pipeline) -> _Step:
    """Create a queue of rejected messages, with two batches of them."""
    sqs = pipeline.client("sqs")
    url = sqs.create_queue(QueueName=f"stopped-{uuid4()}")["QueueUrl"]
    ids = set()
    for number in (10, MESSAGES - 10):
        requests = [new_request_id() for _ in range(number)]
        entries = [
            {"Id": str(at), "MessageBody": body_of(it, {"event": "buy", "endpoint_id": "me"})}
            for at, it in enumerate(requests)
        ]
        assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
        ids |= {event_id_of(it["MessageBody"]) or "" for it in entries}
    return _Step(url, frozenset(ids))


def _are_somewhere(pipeline: Pipeline, steps: Sequence[_Step]) -> bool:
    """Return whether no event is lost; the places are looked at in the order of their way."""
    found = {event_id_of(it["Body"]) for step in steps for it in pipeline.peek_at(step.url)}
    found |= in_queue(pipeline, "QueueName")
    found |= arrived(pipeline, "kinesis")
    return all(step.ids <= found for step in steps)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_it_goes_on_where_it_was_interrupted(pipeline: Pipeline, *, after: bool) -> None:
    steps = []
    for number in range(1, STEPS):
        step = _step(pipeline)
        context = Context(Output(as_json=True), local=LocalRun.find())
        stop = _Stop(number, after=after)
        for service in ("sqs", "sns"):
            context.client(service).meta.events.register(stop.event, stop)
        # What was received and not seen comes back after a second, not after two minutes.
        redrive = Redrive(context, Selection(), hidden_seconds=1)
        try:
            redrive.run(step.queue(context), Pace(0), lambda _: None)
        except KeyboardInterrupt:
            steps.append(step)
        else:
            break
    else:
        pytest.fail("the command takes more steps than were tried")
    assert len(steps) > 6, "too few steps to have been interrupted between all of them"
    # Between the queue and what is read at the destination is a moment.
    wait_until("all after each step", lambda: _are_somewhere(pipeline, steps))

    context = Context(Output(as_json=True), local=LocalRun.find())
    again = Redrive(context, Selection(), hidden_seconds=1)

    def is_emptied(step: _Step) -> bool:
        if pipeline.peek_at(step.url):
            again.run(step.queue(context), Pace(0), lambda _: None)
        return not pipeline.peek_at(step.url)

    for number, step in enumerate(steps, 1):
        wait_until(f"an empty queue after step {number}", partial(is_emptied, step))
    ids = frozenset[str]().union(*(step.ids for step in steps))
    wait_until("all of them", lambda: ids <= arrived(pipeline, "kinesis"))


# A process for each queue, forked from one that has imported everything: that is what takes long.
KILLED = """
import json, os, signal, sys
from dataclasses import replace
from cdk_gtm_connector_cli.context import Context
from cdk_gtm_connector_cli.local_run import LocalRun
from cdk_gtm_connector_cli.output import Output
from cdk_gtm_connector_cli.queues import rejection_queues
from cdk_gtm_connector_cli.redriving import Selection, Pace, Redrive


def redrive(number, url):
    calls = 0

    def kill(**_):
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)

    context = Context(Output(), local=LocalRun.find())
    context.client("sqs").meta.events.register(sys.argv[1], kill)
    queue = rejection_queues(context.connector, ["kinesis"])[0]
    Redrive(context, Selection()).run(replace(queue, url=url), Pace(0), lambda _: None)


for number, url in enumerate(sys.argv[2:], 1):
    if not (child := os.fork()):
        redrive(number, url)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(status)
    if status != -signal.SIGKILL:
        break
"""


@pytest.mark.parametrize("event", ["before-call.*.*", "after-call.*.*"])
def test_nothing_is_lost_when_it_is_killed_at_any_step(pipeline: Pipeline, event: str) -> None:
    steps = [_step(pipeline) for _ in range(STEPS)]
    program = (sys.executable, "-c", KILLED, event, *(step.url for step in steps))
    ran = subprocess.run(program, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    statuses = [int(line) for line in ran.stdout.split()]
    # Between the queue and what is read at the destination is a moment.
    wait_until("all after each step", lambda: _are_somewhere(pipeline, steps))
    assert statuses[-1] == 0, "the command failed, or takes more steps than were tried"
    assert len(statuses) > 7, "too few steps to have been killed between all of them"


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
