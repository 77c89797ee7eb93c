"""Finds a connector's resources in a deployed stack by their purpose.

The CDK derives logical ids from the constructs' paths, so they show a resource's purpose wherever
the connector is: in the deployable app's stack, in a stack with other resources, or in a nested
one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_API: Final = "CollectionApi"
_FUNCTION: Final = "DeliveryFunction"
_HASH: Final = re.compile("[0-9A-F]{8}$")
_NESTED: Final = "AWS::CloudFormation::Stack"

QUEUE: Final = "AWS::SQS::Queue"
FUNCTION: Final = "AWS::Lambda::Function"
LOG: Final = "AWS::Logs::LogGroup"
REST_API: Final = "AWS::ApiGateway::RestApi"
DOMAIN: Final = "AWS::ApiGateway::DomainName"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a stack.

    Attributes:
        type: CloudFormation type, such as ``AWS::SQS::Queue``.
        physical_id: Name, URL or ARN, as ``Ref`` returns it.
        logical_id: Its id in the template.
        key: Path of its construct within the stack, without slashes and a final ``Resource``, such
            as ``GtmCollectionApi``.
        stack: Name or ARN of its stack, which may be nested.
    """

    type: str
    physical_id: str
    logical_id: str
    key: str
    stack: str


@dataclass(frozen=True, slots=True)
class DeliveryResources:
    """The resources that deliver to one destination.

    Attributes:
        kind: Id of the destination's construct, such as ``Firehose``; empty for the first
            destination.
        queue_url: URL of the queue of waiting events.
        dead_letter_queue_url: URL of the queue of messages that the owner can fix.
        function_name: Name of the function.
        log_group: Name of the function's log group.
        environment: The function's environment.
    """

    kind: str
    queue_url: str
    dead_letter_queue_url: str
    function_name: str
    log_group: str
    environment: Mapping[str, str] = field(repr=False)

    @property
    def destination(self) -> str:
        """Name of the destination, such as ``customer-profiles``."""
        return self.environment.get("DESTINATION", "").partition(":")[0]

    @property
    def invalid_message_queue_url(self) -> str:
        """URL of the queue of invalid messages; empty if they go to the dead-letter queue."""
        return self.environment.get("INVALID_MESSAGE_QUEUE_URL", "")


@dataclass(frozen=True, slots=True)
class ConnectorResources:
    """A connector's resources.

    Attributes:
        key: Path of the connector's construct, without slashes. All keys of its resources begin
            with it.
        resources: The resources, by the rest of their keys.
    """

    key: str
    resources: Mapping[str, Resource]

    def find(self, key: str, resource_type: str) -> Resource | None:
        """Return a resource, such as ``find("CollectionApi", REST_API)``."""
        found = self.resources.get(key)
        return found if found is not None and found.type == resource_type else None

    def kinds(self) -> Sequence[str]:
        """Return the kinds of its deliveries, beginning with the first destination's, ``""``."""
        return sorted(
            key.removesuffix(_FUNCTION)
            for key, resource in self.resources.items()
            if key.endswith(_FUNCTION) and resource.type == FUNCTION
        )


def read_resources(cloudformation: Any, stack: str) -> list[Resource]:
    """Return the resources of a stack and of the stacks nested in it.

    Args:
        cloudformation: A boto3 client.
        stack: The stack's name or ARN.
    """
    paths = _paths(cloudformation, stack)
    found: list[Resource] = []
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for it in page["StackResourceSummaries"]:
            logical_id, physical_id = it["LogicalResourceId"], it.get("PhysicalResourceId", "")
            if it["ResourceType"] == _NESTED and physical_id:
                found += read_resources(cloudformation, physical_id)
            key = paths.get(logical_id) or _HASH.sub("", logical_id)
            found.append(Resource(it["ResourceType"], physical_id, logical_id, key, stack))
    return found


def _paths(cloudformation: Any, stack: str) -> dict[str, str]:
    """Return the keys of the resources whose template metadata has a construct path."""
    body = cloudformation.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:  # YAML, which the CDK does not deploy
            return {}
    paths: dict[str, str] = {}
    for logical_id, resource in body.get("Resources", {}).items():
        path = (resource.get("Metadata") or {}).get("aws:cdk:path", "")
        _stack, _, within = path.partition("/")
        paths[logical_id] = key_of(within)
    return paths


def key_of(path: str) -> str:
    """Return a construct's path as in a logical id, without slashes and the hash."""
    parts = [part for part in path.split("/") if part != "Default"]
    if parts and parts[-1] == "Resource":
        parts.pop()
    return re.sub("[^A-Za-z0-9]", "", "".join(parts))


def connectors(resources: Iterable[Resource]) -> Iterator[ConnectorResources]:
    """Yield the connectors among a stack's resources."""
    known = list(resources)
    beginnings = sorted(
        {
            (each.stack, each.key.removesuffix(_API))
            for each in known
            if each.type == REST_API and each.key.endswith(_API)
        }
    )
    for stack, key in beginnings:
        longer = tuple(
            other for at, other in beginnings if at == stack and other != key and _in(other, key)
        )
        yield ConnectorResources(
            key,
            {
                each.key.removeprefix(key): each
                for each in known
                # "Shop" and "ShopTwo" may be two connectors of one stack.
                if each.stack == stack
                and _in(each.key, key)
                and not (longer and each.key.startswith(longer))
            },
        )


def _in(key: str, beginning: str) -> bool:
    return key.startswith(beginning)
