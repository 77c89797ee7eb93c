"""Synthesized templates, and queries of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk

from cdk_gtm_connector import GtmConnector, PinpointDestination

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from constructs import Construct, IConstruct

APPLICATION_ID = "0123456789abcdef0123456789abcdef"
KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/0123abcd"
HERE = "${AWS::Region}:${AWS::AccountId}"
"""The stack's Region and account in an ARN."""


def add_connector(stack: Construct, construct_id: str = "Gtm", **props: Any) -> GtmConnector:
    """Add a connector as a CDK developer would, with ``props`` over the defaults."""
    props.setdefault("destination", PinpointDestination(application_id=APPLICATION_ID))
    return GtmConnector(stack, construct_id, **props)


def synthesize(
    outdir: Path,
    stacks: Mapping[str, Callable[[cdk.Stack], object]],
    *,
    context: Mapping[str, Any] | None = None,
    env: cdk.Environment | None = None,
) -> dict[str, Template]:
    """Return the template of each stack. One app synthesizes all, because each app takes long.

    Args:
        outdir: Directory for the cloud assembly.
        stacks: Functions that fill the stacks, by the stack's name.
        context: The app's context, for example its feature flags.
        env: Account and Region of the stacks. Default: any.
    """
    app = cdk.App(outdir=str(outdir), context=context, tree_metadata=False)  # nobody reads it
    for name, build in stacks.items():
        build(cdk.Stack(app, name, env=env))
    app.synth(skip_validation=True)  # the app that is deployed is validated, see conftest.py
    return {name: Template.read(outdir, name) for name in stacks}


def headers(response: Mapping[str, Any], prefix: str) -> dict[str, str]:
    """Return a response's headers, without API Gateway's quotes around a literal."""
    return {
        name.removeprefix(f"{prefix}.header."): value[1:-1]
        if value[0] == value[-1] == "'"
        else value
        for name, value in response["ResponseParameters"].items()
    }


def answer(integration: Mapping[str, Any], status: str) -> dict[str, Any]:
    """Return the integration response with ``status``."""
    (response,) = (r for r in integration["IntegrationResponses"] if r["StatusCode"] == status)
    return dict(response)


@dataclass(frozen=True)
class Resource:
    """A resource with references in the syntax of CloudFormation's ``Fn::Sub``."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    depends_on: frozenset[str]
    deletion_policy: str | None

    @property
    def ref(self) -> str:
        """A ``Ref`` to this resource."""
        return f"${{{self.logical_id}}}"

    @property
    def arn(self) -> str:
        """This resource's ARN."""
        return self.attribute("Arn")

    def attribute(self, name: str) -> str:
        """Return an ``Fn::GetAtt`` of this resource."""
        return f"${{{self.logical_id}.{name}}}"


@dataclass(frozen=True)
class Template:
    """A synthesized template."""

    path: Path
    document: Mapping[str, Any]

    @classmethod
    def read(cls, outdir: Path, stack: str) -> Template:
        """Read the template of ``stack`` from the cloud assembly in ``outdir``."""
        path = outdir / f"{stack}.template.json"
        return cls(path, json.loads(path.read_text(encoding="utf-8")))

    @cached_property
    def resources(self) -> list[Resource]:
        """All resources."""
        return [
            Resource(
                logical_id=logical_id,
                type=resource["Type"],
                properties=_readable(resource.get("Properties", {})),
                depends_on=frozenset(resource.get("DependsOn", ())),
                deletion_policy=resource.get("DeletionPolicy"),
            )
            for logical_id, resource in self.document["Resources"].items()
        ]

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs' values by name."""
        return {
            name: _readable(output["Value"])
            for name, output in self.document.get("Outputs", {}).items()
        }

    def all(self, resource_type: str) -> list[Resource]:
        """Return the resources of a type."""
        return [resource for resource in self.resources if resource.type == resource_type]

    def only(self, resource_type: str, **properties: Any) -> Resource:
        """Return the one resource of a type that has ``properties``."""
        (resource,) = (
            resource
            for resource in self.all(resource_type)
            if properties.items() <= resource.properties.items()
        )
        return resource

    @property
    def queue(self) -> Resource:
        """The queue in which events wait."""
        (queue,) = (q for q in self.all("AWS::SQS::Queue") if "RedrivePolicy" in q.properties)
        return queue

    @property
    def dead_letter_queue(self) -> Resource:
        """The dead-letter queue."""
        arn = self.queue.properties["RedrivePolicy"]["deadLetterTargetArn"]
        (queue,) = (q for q in self.all("AWS::SQS::Queue") if q.arn == arn)
        return queue

    @property
    def invalid_message_queue(self) -> Resource:
        """The invalid-message queue."""
        (url,) = {
            function.properties["Environment"]["Variables"]["INVALID_MESSAGE_QUEUE_URL"]
            for function in self.all("AWS::Lambda::Function")
            if function.properties["Handler"] == "gtm_events.handler.handle"
        }
        (queue,) = (q for q in self.all("AWS::SQS::Queue") if q.ref == url)
        return queue

    @property
    def function(self) -> Resource:
        """The delivering function."""
        return self.only("AWS::Lambda::Function", Handler="gtm_events.handler.handle")

    @property
    def token_function(self) -> Resource:
        """The function that verifies signed tokens."""
        return self.only("AWS::Lambda::Function", Handler="gtm_token_authorizer.handler.handle")

    @property
    def environment(self) -> dict[str, str]:
        """The delivering function's environment."""
        return dict(self.function.properties["Environment"]["Variables"])

    @property
    def event_source(self) -> Resource:
        """The function's event source mapping."""
        return self.only("AWS::Lambda::EventSourceMapping")

    @property
    def stage(self) -> Resource:
        """The API's stage."""
        return self.only("AWS::ApiGateway::Stage")

    @property
    def api(self) -> Resource:
        """The API."""
        return self.only("AWS::ApiGateway::RestApi")

    @property
    def routes(self) -> dict[str, dict[str, Resource]]:
        """The API's methods: by path, then by HTTP method."""
        parts = {r.ref: r.properties for r in self.all("AWS::ApiGateway::Resource")}

        def path(ref: str) -> str:
            if ref not in parts:
                return ""
            return f"{path(parts[ref]['ParentId'])}/{parts[ref]['PathPart']}"

        routes: dict[str, dict[str, Resource]] = {}
        for method in self.all("AWS::ApiGateway::Method"):
            route = routes.setdefault(path(method.properties["ResourceId"]), {})
            route[method.properties["HttpMethod"]] = method
        return routes

    @property
    def get_method(self) -> Resource:
        """``GET /events``."""
        return self.routes["/events"]["GET"]

    def role(self, service: str) -> Resource:
        """Return the one role that ``service`` assumes."""
        (role,) = (r for r in self.all("AWS::IAM::Role") if service in json.dumps(r.properties))
        return role

    def role_of(self, function: Resource) -> Resource:
        """Return the role that ``function`` acts as."""
        (role,) = (r for r in self.all("AWS::IAM::Role") if r.arn == function.properties["Role"])
        return role

    @property
    def deliveries(self) -> dict[str, Delivery]:
        """The deliveries by kind of destination."""
        queues = {queue.arn: queue for queue in self.all("AWS::SQS::Queue")}
        functions = {function.ref: function for function in self.all("AWS::Lambda::Function")}
        deliveries = {}
        for source in self.all("AWS::Lambda::EventSourceMapping"):
            function = functions[source.properties["FunctionName"]]
            queue = queues[source.properties["EventSourceArn"]]
            kind = function.properties["Environment"]["Variables"]["DESTINATION"]
            assert kind not in deliveries
            deliveries[kind] = Delivery(
                function=function,
                role=self.role_of(function),
                source=source,
                queue=queue,
                dead_letter_queue=queues[queue.properties["RedrivePolicy"]["deadLetterTargetArn"]],
            )
        return deliveries

    def statements(self, queue: Resource) -> list[dict[str, Any]]:
        """Return the statements of a queue's own policy."""
        policy = self.only("AWS::SQS::QueuePolicy", Queues=[queue.ref])
        return list(policy.properties["PolicyDocument"]["Statement"])

    def grants(
        self, role: Resource, *, condition: Mapping[str, Any] | None = None
    ) -> set[tuple[str, str]]:
        """Return the pairs of action and resource in all policies of ``role``.

        Args:
            role: The role.
            condition: The only condition that a statement may have.
        """
        policies = [
            policy.properties["PolicyDocument"]
            for policy in self.all("AWS::IAM::Policy")
            if role.ref in policy.properties["Roles"]
        ] + [policy["PolicyDocument"] for policy in role.properties.get("Policies", ())]
        grants = set()
        for policy in policies:
            for statement in policy["Statement"]:
                # This does not see permissions of NotAction or NotResource.
                assert statement.keys() - {"Condition"} <= {"Sid", "Effect", "Action", "Resource"}
                assert statement.get("Condition", condition) == condition, statement
                assert statement["Effect"] == "Allow", statement
                grants |= {
                    (action, resource)
                    for action in _as_list(statement["Action"])
                    for resource in _as_list(statement["Resource"])
                }
        return grants

    @property
    def logical_ids(self) -> dict[str, str]:
        """Resource types by logical id, with the hash removed from a deployment's id."""
        return {
            resource.logical_id[:-_DEPLOYMENT_HASH]
            if resource.type == "AWS::ApiGateway::Deployment"
            else resource.logical_id: resource.type
            for resource in self.resources
        }

    @property
    def props(self) -> dict[str, object]:
        """The effect of each prop of ``GtmConnector``, by the prop's name."""
        environment = self.environment
        function = self.function.properties
        source = self.event_source.properties
        queue = self.queue.properties
        (log_retention,) = {log.properties["RetentionInDays"] for log in self.log_groups}
        (method_settings,) = self.stage.properties["MethodSettings"]
        origins = json.loads(environment["ALLOWED_ORIGINS"])
        authenticated = self.routes.get("/events/authenticated", {})
        queued = self.get_method.properties["Integration"]["RequestTemplates"]["application/json"]
        return {
            "max_events_per_request": int(environment["ANONYMOUS_MAX_EVENTS_PER_REQUEST"]),
            "authenticated_max_events_per_request": int(
                environment["AUTHENTICATED_MAX_EVENTS_PER_REQUEST"]
            ),
            "destination": (
                environment["DESTINATION"],
                environment.get("PINPOINT_APPLICATION_ID"),
            ),
            "anonymous_user_attributes": json.loads(environment["ANONYMOUS_USER_ATTRIBUTES"]),
            "authenticated_user_attributes": json.loads(
                environment["AUTHENTICATED_USER_ATTRIBUTES"]
            ),
            "authorizer": (
                authenticated["GET"].properties["AuthorizationType"] if authenticated else None
            ),
            "allowed_origins": origins,
            "require_origin": environment["REQUIRE_ORIGIN"],
            "allow_http_origins": any(origin.startswith("http:") for origin in origins),
            "honor_privacy_signals": "sec-gpc" in queued,
            "unset_values": json.loads(environment["UNSET_VALUES"]),
            "throttling_rate_limit": method_settings.get("ThrottlingRateLimit"),
            "throttling_burst_limit": method_settings.get("ThrottlingBurstLimit"),
            "firewall": next(
                (
                    rule["Statement"]["RateBasedStatement"]["Limit"]
                    for web_acl in self.all("AWS::WAFv2::WebACL")
                    for rule in web_acl.properties["Rules"]
                    if rule["Name"] == "RateLimit"
                ),
                None,
            ),
            "domain": next(
                (
                    domain.properties["DomainName"]
                    for domain in self.all("AWS::ApiGateway::DomainName")
                ),
                None,
            ),
            "disable_execute_api_endpoint": self.api.properties.get(
                "DisableExecuteApiEndpoint", False
            ),
            "accept_client_timestamp": environment["ACCEPT_CLIENT_TIMESTAMP"],
            **delivery_options(source, queue, function),
            "log_retention": log_retention,
            "cloud_watch_role": bool(self.all("AWS::ApiGateway::Account")),
            "tracing": function.get("TracingConfig") == {"Mode": "Active"},
            "encryption_key": queue.get("KmsMasterKeyId"),
            "monitoring": bool(self.all("AWS::CloudWatch::Alarm")),
        }

    @property
    def log_groups(self) -> list[Resource]:
        """The log groups except AWS WAF's, which needs a name."""
        return [
            log for log in self.all("AWS::Logs::LogGroup") if "LogGroupName" not in log.properties
        ]


@dataclass(frozen=True)
class Delivery:
    """The resources that deliver to one destination.

    Attributes:
        function: The function.
        role: The function's role.
        source: The function's event source mapping.
        queue: The queue.
        dead_letter_queue: The dead-letter queue.
    """

    function: Resource
    role: Resource
    source: Resource
    queue: Resource
    dead_letter_queue: Resource

    @property
    def environment(self) -> dict[str, str]:
        """The function's environment."""
        return dict(self.function.properties["Environment"]["Variables"])


_DEPLOYMENT_HASH = 32


def delivery_options(
    source: Mapping[str, Any], queue: Mapping[str, Any], function: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the props of ``DeliveryOptions`` from the properties of the resources.

    Args:
        source: The event source's.
        queue: The queue's.
        function: The function's.
    """
    return {
        "batch_size": source["BatchSize"],
        "max_batching_window": source["MaximumBatchingWindowInSeconds"],
        "max_concurrency": source["ScalingConfig"]["MaximumConcurrency"],
        "memory_size": function["MemorySize"],
        "timeout": function["Timeout"],
        "max_receive_count": queue["RedrivePolicy"]["maxReceiveCount"],
        "message_retention": queue["MessageRetentionPeriod"],
    }


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _readable(value: Any) -> Any:
    """Return ``value`` with every intrinsic function in the syntax of ``Fn::Sub``."""
    readable: Any
    match value:
        case {"Ref": name}:
            readable = f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            readable = f"${{{name}.{attribute}}}"
        case {"Fn::Sub": str(pattern)}:
            readable = pattern
        case {"Fn::Select": [number, {"Fn::Split": [separator, text]}]}:
            # Fn::Sub cannot express it, so show its parts.
            readable = f"{_readable(text)}.split({separator!r})[{number}]"
        case {"Fn::Select": [number, {"Fn::GetAZs": ""}]}:
            readable = f"an availability zone [{number}]"
        case {"Fn::Join": [separator, parts]}:
            readable = separator.join(map(_readable, parts))
        case dict():
            unknown = [key for key in value if key.startswith("Fn::")]
            assert not unknown, f"teach the tests to read {unknown} in {value}"
            readable = {key: _readable(item) for key, item in value.items()}
        case list():
            readable = [_readable(item) for item in value]
        case _:
            readable = value
    return readable


OWN_WARNINGS = "cdk-gtm-connector:"


def warnings(scope: IConstruct) -> dict[str, str]:
    """Return this library's warnings in ``scope``, one per line, by the acknowledging id."""
    return own_warnings(
        str(entry.data)
        for construct in scope.node.find_all()
        for entry in construct.node.metadata
        if entry.type == "aws:cdk:warning"
    )


def own_warnings(texts: Iterable[str]) -> dict[str, str]:
    """Return this library's warnings in ``texts``, by the id that acknowledges them."""
    found: dict[str, str] = {}
    for text in texts:
        words, _, name = text.removesuffix("]").partition(" [ack: ")
        if name.startswith(OWN_WARNINGS):
            found[name] = f"{found[name]}\n{words}" if name in found else words
    return found
