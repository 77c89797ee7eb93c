"""Each destination's requirements: it exists, and the function may send to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cdk_gtm_connector_cli.context import Context
    from cdk_gtm_connector_cli.stack import DeliveryResources

_ACTIVE: Final = "ACTIVE"


@dataclass(frozen=True, slots=True)
class Need:
    """The requirements of delivery to one destination.

    Attributes:
        name: The destination's name, for people.
        service: The service's name in boto3.
        region: The destination's Region.
        action: IAM action that the function's role needs.
        resources: ARNs on which the role needs the action.
        problem: Returns what is wrong with the destination; empty if nothing is. Raises
            ``ClientError`` if it does not exist.
        to_do: The remedy if the destination does not exist.
        conditions: Condition context of the action, by key.
    """

    name: str
    service: str
    region: str
    action: str
    resources: Sequence[str]
    problem: Callable[[], str]
    to_do: str
    conditions: Mapping[str, str] = field(default_factory=dict)


def needs_of(context: Context, delivery: DeliveryResources) -> Need | None:
    """Return the requirements of a delivery; ``None`` for a custom destination."""
    make = _MAKERS.get(delivery.destination)
    return None if make is None else make(context, delivery.environment)


def _kinesis(context: Context, environment: Mapping[str, str]) -> Need:
    arn = environment["KINESIS_STREAM_ARN"]
    region = arn.split(":")[3]

    def problem() -> str:
        client = context.client("kinesis", region)
        summary = client.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]
        return _not_active(summary["StreamStatus"], (_ACTIVE, "UPDATING"))

    return Need(
        name=arn,
        service="kinesis",
        region=region,
        action="kinesis:PutRecords",
        resources=[arn],
        problem=problem,
        to_do="create the stream, or set kinesis_stream_arn to an existing one; waiting events are "
        "then sent",
    )


def _firehose(context: Context, environment: Mapping[str, str]) -> Need:
    name = environment["FIREHOSE_DELIVERY_STREAM_NAME"]
    client = context.client("firehose")

    def problem() -> str:
        described = client.describe_delivery_stream(DeliveryStreamName=name)
        stream = described["DeliveryStreamDescription"]
        if stream.get("DeliveryStreamType", "DirectPut") != "DirectPut":
            return f"its type is {stream['DeliveryStreamType']}, which does not accept direct PUT"
        return _not_active(stream["DeliveryStreamStatus"], (_ACTIVE,))

    return Need(
        name=name,
        service="firehose",
        region=context.stack_region,
        action="firehose:PutRecordBatch",
        resources=[_arn(context, "firehose", f"deliverystream/{name}")],
        problem=problem,
        to_do="create a delivery stream for direct PUT in the stack's account and Region, or set "
        "firehose_delivery_stream_name to another",
    )


def _event_bridge(context: Context, environment: Mapping[str, str]) -> Need:
    arn = environment["EVENT_BUS_ARN"]
    region = arn.split(":")[3]

    def problem() -> str:
        # Without the bus, EventBridge accepts events and drops them.
        context.client("events", region).describe_event_bus(Name=arn)
        return ""

    return Need(
        name=arn,
        service="events",
        region=region,
        action="events:PutEvents",
        resources=[arn],
        problem=problem,
        to_do="create the bus now: EventBridge drops events for a bus that does not exist",
        conditions={"events:source": environment.get("EVENT_SOURCE", "")},
    )


def _pinpoint(context: Context, environment: Mapping[str, str]) -> Need:
    application = environment["PINPOINT_APPLICATION_ID"]

    def problem() -> str:
        context.client("pinpoint").get_app(ApplicationId=application)
        return ""

    return Need(
        name=f"Pinpoint application {application}",
        service="pinpoint",
        region=context.stack_region,
        action="mobiletargeting:PutEvents",
        resources=[_arn(context, "mobiletargeting", f"apps/{application}/events")],
        problem=problem,
        to_do="move to another destination: docs/migrating-from-pinpoint.md",
    )


def _customer_profiles(context: Context, environment: Mapping[str, str]) -> Need:
    domain = environment["CUSTOMER_PROFILES_DOMAIN_NAME"]
    region = environment.get("CUSTOMER_PROFILES_REGION") or context.stack_region
    types = [
        environment[name]
        for name in (
            "CUSTOMER_PROFILES_OBJECT_TYPE_NAME",
            "CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME",
        )
        if environment.get(name)
    ]

    def problem() -> str:
        client: Any = context.client("customer-profiles", region)
        client.get_domain(DomainName=domain)
        for each in types:
            client.get_profile_object_type(DomainName=domain, ObjectTypeName=each)
        return ""

    paths = [f"domains/{domain}", *(f"domains/{domain}/object-types/{each}" for each in types)]
    return Need(
        name=f"domain {domain} in {region}, object types {', '.join(types)}",
        service="customer-profiles",
        region=region,
        action="profile:PutProfileObject",
        resources=[_arn(context, "profile", path, region) for path in paths],
        problem=problem,
        to_do="make the domain (customer_profiles_create_domain=true) and its object types "
        "(customer_profiles_create_object_type), or name those that are there",
    )


def _not_active(status: str, good: Sequence[str]) -> str:
    return "" if status in good else f"it is {status}"


def _arn(context: Context, service: str, path: str, region: str = "") -> str:
    # The stack's ARN contains the account and the partition.
    partition, _, own_region, account = str(context.description["StackId"]).split(":")[1:5]
    return f"arn:{partition}:{service}:{region or own_region}:{account}:{path}"


_MAKERS: Final[dict[str, Callable[[Context, Mapping[str, str]], Need]]] = {
    "kinesis": _kinesis,
    "firehose": _firehose,
    "eventbridge": _event_bridge,
    "pinpoint": _pinpoint,
    "customer-profiles": _customer_profiles,
}
