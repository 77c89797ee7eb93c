"""Destinations in another account or Region of the same app."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from cdk_gtm_connector import (
    EventBridgeDestination,
    FirehoseDestination,
    KinesisDestination,
    PropError,
)
from tests.infrastructure.synthesis import Template, add_connector, warnings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cdk_gtm_connector import Destination

HOME = cdk.Environment(account="111111111111", region="eu-west-1")
ELSEWHERE = {
    "region": cdk.Environment(account="111111111111", region="eu-central-1"),
    "account": cdk.Environment(account="222222222222", region="eu-west-1"),
    "both": cdk.Environment(account="222222222222", region="eu-central-1"),
}
NAMED = cdk.PhysicalName.GENERATE_IF_NEEDED
CONDITION = {
    "ForAllValues:StringEquals": {"events:source": "cdk-gtm-connector"},
    "Null": {"events:source": "false"},
    "StringEquals": {"events:detail-type": "GTM Event"},
}


def synthesize_both(
    outdir: Path, env: cdk.Environment, make: Callable[[cdk.Stack], Destination]
) -> tuple[Template, Template]:
    """Return the connector's stack and that of its destination, which is in ``env``."""
    app = cdk.App(outdir=str(outdir))
    there, here = cdk.Stack(app, "There", env=env), cdk.Stack(app, "Here", env=HOME)
    add_connector(here, destination=make(there))
    app.synth(skip_validation=True)
    return Template.read(outdir, "Here"), Template.read(outdir, "There")


def named_stream(stack: cdk.Stack) -> kinesis.Stream:
    """Add a stream that another stack can refer to."""
    return kinesis.Stream(
        stack, "S", stream_name=NAMED, encryption=kinesis.StreamEncryption.MANAGED
    )


def grants(template: Template, prefix: str, **kwargs: Any) -> set[tuple[str, str]]:
    """Return what the function may do at a service."""
    role = template.role("lambda.amazonaws.com")
    return {g for g in template.grants(role, **kwargs) if g[0].startswith(prefix)}


def role_arn(template: Template) -> str:
    """Return how another account names the function's role."""
    name = template.role("lambda.amazonaws.com").properties["RoleName"]
    return f"arn:${{AWS::Partition}}:iam::111111111111:role/{name}"


class TestKinesis:
    """Kinesis takes records by a stream's ARN."""

    @pytest.mark.parametrize("where", ELSEWHERE)
    def test_it_may_be_anywhere(self, tmp_path: Path, where: str) -> None:
        env = ELSEWHERE[where]
        here, there = synthesize_both(
            tmp_path,
            env,
            lambda stack: KinesisDestination(named_stream(stack)),
        )
        name = there.only("AWS::Kinesis::Stream").properties["Name"]
        arn = f"arn:${{AWS::Partition}}:kinesis:{env.region}:{env.account}:stream/{name}"
        assert here.environment["KINESIS_STREAM_ARN"] == arn
        assert grants(here, "kinesis:") == {("kinesis:PutRecords", arn)}

    @pytest.mark.parametrize("where", ["account", "both"])
    def test_another_accounts_policy_names_the_function_alone(
        self, tmp_path: Path, where: str
    ) -> None:
        here, there = synthesize_both(
            tmp_path,
            ELSEWHERE[where],
            lambda stack: KinesisDestination(named_stream(stack)),
        )
        policy = there.only("AWS::Kinesis::ResourcePolicy").properties["ResourcePolicy"]
        (statement,) = policy["Statement"]
        assert statement["Principal"] == {"AWS": role_arn(here)}
        assert statement["Action"] == "kinesis:PutRecords"

    def test_so_does_its_keys(self, tmp_path: Path) -> None:
        def make(stack: cdk.Stack) -> Destination:
            stream = kinesis.Stream(
                stack,
                "S",
                stream_name=NAMED,
                encryption_key=kms.Key(stack, "Key", alias="alias/shop"),
            )
            return KinesisDestination(stream)

        here, there = synthesize_both(tmp_path, ELSEWHERE["account"], make)
        statements = there.only("AWS::KMS::Key").properties["KeyPolicy"]["Statement"]
        granted = [s for s in statements if s["Principal"] == {"AWS": role_arn(here)}]
        assert [statement["Action"] for statement in granted] == ["kms:GenerateDataKey"]
        assert {action for action, _ in grants(here, "kms:")} == {"kms:GenerateDataKey"}


class TestEventBridge:
    """EventBridge takes events by a bus's ARN, at the endpoint of the bus's Region."""

    @pytest.mark.parametrize("where", ELSEWHERE)
    def test_it_may_be_anywhere(self, tmp_path: Path, where: str) -> None:
        env = ELSEWHERE[where]
        here, there = synthesize_both(
            tmp_path,
            env,
            lambda stack: EventBridgeDestination(
                events.EventBus(stack, "Bus", event_bus_name="shop")
            ),
        )
        arn = f"arn:${{AWS::Partition}}:events:{env.region}:{env.account}:event-bus/shop"
        assert here.environment["EVENT_BUS_ARN"] == arn
        assert grants(here, "events:", condition=CONDITION) == {("events:PutEvents", arn)}
        policies = there.all("AWS::Events::EventBusPolicy")
        assert len(policies) == (0 if where == "region" else 1)
        for policy in policies:
            statement = policy.properties["Statement"]
            assert statement["Principal"] == {"AWS": role_arn(here)}
            assert statement["Action"] == "events:PutEvents"
            assert statement["Resource"] == there.only("AWS::Events::EventBus").arn
            assert statement["Condition"] == CONDITION

    @pytest.mark.parametrize(
        ("account", "warned"), [("222222222222", True), ("111111111111", False)]
    )
    def test_what_an_imported_ones_policy_must_allow_is_a_warning(
        self, account: str, *, warned: bool
    ) -> None:
        stack = cdk.Stack(env=HOME)
        arn = f"arn:aws:events:eu-west-1:{account}:event-bus/shop"
        bus = events.EventBus.from_event_bus_arn(stack, "Bus", arn)
        add_connector(stack, destination=EventBridgeDestination(bus))
        assert ("cdk-gtm-connector:eventBusPolicy" in warnings(stack)) is warned


class TestRefusals:
    """What AWS does not allow, or what cannot be referred to."""

    @pytest.mark.parametrize("where", ELSEWHERE)
    def test_what_has_no_name(self, where: str) -> None:
        app = cdk.App()
        there = cdk.Stack(app, "There", env=ELSEWHERE[where])
        words = (
            "must have a name to be in another account or Region .*, got 'There/.*': "
            ".*GENERATE_IF_NEEDED"
        )
        for prop, destination in {
            "stream": KinesisDestination(kinesis.Stream(there, "Stream")),
            "event_bus": EventBridgeDestination(events.EventBus(there, "Bus")),
        }.items():
            here = cdk.Stack(app, prop.replace("_", "-"), env=HOME)
            with pytest.raises(PropError, match=rf"^{prop} {words}"):
                add_connector(here, destination=destination)

    @pytest.mark.parametrize(
        ("where", "words"),
        [
            ("region", "Region, eu-west-1, .*, got 'eu-central-1': .*"),
            ("account", "account, 111111111111, .*, got '222222222222': .*"),
        ],
    )
    def test_a_delivery_stream_elsewhere(self, where: str, words: str) -> None:
        app = cdk.App()
        there = cdk.Stack(app, "There", env=ELSEWHERE[where])
        bucket = s3.Bucket.from_bucket_name(there, "Bucket", "events")
        stream = firehose.DeliveryStream(there, "S", destination=firehose.S3Bucket(bucket))
        here = cdk.Stack(app, "Here", env=HOME)
        with pytest.raises(PropError, match=rf"^delivery_stream must be in the stack's {words}$"):
            add_connector(here, destination=FirehoseDestination(stream))


def test_no_role_has_a_name_unless_another_account_needs_it(template: Template) -> None:
    assert "RoleName" not in json.dumps(template.document)
