"""Customer Profiles: triggers that start outbound campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import botocore.session
import pytest
from botocore.validate import ParamValidator

from cdk_gtm_connector import GreaterThan, Inclusive, ProfileEventTrigger, PropError
from tests.destinations.customer_profiles.cases import CAMPAIGN_ARN
from tests.infrastructure.customer_profiles.resources import (
    BIG_SPENDERS,
    EVENT_TRIGGER,
    INTEGRATION,
    PREFIX,
    SEGMENT,
    SPENT,
    TRIGGERS,
    check_enumerations,
    event_type,
    fields,
    profiles,
)
from tests.infrastructure.synthesis import add_connector

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Deployable, Synthesize
    from tests.infrastructure.synthesis import Template


class TestTriggers:
    """Triggers that start something."""

    def test_the_trigger_and_the_integration_that_names_the_campaign(
        self, everything: Template
    ) -> None:
        trigger = everything.only(EVENT_TRIGGER, EventTriggerName="purchase").properties
        (condition,) = trigger["EventTriggerConditions"]
        compared = [d["ObjectAttributes"][0] for d in condition["EventTriggerDimensions"]]
        assert condition["LogicalOperator"] == "ALL"
        assert [tuple(each.values()) for each in compared] == [
            ("INCLUSIVE", "event_type", ["purchase"]),
            ("INCLUSIVE", "access", ["authenticated"]),
            ("GREATER_THAN", "metric_price", ["100"]),
            ("INCLUSIVE", "attribute_plan", ["gold"]),
        ]
        assert trigger["SegmentFilter"] == BIG_SPENDERS.definition_name
        assert everything.only(INTEGRATION, Uri=CAMPAIGN_ARN).properties == {
            "DomainName": "shop",
            "ObjectTypeName": "GtmEvent",
            "Uri": CAMPAIGN_ARN,
            "EventTriggerNames": ["purchase"],
        }
        there = fields(event_type(everything))
        assert there["metric_price"] == {"Source": "_source.metrics.price", "ContentType": "NUMBER"}
        assert there["attribute_plan"] == {
            "Source": "_source.attributes.plan",
            "ContentType": "STRING",
        }

    def test_one_trigger_keeps_its_logical_id_beside_others(self, everything: Template) -> None:
        first = everything.only(EVENT_TRIGGER, EventTriggerName="login").logical_id
        alone = cdk.Stack()
        destination = profiles(event_trigger=ProfileEventTrigger(event_type="login"))
        connector = add_connector(alone, destination=destination)
        (made,) = (
            alone.resolve(c.logical_id)
            for c in connector.node.find_all()
            if isinstance(c, cdk.aws_customerprofiles.CfnEventTrigger)
        )
        assert made == first

    def test_a_triggers_segment_is_made_with_it(self, synthesized: Synthesize) -> None:
        destination = profiles(event_triggers=TRIGGERS[:1])
        template = synthesized(lambda stack: add_connector(stack, destination=destination))
        name = template.only(SEGMENT).properties["SegmentDefinitionName"]
        assert template.only(EVENT_TRIGGER).properties["SegmentFilter"] == name

    def test_a_campaign_may_be_of_the_same_stack(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            arn = cdk.CfnParameter(stack, "Campaign").value_as_string
            trigger = ProfileEventTrigger(event_type="buy", campaign_arn=arn)
            add_connector(stack, destination=profiles(event_trigger=trigger))

        assert synthesized(build).only(INTEGRATION).properties["Uri"] == "${Campaign}"

    def test_one_that_waits_for_a_sign_in_is_enough(self) -> None:
        assert profiles(event_triggers=TRIGGERS).authenticated_only
        assert not profiles(event_triggers=TRIGGERS[1:]).authenticated_only

    @pytest.mark.parametrize(
        ("props", "words"),
        [
            ({"campaign_arn": "shop"}, "campaign_arn must be the ARN of an outbound campaign"),
            ({"where": {"price": GreaterThan(1)}}, "where must name metrics.price"),
            ({"where": {"metrics.": GreaterThan(1)}}, "where must have 1 to 57 letters"),
            ({"where": {"attributes.plan": GreaterThan(1)}}, "where must compare the text"),
            ({"where": {"metrics.price": 100}}, "where must map names to comparisons"),
            ({"where": {"event_type": Inclusive(["a"])}}, "where must not name event_type"),
            (
                {"where": {"attributes.plan": Inclusive([str(n) for n in range(11)])}},
                "where must compare attributes.plan with 10 values at most, got 11",
            ),
            (
                {"where": {f"metrics.m{n}": GreaterThan(1) for n in range(9)}},
                "where must hold 8 comparisons at most, got 9",
            ),
        ],
    )
    def test_what_is_refused(self, props: dict[str, Any], words: str) -> None:
        with pytest.raises(PropError, match=f"^{words}"):
            ProfileEventTrigger(**{"event_type": "buy", **props})

    def test_two_of_one_name_or_campaign_are_refused(self) -> None:
        buy = ProfileEventTrigger(event_type="buy", campaign_arn=CAMPAIGN_ARN)
        sell = ProfileEventTrigger(event_type="sell", campaign_arn=CAMPAIGN_ARN)
        with pytest.raises(PropError, match=r"^event_triggers must not have the same name twice"):
            profiles(event_trigger=buy, event_triggers=[buy])
        words = r"^event_triggers must not have the same campaign_arn twice"
        with pytest.raises(PropError, match=words):
            profiles(event_triggers=[buy, sell])

    def test_what_another_connector_makes_is_not_made_again(self) -> None:
        stack = cdk.Stack()
        add_connector(stack, "Shop", destination=profiles(calculated_attributes=[SPENT]))
        words = r"^calculated_attributes must not have the name of a calculated attribute that this"
        with pytest.raises(PropError, match=words):
            add_connector(
                stack,
                "Blog",
                destination=profiles(object_type_name="Blog", calculated_attributes=[SPENT]),
            )


def in_camel_case(value: Any) -> Any:
    """Return a campaign's properties as the service's own request has them."""
    if isinstance(value, list):
        return [in_camel_case(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        # CloudFormation's name of one member, of all, is another one.
        (name[0].lower() + name[1:]).replace("agentlessConfig", "agentless"): in_camel_case(each)
        for name, each in value.items()
    }


class TestAbandonedCart:
    """The example from the tag to an e-mail."""

    def test_the_services_model_takes_its_campaign(self, examples: dict[str, Deployable]) -> None:
        campaign = examples["abandoned_cart"].template.only("AWS::ConnectCampaignsV2::Campaign")
        request = in_camel_case(campaign.properties)
        model = botocore.session.get_session().get_service_model("connectcampaignsv2")
        shape = model.operation_model("CreateCampaign").input_shape
        assert shape is not None
        report = ParamValidator().validate(request, shape)
        assert not report.has_errors(), report.generate_report()
        check_enumerations(request, shape)
        source = request["source"]["eventTrigger"]["customerProfilesDomainArn"]
        assert source.endswith(":domains/shop")

    def test_the_trigger_starts_it(self, examples: dict[str, Deployable]) -> None:
        template = examples["abandoned_cart"].template
        campaign = template.only("AWS::ConnectCampaignsV2::Campaign")
        integration = template.only(INTEGRATION).properties
        assert integration["Uri"] == f"${{{campaign.logical_id}.Arn}}"
        (name,) = integration["EventTriggerNames"]
        assert template.only(EVENT_TRIGGER).properties["EventTriggerName"] == name
        domain = template.only(f"{PREFIX}Domain")
        assert domain.logical_id in campaign.depends_on
