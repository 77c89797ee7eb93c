"""A day of a shop: 50 visitors, 2,000 events, retries and duplicates, and what profiles then say.

Anonymous visitors may set ``theme``, signed-in ones ``plan``. Each sends what it may not as well.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from cdk_gtm_connector.tokens import mint
from local.destinations.customer_profiles import ProfilesServer
from local.stand_in.values import Behavior
from tests.pipeline.conftest import RecordingJournal, wait_for
from tests.pipelines import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from local.pipeline.stack import Pipeline
    from tests.pipeline.conftest import Send

VISITORS = 50
EVENTS = 2_000
ROUNDS = EVENTS // VISITORS
SIGNED_IN = 25  # the first of the visitors; of them too, each third event is anonymous
CALM = 26
"""The turn from which on nothing fails. An older event that comes again late sets its attributes
after a newer one, see docs/decisions/0025: so everybody sets them once more, in order."""
VISIBILITY_SECONDS = 5


@pytest.fixture(scope="module")
def journal() -> RecordingJournal:
    """Return the journal of this module's own pipeline."""
    return RecordingJournal()


@pytest.fixture(scope="module")
def _running_pipeline(journal: RecordingJournal) -> Iterator[Pipeline]:
    with running(
        app="tests/pipeline/shop_of_profiles.py", journal=journal, say=lambda _: None
    ) as pipeline:
        pipeline.client("sqs").set_queue_attributes(
            QueueUrl=pipeline.queue_url("QueueName"),
            Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)},
        )
        yield pipeline


@dataclass
class Expected:
    """What a profile must say at the end."""

    attributes: dict[str, str] = field(default_factory=dict)
    spent: Decimal = Decimal(0)
    purchases: int = 0
    events: int = 0
    started: Counter[str] = field(default_factory=Counter)


@dataclass
class Day:
    """Sends the day's events in their order, and knows what they must lead to."""

    send: Send
    pipeline: Pipeline
    secret: str
    expected: dict[str, Expected] = field(default_factory=lambda: defaultdict(Expected))

    def visit(self, number: int, turn: int, chosen: random.Random) -> None:
        """Send one event of a visitor."""
        endpoint_id = f"visitor-{number}"
        signed = number < SIGNED_IN and turn % 3 != 2
        event_type = chosen.choice(["page_view", "purchase", "cart"])
        query = {"event": event_type, "endpoint_id": endpoint_id}
        expected = self.expected[endpoint_id]
        expected.events += 1
        if event_type == "purchase":
            price = Decimal(chosen.randrange(1, 10_000)) / 100
            query["evmt_price"] = str(price)
            expected.spent += price
            expected.purchases += 1
            expected.started["first"] = 1  # once in seven days
        if event_type == "cart":
            value = chosen.choice(["50", "50.01", "1e3", "-60"])
            query["evmt_value"] = value
            if signed and Decimal(value) > 50:
                expected.started["cart"] += 1
        if chosen.random() < 0.5 or turn >= CALM:
            said = {"plan": f"plan {turn}", "theme": f"theme {turn}"}
            query |= {f"usat_{name}": value for name, value in said.items()}
            permitted = "plan" if signed else "theme"
            expected.attributes[f"Attributes.{permitted}"] = said[permitted]
        self._send(query, signed=signed)

    def say_farewell(self, number: int) -> None:
        """Send the last event of a visitor, which starts something for those who bought."""
        endpoint_id = f"visitor-{number}"
        expected = self.expected[endpoint_id]
        expected.events += 1
        expected.started["farewell"] = int(expected.spent > 0)
        self._send({"event": "farewell", "endpoint_id": endpoint_id}, signed=False)

    def _send(self, query: dict[str, str], *, signed: bool) -> None:
        url = None
        if signed:
            url = self.pipeline.authenticated_endpoint_url
            query["token"] = mint(self.secret, subject=query["endpoint_id"])
        assert self.send(urlencode(query), url=url).status == 200


def started(server: ProfilesServer, endpoint_id: str) -> Counter[str]:
    """Return how often each trigger started something for an endpoint."""
    profile = server.profiles[endpoint_id,]
    return Counter({name: len(times) for name, times in profile.started.items()})


def settled(pipeline: Pipeline, server: ProfilesServer, events: int) -> None:
    """Wait until so many different events have arrived and nothing waits any more."""

    def done() -> bool | None:
        waiting = pipeline.journal.changes(0)["counters"]["waiting"]
        return True if server.counts.distinct >= events and not waiting else None

    wait_for(f"{events:,} events", done)


def repeated(server: ProfilesServer, count: int) -> None:
    """Wait until so many events have arrived once more."""
    wait_for("copies", lambda: True if server.counts.repeated >= count else None)


def throttled(server: ProfilesServer) -> None:
    """Wait until a request was throttled."""
    wait_for("throttling", lambda: True if server.counts.statuses[429] else None)


def copies(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Return the messages in the queue, once there are some."""
    return wait_for("message in the queue", lambda: pipeline.peek("QueueName") or None)


def send_again(pipeline: Pipeline, messages: Sequence[Mapping[str, Any]]) -> None:
    """Send copies of messages to the queue."""
    sqs, url = pipeline.client("sqs"), pipeline.queue_url("QueueName")
    for message in messages:
        sqs.send_message(QueueUrl=url, MessageBody=message["Body"])


def test_a_day_of_fifty_visitors(send: Send, pipeline: Pipeline) -> None:
    server = pipeline.servers["customer-profiles"]
    assert isinstance(server, ProfilesServer)
    secret = pipeline.client("secretsmanager").get_secret_value(
        SecretId=pipeline.outputs["TokenSecretArn"]
    )["SecretString"]
    day = Day(send, pipeline, secret)
    chosen = random.Random(12)  # noqa: S311 - the same day each time
    behaviors = {
        2: Behavior(throttle_share=1),
        3: Behavior(throttle_share=0.3),
        8: Behavior(fail_records_share=0.2),
        14: Behavior(fail_share=0.3),
        20: Behavior(drop_share=0.2),
        CALM: Behavior(),
    }
    duplicates = 0
    for turn in range(ROUNDS - 1):
        if turn == 3:
            throttled(server)
        server.behavior = behaviors.get(turn, server.behavior)
        if turn == CALM:
            # Nothing may overtake: what waits is delivered before the visitors go on.
            settled(pipeline, server, turn * VISITORS)
        for number in range(VISITORS):
            day.visit(number, turn, chosen)
        if turn == 0:
            # SQS delivers at least once: some messages come twice.
            server.behavior = Behavior(fail_share=1)
        if turn == 1:
            kept = copies(pipeline)
            duplicates = len(kept)
            server.behavior = Behavior()
            settled(pipeline, server, (turn + 1) * VISITORS)
            send_again(pipeline, kept)
            repeated(server, duplicates)
    settled(pipeline, server, EVENTS - VISITORS)
    for number in range(VISITORS):
        day.say_farewell(number)
    settled(pipeline, server, EVENTS)

    assert duplicates > 0
    assert server.counts.distinct == EVENTS
    assert server.counts.repeated >= duplicates
    assert sum(it.events for it in day.expected.values()) == EVENTS
    for endpoint_id, expected in day.expected.items():
        profile = server.profile_of(endpoint_id)
        assert profile is not None
        values = {it["name"]: it["value"] for it in profile["calculated_attributes"]}
        assert profile["attributes"] == expected.attributes, endpoint_id
        assert values["events"] == str(expected.events), endpoint_id
        assert values["purchases"] == str(expected.purchases), endpoint_id
        assert Decimal(values["spent_90_days"] or 0) == expected.spent, endpoint_id
        assert started(server, endpoint_id) == +expected.started, endpoint_id
    assert json.dumps(server.profile_of("visitor-0"))
    for output in ("DeadLetterQueueName", "InvalidMessageQueueName"):
        assert pipeline.peek(output) == []
