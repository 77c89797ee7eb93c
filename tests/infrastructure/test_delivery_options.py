"""How one destination of several is delivered to, where it differs from the others."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest

from cdk_gtm_connector import (
    DeliveryOptions,
    Destination,
    DestinationModule,
    GtmConnector,
    KinesisDestination,
    PinpointDestination,
    PropError,
)
from tests.destinations.kinesis.cases import add_stream
from tests.infrastructure.options import OWN_MODULE, SEVERAL
from tests.infrastructure.synthesis import add_connector, delivery_options, synthesize
from tests.infrastructure.test_props import DEFAULTS, REFUSED, UNRESOLVED

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

    from tests.infrastructure.conftest import Synthesize
    from tests.infrastructure.synthesis import Delivery, Template

NAMES = [field.name for field in fields(DeliveryOptions)]
MINUTE, DAY = 60, 24 * 60 * 60

OWN: dict[str, tuple[Any, object]] = {
    "batch_size": (1_000, 1_000),
    "max_batching_window": (cdk.Duration.seconds(20), 20),
    "max_concurrency": (28, 28),
    "memory_size": (1_024, 1_024),
    "timeout": (cdk.Duration.minutes(5), 5 * MINUTE),
    "max_receive_count": (3, 3),
    "message_retention": (cdk.Duration.days(13), 13 * DAY),
}


def told(delivery: Delivery) -> dict[str, object]:
    """Return what became of each option."""
    source, queue = delivery.source.properties, delivery.queue.properties
    function = delivery.function.properties
    window = source["MaximumBatchingWindowInSeconds"]
    if isinstance(window, str):  # known at deployment only
        window = 300
    assert queue["VisibilityTimeout"] == 6 * function["Timeout"] + window
    return delivery_options(source, queue, function)


def fan_out(stack: cdk.Stack, delivery: DeliveryOptions | None, **props: Any) -> GtmConnector:
    """Add a connector to Pinpoint, as the connector says, and Kinesis, with ``delivery``."""
    stream = add_stream(stack).stream
    return add_connector(
        stack,
        destination=None,
        destinations=[PinpointDestination("a"), KinesisDestination(stream, delivery=delivery)],
        **props,
    )


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """Each option alone, and all at once."""
    return synthesize(
        tmp_path_factory.mktemp("own"),
        {
            "All": partial(
                fan_out, delivery=DeliveryOptions(**{n: v for n, (v, _) in OWN.items()})
            ),
            **{
                name.replace("_", "-"): partial(fan_out, delivery=DeliveryOptions(**{name: value}))
                for name, (value, _) in OWN.items()
            },
        },
    )


class TestOwn:
    """What a destination says is its own."""

    def test_every_option_is_a_prop_of_the_connector(self) -> None:
        assert OWN.keys() == set(NAMES)
        assert set(NAMES) <= set(inspect.signature(GtmConnector.__init__).parameters)
        document, _, _ = (inspect.getdoc(DeliveryOptions) or "").partition("Raises:")
        assert re.findall(r"^    (\w+): ", document, re.MULTILINE) == NAMES

    @pytest.mark.parametrize("name", NAMES)
    def test_each_alone(self, own: dict[str, Template], name: str) -> None:
        deliveries = own[name.replace("_", "-")].deliveries
        defaults = {name: DEFAULTS[name] for name in NAMES}
        assert told(deliveries["pinpoint"]) == defaults
        assert told(deliveries["kinesis"]) == {**defaults, name: OWN[name][1]}

    def test_all(self, own: dict[str, Template]) -> None:
        deliveries = own["All"].deliveries
        assert told(deliveries["pinpoint"]) == {name: DEFAULTS[name] for name in NAMES}
        assert told(deliveries["kinesis"]) == {name: becomes for name, (_, becomes) in OWN.items()}

    def test_the_rest_is_the_connectors(self, synthesized: Synthesize) -> None:
        delivery = DeliveryOptions(max_concurrency=28, timeout=cdk.Duration.minutes(2))
        props: dict[str, Any] = {"memory_size": 512, "max_concurrency": 3}
        props["timeout"] = cdk.Duration.minutes(10)
        deliveries = synthesized(partial(fan_out, delivery=delivery, **props)).deliveries
        assert told(deliveries["pinpoint"]) == {
            **{name: DEFAULTS[name] for name in NAMES},
            "memory_size": 512,
            "max_concurrency": 3,
            "timeout": 10 * MINUTE,
        }
        assert told(deliveries["kinesis"]) == {
            **{name: DEFAULTS[name] for name in NAMES},
            "memory_size": 512,
            "max_concurrency": 28,
            "timeout": 2 * MINUTE,
        }

    def test_the_only_destination_may_say_it_too(self, synthesized: Synthesize) -> None:
        destination = PinpointDestination("a", delivery=DeliveryOptions(max_concurrency=7))
        template = synthesized(lambda stack: add_connector(stack, destination=destination))
        assert template.props["max_concurrency"] == 7

    def test_saying_nothing_changes_nothing(self, synthesized: Synthesize) -> None:
        silent = synthesized(partial(fan_out, delivery=None))
        assert synthesized(partial(fan_out, delivery=DeliveryOptions())).document == silent.document

    def test_every_destination_takes_them(self) -> None:
        delivery = DeliveryOptions(batch_size=100)
        for add in SEVERAL:
            made = add(cdk.Stack())
            assert made.delivery is None
            assert "delivery" in inspect.signature(type(made).__init__).parameters
        assert PinpointDestination("a", delivery=delivery).delivery is delivery

    def test_a_destination_of_somebodys_own_need_not(self, synthesized: Synthesize) -> None:
        @dataclass(frozen=True)  # its __init__ passes nothing on
        class Nowhere(Destination):
            @property
            def module(self) -> DestinationModule:
                return OWN_MODULE

            def bind(self, function: lambda_.Function) -> None:
                """Do nothing."""

        template = synthesized(lambda stack: add_connector(stack, destination=Nowhere()))
        assert template.props["batch_size"] == DEFAULTS["batch_size"]


class TestRefusals:
    """The same is refused, in the same words, as of the connector."""

    @pytest.mark.parametrize(
        ("name", "value", "shown"),
        # No window alone may be too short: that depends on the batch size.
        [c for c in REFUSED if c[0] in NAMES and c[2] != "0 seconds"],
    )
    def test_what_the_connector_refuses(self, name: str, value: object, shown: str) -> None:
        given: dict[str, Any] = {name: value}
        with pytest.raises(PropError, match=rf"^{name} must .*, got {re.escape(shown)}(?![\d.])"):
            DeliveryOptions(**given)

    @pytest.mark.parametrize("name", ["max_batching_window", "timeout", "message_retention"])
    @pytest.mark.parametrize(
        "make", [DeliveryOptions, lambda **props: add_connector(cdk.Stack(), **props)]
    )
    def test_a_number_is_no_duration(self, name: str, make: Any) -> None:
        with pytest.raises(PropError, match=rf"^{name} must be a Duration, .*, got 60$"):
            make(**{name: 60})

    def test_a_batch_over_10_needs_a_window(self) -> None:
        none = cdk.Duration.seconds(0)
        words = r"^max_batching_window must be at least 1 second .*, got 0 seconds with"
        with pytest.raises(PropError, match=words):
            DeliveryOptions(batch_size=11, max_batching_window=none)
        # Each alone is none that is wrong.
        alone = DeliveryOptions(max_batching_window=none)
        with pytest.raises(PropError, match=words + r" batch_size=10000$"):
            fan_out(cdk.Stack(), alone)
        fan_out(cdk.Stack(), alone, batch_size=10)

    def test_a_timeout_must_be_known(self) -> None:
        timeout = cdk.Duration.seconds(cdk.Token.as_number({"Ref": "Chosen"}))
        with pytest.raises(PropError, match=r"^timeout must be known .*, got a token$"):
            DeliveryOptions(timeout=timeout)

    @pytest.mark.parametrize("name", [c[0] for c in UNRESOLVED if c[0] in NAMES])
    def test_others_need_not(self, synthesized: Synthesize, name: str) -> None:
        (value,) = (case[2] for case in UNRESOLVED if case[0] == name)

        def build(stack: cdk.Stack) -> None:
            chosen = cdk.CfnParameter(stack, "Chosen", type="Number")
            fan_out(stack, DeliveryOptions(**{name: value(chosen)}))

        assert told(synthesized(build).deliveries["kinesis"])[name] == "${Chosen}"

    def test_what_is_none(self) -> None:
        with pytest.raises(PropError, match=r"^delivery must be a DeliveryOptions, .*, got 5$"):
            PinpointDestination("a", delivery=5)  # type: ignore[arg-type]
