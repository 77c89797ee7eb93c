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
from cdk_gtm_connector.connector_checks import check_front, check_visitors
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

    API Gateway puts every hit into a queue without code. A function takes hits out in batches and
    sends them on. What can never be delivered waits in the dead-letter queue with the reason.

    With several destinations API Gateway publishes every hit once, to a topic. Each destination has
    a queue, a function and a dead-letter queue of its own: while one is down, its events wait and
    the others' go on.

    The first destination, which may be the only one, owns the queue that is there already, with the
    events in it. So to move without losing or repeating an event, put the new destination *first*
    and the old one after it, and take the old one out when its queue is empty. The endpoint changes
    over only when every function that it needs reads its queue. Events that were accepted before
    and are still waiting go to the new first destination alone. Queues may hold accepted events, so
    they stay in the account when the stack or their destination goes.

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
        destinations: Where the events go, each of them to all: 1 to 100 (SNS's limit for a topic of
            large messages), each with its own ``construct_id``. An object belongs to one connector.
            The props from ``batch_size`` to ``message_retention`` apply to all of them, unless a
            destination has :class:`~cdk_gtm_connector.DeliveryOptions` of its own.
        anonymous_user_attributes: Names of the user attributes (``usat_…``) that anybody may
            change, or ``"*"`` for all. Others are left out and counted; the event still goes
            through. A name may be as long as every destination takes it, 50 characters with
            Pinpoint. A name that a destination uses and nobody may set gets the warning
            ``cdk-gtm-connector:unsettableUserAttributes``. Default: none, because anyone who knows
            an endpoint id could change that customer's segments and messages.
        authenticated_user_attributes: The same for visitors whom ``authorizer`` vouches for.
            Names need an ``authorizer``. Default: ``"*"``.
        authorizer: Who may use ``/events/authenticated``, such as a
            :class:`~cdk_gtm_connector.SignedTokenAuthorizer`. Default: there is no such route.
        allowed_origins: The sites whose visitors may record events, and whose scripts may read the
            answers: ``https://shop.example``, ``https://*.shop.example`` for its subdomains, or
            ``capacitor://localhost`` for an app with a scheme of its own. A request whose
            ``Origin`` or ``Referer`` names another site is answered, and its event rejected with
            the reason ``origin``. Default: every site, without credentials.
        require_origin: Whether the ``Origin`` header must name one of ``allowed_origins``, which
            have to be given. For traffic that comes from scripts only: **it switches image tags
            off**, because a browser sends no ``Origin`` with an image or with a ``no-cors`` GET. A
            request without the header, or with ``Origin: null``, is answered, and its event
            rejected with the reason ``origin``. A client that is no browser can still claim any
            site. Default: no.
        allow_http_origins: Whether ``allowed_origins`` may hold ``http://`` origins. Default: no.
        honor_privacy_signals: Whether to drop what a browser sends with ``Sec-GPC: 1`` or
            ``DNT: 1``. Default: no.
        unset_values: Words that a tag writes for a variable without a value: up to 50, each of 1 to
            100 characters, compared exactly. As the whole ``event`` or ``endpoint_id`` such a word
            gets 400 (in a form, the event is rejected with the reason ``unset``). As the whole
            value of another parameter it is ignored and counted. Default: JavaScript's
            ``undefined``, ``null``, ``NaN`` and ``[object Object]``; ``[]`` for none. White space
            alone is never an ``event`` or ``endpoint_id``.
        max_events_per_request: Maximum events in one request, 1 to 100. A JSON list is one request.
            A longer list gets 400, and none of it is queued; 1 switches lists off. Request rate
            limits times this are event rate limits. Default: 20 on ``/events``, 100 on
            ``/events/authenticated``.
        authenticated_max_events_per_request: The same for ``/events/authenticated`` alone. Needs an
            ``authorizer``. Default: ``max_events_per_request`` if that is given, else 100.
        throttling_rate_limit: Requests a second, all callers together; more get 429. Default: the
            account's limit (10,000 in most Regions).
        throttling_burst_limit: Requests at once. Default: the account's limit (5,000).
        firewall: A web ACL for the endpoint, which has a fixed monthly price. Default: none.
        domain: A domain name of the site's own for the endpoint. Default: API Gateway's.
        disable_execute_api_endpoint: Whether to switch API Gateway's own URL off. Needs ``domain``.
            Default: no.
        accept_client_timestamp: Whether a plausible ``timestamp`` parameter (at most 5 minutes
            ahead, at most 7 days old) becomes the event's time. Default: no, the event's time is
            when API Gateway received it.
        batch_size: Maximum messages of an invocation, 1 to 10,000 (Lambda's limit for SQS). Lambda
            cuts a batch at 6 MB. Default: 10,000.
        max_batching_window: How long Lambda waits to fill a batch, 0 to 300 seconds (its limit), at
            least 1 second with a ``batch_size`` over 10. Default: 5 seconds.
        max_concurrency: Invocations at once, 2 to 1,000 (Lambda's limits for SQS). Default: 2; one
            alone fills Pinpoint's default quota of 15 requests a second.
        memory_size: Memory of the function in MB, 128 to 10,240 (Lambda's limits). Default: 256.
        timeout: Maximum duration of an invocation, 30 to 900 seconds, known at synthesis. A message
            that is retried returns after 6 times this and ``max_batching_window``. Default: 60
            seconds.
        max_receive_count: Tries of a message before it goes to the dead-letter queue, 1 to 1,000
            (SQS's limit). If a message expires before them, the warning
            ``cdk-gtm-connector:messageRetention`` says so. Default: 10, which with the default
            ``timeout`` bridges an outage of the destination of an hour.
        message_retention: How long a message waits for delivery, 1 minute to 13 days; then SQS
            deletes it without a word, so watch
            ``queue.metric_approximate_age_of_oldest_message()``. The limit is a day less than the
            dead-letter queue's 14 days, which count from when a message was first sent. Default: 7
            days, which leave a week to notice, and a week in the dead-letter queue.
        log_retention: How long the access log and the function's log are kept. Neither holds
            customer data. Default: 3 months.
        cloud_watch_role: Whether to create the account-wide role with which API Gateway writes
            logs. Each account needs one, once in each Region, before its first stage that logs.
            Default: no, because it would replace the one that is there.
        tracing: Whether X-Ray traces the functions' invocations. At a million events a month that
            is more than a third of the bill. Default: yes.
        encryption_key: A symmetric key of the stack's Region for the queues, the topic and the log
            groups. All who send, publish, receive or log may use it. For an imported key, whose
            policy is not written here, the warning ``cdk-gtm-connector:encryptionKeyPolicy`` says
            what the policy must allow. Authorizers and a Customer Profiles domain have a prop of
            the same name. Default: keys of AWS's.
        vpc: A VPC for the functions that deliver. From there they need a way to SQS and to their
            destination: interface endpoints, or NAT. Default: none.
        vpc_subnets: Subnets of ``vpc``. Default: its private ones.
        security_groups: The functions' security groups in ``vpc``. Default: a new one for each,
            which lets all traffic out.
        monitoring: Metrics from the functions' logs, alarms, and a dashboard. Default: none.

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
        check_front(firewall, domain, disable_execute_api_endpoint=disable_execute_api_endpoint)
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
            # The first destination has the ids of an only one, and so takes over its queue.
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
                scope,
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
            for number, (scope, each, (queue, dead_letter_queue), own) in enumerate(
                zip(scopes, destinations, self._queues.pairs, options, strict=True)
            )
        ]
        for other in self._deliveries[1:]:
            # Only the first function keeps messages that every function rejects: update it first.
            other.function.node.add_dependency(self.function)
        # Until it is updated, a function sends the new destination's events to the old one, and a
        # queue without a function only fills up.
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
