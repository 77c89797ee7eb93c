"""Customer Profiles: several connectors or destinations in one stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest

from cdk_gtm_connector import ProfileEventTrigger, PropError
from tests.infrastructure.customer_profiles.resources import (
    DOMAIN,
    EVENT_TRIGGER,
    OBJECT_TYPE,
    profiles,
)
from tests.infrastructure.synthesis import add_connector

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Synthesize


class TestSharing:
    """Several connectors, or destinations, in one stack."""

    @pytest.mark.parametrize(
        ("first", "second", "prop", "got"),
        [
            ({}, {}, "object_type_name", "GtmEvent"),
            (
                {"create_domain": True},
                {"create_domain": True, "object_type_name": "Blog"},
                "create_domain",
                True,
            ),
            (
                {"event_trigger": ProfileEventTrigger(event_type="buy")},
                {
                    "create_object_type": False,
                    "visitor_object_type_name": "GtmVisitor",
                    "event_trigger": ProfileEventTrigger(event_type="buy"),
                },
                "event_trigger",
                "buy",
            ),
        ],
    )
    def test_what_would_be_made_twice_is_refused(
        self, first: dict[str, Any], second: dict[str, Any], prop: str, got: object
    ) -> None:
        stack = cdk.Stack()
        add_connector(stack, "Shop", destination=profiles(**first))
        with pytest.raises(PropError) as by_another_connector:
            add_connector(stack, "Blog", destination=profiles(**second))
        with pytest.raises(PropError) as by_another_destination:
            add_connector(
                cdk.Stack(),
                destination=None,
                destinations=[profiles(**first), profiles(**second, construct_id="Another")],
            )
        for caught in (by_another_connector, by_another_destination):
            error = caught.value
            assert (error.prop, error.got) == (prop, got)
            assert error.others == {"domain_name": "shop"}

    def test_an_object_type_that_is_there_is_shared(self) -> None:
        stack = cdk.Stack()
        add_connector(stack, "Shop", destination=profiles())
        with pytest.raises(PropError) as caught:
            add_connector(stack, "Blog", destination=profiles())
        assert "create_object_type=False" in caught.value.fix

    def test_another_stack_may_be_another_account(self) -> None:
        for stack in (cdk.Stack(), cdk.Stack()):
            add_connector(stack, destination=profiles())

    def test_what_another_connector_makes_is_waited_for(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            add_connector(stack, "First", destination=profiles(create_domain=True))
            add_connector(stack, "Own", destination=profiles(object_type_name="Own"))
            trigger = ProfileEventTrigger(event_type="buy")
            shares = profiles(
                create_object_type=False,
                visitor_object_type_name="GtmVisitor",
                event_trigger=trigger,
            )
            add_connector(stack, "Shares", destination=shares)

        template = synthesized(build)
        domain = template.only(DOMAIN)
        first = template.only(OBJECT_TYPE, ObjectTypeName="GtmEvent")
        own = template.only(OBJECT_TYPE, ObjectTypeName="Own")
        assert domain.logical_id in own.depends_on & first.depends_on
        assert template.only(EVENT_TRIGGER).depends_on == {first.logical_id}
        waits_for = {
            function.logical_id.partition("Delivery")[0]: function.depends_on
            for function in template.all("AWS::Lambda::Function")
        }
        assert first.logical_id in waits_for["First"] & waits_for["Shares"]
        assert own.logical_id in waits_for["Own"]
