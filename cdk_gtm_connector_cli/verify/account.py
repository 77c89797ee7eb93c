"""Questions about queues, logs, the topic, the firewall and the stack."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from cdk_gtm_connector_cli.verify.deployment import STAGE, Deployment
from cdk_gtm_connector_cli.verify.endpoint import query
from cdk_gtm_connector_cli.verify.question import (
    CannotAskError,
    Conclusion,
    Evidence,
    Question,
    Source,
    all_hold,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cdk_gtm_connector_cli.stack import DeliveryResources
    from cdk_gtm_connector_cli.verify.probe import Probe

_MOST_LINES: Final = 10_000
_LOOKS: Final = 12
_MANY_MESSAGES: Final = 10
_TOPIC_BYTES: Final = 1_048_576

SDK_OUTPUT: Final = "VerifySdkFunctionName"
"""Output of the stacks of ``make verify-all``: a function that returns the runtime's modules."""


def log_lines(deployment: Deployment, group: str, began: int, pattern: str) -> list[str]:
    """Return a log group's lines since a time that match a filter pattern.

    Raises:
        CannotAskError: There is no such log group.
    """
    logs = deployment.client("logs")
    lines: list[str] = []
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=began, filterPattern=pattern
    )
    try:
        for page in pages:
            lines += [event["message"] for event in page.get("events", [])]
            if len(lines) >= _MOST_LINES:
                break
    except ClientError as error:
        if error.response["Error"].get("Code") != "ResourceNotFoundException":
            raise
        raise CannotAskError(f"there is no log group {group}") from error
    return lines


def batches(
    deployment: Deployment, delivery: DeliveryResources, began: int
) -> Iterator[Mapping[str, Any]]:
    """Yield a function's log lines about batches since a time."""
    for line in log_lines(deployment, delivery.log_group, began, '"batch"'):
        try:
            document = json.loads(line)
        except ValueError:
            continue
        if isinstance(document, dict) and document.get("message") == "batch":
            yield document


def _judge_access_log(evidence: Evidence) -> Conclusion:
    if not evidence.deployment.access_log:
        raise CannotAskError("the stack has no access log")
    wanted = {
        each.answer.headers["x-amz-apigw-id"]
        for each in evidence.everything
        if each.answer.accepted and "x-amz-apigw-id" in each.answer.headers
    }
    if not wanted:
        raise CannotAskError("no answer had the header x-amz-apigw-id")
    missing, read = sorted(wanted), 0
    for again in range(_LOOKS):
        if again:  # a log lags by some seconds
            time.sleep(evidence.deployment.pause)
        lines = log_lines(evidence.deployment, evidence.deployment.access_log, evidence.began, "")
        text, read = "\n".join(lines), len(lines)
        missing = sorted(each for each in wanted if each not in text)
        if not missing:
            break
    if not read:
        raise CannotAskError(
            "the access log has no line since the run began: API Gateway needs a role for logs "
            "(gtm-connector doctor)"
        )
    return all_hold(
        [f"the log lacks {each}" for each in missing], f"{len(wanted)} ids of accepted requests"
    )


def _judge_personal_data(evidence: Evidence) -> Conclusion:
    deployment = evidence.deployment
    groups = {each.log_group for each in deployment.deliveries} | {deployment.access_log}
    groups.add(f"API-Gateway-Execution-Logs_{deployment.api_id}/{STAGE}")
    wrong, read = [], 0
    for group in sorted(filter(None, groups)):
        try:
            lines = log_lines(deployment, group, evidence.began, "")
        except CannotAskError:
            continue
        read += len(lines)
        if any(f"gtmverify{evidence.run}" in line for line in lines):
            wrong.append(f"{group} contains a parameter's value")
    if not read:
        raise CannotAskError("the logs have no line since the run began")
    return all_hold(wrong, f"{read} lines of {len(groups)} logs hold no parameter's value")


def _judge_visibility(evidence: Evidence) -> Conclusion:
    wrong = []
    deployment = evidence.deployment
    for each in deployment.deliveries:
        attributes = deployment.client("sqs").get_queue_attributes(
            QueueUrl=each.queue_url, AttributeNames=["VisibilityTimeout"]
        )["Attributes"]
        functions = deployment.client("lambda")
        timeout = functions.get_function_configuration(FunctionName=each.function_name)["Timeout"]
        sources = functions.list_event_source_mappings(FunctionName=each.function_name)
        for source in sources["EventSourceMappings"]:
            window = source.get("MaximumBatchingWindowInSeconds", 0)
            visible = int(attributes["VisibilityTimeout"])
            if source.get("State", "Enabled") != "Enabled":
                wrong.append(f"{each.destination}: the event source is {source['State']}")
            if visible < 6 * timeout + window:
                wrong.append(
                    f"{each.destination}: {visible} s of visibility, {timeout} s of timeout, "
                    f"{window} s of window"
                )
        if not sources["EventSourceMappings"]:
            wrong.append(f"{each.destination}: the function reads no queue")
    return all_hold(wrong, f"{len(deployment.deliveries)} queues")


def _judge_batches(evidence: Evidence) -> Conclusion:
    deployment = evidence.deployment
    if len(evidence.everything) < _MANY_MESSAGES * 5:
        raise CannotAskError("too few requests were sent at once: ask all questions")
    largest = {}
    for each in deployment.deliveries:
        sizes = [it["received"] for it in batches(deployment, each, evidence.began)]
        if not sizes:
            raise CannotAskError(f"{each.log_group} has no batch since the run began")
        largest[each.destination] = max(sizes)
    wrong = [
        f"{name} got at most {size} messages at once"
        for name, size in largest.items()
        if size <= _MANY_MESSAGES
    ]
    return all_hold(wrong, ", ".join(f"{name}: {size} at once" for name, size in largest.items()))


def _judge_sdk(evidence: Evidence) -> Conclusion:
    name = evidence.deployment.outputs.get(SDK_OUTPUT)
    if not name:
        raise CannotAskError("only the stacks of make verify-all have a function that checks it")
    answer = evidence.deployment.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    found = json.loads(answer["Payload"].read())
    wrong = [f"the runtime has no {each}" for each in found.get("missing", ["answer"])]
    versions = ", ".join(f"{key} {found[key]}" for key in ("python", "botocore") if key in found)
    return all_hold(wrong, versions)


def _judge_topic(evidence: Evidence) -> Conclusion:
    if evidence.deployment.topic_arn is None:
        raise CannotAskError("the connector has one destination, so it has no topic")
    sns = evidence.deployment.client("sns")
    attributes = sns.get_topic_attributes(TopicArn=evidence.deployment.topic_arn)["Attributes"]
    size = attributes.get("MaximumMessageSize")
    wrong = [] if size == str(_TOPIC_BYTES) else [f"MaximumMessageSize is {size}"]
    return all_hold(wrong, f"{_TOPIC_BYTES:,} bytes")


def _judge_leftovers(evidence: Evidence) -> Conclusion:
    deployment = evidence.deployment
    known = {each.physical_id for each in deployment.resources}
    names = known | {each.rpartition("/")[2] for each in known}
    found = []
    logs = deployment.client("logs").get_paginator("describe_log_groups")
    for page in logs.paginate(logGroupNamePrefix=f"{deployment.stack}-"):
        found += [it["logGroupName"] for it in page["logGroups"]]
    queues = deployment.client("sqs").get_paginator("list_queues")
    for page in queues.paginate(QueueNamePrefix=f"{deployment.stack}-"):
        found += [url.rpartition("/")[2] for url in page.get("QueueUrls", [])]
    wrong = [f"{each} is not in the stack" for each in found if each not in names]
    return all_hold(wrong, f"{len(found)} log groups and queues of that name are in the stack")


def _ordinary(_: Deployment) -> list[Probe]:
    return [
        query("a page's URL", "evat_page=https%3A%2F%2Fshop.example%2F%3Fq%3D1%26utm_source%3Dx"),
        query("a long query", "evat_v=" + "abcdefgh%20" * 300),
        query("a search for markup", "evat_search=%3Cb%3Ebold%3C%2Fb%3E"),
        query("a search that looks like SQL", "evat_search=select%20a%20from%20b%20where%201%3D1"),
        query("a path with dots", "evat_page=..%2F..%2Findex.html"),
        query("a page on localhost", "evat_page=http%3A%2F%2Flocalhost%3A8080%2F"),
        query("large cookies", "evat_v=1", Cookie="; ".join(f"c{n}={'x' * 90}" for n in range(60))),
        query("an empty User-Agent", "evat_v=1", User_Agent=""),
    ]


def _judge_firewall(evidence: Evidence) -> Conclusion:
    if not evidence.deployment.resources_of("AWS::WAFv2::WebACL"):
        raise CannotAskError("the connector has no firewall: set firewall_rate_limit")
    wrong = [
        f"{each.probe.about}: answered {each.answer.status}"
        for each in evidence.observed
        if not each.answer.accepted
    ]
    return all_hold(wrong, f"{len(evidence.observed)} ordinary requests passed")


QUESTIONS: Final = (
    Question(
        id="access-log",
        assumed="The access log contains every accepted request.",
        how="A search of the log for the request ids of the run's answers.",
        breaks="gtm-connector where finds nothing, and nobody can tell which answer a request got.",
        remedy="Run gtm-connector doctor, which names a missing role.",
        sources=(Source("issue 13", "every id accounted for"),),
        judge=_judge_access_log,
    ),
    Question(
        id="personal-data",
        assumed="No log contains the value of a parameter.",
        how="A search for the run's mark in the access log, the execution log and the functions' "
        "logs.",
        breaks="Visitors' data is kept where nobody expects it, for as long as the logs are.",
        remedy="Turn off the stage's execution log (data tracing). Otherwise open an issue.",
        sources=(Source("issue 13", "personal data in logs"),),
        judge=_judge_personal_data,
    ),
    Question(
        id="visibility",
        assumed="A queue's visibility timeout is at least 6 times the function's timeout, plus "
        "the batching window.",
        how="The present attributes of each queue, function and event source.",
        breaks="A message is delivered a second time while its first delivery still runs.",
        remedy="Deploy with timeout= and max_batching_window= instead of changing them by hand.",
        sources=(Source("issue 13", "window against visibility"),),
        judge=_judge_visibility,
    ),
    Question(
        id="large-batches",
        assumed="The event source collects more than 10 messages in its batching window.",
        how="The largest batch in each function's log since the run began.",
        breaks="The function sends a request for every few events, which costs more and is "
        "throttled earlier.",
        remedy="Raise max_batching_window.",
        sources=(Source("docs/capacity.md", "How the event source gathers large batches"),),
        judge=_judge_batches,
    ),
    Question(
        id="runtime-sdk",
        assumed="Lambda's runtime includes the SDK modules that the function imports.",
        how="A function of make verify-all, which imports them and returns their versions.",
        breaks="The function does not start.",
        remedy="Package botocore with the function in lambda_asset.py; open an issue.",
        sources=(
            Source("docs/decisions/0015-connections.md", "the SDK does not document"),
            Source("issue 13", "the runtime's SDK"),
        ),
        judge=_judge_sdk,
    ),
    Question(
        id="topic-size",
        assumed="SNS supports MaximumMessageSize in the stack's partition.",
        how="The topic's attributes.",
        breaks="Bodies of more than 256 KiB get 502.",
        remedy="Lower MAX_BODY_CHARACTERS in endpoint.py for this partition; open an issue.",
        sources=(
            Source(
                "docs/decisions/0008-fan-out.md",
                "that `MaximumMessageSize` is there in every partition",
            ),
        ),
        judge=_judge_topic,
    ),
    Question(
        id="rollback-leftovers",
        assumed="A rollback or an update leaves no log group and no queue behind.",
        how="A search for log groups and queues that have the stack's prefix but are not in the "
        "stack.",
        breaks="They cost money, hold undelivered events, and may make the next deployment fail.",
        remedy="Redrive their messages, then delete them.",
        sources=(Source("issue 13", "rollback leftovers"),),
        judge=_judge_leftovers,
    ),
    Question(
        id="firewall",
        assumed="The firewall's rules let ordinary requests pass.",
        how="Requests with page URLs, long queries, searches and large cookies.",
        breaks="Visitors' events are refused with 403.",
        remedy="Add the rule to _COUNTED_RULES in firewall.py. The log of firewall_log_retention= "
        "names it.",
        sources=(Source("cdk_gtm_connector/firewall.py", "that ordinary hits break"),),
        probes=_ordinary,
        judge=_judge_firewall,
    ),
)
