"""The connector that verify checks, and the clients for it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cdk_gtm_connector_cli.verify.question import CannotAskError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cdk_gtm_connector_cli.context import Context
    from cdk_gtm_connector_cli.stack import DeliveryResources, Resource

STAGE: Final = "Api-PinpointEvents"


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A deployed connector.

    Attributes:
        stack: The stack's name.
        region: Its Region.
        endpoint_url: URL of ``/events``.
        authenticated_url: URL of ``/events/authenticated``; ``None`` without an authorizer.
        api_id: Id of the REST API.
        invalid_message_queue_url: URL of the queue of invalid messages; ``None`` without one.
        deliveries: The resources that deliver to each destination, in the order of the
            destinations.
        topic_arn: ARN of the topic that feeds several destinations; ``None`` with one destination.
        access_log: The API's access log.
        outputs: The stack's outputs.
        resources: The stack's resources.
        client: Returns a boto3 client for a service.
        token: A token for ``/events/authenticated``, if the user gave one.
        pause: Seconds between attempts to find a result that takes a while.
    """

    stack: str
    region: str
    endpoint_url: str
    api_id: str
    client: Callable[[str], Any]
    authenticated_url: str | None = None
    invalid_message_queue_url: str | None = None
    deliveries: Sequence[DeliveryResources] = ()
    topic_arn: str | None = None
    access_log: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    resources: Sequence[Resource] = ()
    token: str = field(default="", repr=False)
    pause: float = 5

    @classmethod
    def of(cls, context: Context, token: str = "") -> Deployment:
        """Return the connector that a command works on.

        Args:
            context: The command's.
            token: See above.

        Raises:
            CommandError: There is no such stack, or no connector in it.
        """
        connector = context.connector
        return cls(
            stack=context.stack_name,
            region=context.stack_region,
            endpoint_url=connector.endpoint_url,
            authenticated_url=connector.authenticated_endpoint_url,
            api_id=connector.api_id,
            invalid_message_queue_url=connector.invalid_message_queue_url,
            deliveries=connector.deliveries,
            topic_arn=connector.topic_arn,
            access_log=connector.access_log,
            outputs=context.outputs,
            resources=context.resources,
            client=context.client,
            token=token,
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """The first function's environment. Variables about requests are the same in all."""
        return self.deliveries[0].environment if self.deliveries else {}

    def setting(self, name: str) -> Any:
        """Return a variable of the functions that is JSON; ``None`` if there is none."""
        value = self.environment.get(name)
        return json.loads(value) if value else None

    @property
    def origins(self) -> list[str] | None:
        """The sites whose events are accepted; ``None`` for all."""
        found = self.setting("ALLOWED_ORIGINS")
        return found if isinstance(found, list) else None

    def delivery(self, destination: str) -> DeliveryResources:
        """Return the delivery to a kind of destination.

        Raises:
            CannotAskError: The connector has none.
        """
        for each in self.deliveries:
            if each.destination == destination:
                return each
        raise CannotAskError(f"the connector has no destination {destination}")

    def resources_of(self, resource_type: str) -> list[Resource]:
        """Return the stack's resources of a type."""
        return [each for each in self.resources if each.type == resource_type]
