"""The queue between API and function, and those for what cannot be delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
import pytest
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs

from cdk_gtm_connector import EventDelivery, PinpointDestination
from tests.infrastructure.synthesis import add_connector

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Deployable, Synthesize
    from tests.infrastructure.synthesis import Template

DAY = 24 * 60 * 60


def test_there_are_three_and_all_are_encrypted(template: Template) -> None:
    queues = template.all("AWS::SQS::Queue")
    assert [queue.properties.get("SqsManagedSseEnabled") for queue in queues] == [True] * 3


@pytest.mark.parametrize("which", ["queue", "dead_letter_queue", "invalid_message_queue"])
def test_they_refuse_what_comes_without_tls(template: Template, which: str) -> None:
    queue = getattr(template, which)
    policy = template.only("AWS::SQS::QueuePolicy", Queues=[queue.ref])
    assert policy.properties["PolicyDocument"]["Statement"] == [
        {
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "sqs:*",
            "Resource": queue.arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]


def test_a_message_stays_hidden_while_its_batch_fills_and_for_6_timeouts(
    template: Template,
) -> None:
    timeout = template.function.properties["Timeout"]
    window = template.event_source.properties["MaximumBatchingWindowInSeconds"]
    assert template.queue.properties["VisibilityTimeout"] == 6 * timeout + window == 365


@pytest.mark.parametrize(("timeout", "window"), [(30, 1), (61, 300), (900, 60)])
def test_also_when_these_are_others(synthesized: Synthesize, timeout: int, window: int) -> None:
    template = synthesized(
        lambda stack: add_connector(
            stack,
            timeout=cdk.Duration.seconds(timeout),
            max_batching_window=cdk.Duration.seconds(window),
        )
    )
    assert template.function.properties["Timeout"] == timeout
    assert template.event_source.properties["MaximumBatchingWindowInSeconds"] == window
    assert template.queue.properties["VisibilityTimeout"] == 6 * timeout + window


def test_a_window_that_is_known_at_deployment_is_taken_for_the_longest(
    synthesized: Synthesize,
) -> None:
    def build(stack: cdk.Stack) -> None:
        window = cdk.CfnParameter(stack, "Window", type="Number", default=60).value_as_number
        add_connector(stack, max_batching_window=cdk.Duration.seconds(window))

    template = synthesized(build)
    assert template.event_source.properties["MaximumBatchingWindowInSeconds"] == "${Window}"
    assert template.queue.properties["VisibilityTimeout"] == 6 * 60 + 300


def test_what_is_never_delivered_goes_to_the_dead_letter_queue(template: Template) -> None:
    assert template.queue.properties["RedrivePolicy"] == {
        "deadLetterTargetArn": template.dead_letter_queue.arn,
        "maxReceiveCount": 10,
    }


def test_the_dead_letter_queue_outlasts_the_queue(template: Template) -> None:
    # A message's age moves along with it: with equal retention it could arrive and expire.
    for rejected in (template.dead_letter_queue, template.invalid_message_queue):
        assert rejected.properties["MessageRetentionPeriod"] == 14 * DAY
    assert template.queue.properties["MessageRetentionPeriod"] == 7 * DAY


def test_every_try_fits_into_the_retention(template: Template) -> None:
    # Else a message would expire unseen instead of going to the dead-letter queue.
    queue = template.queue.properties
    tries = queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"]
    assert tries < queue["MessageRetentionPeriod"]


def test_what_callers_got_wrong_is_kept_apart_and_once(
    template: Template, settings: dict[str, Deployable]
) -> None:
    invalid = template.invalid_message_queue
    assert "RedrivePolicy" not in invalid.properties
    assert len({template.queue.ref, template.dead_letter_queue.ref, invalid.ref}) == 3
    several = settings["fan_out"].template
    kept = [
        (variables["INVALID_MESSAGE_QUEUE_URL"], variables["KEEP_INVALID_MESSAGES"])
        for delivery in several.deliveries.values()
        for variables in [delivery.function.properties["Environment"]["Variables"]]
    ]
    first = several.deliveries["pinpoint"].function.properties["Environment"]["Variables"]
    assert len({url for url, _ in kept}) == 1
    assert sorted(keeps for _, keeps in kept) == ["false"] * 4 + ["true"]
    assert first["KEEP_INVALID_MESSAGES"] == "true"


def test_a_delivery_alone_needs_no_such_queue(synthesized: Synthesize) -> None:
    template = synthesized(lambda stack: add_delivery(stack, apart=False))
    assert not [name for name in template.environment if "INVALID" in name]
    template = synthesized(lambda stack: add_delivery(stack, apart=True))
    (role,) = template.all("AWS::IAM::Role")
    sent_to = {arn for action, arn in template.grants(role) if action == "sqs:SendMessage"}
    assert sent_to == {template.dead_letter_queue.arn, template.invalid_message_queue.arn}


def add_delivery(stack: cdk.Stack, *, apart: bool) -> None:
    """Add a delivery with queues of the stack's own."""
    names = ("Queue", "DeadLetterQueue", *(["InvalidMessageQueue"] if apart else []))
    queues = {name: sqs.Queue(stack, name) for name in names if name != "Queue"}
    EventDelivery(
        stack,
        "Delivery",
        queue=sqs.Queue(
            stack,
            "Queue",
            visibility_timeout=cdk.Duration.minutes(7),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=queues["DeadLetterQueue"], max_receive_count=10
            ),
        ),
        dead_letter_queue=queues["DeadLetterQueue"],
        invalid_message_queue=queues.get("InvalidMessageQueue"),
        destination=PinpointDestination("a"),
        anonymous_user_attributes=(),
        authenticated_user_attributes="*",
        allowed_origins=None,
        accept_client_timestamp=False,
        batch_size=10,
        max_batching_window=cdk.Duration.seconds(1),
        max_concurrency=2,
        memory_size=256,
        timeout=cdk.Duration.minutes(1),
        log_retention=logs.RetentionDays.ONE_DAY,
    )
