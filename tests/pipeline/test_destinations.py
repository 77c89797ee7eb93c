"""One pipeline that fans out to every destination: what arrives at each, and what becomes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import pytest

from local.destinations.customer_profiles.server import ProfilesServer
from local.destinations.pinpoint.server import PutEventsServer
from local.destinations.pinpoint.service import PutEventsLimits
from local.stand_in.values import Behavior
from tests.pipeline.conftest import RecordingJournal, dead_letter, wait_for
from tests.pipeline.test_values import CASES, HOSTILE
from tests.pipelines import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.pipeline.stack import Pipeline
    from local.stand_in.server import DestinationServer
    from tests.pipeline.conftest import Answer, Send

KINDS = ("kinesis", "firehose", "eventbridge", "customer-profiles", "pinpoint")
WITH_RECORDS = KINDS[:4]
VISIBILITY_SECONDS = 10  # an invocation is over by then, or its messages would come twice
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def journal() -> RecordingJournal:
    """Return the journal of this module's own pipeline."""
    return RecordingJournal()


@pytest.fixture(scope="module")
def _running_pipeline(journal: RecordingJournal) -> Iterator[Pipeline]:
    context = {
        "destination": ",".join(KINDS),
        "anonymous_user_attributes": "*",
        "customer_profiles_attributes": "plan,city=Address.City",
        "customer_profiles_trigger_event": "purchase",
        "max_batching_window": "1",
    }
    putevents = PutEventsServer(
        observer=journal,
        # Pinpoint's own quotas are other tests' business.
        limits=PutEventsLimits(event_types=10_000, attribute_keys=10_000),
        requests_per_second=None,
    )
    with running(context=context, journal=journal, putevents=putevents) as pipeline:
        sqs = pipeline.client("sqs")
        for kind in KINDS:
            # What fails comes back after 6 times the function's time-out: for outages, not tests.
            sqs.set_queue_attributes(
                QueueUrl=pipeline.queue_url(pipeline.output(kind, "QueueName")),
                Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)},
            )
        yield pipeline


def event_id(answer: Answer, *, index: int | None = None) -> str:
    """Return the id that the event of an accepted request has at every destination."""
    assert answer.event_id is not None, answer.body
    return answer.event_id if index is None else f"{answer.event_id}-{index}"


def arrived(pipeline: Pipeline, kind: str, event_id: str) -> Mapping[str, Any] | None:
    """Return what is at a destination of an event: its record, or Pinpoint's event."""
    if kind in pipeline.arrivals:
        copies = pipeline.arrivals[kind].events.get(event_id)
        return copies[-1].event if copies else None
    found = pipeline.servers[kind].delivered.get(event_id)
    return found.event if found else None


def record(pipeline: Pipeline, kind: str, answer: Answer, *, index: int | None = None) -> Any:
    """Return what arrives at a destination of the request that was answered so."""
    found = event_id(answer, index=index)
    return wait_for(f"event at {kind}", lambda: arrived(pipeline, kind, found))


def visitor(pipeline: Pipeline, endpoint_id: str) -> Any:
    """Return an endpoint's user attributes as they are in its visitor object."""

    def found() -> Any:
        server = pipeline.servers["customer-profiles"]
        assert isinstance(server, ProfilesServer)
        profile = server.profiles[endpoint_id,]
        objects = {name: document for (name, _), document in profile.objects.items()}
        return objects["GtmVisitor"]["user_attributes"] if "GtmVisitor" in objects else None

    return wait_for("visitor object", found)


def uncut(case: Mapping[str, Any]) -> dict[str, str]:
    """Return a case's attributes as they were sent: the case has them as Pinpoint takes them."""
    sent = dict(parse_qsl(case["query"].replace(";", "&"), keep_blank_values=True))
    whole = {name: sent[f"evat_{name}"] for name in case["attributes"]}
    assert {name: value[:200] for name, value in whole.items()} == case["attributes"]
    return whole


def test_the_same_requests_arrive_whole_at_every_destination(
    send: Send, pipeline: Pipeline
) -> None:
    cases = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    # Of the few endpoints that come twice, the user attributes merge where there is one profile.
    answers = [(case, send(case["query"])) for case in cases]
    endpoints = [case["endpoint_id"] for case in cases]

    for case, answer in answers:
        for kind in WITH_RECORDS:
            found = record(pipeline, kind, answer)
            user_attributes = case["user_attributes"]
            if kind == "customer-profiles":
                assert "user_attributes" not in found
                user_attributes = {name: ", ".join(it) for name, it in user_attributes.items()}
                kept = visitor(pipeline, case["endpoint_id"]) if user_attributes else {}
                found = {**found, "user_attributes": kept}
                if endpoints.count(case["endpoint_id"]) > 1:
                    user_attributes = found["user_attributes"]
            assert {**found, "timestamp": ""} == {
                "schema_version": "1",
                "event_id": answer.event_id,
                "event_type": case["event_type"],
                "endpoint_id": case["endpoint_id"],
                "timestamp": "",
                "access": "anonymous",
                "attributes": uncut(case),
                "metrics": case["metrics"],
                "user_attributes": user_attributes,
            }, kind
        pinpoint = record(pipeline, "pinpoint", answer)
        assert pinpoint["EventType"] == case["event_type"]
        assert pinpoint.get("Attributes", {}) == case["attributes"]
        assert pinpoint.get("Metrics", {}) == case["metrics"]
    assert sum(uncut(case) != case["attributes"] for case in cases) > 10


def test_hostile_values_survive_everywhere(send: Send, pipeline: Pipeline) -> None:
    values = {f"evat_{name}": value for name, value in HOSTILE.items()}
    users = {f"usat_{name}": value for name, value in HOSTILE.items()}
    query = urlencode({"event": HOSTILE["json"], "endpoint_id": HOSTILE["emoji"], **values})
    answer = send(query)
    other = send(urlencode({"event": "users", "endpoint_id": HOSTILE["quotes"], **users}))

    for kind in WITH_RECORDS:
        found = record(pipeline, kind, answer)
        assert found["attributes"] == HOSTILE, kind
        assert (found["event_type"], found["endpoint_id"]) == (HOSTILE["json"], HOSTILE["emoji"])
        if kind != "customer-profiles":
            expected = {name: [value] for name, value in HOSTILE.items()}
            assert record(pipeline, kind, other)["user_attributes"] == expected, kind
    assert visitor(pipeline, HOSTILE["quotes"]) == HOSTILE


def test_each_destination_gets_it_in_its_own_terms(send: Send, pipeline: Pipeline) -> None:
    answer = send("event=purchase&endpoint_id=terms&evmt_price=19.99&usat_plan=gold&usat_city=Bern")
    for kind in KINDS:
        record(pipeline, kind, answer)
    shown: dict[str, Any] = {
        kind: pipeline.arrivals[kind].events[event_id(answer)][0].got[0].document
        for kind in pipeline.arrivals
    }
    second = datetime.fromtimestamp(answer.time // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")

    assert shown["kinesis"]["PartitionKey"] == "terms"
    assert shown["kinesis"]["Data"]["timestamp"][:19] == second
    assert shown["firehose"]["Line"] >= 1
    bus = shown["eventbridge"]
    # The entry's time, a batching window before it was put.
    assert (bus["source"], bus["detail-type"], bus["time"]) == (
        "cdk-gtm-connector",
        "GTM Event",
        f"{second}Z",
    )
    assert visitor(pipeline, "terms") == {"plan": "gold", "city": "Bern"}
    profiles = pipeline.servers["customer-profiles"]
    assert isinstance(profiles, ProfilesServer)
    assert profiles.profiles["terms",].fields == {
        "Attributes": {"plan": "gold"},
        "Address": {"City": "Bern"},
    }
    user = pipeline.putevents.delivered[event_id(answer)].endpoint["User"]
    assert user["UserAttributes"] == {"plan": ["gold"], "city": ["Bern"]}


def test_what_is_posted_arrives_everywhere(send: Send, pipeline: Pipeline) -> None:
    long = "é" * 40_000
    form = urlencode({"event": "ea", "endpoint_id": "form", "evat_a": long})
    events = [{"event": f"e{name}", "endpoint_id": "list", "evat_a": long} for name in "ab"]
    posted, listed = (
        send("", method="POST", headers={"Content-Type": content_type}, body=body)
        for content_type, body in (
            (FORM, form),
            (JSON, json.dumps({"events": events}, ensure_ascii=False)),
        )
    )

    for kind in WITH_RECORDS:
        assert record(pipeline, kind, posted)["attributes"] == {"a": long}
        for index, event_type in enumerate(("ea", "eb")):
            found = record(pipeline, kind, listed, index=index)
            assert (found["event_type"], found["attributes"]) == (event_type, {"a": long})


def test_a_body_that_is_too_large_is_refused_by_the_topic(send: Send, pipeline: Pipeline) -> None:
    headers = {"Content-Type": FORM}
    body = f"event=e&endpoint_id=large&evat_a={'x' * 300_000}"
    answer = send("", method="POST", headers=headers, body=body)
    assert (answer.status, answer.event_id) == (413, None)
    assert pipeline.journal.snapshot()["hits"][0]["status"] == "refused"


def test_a_variable_without_a_value_is_refused_by_the_topic(send: Send) -> None:
    for answer in (
        send("event=e&endpoint_id=undefined"),
        send(
            "",
            method="POST",
            headers={"Content-Type": JSON},
            body='{"event": "e", "endpoint_id": "undefined"}',
        ),
    ):
        assert (answer.status, answer.event_id) == (400, None)
        assert b"endpoint_id is undefined, as a tag writes" in answer.body


@pytest.fixture
def no_topic(pipeline: Pipeline) -> Iterator[None]:
    """Take the topic away for a test."""
    sns, arn = pipeline.client("sns"), pipeline.outputs["TopicArn"]
    before = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    subscriptions = [
        sns.get_subscription_attributes(SubscriptionArn=it["SubscriptionArn"])["Attributes"] | it
        for it in sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    ]
    sns.delete_topic(TopicArn=arn)
    yield
    size = {"MaximumMessageSize": before["MaximumMessageSize"]}
    sns.create_topic(Name=arn.rpartition(":")[2], Attributes=size)
    for each in subscriptions:
        kept = {name: each[name] for name in ("RawMessageDelivery", "RedrivePolicy")}
        sns.subscribe(
            TopicArn=arn, Protocol=each["Protocol"], Endpoint=each["Endpoint"], Attributes=kept
        )


@pytest.mark.usefixtures("no_topic")
def test_a_publish_that_is_refused_fails_the_tag(send: Send) -> None:
    answer = send("event=e&endpoint_id=e1")
    assert (answer.status, answer.event_id) == (502, None)
    assert answer.headers["content-type"] == JSON


@pytest.fixture
def no_queue(pipeline: Pipeline) -> Iterator[str]:
    """Make a destination's queue unreachable for the topic."""
    sns, arn = pipeline.client("sns"), pipeline.outputs["TopicArn"]
    queue = pipeline.outputs[pipeline.output("firehose", "QueueName")]
    [subscription] = [
        each
        for each in sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
        if each["Endpoint"].endswith(f":{queue}")
    ]
    attributes = sns.get_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"])[
        "Attributes"
    ]
    kept = {name: attributes[name] for name in ("RawMessageDelivery", "RedrivePolicy")}
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    gone = sns.subscribe(
        TopicArn=arn,
        Protocol="sqs",
        Endpoint=subscription["Endpoint"].replace(queue, "gone"),
        Attributes=kept,
    )
    yield queue
    sns.unsubscribe(SubscriptionArn=gone["SubscriptionArn"])
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=subscription["Endpoint"], Attributes=kept)


@pytest.mark.usefixtures("no_queue")
def test_a_message_whose_queue_is_gone_is_in_the_dead_letter_queue(
    send: Send, pipeline: Pipeline
) -> None:
    answer = send("event=orphan&endpoint_id=e1")

    record(pipeline, "kinesis", answer)
    [letter] = [
        message
        for message in pipeline.peek(pipeline.output("firehose", "DeadLetterQueueName"))
        if message["Body"].endswith("\nevent=orphan&endpoint_id=e1")
    ]
    assert letter["ReceiveCount"] == 0


# Faults -------------------------------------------------------------------------------------------


def test_nothing_is_lost_while_every_destination_misbehaves(send: Send, pipeline: Pipeline) -> None:
    for kind, server in pipeline.servers.items():
        server.behavior = Behavior(
            drop_next=1,
            throttle_next=2,
            fail_next=3,
            fail_records_share=0 if kind == "pinpoint" else 0.4,
        )
    answers = [send(f"event=faulty&endpoint_id=f{number}&evat_n={number}") for number in range(60)]

    for number, answer in enumerate(answers):
        for kind in WITH_RECORDS:
            assert record(pipeline, kind, answer)["attributes"] == {"n": str(number)}
        assert record(pipeline, "pinpoint", answer)["Attributes"] == {"n": str(number)}
    for kind, server in pipeline.servers.items():
        told = server.behavior
        assert (told.drop_next, told.throttle_next, told.fail_next) == (0, 0, 0), kind
    # Each record that failed was sent again; none that was taken was.
    for arrivals in pipeline.arrivals.values():
        copies = [len(arrivals.events[event_id(answer)]) for answer in answers]
        assert copies == [1] * len(answers), arrivals.kind


def test_the_outage_of_one_destination_delays_no_other(send: Send, pipeline: Pipeline) -> None:
    down = "kinesis"  # the first, whose queue and function have no name of their own
    pipeline.servers[down].behavior = Behavior(drop_share=1)
    answers = [send(f"event=outage&endpoint_id=o{number}") for number in range(10)]
    for answer in answers:
        for kind in KINDS[1:]:
            record(pipeline, kind, answer)
    # The outage goes on: nobody waited for its end.
    assert arrived(pipeline, down, event_id(answers[0])) is None

    def shown() -> dict[str, str] | None:
        for hit in pipeline.journal.snapshot()["hits"]:
            if hit["event"] == "outage":
                found = {kind: each["status"] for kind, each in hit["deliveries"].items()}
                return found if found[down] == "retrying" else None
        return None

    expected = {**dict.fromkeys(KINDS, "delivered"), down: "retrying"}
    assert wait_for("outage on the console", shown) == expected

    pipeline.servers[down].behavior = Behavior()
    for answer in answers:
        record(pipeline, down, answer)


def test_what_a_destination_refuses_is_in_its_own_dead_letter_queue(
    send: Send, pipeline: Pipeline
) -> None:
    refusing = ("kinesis", "firehose", "eventbridge", "customer-profiles")
    for kind in refusing:
        pipeline.servers[kind].behavior = Behavior(
            refuse_event_types=frozenset({"unwanted"}), refuse_message="Not this one"
        )
    good = [send(f"event=wanted&endpoint_id=w{number}") for number in range(7)]
    unwanted = send("event=unwanted&endpoint_id=w3")
    good += [send(f"event=wanted&endpoint_id=w{number}") for number in range(7, 12)]

    for answer in good:
        for kind in KINDS:
            record(pipeline, kind, answer)
    for kind in refusing:
        output = pipeline.output(kind, "DeadLetterQueueName")
        letter = dead_letter(pipeline, unwanted.event_id, output=output)
        assert letter["Reason"] == "refused"
        assert "Not this one" in letter["Detail"]
        assert letter["Body"].endswith("\nevent=unwanted&endpoint_id=w3")
        assert arrived(pipeline, kind, event_id(unwanted)) is None
    assert record(pipeline, "pinpoint", unwanted)["EventType"] == "unwanted"


def test_requests_that_are_not_signed_well_are_not_let_in(send: Send, pipeline: Pipeline) -> None:
    servers = pipeline.servers.values()
    secrets = {server.signing_secret for server in servers}
    try:
        for server in servers:
            server.signing_secret = "another"  # noqa: S105 - opens nothing
        answer = send("event=unsigned&endpoint_id=u1")
        for server in servers:
            wait_for(f"refusal at {server.title}", partial(_refused_a_signature, server))
    finally:
        for server in servers:
            [server.signing_secret] = secrets
    # That is the owner's to mend, and no event's fault: it comes again.
    for kind in KINDS:
        record(pipeline, kind, answer)


def _refused_a_signature(server: DestinationServer) -> bool | None:
    return server.counts.statuses[403] > 0 or None
