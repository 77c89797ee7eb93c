"""Checks of ingestion: the API's role, the topic, the authorizer, and 5xx answers."""

from __future__ import annotations

import time
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from cdk_gtm_connector_cli.checks import BAD, DOUBTFUL, GOOD, REVERT, Finding, denied
from cdk_gtm_connector_cli.logs import lines
from cdk_gtm_connector_cli.signing import find_authorizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdk_gtm_connector_cli.context import Context
    from cdk_gtm_connector_cli.logs import Line

_HOUR_MS: Final = 3_600_000
_RECENT_MS: Final = 15 * 60_000  # the cause of an older failure may be fixed by now
_MOST_LINES: Final = 10_000
_SERVER_ERROR: Final = '{ $.status = "5*" }'
_MISSING: Final = ("NotFound", "NotFoundException", "ResourceNotFoundException")
_UNCHECKED: Final = "no token can be checked"  # message in the authorizer's log
_RESTORE: Final = (
    "restore it: aws secretsmanager restore-secret --secret-id {arn}; the servers that sign tokens "
    "keep their copy"
)


def topic(context: Context) -> Iterator[Finding]:
    """The topic that feeds several destinations, and its subscriptions."""
    arn = context.connector.topic_arn
    if arn is None:
        return
    client = context.client("sns")
    subscribed: set[str] = set()
    try:
        client.get_topic_attributes(TopicArn=arn)
        pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
        for page in pages:
            subscribed |= {it["Endpoint"] for it in page["Subscriptions"]}
    except ClientError as error:
        if error.response["Error"].get("Code", "") not in _MISSING:
            raise
        yield Finding(
            "topic",
            BAD,
            f"the topic {arn} does not exist: every request gets 502, and its event is lost",
            REVERT,
        )
        return
    queues = {each.queue_url.rpartition("/")[2]: each for each in context.connector.deliveries}
    reached = {endpoint.rpartition(":")[2] for endpoint in subscribed}
    for name, delivery in queues.items():
        if name not in reached:
            yield Finding(
                "topic",
                BAD,
                f"the topic has no subscription for the queue of {delivery.destination}, "
                "so new events never reach it",
                REVERT,
            )
    if set(queues) <= reached:
        yield Finding("topic", GOOD, "the topic has a subscription for every queue")


def sender(context: Context) -> Iterator[Finding]:
    """The API's role may send to the queue or the topic."""
    what, connector = "role of the API", context.connector
    arn = connector.topic_arn
    if arn is None:
        name, action = "CollectionIntegrationRole", "sqs:SendMessage"
        url = connector.deliveries[0].queue_url
        answer = context.client("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["QueueArn"]
        )
        arn = str(answer["Attributes"]["QueueArn"])
    else:
        name, action = "CollectionPublishRole", "sns:Publish"
    found = connector.resources.find(name, "AWS::IAM::Role")
    if found is None:
        return  # the owner's own role
    iam = context.client("iam")
    role = iam.get_role(RoleName=found.physical_id)["Role"]["Arn"]
    if denied(iam, role, action, [arn]):
        yield Finding(
            what,
            BAD,
            f"the API's role {role} may not {action} on {arn}: every request gets 502",
            f"{REVERT}; also check for a permissions boundary or an SCP",
        )
    else:
        yield Finding(what, GOOD, f"the API's role may {action}")


def authorizer(context: Context) -> Iterator[Finding]:
    """The authorizer of signed tokens: its secret, and its log."""
    what = "authorizer"
    known = find_authorizer(context)
    if known is None:
        return
    arn = known.secret_arn
    wrong: list[Finding] = []
    try:
        secret = context.client("secretsmanager").describe_secret(SecretId=arn)
    except ClientError as error:
        if error.response["Error"].get("Code", "") not in _MISSING:
            raise
        words = f"its secret {arn} does not exist: signed requests get 500"
        to_do = (
            "store a new secret, name it as token_secret_arn, deploy, and give it to the servers"
        )
        wrong.append(Finding(what, BAD, words, to_do))
    else:
        if secret.get("DeletedDate"):
            words = f"its secret {arn} is marked for deletion: signed requests get 500"
            wrong.append(Finding(what, BAD, words, _RESTORE.format(arn=arn)))
    since = int(time.time() * 1000) - _HOUR_MS
    unchecked = [
        line
        for line in lines(context.client("logs"), known.log_group, since)
        if line.fields.get("message") == _UNCHECKED
    ]
    if unchecked:
        last = unchecked[-1]
        words = (
            f"{len(unchecked):,} times in the last hour {_UNCHECKED}: "
            f"{last.fields.get('detail', '')} (last at {last.when()})"
        )
        to_do = (
            "fix the secret, its policy or its key; the function reads it again within 5 minutes"
        )
        wrong.append(Finding(what, _verdict(last.time), words, to_do))
    good = Finding(what, GOOD, "its secret exists, and its log has no failure")
    yield from wrong or [good]


def answers(context: Context) -> Iterator[Finding]:
    """The access log of the last hour has no answer of 5xx."""
    since = int(time.time() * 1000) - _HOUR_MS
    group = context.connector.access_log
    found = lines(context.client("logs"), group, since, pattern=_SERVER_ERROR)
    counts: Counter[tuple[str, str, str]] = Counter()
    last: dict[tuple[str, str, str], Line] = {}
    for line in islice(found, _MOST_LINES):
        status, error, integration = (
            str(line.fields.get(name, "-"))
            for name in ("status", "errorResponseType", "integrationStatus")
        )
        if status.startswith("5"):
            kind = status, error, integration
            counts[kind] += 1
            last[kind] = line
    for kind, number in counts.most_common():
        status, error, integration = kind
        words = (
            f"{number:,} requests of the last hour got {status} (errorResponseType {error}, "
            f"integrationStatus {integration}), the last at {last[kind].when()}; "
            "their events are lost"
        )
        yield Finding("access log", _verdict(last[kind].time), words, _remedy(error, integration))
    if not counts:
        yield Finding("access log", GOOD, f"{group} has no 5xx in the last hour")


def _verdict(last: int) -> str:
    """Return the verdict on a failure, by its last time in epoch milliseconds."""
    return BAD if last > time.time() * 1000 - _RECENT_MS else DOUBTFUL


def _remedy(error: str, integration: str) -> str:
    if error.startswith("AUTHORIZER"):
        return "fix the authorizer: docs/operations.md, The authorizer fails"
    if integration.startswith("4"):
        return (
            "403: the API's role or a key denies access; 400, 404: the queue or topic does not "
            "exist. docs/operations.md, The endpoint answers 5xx"
        )
    return "see the AWS Health Dashboard and docs/operations.md, The endpoint answers 5xx"


CHECKS: Final = (sender, topic, authorizer, answers)
