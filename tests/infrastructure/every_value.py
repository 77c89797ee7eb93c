"""The props of the public classes with values of every type, and what becomes of each."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

import cdk_gtm_connector as gtm
from cdk_gtm_connector import PropError
from tests.destinations.cases import destination_cases
from tests.infrastructure.options import OWN_MODULE, RUNTIME
from tests.infrastructure.synthesis import add_connector
from tests.infrastructure.wrong_values import LABELS, QUEUE_ARN, Values, may_take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aws_cdk import aws_lambda as lambda_


HERE = cdk.Environment(account="123456789012", region="us-east-1")


class Anything(gtm.Destination):
    """A destination of somebody's own."""

    module = OWN_MODULE

    def bind(self, function: lambda_.Function) -> None:
        """Do nothing."""


class Own(gtm.Destination):
    """A destination of somebody's own, with a module that is given."""

    def __init__(self, module: gtm.DestinationModule) -> None:
        super().__init__()
        self._module = module

    @property
    def module(self) -> gtm.DestinationModule:
        return self._module

    def bind(self, function: lambda_.Function) -> None:
        """Do nothing."""


def own_class(name: str) -> Any:
    """Return the public class called ``name``, or what can be made of an abstract one."""
    return Anything if name == "Destination" else getattr(gtm, name)


def props_of(name: str) -> dict[str, inspect.Parameter]:
    """Return the props of a public class: what its caller gives besides the scope and the id."""
    parameters = dict(inspect.signature(own_class(name).__init__).parameters)
    given = list(parameters)[3 if "scope" in parameters else 1 :]
    return {prop: parameters[prop] for prop in given}


def in_scope(name: str) -> bool:
    """Return whether a public class is a construct."""
    return "scope" in inspect.signature(own_class(name).__init__).parameters


# Authorizer is a protocol, IamAuthorizer has no props, and PropError is what is raised.
CLASSES = [name for name in gtm.__all__ if name not in {"Authorizer", "IamAuthorizer", "PropError"}]
PROPS = [(name, prop) for name in CLASSES for prop in props_of(name)]


# What EventDelivery needs besides its queues and its destination.
DELIVERY: dict[str, Any] = {
    "anonymous_user_attributes": [],
    "authenticated_user_attributes": "*",
    "allowed_origins": None,
    "accept_client_timestamp": False,
    "batch_size": 10,
    "max_batching_window": cdk.Duration.seconds(5),
    "max_concurrency": 2,
    "memory_size": 256,
    "timeout": cdk.Duration.minutes(1),
    "log_retention": logs.RetentionDays.ONE_MONTH,
}

# What a class needs, by its name, if the first values of its props' types would not do.
NEEDED: dict[str, Callable[[Values, Construct], dict[str, Any]]] = {
    "GtmConnector": lambda values, _scope: {"destination": values["Destination"]},
    "CollectionApi": lambda values, _scope: {"queue": values["queue"]},
    "EventDelivery": lambda _values, scope: {
        "queue": sqs.Queue(scope, "Queue", visibility_timeout=cdk.Duration.minutes(6)),
        "dead_letter_queue": sqs.Queue(scope, "DeadLetterQueue"),
        "destination": gtm.PinpointDestination("a"),
        **DELIVERY,
    },
    "Cors": lambda _values, _scope: {"allowed_origins": None},
    "CognitoAuthorizer": lambda values, _scope: {"user_pools": values["list of user pools"]},
    "LambdaAuthorizer": lambda values, _scope: {
        "function": values["lambda function"],
        "identity_sources": [apigateway.IdentitySource.query_string("token")],
    },
    "Domain": lambda values, _scope: {
        "name": "events.shop.example",
        "certificate": values["certificate"],
    },
    "ProfileEventTrigger": lambda _values, _scope: {"event_type": "buy"},
    "CalculatedAttribute": lambda _values, _scope: {"name": "purchases", "statistic": "COUNT"},
    "Segment": lambda values, _scope: {
        "name": "buyers",
        "all_of": values["mapping of a profile's comparisons"],
    },
    "DestinationModule": lambda _values, _scope: {"name": "shop_webhook", "directory": RUNTIME},
}

# What a prop does nothing without.
BESIDE: dict[str, Callable[[Values, Construct], dict[str, Any]]] = {
    "disable_execute_api_endpoint": lambda values, _scope: {"domain": values["Domain"]},
    "authenticated_user_attributes": lambda _values, _scope: {"authorizer": gtm.IamAuthorizer()},
    # Nobody looks into a layer: any name will do.
    "name": lambda values, _scope: {"layer": values["layer"], "directory": None},
    "vpc_subnets": lambda values, _scope: {"vpc": values["VPC"]},
    "security_groups": lambda values, _scope: {"vpc": values["VPC"]},
    "event_type": lambda _values, _scope: {"name": "Chosen"},
    "period": lambda _values, _scope: {"max_invocations": 1},
    "max_invocations": lambda _values, _scope: {"period": cdk.Duration.days(1)},
}

# Props of which one has to be given.
ALTERNATIVES = {"topic": "queue", "destinations": "destination", "layer": "directory"}


def required(name: str, values: Values) -> dict[str, Any]:
    """Return the props that a class requires, each with the first value of its type."""
    return {
        prop: values[next(label for label in LABELS if may_take(parameter.annotation, label))]
        for prop, parameter in props_of(name).items()
        if parameter.default is parameter.empty
    }


def beside(prop: str, values: Values, scope: Construct) -> dict[str, Any]:
    """Return the props that ``prop`` does nothing without, in any class."""
    props = BESIDE[prop](values, scope) if prop in BESIDE else {}
    for cases in destination_cases().values():
        props |= cases.required_props.get(prop, {})
    return props


def others(name: str, prop: str, values: Values, scope: Construct) -> dict[str, Any]:
    """Return the props that a class needs besides ``prop``, and that ``prop`` needs itself."""
    props = NEEDED[name](values, scope) if name in NEEDED else required(name, values)
    own = props_of(name)
    props |= {other: value for other, value in beside(prop, values, scope).items() if other in own}
    left_out = {prop, ALTERNATIVES.get(prop)}
    return {other: value for other, value in props.items() if other not in left_out}


# What becomes of an object: the connector that uses it.
USES: dict[str, Callable[[Construct, Any], object]] = {
    "Cors": lambda scope, cors: gtm.CollectionApi(
        scope, "Own", queue=sqs.Queue(scope, "Queue"), cors=cors
    ),
    "Domain": lambda scope, domain: add_connector(scope, domain=domain),
    "Firewall": lambda scope, firewall: add_connector(scope, firewall=firewall),
    "Monitoring": lambda scope, monitoring: add_connector(scope, monitoring=monitoring),
    "DeliveryOptions": lambda scope, delivery: add_connector(
        scope, destination=gtm.PinpointDestination("a", delivery=delivery)
    ),
    **{
        name: lambda scope, authorizer: add_connector(scope, authorizer=authorizer)
        for name in CLASSES
        if name.endswith("Authorizer")
    },
}

# The destination that an object is, or is a part of.
DESTINATIONS: dict[str, Callable[[Any], gtm.Destination]] = {
    "DestinationModule": Own,
    "ProfileEventTrigger": lambda trigger: gtm.CustomerProfilesDestination(
        domain_name="shop", event_trigger=trigger
    ),
    "CalculatedAttribute": lambda attribute: gtm.CustomerProfilesDestination(
        domain_name="shop", calculated_attributes=[attribute]
    ),
    "Segment": lambda segment: gtm.CustomerProfilesDestination(
        domain_name="shop", segments=[segment]
    ),
    **{name: lambda made: made for name in CLASSES if name.endswith("Destination")},
}
# Parts of a destination that become resources, of which the function knows nothing.
RESOURCES = ("ProfileEventTrigger", "CalculatedAttribute", "Segment")


def use(name: str, scope: Construct, made: Any, *, whole: bool) -> None:
    """Use an object of a public class.

    Args:
        name: The class's name.
        scope: Gets what uses the object.
        made: The object.
        whole: Whether a whole connector uses it. Otherwise the part of one that it ends up in does,
            if there is such a part, because that is made in a fraction of the time.
    """
    if name in DESTINATIONS and whole:
        add_connector(scope, destination=DESTINATIONS[name](made))
    elif name in DESTINATIONS:
        destination = DESTINATIONS[name](made)
        destination.add_resources(Construct(scope, destination.construct_id))
        if name not in RESOURCES:
            deliver_to(scope, destination)
    elif name.endswith("Authorizer") and not whole:
        queue = sqs.Queue.from_queue_arn(scope, "Queue", QUEUE_ARN)
        gtm.CollectionApi(scope, "Own", queue=queue, authorizer=made)
    elif name in USES:
        USES[name](scope, made)


def deliver_to(scope: Construct, destination: gtm.Destination) -> None:
    """Add the half of a connector that delivers to ``destination``."""
    queue, dead_letter_queue = (
        sqs.Queue.from_queue_arn(scope, name, QUEUE_ARN + name) for name in ("Queue", "Dead")
    )
    props = {"queue": queue, "dead_letter_queue": dead_letter_queue, "destination": destination}
    gtm.EventDelivery(scope, "Delivery", **{**DELIVERY, **props})


@dataclass
class Outcome:
    """What became of each value of the table for one prop, by the value's label."""

    taken: list[str] = field(default_factory=list)
    refused: dict[str, PropError] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def outcomes_of(props: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Outcome]:
    """Return what became of each value, for each of ``props``; all that was taken is synthesized.

    Args:
        props: Names of classes, each with the name of a prop.
    """
    # Fewer stacks are synthesized sooner, so each has more than CloudFormation's 500 resources.
    context = {"@aws-cdk/core:stackResourceLimit": 0}
    app = cdk.App(context=context, tree_metadata=False)
    values = Values(cdk.Stack(app, "Theirs", env=HERE))
    outcomes = {(name, prop): _outcome(app, values, name, prop) for name, prop in props}
    app.synth(skip_validation=True)
    return outcomes


def _outcome(app: cdk.App, values: Values, name: str, prop: str) -> Outcome:
    outcome = Outcome()
    class_, is_construct = own_class(name), in_scope(name)
    stack = cdk.Stack(app, f"{name}-{prop.replace('_', '-')}", env=HERE)
    scope: Construct | None = None
    # Once for each class, and for the prop that the connector itself reads.
    whole = prop in {next(iter(props_of(name))), "delivery"}
    given: dict[str, Any] = {}
    for number, label in enumerate(LABELS):
        if scope is None:
            # Two destinations of one stack may be in each other's way.
            scope = (
                cdk.Stack(app, f"{stack.stack_name}-{number}", env=HERE)
                if name in DESTINATIONS
                else Construct(stack, f"Value{number}")
            )
            given = others(name, prop, values, scope)
        props, made = {**given, prop: values[label]}, None
        try:
            made = class_(scope, "Made", **props) if is_construct else class_(**props)
            use(name, scope, made, whole=whole)
        except PropError as error:
            outcome.refused[label] = error
        except Exception as error:  # noqa: BLE001 - jsii's, Python's own: whatever it is
            outcome.broken[label] = repr(error)
        else:
            outcome.taken.append(label)
            # With a value that is one.
            whole = whole and label == "None"
        if made is not None:
            scope = None
    # What is refused leaves nothing behind. It would also be in the way of the next "Made".
    if is_construct and scope is not None and scope.node.try_find_child("Made") is not None:
        outcome.broken[LABELS[-1]] = "half made"
    return outcome


def assert_each_works_or_is_refused(outcome: Outcome, name: str, prop: str) -> None:
    """Assert that a prop took what is of its type, and refused all else in words."""
    annotation = props_of(name)[prop].annotation
    assert outcome.broken == {}
    assert [label for label in outcome.taken if not may_take(annotation, label)] == []
    assert outcome.taken, f"no value of the table is a {annotation}"
    for label, error in outcome.refused.items():
        text = str(error)
        # Of two props of which one must be given, it can be the other's.
        named = ALTERNATIVES.get(prop, prop) if label == "None" else prop
        assert error.prop == named, text
        assert text.startswith(f"{named} {error.problem}, got {error.given}"), text
        assert "\n" not in text + error.given, text
        assert "{" not in error.problem + error.fix, text
