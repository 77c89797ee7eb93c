"""Where Customer Profiles is, and what a stack elsewhere does."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import botocore.session
import pytest

from cdk_gtm_connector import CustomerProfilesDestination, ProfileEventTrigger, PropError
from cdk_gtm_connector.destinations.customer_profiles.regions import CUSTOMER_PROFILES_REGIONS
from gtm_events.aws import ServiceEndpoint
from gtm_events.destinations.customer_profiles import create
from stacks.connector_stack import ConnectorStack
from stacks.errors import SettingError
from stacks.settings import Settings
from tests.infrastructure.synthesis import add_connector, warnings

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Deployable, Synthesize

WARNING = "cdk-gtm-connector:customerProfilesRegion"
# Where Pinpoint was, and Customer Profiles is not.
LACKING = ["eu-west-1", "us-east-2", "ap-south-1"]
GUIDE = "docs/destinations.md"


def stack_in(region: str | None) -> cdk.Stack:
    """Return a stack in ``region``, or one for any."""
    return cdk.Stack(env=None if region is None else cdk.Environment(region=region))


def add_profiles(stack: cdk.Stack, **props: Any) -> None:
    """Add a connector to Customer Profiles."""
    destination = CustomerProfilesDestination(**{"domain_name": "shop", **props})
    add_connector(stack, destination=destination)


class TestList:
    """The list of Regions."""

    def test_it_is_awss(self) -> None:
        # Fails when AWS adds one: then add it, here and in the guide.
        session = botocore.session.get_session()
        known = {
            region
            for partition in session.get_available_partitions()
            for region in session.get_available_regions("customer-profiles", partition)
        }
        assert set(CUSTOMER_PROFILES_REGIONS) == known

    def test_the_guide_has_it(self) -> None:
        text = Path(__file__).parents[2].joinpath(GUIDE).read_text(encoding="utf-8")
        (line,) = re.findall(r"^Customer Profiles is in (.*?)\.$", text, re.MULTILINE | re.DOTALL)
        assert re.findall(r"`([a-z0-9-]+)`", line) == list(CUSTOMER_PROFILES_REGIONS)


class TestHome:
    """A domain in the stack's own Region."""

    @pytest.mark.parametrize("region", CUSTOMER_PROFILES_REGIONS)
    def test_where_it_is_nothing_is_said(self, region: str) -> None:
        stack = stack_in(region)
        add_profiles(stack, create_domain=True)
        assert warnings(stack) == {}

    @pytest.mark.parametrize("region", LACKING)
    def test_where_it_is_not_synthesis_stops_with_the_list(self, region: str) -> None:
        with pytest.raises(
            ValueError, match=rf"^region must be given .* {region}, .*got None: name .*"
        ) as it:
            add_profiles(stack_in(region))
        assert ", ".join(CUSTOMER_PROFILES_REGIONS) in str(it.value)

    def test_a_list_ages_so_a_region_that_is_named_passes_with_a_warning(self) -> None:
        stack = stack_in("eu-west-1")
        add_profiles(stack, region="eu-west-1", create_domain=True)
        assert "was not in eu-west-1" in warnings(stack)[WARNING]

    def test_naming_it_changes_nothing(self, synthesized: Synthesize) -> None:
        env = cdk.Environment(region="eu-central-1")
        unnamed = synthesized(add_profiles, env=env)
        named = synthesized(partial(add_profiles, region="eu-central-1"), env=env)
        assert named.document == unnamed.document
        assert "CUSTOMER_PROFILES_REGION" not in named.environment

    def test_a_region_that_is_not_known_is_a_warning(self) -> None:
        stack = stack_in(None)
        add_profiles(stack)
        assert ", ".join(CUSTOMER_PROFILES_REGIONS) in warnings(stack)[WARNING]


class TestElsewhere:
    """A domain in another Region."""

    @pytest.mark.parametrize("home", ["eu-west-1", "eu-central-1", None])
    def test_the_function_calls_that_region(
        self, synthesized: Synthesize, home: str | None
    ) -> None:
        def build(stack: cdk.Stack) -> None:
            add_profiles(
                stack,
                region="eu-west-2",
                create_object_type=False,
                visitor_object_type_name="GtmVisitor",
            )
            assert warnings(stack) == {}

        env = None if home is None else cdk.Environment(region=home)
        template = synthesized(build, env=env)
        environment = {"AWS_REGION": home or "eu-west-1", **template.environment}
        endpoint = create(environment)._client.endpoint
        assert endpoint.url == "https://profile.eu-west-2.amazonaws.com"
        assert isinstance(endpoint, ServiceEndpoint)
        assert endpoint.region == "eu-west-2"
        domain = "arn:${AWS::Partition}:profile:eu-west-2:${AWS::AccountId}:domains/shop"
        grants = template.grants(template.role("lambda.amazonaws.com"))
        assert {grant for grant in grants if grant[0].startswith("profile:")} == {
            ("profile:PutProfileObject", domain),
            ("profile:PutProfileObject", f"{domain}/object-types/GtmEvent"),
            ("profile:PutProfileObject", f"{domain}/object-types/GtmVisitor"),
        }

    def test_the_list_ages_there_too(self) -> None:
        stack = stack_in("eu-central-1")
        add_profiles(stack, region="eu-west-3", create_object_type=False)
        assert "was not in eu-west-3" in warnings(stack)[WARNING]

    @pytest.mark.parametrize(
        ("props", "words"),
        [
            (
                {},
                "create_object_type must be False with region in .*, got True with ",
            ),
            (
                {"create_domain": True},
                "create_domain must be False with region in .*, got True with ",
            ),
            (
                {
                    "create_object_type": False,
                    "event_trigger": ProfileEventTrigger(event_type="purchase"),
                },
                "event_trigger must be None with region in .*, got a ProfileEventTrigger with ",
            ),
        ],
    )
    @pytest.mark.parametrize(
        ("home", "where"),
        [("eu-west-1", "in eu-west-1"), (None, r"whose Region is not known \(give it an env\)")],
    )
    def test_nothing_can_be_made_there(
        self, props: dict[str, Any], words: str, home: str | None, where: str
    ) -> None:
        with pytest.raises(PropError, match=rf"^{words}") as caught:
            add_profiles(stack_in(home), region="eu-west-2", **props)
        assert re.search(rf"in a stack {where}, because a stack creates nothing", str(caught.value))

    @pytest.mark.parametrize("region", ["London", "eu-west", "", "EU-WEST-2", 2])
    def test_what_is_no_region_is_refused(self, region: Any) -> None:
        with pytest.raises(PropError, match=r"^region must be a Region, such as eu-west-2, got "):
            CustomerProfilesDestination(domain_name="shop", region=region)

    def test_nor_one_that_is_known_at_deployment(self) -> None:
        with pytest.raises(PropError, match=r"^region must be known .*, got a token$"):
            CustomerProfilesDestination(domain_name="shop", region=cdk.Aws.REGION)


def deploy_to(home: str | None, **context: str) -> ConnectorStack:
    """Return the deployable stack, for the Region of the command line's credentials."""
    app = cdk.App(
        context={
            "destination": "customer-profiles",
            "customer_profiles_domain": "shop",
            **context,
        }
    )
    settings = Settings.from_context(app.node)
    return ConnectorStack(app, "GtmConnector", settings=settings, home=home)


class TestDeployableApp:
    """The Region that the command line deploys to."""

    def test_where_it_is_nothing_is_said(self) -> None:
        assert warnings(deploy_to("eu-central-1")) == {}
        assert warnings(deploy_to("eu-central-1", customer_profiles_region="eu-central-1")) == {}

    def test_where_it_is_not_synthesis_stops(self) -> None:
        words = r"^setting customer_profiles_region must be set to deploy to eu-west-1, .*us-east-1"
        with pytest.raises(SettingError, match=words):
            deploy_to("eu-west-1")

    def test_but_not_if_it_is_named(self) -> None:
        stack = deploy_to("eu-west-1", customer_profiles_region="eu-west-1")
        assert WARNING in warnings(stack)

    def test_a_domain_elsewhere(self, settings: dict[str, Deployable]) -> None:
        deployable = settings["customer_profiles_elsewhere"]
        assert deployable.warnings == {}
        template = deployable.template
        assert template.environment["CUSTOMER_PROFILES_REGION"] == "eu-west-2"
        assert not [r for r in template.resources if r.type.startswith("AWS::CustomerProfiles::")]

    def test_nothing_is_made_there(self) -> None:
        words = "^setting customer_profiles_create_object_type must be False with "
        with pytest.raises(SettingError, match=words):
            deploy_to("eu-west-1", customer_profiles_region="eu-west-2")

    def test_who_does_not_know_the_region_is_warned(self) -> None:
        assert WARNING in warnings(deploy_to(None))
