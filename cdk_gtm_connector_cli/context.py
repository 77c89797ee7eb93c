"""The context of every command: a connector, and the account or machine that it is in."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import ClientError

from cdk_gtm_connector_cli import stack as stacks
from cdk_gtm_connector_cli.errors import CommandError
from cdk_gtm_connector_cli.stack import ConnectorResources, DeliveryResources, Resource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cdk_gtm_connector_cli.local_run import LocalRun
    from cdk_gtm_connector_cli.output import Output

PATH: Final = "/Api-PinpointEvents/events"
_NAME_ENDS: Final = ("EndpointUrl", "GtmImageUrl")


@dataclass(eq=False)
class Context:
    """A deployed connector and the means to reach it. Values are read when they are first needed.

    Attributes:
        output: Writes the results, as text or as JSON (``output.as_json``).
        stack: Name of the stack; empty for the only one that has a connector.
        connector_key: Beginning of the path of the connector's construct, if the stack has several
            connectors; empty for the only one.
        region: The Region; ``None`` for the profile's.
        profile: The AWS profile; ``None`` for the default.
        local: The pipeline on this machine that takes the account's place; ``None`` on AWS.
    """

    output: Output
    stack: str = ""
    connector_key: str = ""
    region: str | None = None
    profile: str | None = None
    local: LocalRun | None = None
    _clients: dict[tuple[str, str | None], Any] = field(default_factory=dict, repr=False)

    @cached_property
    def session(self) -> Any:
        """The boto3 session. Use :meth:`client`, which knows of a pipeline on this machine."""
        return boto3.session.Session(profile_name=self.profile, region_name=self.region)

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a boto3 client, always the same for a service and a Region.

        Args:
            service: The service's name in boto3.
            region: Default: the stack's.
        """
        key = (service, region)
        if key not in self._clients:
            self._clients[key] = (
                self.session.client(service, region_name=region)
                if self.local is None
                else self.local.client(service, region)
            )
        return self._clients[key]

    @cached_property
    def stack_name(self) -> str:
        """The stack: the one that was named, or the only one with a connector's outputs.

        Raises:
            CommandError: No stack was named, and the Region does not have exactly one.
        """
        if self.stack:
            return self.stack
        pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
        names = sorted(
            it["StackName"]
            for page in pages
            for it in page["Stacks"]
            if any(output["OutputKey"].endswith(_NAME_ENDS) for output in it.get("Outputs", []))
        )
        if len(names) != 1:
            raise CommandError(
                f"{len(names) or 'no'} stacks with a connector's outputs are in {self.home}"
                + (f" ({', '.join(names)})" if names else ""),
                "name one with --stack NAME, and its Region with --region REGION",
            )
        return str(names[0])

    @property
    def home(self) -> str:
        """The Region, for a sentence."""
        if self.local is not None:
            return f"{self.local.region} of the pipeline on this machine"
        return str(self.session.region_name or "no Region")

    @property
    def stack_region(self) -> str:
        """The Region that the stack is in.

        Raises:
            CommandError: None is known.
        """
        if self.local is not None:
            return self.local.region
        if not self.session.region_name:
            raise CommandError(
                "no Region is set", "name the stack's with --region REGION, or set AWS_REGION"
            )
        return str(self.session.region_name)

    @cached_property
    def description(self) -> Mapping[str, Any]:
        """The stack as CloudFormation describes it.

        Raises:
            CommandError: There is no such stack.
        """
        try:
            answer = self.client("cloudformation").describe_stacks(StackName=self.stack_name)
        except ClientError as error:
            if error.response["Error"].get("Code") != "ValidationError":
                raise
            raise CommandError(
                f"there is no stack {self.stack_name} in {self.home}",
                "aws cloudformation list-stacks lists the stacks; check --region and --profile",
            ) from error
        found: Mapping[str, Any] = answer["Stacks"][0]
        return found

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """The stack's outputs."""
        return {it["OutputKey"]: it["OutputValue"] for it in self.description.get("Outputs", [])}

    @cached_property
    def resources(self) -> Sequence[Resource]:
        """The resources of the stack, and of those nested in it."""
        self.description  # noqa: B018 - says it best if there is no such stack
        return stacks.read_resources(self.client("cloudformation"), self.stack_name)

    @cached_property
    def connector(self) -> Connector:
        """The connector.

        Raises:
            CommandError: The stack has none, or several and none was chosen.
        """
        found = list(stacks.connectors(self.resources))
        if not found:
            raise CommandError(
                f"the stack {self.stack_name} has no connector: none of its "
                f"{len(self.resources)} resources is the API of a GtmConnector",
                "name the right stack with --stack NAME",
            )
        chosen = [each for each in found if each.key.startswith(self.connector_key)]
        exact = [each for each in chosen if each.key == self.connector_key]
        chosen = exact or chosen
        if len(chosen) != 1:
            raise CommandError(
                f"the stack {self.stack_name} has {len(found)} connectors "
                f"({', '.join(each.key for each in found)})",
                "choose one with --connector NAME",
            )
        return Connector(self, chosen[0])


@dataclass(frozen=True, eq=False)
class Connector:
    """A connector's parts, by purpose.

    Attributes:
        context: The stack that has the connector.
        resources: The connector's resources.
    """

    context: Context
    resources: ConnectorResources

    @property
    def name(self) -> str:
        """Path of its construct in one word, such as ``Connector``."""
        return self.resources.key

    @property
    def api_id(self) -> str:
        """Id of the REST API."""
        return self._needed("CollectionApi", stacks.REST_API)

    @property
    def access_log(self) -> str:
        """Name of the API's access log."""
        return self._needed("CollectionAccessLog", stacks.LOG)

    @property
    def invalid_message_queue_url(self) -> str | None:
        """URL of the queue of invalid messages; ``None`` in stacks of versions without it."""
        found = self.resources.find("InvalidMessageQueue", stacks.QUEUE)
        return found.physical_id if found else None

    @property
    def topic_arn(self) -> str | None:
        """ARN of the topic that feeds several destinations; ``None`` with one destination."""
        found = self.resources.find("Topic", "AWS::SNS::Topic")
        return found.physical_id if found else None

    @property
    def domain_name(self) -> str | None:
        """The endpoint's custom domain; ``None`` without one."""
        found = self.resources.find("DomainName", stacks.DOMAIN)
        return found.physical_id if found else None

    @property
    def endpoint_url(self) -> str:
        """URL of ``/events``, without a query."""
        if self.context.local is not None:
            return self.context.local.endpoint_url
        region = self.context.stack_region
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        host = self.domain_name or f"{self.api_id}.execute-api.{region}.{suffix}"
        return f"https://{host}{PATH}"

    @property
    def authenticated_endpoint_url(self) -> str | None:
        """URL of ``/events/authenticated``; ``None`` without an authorizer."""
        if self.context.local is not None:
            return self.context.local.authenticated_endpoint_url
        if self.resources.find("CollectionApieventsauthenticated", "AWS::ApiGateway::Resource"):
            return f"{self.endpoint_url}/authenticated"
        return None

    @cached_property
    def deliveries(self) -> Sequence[DeliveryResources]:
        """The resources that deliver to each destination, in the order of the destinations."""
        return [self._delivery(kind) for kind in self.resources.kinds()]

    def delivery(self, name: str) -> DeliveryResources:
        """Return the resources that deliver to a destination.

        Args:
            name: The destination's name, such as ``customer-profiles``, or its construct's id.

        Raises:
            CommandError: There is none of that name.
        """
        for each in self.deliveries:
            if name in (each.destination, each.kind):
                return each
        raise CommandError(
            f"the connector {self.name} has no destination {name!r}",
            f"it has {', '.join(each.destination for each in self.deliveries)}",
        )

    def _delivery(self, kind: str) -> DeliveryResources:
        function = self._needed(f"{kind}DeliveryFunction", stacks.FUNCTION)
        configuration = self.context.client("lambda").get_function_configuration(
            FunctionName=function
        )
        return DeliveryResources(
            kind=kind,
            queue_url=self._needed(f"{kind}Queue", stacks.QUEUE),
            dead_letter_queue_url=self._needed(f"{kind}DeadLetterQueue", stacks.QUEUE),
            function_name=function,
            log_group=configuration.get("LoggingConfig", {}).get("LogGroup")
            or self._needed(f"{kind}DeliveryLog", stacks.LOG),
            environment=configuration.get("Environment", {}).get("Variables", {}),
        )

    def _needed(self, key: str, resource_type: str) -> str:
        found = self.resources.find(key, resource_type)
        if found is None or not found.physical_id:
            raise CommandError(
                f"the connector {self.name} of the stack {self.context.stack_name} has no "
                f"{resource_type} {key}",
                "run cdk deploy, which creates what is missing; a gtm-connector of another version "
                "may expect another name",
            )
        return found.physical_id
