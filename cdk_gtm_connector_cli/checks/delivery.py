"""Checks of each delivery: function, event source, destination, permissions, log."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from cdk_gtm_connector_cli.checks import (
    BAD,
    DOUBTFUL,
    GOOD,
    REVERT,
    UNKNOWN,
    Finding,
    denied,
    findings,
)
from cdk_gtm_connector_cli.checks.needs import Need, needs_of
from cdk_gtm_connector_cli.logs import lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cdk_gtm_connector_cli.context import Context
    from cdk_gtm_connector_cli.stack import DeliveryResources

_HOUR_MS: Final = 3_600_000
_LONGEST: Final = 300  # characters of a quoted failure
_RESPONSE_ERROR: Final = "FunctionError"
_MISSING: Final = ("ResourceNotFoundException", "NotFoundException", "ResourceNotFound")


def functions(context: Context) -> Iterator[Finding]:
    """The functions exist, and read their queues."""
    client = context.client("lambda")
    for delivery in context.connector.deliveries:
        what = f"function of {delivery.destination}"
        known = client.get_function_configuration(FunctionName=delivery.function_name)
        wrong: list[Finding] = []
        for field, good in (("State", "Active"), ("LastUpdateStatus", "Successful")):
            if known.get(field, good) not in (good, "Inactive"):
                why = known.get(f"{field}Reason", "")
                words = f"{delivery.function_name}: {field} is {known[field]} {why}".rstrip()
                wrong.append(
                    Finding(
                        what, BAD, words, "deploy again; a function is Pending for about a minute"
                    )
                )
        mappings = client.list_event_source_mappings(FunctionName=delivery.function_name)
        wrong += _mappings(mappings["EventSourceMappings"], delivery, what)
        words = f"{delivery.function_name} reads its queue"
        yield from wrong or [Finding(what, GOOD, words)]


def starts(context: Context) -> Iterator[Finding]:
    """The functions start."""
    client = context.client("lambda")
    for delivery in context.connector.deliveries:
        yield _started(client, delivery, f"function of {delivery.destination}")


def _started(client: Any, delivery: DeliveryResources, what: str) -> Finding:
    """Invoke the function with an empty batch, so that it only reads its settings."""
    answer = client.invoke(
        FunctionName=delivery.function_name, Payload=json.dumps({"Records": []}).encode()
    )
    said = answer["Payload"].read().decode(errors="replace")
    if answer.get(_RESPONSE_ERROR):
        return Finding(
            what,
            BAD,
            f"{delivery.function_name} fails on an empty batch: {said[:300]}",
            f"read its log with gtm-connector tail; {REVERT}",
        )
    return Finding(what, GOOD, f"{delivery.function_name} starts")


def _mappings(
    mappings: list[Mapping[str, Any]], delivery: DeliveryResources, what: str
) -> Iterator[Finding]:
    if not mappings:
        yield Finding(
            what,
            BAD,
            f"nothing reads the queue of {delivery.destination}: the function has no event source",
            REVERT,
        )
    for it in mappings:
        if it.get("State", "Enabled") not in ("Enabled", "Creating", "Updating"):
            yield Finding(
                what,
                BAD,
                f"the event source is {it['State']}: events wait",
                f"aws lambda update-event-source-mapping --enabled --uuid {it.get('UUID')}",
            )
        last = it.get("LastProcessingResult", "")
        if "PROBLEM" in last:
            yield Finding(
                what, BAD, f"Lambda reports about the event source: {last}", "deploy again"
            )


def destinations(context: Context) -> Iterator[Finding]:
    """The destinations exist, and their functions may send to them."""
    for delivery in context.connector.deliveries:
        what = f"destination {delivery.destination}"
        need = needs_of(context, delivery)
        if need is None:
            words = "a custom destination is not checked"
            yield Finding(
                what, UNKNOWN, words, "gtm-connector send shows whether it accepts events"
            )
            continue
        # A check that fails must not stop the others.
        for check in (
            partial(_region, need=need, what=what),
            partial(_exists, need=need, what=what),
            partial(_simulated, delivery=delivery, need=need, what=what),
        ):
            yield from findings(check, context, what)


def _exists(_context: Context, *, need: Need, what: str) -> Iterator[Finding]:
    try:
        problem = need.problem()
    except ClientError as error:
        if error.response["Error"].get("Code", "") not in _MISSING:
            raise
        problem = str(error)
    if problem:
        yield Finding(what, BAD, f"{need.name}: {problem}", need.to_do)
    else:
        yield Finding(what, GOOD, f"{need.name} is there")


def _region(context: Context, *, need: Need, what: str) -> Iterator[Finding]:
    regions = context.session.get_available_regions(
        need.service, partition_name=_partition(need.region)
    )
    if regions and need.region not in regions:
        yield Finding(
            what,
            DOUBTFUL,
            f"{need.service} is not in {need.region}, as far as this SDK knows",
            "update boto3, whose list of Regions may be old, or use another Region or destination",
        )


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _simulated(
    context: Context, *, delivery: DeliveryResources, need: Need, what: str
) -> Iterator[Finding]:
    """Simulate the policies of the function's role, without resource policies."""
    known = context.client("lambda").get_function_configuration(FunctionName=delivery.function_name)
    entries = [
        {"ContextKeyName": key, "ContextKeyType": "string", "ContextKeyValues": [value]}
        for key, value in need.conditions.items()
    ]
    iam = context.client("iam")
    for action, resources in (
        (need.action, list(need.resources)),
        ("sqs:SendMessage", [_queue_arn(context, delivery.dead_letter_queue_url)]),
    ):
        shut = denied(iam, known["Role"], action, resources, entries)
        if shut:
            yield Finding(
                what,
                BAD,
                f"the function's role {known['Role']} may not {action} on {', '.join(shut)}",
                f"{REVERT}; also check for a permissions boundary or an SCP",
            )
        else:
            yield Finding(what, GOOD, f"the function's role may {action}")


def _queue_arn(context: Context, url: str) -> str:
    answer = context.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn: str = answer["Attributes"]["QueueArn"]
    return arn


def problems(context: Context) -> Iterator[Finding]:
    """The functions' logs of the last hour name no problem."""
    since = int(time.time() * 1000) - _HOUR_MS
    for delivery in context.connector.deliveries:
        what = f"log of {delivery.destination}"
        written = list(lines(context.client("logs"), delivery.log_group, since))
        batches = [line for line in written if line.is_batch]
        named = {it: line for line in batches for it in line.fields.get("problems") or ()}
        failed = [line for line in written if line.is_problem and not line.is_batch]
        named |= {f"the function fails: {it.words()[:_LONGEST]}": it for it in failed}
        for problem, line in named.items():
            since_then = [it for it in written if it.time > line.time]
            is_over = not any(it.is_problem for it in since_then)
            delivered = sum(int(it.fields.get("delivered", 0)) for it in since_then) * is_over
            words = f"{problem} (last at {line.when()})"
            yield Finding(
                what,
                DOUBTFUL if delivered else BAD,
                f"{words}; {delivered:,} events were delivered since then" if delivered else words,
                "docs/operations.md explains each problem; waiting events are tried again",
            )
        throttles = sum(int(line.fields.get("throttles", 0)) for line in batches)
        if throttles:
            yield Finding(
                what,
                DOUBTFUL,
                f"{delivery.destination} throttled {throttles:,} requests in the last hour",
                "have its quota raised, and set …_requests_per_second accordingly",
            )
        if not named and not throttles:
            yield Finding(what, GOOD, f"{len(batches):,} batches in the last hour, no problem")


CHECKS: Final = (functions, destinations, problems)
PROBES: Final = (starts,)
