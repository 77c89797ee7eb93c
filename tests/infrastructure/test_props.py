"""``GtmConnector``'s props: their defaults, what they do, what they refuse."""

from __future__ import annotations

import inspect
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_logs as logs

from cdk_gtm_connector import (
    Firewall,
    GtmConnector,
    IamAuthorizer,
    Monitoring,
    PinpointDestination,
    PropError,
)
from tests.infrastructure.options import add_domain, import_key
from tests.infrastructure.synthesis import APPLICATION_ID, KEY_ARN, add_connector, synthesize

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.infrastructure.synthesis import Template

DAY = 24 * 60 * 60

# Each as the docstring of GtmConnector says it.
DEFAULTS: dict[str, object] = {
    "destination": ("pinpoint", APPLICATION_ID),
    "anonymous_user_attributes": [],
    "authenticated_user_attributes": "*",
    "authorizer": None,
    "allowed_origins": "*",
    "require_origin": "false",
    "allow_http_origins": False,
    "honor_privacy_signals": False,
    "unset_values": ["undefined", "null", "NaN", "[object Object]"],
    "max_events_per_request": 20,
    "authenticated_max_events_per_request": 100,
    "throttling_rate_limit": None,
    "throttling_burst_limit": None,
    "firewall": None,
    "domain": None,
    "disable_execute_api_endpoint": False,
    "accept_client_timestamp": "false",
    "batch_size": 10_000,
    "max_batching_window": 5,
    "max_concurrency": 2,
    "memory_size": 256,
    "timeout": 60,
    "max_receive_count": 10,
    "message_retention": 7 * DAY,
    "log_retention": 90,
    "cloud_watch_role": False,
    "tracing": True,
    "encryption_key": None,
    "monitoring": False,
}

# Prop, value (or what makes it in a stack), what it becomes. Where there is a range: both its ends.
CHOICES: list[tuple[str, Any, object]] = [
    ("destination", PinpointDestination(application_id="a-1"), ("pinpoint", "a-1")),
    ("anonymous_user_attributes", ("plan",), ["plan"]),
    ("anonymous_user_attributes", "*", "*"),
    ("anonymous_user_attributes", ["x", "n" * 50], ["n" * 50, "x"]),
    ("authenticated_user_attributes", ("plan", "city"), ["city", "plan"]),
    ("authenticated_user_attributes", [], []),
    ("authenticated_user_attributes", "*", "*"),
    ("authorizer", IamAuthorizer(), "AWS_IAM"),
    ("allowed_origins", ("https://shop.example",), ["https://shop.example"]),
    (
        "allowed_origins",
        ["https://shop.example", "https://*.shop.example"],
        ["https://*.shop.example", "https://shop.example"],
    ),
    ("require_origin", True, "true"),
    ("allow_http_origins", True, True),
    ("honor_privacy_signals", True, True),
    ("unset_values", [], []),
    ("unset_values", ("undefined", "(not set)", "undefined"), ["undefined", "(not set)"]),
    ("unset_values", ["x" * 100, *map(str, range(49))], ["x" * 100, *map(str, range(49))]),
    ("max_events_per_request", 1, 1),
    ("max_events_per_request", 100, 100),
    ("authenticated_max_events_per_request", 1, 1),
    ("authenticated_max_events_per_request", 100, 100),
    ("throttling_rate_limit", 1, 1),
    ("throttling_rate_limit", 1_000_000, 1_000_000),
    ("throttling_burst_limit", 1, 1),
    ("throttling_burst_limit", 1_000_000, 1_000_000),
    ("firewall", Firewall(), 2_000),
    ("firewall", Firewall(rate_limit=10), 10),
    ("firewall", Firewall(rate_limit=2_000_000_000), 2_000_000_000),
    ("domain", add_domain, "events.shop.example"),
    ("disable_execute_api_endpoint", True, True),
    ("accept_client_timestamp", True, "true"),
    ("batch_size", 1, 1),
    ("batch_size", 9_999, 9_999),
    ("max_batching_window", cdk.Duration.seconds(1), 1),
    ("max_batching_window", cdk.Duration.minutes(5), 300),
    ("max_concurrency", 3, 3),
    ("max_concurrency", 1_000, 1_000),
    ("memory_size", 128, 128),
    ("memory_size", 10_240, 10_240),
    ("timeout", cdk.Duration.seconds(30), 30),
    ("timeout", cdk.Duration.minutes(15), 900),
    ("max_receive_count", 1, 1),
    ("max_receive_count", 1_000, 1_000),
    ("message_retention", cdk.Duration.minutes(1), 60),
    ("message_retention", cdk.Duration.days(13), 13 * DAY),
    ("log_retention", logs.RetentionDays.ONE_WEEK, 7),
    ("cloud_watch_role", True, True),
    ("tracing", False, False),
    ("encryption_key", import_key, KEY_ARN),
    ("monitoring", Monitoring(), True),
]

# What a prop does nothing without, and what that becomes.
ALSO: dict[str, tuple[str, Any, object]] = {
    "authenticated_user_attributes": ("authorizer", IamAuthorizer(), "AWS_IAM"),
    "authenticated_max_events_per_request": ("authorizer", IamAuthorizer(), "AWS_IAM"),
    "require_origin": ("allowed_origins", ["https://shop.example"], ["https://shop.example"]),
    "allow_http_origins": ("allowed_origins", ["http://localhost:8000"], ["http://localhost:8000"]),
    "disable_execute_api_endpoint": ("domain", add_domain, "events.shop.example"),
}

# Prop, value, the value as the message must show it.
REFUSED: list[tuple[str, Any, str]] = [
    ("anonymous_user_attributes", "plan", "'plan'"),  # else: "p", "l", "a" and "n"
    ("anonymous_user_attributes", "", "''"),
    ("anonymous_user_attributes", ["plan", ""], "''"),
    ("anonymous_user_attributes", ["n" * 51], repr("n" * 51)),
    ("anonymous_user_attributes", ["plan", "*"], "['plan', '*']"),
    ("authenticated_user_attributes", "plan", "'plan'"),
    ("authenticated_user_attributes", ["plan", ""], "''"),
    ("authenticated_user_attributes", ["n" * 51], repr("n" * 51)),
    ("authenticated_user_attributes", ["plan", "*"], "['plan', '*']"),
    ("unset_values", "undefined", "'undefined'"),
    ("unset_values", [""], "''"),
    ("unset_values", [" "], "' '"),
    ("unset_values", ["null", " undefined"], "' undefined'"),
    ("unset_values", ["a\nb"], r"'a\nb'"),
    ("unset_values", ["a\x7f"], r"'a\x7f'"),
    ("unset_values", ["a\ud83d"], r"'a\ud83d'"),
    ("unset_values", ["x" * 101], repr("x" * 101)),
    ("unset_values", [None], "None"),
    ("unset_values", [str(number) for number in range(51)], "51"),
    ("unset_values", [cdk.Aws.REGION], "a token"),
    ("max_events_per_request", 0, "0"),
    ("max_events_per_request", 101, "101"),
    ("max_events_per_request", 2.5, "2.5"),
    ("max_events_per_request", True, "True"),
    ("authenticated_max_events_per_request", 0, "0"),
    ("authenticated_max_events_per_request", 101, "101"),
    ("authenticated_max_events_per_request", 50, "50 with authorizer=None"),
    ("throttling_rate_limit", 0, "0"),
    ("throttling_rate_limit", 1_000_001, "1,000,001"),
    ("throttling_rate_limit", 0.5, "0.5"),
    ("throttling_burst_limit", 0, "0"),
    ("throttling_burst_limit", 1_000_001, "1,000,001"),
    ("throttling_burst_limit", True, "True"),
    ("disable_execute_api_endpoint", True, "True with domain=None"),
    ("batch_size", 0, "0"),
    ("batch_size", -1, "-1"),
    ("batch_size", 10_001, "10,001"),
    ("batch_size", 12_345_678, "12,345,678"),
    ("batch_size", 10.5, "10.5"),
    ("batch_size", True, "True"),
    ("batch_size", "100", "'100'"),
    ("max_batching_window", cdk.Duration.seconds(301), "5 minutes 1 second"),
    ("max_batching_window", cdk.Duration.seconds(0), "0 seconds"),  # with the default batch_size
    ("max_batching_window", cdk.Duration.millis(1_500), "1,500 milliseconds"),
    ("max_concurrency", 1, "1"),
    ("max_concurrency", 1_001, "1,001"),
    ("max_concurrency", 2.5, "2.5"),
    ("memory_size", 127, "127"),
    ("memory_size", 10_241, "10,241"),
    ("memory_size", 512.5, "512.5"),
    ("timeout", cdk.Duration.seconds(29), "29 seconds"),
    ("timeout", cdk.Duration.seconds(901), "15 minutes 1 second"),
    ("timeout", cdk.Duration.millis(30_500), "30,500 milliseconds"),
    ("max_receive_count", 0, "0"),
    ("max_receive_count", 1_001, "1,001"),
    ("max_receive_count", 1.5, "1.5"),
    ("message_retention", cdk.Duration.seconds(59), "59 seconds"),
    ("message_retention", cdk.Duration.seconds(13 * DAY + 1), "13 days 1 second"),
    ("message_retention", cdk.Duration.days(14), "14 days"),
    ("message_retention", cdk.Duration.millis(90_500), "90,500 milliseconds"),
]

# Prop, a value that is known only when the stack is deployed, and how the template shows it.
UNRESOLVED: list[tuple[str, str, Callable[[cdk.CfnParameter], Any], object]] = [
    (
        "destination",
        "String",
        lambda chosen: PinpointDestination(application_id=chosen.value_as_string),
        ("pinpoint", "${Chosen}"),
    ),
    *(
        (prop, "String", lambda chosen: [chosen.value_as_string], ["${Chosen}"])
        for prop in ("anonymous_user_attributes", "authenticated_user_attributes")
    ),
    *(
        (prop, "Number", lambda chosen: chosen.value_as_number, "${Chosen}")
        for prop in (
            "throttling_rate_limit",
            "throttling_burst_limit",
            "batch_size",
            "max_concurrency",
            "memory_size",
            "max_receive_count",
        )
    ),
    (
        "firewall",
        "Number",
        lambda chosen: Firewall(rate_limit=chosen.value_as_number),  # type: ignore[arg-type]
        "${Chosen}",
    ),
    *(
        (prop, "Number", lambda chosen: cdk.Duration.seconds(chosen.value_as_number), "${Chosen}")
        for prop in ("max_batching_window", "message_retention")
    ),
]


def case_ids(cases: list[tuple[str, Any, Any]]) -> list[str]:
    """Return a name for each case: the prop and its number."""
    return [f"{case[0]}-{number}" for number, case in enumerate(cases)]


@pytest.fixture(scope="session")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """A template for each of ``CHOICES``."""
    return synthesize(
        tmp_path_factory.mktemp("chosen"),
        {
            f"Stack{number}": partial(add_chosen, prop=prop, value=value)
            for number, (prop, value, _) in enumerate(CHOICES)
        },
    )


def add_chosen(stack: cdk.Stack, prop: str, value: Any) -> None:
    """Add a connector with one prop, and with what that does nothing without."""
    chosen = {prop: value}
    if prop in ALSO:
        other, other_value, _ = ALSO[prop]
        chosen[other] = other_value
    add_connector(
        stack, **{name: made(stack) if callable(made) else made for name, made in chosen.items()}
    )


def with_others(prop: str, expected: object) -> dict[str, object]:
    """Return what all props become if one of them is chosen, with what that needs."""
    props = {**DEFAULTS, prop: expected}
    if prop == "max_events_per_request":  # for both routes
        props["authenticated_max_events_per_request"] = expected
    if prop in ALSO:
        other, _, becomes = ALSO[prop]
        props[other] = becomes
    return props


def add_unresolved(
    stack: cdk.Stack, prop: str, kind: str, value: Callable[[cdk.CfnParameter], Any]
) -> None:
    """Add a connector with a prop that a parameter of the stack decides."""
    parameter = cdk.CfnParameter(stack, "Chosen", type=kind)
    add_chosen(stack, prop, value(parameter))


@pytest.fixture(scope="session")
def unresolved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """A template for each of ``UNRESOLVED``, by prop."""
    templates = synthesize(
        tmp_path_factory.mktemp("unresolved"),
        {
            f"Stack{number}": partial(add_unresolved, prop=prop, kind=kind, value=value)
            for number, (prop, kind, value, _) in enumerate(UNRESOLVED)
        },
    )
    return dict(zip((case[0] for case in UNRESOLVED), templates.values(), strict=True))


@pytest.fixture(scope="session")
def shared_stack() -> cdk.Stack:
    """A stack for constructs that are refused before they add anything to it."""
    return cdk.Stack()


class TestTables:
    """The tables of this file cover every prop."""

    def test_every_prop_is_in_them(self) -> None:
        props = set(inspect.signature(GtmConnector.__init__).parameters)
        props -= {"self", "scope", "construct_id"}
        props.remove("destinations")  # see test_fan_out.py
        props -= {"vpc", "vpc_subnets", "security_groups"}  # see test_vpc.py
        assert props == DEFAULTS.keys()
        assert props == {prop for prop, _, _ in CHOICES}

    def test_every_prop_is_documented(self) -> None:
        arguments = re.findall(r"^    +(\w+): ", inspect.getdoc(GtmConnector) or "", re.MULTILINE)
        assert {*DEFAULTS, "destinations"} <= set(arguments)


class TestDefaults:
    """What a connector is when its owner says nothing."""

    def test_they_are_as_documented(self, imported: Template) -> None:
        assert imported.props == DEFAULTS

    def test_they_are_the_deployable_apps(self, template: Template) -> None:
        assert template.props == {**DEFAULTS, "monitoring": True}


class TestChoices:
    """What a prop changes, and that it changes nothing else."""

    @pytest.mark.parametrize("number", range(len(CHOICES)), ids=case_ids(CHOICES))
    def test_it_reaches_the_template(self, chosen: dict[str, Template], number: int) -> None:
        prop, _, expected = CHOICES[number]
        assert chosen[f"Stack{number}"].props == with_others(prop, expected)

    def test_no_window_with_a_small_batch(self, shared_stack: cdk.Stack) -> None:
        window = cdk.Duration.seconds(0)
        add_connector(shared_stack, "NoWindow", batch_size=10, max_batching_window=window)


class TestRefusals:
    """What a prop does not take, in the words of who wrote it."""

    @pytest.mark.parametrize(("prop", "value", "shown"), REFUSED, ids=case_ids(REFUSED))
    def test_the_message_names_prop_and_value(
        self, shared_stack: cdk.Stack, prop: str, value: object, shown: str
    ) -> None:
        construct_id = f"Refused{len(shared_stack.node.children)}"
        with pytest.raises(PropError, match=rf"^{prop} must .*, got {re.escape(shown)}(?![\d.])"):
            add_connector(shared_stack, construct_id, **{prop: value})

    def test_a_batch_over_10_needs_a_window(self, shared_stack: cdk.Stack) -> None:
        # Lambda's rule; the message names both props, since either can be changed.
        with pytest.raises(PropError, match=r"^max_batching_window .* with batch_size=11$"):
            add_connector(
                shared_stack,
                "NeedsWindow",
                batch_size=11,
                max_batching_window=cdk.Duration.seconds(0),
            )

    @pytest.mark.parametrize(
        "application_id", ["", "*", "a/b", "a b", "a\n", "apps/*", "\u0661", "x" * 65]
    )
    def test_an_application_id_cannot_widen_the_permission(self, application_id: str) -> None:
        with pytest.raises(
            PropError, match=rf"^application_id must .*, got {re.escape(repr(application_id))}$"
        ):
            PinpointDestination(application_id=application_id)


class TestUnresolved:
    """Values that are known only at deployment pass the checks and reach the template."""

    @pytest.mark.parametrize("case", UNRESOLVED, ids=[case[0] for case in UNRESOLVED])
    def test_it_reaches_the_template(
        self,
        unresolved: dict[str, Template],
        case: tuple[str, str, Callable[[cdk.CfnParameter], Any], object],
    ) -> None:
        prop, _, _, expected = case
        assert unresolved[prop].props == with_others(prop, expected)

    def test_the_permission_is_for_that_application(self, unresolved: dict[str, Template]) -> None:
        template = unresolved["destination"]
        grants = dict(template.grants(template.role("lambda.amazonaws.com")))
        assert grants["mobiletargeting:PutEvents"].endswith(":apps/${Chosen}/events")

    def test_the_timeout_must_be_known(self, shared_stack: cdk.Stack) -> None:
        # CloudFormation cannot multiply, and the queue hides a message for 6 times the timeout.
        timeout = cdk.Duration.seconds(cdk.Token.as_number({"Ref": "Chosen"}))
        with pytest.raises(PropError, match=r"^timeout must "):
            add_connector(shared_stack, "UnresolvedTimeout", timeout=timeout)
