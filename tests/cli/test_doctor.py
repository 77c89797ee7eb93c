"""``gtm-connector doctor``: each fault is found, and nothing is found where there is none."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from benchmarks.certificates import Authority, server_context
from cdk_gtm_connector_cli.checks import (
    BAD,
    DOUBTFUL,
    GOOD,
    UNKNOWN,
    account,
    delivery,
    endpoint,
    findings,
)
from cdk_gtm_connector_cli.context import Context
from cdk_gtm_connector_cli.local_run import LocalRun
from cdk_gtm_connector_cli.output import Output
from cdk_gtm_connector_cli.stack import Resource
from local.stand_in.values import Behavior
from tests.cli.conftest import SITE, dead_event, wait_until
from tests.cli.test_stack import context_with, resources_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.pipeline.stack import Pipeline
    from tests.cli.conftest import Command, Ran


def found(ran: Ran, verdict: str) -> list[tuple[str, str]]:
    """Return what was found with a verdict, and where."""
    return [
        (it["what"], it["words"]) for it in ran.document["findings"] if it["verdict"] == verdict
    ]


def test_nothing_is_wrong_with_a_pipeline_that_works(command: Command) -> None:
    ran = command("doctor", "--json")
    assert found(ran, BAD) == []
    assert found(ran, UNKNOWN) == []
    assert ran.status == 0
    good = dict(found(ran, GOOD))
    assert {"endpoint", "CORS", "destination kinesis", "log of firehose", "test event"} <= set(good)
    assert ("CORS", f"scripts of {SITE} may read the answers") in found(ran, GOOD)
    # What is good is a line at the end, unless one asks.
    text = command("doctor", "--no-probe").out
    assert SITE not in text
    assert " 0 bad" in text
    assert SITE in command("doctor", "--no-probe", "--all").out


@contextmanager
def changed_environment(pipeline: Pipeline, **variables: str) -> Iterator[None]:
    """Change the environment of the first destination's function for a while."""
    client = pipeline.client("lambda")
    name = pipeline.outputs["FunctionName"]
    before = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    client.update_function_configuration(
        FunctionName=name, Environment={"Variables": before | variables}
    )
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=name, Environment={"Variables": before})


def test_a_destination_that_is_not_there_and_not_allowed(
    pipeline: Pipeline, command: Command
) -> None:
    arn = "arn:aws:kinesis:us-east-1:000000000000:stream/nothing"
    with changed_environment(pipeline, KINESIS_STREAM_ARN=arn):
        ran = command("doctor", "--no-probe", "--json")
    assert ran.status == 1
    words = [words for what, words in found(ran, BAD) if what == "destination kinesis"]
    assert len(words) == 2, words
    assert "ResourceNotFoundException" in words[0]
    assert f"may not kinesis:PutRecords on {arn}" in words[1]


def test_a_function_that_does_not_start(pipeline: Pipeline) -> None:
    context = Context(Output(), local=LocalRun.find())
    # Not by the command: its test event would wait for the function for minutes.
    with changed_environment(pipeline, REQUIRE_ORIGIN="perhaps"):
        broken, works = findings(delivery.starts, context)
    assert (broken.what, broken.verdict) == ("function of kinesis", BAD)
    assert "fails on an empty batch" in broken.words
    assert "REQUIRE_ORIGIN" in broken.words
    assert works.verdict == GOOD


def test_an_event_source_that_is_switched_off(pipeline: Pipeline, command: Command) -> None:
    client = pipeline.client("lambda")
    name = pipeline.outputs["FunctionName"]
    (mapping,) = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        ran = command("doctor", "--json", "--wait", "2s")
    finally:
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    assert "the event source is Disabled: events wait" in dict(found(ran, BAD)).values()
    # And the test event waits: which is what its owner would ask about.
    assert any(
        what == "test event" and words.startswith("kinesis: waiting")
        for what, words in found(ran, BAD)
    )


def test_what_is_rejected_and_what_the_log_names(pipeline: Pipeline, command: Command) -> None:
    dead_event(pipeline, Reason="refused")
    dead_event(pipeline, "InvalidMessageQueueName", Reason="origin")
    pipeline.servers["kinesis"].behavior = Behavior(refuse_event_types=frozenset("*"))
    sqs = pipeline.client("sqs")
    body = "v=1&time=1764000000123&access=anonymous\nevent=refuse_me&endpoint_id=me"
    for _ in range(10):  # as few say that hardly the events are wrong
        sqs.send_message(QueueUrl=pipeline.queue_url("QueueName"), MessageBody=body)

    def is_named() -> bool:
        ran = command("doctor", "--no-probe", "--json")
        bad = found(ran, BAD)
        return ("dead letters of kinesis" in dict(bad)) and any(
            what == "log of kinesis" and "refused" in words for what, words in bad
        )

    wait_until("the problem in the log", is_named)
    ran = command("doctor", "--no-probe", "--json")
    assert dict(found(ran, DOUBTFUL))["invalid messages"] == "1 messages"


def test_a_question_that_cannot_be_asked_is_said() -> None:
    context = context_with(resources_of("Gtm"))
    client = boto3.client("apigateway", region_name="eu-west-1")
    context._clients["apigateway", None] = client
    with Stubber(client) as stubber:
        stubber.add_client_error("get_account", "AccessDeniedException", "no")
        (finding,) = findings(endpoint.log_role, context)
    assert finding.what == "The account's role with which API Gateway writes logs"
    assert finding.verdict == UNKNOWN
    assert "allow these credentials to call GetAccount" in finding.to_do


class Stubs:
    """Stubs of AWS's services for a context, which hold answers to the services' models."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._stubbers: dict[str, Stubber] = {}

    def add(self, service: str, operation: str, answer: dict[str, Any]) -> None:
        """Let a service answer its next request."""
        self._stubber(service).add_response(operation, answer)

    def add_error(self, service: str, operation: str, code: str) -> None:
        """Let a service refuse its next request."""
        self._stubber(service).add_client_error(operation, service_error_code=code)

    def _stubber(self, service: str) -> Stubber:
        if service not in self._stubbers:
            client: Any = boto3.client(service, region_name="eu-west-1")  # type: ignore[call-overload]
            self.context._clients[service, None] = client
            self._stubbers[service] = Stubber(client)
            self._stubbers[service].activate()
        return self._stubbers[service]


def test_a_region_without_a_log_role() -> None:
    context = context_with(resources_of("Gtm"))
    stubs = Stubs(context)
    stubs.add("apigateway", "get_account", {})
    stubs.add("apigateway", "get_account", {"cloudwatchRoleArn": "arn:aws:iam::1:role/x"})
    assert [it.verdict for it in endpoint.log_role(context)] == [BAD]
    assert [it.verdict for it in endpoint.log_role(context)] == [GOOD]


def test_alarms_in_state_say_what_their_description_says() -> None:
    none = context_with(resources_of("Gtm"))
    assert [it.verdict for it in account.alarms(none)] == [DOUBTFUL]
    alarm = Resource("AWS::CloudWatch::Alarm", "Rejected", "a", "GtmRejected", "Stack")
    context = context_with([*resources_of("Gtm"), alarm])
    stubs = Stubs(context)
    red = {
        "AlarmName": "Rejected",
        "StateValue": "ALARM",
        "StateReason": "over 0",
        "AlarmDescription": "Look into the queue",
    }
    stubs.add("cloudwatch", "describe_alarms", {"MetricAlarms": [red], "CompositeAlarms": []})
    stubs.add(
        "cloudwatch",
        "describe_alarms",
        {"MetricAlarms": [red | {"StateValue": "OK"}], "CompositeAlarms": []},
    )
    (finding,) = account.alarms(context)
    assert (finding.verdict, finding.to_do) == (BAD, "Look into the queue")
    assert finding.words == "Rejected: over 0"
    assert [it.verdict for it in account.alarms(context)] == [GOOD]


@pytest.mark.parametrize(
    ("requests_a_minute", "executions", "verdicts"),
    [(60, 5, [GOOD, GOOD]), (480_000, 900, [DOUBTFUL, DOUBTFUL]), (600_000, 1_000, [BAD, BAD])],
)
def test_quotas_are_compared_with_what_was_used(
    requests_a_minute: float, executions: float, verdicts: list[str]
) -> None:
    context = context_with(resources_of("Gtm"))
    stubs = Stubs(context)
    stubs.add("apigateway", "get_account", {"throttleSettings": {"rateLimit": 10_000.0}})
    stubs.add("apigateway", "get_rest_api", {"name": "shop"})
    limit = {"ConcurrentExecutions": 1_000}
    stubs.add("lambda", "get_account_settings", {"AccountLimit": limit})
    now = datetime.now(UTC)
    for statistic, value in (("Sum", requests_a_minute), ("Maximum", executions)):
        points = [{"Timestamp": now, statistic: value}, {"Timestamp": now, statistic: 1.0}]
        stubs.add("cloudwatch", "get_metric_statistics", {"Datapoints": points})
    assert [it.verdict for it in account.quotas(context)] == verdicts


def test_a_queue_whose_messages_are_near_their_end() -> None:
    url = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
    for age, verdict in ((3_600.0, GOOD), (400_000.0, BAD)):
        context = context_with([*resources_of("Gtm"), *_more_of("Gtm")])
        stubs = Stubs(context)
        variables = {"DESTINATION": "kinesis"}
        stubs.add("lambda", "get_function_configuration", {"Environment": {"Variables": variables}})
        counts = dict.fromkeys(
            ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"), "3"
        )
        stubs.add("sqs", "get_queue_attributes", {"Attributes": counts})
        stubs.add(
            "sqs", "get_queue_attributes", {"Attributes": {"MessageRetentionPeriod": "604800"}}
        )
        points = [{"Timestamp": datetime.now(UTC), "Maximum": age}]
        stubs.add("cloudwatch", "get_metric_statistics", {"Datapoints": points})
        stubs.add("sqs", "get_queue_attributes", {"Attributes": {}})
        first, *_ = account.queues(context)
        assert first.verdict == verdict, url
        assert "3 wait and 3 are in flight, the oldest for" in first.words


def _more_of(key: str) -> list[Resource]:
    return [
        Resource("AWS::SQS::Queue", f"{key}Dead", "d", f"{key}DeadLetterQueue", "Stack"),
        Resource("AWS::Logs::LogGroup", f"{key}Log", "l", f"{key}DeliveryLog", "Stack"),
    ]


def test_a_domain_without_a_record_and_with_a_certificate_that_is_not_issued() -> None:
    name = Resource(
        "AWS::ApiGateway::DomainName", "events.shop.invalid", "x", "GtmDomainName", "Stack"
    )
    context = context_with([*resources_of("Gtm"), name])
    stubs = Stubs(context)
    known = {
        "domainNameStatus": "PENDING",
        "regionalDomainName": "d-1.execute-api.invalid",
        "regionalCertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/1",
    }
    stubs.add("apigateway", "get_domain_name", known)
    stubs.add("acm", "describe_certificate", {"Certificate": {"Status": "PENDING_VALIDATION"}})
    found_here = list(endpoint.domain(context))
    assert {it.verdict for it in found_here} == {BAD}
    words = ["PENDING", "no DNS record", "PENDING_VALIDATION", "not served over TLS"]
    assert len(found_here) == len(words)
    assert all(word in it.words for it, word in zip(found_here, words, strict=True))


def test_a_certificate_is_read_as_it_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    context = server_context(authority.certificate("localhost"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            connection, _ = listener.accept()
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        left, expires = endpoint._served_until("localhost", port)
        thread.join()
    assert left == 0  # it is good for a day
    assert expires > datetime.now(UTC)


def test_json_is_whole(command: Command) -> None:
    document = json.loads(command("doctor", "--no-probe", "--json").out)
    for it in document["findings"]:
        assert bool(it["to_do"]) == (it["verdict"] != GOOD), it
