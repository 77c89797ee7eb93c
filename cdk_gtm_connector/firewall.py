"""A web ACL in front of an API stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_wafv2 as wafv2

from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import check_number

if TYPE_CHECKING:
    from aws_cdk import aws_apigateway as apigateway
    from constructs import Construct

# Rules of AWS's common rule set that ordinary hits break. They only count: a hit's query is long,
# it holds page URLs and what visitors search for, and nothing behind the endpoint interprets it.
_COUNTED_RULES = (
    "SizeRestrictions_QUERYSTRING",
    "SizeRestrictions_BODY",
    "EC2MetaDataSSRF_QUERYARGUMENTS",
    "EC2MetaDataSSRF_BODY",
    "GenericLFI_QUERYARGUMENTS",
    "GenericLFI_BODY",
    "RestrictedExtensions_QUERYARGUMENTS",
    "GenericRFI_QUERYARGUMENTS",
    "GenericRFI_BODY",
    "CrossSiteScripting_QUERYARGUMENTS",
    "CrossSiteScripting_BODY",
)


@named_props
@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """A web ACL: a rate limit per IP address, and AWS's IP-reputation and common rule sets.

    It writes no log; its metrics are on, without sampled requests, which would hold query strings.

    Args:
        rate_limit: Requests in 5 minutes that one IP address may make, 10 to 2,000,000,000 (AWS
            WAF's limits). A whole office may share one. Times the connector's
            ``max_events_per_request`` it is events: with the defaults 2,000 requests with 20 events
            each, 40,000 in 5 minutes. Default: 2,000.

    Raises:
        PropError: ``rate_limit`` is out of its range.
    """

    rate_limit: int = 2_000

    def __post_init__(self) -> None:
        check_number("rate_limit", self.rate_limit, 10, 2_000_000_000)

    def bind(self, scope: Construct, stage: apigateway.Stage) -> wafv2.CfnWebACL:
        """Create the web ACL in ``scope`` and put it before ``stage``."""
        web_acl = wafv2.CfnWebACL(
            scope,
            "WebAcl",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            # Its metrics go by this name: two connectors must not share it.
            visibility_config=_visibility(
                cdk.Names.unique_resource_name(scope, max_length=128, separator="-")
            ),
            rules=[
                wafv2.CfnWebACL.RuleProperty(
                    name="RateLimit",
                    priority=0,
                    action=wafv2.CfnWebACL.RuleActionProperty(block={}),
                    statement=wafv2.CfnWebACL.StatementProperty(
                        rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                            limit=self.rate_limit, aggregate_key_type="IP"
                        )
                    ),
                    visibility_config=_visibility("RateLimit"),
                ),
                _managed_rules("AWSManagedRulesAmazonIpReputationList", priority=1),
                _managed_rules("AWSManagedRulesCommonRuleSet", priority=2, count=_COUNTED_RULES),
            ],
        )
        wafv2.CfnWebACLAssociation(
            scope, "WebAclAssociation", resource_arn=stage.stage_arn, web_acl_arn=web_acl.attr_arn
        )
        return web_acl


def _managed_rules(
    name: str, *, priority: int, count: tuple[str, ...] = ()
) -> wafv2.CfnWebACL.RuleProperty:
    return wafv2.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS",
                name=name,
                rule_action_overrides=[
                    wafv2.CfnWebACL.RuleActionOverrideProperty(
                        name=rule,
                        action_to_use=wafv2.CfnWebACL.RuleActionProperty(count={}),
                    )
                    for rule in count
                ]
                or None,
            )
        ),
        visibility_config=_visibility(name),
    )


def _visibility(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )
