"""``gtm-connector doctor`` on a request's way into the queue: what keeps it out is named."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from cdk_gtm_connector_cli.checks import (
    BAD,
    DOUBTFUL,
    GOOD,
    Finding,
    account,
    delivery,
    findings,
    ingestion,
)
from cdk_gtm_connector_cli.context import Context
from cdk_gtm_connector_cli.local_run import LocalRun
from cdk_gtm_connector_cli.logs import Line
from cdk_gtm_connector_cli.output import Output
from cdk_gtm_connector_cli.stack import LOG, Resource
from tests.cli.test_doctor import Stubs
from tests.cli.test_stack import context_with, resources_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.pipeline.stack import Pipeline


def looked(check: Callable[[Context], Iterator[Finding]]) -> list[Finding]:
    """Return what a check finds on the pipeline."""
    return list(findings(check, Context(Output(), local=LocalRun.find())))


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize("check", ingestion.CHECKS)
def test_nothing_is_found_where_nothing_is_wrong(
    check: Callable[[Context], Iterator[Finding]],
) -> None:
    assert {it.verdict for it in looked(check)} == {GOOD}


def test_a_secret_that_is_marked_for_deletion(pipeline: Pipeline) -> None:
    secrets = pipeline.client("secretsmanager")
    arn = pipeline.outputs["TokenSecretArn"]
    secrets.delete_secret(SecretId=arn)
    try:
        found, *_ = looked(ingestion.authorizer)
    finally:
        secrets.restore_secret(SecretId=arn)
    assert found.verdict == BAD
    assert "is marked for deletion" in found.words
    assert f"restore-secret --secret-id {arn}" in found.to_do


def test_a_queue_that_the_topic_leaves_out(pipeline: Pipeline) -> None:
    sns = pipeline.client("sns")
    (arn,) = (it["TopicArn"] for it in sns.list_topics()["Topics"])
    first, *_ = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    known = sns.get_subscription_attributes(SubscriptionArn=first["SubscriptionArn"])["Attributes"]
    sns.unsubscribe(SubscriptionArn=first["SubscriptionArn"])
    try:
        (found,) = looked(ingestion.topic)
    finally:
        sns.subscribe(
            TopicArn=arn,
            Protocol="sqs",
            Endpoint=first["Endpoint"],
            Attributes={"RawMessageDelivery": known["RawMessageDelivery"]},
        )
    assert found.verdict == BAD
    assert "has no subscription for the queue of" in found.words
    assert "--revert-drift" in found.to_do


def test_a_topic_that_is_gone() -> None:
    arn = "arn:aws:sns:eu-west-1:123456789012:gone"
    topic = Resource("AWS::SNS::Topic", arn, "GtmTopic", "GtmTopic", "Stack")
    context = context_with([*resources_of("Gtm"), topic])
    stubs = Stubs(context)
    stubs.add_error("sns", "get_topic_attributes", "NotFound")
    (found,) = findings(ingestion.topic, context)
    assert (found.verdict, found.what) == (BAD, "topic")
    assert f"{arn} does not exist: every request gets 502" in found.words


def test_a_role_of_the_api_that_may_not_send() -> None:
    arn, role = "arn:aws:sns:eu-west-1:123456789012:t", "arn:aws:iam::123456789012:role/GtmRole"
    context = context_with(
        [
            *resources_of("Gtm"),
            Resource("AWS::SNS::Topic", arn, "GtmTopic", "GtmTopic", "Stack"),
            Resource("AWS::IAM::Role", "GtmRole", "r", "GtmCollectionPublishRole", "Stack"),
        ]
    )
    stubs = Stubs(context)
    made = {"Path": "/", "RoleName": "GtmRole", "RoleId": "A" * 16, "Arn": role, "CreateDate": 0}
    for decision, verdict in (("implicitDeny", BAD), ("allowed", GOOD)):
        stubs.add("iam", "get_role", {"Role": made})
        result = {
            "EvalActionName": "sns:Publish",
            "EvalResourceName": arn,
            "EvalDecision": decision,
        }
        stubs.add("iam", "simulate_principal_policy", {"EvaluationResults": [result]})
        assert [it.verdict for it in findings(ingestion.sender, context)] == [verdict]


@pytest.mark.parametrize(("minutes", "verdict"), [(1, BAD), (30, DOUBTFUL)])
@pytest.mark.parametrize(
    ("error", "integration", "to_do"),
    [
        ("AUTHORIZER_FAILURE", "-", "The authorizer fails"),
        ("-", "403", "the API's role or a key denies access"),
        ("-", "500", "Health Dashboard"),
    ],
)
def test_answers_of_5xx_are_counted_by_their_cause(
    minutes: int, verdict: str, error: str, integration: str, to_do: str
) -> None:
    log = Resource(LOG, "access", "GtmLog", "GtmCollectionAccessLog", "Stack")
    context = context_with([*resources_of("Gtm"), log])
    at = int(time.time() * 1000) - minutes * 60_000
    fields = {"status": "502", "errorResponseType": error, "integrationStatus": integration}
    event = {"eventId": "1", "timestamp": at, "message": json.dumps(fields)}
    Stubs(context).add("logs", "filter_log_events", {"events": [event, event]})
    (found,) = findings(ingestion.answers, context)
    assert found.verdict == verdict
    assert found.words.startswith("2 requests of the last hour got 502")
    assert f"the last at {Line('', at, '', {}).when()}" in found.words
    assert to_do in found.to_do


def delivering_to_kinesis() -> tuple[Context, Stubs]:
    """Return a connector with one destination, and the stubs of its account."""
    context = context_with(
        [
            *resources_of("Gtm"),
            Resource("AWS::SQS::Queue", "d", "d", "GtmDeadLetterQueue", "Stack"),
            Resource(LOG, "l", "l", "GtmDeliveryLog", "Stack"),
        ]
    )
    stubs = Stubs(context)
    variables = {"DESTINATION": "kinesis"}
    stubs.add("lambda", "get_function_configuration", {"Environment": {"Variables": variables}})
    return context, stubs


def test_a_queue_that_is_gone_does_not_hide_the_others() -> None:
    context, stubs = delivering_to_kinesis()
    stubs.add_error("sqs", "get_queue_attributes", "AWS.SimpleQueueService.NonExistentQueue")
    stubs.add("sqs", "get_queue_attributes", {"Attributes": {}})
    gone, dead = findings(account.queues, context)
    assert (gone.what, gone.verdict) == ("queue of kinesis", BAD)
    assert "GtmQueue is gone" in gone.words
    assert (dead.what, dead.verdict) == ("dead letters of kinesis", GOOD)


@pytest.mark.parametrize(("later", "verdict"), [({"delivered": 5}, DOUBTFUL), ({}, BAD)])
def test_a_problem_is_over_once_events_are_delivered_again(
    later: dict[str, int], verdict: str
) -> None:
    context, stubs = delivering_to_kinesis()
    now = int(time.time() * 1000)
    lines = (
        {"message": "batch", "level": "ERROR", "problems": ["the destination is gone"]},
        {"message": "batch", "level": "INFO", **later},
    )
    events = [
        {"eventId": str(at), "timestamp": now + at, "message": json.dumps(line)}
        for at, line in enumerate(lines)
    ]
    stubs.add("logs", "filter_log_events", {"events": events})
    (found,) = findings(delivery.problems, context)
    assert found.verdict == verdict
    assert ("5 events were delivered since then" in found.words) == bool(later)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"type": "platform.report", "record": {"status": "timeout", "metrics": {}}},
            "platform.report: timeout",
        ),
        (
            {
                "type": "platform.initReport",
                "record": {"status": "error", "errorType": "Runtime.ExitError"},
            },
            "platform.initReport: error: Runtime.ExitError",
        ),
        (
            {
                "level": "ERROR",
                "errorType": "SettingsError",
                "errorMessage": "TIMEOUT is none",
            },
            "SettingsError: TIMEOUT is none",
        ),
    ],
)
def test_a_failure_is_said_as_lambda_logs_it(fields: dict[str, Any], words: str) -> None:
    context = context_with(
        [
            *resources_of("Gtm"),
            Resource("AWS::SQS::Queue", "d", "d", "GtmDeadLetterQueue", "Stack"),
            Resource(LOG, "l", "l", "GtmDeliveryLog", "Stack"),
        ]
    )
    line = Line("1", int(time.time() * 1000), json.dumps(fields), fields)
    assert (line.is_problem, line.words()) == (True, words)
    stubs = Stubs(context)
    variables = {"DESTINATION": "kinesis"}
    stubs.add("lambda", "get_function_configuration", {"Environment": {"Variables": variables}})
    event = {"eventId": "1", "timestamp": line.time, "message": line.text}
    stubs.add("logs", "filter_log_events", {"events": [event]})
    (found,) = findings(delivery.problems, context)
    assert found.verdict == BAD
    assert f"the function fails: {words}" in found.words


def test_a_line_of_lambdas_that_is_fine_is_no_problem() -> None:
    fields = {"type": "platform.report", "record": {"status": "success"}}
    assert not Line("1", 0, json.dumps(fields), fields).is_problem
