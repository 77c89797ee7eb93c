"""What stands before the endpoint: the web ACL, throttling, and a domain of one's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import aws_cdk as cdk
import pytest
from aws_cdk import aws_logs as logs

from cdk_gtm_connector import Domain, Firewall, PropError
from tests.infrastructure.options import CERTIFICATE_ARN, DOMAIN_NAME, OPTIONS, add_domain
from tests.infrastructure.synthesis import add_connector

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tests.infrastructure.conftest import Deployable, Synthesize
    from tests.infrastructure.synthesis import Template

# "AWS Managed Rules rule groups list" in the AWS WAF developer guide, core rule set.
COMMON_RULES = (
    "NoUserAgent_HEADER",
    "UserAgent_BadBots_HEADER",
    "SizeRestrictions_QUERYSTRING",
    "SizeRestrictions_Cookie_HEADER",
    "SizeRestrictions_BODY",
    "SizeRestrictions_URIPATH",
    "EC2MetaDataSSRF_BODY",
    "EC2MetaDataSSRF_COOKIE",
    "EC2MetaDataSSRF_URIPATH",
    "EC2MetaDataSSRF_QUERYARGUMENTS",
    "GenericLFI_QUERYARGUMENTS",
    "GenericLFI_URIPATH",
    "GenericLFI_BODY",
    "RestrictedExtensions_URIPATH",
    "RestrictedExtensions_QUERYARGUMENTS",
    "GenericRFI_QUERYARGUMENTS",
    "GenericRFI_BODY",
    "GenericRFI_URIPATH",
    "CrossSiteScripting_COOKIE",
    "CrossSiteScripting_QUERYARGUMENTS",
    "CrossSiteScripting_BODY",
    "CrossSiteScripting_URIPATH",
)

URL = f"https://{DOMAIN_NAME}/Api-PinpointEvents/events"


@pytest.fixture(scope="session")
def walled(options: dict[str, Deployable]) -> Template:
    """A connector with a web ACL."""
    return options["Firewall"].template


@pytest.fixture(scope="session")
def rules(walled: Template) -> list[Mapping[str, Any]]:
    """The web ACL's rules, in the order in which they are applied."""
    rules = walled.only("AWS::WAFv2::WebACL").properties["Rules"]
    return sorted(rules, key=lambda rule: int(rule["Priority"]))


class TestFirewall:
    """The web ACL."""

    def test_only_who_asks_for_it_gets_one(self, options: dict[str, Deployable]) -> None:
        with_one = {name for name in OPTIONS if options[name].template.all("AWS::WAFv2::WebACL")}
        assert with_one == {"Firewall", *(n for n in OPTIONS if n.startswith("Everything"))}

    def test_it_is_before_the_stage(self, walled: Template) -> None:
        assert walled.only("AWS::WAFv2::WebACLAssociation").properties == {
            "ResourceArn": (
                "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/"
                f"{walled.api.ref}/stages/{walled.stage.ref}"
            ),
            "WebACLArn": walled.only("AWS::WAFv2::WebACL").arn,
        }

    def test_it_lets_pass_what_no_rule_blocks(self, walled: Template) -> None:
        properties = walled.only("AWS::WAFv2::WebACL").properties
        assert properties["DefaultAction"] == {"Allow": {}}
        assert properties["Scope"] == "REGIONAL"

    def test_one_address_may_not_flood_it(self, rules: list[Mapping[str, Any]]) -> None:
        assert rules[0]["Action"] == {"Block": {}}
        assert rules[0]["Statement"] == {
            "RateBasedStatement": {"Limit": 1_000, "AggregateKeyType": "IP"}
        }

    def test_awss_rules_stand_behind(self, rules: list[Mapping[str, Any]]) -> None:
        groups = [rule["Statement"]["ManagedRuleGroupStatement"] for rule in rules[1:]]
        assert [(group["VendorName"], group["Name"]) for group in groups] == [
            ("AWS", "AWSManagedRulesAmazonIpReputationList"),
            ("AWS", "AWSManagedRulesCommonRuleSet"),
            ("AWS", "AWSManagedRulesKnownBadInputsRuleSet"),
        ]
        assert [rule["OverrideAction"] for rule in rules[1:]] == [{"None": {}}] * 3
        assert "RuleActionOverrides" not in groups[0]

    def test_what_an_ordinary_hit_breaks_only_counts(self, rules: list[Mapping[str, Any]]) -> None:
        overrides = rules[2]["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
        assert all(override["ActionToUse"] == {"Count": {}} for override in overrides)
        counted = {override["Name"] for override in overrides}
        assert {
            "SizeRestrictions_QUERYSTRING",  # blocks over 2,048 bytes
            "SizeRestrictions_BODY",  # over 8 KB
            "GenericRFI_QUERYARGUMENTS",  # a page's URL
            "CrossSiteScripting_QUERYARGUMENTS",  # what a visitor searched for
        } <= counted
        # The visitor writes the query and the body, and no template reads cookies.
        assert counted == {
            rule
            for rule in COMMON_RULES
            if rule.endswith(("_QUERYSTRING", "_QUERYARGUMENTS", "_BODY", "_COOKIE"))
            or rule == "SizeRestrictions_Cookie_HEADER"
        }

    def test_it_writes_nothing_down(self, walled: Template, rules: list[Mapping[str, Any]]) -> None:
        assert not walled.all("AWS::WAFv2::LoggingConfiguration")
        acl = walled.only("AWS::WAFv2::WebACL").properties
        for visibility in (acl["VisibilityConfig"], *(rule["VisibilityConfig"] for rule in rules)):
            assert visibility["SampledRequestsEnabled"] is False  # they hold query strings
            assert visibility["CloudWatchMetricsEnabled"] is True

    def test_exploits_of_log4j_are_blocked(self, rules: list[Mapping[str, Any]]) -> None:
        known_bad = rules[3]["Statement"]["ManagedRuleGroupStatement"]
        assert known_bad["Name"] == "AWSManagedRulesKnownBadInputsRuleSet"
        assert "RuleActionOverrides" not in known_bad

    def test_a_log_holds_blocked_and_counted_requests_without_what_a_visitor_typed(
        self, options: dict[str, Deployable]
    ) -> None:
        template = options["EverythingSignedToken"].template
        configuration = template.only("AWS::WAFv2::LoggingConfiguration").properties
        assert configuration["ResourceArn"] == template.only("AWS::WAFv2::WebACL").arn
        (log,) = (
            group
            for group in template.all("AWS::Logs::LogGroup")
            if str(group.properties.get("LogGroupName", "")).startswith("aws-waf-logs-")
        )
        assert log.properties["RetentionInDays"] == 30
        (destination,) = configuration["LogDestinationConfigs"]
        # AWS WAF takes the group's ARN without what CloudWatch Logs puts at the end of it.
        assert destination.endswith(f":log-group:{log.properties['LogGroupName']}")
        assert configuration["RedactedFields"] == [
            {"QueryString": {}},
            *(
                {"SingleHeader": {"Name": name}}
                for name in ("authorization", "cookie", "referer", "x-amz-security-token")
            ),
        ]
        assert configuration["LoggingFilter"]["DefaultBehavior"] == "DROP"
        (kept,) = configuration["LoggingFilter"]["Filters"]
        assert (kept["Behavior"], kept["Requirement"]) == ("KEEP", "MEETS_ANY")
        assert {each["ActionCondition"]["Action"] for each in kept["Conditions"]} == {
            "BLOCK",
            "COUNT",
            "EXCLUDED_AS_COUNT",
        }

    def test_each_log_has_a_name_of_its_own(self, options: dict[str, Deployable]) -> None:
        names = [
            name
            for deployable in options.values()
            for group in deployable.template.all("AWS::Logs::LogGroup")
            if (name := group.properties.get("LogGroupName")) is not None
        ]
        assert len(names) == len(set(names)) == 4
        assert all(len(name) <= 512 for name in names)

    @pytest.mark.parametrize("log_retention", [30, "30", logs.RetentionDays])
    def test_a_retention_is_one_of_cloudwatchs(self, log_retention: Any) -> None:
        with pytest.raises(PropError, match=r"^log_retention must be a RetentionDays, .*, got "):
            Firewall(log_retention=log_retention)

    def test_each_web_acl_has_metrics_of_its_own(self, options: dict[str, Deployable]) -> None:
        names = [
            acl.properties["VisibilityConfig"]["MetricName"]
            for deployable in options.values()
            for acl in deployable.template.all("AWS::WAFv2::WebACL")
        ]
        assert len(names) > 1
        assert len(set(names)) == len(names)

    @pytest.mark.parametrize(
        ("rate_limit", "shown"),
        [
            (9, "9"),
            (2_000_000_001, "2,000,000,001"),
            (99.5, "99.5"),
            (True, "True"),
            ("99", "'99'"),
        ],
    )
    def test_the_limit_is_within_awss(self, rate_limit: Any, shown: str) -> None:
        with pytest.raises(PropError, match=rf"^rate_limit must .*, got {re.escape(shown)}$"):
            Firewall(rate_limit=rate_limit)


class TestThrottling:
    """How many requests the stage takes, of all callers together."""

    def test_every_method_is_throttled(self, options: dict[str, Deployable]) -> None:
        (settings,) = options["Throttled"].template.stage.properties["MethodSettings"]
        assert (settings["HttpMethod"], settings["ResourcePath"]) == ("*", "/*")
        assert settings["ThrottlingRateLimit"] == 500
        assert settings["ThrottlingBurstLimit"] == 200

    def test_the_logs_stay_as_they_are(self, options: dict[str, Deployable]) -> None:
        (settings,) = options["Throttled"].template.stage.properties["MethodSettings"]
        assert settings["LoggingLevel"] == "OFF"
        assert settings["DataTraceEnabled"] is False
        assert settings["MetricsEnabled"] is True


class TestDomain:
    """A domain of one's own."""

    @pytest.mark.parametrize("name", ["Domain", "DomainWithZone"])
    def test_the_path_stays_the_same(self, options: dict[str, Deployable], name: str) -> None:
        template = options[name].template
        assert template.only("AWS::ApiGateway::BasePathMapping").properties == {
            "BasePath": "Api-PinpointEvents",
            "DomainName": template.only("AWS::ApiGateway::DomainName").ref,
            "RestApiId": template.api.ref,
            "Stage": template.stage.ref,
        }

    def test_it_is_regional_and_takes_tls_1_2(self, options: dict[str, Deployable]) -> None:
        domain = options["Domain"].template.only("AWS::ApiGateway::DomainName").properties
        assert domain == {
            "DomainName": DOMAIN_NAME,
            "EndpointConfiguration": {"Types": ["REGIONAL"]},
            "RegionalCertificateArn": CERTIFICATE_ARN,
            "SecurityPolicy": "TLS_1_2",
        }

    def test_without_a_zone_the_record_is_the_owners(self, options: dict[str, Deployable]) -> None:
        assert not options["Domain"].template.all("AWS::Route53::RecordSet")

    def test_with_a_zone_both_records_are_made(self, options: dict[str, Deployable]) -> None:
        template = options["DomainWithZone"].template
        domain = template.only("AWS::ApiGateway::DomainName")
        records = template.all("AWS::Route53::RecordSet")
        assert sorted(record.properties["Type"] for record in records) == ["A", "AAAA"]
        for record in records:
            assert record.properties["Name"] == f"{DOMAIN_NAME}."
            assert record.properties["HostedZoneId"] == "Z0123456789ABCDEFGHIJ"
            assert record.properties["AliasTarget"] == {
                "DNSName": domain.attribute("RegionalDomainName"),
                "HostedZoneId": domain.attribute("RegionalHostedZoneId"),
            }

    def test_api_gateways_url_stays_unless_switched_off(
        self, options: dict[str, Deployable]
    ) -> None:
        off = {
            name
            for name in OPTIONS
            if options[name].template.api.properties.get("DisableExecuteApiEndpoint")
        }
        assert off == {"DomainWithZone", *(n for n in OPTIONS if n.startswith("Everything"))}

    def test_every_url_is_under_it(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            connector = OPTIONS["EverythingSignedToken"](stack)
            for name in ("endpoint_url", "gtm_image_url", "authenticated_endpoint_url"):
                cdk.CfnOutput(stack, name.replace("_", ""), value=getattr(connector, name))

        assert synthesized(build).outputs == {
            "endpointurl": URL,
            "gtmimageurl": f"{URL}?event={{{{Event}}}}&endpoint_id={{{{endpoint_id}}}}",
            "authenticatedendpointurl": f"{URL}/authenticated",
        }

    def test_the_deployable_apps_too(self, settings: dict[str, Deployable]) -> None:
        template = settings["everything"].template
        assert (
            template.outputs.items()
            >= {
                "EndpointUrl": URL,
                "AuthenticatedEndpointUrl": f"{URL}/authenticated",
                "TokenSecretArn": template.only("AWS::SecretsManager::Secret").ref,
            }.items()
        )

    @pytest.mark.parametrize(
        "name",
        [
            "", "shop", "Events.shop.example", "https://events.shop.example",
            "events.shop.example/",
            "events.shop.example.", "*.shop.example", "-a.example", "a..example", "a_b.example",
            "events.shop.example:443", "bücher.example", "events.shop.example\n",
        ],
    )  # fmt: skip
    def test_it_is_a_domain_name(self, name: str) -> None:
        certificate = add_domain(cdk.Stack()).certificate
        with pytest.raises(PropError, match=rf"^name must .*, got {re.escape(repr(name))}$"):
            Domain(name=name, certificate=certificate)

    def test_a_name_that_is_known_only_at_deployment(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            chosen = cdk.CfnParameter(stack, "Chosen").value_as_string
            certificate = add_domain(stack).certificate
            domain = Domain(name=chosen, certificate=certificate)
            add_connector(stack, domain=domain, disable_execute_api_endpoint=True)

        template = synthesized(build)
        assert template.only("AWS::ApiGateway::DomainName").properties["DomainName"] == "${Chosen}"

    def test_without_one_the_endpoint_cannot_be_switched_off(self) -> None:
        with pytest.raises(PropError, match=r"^disable_execute_api_endpoint must .* domain"):
            add_connector(cdk.Stack(), disable_execute_api_endpoint=True)
