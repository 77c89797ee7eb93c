"""A connector is found wherever it is deployed, and by the ids that it really has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from cdk_gtm_connector_cli.context import Context
from cdk_gtm_connector_cli.errors import CommandError
from cdk_gtm_connector_cli.output import Output
from cdk_gtm_connector_cli.stack import (
    FUNCTION,
    QUEUE,
    REST_API,
    Resource,
    connectors,
    key_of,
    read_resources,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from local.pipeline.stack import Pipeline

INFRASTRUCTURE = Path(__file__).parents[1] / "infrastructure"
ARN = "arn:aws:cloudformation:eu-west-1:123456789012:stack/Shop/1"


def summaries(types: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return resources as CloudFormation lists them."""
    return [
        {
            "LogicalResourceId": name,
            "PhysicalResourceId": f"physical-{name}",
            "ResourceType": resource_type,
            "LastUpdatedTimestamp": 0,
            "ResourceStatus": "CREATE_COMPLETE",
        }
        for name, resource_type in types.items()
    ]


@pytest.fixture
def stubbed() -> Iterator[Stubber]:
    """Return a stub of CloudFormation, which holds answers to the service's model."""
    client = boto3.client("cloudformation", region_name="eu-west-1")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def add_stack(
    stubbed: Stubber,
    stack: str,
    types: Mapping[str, str],
    paths: Mapping[str, str] | None = None,
) -> None:
    """Let CloudFormation know a stack, with the paths of its constructs or without."""
    resources = {
        name: {
            "Type": resource_type,
            **({"Metadata": {"aws:cdk:path": paths[name]}} if paths and name in paths else {}),
        }
        for name, resource_type in types.items()
    }
    stubbed.add_response(
        "get_template",
        {"TemplateBody": json.dumps({"Resources": resources})},
        {"StackName": stack, "TemplateStage": "Original"},
    )
    stubbed.add_response(
        "list_stack_resources", {"StackResourceSummaries": summaries(types)}, {"StackName": stack}
    )


def test_it_is_found_by_its_logical_ids(stubbed: Stubber) -> None:
    types: dict[str, str] = {}
    for name in ("logical_ids.json", "logical_ids_of_fan_out.json"):
        types |= json.loads(INFRASTRUCTURE.joinpath(name).read_text("utf-8"))
    add_stack(stubbed, "Shop", types)
    (connector,) = connectors(read_resources(stubbed.client, "Shop"))
    assert connector.key == "Connector"
    assert connector.kinds() == ["", "CustomerProfiles", "EventBridge", "Firehose", "Kinesis"]
    for kind in connector.kinds():
        for key, resource_type in (
            ("Queue", QUEUE),
            ("DeadLetterQueue", QUEUE),
            ("DeliveryFunction", FUNCTION),
            ("DeliveryLog", "AWS::Logs::LogGroup"),
        ):
            assert connector.find(f"{kind}{key}", resource_type), f"{kind}{key}"
    assert connector.find("InvalidMessageQueue", QUEUE)
    assert connector.find("Topic", "AWS::SNS::Topic")
    assert connector.find("Queue", FUNCTION) is None


def test_the_constructs_path_counts_more_than_the_logical_id(stubbed: Stubber) -> None:
    # The CDK leaves "Queue" out of the id of a queue in a construct whose name ends so; and
    # overrideLogicalId() may call a resource anything.
    add_stack(
        stubbed,
        "Shop",
        {
            "EventQueueCollectionApiAAAAAAAA": REST_API,
            "EventQueueBBBBBBBB": QUEUE,
            "Mine": FUNCTION,
        },
        {
            "EventQueueCollectionApiAAAAAAAA": "Shop/EventQueue/Collection/Api/Resource",
            "EventQueueBBBBBBBB": "Shop/EventQueue/Queue/Resource",
            "Mine": "Shop/EventQueue/Delivery/Function/Resource",
        },
    )
    (connector,) = connectors(read_resources(stubbed.client, "Shop"))
    queue = connector.find("Queue", QUEUE)
    assert queue is not None
    assert queue.physical_id == "physical-EventQueueBBBBBBBB"
    assert connector.kinds() == [""]


def test_it_is_found_in_a_nested_stack(stubbed: Stubber) -> None:
    nested = "Nested0AAAAAAA"
    stubbed.add_response(
        "get_template",
        {"TemplateBody": "Resources: {}"},
        {"StackName": "Shop", "TemplateStage": "Original"},
    )
    stubbed.add_response(
        "list_stack_resources",
        {"StackResourceSummaries": summaries({nested: "AWS::CloudFormation::Stack"})},
        {"StackName": "Shop"},
    )
    add_stack(stubbed, f"physical-{nested}", {"GtmCollectionApiAAAAAAAA": REST_API})
    (connector,) = connectors(read_resources(stubbed.client, "Shop"))
    assert connector.key == "Gtm"


def resources_of(*keys: str) -> list[Resource]:
    """Return connectors as far as they are told apart."""
    return [
        Resource(resource_type, f"{key}{suffix}", f"{key}{suffix}", f"{key}{suffix}", "Stack")
        for key in keys
        for suffix, resource_type in (
            ("CollectionApi", REST_API),
            ("DeliveryFunction", FUNCTION),
            ("Queue", QUEUE),
        )
    ]


def test_two_connectors_of_a_stack_are_told_apart() -> None:
    first, second = connectors(resources_of("Shop", "ShopTwo"))
    assert (first.key, second.key) == ("Shop", "ShopTwo")
    assert first.kinds() == second.kinds() == [""]
    assert len(first.resources) == len(second.resources) == 3


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("Gtm/Collection/Api/Resource", "GtmCollectionApi"),
        ("Gtm/Collection/Api/Default/events", "GtmCollectionApievents"),
        ("my-gtm/Queue/Resource", "mygtmQueue"),
    ],
)
def test_a_path_in_one_word(path: str, key: str) -> None:
    assert key_of(path) == key


def context_with(resources: Sequence[Resource], connector: str = "") -> Context:
    """Return a context whose stack has certain resources."""
    context = Context(Output(), stack="Shop", connector_key=connector, region="eu-west-1")
    context.__dict__["resources"] = list(resources)
    return context


def test_the_connector_has_to_be_chosen_where_there_are_several() -> None:
    resources = resources_of("Shop", "ShopTwo", "Other")
    with pytest.raises(CommandError, match="has 3 connectors"):
        _ = context_with(resources).connector
    assert context_with(resources, "Shop").connector.name == "Shop"
    assert context_with(resources, "Oth").connector.name == "Other"
    with pytest.raises(CommandError, match="has no connector"):
        _ = context_with([]).connector
    with pytest.raises(CommandError, match="no AWS::Logs::LogGroup CollectionAccessLog"):
        assert context_with(resources, "Other").connector.access_log


def test_urls_are_those_of_the_api_or_of_its_domain() -> None:
    connector = context_with(resources_of("Gtm")).connector
    url = "https://GtmCollectionApi.execute-api.eu-west-1.amazonaws.com/Api-PinpointEvents/events"
    assert connector.endpoint_url == url
    assert connector.authenticated_endpoint_url is None
    more = [
        *resources_of("Gtm"),
        Resource("AWS::ApiGateway::DomainName", "e.shop.example", "x", "GtmDomainName", "Stack"),
        Resource(
            "AWS::ApiGateway::Resource", "r", "y", "GtmCollectionApieventsauthenticated", "Stack"
        ),
    ]
    connector = context_with(more).connector
    assert connector.endpoint_url == "https://e.shop.example/Api-PinpointEvents/events"
    assert connector.authenticated_endpoint_url == f"{connector.endpoint_url}/authenticated"


@pytest.mark.parametrize(("names", "problem"), [((), "no stacks"), (("A", "B"), r"2 .* \(A, B\)")])
def test_the_stack_has_to_be_named_unless_it_is_the_only_one(
    stubbed: Stubber, names: Sequence[str], problem: str
) -> None:
    context = Context(Output(), region="eu-west-1")
    context._clients["cloudformation", None] = stubbed.client
    output = {"OutputKey": "EndpointUrl", "OutputValue": "https://"}
    described = [
        {
            "StackName": name,
            "CreationTime": 0,
            "StackStatus": "CREATE_COMPLETE",
            "Outputs": [output] if name != "Else" else [],
        }
        for name in (*names, "Else")
    ]
    stubbed.add_response("describe_stacks", {"Stacks": described}, {})
    with pytest.raises(CommandError, match=problem):
        assert context.stack_name
    stubbed.add_response("describe_stacks", {"Stacks": [described[-1], *described[:1]]}, {})
    if names:
        assert context.stack_name == "A"
    else:
        with pytest.raises(CommandError):
            assert context.stack_name


def test_the_deployed_app_is_found(pipeline: Pipeline) -> None:
    from cdk_gtm_connector_cli.local_run import LocalRun  # noqa: PLC0415 - by its variable

    connector = Context(Output(), local=LocalRun.find()).connector
    assert connector.endpoint_url == pipeline.endpoint_url
    for delivery, prefix in zip(connector.deliveries, ("", "Firehose"), strict=True):
        for output, value in (
            ("QueueName", delivery.queue_url),
            ("DeadLetterQueueName", delivery.dead_letter_queue_url),
            ("FunctionName", delivery.function_name),
        ):
            assert value.rpartition("/")[2] == pipeline.outputs[f"{prefix}{output}"]
    assert connector.topic_arn == pipeline.outputs["TopicArn"]
