"""The queue between API and function, and the one for what cannot be delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
import pytest

from tests.infrastructure.synthesis import add_connector

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Synthesize
    from tests.infrastructure.synthesis import Template

DAY = 24 * 60 * 60


def test_there_are_two_and_both_are_encrypted(template: Template) -> None:
    queues = template.all("AWS::SQS::Queue")
    assert [queue.properties.get("SqsManagedSseEnabled") for queue in queues] == [True, True]


@pytest.mark.parametrize("which", ["queue", "dead_letter_queue"])
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
    assert template.dead_letter_queue.properties["MessageRetentionPeriod"] == 14 * DAY
    assert template.queue.properties["MessageRetentionPeriod"] == 7 * DAY


def test_every_try_fits_into_the_retention(template: Template) -> None:
    # Else a message would expire unseen instead of going to the dead-letter queue.
    queue = template.queue.properties
    tries = queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"]
    assert tries < queue["MessageRetentionPeriod"]
