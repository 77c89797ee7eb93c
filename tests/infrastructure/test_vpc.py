"""Functions in a VPC."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2

from cdk_gtm_connector import PinpointDestination, PropError
from tests.destinations.kinesis.cases import add_stream
from tests.infrastructure.options import import_vpc
from tests.infrastructure.synthesis import add_connector

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Deployable, RunExample, Synthesize
    from tests.infrastructure.synthesis import Template

PRIVATE = ["subnet-0123abcd", "subnet-4567abcd"]


def add_in_vpc(stack: cdk.Stack, **props: Any) -> None:
    """Add a connector to two destinations, in the VPC."""
    add_connector(
        stack,
        destination=None,
        destinations=[PinpointDestination("a"), add_stream(stack)],
        vpc=import_vpc(stack),
        **props,
    )


def test_the_function_is_in_its_private_subnets(options: dict[str, Deployable]) -> None:
    template = options["InAVpc"].template
    group = template.only("AWS::EC2::SecurityGroup")
    assert template.function.properties["VpcConfig"] == {
        "SubnetIds": PRIVATE,
        "SecurityGroupIds": [group.attribute("GroupId")],
    }
    assert "SecurityGroupIngress" not in group.properties


def test_so_is_each_of_several(synthesized: Synthesize) -> None:
    deliveries = synthesized(add_in_vpc).deliveries
    assert len(deliveries) == 2
    for delivery in deliveries.values():
        assert delivery.function.properties["VpcConfig"]["SubnetIds"] == PRIVATE


def test_subnets_and_security_groups_can_be_chosen(synthesized: Synthesize) -> None:
    def build(stack: cdk.Stack) -> None:
        add_in_vpc(
            stack,
            vpc_subnets=ec2.SubnetSelection(availability_zones=["us-east-1b"]),
            security_groups=[
                ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-0123abcd")
            ],
        )

    template = synthesized(build)
    for delivery in template.deliveries.values():
        assert delivery.function.properties["VpcConfig"] == {
            "SubnetIds": PRIVATE[1:],
            "SecurityGroupIds": ["sg-0123abcd"],
        }
    assert not template.all("AWS::EC2::SecurityGroup")


def test_it_may_make_its_network_interfaces_before_it_is_made(
    options: dict[str, Deployable], template: Template
) -> None:
    inside = options["InAVpc"].template
    role = inside.role_of(inside.function)
    grants = inside.grants(role)
    assert {grant for grant in grants if grant[0].startswith("ec2:")} == {
        (f"ec2:{action}", "*")
        for action in (
            "CreateNetworkInterface",
            "DescribeNetworkInterfaces",
            "DescribeSubnets",
            "DeleteNetworkInterface",
            "AssignPrivateIpAddresses",
            "UnassignPrivateIpAddresses",
        )
    }
    assert len(grants) == len(template.grants(template.role("lambda.amazonaws.com"))) + 6
    (policy,) = (
        policy.logical_id
        for policy in inside.all("AWS::IAM::Policy")
        if role.ref in policy.properties["Roles"]
    )
    assert policy in inside.function.depends_on


def test_nothing_of_it_is_there_without_one(template: Template) -> None:
    assert "VpcConfig" not in template.function.properties
    assert not [r for r in template.resources if r.type.startswith("AWS::EC2::")]


@pytest.mark.parametrize(
    "props",
    [
        {"vpc_subnets": ec2.SubnetSelection(one_per_az=True)},
        {"security_groups": []},
    ],
)
def test_what_belongs_to_a_vpc_needs_one(props: dict[str, Any]) -> None:
    (prop,) = props
    with pytest.raises(
        PropError, match=rf"^{prop} must not be given without vpc, got .* with vpc=None$"
    ):
        add_connector(cdk.Stack(), **props)


def test_only_what_needs_every_resource_is_acknowledged(options: dict[str, Deployable]) -> None:
    # "*" of X-Ray and of EC2: with neither, there is nothing to acknowledge.
    rule = "AwsSolutions-IAM5[Resource::*]"
    for name, acknowledged in {
        "NobodyAny": True,
        "InAVpc": True,
        "InAVpcUntraced": True,
        "Untraced": False,
    }.items():
        given = {violation["ruleName"] for violation in options[name].acknowledged}
        assert (rule in given) is acknowledged, name


def test_the_example_has_an_endpoint_for_each_service_that_its_function_calls(
    run_example: RunExample, tmp_path: Path
) -> None:
    code = Path(__file__).parents[2].joinpath("examples", "function_in_a_vpc.py")
    template = run_example(tmp_path, code.read_text(encoding="utf-8")).template
    endpoints = {
        endpoint.properties["ServiceName"].rpartition(".")[2]
        for endpoint in template.all("AWS::EC2::VPCEndpoint")
        if endpoint.properties["PrivateDnsEnabled"]
    }
    # The log and the traces are Lambda's to write.
    called = {
        action.partition(":")[0]
        for action, _ in template.grants(template.role_of(template.function))
    } - {"ec2", "logs", "xray"}
    assert called == {"sqs", "kinesis"}
    assert endpoints == {"sqs", "kinesis-streams"}
    assert not template.all("AWS::EC2::InternetGateway")
    assert not template.all("AWS::EC2::NatGateway")
