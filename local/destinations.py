"""The destinations of a deployed stack: which there are, and what each needs on this machine.

A template says by its functions' environments where events go. For each destination there is a
server that the function calls, see :mod:`local.destination`. What the template refers to and does
not bring along, a stream, a delivery stream, an event bus, is made in the emulator first.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gtm_events.errors import SettingsError
from local.arrivals import Arrivals, BusReader, DeliveryStreamReader, StreamReader
from local.deploy import DEFAULT_ACCOUNT, DEFAULT_REGION, Assembly, AssemblyError
from local.profiles import ObjectType, ProfilesServer
from local.putevents import PutEventsServer
from local.rules import Rules
from local.streams import EventBridgeServer, FirehoseServer, KinesisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gtm_events.event import Limits
    from local.destination import DestinationServer, Observer

__all__ = ["KINDS", "Deployed", "context_for", "deployed_in", "endpoint_variable", "serve"]

KINDS: Final = ("pinpoint", "kinesis", "firehose", "eventbridge", "customer-profiles")
"""What the setting ``destination`` may name."""

SHARDS: Final = 2
"""Of the stream that is made here."""

_NAME: Final = "gtm-events"
_CONTEXT: Final[Mapping[str, Mapping[str, str]]] = {
    "pinpoint": {"pinpoint_app_id": "local"},
    "kinesis": {
        "kinesis_stream_arn": f"arn:aws:kinesis:{DEFAULT_REGION}:{DEFAULT_ACCOUNT}:stream/{_NAME}"
    },
    "firehose": {"firehose_delivery_stream_name": _NAME},
    "eventbridge": {"eventbridge_bus_name": _NAME},
    "customer-profiles": {
        "customer_profiles_domain": _NAME,
        "customer_profiles_create_domain": "true",
    },
}
_WATCHER: Final = "local-console"  # the rule and the queue by which the console sees a bus
_PROFILE_TYPES: Final = "AWS::CustomerProfiles::"
_ACTIVE_SECONDS: Final = 10.0


def endpoint_variable(kind: str) -> str:
    """Return the environment variable that directs a function to a server on this machine."""
    if kind not in KINDS:  # somebody's own, see gtm_events.https
        return "DESTINATION_ENDPOINT_URL"
    return f"AWS_ENDPOINT_URL_{kind.upper().replace('-', '_')}"


def context_for(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the app's context, completed by what its destinations need to be told."""
    chosen = context.get("destination", KINDS[0])
    kinds = chosen.split(",") if isinstance(chosen, str) else map(str, chosen or ())
    completed: dict[str, Any] = {}
    for kind in kinds:
        completed |= _CONTEXT.get(kind.strip(), {})  # of an unknown one the app says so itself
    return completed | dict(context)


@dataclass(frozen=True, slots=True)
class Deployed:
    """One destination of a stack.

    Attributes:
        kind: One of :data:`KINDS`, or the module of a destination of somebody's own.
        prefix: What the names of its outputs begin with; nothing for the first destination.
        variables: Its function's environment, as far as the template tells it.
    """

    kind: str
    prefix: str
    variables: Mapping[str, str]

    def output(self, name: str) -> str:
        """Return the name of one of its outputs, such as ``QueueName``."""
        return f"{self.prefix}{name}"

    def rules(self, limits: Limits | None = None) -> Rules:
        """Return how its function reads events.

        Args:
            limits: Those of a destination of somebody's own.

        Raises:
            AssemblyError: The function would not start in its environment.
        """
        try:
            return Rules.of(self.variables, limits)
        except SettingsError as error:
            raise AssemblyError(f"the function of {self.kind} would not start: {error}") from error

    def prepare(self, client: Callable[[str], Any]) -> Arrivals | None:
        """Make in the emulator what the destination refers to; return what reads it there.

        Args:
            client: Returns a boto3 client by the service's name.
        """
        match self.kind:
            case "kinesis":
                return self._prepare_stream(client("kinesis"))
            case "firehose":
                return self._prepare_delivery_stream(client("firehose"), client("s3"))
            case "eventbridge":
                return self._prepare_bus(client("events"), client("sqs"))
            case _:  # not the emulator's: the server itself keeps what arrives
                return None

    def _prepare_stream(self, kinesis: Any) -> Arrivals:
        arn = self.variables["KINESIS_STREAM_ARN"]
        kinesis.create_stream(StreamName=arn.rpartition("/")[2], ShardCount=SHARDS)
        deadline = time.monotonic() + _ACTIVE_SECONDS
        while True:
            summary = kinesis.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]
            if summary["StreamStatus"] == "ACTIVE" or time.monotonic() > deadline:
                return Arrivals(self.kind, StreamReader(kinesis, arn))
            time.sleep(0.05)

    def _prepare_delivery_stream(self, firehose: Any, s3: Any) -> Arrivals:
        name = self.variables["FIREHOSE_DELIVERY_STREAM_NAME"]
        bucket = f"{_WATCHER}-firehose"
        s3.create_bucket(Bucket=bucket)
        firehose.create_delivery_stream(
            DeliveryStreamName=name,
            ExtendedS3DestinationConfiguration={
                "BucketARN": f"arn:aws:s3:::{bucket}",
                "RoleARN": f"arn:aws:iam::{DEFAULT_ACCOUNT}:role/local",
            },
        )
        return Arrivals(self.kind, DeliveryStreamReader(s3, bucket))

    def _prepare_bus(self, events: Any, sqs: Any) -> Arrivals:
        name = self.variables["EVENT_BUS_ARN"].rpartition("/")[2]
        if name != "default":
            events.create_event_bus(Name=name)
        queue_url = sqs.create_queue(QueueName=_WATCHER)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
        pattern = {"source": [self.variables["EVENT_SOURCE"]]}
        events.put_rule(Name=_WATCHER, EventBusName=name, EventPattern=json.dumps(pattern))
        events.put_targets(
            Rule=_WATCHER,
            EventBusName=name,
            Targets=[{"Id": _WATCHER, "Arn": attributes["Attributes"]["QueueArn"]}],
        )
        return Arrivals(self.kind, BusReader(sqs, queue_url))


def deployed_in(
    assembly: Assembly, stand_ins: Iterable[type[DestinationServer]] = ()
) -> list[Deployed]:
    """Return the destinations of a stack, the first first.

    They are told apart by the outputs ``FunctionName`` and ``{Kind}FunctionName``, as the
    deployable app has them. A stack without these has the one destination that its functions name.

    Raises:
        AssemblyError: No function of the stack says where it delivers to, or they do not agree.
    """
    known = (*KINDS, *(each.kind for each in stand_ins))
    functions = {
        name: environment
        for name, resource in assembly.template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
        and _kind(environment := _environment(resource, assembly)) in known
    }
    found = []
    for name, output in assembly.template.get("Outputs", {}).items():
        prefix, ends, _ = name.rpartition("FunctionName")
        value = output["Value"]
        named = functions.get(value.get("Ref", "")) if isinstance(value, dict) else None
        if ends and named is not None:
            found.append(Deployed(_kind(named), prefix, named))
    for each in found:
        _check_place(each, assembly)
    if len({each.kind for each in found}) < len(found):
        raise AssemblyError(
            "the stack's destinations must be of different kinds to run here, got "
            f"{', '.join(each.kind for each in found)}"
        )
    if found:
        return sorted(found, key=lambda each: each.prefix != "")  # a stable sort
    kinds = {_kind(environment): environment for environment in functions.values()}
    if len(kinds) != 1:
        raise AssemblyError(
            "the stack must have one function whose variable DESTINATION is one of "
            f"{', '.join(known)}, or the outputs FunctionName and {{Kind}}FunctionName, got "
            f"{', '.join(kinds) or 'none'}"
        )
    [(kind, environment)] = kinds.items()
    only = Deployed(kind, "", environment)
    _check_place(only, assembly)
    return [only]


def _kind(variables: Mapping[str, str]) -> str:
    """Return the kind of destination that a function's environment names, empty for none."""
    return variables.get("DESTINATION", "").partition(":")[0]


def _check_place(deployed: Deployed, assembly: Assembly) -> None:
    """Check that what a destination refers to can be made where the stack is."""
    place = [assembly.region, assembly.account]
    for variable in ("KINESIS_STREAM_ARN", "EVENT_BUS_ARN"):
        arn = deployed.variables.get(variable)
        if arn is not None and arn.split(":")[3:5] != place:
            raise AssemblyError(
                f"{variable} must be of the stack's Region and account to run here "
                f"({', '.join(place)}), got {arn}"
            )


def _environment(function: Mapping[str, Any], assembly: Assembly) -> dict[str, str]:
    """Return a function's variables, as far as the template tells their values."""
    variables = function["Properties"].get("Environment", {}).get("Variables", {})
    return {
        variable: text
        for variable, value in variables.items()
        if (text := _resolved(value, assembly)) is not None
    }


def serve(
    deployed: Iterable[Deployed],
    assembly: Assembly,
    observer: Observer,
    *,
    putevents: PutEventsServer | None = None,
    stand_ins: Iterable[type[DestinationServer]] = (),
    keep: int | None = None,
) -> dict[str, DestinationServer]:
    """Return a server for each destination, by its kind.

    Args:
        deployed: The destinations.
        assembly: Of the stack: its template describes profile objects.
        observer: Told of each event.
        putevents: Pinpoint's, if it is a destination. Default: a new one.
        stand_ins: The servers of destinations of somebody's own.
        keep: How much each of them keeps, see :class:`~local.destination.DestinationServer`.

    Raises:
        AssemblyError: The template's object types hold something that is not known here.
    """
    own = {each.kind: each for each in stand_ins}

    def server(each: Deployed) -> DestinationServer:
        match each.kind:
            case "kinesis":
                return KinesisServer(shards=SHARDS, observer=observer, keep=keep)
            case "firehose":
                return FirehoseServer(observer=observer, keep=keep)
            case "eventbridge":
                return EventBridgeServer(observer=observer, keep=keep)
            case "customer-profiles":
                return ProfilesServer(
                    _object_types(each, assembly.template), observer=observer, keep=keep
                )
            case kind if kind in own:
                return own[kind](observer=observer, keep=keep)
            case _:
                return putevents or PutEventsServer(observer=observer, keep=keep)

    return {each.kind: server(each) for each in deployed}


def simulated(resource_type: str) -> bool:
    """Return whether a server here does what a resource of this type is for."""
    return resource_type.startswith(_PROFILE_TYPES)


def _object_types(deployed: Deployed, template: Mapping[str, Any]) -> list[ObjectType]:
    try:
        found = ObjectType.all_of(template)
    except ValueError as error:
        raise AssemblyError(f"Customer Profiles: {error}") from error
    variables = deployed.variables
    domain = variables["CUSTOMER_PROFILES_DOMAIN_NAME"]
    names = [variables["CUSTOMER_PROFILES_OBJECT_TYPE_NAME"]]
    if visitors := variables.get("CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME"):
        names.append(visitors)
    known = {(it.domain, it.name) for it in found}
    # One that the account has already: what it does with an object is not known here.
    others = [ObjectType(domain, name) for name in names if (domain, name) not in known]
    return [*found, *others]


def _resolved(value: Any, assembly: Assembly) -> str | None:
    """Return the text that a template's value stands for, ``None`` if only AWS knows it."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return None
    match next(iter(value.items()), None):
        case ("Ref", str(name)):
            return {
                "AWS::Partition": "aws",
                "AWS::Region": assembly.region,
                "AWS::AccountId": assembly.account,
            }.get(name)
        case ("Fn::Join", [str(separator), list(parts)]):
            texts = [_resolved(part, assembly) for part in parts]
            known = [text for text in texts if text is not None]
            return separator.join(known) if len(known) == len(texts) else None
        case _:
            return None
