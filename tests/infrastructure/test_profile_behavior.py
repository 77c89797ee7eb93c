"""Customer Profiles: calculated attributes, segments, and triggers that start campaigns."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import botocore.session
import pytest
from botocore.validate import ParamValidator

from cdk_gtm_connector import (
    BeginsWith,
    CalculatedAttribute,
    Contains,
    CustomerProfilesDestination,
    EndsWith,
    EqualTo,
    Exclusive,
    GreaterThan,
    GreaterThanOrEqual,
    Inclusive,
    LessThan,
    LessThanOrEqual,
    ProfileEventTrigger,
    PropError,
    Segment,
)
from cdk_gtm_connector.destinations.customer_profiles.calculated_attribute import STATISTICS
from cdk_gtm_connector.destinations.customer_profiles.segment import SEGMENT_FIELDS
from cdk_gtm_connector.destinations.eventbridge import DETAIL_TYPE
from tests.destinations.customer_profiles.cases import CAMPAIGN_ARN
from tests.infrastructure.synthesis import add_connector
from tests.infrastructure.test_customer_profiles import event_type, fields
from tests.infrastructure.test_linting import lint

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Deployable, Synthesize
    from tests.infrastructure.synthesis import Template

PREFIX = "AWS::CustomerProfiles::"
CALCULATED = f"{PREFIX}CalculatedAttributeDefinition"
SEGMENT = f"{PREFIX}SegmentDefinition"
EVENT_TRIGGER = f"{PREFIX}EventTrigger"
INTEGRATION = f"{PREFIX}Integration"

# The request that CloudFormation makes of each resource.
OPERATIONS = {
    CALCULATED: "CreateCalculatedAttributeDefinition",
    SEGMENT: "CreateSegmentDefinition",
    EVENT_TRIGGER: "CreateEventTrigger",
    INTEGRATION: "PutIntegration",
    f"{PREFIX}ObjectType": "PutProfileObjectType",
}
SPENT = CalculatedAttribute(
    "spent_90_days", event_type="purchase", metric="price", statistic="SUM", days=90
)
BIG_SPENDERS = Segment(
    "big spenders",
    all_of={
        "CalculatedAttributes.spent_90_days": GreaterThan(100),
        "Attributes.plan": Inclusive(["gold", "platinum"]),
        "Address.City": Exclusive(["Atlantis"]),
    },
    any_of={
        "EmailAddress": EndsWith(["@shop.example"]),
        "AdditionalInformation": Contains(["vip"]),
        "LastName": BeginsWith(["Mac", "Mc"]),
        "Attributes.age": GreaterThanOrEqual(18.5),
        "CalculatedAttributes.purchases": LessThanOrEqual(2),
        "Attributes.children": EqualTo(0),
        "Attributes.cats": LessThan(3),
    },
)
ATTRIBUTES = [
    SPENT,
    CalculatedAttribute("purchases", event_type="purchase", statistic="COUNT", days=30),
    CalculatedAttribute("events", statistic="COUNT", object_count=300),
    CalculatedAttribute("searches", attribute="term", statistic="COUNT"),
    CalculatedAttribute(
        "bought_often",
        event_type=["purchase", "renewal"],
        statistic="COUNT",
        days=30,
        threshold=GreaterThan(1),
    ),
    *(
        CalculatedAttribute(f"price_{statistic.lower()}", metric="price", statistic=statistic)
        for statistic in STATISTICS
    ),
    CalculatedAttribute(
        "likes_gold",
        attribute="plan",
        statistic="MAX_OCCURRENCE",
        threshold=Inclusive(["gold"]),
    ),
]
TRIGGERS = [
    ProfileEventTrigger(
        event_type="purchase",
        campaign_arn=CAMPAIGN_ARN,
        where={"metrics.price": GreaterThan(100), "attributes.plan": Inclusive(["gold"])},
        segment=BIG_SPENDERS,
        authenticated_only=True,
    ),
    ProfileEventTrigger(event_type="abandon cart", campaign_arn=f"{CAMPAIGN_ARN}0"),
    ProfileEventTrigger(event_type="search", where={"attributes.term": Contains(["sale"])}),
]


def profiles(**props: Any) -> CustomerProfilesDestination:
    """Return a destination with ``props`` over what it needs."""
    return CustomerProfilesDestination(**{"domain_name": "shop", **props})


def add_everything(stack: cdk.Stack) -> None:
    """Add a connector with all that can be said of behavior."""
    add_connector(
        stack,
        destination=profiles(
            create_domain=True,
            calculated_attributes=ATTRIBUTES,
            segments=[BIG_SPENDERS],
            event_trigger=ProfileEventTrigger(event_type="login"),
            event_triggers=TRIGGERS,
        ),
    )


@pytest.fixture
def everything(synthesized: Synthesize) -> Template:
    """A template with all that can be said of behavior."""
    return synthesized(add_everything)


def as_request(resource_type: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return a resource's properties as the request of the service has them."""
    if not resource_type.endswith("::ObjectType"):
        return properties
    return {
        **properties,
        "Fields": {f["Name"]: f["ObjectTypeField"] for f in properties["Fields"]},
        "Keys": {k["Name"]: k["ObjectTypeKeyList"] for k in properties["Keys"]},
    }


class TestAsTheServiceHasIt:
    """Nobody here can deploy it, so its own model has to take it, and CloudFormation's schema."""

    def test_cfn_lint_finds_nothing(self, everything: Template) -> None:
        assert lint(everything.path) == []

    def test_the_services_model_takes_it(self, everything: Template) -> None:
        model = botocore.session.get_session().get_service_model("customer-profiles")
        checked = 0
        for resource_type, operation in OPERATIONS.items():
            shape = model.operation_model(operation).input_shape
            assert shape is not None
            for resource in everything.all(resource_type):
                request = as_request(resource_type, dict(resource.properties))
                report = ParamValidator().validate(request, shape)
                assert not report.has_errors(), report.generate_report()
                check_enumerations(request, shape)
                checked += 1
        assert checked == len(ATTRIBUTES) + 1 + 4 + 2 + 2

    def test_what_is_compared_and_counted_is_there(self, everything: Template) -> None:
        there = fields(event_type(everything))
        for trigger in everything.all(EVENT_TRIGGER):
            (condition,) = trigger.properties["EventTriggerConditions"]
            for dimension in condition["EventTriggerDimensions"]:
                assert dimension["ObjectAttributes"][0]["FieldName"] in there
        for attribute in everything.all(CALCULATED):
            details = attribute.properties["AttributeDetails"]
            (item,) = details["Attributes"]
            assert item["Name"] in there
            assert details["Expression"] == f"{{GtmEvent.{item['Name']}}}"

    def test_one_is_made_after_the_other(self, everything: Template) -> None:
        events = event_type(everything)
        attributes = everything.all(CALCULATED)
        (segment,) = everything.all(SEGMENT)
        assert all(events.logical_id in a.depends_on for a in attributes)
        assert segment.depends_on >= {a.logical_id for a in attributes}
        triggers = {t.properties["EventTriggerName"]: t for t in everything.all(EVENT_TRIGGER)}
        assert all(
            {events.logical_id, segment.logical_id} <= t.depends_on for t in triggers.values()
        )
        for integration in everything.all(INTEGRATION):
            (name,) = integration.properties["EventTriggerNames"]
            assert triggers[name].logical_id in integration.depends_on


def check_enumerations(value: Any, shape: Any) -> None:
    """Assert what botocore does not check: enumerations, and patterns of names."""
    if shape.type_name == "structure":
        for name, member in value.items():
            check_enumerations(member, shape.members[name])
    elif shape.type_name == "list":
        assert len(value) <= shape.metadata.get("max", len(value))
        for member in value:
            check_enumerations(member, shape.member)
    elif shape.type_name == "map":
        for member in value.values():
            check_enumerations(member, shape.value)
    elif shape.type_name in {"integer", "long", "double"}:
        assert float(value) <= shape.metadata.get("max", float(value)), value
    elif shape.type_name == "string" and isinstance(value, str):
        assert not shape.enum or value in shape.enum, value
        assert len(value) <= shape.metadata.get("max", len(value)), value
        if "${" not in value:  # what is known only at deployment
            assert re.fullmatch(shape.metadata.get("pattern", ".*"), value, re.DOTALL), value


class TestCalculatedAttributes:
    """What is counted, added up or picked."""

    def test_a_sum_of_one_event_types_metric(self, everything: Template) -> None:
        made = everything.only(CALCULATED, CalculatedAttributeName="spent_90_days")
        assert made.properties == {
            "DomainName": "shop",
            "CalculatedAttributeName": "spent_90_days",
            "DisplayName": "spent_90_days",
            "AttributeDetails": {
                "Attributes": [{"Name": "calculated_spent_90_days"}],
                "Expression": "{GtmEvent.calculated_spent_90_days}",
            },
            "Statistic": "SUM",
            "Conditions": {
                "Range": {
                    "Unit": "DAYS",
                    "Value": 90,
                    "TimestampFormat": "ISO_8601",
                    "TimestampSource": "{GtmEvent.timestamp}",
                }
            },
        }
        assert fields(event_type(everything))["calculated_spent_90_days"] == {
            "Source": "_source.calculated.spent_90_days",
            "ContentType": "NUMBER",
        }

    def test_the_function_fills_what_only_some_events_have(self, everything: Template) -> None:
        variables = everything.function.properties["Environment"]["Variables"]
        assert json.loads(variables["CUSTOMER_PROFILES_CALCULATED_ATTRIBUTES"]) == {
            "spent_90_days": {"event_types": ["purchase"], "metric": "price"},
            "purchases": {"event_types": ["purchase"]},
            "bought_often": {"event_types": ["purchase", "renewal"]},
        }

    @pytest.mark.parametrize(
        ("props", "field"),
        [
            ({"statistic": "COUNT"}, "event_id"),
            ({"statistic": "SUM", "metric": "price"}, "metric_price"),
            ({"statistic": "LAST_OCCURRENCE", "attribute": "plan"}, "attribute_plan"),
            ({"statistic": "COUNT", "event_type": "buy"}, "calculated_it"),
        ],
    )
    def test_its_field(self, props: dict[str, Any], field: str) -> None:
        assert CalculatedAttribute("it", **props).field.name == field

    @pytest.mark.parametrize(
        ("threshold", "operator", "value"),
        [
            (GreaterThan(1), "GREATER_THAN", "1"),
            (LessThan(0.1), "LESS_THAN", "0.1"),
            (EqualTo(1e-7), "EQUAL_TO", "0.0000001"),
            (Inclusive(["gold"]), "EQUAL_TO", "gold"),
            (Exclusive(["gold"]), "NOT_EQUAL_TO", "gold"),
        ],
    )
    def test_thresholds(
        self, synthesized: Synthesize, threshold: Any, operator: str, value: str
    ) -> None:
        attribute = CalculatedAttribute("it", statistic="COUNT", threshold=threshold)
        template = synthesized(
            lambda stack: add_connector(
                stack, destination=profiles(calculated_attributes=[attribute])
            )
        )
        assert template.only(CALCULATED).properties["Conditions"] == {
            "Threshold": {"Operator": operator, "Value": value}
        }

    def test_in_another_region_the_function_fills_the_fields_alone(
        self, synthesized: Synthesize
    ) -> None:
        destination = profiles(
            region="eu-west-2",
            create_object_type=False,
            visitor_object_type_name="GtmVisitor",
            calculated_attributes=[SPENT],
        )
        template = synthesized(lambda stack: add_connector(stack, destination=destination))
        assert not template.all(CALCULATED)
        variables = template.function.properties["Environment"]["Variables"]
        assert "spent_90_days" in variables["CUSTOMER_PROFILES_CALCULATED_ATTRIBUTES"]

    @pytest.mark.parametrize(
        ("props", "words"),
        [
            ({"name": "a-b"}, "name must be 1 to 53 letters"),
            ({"name": "1st"}, "name must be"),
            ({"statistic": "MEDIAN"}, "statistic must be one of COUNT, "),
            ({"statistic": "SUM"}, "metric must be given with that statistic"),
            ({"statistic": "SUM", "attribute": "price"}, "metric must be given"),
            ({"statistic": "FIRST_OCCURRENCE"}, "attribute must be given with that statistic"),
            ({"metric": "price", "attribute": "plan"}, "attribute must not be given with metric"),
            ({"metric": "unit price"}, "metric must have 1 to "),
            ({"metric": "a.b"}, "metric must have 1 to "),
            ({"event_type": []}, "event_type must be"),
            ({"event_type": ["buy", ""]}, "event_type must be"),
            ({"days": 0}, "days must be"),
            ({"object_count": 301}, "object_count must be"),
            ({"threshold": 2}, "threshold must be a Comparison, such as GreaterThan"),
            ({"threshold": GreaterThanOrEqual(2)}, "threshold must be GreaterThan, "),
            ({"threshold": Inclusive(["a", "b"])}, "threshold must be GreaterThan, "),
        ],
    )
    def test_what_is_refused(self, props: dict[str, Any], words: str) -> None:
        with pytest.raises(PropError, match=f"^{words}"):
            CalculatedAttribute(**{"name": "it", "statistic": "COUNT", **props})

    @pytest.mark.parametrize(
        ("props", "words"),
        [
            ({"single_object_type": True}, "calculated_attributes must not be given with a single"),
            ({"create_object_type": False}, "calculated_attributes must not be given with"),
            (
                {"event_expiration": cdk.Duration.days(30)},
                r"calculated_attributes must not look further back .*=30 days$",
            ),
            ({"calculated_attributes": [SPENT, SPENT]}, "calculated_attributes must not have"),
            (
                {
                    "calculated_attributes": [
                        CalculatedAttribute(
                            "a", event_type=["x" * 255] * 8 + ["y" * 255] * 8, statistic="COUNT"
                        ),
                        *(
                            CalculatedAttribute(f"a{n}", event_type=f"{n}" * 250, statistic="COUNT")
                            for n in range(9)
                        ),
                    ]
                },
                "calculated_attributes must need 2,000 characters",
            ),
        ],
    )
    def test_what_does_not_go_with_the_destination(self, props: dict[str, Any], words: str) -> None:
        with pytest.raises(PropError, match=f"^{words}"):
            profiles(**{"calculated_attributes": [SPENT], **props})


class TestSegments:
    """Groups of profiles."""

    def test_all_and_any(self, everything: Template) -> None:
        made = everything.only(SEGMENT).properties
        assert made["DisplayName"] == "big spenders"
        assert made["SegmentDefinitionName"] == BIG_SPENDERS.definition_name
        groups = made["SegmentGroups"]
        assert groups["Include"] == "ALL"
        every, some = groups["Groups"]
        assert (every["Type"], len(every["Dimensions"])) == ("ALL", 3)
        assert every["Dimensions"][0] == {
            "CalculatedAttributes": {
                "spent_90_days": {"DimensionType": "GREATER_THAN", "Values": ["100"]}
            }
        }
        assert every["Dimensions"][1] == {
            "ProfileAttributes": {
                "Attributes": {
                    "plan": {"DimensionType": "INCLUSIVE", "Values": ["gold", "platinum"]}
                }
            }
        }
        assert (some["Type"], len(some["Dimensions"])) == ("ANY", 7)

    def test_other_conditions_are_another_definition(self) -> None:
        # CloudFormation replaces one whose conditions change, and makes the new one first.
        one, other = (
            Segment("buyers", all_of={"Attributes.plan": Inclusive([plan])})
            for plan in ("gold", "silver")
        )
        assert one.definition_name != other.definition_name
        assert one.construct_id == other.construct_id == "Segmentbuyers"

    def test_its_name_fits(self) -> None:
        segment = Segment("ö" * 255, any_of={"Attributes.plan": Inclusive(["gold"])})
        assert len(segment.definition_name) == 64

    def test_every_field_of_the_profile_that_is_a_text(self, synthesized: Synthesize) -> None:
        conditions = {field: Inclusive(["x"]) for field in SEGMENT_FIELDS}
        segment = Segment("everything", any_of=conditions)
        template = synthesized(
            lambda stack: add_connector(stack, destination=profiles(segments=[segment]))
        )
        assert lint(template.path) == []
        (group,) = template.only(SEGMENT).properties["SegmentGroups"]["Groups"]
        assert len(group["Dimensions"]) == len(SEGMENT_FIELDS) > 30

    @pytest.mark.parametrize(
        ("props", "words"),
        [
            ({"all_of": None}, "all_of must be given, or any_of, got None"),
            ({"name": "two\nlines"}, "name must be 1 to 255 characters in one line"),
            ({"all_of": {"plan": Inclusive(["gold"])}}, "all_of must name Attributes.plan"),
            ({"all_of": {"BirthDate": Inclusive(["2000"])}}, "all_of must name Attributes.plan"),
            ({"any_of": {"EmailAddress": GreaterThan(1)}}, "any_of must compare the text"),
            ({"any_of": {"EmailAddress": "a@b"}}, "any_of must map names to comparisons"),
        ],
    )
    def test_what_is_refused(self, props: dict[str, Any], words: str) -> None:
        conditions = {"Attributes.plan": Inclusive(["gold"])}
        with pytest.raises(PropError, match=f"^{words}"):
            Segment(**{"name": "it", "all_of": conditions, **props})

    def test_two_of_one_name_are_refused(self) -> None:
        one, other = (
            Segment("buyers", all_of={"Attributes.plan": Inclusive([plan])})
            for plan in ("gold", "silver")
        )
        with pytest.raises(PropError, match=r"^segments must not have the same name twice"):
            profiles(segments=[one, other])


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


class TestStepFunctions:
    """The example of a journey without Amazon Connect."""

    @pytest.fixture
    def states(self, examples: dict[str, Deployable]) -> dict[str, Any]:
        """The states of the journey."""
        template = examples["journey_with_step_functions"].template
        machine = template.only("AWS::StepFunctions::StateMachine")
        found: dict[str, Any] = json.loads(machine.properties["DefinitionString"])["States"]
        return found

    def test_every_path_ends(self, states: dict[str, Any]) -> None:
        paths = [["What has happened?"]]
        ended = set()
        while paths:
            path = paths.pop()
            state = states[path[-1]]
            following = [choice["Next"] for choice in state.get("Choices", ())]
            following += [state[key] for key in ("Default", "Next") if key in state]
            following += [caught["Next"] for caught in state.get("Catch", ())]
            if state.get("End") or not following:
                assert state.get("End") or state["Type"] == "Succeed"
                ended.add(path[-1])
            assert len(path) <= len(states)
            paths += [[*path, each] for each in following]
        assert ended == {
            *("Note the purchase", "A later one is noted"),
            *("Bought", "No address", "Has an e-mail already", "Send the e-mail"),
        }

    def test_a_purchase_that_comes_late_hides_no_later_one(self, states: dict[str, Any]) -> None:
        noted = states["Note the purchase"]
        condition = "attribute_not_exists(#timestamp) OR #timestamp < :timestamp"
        assert noted["Parameters"]["ConditionExpression"] == condition
        (caught,) = noted["Catch"]
        assert caught["ErrorEquals"] == ["DynamoDB.ConditionalCheckFailedException"]
        assert states[caught["Next"]]["Type"] == "Succeed"

    def test_several_carts_are_one_e_mail(self, states: dict[str, Any]) -> None:
        [into] = [name for name, it in states.items() if it.get("Next") == "Send the e-mail"]
        noted = states[into]
        assert noted["Parameters"]["ConditionExpression"] == "attribute_not_exists(mailed)"
        assert noted["Parameters"]["UpdateExpression"] == "SET mailed = :timestamp"
        # The e-mail's address is still there.
        assert noted["ResultPath"] is None
        (caught,) = noted["Catch"]
        assert caught["ErrorEquals"] == ["DynamoDB.ConditionalCheckFailedException"]
        assert states[caught["Next"]]["Type"] == "Succeed"

    def test_it_waits_before_it_looks(self, states: dict[str, Any]) -> None:
        assert states["Wait"]["Seconds"] == 3600
        assert states["Wait"]["Next"] == "Find the last purchase"

    def test_only_the_connectors_signed_in_events_start_it(
        self, examples: dict[str, Deployable]
    ) -> None:
        template = examples["journey_with_step_functions"].template
        pattern = template.only("AWS::Events::Rule").properties["EventPattern"]
        assert pattern["detail-type"] == [DETAIL_TYPE]
        assert pattern["source"] == [
            template.function.properties["Environment"]["Variables"]["EVENT_SOURCE"]
        ]
        assert pattern["detail"]["access"] == ["authenticated"]


def test_the_guides_python_runs() -> None:
    guide = Path(__file__).parents[2].joinpath("docs", "customer-profiles.md")
    found = re.findall(
        r"^ *```python\n(.*?)^ *```$", guide.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert len(found) >= 4
    for code in found:
        complete = textwrap.dedent(code).replace("campaign/…", "campaign/0123")
        exec(compile(complete, str(guide), "exec"), {})  # noqa: S102 - ours
