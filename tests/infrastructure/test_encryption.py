"""A key of the owner's own, and who is let into it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdk_gtm_connector import (
    CollectionApi,
    CustomerProfilesDestination,
    EventDelivery,
    PinpointDestination,
    PropError,
    SignedTokenAuthorizer,
)
from tests.destinations.kinesis.cases import add_stream
from tests.infrastructure.options import add_key, add_signed_token, import_key
from tests.infrastructure.synthesis import KEY_ARN, Template, add_connector, warnings
from tests.infrastructure.test_importing import recommended_flags

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infrastructure.conftest import Deployable, Synthesize

SENDING = {"kms:GenerateDataKey", "kms:Decrypt"}
LOG_GROUPS = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:*"
TOPICS = "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:*"
LOGS_STATEMENT = {
    "Effect": "Allow",
    "Principal": {"Service": "logs.${AWS::Region}.${AWS::URLSuffix}"},
    "Action": [
        *("kms:Decrypt*", "kms:Describe*", "kms:Encrypt*"),
        *("kms:GenerateDataKey*", "kms:ReEncrypt*"),
    ],
    "Resource": "*",
    "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": LOG_GROUPS}},
}
SNS_STATEMENT = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
    "Resource": "*",
    "Condition": {"ArnLike": {"aws:SourceArn": TOPICS}},
}


def services(template: Template) -> list[dict[str, Any]]:
    """Return the statements of the key's policy that let a service in, in an order of their own."""
    statements = template.only("AWS::KMS::Key").properties["KeyPolicy"]["Statement"]
    return sorted(
        (
            {**statement, "Action": sorted(statement["Action"])}
            for statement in statements
            if "Service" in statement["Principal"]
        ),
        key=lambda statement: str(statement["Principal"]),
    )


def key_grants(template: Template, service: str, key: str) -> set[str]:
    """Return what the one role of a service may do with a key."""
    grants = template.grants(template.role(service))
    granted = {action for action, resource in grants if resource == key}
    assert granted == {action for action, _ in grants if action.startswith("kms:")}
    return granted


def own_key(template: Template) -> str:
    """Return the ARN of the key that the template makes."""
    return template.only("AWS::KMS::Key").arn


class TestWhatIsEncrypted:
    """Queues, topic, log groups and the token's secret."""

    @pytest.mark.parametrize("name", ["Encrypted", "EncryptedByAnImportedKey"])
    def test_by_the_key(self, options: dict[str, Deployable], name: str) -> None:
        template = options[name].template
        key = KEY_ARN if "Imported" in name else own_key(template)
        assert encrypted(template) == {key}

    @pytest.mark.parametrize("name", ["EncryptedFanOut", "FanOutEncryptedByAnImportedKey"])
    def test_with_a_topic_too(self, destinations: dict[str, Deployable], name: str) -> None:
        template = destinations[name].template
        key = KEY_ARN if "Imported" in name else own_key(template)
        assert template.all("AWS::SNS::Topic")
        assert encrypted(template) == {key}

    def test_the_setting_does_it(self, settings: dict[str, Deployable]) -> None:
        template = settings["encryption_key"].template
        assert template.all("AWS::SecretsManager::Secret")
        assert encrypted(template) == {KEY_ARN}

    def test_by_none_unless_it_is_asked_for(self, template: Template) -> None:
        assert "KMS" not in json.dumps(template.document)
        assert "Kms" not in json.dumps(template.document)


def encrypted(template: Template) -> set[object]:
    """Return the keys of all that can have one; ``None`` for what has none."""
    attributes = {
        "AWS::SQS::Queue": "KmsMasterKeyId",
        "AWS::SNS::Topic": "KmsMasterKeyId",
        "AWS::Logs::LogGroup": "KmsKeyId",
        "AWS::SecretsManager::Secret": "KmsKeyId",
    }
    return {
        resource.properties.get(attribute)
        for kind, attribute in attributes.items()
        for resource in template.all(kind)
    }


class TestWhoIsLetIn:
    """Whoever has to use the key, and nobody else."""

    def test_the_api_sends(self, options: dict[str, Deployable]) -> None:
        template = options["Encrypted"].template
        assert key_grants(template, "apigateway.amazonaws.com", own_key(template)) == SENDING

    def test_the_api_publishes(self, destinations: dict[str, Deployable]) -> None:
        template = destinations["EncryptedFanOut"].template
        assert key_grants(template, "apigateway.amazonaws.com", own_key(template)) == SENDING

    def test_the_function_receives_and_rejects(self, options: dict[str, Deployable]) -> None:
        template = options["Encrypted"].template
        grants = template.grants(template.role_of(template.function))
        assert {g for g in grants if g[0].startswith("kms:")} == {
            (action, own_key(template)) for action in SENDING
        }

    def test_each_function_of_several(self, destinations: dict[str, Deployable]) -> None:
        template = destinations["EncryptedFanOut"].template
        for kind, delivery in template.deliveries.items():
            policies = json.dumps(
                [
                    policy.properties["PolicyDocument"]
                    for policy in template.all("AWS::IAM::Policy")
                    if delivery.role.ref in policy.properties["Roles"]
                ]
            )
            assert all(action in policies for action in SENDING), kind

    @pytest.mark.parametrize("name", ["Encrypted", "EncryptedByAnImportedKey"])
    def test_the_authorizer_reads_its_secret(
        self, options: dict[str, Deployable], name: str
    ) -> None:
        template = options[name].template
        key = KEY_ARN if "Imported" in name else own_key(template)
        through = {
            "StringEquals": {"kms:ViaService": "secretsmanager.${AWS::Region}.amazonaws.com"}
        }
        role = template.role_of(template.token_function)
        grants = template.grants(role, condition=through)
        assert {g for g in grants if g[0].startswith("kms:")} == {("kms:Decrypt", key)}

    def test_logs_alone_with_one_destination(self, options: dict[str, Deployable]) -> None:
        # Once, though there are three log groups.
        assert services(options["Encrypted"].template) == [LOGS_STATEMENT]

    def test_logs_and_topics_with_several(self, destinations: dict[str, Deployable]) -> None:
        allowed = services(destinations["EncryptedFanOut"].template)
        assert allowed == [LOGS_STATEMENT, SNS_STATEMENT]

    @pytest.mark.parametrize("choice", ["recommended", "all on", "all off"])
    def test_whatever_the_apps_feature_flags(self, synthesized: Synthesize, choice: str) -> None:
        # With one of them aws-cdk-lib would name the topic in the key that the topic needs.
        flags = recommended_flags()
        if choice != "recommended":
            flags = dict.fromkeys(flags, choice == "all on")

        def build(stack: cdk.Stack) -> None:
            key = add_key(stack)
            add_connector(
                stack,
                destination=None,
                destinations=[PinpointDestination("a"), add_stream(stack)],
                authorizer=add_signed_token(stack, encryption_key=key),
                encryption_key=key,
            )

        template = synthesized(build, context=flags)
        assert services(template) == [LOGS_STATEMENT, SNS_STATEMENT]
        referred = json.dumps(template.only("AWS::KMS::Key").properties)
        assert not [
            resource.logical_id
            for kind in ("AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::Logs::LogGroup")
            for resource in template.all(kind)
            if resource.logical_id in referred
        ]

    def test_a_key_may_be_in_a_stack_of_its_own(self, tmp_path: Path) -> None:
        app = cdk.App(outdir=str(tmp_path))
        key = add_key(cdk.Stack(app, "Keys"))
        stack = cdk.Stack(app, "Shop")
        add_connector(
            stack,
            destination=None,
            destinations=[PinpointDestination("a"), add_stream(stack)],
            authorizer=add_signed_token(stack, encryption_key=key),
            encryption_key=key,
        )
        app.synth(skip_validation=True)
        assert services(Template.read(tmp_path, "Keys")) == [LOGS_STATEMENT, SNS_STATEMENT]

    def test_customer_profiles_too(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            key = add_key(stack)
            errors = sqs.Queue(
                stack,
                "Errors",
                encryption=sqs.QueueEncryption.KMS,
                encryption_master_key=key,
            )
            destination = CustomerProfilesDestination(
                domain_name="shop",
                create_domain=True,
                encryption_key=key,
                dead_letter_queue=errors,
            )
            add_connector(stack, destination=destination, encryption_key=key)

        let_in = services(synthesized(build))
        profiles = {
            action
            for statement in let_in
            if statement["Principal"]["Service"] == "profile.amazonaws.com"
            for action in statement["Action"]
        }
        assert profiles == {"kms:GenerateDataKey", "kms:CreateGrant", "kms:Decrypt"}
        assert LOGS_STATEMENT in let_in


class TestImportedKeys:
    """A key whose policy is somebody else's to write."""

    @pytest.mark.parametrize(("several", "names"), [(False, ["logs."]), (True, ["logs.", "sns."])])
    def test_a_warning_says_what_it_must_allow(self, *, several: bool, names: list[str]) -> None:
        stack = cdk.Stack()
        key = import_key(stack)
        destinations = [PinpointDestination("a"), *([add_stream(stack)] if several else [])]
        add_connector(stack, destination=None, destinations=destinations, encryption_key=key)
        (lines,) = warnings(stack).values()
        assert list(warnings(stack)) == ["cdk-gtm-connector:encryptionKeyPolicy"]
        told = sorted(lines.split("\n"))
        assert len(told) == len(names)  # each once, however many log groups there are
        for line, name in zip(told, names, strict=True):
            assert "encryption_key is imported" in line
            assert f" to {name}" in line
            assert "kms:GenerateDataKey" in line

    def test_the_roles_are_granted_all_the_same(self, options: dict[str, Deployable]) -> None:
        template = options["EncryptedByAnImportedKey"].template
        assert key_grants(template, "apigateway.amazonaws.com", KEY_ARN) == SENDING

    def test_a_key_of_the_stacks_own_warns_of_nothing(self) -> None:
        stack = cdk.Stack()
        add_connector(stack, encryption_key=add_key(stack))
        assert warnings(stack) == {}


def add_alone(stack: cdk.Stack, *, topic: bool, imported: bool) -> None:
    """Add an API, or a delivery, of queues and a topic that are somebody's own and encrypted."""
    key = kms.Key(stack, "Theirs")
    if imported:
        queue, dead_letter_queue = (
            sqs.Queue.from_queue_attributes(
                stack,
                name,
                queue_arn=f"arn:aws:sqs:us-east-1:123456789012:{name}",
                key_arn=key.key_arn,
            )
            for name in ("Waiting", "Rejected")
        )
        encrypted_topic = sns.Topic.from_topic_attributes(
            stack,
            "Topic",
            topic_arn="arn:aws:sns:us-east-1:123456789012:topic",
            key_arn=key.key_arn,
        )
    else:
        queue, dead_letter_queue = (
            sqs.Queue(
                stack,
                name,
                encryption=sqs.QueueEncryption.KMS,
                encryption_master_key=key,
                visibility_timeout=cdk.Duration.minutes(6),
            )
            for name in ("Waiting", "Rejected")
        )
        encrypted_topic = sns.Topic(stack, "Topic", master_key=key)
    if topic:
        CollectionApi(stack, "Collection", topic=encrypted_topic)
    else:
        CollectionApi(stack, "Collection", queue=queue)
    EventDelivery(
        stack,
        "Delivery",
        queue=queue,
        dead_letter_queue=dead_letter_queue,
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


class TestOwnQueues:
    """``CollectionApi`` and ``EventDelivery`` with queues that are encrypted already."""

    @pytest.mark.parametrize("imported", [False, True])
    @pytest.mark.parametrize("topic", [False, True])
    def test_they_may_use_the_key(
        self, synthesized: Synthesize, *, topic: bool, imported: bool
    ) -> None:
        template = synthesized(partial(add_alone, topic=topic, imported=imported))
        key = own_key(template)
        assert key_grants(template, "apigateway.amazonaws.com", key) == SENDING
        assert key_grants(template, "lambda.amazonaws.com", key) == SENDING


class TestRefusals:
    """What is no key."""

    @pytest.mark.parametrize("value", [KEY_ARN, 7])
    def test_it_is_said_in_words(self, value: Any) -> None:
        words = r"^encryption_key must be an IKey, such as Key\.from_key_arn\(.*, got "
        with pytest.raises(PropError, match=words):
            add_connector(cdk.Stack(), encryption_key=value)
        with pytest.raises(PropError, match=words):
            SignedTokenAuthorizer(cdk.Stack(), "Token", encryption_key=value)
