"""A web ACL for an API stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as wafv2

from cdk_gtm_connector.keys import allow_logs
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import check_log_retention, check_number

if TYPE_CHECKING:
    from aws_cdk import aws_apigateway as apigateway
    from aws_cdk import aws_kms as kms
    from constructs import Construct

# Rules of AWS's common rule set that ordinary hits break, so these rules only count. A hit's query
# is long and holds page URLs and search terms, and nothing behind the endpoint interprets it. On
# the site's own domain, a browser sends all of the site's cookies, which can exceed a rule's limit
# of 10,240 bytes. No template reads them.
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
    "SizeRestrictions_Cookie_HEADER",
    "EC2MetaDataSSRF_COOKIE",
    "CrossSiteScripting_COOKIE",
)

# Headers that identify a visitor or hold what the visitor typed. AWS WAF never logs bodies.
_REDACTED_HEADERS = ("authorization", "cookie", "referer", "x-amz-security-token")
_LOGGED_ACTIONS = ("BLOCK", "COUNT", "EXCLUDED_AS_COUNT")


@named_props
@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """A web ACL: a rate limit per IP address, and three of AWS's rule sets.

    The rule sets are IP reputation, the common rules and known bad inputs. The last one blocks
    requests that exploit Log4j. Nothing here uses Log4j, but a consumer of the events may. Rules
    that ordinary hits break only count requests and do not block them. The web ACL has metrics, but
    no sampled requests, because those would hold query strings.

    Args:
        rate_limit: Maximum requests from one IP address in 5 minutes, 10 to 2,000,000,000 (AWS
            WAF's limits). A whole office may share an address. A request can hold
            ``max_events_per_request`` events, so the defaults allow 40,000 events in 5 minutes.
            Default: 2,000.
        log_retention: How long to keep a log of the requests that a rule blocked or counted.
            **It holds IP addresses and user agents**, which AWS WAF always logs; query strings,
            and the headers ``Authorization``, ``Cookie`` and ``Referer`` are redacted, and bodies
            are never logged. The log group has a physical name, because AWS WAF takes only names
            that begin with ``aws-waf-logs-``. Default: no log.

    Raises:
        PropError: A prop has a value that cannot work.
    """

    rate_limit: int = 2_000
    log_retention: logs.RetentionDays | None = None

    def __post_init__(self) -> None:
        check_number("rate_limit", self.rate_limit, 10, 2_000_000_000)
        if self.log_retention is not None:
            check_log_retention(self.log_retention)

    def bind(
        self, scope: Construct, stage: apigateway.Stage, encryption_key: kms.IKey | None = None
    ) -> wafv2.CfnWebACL:
        """Create the web ACL in ``scope`` and associate it with ``stage``.

        Args:
            scope: Parent construct.
            stage: The stage to protect.
            encryption_key: Encrypts the log. Default: AWS's own key.
        """
        # Name of the web ACL's metrics and log: two connectors must not share it.
        name = web_acl_name(scope)
        web_acl = wafv2.CfnWebACL(
            scope,
            "WebAcl",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visibility(name),
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
                _managed_rules("AWSManagedRulesKnownBadInputsRuleSet", priority=3),
            ],
        )
        wafv2.CfnWebACLAssociation(
            scope, "WebAclAssociation", resource_arn=stage.stage_arn, web_acl_arn=web_acl.attr_arn
        )
        if self.log_retention is not None:
            allow_logs(scope, encryption_key)
            log = logs.LogGroup(
                scope,
                "WebAclLog",
                log_group_name=f"aws-waf-logs-{name}",
                retention=self.log_retention,
                encryption_key=encryption_key,
                removal_policy=cdk.RemovalPolicy.DESTROY,
            )
            _add_logging(scope, web_acl, log, f"aws-waf-logs-{name}")
        return web_acl


def web_acl_name(scope: Construct) -> str:
    """Return the name of the metrics and the log of the web ACL in ``scope``."""
    return cdk.Names.unique_resource_name(scope, max_length=128, separator="-")


def _add_logging(scope: Construct, web_acl: wafv2.CfnWebACL, log: logs.LogGroup, name: str) -> None:
    configuration = wafv2.CfnLoggingConfiguration(
        scope,
        "WebAclLogging",
        resource_arn=web_acl.attr_arn,
        # log_group_arn ends with ":*", but AWS WAF expects the ARN without it.
        log_destination_configs=[
            cdk.Stack.of(scope).format_arn(
                service="logs",
                resource="log-group",
                resource_name=name,
                arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
            )
        ],
        redacted_fields=[
            wafv2.CfnLoggingConfiguration.FieldToMatchProperty(query_string={}),
            *(
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": header})
                for header in _REDACTED_HEADERS
            ),
        ],
        logging_filter={
            "DefaultBehavior": "DROP",
            "Filters": [
                {
                    "Behavior": "KEEP",
                    "Requirement": "MEETS_ANY",
                    "Conditions": [
                        {"ActionCondition": {"Action": action}} for action in _LOGGED_ACTIONS
                    ],
                }
            ],
        },
    )
    configuration.node.add_dependency(log)


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
