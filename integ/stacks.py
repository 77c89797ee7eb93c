"""The stacks: a queue, a topic with two queues, and Customer Profiles. Deletion removes all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
import jsii
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_

import cdk_gtm_connector as gtm

if TYPE_CHECKING:
    from constructs import Construct, IConstruct

NAMES: Final = ("GtmVerifyQueue", "GtmVerifyTopic", "GtmVerifyProfiles")
"""Names of the stacks, in the order in which they are checked."""

_SDK_OUTPUT: Final = "VerifySdkFunctionName"  # cdk_gtm_connector_cli/verify/account.py reads it


# A function that imports the same SDK modules as gtm_events.
_SDK_FUNCTION: Final = """\
import importlib
import sys

def handler(event, context):
    missing = []
    for name in ("boto3", "botocore", "botocore.session", "botocore.credentials"):
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    version = getattr(sys.modules.get("botocore"), "__version__", "none")
    return {"python": sys.version.split()[0], "botocore": version, "missing": missing}
"""


@jsii.implements(cdk.IAspect)
class _DestroyAll:
    """An aspect that lets CloudFormation delete every resource of a stack."""

    def visit(self, node: IConstruct) -> None:
        """Change one construct."""
        if isinstance(node, cdk.CfnResource):
            node.apply_removal_policy(cdk.RemovalPolicy.DESTROY)


class QueueStack(cdk.Stack):
    """A stack with one destination, an authorizer and allowed origins. Most checks use it."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, NAMES[0])
        bus = events.EventBus(self, "Bus")
        bus.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        connector = gtm.GtmConnector(
            self,
            "Connector",
            destination=gtm.EventBridgeDestination(bus),
            authorizer=gtm.SignedTokenAuthorizer(self, "Token"),
            allowed_origins=["https://shop.example", "https://www.shop.example"],
        )
        _finish(self, connector)
        function = lambda_.Function(
            self,
            "Sdk",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler="index.handler",
            code=lambda_.Code.from_inline(_SDK_FUNCTION),
        )
        cdk.CfnOutput(self, _SDK_OUTPUT, value=function.function_name)


class TopicStack(cdk.Stack):
    """A stack with two destinations, and so a topic that feeds their queues."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, NAMES[1])
        bus = events.EventBus(self, "Bus")
        bus.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        stream = kinesis.Stream(
            self,
            "Stream",
            stream_mode=kinesis.StreamMode.PROVISIONED,
            shard_count=1,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        connector = gtm.GtmConnector(
            self,
            "Connector",
            destinations=[gtm.KinesisDestination(stream), gtm.EventBridgeDestination(bus)],
        )
        _finish(self, connector)


class ProfilesStack(cdk.Stack):
    """A stack with Customer Profiles and a domain that it creates."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, NAMES[2])
        connector = gtm.GtmConnector(
            self,
            "Connector",
            destination=gtm.CustomerProfilesDestination(
                domain_name="gtm-connector-verify",
                create_domain=True,
                user_attributes=["plan"],
                event_trigger=gtm.ProfileEventTrigger(event_type="verify"),
                calculated_attributes=[
                    gtm.CalculatedAttribute("visits", statistic="COUNT", days=30)
                ],
            ),
        )
        cdk.Annotations.of(self).acknowledge_warning("cdk-gtm-connector:customerProfilesRegion")
        _finish(self, connector)


def _finish(stack: cdk.Stack, connector: gtm.GtmConnector) -> None:
    cdk.CfnOutput(stack, "EndpointUrl", value=connector.endpoint_url)
    # Nothing is kept, because these stacks hold no real events.
    cdk.Aspects.of(stack).add(_DestroyAll())


def add_stacks(app: cdk.App) -> list[cdk.Stack]:
    """Add the three stacks, and return them in the order of :data:`NAMES`."""
    return [QueueStack(app), TopicStack(app), ProfilesStack(app)]
