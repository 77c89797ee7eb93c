"""Customer Profiles: the domain, and the keys and the queue that it needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs

from tests.infrastructure.customer_profiles.resources import (
    ARN,
    DOMAIN,
    EVENT_TRIGGER,
    OBJECT_TYPE,
    event_type,
    profiles,
    visitor_type,
)
from tests.infrastructure.synthesis import KEY_ARN, add_connector, warnings

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Synthesize
    from tests.infrastructure.synthesis import Template


KEY_WARNING = "cdk-gtm-connector:customerProfilesKeyPolicy"
REGION_WARNING = "cdk-gtm-connector:customerProfilesRegion"
QUEUE_WARNING = "cdk-gtm-connector:customerProfilesQueuePolicy"
QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:errors"
# Against the confused deputy: AWS's page of that name has both conditions for this service, with
# the domain, and for object types domains/{domain}/objects/{object type}.
ON_BEHALF = {
    "StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"},
    "ArnLike": {"aws:SourceArn": [ARN, f"{ARN}/*"]},
}


class TestDomain:
    """The domain."""

    def test_an_existing_one_is_left_alone(self, existing: Template) -> None:
        assert not existing.all(DOMAIN)

    def test_a_new_one(self, new: Template) -> None:
        domain = new.only(DOMAIN)
        (errors,) = (q for q in new.all("AWS::SQS::Queue") if q.logical_id.startswith("Errors"))
        assert domain.properties == {
            "DomainName": "shop",
            "DefaultExpirationDays": 30,
            "DefaultEncryptionKey": KEY_ARN,
            "DeadLetterQueueUrl": errors.ref,
        }
        _, opened = new.statements(errors)
        assert opened["Principal"] == {"Service": "profile.amazonaws.com"}
        assert opened["Action"] == "sqs:SendMessage"
        assert opened["Condition"] == {
            "StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"},
            "ArnLike": {"aws:SourceArn": [ARN, f"{ARN}/*"]},
        }

    def test_profiles_outlive_the_stack(self, new: Template) -> None:
        kept = [*new.all(DOMAIN), *new.all(OBJECT_TYPE)]
        assert len(kept) == 3
        assert {resource.deletion_policy for resource in kept} == {"RetainExceptOnCreate"}

    def test_one_is_made_after_the_other(self, new: Template) -> None:
        events, visitors = event_type(new), visitor_type(new)
        assert events.depends_on == visitors.depends_on == {new.only(DOMAIN).logical_id}
        assert new.only(EVENT_TRIGGER).depends_on == {events.logical_id}
        assert {events.logical_id, visitors.logical_id} <= new.function.depends_on


def let_in(template: Template, key: str) -> dict[str, Any]:
    """Return what a key's policy allows to Customer Profiles."""
    (found,) = (k for k in template.all("AWS::KMS::Key") if k.logical_id.startswith(key))
    statements = found.properties["KeyPolicy"]["Statement"]
    (statement,) = (s for s in statements if "Service" in s["Principal"])
    return dict(statement)


class TestEncryption:
    """Customer Profiles is let into the key, and into the queue and its key."""

    def test_owned_keys_let_it_in_on_behalf_of_this_domain(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            key = kms.Key(stack, "Domain")
            queue = sqs.Queue(
                stack, "Errors", encryption_master_key=kms.Key(stack, "ErrorsKey"), enforce_ssl=True
            )
            add_connector(
                stack,
                destination=profiles(
                    create_domain=True, encryption_key=key, dead_letter_queue=queue
                ),
            )
            assert warnings(stack).keys() == {REGION_WARNING}

        template = synthesized(build)
        common = {
            "Effect": "Allow",
            "Principal": {"Service": "profile.amazonaws.com"},
            "Resource": "*",
            "Condition": ON_BEHALF,
        }
        assert let_in(template, "Domain") == {
            **common,
            "Action": ["kms:GenerateDataKey", "kms:CreateGrant", "kms:Decrypt"],
        }
        assert let_in(template, "ErrorsKey") == {
            **common,
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        }
        # The domain needs the key, so the key must not need the domain.
        domain = template.only(DOMAIN)
        for key in template.all("AWS::KMS::Key"):
            assert domain.logical_id not in json.dumps(key.properties)

    def test_so_does_a_key_that_a_queue_makes(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            queue = sqs.Queue(stack, "Errors", encryption=sqs.QueueEncryption.KMS)
            add_connector(stack, destination=profiles(create_domain=True, dead_letter_queue=queue))

        assert let_in(synthesized(build), "ErrorsKey")["Condition"] == ON_BEHALF

    def test_one_key_for_both(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            key = kms.Key(stack, "Key")
            queue = sqs.Queue(stack, "Errors", encryption_master_key=key)
            add_connector(
                stack,
                destination=profiles(
                    create_domain=True, encryption_key=key, dead_letter_queue=queue
                ),
            )

        statements = synthesized(build).only("AWS::KMS::Key").properties["KeyPolicy"]["Statement"]
        allowed = {
            action
            for statement in statements
            if statement["Principal"] == {"Service": "profile.amazonaws.com"}
            for action in statement["Action"]
        }
        assert allowed == {"kms:GenerateDataKey", "kms:CreateGrant", "kms:Decrypt"}

    def test_whose_policies_are_somebody_elses_is_warned(self) -> None:
        stack = cdk.Stack(env=cdk.Environment(region="us-east-1"))
        queue = sqs.Queue.from_queue_attributes(
            stack, "Errors", queue_arn=QUEUE_ARN, key_arn=KEY_ARN
        )
        add_connector(
            stack,
            destination=profiles(
                create_domain=True,
                encryption_key=kms.Key.from_key_arn(stack, "Key", KEY_ARN),
                dead_letter_queue=queue,
            ),
        )
        found = warnings(stack)
        assert found.keys() == {KEY_WARNING, QUEUE_WARNING}
        domains, queues = sorted(found[KEY_WARNING].splitlines(), reverse=True)
        assert domains.startswith("encryption_key is imported")
        assert "kms:GenerateDataKey, kms:CreateGrant, kms:Decrypt to profile.a" in domains
        assert queues.startswith("dead_letter_queue's key is imported")
        assert "sqs:SendMessage to profile.amazonaws.com" in found[QUEUE_WARNING]

    def test_awss_own_key_for_queues_lets_no_service_in(self) -> None:
        stack = cdk.Stack(env=cdk.Environment(region="us-east-1"))
        queue = sqs.Queue(stack, "Errors", encryption=sqs.QueueEncryption.KMS_MANAGED)
        add_connector(stack, destination=profiles(create_domain=True, dead_letter_queue=queue))
        assert "alias/aws/sqs" in warnings(stack)[KEY_WARNING]

    def test_what_is_not_encrypted_so_gets_no_warning(self) -> None:
        stack = cdk.Stack(env=cdk.Environment(region="us-east-1"))
        queue = sqs.Queue(stack, "Errors")
        add_connector(stack, destination=profiles(create_domain=True, dead_letter_queue=queue))
        assert warnings(stack) == {}
