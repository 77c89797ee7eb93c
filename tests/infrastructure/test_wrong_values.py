"""Every prop of every public class, with values of every type.

What a prop takes has to synthesize, and what it does not take is a ``PropError`` that names it. The
props come from the signatures: one that is added without a check fails here.
"""

from __future__ import annotations

import inspect
import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_sqs as sqs
from constructs import Construct

import cdk_gtm_connector as gtm
from cdk_gtm_connector import PropError
from cdk_gtm_connector.errors import NOT_GIVEN
from tests.destinations.cases import destination_cases
from tests.infrastructure.options import OWN_MODULE, RUNTIME
from tests.infrastructure.synthesis import add_connector
from tests.infrastructure.wrong_values import LABELS, Values, may_take

if TYPE_CHECKING:
    from collections.abc import Callable

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


# What a class needs, by its name.
NEEDED: dict[str, Callable[[Values, cdk.Stack], dict[str, Any]]] = {
    "GtmConnector": lambda values, _stack: {"destination": values["Destination"]},
    "CollectionApi": lambda values, _stack: {"queue": values["queue"]},
    "EventDelivery": lambda values, stack: {
        "queue": sqs.Queue(stack, "Queue", visibility_timeout=cdk.Duration.minutes(6)),
        "dead_letter_queue": sqs.Queue(stack, "DeadLetterQueue"),
        "destination": values["Destination"],
        "anonymous_user_attributes": [],
        "authenticated_user_attributes": "*",
        "allowed_origins": None,
        "accept_client_timestamp": False,
        "batch_size": 10,
        "max_batching_window": cdk.Duration.seconds(5),
        "max_concurrency": 2,
        "memory_size": 256,
        "timeout": cdk.Duration.minutes(1),
        "log_retention": values["RetentionDays"],
    },
    "Cors": lambda _values, _stack: {"allowed_origins": None},
    "CognitoAuthorizer": lambda values, _stack: {"user_pools": values["list of user pools"]},
    "LambdaAuthorizer": lambda values, _stack: {
        "function": values["lambda function"],
        "identity_sources": [apigateway.IdentitySource.query_string("token")],
    },
    "Domain": lambda values, _stack: {
        "name": "events.shop.example",
        "certificate": values["certificate"],
    },
    "ProfileEventTrigger": lambda _values, _stack: {"event_type": "buy"},
    "CalculatedAttribute": lambda _values, _stack: {"name": "purchases", "statistic": "COUNT"},
    "Segment": lambda values, _stack: {
        "name": "buyers",
        "all_of": values["mapping of a profile's comparisons"],
    },
    "DestinationModule": lambda _values, _stack: {"name": "shop_webhook", "directory": RUNTIME},
}

# What a prop does nothing without.
BESIDE: dict[str, Callable[[Values, cdk.Stack], dict[str, Any]]] = {
    "disable_execute_api_endpoint": lambda values, _stack: {"domain": values["Domain"]},
    "authenticated_user_attributes": lambda _values, _stack: {"authorizer": gtm.IamAuthorizer()},
    # Nobody looks into a layer: any name will do.
    "name": lambda values, _stack: {"layer": values["layer"], "directory": None},
    "vpc_subnets": lambda values, _stack: {"vpc": values["VPC"]},
    "security_groups": lambda values, _stack: {"vpc": values["VPC"]},
    "event_type": lambda _values, _stack: {"name": "Chosen"},
    "period": lambda _values, _stack: {"max_invocations": 1},
    "max_invocations": lambda _values, _stack: {"period": cdk.Duration.days(1)},
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


def beside(prop: str, values: Values, stack: cdk.Stack) -> dict[str, Any]:
    """Return the props that ``prop`` does nothing without, in any class."""
    props = BESIDE[prop](values, stack) if prop in BESIDE else {}
    for cases in destination_cases().values():
        props |= cases.beside.get(prop, {})
    return props


def others(name: str, prop: str, values: Values, stack: cdk.Stack) -> dict[str, Any]:
    """Return the props that a class needs besides ``prop``, and that ``prop`` needs itself."""
    props = NEEDED[name](values, stack) if name in NEEDED else required(name, values)
    own = props_of(name)
    props |= {other: value for other, value in beside(prop, values, stack).items() if other in own}
    left_out = {prop, ALTERNATIVES.get(prop)}
    return {other: value for other, value in props.items() if other not in left_out}


# What becomes of an object that is no construct: props of the connector that uses it.
USES: dict[str, Callable[[cdk.Stack, Any], object]] = {
    "Cors": lambda stack, cors: gtm.CollectionApi(
        stack, "Own", queue=sqs.Queue(stack, "Queue"), cors=cors
    ),
    "Domain": lambda stack, domain: add_connector(stack, domain=domain),
    "Firewall": lambda stack, firewall: add_connector(stack, firewall=firewall),
    "Monitoring": lambda stack, monitoring: add_connector(stack, monitoring=monitoring),
    "DeliveryOptions": lambda stack, delivery: add_connector(
        stack, destination=gtm.PinpointDestination("a", delivery=delivery)
    ),
    "DestinationModule": lambda stack, module: add_connector(stack, destination=Own(module)),
    "ProfileEventTrigger": lambda stack, trigger: add_connector(
        stack,
        destination=gtm.CustomerProfilesDestination(domain_name="shop", event_trigger=trigger),
    ),
    "CalculatedAttribute": lambda stack, attribute: add_connector(
        stack,
        destination=gtm.CustomerProfilesDestination(
            domain_name="shop", calculated_attributes=[attribute]
        ),
    ),
    "Segment": lambda stack, segment: add_connector(
        stack,
        destination=gtm.CustomerProfilesDestination(domain_name="shop", segments=[segment]),
    ),
    **{
        name: lambda stack, destination: add_connector(stack, destination=destination)
        for name in CLASSES
        if name.endswith("Destination")
    },
    **{
        name: lambda stack, authorizer: add_connector(stack, authorizer=authorizer)
        for name in CLASSES
        if name.endswith("Authorizer")
    },
}


def make(class_name: str, stack: cdk.Stack, props: dict[str, Any]) -> None:
    """Make an object of a public class in ``stack``, and use it."""
    class_ = own_class(class_name)
    made = class_(stack, "Made", **props) if in_scope(class_name) else class_(**props)
    if class_name in USES:
        USES[class_name](stack, made)


@dataclass
class Outcome:
    """What became of each value of the table for one prop, by the value's label."""

    taken: list[str] = field(default_factory=list)
    refused: dict[str, PropError] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str, str], Outcome]:
    """What became of each value, for each prop; all that was taken is synthesized."""
    app = cdk.App()
    values = Values(cdk.Stack(app, "Theirs", env=HERE))
    found = {}
    for name, prop in PROPS:
        found[name, prop] = outcome = Outcome()
        stack, given = None, {}
        for label in LABELS:
            if stack is None:
                stack_name = f"{name}-{prop.replace('_', '-')}-{len(outcome.taken)}"
                stack = cdk.Stack(app, stack_name, env=HERE)
                given = others(name, prop, values, stack)
            try:
                make(name, stack, {**given, prop: values[label]})
            except PropError as error:
                outcome.refused[label] = error
                # What is refused leaves nothing behind.
                if stack.node.try_find_child("Made") is not None:
                    outcome.broken[label] = f"half made: {error}"
            except Exception as error:  # noqa: BLE001 - jsii's, Python's own: whatever it is
                outcome.broken[label] = repr(error)
            else:
                outcome.taken.append(label)
                stack = None
    app.synth(skip_validation=True)
    return found


class TestEveryValue:
    """Each prop takes a value and it works, or refuses it in words."""

    @pytest.mark.parametrize(("name", "prop"), PROPS)
    def test_it_works_or_is_refused(
        self, outcomes: dict[tuple[str, str], Outcome], name: str, prop: str
    ) -> None:
        annotation = props_of(name)[prop].annotation
        outcome = outcomes[name, prop]
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


class TestNames:
    """Props that are misspelt, left out, or not named."""

    @pytest.mark.parametrize("name", CLASSES)
    def test_a_misspelt_one_is_told_what_was_meant(self, name: str) -> None:
        for prop in props_of(name):
            words = prop.split("_")
            camel_case = words[0] + "".join(map(str.capitalize, words[1:]))
            for misspelt in {prop + "s", prop[:-1], camel_case} - set(props_of(name)):
                scope = {"scope": cdk.Stack(), "construct_id": "Made"} if in_scope(name) else {}
                with pytest.raises(PropError) as caught:
                    own_class(name)(**scope, **{misspelt: 1})
                class_name = "Destination" if name == "Destination" else name
                assert str(caught.value) == (
                    f"{misspelt} is no prop of {class_name}, got 1: write {prop}"
                )
                assert caught.value.prop == misspelt

    def test_one_that_is_like_none_is_told_all(self) -> None:
        words = (
            r"^colour is no prop of Firewall, got 'red': its props are rate_limit, log_retention$"
        )
        with pytest.raises(PropError, match=words):
            gtm.Firewall(colour="red")  # type: ignore[call-arg]

    def test_the_issues_example(self) -> None:
        words = r"^anonymous_attributes is no prop .*\['plan'\]: write anonymous_user_attributes$"
        with pytest.raises(PropError, match=words):
            add_connector(cdk.Stack(), anonymous_attributes=["plan"])

    @pytest.mark.parametrize("name", CLASSES)
    def test_one_that_is_left_out_is_named(self, name: str) -> None:
        required = [
            p for p, parameter in props_of(name).items() if parameter.default is parameter.empty
        ]
        scope = {"scope": cdk.Stack(), "construct_id": "Made"} if in_scope(name) else {}
        if not required:
            return
        with pytest.raises(
            PropError, match=rf"^{required[0]} must be given to {name}, as "
        ) as caught:
            own_class(name)(**scope)
        assert caught.value.got is NOT_GIVEN

    def test_one_without_its_name_is_told_to_have_it(self) -> None:
        class_: Any = gtm.GtmConnector
        words = (
            "^destination must be given to GtmConnector by its name, as destination=…, got a Pin"
        )
        with pytest.raises(PropError, match=words):
            class_(cdk.Stack(), "Gtm", gtm.PinpointDestination("a"))
        class_ = gtm.Firewall
        with pytest.raises(PropError, match=r"^rate_limit must .* by its name, .*, got 100$"):
            class_(100)

    def test_what_python_alone_can_say_is_left_to_it(self) -> None:
        class_: Any = gtm.PinpointDestination
        with pytest.raises(TypeError, match="multiple values"):
            class_("a", application_id="b")

    def test_signatures_stay_as_they_are_written(self) -> None:
        assert list(inspect.signature(gtm.GtmConnector.__init__).parameters)[:4] == [
            *("self", "scope", "construct_id", "destination")
        ]
        assert list(inspect.signature(gtm.Firewall).parameters) == [
            *("rate_limit", "log_retention")
        ]

    def test_a_subclass_may_have_props_of_its_own(self) -> None:
        class Mine(gtm.GtmConnector):
            def __init__(self, scope: cdk.Stack, *, name: str) -> None:
                super().__init__(scope, name, destination=gtm.PinpointDestination("a"))

        assert Mine(cdk.Stack(), name="Shop").node.id == "Shop"


class TestScope:
    """Where a construct goes."""

    @pytest.mark.parametrize("name", [name for name in CLASSES if in_scope(name)])
    @pytest.mark.parametrize("scope", [None, "Stack", cdk.Stack, cdk.App(), 1])
    def test_it_is_in_a_stack(self, name: str, scope: object) -> None:
        props = others(name, "", Values(cdk.Stack()), cdk.Stack())
        with pytest.raises(PropError, match=r"^scope must be a Stack, .*, got "):
            own_class(name)(scope, "Made", **props)

    @pytest.mark.parametrize("name", [name for name in CLASSES if in_scope(name)])
    @pytest.mark.parametrize(
        "construct_id",
        [
            None,
            "",
            1,
            # Named, for its text is another in each of pytest-xdist's workers.
            pytest.param(cdk.Token.as_string({"Ref": "Name"}), id="token"),
            "Taken",
        ],
    )
    def test_it_has_an_id_of_its_own(self, name: str, construct_id: object) -> None:
        stack = cdk.Stack()
        Construct(stack, "Taken")
        props = others(name, "", Values(cdk.Stack()), cdk.Stack())
        with pytest.raises(PropError, match=r"^construct_id must .*, got "):
            own_class(name)(stack, construct_id, **props)


class TestErrors:
    """A ``PropError`` is data."""

    def test_it_is_a_value_error(self) -> None:
        with pytest.raises(ValueError, match=r"^rate_limit must be") as caught:
            gtm.Firewall(rate_limit=9)
        error = caught.value
        assert isinstance(error, PropError)
        assert (error.prop, error.got) == ("rate_limit", 9)
        assert error.problem == "must be a whole number between 10 and 2,000,000,000"

    def test_others_can_call_the_props_as_they_like(self) -> None:
        error = PropError("a", "must not be {b}", 1, "leave {b} out", {"b": "{c}"})
        assert str(error) == "a must not be b, got 1 with b='{c}': leave b out"
        told = error.renamed({"a": "x", "b": "y"})
        assert str(told) == "x must not be y, got 1 with y='{c}': leave y out"
        assert (told.prop, told.others) == ("x", {"y": "{c}"})

    def test_it_travels(self) -> None:
        error = PropError("a", "must not be {b}", 1, "leave {b} out", {"b": 2})
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own
        error = PropError("a", "must be given")
        assert pickle.loads(pickle.dumps(error)).got is NOT_GIVEN  # noqa: S301 - our own

    def test_a_text_with_braces_is_shown_as_it_is(self) -> None:
        words = r"^application_id must .*, got '\{prop\}'$"
        with pytest.raises(PropError, match=words):
            gtm.PinpointDestination("{prop}")
