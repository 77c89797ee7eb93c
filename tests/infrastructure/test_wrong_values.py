"""Props that are misspelt, left out or not named, and constructs in a wrong place."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import aws_cdk as cdk
import pytest
from constructs import Construct

import cdk_gtm_connector as gtm
from cdk_gtm_connector import PropError
from cdk_gtm_connector.errors import NOT_GIVEN
from tests.infrastructure.every_value import CLASSES, in_scope, others, own_class, props_of
from tests.infrastructure.synthesis import add_connector
from tests.infrastructure.wrong_values import Values


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
