"""Customer Profiles: what is refused of a destination, and of its trigger."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms

from cdk_gtm_connector import ProfileEventTrigger, PropError
from tests.infrastructure.customer_profiles.resources import EVENT_TRIGGER, profiles
from tests.infrastructure.synthesis import KEY_ARN, add_connector

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Synthesize


def trigger(**props: Any) -> ProfileEventTrigger:
    """Return a trigger with ``props`` over what it needs."""
    return ProfileEventTrigger(**{"event_type": "buy", **props})


class TestRefusals:
    """What is refused, in the words of who wrote it."""

    @pytest.mark.parametrize(
        ("prop", "value"),
        [
            ("domain_name", None),
            ("domain_name", ""),
            ("domain_name", "a shop"),
            ("domain_name", "shop/object-types/*"),
            ("domain_name", "x" * 65),
            ("object_type_name", None),
            ("object_type_name", ""),
            ("object_type_name", "*"),
            ("object_type_name", "1st"),
            ("object_type_name", "x" * 256),
            ("user_attributes", "plan"),  # else: "p", "l", "a" and "n"
            ("requests_per_second", 0),
        ],
    )
    def test_the_error_names_prop_and_value(self, prop: str, value: object) -> None:
        with pytest.raises(PropError) as caught:
            profiles(**{prop: value})
        assert (caught.value.prop, caught.value.got) == (prop, value)

    @pytest.mark.parametrize(
        ("value", "got"),
        [
            (["plan", ""], ""),
            (["e.mail"], "e.mail"),
            ([7], 7),
            ({"email": None}, None),
            (["n" * 60], "n" * 60),
            (["plan", "plan"], "plan"),
            ({"email": "Email"}, "Email"),
            ({"email": "Attributes."}, "Attributes."),
            ({"email": "Attributes.a b"}, "Attributes.a b"),
            ({"a": "LastName", "b": "LastName"}, "LastName"),
        ],
    )
    def test_the_error_names_one_of_several_values(self, value: object, got: object) -> None:
        with pytest.raises(PropError) as caught:
            profiles(user_attributes=value)
        assert (caught.value.prop, caught.value.got) == ("user_attributes", got)

    def test_an_expiration_needs_a_domain_of_its_own(self) -> None:
        with pytest.raises(PropError) as caught:
            profiles(default_expiration=cdk.Duration.days(1))
        assert caught.value.prop == "default_expiration"
        assert caught.value.others == {"create_domain": False}

    @pytest.mark.parametrize("days", [0, 1_099])
    def test_the_expiration_has_a_range(self, days: int) -> None:
        with pytest.raises(PropError, match=r"^default_expiration must be between"):
            profiles(create_domain=True, default_expiration=cdk.Duration.days(days))

    def test_what_does_nothing_is_refused(self) -> None:
        key = kms.Key.from_key_arn(cdk.Stack(), "Key", KEY_ARN)
        with pytest.raises(PropError, match=r"^encryption_key must not .*create_domain=False$"):
            profiles(encryption_key=key)
        with pytest.raises(PropError, match=r"^user_attributes must not .*cdk import.*=False$"):
            profiles(create_object_type=False, user_attributes=["plan"])
        with pytest.raises(PropError, match=r"^create_object_type must not be False with create"):
            profiles(create_object_type=False, create_domain=True)

    @pytest.mark.parametrize(
        ("props", "words"),
        [
            ({"event_type": ""}, r"event_type must .*, got ''"),
            ({"event_type": None}, r"event_type must .*, got None"),
            (
                {"event_type": cdk.Token.as_string({"Ref": "Chosen"})},
                r"name must be given with an event_type .*, got None with event_type=a token",
            ),
            (
                {"name": cdk.Token.as_string({"Ref": "Chosen"})},
                r"name must be known .*, got a token",
            ),
            ({"event_type": "x" * 256}, r"event_type must .*"),
            ({"name": "a b"}, r"name must .*, got 'a b'"),
            ({"segment": "a b"}, r"segment must .*, got 'a b'"),
            (
                {"max_invocations": 1},
                r"period must be given with max_invocations, got None with max_invocations=1",
            ),
            (
                {"period": cdk.Duration.days(1)},
                r"max_invocations must be given with period, got None with period=1 day",
            ),
            (
                {"max_invocations": 0, "period": cdk.Duration.days(1)},
                r"max_invocations must .*, got 0",
            ),
            ({"expiration": cdk.Duration.millis(1)}, r"expiration must .*, got 1 milliseconds"),
        ],
    )
    def test_a_triggers_message_names_prop_and_value(
        self, props: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(PropError, match=rf"^{words}$"):
            trigger(**props)

    def test_a_domain_may_be_known_only_at_deployment(self) -> None:
        parameter = cdk.CfnParameter(cdk.Stack(), "Domain")
        profiles(domain_name=parameter.value_as_string)

    def test_so_may_what_starts_a_trigger_that_has_a_name(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            event_type = cdk.CfnParameter(stack, "Chosen").value_as_string
            trigger = ProfileEventTrigger(event_type=event_type, name="Chosen")
            add_connector(stack, destination=profiles(event_trigger=trigger))

        made = synthesized(build).only(EVENT_TRIGGER).properties
        assert made["EventTriggerName"] == "Chosen"
        assert '"${Chosen}"' in json.dumps(made["EventTriggerConditions"])
