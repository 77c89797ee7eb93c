"""Questions to an account: one that is as assumed, and one that is different."""

from __future__ import annotations

import io
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from cdk_gtm_connector_cli.verify.account import SDK_OUTPUT
from cdk_gtm_connector_cli.verify.catalog import QUESTIONS
from cdk_gtm_connector_cli.verify.endpoint import query
from cdk_gtm_connector_cli.verify.probe import Answer, Observed
from cdk_gtm_connector_cli.verify.question import CannotAskError, Conclusion, Evidence, Verdict
from tests.verify.account import PROFILES, Domain, Refused, deployment

if TYPE_CHECKING:
    from cdk_gtm_connector_cli.verify.deployment import Deployment

RUN = "abcd1234"
IDS = [f"id{number}=" for number in range(60)]
BY_ID = {each.id: each for each in QUESTIONS}


def lines(*messages: object) -> dict[str, Any]:
    """Return a log's answer."""
    texts = [it if isinstance(it, str) else json.dumps(it) for it in messages]
    return {"events": [{"message": text} for text in texts]}


def batch(**counts: object) -> dict[str, object]:
    """Return a function's log line."""
    return {"message": "batch", "received": 50, "delivered": 50, "problems": [], **counts}


def in_log(*messages: object) -> dict[str, Any]:
    """Return the answers of an account whose logs have these lines."""
    return {"logs.FilterLogEvents": lines(*messages)}


def visibility(seconds: int, state: str = "Enabled") -> dict[str, Any]:
    """Return the answers of an account with such a queue; the function may take 60 seconds."""
    source = {"MaximumBatchingWindowInSeconds": 30, "State": state}
    return {
        "sqs.GetQueueAttributes": {"Attributes": {"VisibilityTimeout": str(seconds)}},
        "lambda.GetFunctionConfiguration": {"Timeout": 60},
        "lambda.ListEventSourceMappings": {"EventSourceMappings": [source]},
    }


def sdk(*missing: str) -> dict[str, Any]:
    """Return the answers of an account whose runtime lacks modules."""
    document = {"python": "3.13", "botocore": "1.40", "missing": missing}
    return {"lambda.Invoke": lambda **_: {"Payload": io.BytesIO(json.dumps(document).encode())}}


def leftovers(*groups: str) -> dict[str, Any]:
    """Return the answers of an account with such log groups."""
    return {
        "logs.DescribeLogGroups": {"logGroups": [{"logGroupName": name} for name in groups]},
        "sqs.ListQueues": {"QueueUrls": ["https://sqs.invalid/1/Shop-Queue"]},
    }


def snapshot(source: str) -> dict[str, Any]:
    """Return the answers of an account whose stage serves an authorizer."""
    authorizer = {"x-amazon-apigateway-authorizer": {"identitySource": source}}
    exported = json.dumps({"securityDefinitions": {"Token": authorizer}}).encode()
    item = {"name": "Token", "identitySource": "method.request.querystring.token"}
    return {
        "apigateway.GetAuthorizers": {"items": [item]},
        "apigateway.GetExport": lambda **_: {"body": io.BytesIO(exported)},
    }


def clients(*writable: str) -> dict[str, Any]:
    """Return the answers of an account with a client of a user pool."""
    arn = "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_x"
    named = {"ClientId": "c", "ClientName": "web"}
    return {
        "apigateway.GetAuthorizers": {"items": [{"name": "Pool", "providerARNs": [arn]}]},
        "cognito-idp.ListUserPoolClients": {"UserPoolClients": [named]},
        "cognito-idp.DescribeUserPoolClient": {
            "UserPoolClient": {**named, "WriteAttributes": list(writable)}
        },
    }


def quota(value: float) -> dict[str, Any]:
    """Return the answers of an account with such a quota."""
    found = {"QuotaName": "Rate of BatchPutProfileObject requests", "Value": value}
    return {"service-quotas.ListServiceQuotas": {"Quotas": [found]}}


def trigger(operator: str) -> dict[str, Any]:
    """Return the answers of an account with a trigger."""
    compared = {"Source": "_source.x", "ComparisonOperator": "INCLUSIVE", "Values": ["buys"]}
    dimension = {"ObjectAttributes": [compared]}
    condition = {"EventTriggerDimensions": [dimension], "LogicalOperator": operator}
    return {
        "customer-profiles.GetEventTrigger": {
            "ObjectTypeName": "GtmEvent",
            "EventTriggerConditions": [condition],
        }
    }


def profiles(answers: dict[str, Any], **others: Any) -> Deployment:
    """Return a deployment that delivers to Customer Profiles."""
    return deployment(answers, destination="customer-profiles", environment=PROFILES, **others)


DENIED = batch(delivered=0, problems=["the destination denied the function access: AccessDenied"])
KEY = {
    "customer-profiles.GetDomain": {
        "DomainName": "shop",
        "CreatedAt": 0,
        "LastUpdatedAt": 0,
        "DefaultEncryptionKey": "arn:aws:kms:x",
    }
}
TOPIC: dict[str, Any] = {"topic_arn": "arn:aws:sns:eu-central-1:123456789012:Shop"}
TRIGGER = {"resources": {"shop|buys": "AWS::CustomerProfiles::EventTrigger"}}


def pinpoint(answer: object) -> Deployment:
    """Return a deployment that delivers to Pinpoint."""
    return deployment(
        {"pinpoint.PutEvents": answer},
        destination="pinpoint",
        environment={"PINPOINT_APPLICATION_ID": "app"},
    )


CASES: dict[str, tuple[Deployment, Deployment]] = {
    "access-log": (deployment(in_log(*IDS)), deployment(in_log(*IDS[1:]))),
    "personal-data": (
        deployment(in_log("a line")),
        deployment(in_log("a line", f"event=verify&gtmcb=gtmverify{RUN}n0001e")),
    ),
    "visibility": (deployment(visibility(390)), deployment(visibility(389))),
    "large-batches": (
        deployment(in_log(batch(received=3), batch(received=11))),
        deployment(in_log(batch(received=10))),
    ),
    "runtime-sdk": (
        deployment(sdk(), outputs={SDK_OUTPUT: "f"}),
        deployment(sdk("botocore.session"), outputs={SDK_OUTPUT: "f"}),
    ),
    "topic-size": (
        deployment(
            {"sns.GetTopicAttributes": {"Attributes": {"MaximumMessageSize": "1048576"}}}, **TOPIC
        ),
        deployment({"sns.GetTopicAttributes": {"Attributes": {}}}, **TOPIC),
    ),
    "rollback-leftovers": (
        deployment(leftovers("Shop-Log"), resources={"Shop-Log": "x", "u/Shop-Queue": "x"}),
        deployment(leftovers("Shop-Old"), resources={"Shop-Log": "x", "u/Shop-Queue": "x"}),
    ),
    "authorizer-snapshot": (
        deployment(snapshot("method.request.querystring.token")),
        deployment(snapshot("method.request.header.Authorization")),
    ),
    "cognito-clients": (
        deployment(clients("email")),
        deployment(clients("email", "custom:endpoint_id")),
    ),
    "pinpoint-answers": (
        pinpoint(Refused("BadRequestException")),
        pinpoint(Refused("NotFoundException", 404)),
    ),
    "profiles-permission": (profiles(in_log(batch())), profiles(in_log(batch(), DENIED))),
    "profiles-rate": (profiles(quota(100)), profiles(quota(20))),
    "profile-keeps": (profiles(Domain().answers), profiles(Domain(keeps=False).answers)),
    "profile-order": (profiles(Domain().answers), profiles(Domain(takes_newest=False).answers)),
    "one-profile": (profiles(Domain().answers), profiles(Domain(splits=True).answers)),
    "calculated-attributes": (profiles(Domain().answers), profiles(Domain(counts=False).answers)),
    "triggers": (profiles(trigger("ALL"), **TRIGGER), profiles(trigger("ANY"), **TRIGGER)),
    "profiles-key": (
        profiles({**KEY, **in_log(batch())}),
        profiles({**KEY, **in_log(DENIED)}),
    ),
    "eventbridge-condition": (
        deployment(in_log(batch()), destination="eventbridge"),
        deployment(in_log(DENIED), destination="eventbridge"),
    ),
}


def judged(question: str, where: Deployment) -> Conclusion:
    everything = [
        Observed(query(name, "evat_v=1"), name, Answer(200, {"x-amz-apigw-id": name}, ""))
        for name in IDS
    ]
    evidence = Evidence(
        deployment=where,
        run=RUN,
        began=int(time.time() * 1000),
        observed=[],
        everything=everything,
    )
    return BY_ID[question].judge(evidence)


@pytest.mark.parametrize("question", CASES)
def test_an_account_that_is_as_assumed(question: str) -> None:
    found = judged(question, CASES[question][0])
    assert found.verdict is Verdict.AS_ASSUMED, found.detail


@pytest.mark.parametrize("question", CASES)
def test_an_account_that_is_different(question: str) -> None:
    found = judged(question, CASES[question][1])
    assert found.verdict is Verdict.DIFFERENT, found.detail


@pytest.mark.parametrize(
    "question", ["profile-keeps", "profile-order", "one-profile", "calculated-attributes"]
)
@pytest.mark.parametrize("splits", [False, True])
def test_its_own_visitor_is_deleted_whatever_was_found(question: str, *, splits: bool) -> None:
    domain = Domain(splits=splits)
    judged(question, profiles(domain.answers))
    assert domain.deleted == [profile["ProfileId"] for profile in domain.profiles]
    assert domain.deleted


@pytest.mark.parametrize(
    ("question", "where"),
    [
        ("profiles-rate", profiles({"service-quotas.ListServiceQuotas": {"Quotas": []}})),
        ("profiles-permission", profiles(in_log())),
        ("pinpoint-answers", pinpoint(Refused("AccessDeniedException", 403))),
        ("access-log", deployment(in_log())),
        ("access-log", deployment({"logs.FilterLogEvents": Refused("ResourceNotFoundException")})),
        ("large-batches", deployment(in_log())),
        ("eventbridge-condition", deployment({})),
        ("topic-size", deployment({})),
        ("runtime-sdk", deployment({})),
        ("triggers", profiles({})),
    ],
)
def test_what_says_nothing_is_no_answer(question: str, where: Deployment) -> None:
    with pytest.raises(CannotAskError, match=r"\w"):
        judged(question, where)
