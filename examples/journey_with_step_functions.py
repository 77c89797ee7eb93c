"""A journey without Amazon Connect: EventBridge, Step Functions and SES, in every Region.

    npx aws-cdk@2.1148.1 deploy --app "python3 examples/journey_with_step_functions.py"

A signed-in visitor puts something into the cart (``add_to_cart``). An hour later, the journey
checks whether a ``purchase`` has arrived since. If not, it sends an e-mail to the address in the
visitor's user attribute ``email``. A visitor gets at most one e-mail until the next purchase, even
if the cart changes or an event is delivered twice. The e-mail is recorded before it is sent, so one
that SES refuses is not sent again. The stack needs an identity that SES has verified, which is an
argument, and an account outside SES's sandbox.

A journey costs its state transitions (at most 7 for a cart and 4 for a purchase), the e-mail, and
at most one read and one write in DynamoDB. ``docs/customer-profiles.md`` computes the cost.
"""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from cdk_gtm_connector import EventBridgeDestination, GtmConnector, SignedTokenAuthorizer

_UNMET = "DynamoDB.ConditionalCheckFailedException"


class JourneyStack(cdk.Stack):
    """The shop's endpoint, its event bus, and the journey for an abandoned cart.

    Args:
        scope: The app.
        construct_id: The stack's id.
        sender: The sender's e-mail address, which belongs to ``identity``.
        identity: The identity that SES has verified: a domain, or the address itself.
        wait: Time between the cart event and the check for a purchase.
        kwargs: The stack's other props.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        sender: str,
        identity: str,
        wait: cdk.Duration | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        bus = events.EventBus(self, "Bus")
        connector = GtmConnector(
            self,
            "Gtm",
            destination=EventBridgeDestination(bus, source="shop.example"),
            authorizer=SignedTokenAuthorizer(self, "Token"),
        )
        cdk.CfnOutput(self, "GtmImageUrl", value=connector.gtm_image_url)
        self._purchases = dynamodb.Table(
            self,
            "Purchases",
            partition_key=dynamodb.Attribute(
                name="endpoint_id", type=dynamodb.AttributeType.STRING
            ),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
        )
        journey = sfn.StateMachine(
            self,
            "Journey",
            definition_body=sfn.DefinitionBody.from_chainable(
                self._journey(sender, identity, wait or cdk.Duration.hours(1))
            ),
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=logs.LogGroup(
                    self, "JourneyLog", retention=logs.RetentionDays.THREE_MONTHS
                ),
                level=sfn.LogLevel.ALL,
            ),
        )
        failed = sqs.Queue(
            self,
            "NotStarted",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        events.Rule(
            self,
            "Starts",
            event_bus=bus,
            event_pattern=events.EventPattern(
                source=["shop.example"],
                detail_type=["GTM Event"],
                detail={
                    "event_type": ["add_to_cart", "purchase"],
                    # Otherwise anyone who knows a customer's endpoint id could start the journey.
                    "access": ["authenticated"],
                },
            ),
            targets=[targets.SfnStateMachine(journey, dead_letter_queue=failed)],
        )
        _acknowledge(journey, failed)

    def _journey(self, sender: str, identity: str, wait: cdk.Duration) -> sfn.IChainable:
        endpoint_id = tasks.DynamoAttributeValue.from_string(
            sfn.JsonPath.string_at("$.detail.endpoint_id")
        )
        timestamp = tasks.DynamoAttributeValue.from_string(
            sfn.JsonPath.string_at("$.detail.timestamp")
        )
        # This replaces the whole item, including the record of an e-mail.
        purchase = tasks.DynamoPutItem(
            self,
            "Note the purchase",
            table=self._purchases,
            item={
                "endpoint_id": endpoint_id,
                "timestamp": timestamp,
            },
            # A purchase may arrive twice, or after a later one.
            condition_expression="attribute_not_exists(#timestamp) OR #timestamp < :timestamp",
            expression_attribute_names={"#timestamp": "timestamp"},
            expression_attribute_values={":timestamp": timestamp},
        ).add_catch(sfn.Succeed(self, "A later one is noted"), errors=[_UNMET])
        newest = tasks.DynamoGetItem(
            self,
            "Find the last purchase",
            table=self._purchases,
            key={"endpoint_id": endpoint_id},
            consistent_read=True,
            result_path="$.purchase",
        )
        email = tasks.CallAwsService(
            self,
            "Send the e-mail",
            service="sesv2",
            action="sendEmail",
            iam_action="ses:SendEmail",
            iam_resources=[
                self.format_arn(service="ses", resource="identity", resource_name=identity)
            ],
            parameters={
                "FromEmailAddress": sender,
                "Destination": {
                    "ToAddresses": sfn.JsonPath.object_at("$.detail.user_attributes.email")
                },
                "Content": {
                    "Simple": {
                        "Subject": {"Data": "Your cart is waiting"},
                        "Body": {"Text": {"Data": "You have left something in your cart."}},
                    }
                },
            },
        )
        once = tasks.DynamoUpdateItem(
            self,
            "Note the e-mail",
            table=self._purchases,
            key={"endpoint_id": endpoint_id},
            update_expression="SET mailed = :timestamp",
            condition_expression="attribute_not_exists(mailed)",
            expression_attribute_values={":timestamp": timestamp},
            result_path=sfn.JsonPath.DISCARD,
        ).add_catch(sfn.Succeed(self, "Has an e-mail already"), errors=[_UNMET])
        # Timestamps of event records are ISO 8601 in UTC, so they can be compared as texts.
        bought = sfn.Condition.and_(
            sfn.Condition.is_present("$.purchase.Item.timestamp.S"),
            sfn.Condition.string_greater_than_equals_json_path(
                "$.purchase.Item.timestamp.S", "$.detail.timestamp"
            ),
        )
        reachable = sfn.Condition.is_present("$.detail.user_attributes.email[0]")
        cart = (
            sfn.Wait(self, "Wait", time=sfn.WaitTime.duration(wait))
            .next(newest)
            .next(
                sfn.Choice(self, "Bought since, or without an address?")
                .when(bought, sfn.Succeed(self, "Bought"))
                .when(reachable, once.next(email))
                .otherwise(sfn.Succeed(self, "No address"))
            )
        )
        return (
            sfn.Choice(self, "What has happened?")
            .when(sfn.Condition.string_equals("$.detail.event_type", "purchase"), purchase)
            .otherwise(cart)
        )


def _acknowledge(journey: sfn.StateMachine, failed: sqs.Queue) -> None:
    """Acknowledge cdk-nag's findings, with the reasons."""
    for construct, rule, reason in (
        (failed, "SQS3", "It is a dead-letter queue."),
        (
            journey.role.node.find_child("DefaultPolicy"),
            "IAM5[Resource::*]",
            "The actions of X-Ray and of log delivery know no resource but *.",
        ),
    ):
        cdk.Validations.of(construct).acknowledge(
            cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
        )


app = cdk.App()
JourneyStack(app, "Shop", sender="shop@shop.example", identity="shop.example")
app.synth()
