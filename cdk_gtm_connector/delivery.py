"""The function that takes batches from the queue and sends them to the destination."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Literal

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_gtm_connector.checks import (
    check_dead_letter_queue,
    check_invalid_message_queue,
    check_network,
    check_require_origin,
    check_user_attributes,
    check_visibility,
)
from cdk_gtm_connector.cors import Cors
from cdk_gtm_connector.delivery_options import check_delivery
from cdk_gtm_connector.destinations.base import Destination
from cdk_gtm_connector.destinations.binding import bind, checked_module
from cdk_gtm_connector.keys import allow_logs, allow_sender, check_key
from cdk_gtm_connector.lambda_asset import function_code
from cdk_gtm_connector.max_events import checked_max_events
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.unset_values import checked_unset_values
from cdk_gtm_connector.validation import (
    check_boolean,
    check_instance,
    check_log_retention,
    check_scope,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sqs as sqs


# The actions of AWS's managed policy AWSLambdaVPCAccessExecutionRole, without those for logs.
_IN_A_VPC: Final = (
    *("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
    *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"),
    *("ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
)


@named_props
class EventDelivery(Construct):
    """A Lambda function that reads events from ``queue`` and delivers them to ``destination``.

    Args:
        scope: Parent construct.
        construct_id: Id within ``scope``.
        queue: A standard queue with the waiting events. Its visibility timeout should be at least 6
            times ``timeout`` plus ``max_batching_window`` (AWS's recommendation for SQS event
            sources), and must be at least ``timeout``.
        dead_letter_queue: Queue for messages that can never be delivered, with the reason.
        invalid_message_queue: A standard queue for messages that are wrong through the caller's
            fault. Default: none, they go to ``dead_letter_queue``.
        keep_invalid_messages: Whether this function keeps such messages. If several functions get
            the same messages, one of them should. Default: yes.
        destination: Where the events go. :meth:`cdk_gtm_connector.Destination.add_resources` has
            been called already. Its ``delivery`` is ignored, because this construct has props for
            the same options.
        anonymous_user_attributes: See :class:`cdk_gtm_connector.GtmConnector`.
        authenticated_user_attributes: See :class:`cdk_gtm_connector.GtmConnector`.
        allowed_origins: See :class:`cdk_gtm_connector.GtmConnector`.
        require_origin: See :class:`cdk_gtm_connector.GtmConnector`.
        accept_client_timestamp: See :class:`cdk_gtm_connector.GtmConnector`.
        unset_values: See :class:`cdk_gtm_connector.GtmConnector`.
        max_events_per_request: See :class:`cdk_gtm_connector.GtmConnector`.
        authenticated_max_events_per_request: See :class:`cdk_gtm_connector.GtmConnector`.
        batch_size: Maximum messages of an invocation.
        max_batching_window: How long the event source waits to fill a batch.
        max_concurrency: Maximum invocations at once.
        memory_size: Memory of the function in MB.
        timeout: Maximum duration of an invocation.
        log_retention: How long the function's log is kept.
        tracing: Whether X-Ray traces invocations. Default: yes.
        encryption_key: Encrypts the function's log: a symmetric key of the stack's Region.
            Encrypted queues have their own keys, so import a queue together with its key. Default:
            AWS's own key.
        vpc: See :class:`cdk_gtm_connector.GtmConnector`.
        vpc_subnets: See :class:`cdk_gtm_connector.GtmConnector`.
        security_groups: See :class:`cdk_gtm_connector.GtmConnector`.

    Raises:
        PropError: A prop has a value that cannot work, or ``vpc_subnets`` or ``security_groups`` is
            given without ``vpc``.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        queue: sqs.IQueue,
        dead_letter_queue: sqs.IQueue,
        invalid_message_queue: sqs.IQueue | None = None,
        keep_invalid_messages: bool = True,
        destination: Destination,
        anonymous_user_attributes: Sequence[str] | Literal["*"],
        authenticated_user_attributes: Sequence[str] | Literal["*"],
        allowed_origins: Sequence[str] | None,
        accept_client_timestamp: bool,
        require_origin: bool = False,
        unset_values: Sequence[str] | None = None,
        max_events_per_request: int | None = None,
        authenticated_max_events_per_request: int | None = None,
        batch_size: int,
        max_batching_window: cdk.Duration,
        max_concurrency: int,
        memory_size: int,
        timeout: cdk.Duration,
        log_retention: logs.RetentionDays,
        tracing: bool = True,
        encryption_key: kms.IKey | None = None,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
    ) -> None:
        check_scope(scope, construct_id)
        check_instance("destination", destination, Destination, "KinesisDestination(stream)")
        module = checked_module(destination)
        longest = destination.max_attribute_name
        check_user_attributes("anonymous_user_attributes", anonymous_user_attributes, longest)
        check_user_attributes(
            "authenticated_user_attributes", authenticated_user_attributes, longest
        )
        Cors(allowed_origins, allow_http_origins=True)
        check_require_origin(require_origin, allowed_origins)
        check_boolean("accept_client_timestamp", accept_client_timestamp)
        check_delivery(
            {
                "batch_size": batch_size,
                "max_batching_window": max_batching_window,
                "max_concurrency": max_concurrency,
                "memory_size": memory_size,
                "timeout": timeout,
            }
        )
        check_log_retention(log_retention)
        check_boolean("tracing", tracing)
        if encryption_key is not None:
            check_key("encryption_key", encryption_key)
        check_network(vpc, vpc_subnets, security_groups)
        check_dead_letter_queue(queue, dead_letter_queue)
        check_invalid_message_queue(
            queue, dead_letter_queue, invalid_message_queue, keep_invalid_messages
        )
        check_visibility(queue, timeout)
        max_events = checked_max_events(
            max_events_per_request, authenticated_max_events_per_request
        )
        unset_values = checked_unset_values(unset_values)
        super().__init__(scope, construct_id)
        self._queue = queue
        self._dead_letter_queue = dead_letter_queue
        self._invalid_message_queue = invalid_message_queue
        self._destination = destination
        self._tracing = tracing

        self._log = logs.LogGroup(
            self,
            "Log",
            retention=log_retention,
            encryption_key=encryption_key,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        allow_logs(self, encryption_key)
        self._role = iam.Role(
            self,
            "Role",
            description="Lets the function drain its queue, write its log and send its events",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            # With a name, the policy of a stream or bus in another account can refer to the role.
            role_name=cdk.PhysicalName.GENERATE_IF_NEEDED,
        )
        if vpc is not None:
            # Most of these actions have no resource in IAM. Lambda checks them when it creates the
            # function, so the policy must exist before.
            self._role.add_to_policy(iam.PolicyStatement(actions=list(_IN_A_VPC), resources=["*"]))
        environment = {
            "DEAD_LETTER_QUEUE_URL": dead_letter_queue.queue_url,
            "ANONYMOUS_USER_ATTRIBUTES": _names(anonymous_user_attributes),
            "AUTHENTICATED_USER_ATTRIBUTES": _names(authenticated_user_attributes),
            "ALLOWED_ORIGINS": _names("*" if allowed_origins is None else allowed_origins),
            "REQUIRE_ORIGIN": "true" if require_origin else "false",
            "ACCEPT_CLIENT_TIMESTAMP": "true" if accept_client_timestamp else "false",
            "UNSET_VALUES": json.dumps(unset_values),
            "ANONYMOUS_MAX_EVENTS_PER_REQUEST": str(max_events.anonymous),
            "AUTHENTICATED_MAX_EVENTS_PER_REQUEST": str(max_events.authenticated),
        }
        if invalid_message_queue is not None:
            environment["INVALID_MESSAGE_QUEUE_URL"] = invalid_message_queue.queue_url
            environment["KEEP_INVALID_MESSAGES"] = "true" if keep_invalid_messages else "false"
        self._function = lambda_.Function(
            self,
            "Function",
            description="Sends queued Google Tag Manager events to their destination",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            code=function_code(module.beside),
            layers=module.layers,
            handler="gtm_events.handler.handle",
            # The function has its own role, because the default one has a managed policy for every
            # log group.
            role=self._role,
            memory_size=memory_size,
            timeout=timeout,
            tracing=lambda_.Tracing.ACTIVE if tracing else None,
            log_group=self._log,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
            vpc=vpc,
            vpc_subnets=vpc_subnets,
            security_groups=None if security_groups is None else list(security_groups),
            environment=environment,
        )
        self._log.grant_write(self._function)
        for rejected in (dead_letter_queue, invalid_message_queue):
            if rejected is not None:
                rejected.grant(self._function, "sqs:SendMessage")
                allow_sender(rejected.encryption_master_key, self._function)
        bind(destination, module, self._function, environment)
        self._function.add_event_source(
            event_sources.SqsEventSource(
                queue,
                batch_size=batch_size,
                max_batching_window=max_batching_window,
                max_concurrency=max_concurrency,
                report_batch_item_failures=True,
            )
        )

    @property
    def queue(self) -> sqs.IQueue:
        """The queue of waiting events."""
        return self._queue

    @property
    def dead_letter_queue(self) -> sqs.IQueue:
        """The queue of messages that cannot be delivered. A rejected one carries its reason."""
        return self._dead_letter_queue

    @property
    def invalid_message_queue(self) -> sqs.IQueue | None:
        """The queue of invalid messages; ``None`` if they go to the dead-letter queue."""
        return self._invalid_message_queue

    @property
    def destination(self) -> Destination:
        """The destination of the events."""
        return self._destination

    @property
    def function(self) -> lambda_.Function:
        """The function."""
        return self._function

    @property
    def role(self) -> iam.Role:
        """The function's role."""
        return self._role

    @property
    def tracing(self) -> bool:
        """True if X-Ray traces the function's invocations."""
        return self._tracing

    @property
    def log(self) -> logs.LogGroup:
        """The function's log group, with one JSON line for each batch."""
        return self._log


def _names(names: Sequence[str] | Literal["*"]) -> str:
    return json.dumps("*" if names == "*" else sorted(names))
