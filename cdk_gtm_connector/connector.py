"""The connector as one construct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_gtm_connector.checks import (
    check_authenticated_max_events,
    check_endpoint,
    check_network,
    check_require_origin,
)
from cdk_gtm_connector.collection_api import CollectionApi
from cdk_gtm_connector.connector_checks import check_firewall_and_domain, check_visitors
from cdk_gtm_connector.connector_parts import ConnectorParts
from cdk_gtm_connector.connector_warnings import add_warnings
from cdk_gtm_connector.cors import Cors
from cdk_gtm_connector.delivery import EventDelivery
from cdk_gtm_connector.delivery_options import (
    DEFAULT_DELIVERY,
    DeliveryOptions,
    EffectiveDeliveryOptions,
    check_delivery,
)
from cdk_gtm_connector.destinations.given import checked_destinations
from cdk_gtm_connector.keys import check_key
from cdk_gtm_connector.max_events import checked_max_events
from cdk_gtm_connector.monitoring import add_monitoring, check_monitoring
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.queues import ConnectorQueues
from cdk_gtm_connector.unset_values import checked_unset_values
from cdk_gtm_connector.validation import check_boolean, check_scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_kms as kms

    from cdk_gtm_connector.authorizers import Authorizer
    from cdk_gtm_connector.destinations import Destination
    from cdk_gtm_connector.domain import Domain
    from cdk_gtm_connector.firewall import Firewall
    from cdk_gtm_connector.monitoring import Monitoring


@named_props
class GtmConnector(ConnectorParts):
    """A tracking-image endpoint for Google Tag Manager, wired to a customer-engagement destination.

    API Gateway itself writes every hit into a queue: no function runs in between. Another function
    reads the queue in batches and sends the events to the destination. A rejected message goes,
    with the reason, to the dead-letter queue if the owner can fix the cause, and to the
    invalid-message queue if the caller made a mistake.

    With several destinations, API Gateway publishes every hit once, to a topic. Each destination
    has its own queue, function and dead-letter queue, so when one destination is down, only its own
    events wait.

    The first destination always uses the same queue, even if you replace that destination. To move
    to another destination without losing or repeating an event, put the new destination *first* and
    the old one after it, and remove the old one when its queue is empty. The endpoint starts to use
    the new queues only when every function reads its queue. Events that were accepted before and
    are still waiting go only to the new first destination. Queues may hold accepted events, so they
    stay in the account when the stack or their destination is removed.

    Example:
        >>> GtmConnector(
        ...     self,
        ...     "Gtm",
        ...     destination=CustomerProfilesDestination(domain_name="shop"),
        ... )

    Args:
        scope: Parent construct.
        construct_id: Id within ``scope``.
        destination: Where the events go. Give this or ``destinations``.
        destinations: Where the events go; each event goes to all of them. 1 to 100 (SNS's limit of
            subscriptions for a topic with messages of 1 MiB), each with its own ``construct_id``. A
            destination object belongs to one connector. The props from ``batch_size`` to
            ``message_retention`` apply to all of them, unless a destination has its own
            :class:`~cdk_gtm_connector.DeliveryOptions`.
        anonymous_user_attributes: Names of the user attributes (``usat_…``) that anybody may
            change, or ``"*"`` for all. Others are left out and counted; the event still goes
            through. The length of a name is limited by the strictest destination: 50 characters
            with Pinpoint. If a destination uses a user attribute that no visitor is allowed to set,
            synthesis gives the warning ``cdk-gtm-connector:unsettableUserAttributes``. Default:
            none, because anyone who knows an endpoint id could change that customer's segments and
            messages.
        authenticated_user_attributes: The same for visitors whom ``authorizer`` vouches for.
            Names need an ``authorizer``. Default: ``"*"``.
        authorizer: Decides who may use ``/events/authenticated``, such as a
            :class:`~cdk_gtm_connector.SignedTokenAuthorizer`. Default: there is no such route.
        allowed_origins: The sites whose visitors may record events, and whose scripts may read the
            answers: ``https://shop.example``, ``https://*.shop.example`` for its subdomains, or
            ``capacitor://localhost`` for an app with a scheme of its own. A request whose
            ``Origin`` or ``Referer`` names another site is answered, and its event rejected with
            the reason ``origin``. Default: every site; scripts then send no
            cookies.
        require_origin: Whether the ``Origin`` header must name one of ``allowed_origins``, which
            must then be given. For traffic that comes from scripts only: **it switches image tags
            off**, because a browser sends no ``Origin`` with an image or with a ``no-cors`` GET. A
            request without the header, or with ``Origin: null``, is answered, and its event
            rejected with the reason ``origin``. A client other than a browser can still claim any
            site. Default: no.
        allow_http_origins: Whether ``allowed_origins`` may hold ``http://`` origins. Default: no.
        honor_privacy_signals: Whether to drop the event if the browser sends ``Sec-GPC: 1`` or
            ``DNT: 1``. Default: no.
        unset_values: Words that a tag writes for a variable without a value: up to 50, each of 1 to
            100 characters, compared exactly. If ``event`` or ``endpoint_id`` is such a word, the
            request gets 400 (in a form, the event is rejected with the reason ``unset``). Another
            parameter with such a value is ignored and counted. Default: JavaScript's
            ``undefined``, ``null``, ``NaN`` and ``[object Object]``; ``[]`` for none. White space
            alone is never an ``event`` or ``endpoint_id``.
        max_events_per_request: Maximum events in one request, 1 to 100. A JSON list is one request.
            A longer list gets 400, and none of it is queued; 1 switches lists off. A limit of
            requests per second allows up to this many times as many events. Default: 20 on
            ``/events``, 100 on ``/events/authenticated``.
        authenticated_max_events_per_request: The same for ``/events/authenticated`` alone. Needs an
            ``authorizer``. Default: ``max_events_per_request`` if that is given, else 100.
        throttling_rate_limit: Maximum requests per second from all callers together; more get 429.
            Default: the account's limit (10,000 in most Regions).
        throttling_burst_limit: Maximum requests at once. Default: the account's limit (5,000).
        firewall: A web ACL for the endpoint. AWS charges a fixed monthly price for it. Default:
            none.
        domain: A custom domain name for the endpoint. Default: API Gateway's.
        disable_execute_api_endpoint: Whether to disable API Gateway's own URL. Needs ``domain``.
            Default: no.
        accept_client_timestamp: Whether a plausible ``timestamp`` parameter (at most 5 minutes
            ahead, at most 7 days old) becomes the event's time. Default: no, the event's time is
            when API Gateway received it.
        batch_size: Maximum messages per invocation, 1 to 10,000 (Lambda's limit for SQS). A batch
            is at most 6 MB. Default: 10,000.
        max_batching_window: How long Lambda waits to fill a batch, 0 to 300 seconds (its limit), at
            least 1 second with a ``batch_size`` over 10. Default: 5 seconds.
        max_concurrency: Maximum invocations at once, 2 to 1,000 (Lambda's limits for SQS). Default:
            2; a single invocation can use all of Pinpoint's default quota of 15 requests per
            second.
        memory_size: Memory of the function in MB, 128 to 10,240 (Lambda's limits). Default: 256.
        timeout: Maximum duration of an invocation, 30 to 900 seconds, known at synthesis. A message
            that is retried returns after 6 times this, plus ``max_batching_window``. Default: 60
            seconds.
        max_receive_count: Delivery attempts before a message goes to the dead-letter queue, 1 to
            1,000 (SQS's limit). If a message would expire before its last attempt, synthesis gives
            the warning ``cdk-gtm-connector:messageRetention``. Default: 10, which with the default
            ``timeout`` lasts through an hour's outage of the destination.
        message_retention: How long a message waits for delivery, 1 minute to 13 days. SQS then
            deletes it without notice, so set an alarm on
            ``queue.metric_approximate_age_of_oldest_message()``. The limit is a day less than the
            dead-letter queue's 14 days, which count from when a message that SQS moves was first
            sent. Default: 7 days, so that such a message is a week in each queue at most.
        log_retention: How long the access log and the function's log are kept. Neither holds
            customer data. Default: 3 months.
        cloud_watch_role: Whether to create the account-wide role with which API Gateway writes
            logs. Each account needs one, once in each Region, before its first stage that logs.
            Default: no, because it would replace the one that is there.
        tracing: Whether X-Ray traces the functions' invocations. At a million events a month, this
            is more than a third of the bill. Default: yes.
        encryption_key: A symmetric key in the stack's Region that encrypts the queues, the topic
            and the log groups. The roles and AWS services that send, receive or log are allowed to
            use it. The CDK cannot change the policy of an imported key, so the warning
            ``cdk-gtm-connector:encryptionKeyPolicy`` says what that policy must allow. Authorizers
            and a Customer Profiles domain have a prop of the same name. Default: AWS's own keys.
        vpc: A VPC for the functions that deliver. It must let them reach SQS and their destination,
            through interface endpoints or NAT. Default: none.
        vpc_subnets: Subnets of ``vpc``. Default: its private ones.
        security_groups: The functions' security groups in ``vpc``. Default: a new one for each,
            which lets all traffic out.
        monitoring: Adds alarms, a dashboard, and metrics taken from the functions' logs.
            Default: none.

    Raises:
        PropError: A prop is misspelt, or has a value that cannot work; the message names it and the
            value given.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        destination: Destination | None = None,
        destinations: Sequence[Destination] | None = None,
        anonymous_user_attributes: Sequence[str] | Literal["*"] = (),
        authenticated_user_attributes: Sequence[str] | Literal["*"] = "*",
        authorizer: Authorizer | None = None,
        allowed_origins: Sequence[str] | None = None,
        require_origin: bool = False,
        allow_http_origins: bool = False,
        honor_privacy_signals: bool = False,
        unset_values: Sequence[str] | None = None,
        max_events_per_request: int | None = None,
        authenticated_max_events_per_request: int | None = None,
        throttling_rate_limit: int | None = None,
        throttling_burst_limit: int | None = None,
        firewall: Firewall | None = None,
        domain: Domain | None = None,
        disable_execute_api_endpoint: bool = False,
        accept_client_timestamp: bool = False,
        batch_size: int = DEFAULT_DELIVERY.batch_size,
        max_batching_window: cdk.Duration | None = None,
        max_concurrency: int = DEFAULT_DELIVERY.max_concurrency,
        memory_size: int = DEFAULT_DELIVERY.memory_size,
        timeout: cdk.Duration | None = None,
        max_receive_count: int = DEFAULT_DELIVERY.max_receive_count,
        message_retention: cdk.Duration | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        cloud_watch_role: bool = False,
        tracing: bool = True,
        encryption_key: kms.IKey | None = None,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        monitoring: Monitoring | None = None,
    ) -> None:
        check_scope(scope, construct_id)
        destinations = checked_destinations(destination, destinations)
        check_visitors(
            destinations,
            anonymous_user_attributes,
            authenticated_user_attributes,
            authorized=authorizer is not None,
        )
        cors = Cors(allowed_origins, allow_http_origins=allow_http_origins)
        check_require_origin(require_origin, allowed_origins)
        unset_values = checked_unset_values(unset_values)
        check_endpoint(
            authorizer=authorizer,
            honor_privacy_signals=honor_privacy_signals,
            throttling_rate_limit=throttling_rate_limit,
            throttling_burst_limit=throttling_burst_limit,
            disable_execute_api_endpoint=disable_execute_api_endpoint,
            log_retention=log_retention,
            cloud_watch_role=cloud_watch_role,
        )
        checked_max_events(max_events_per_request, authenticated_max_events_per_request)
        check_authenticated_max_events(authenticated_max_events_per_request, authorizer)
        check_boolean("accept_client_timestamp", accept_client_timestamp)
        check_firewall_and_domain(
            firewall, domain, disable_execute_api_endpoint=disable_execute_api_endpoint
        )
        check_monitoring(monitoring)
        # Unlike in DeliveryOptions, None is not allowed here.
        check_delivery(
            {
                "batch_size": batch_size,
                "max_concurrency": max_concurrency,
                "memory_size": memory_size,
                "max_receive_count": max_receive_count,
            }
        )
        check_boolean("tracing", tracing)
        if encryption_key is not None:
            check_key("encryption_key", encryption_key)
        check_network(vpc, vpc_subnets, security_groups)
        common = DeliveryOptions(
            batch_size=batch_size,
            max_batching_window=max_batching_window,
            max_concurrency=max_concurrency,
            memory_size=memory_size,
            timeout=timeout,
            max_receive_count=max_receive_count,
            message_retention=message_retention,
        )
        options = [
            EffectiveDeliveryOptions.of(each.delivery, common, DEFAULT_DELIVERY)
            for each in destinations
        ]
        super().__init__(scope, construct_id)

        scopes: list[Construct] = []
        for number, each in enumerate(destinations):
            each.claim(self)
            scope_of_its_own = Construct(self, each.construct_id)
            each.add_resources(scope_of_its_own)
            # The first of several destinations has the same construct ids as a single one, so
            # adding a second destination keeps the existing queue.
            scopes.append(scope_of_its_own if number else self)
        self._queues = ConnectorQueues(self, scopes, options, encryption_key)
        self._collection = CollectionApi(
            self,
            "Collection",
            queue=self.queue if self.topic is None else None,
            topic=self.topic,
            cors=cors,
            authorizer=authorizer,
            honor_privacy_signals=honor_privacy_signals,
            unset_values=unset_values,
            max_events_per_request=max_events_per_request,
            authenticated_max_events_per_request=authenticated_max_events_per_request,
            throttling_rate_limit=throttling_rate_limit,
            throttling_burst_limit=throttling_burst_limit,
            disable_execute_api_endpoint=disable_execute_api_endpoint,
            log_retention=log_retention,
            cloud_watch_role=cloud_watch_role,
            encryption_key=encryption_key,
        )
        self._queues.subscribe(self._collection, encryption_key)
        if firewall is not None:
            firewall.bind(self, self._collection.api.deployment_stage, encryption_key)
        self._domain = domain
        self._domain_name = (
            None if domain is None else domain.bind(self, self._collection.api.deployment_stage)
        )
        self._deliveries = [
            EventDelivery(
                parent,
                "Delivery",
                queue=queue,
                dead_letter_queue=dead_letter_queue,
                invalid_message_queue=self.invalid_message_queue,
                keep_invalid_messages=number == 0,
                destination=each,
                anonymous_user_attributes=anonymous_user_attributes,
                authenticated_user_attributes=authenticated_user_attributes,
                allowed_origins=cors.origins,
                require_origin=require_origin,
                accept_client_timestamp=accept_client_timestamp,
                unset_values=unset_values,
                max_events_per_request=max_events_per_request,
                authenticated_max_events_per_request=authenticated_max_events_per_request,
                batch_size=own.batch_size,
                max_batching_window=own.max_batching_window,
                max_concurrency=own.max_concurrency,
                memory_size=own.memory_size,
                timeout=own.timeout,
                log_retention=log_retention,
                tracing=tracing,
                encryption_key=encryption_key,
                vpc=vpc,
                vpc_subnets=vpc_subnets,
                security_groups=security_groups,
            )
            for number, (parent, each, (queue, dead_letter_queue), own) in enumerate(
                zip(scopes, destinations, self._queues.pairs, options, strict=True)
            )
        ]
        for other in self._deliveries[1:]:
            # Of messages that every function rejects, only the first function sends a copy to the
            # invalid-message queue, so it is updated first.
            other.function.node.add_dependency(self.function)
        # The endpoint switches last. Before that, a function that is not updated would send the new
        # destination's events to the old one, and nothing would read a new queue.
        self._collection.deploy_after(*self._deliveries)
        add_warnings(
            self,
            destinations,
            options,
            anonymous_user_attributes,
            authenticated_user_attributes if authorizer is not None else (),
            authorized=authorizer is not None,
        )
        self._monitoring = add_monitoring(self, monitoring)
