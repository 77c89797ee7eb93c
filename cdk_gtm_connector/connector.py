"""The whole connector in one construct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_gtm_connector.access import Cors
from cdk_gtm_connector.checks import (
    check_authenticated_max_events,
    check_endpoint,
    check_network,
    check_require_origin,
    check_user_attributes,
)
from cdk_gtm_connector.collection_api import AUTHENTICATED_RESOURCE_NAME, CollectionApi
from cdk_gtm_connector.connector_warnings import add_warnings
from cdk_gtm_connector.delivery import EventDelivery
from cdk_gtm_connector.delivery_options import Delivering, DeliveryOptions, check_delivery
from cdk_gtm_connector.destinations.given import checked_destinations
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.keys import check_key, let_sns_in
from cdk_gtm_connector.max_events import checked_max_events
from cdk_gtm_connector.monitoring import add_monitoring, check_monitoring
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.queues import (
    add_invalid_message_queue,
    add_queues,
    add_topic,
    subscribe,
)
from cdk_gtm_connector.unset_values import checked_unset_values
from cdk_gtm_connector.validation import (
    check_boolean,
    check_construct,
    check_scope,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_apigateway as apigateway
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

    from cdk_gtm_connector.access import Authorizer
    from cdk_gtm_connector.destinations import Destination
    from cdk_gtm_connector.domain import Domain
    from cdk_gtm_connector.firewall import Firewall
    from cdk_gtm_connector.monitoring import Monitoring
    from cdk_gtm_connector.monitoring.connector_monitoring import ConnectorMonitoring

_DEFAULTS = DeliveryOptions(
    batch_size=10_000,
    max_batching_window=cdk.Duration.seconds(5),
    max_concurrency=2,
    memory_size=256,
    timeout=cdk.Duration.minutes(1),
    max_receive_count=10,
    message_retention=cdk.Duration.days(7),
)


@named_props
class GtmConnector(Construct):
    """A tracking-image endpoint for Google Tag Manager, wired to a customer-engagement destination.

    API Gateway puts every hit into a queue without code, a function takes them out in batches and
    sends them on. What can never be delivered waits in the dead-letter queue with the reason.

    With several destinations API Gateway publishes every hit once, to a topic, and each destination
    has a queue, a function and a dead-letter queue of its own: while one is down, its events wait,
    and the others' go on.

    The queues belong to the place, not to the kind of destination: whatever is the only one, or the
    first, takes over the queue that was there, with what waits in it. So to move without losing or
    repeating an event, put the new destination *first* and the old one after it, and drop the old
    one when its queue is empty. The endpoint goes over to a new arrangement only when every
    function that it needs is there and reads its queue; what was accepted until then, and had not
    been delivered, goes to the new first destination alone. A queue outlives its stack and its
    destination, because it may hold events that were accepted: one that is taken out stays in the
    account until somebody deletes it, though what is in it expires after ``message_retention``.

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
            large messages), each with its own ``construct_id``. One is the same as ``destination``.
            A destination is one connector's: another connector takes another object. The props
            from ``batch_size`` to ``message_retention`` are those of all that have no
            :class:`~cdk_gtm_connector.DeliveryOptions` of their own.
        anonymous_user_attributes: Names of the user attributes (``usat_…``) that anybody may
            change, or ``"*"`` for all. Others are left out and counted; the event still goes
            through. A name is at most as long as every destination takes it, 50 characters with
            Pinpoint. Default: none, because anyone who knows an endpoint id could change its
            segments and messages. What a destination is told to use (``user_attributes`` of
            ``CustomerProfilesDestination``) and nobody may set gets a warning,
            ``cdk-gtm-connector:unsettableUserAttributes``.
        authenticated_user_attributes: The same for visitors whom ``authorizer`` vouches for, so
            names need one. Default: ``"*"``.
        authorizer: Who may use ``/events/authenticated``, such as a
            :class:`~cdk_gtm_connector.SignedTokenAuthorizer`. Default: nobody, there is no such
            route.
        allowed_origins: The sites whose visitors may record events, and whose scripts may read the
            answers: ``https://shop.example``, ``https://*.shop.example`` for its subdomains, or
            ``capacitor://localhost`` for an app with a scheme of its own.
            A request whose ``Origin`` or ``Referer`` names another site is answered, and its event
            rejected with the reason ``origin``. Default: every site, without credentials.
        require_origin: Whether the ``Origin`` header has to name one of ``allowed_origins``, for
            owners whose traffic is scripts only. **It switches image tags off**: a browser sends no
            ``Origin`` with an image, nor with a ``fetch`` by GET in ``no-cors`` mode. A request
            without it, or with ``Origin: null``, is answered, and its event rejected with the
            reason ``origin``. What is no browser can still claim any site. Needs
            ``allowed_origins``. Default: no.
        allow_http_origins: Whether ``allowed_origins`` may hold ``http://`` origins. Default: no.
        honor_privacy_signals: Whether nothing is kept of what a browser sends with ``Sec-GPC: 1``
            or ``DNT: 1``. Default: no.
        unset_values: Words that a tag writes for a variable without a value, exactly as written: up
            to 50, each of 1 to 100 characters. One of them as the whole ``event`` or
            ``endpoint_id`` gets 400 (in a form: the event is rejected with the reason ``unset``),
            as the whole value of any other parameter it is ignored and counted. Default:
            ``undefined``, ``null``, ``NaN`` and ``[object Object]``, JavaScript's own; ``[]`` for
            none. White space alone is never an ``event`` or ``endpoint_id``.
        max_events_per_request: Events that one request may have, 1 to 100. A list in JSON is one
            request. A longer one gets 400, and nothing of it is queued; 1 switches lists off. Rate
            limits count requests: times this they are events. Default: 20 on ``/events``, 100 on
            ``/events/authenticated``.
        authenticated_max_events_per_request: The same for ``/events/authenticated`` alone, so it
            needs an ``authorizer``. Default: ``max_events_per_request`` if that is given, else 100.
        throttling_rate_limit: Requests a second that the endpoint takes, all callers together; more
            get 429. Default: the account's limit (10,000 in most Regions).
        throttling_burst_limit: Requests at once. Default: the account's limit (5,000).
        firewall: A web ACL for the endpoint. Default: none; it has a fixed monthly price.
        domain: A domain name of the site's own for the endpoint. Default: API Gateway's.
        disable_execute_api_endpoint: Whether API Gateway's own URL is switched off. Needs
            ``domain``. Default: no.
        accept_client_timestamp: Whether a plausible ``timestamp`` parameter (at most 5 minutes
            ahead, at most 7 days old) becomes the event's time. Default: no; the event's time is
            when API Gateway received it.
        batch_size: Messages an invocation takes at most, 1 to 10,000 (Lambda's limit for SQS).
            Default: 10,000; Lambda cuts a batch at 6 MB.
        max_batching_window: How long the event source waits to fill a batch, 0 to 300 seconds
            (Lambda's limit), at least 1 second with a ``batch_size`` over 10. Default: 5 seconds.
        max_concurrency: Invocations at once, 2 to 1,000 (Lambda's limits for SQS). Default: 2; one
            alone fills Pinpoint's default quota of 15 requests a second.
        memory_size: Memory of the function in MB, 128 to 10,240 (Lambda's limits). Default: 256.
        timeout: Of one invocation, 30 to 900 seconds. Default: 60 seconds. A message that has to
            be tried again comes back after 6 times this, and ``max_batching_window``. It cannot be
            an unresolved token.
        max_receive_count: How often a message is tried before it goes to the dead-letter queue, 1
            to 1,000 (SQS's limit). If it expires before that, a warning says so:
            ``cdk-gtm-connector:messageRetention``. Default: 10, which with the default ``timeout``
            bridges an outage of the destination of an hour.
        message_retention: How long a message waits for delivery, 1 minute to 13 days. Then it is
            gone, without a word, so watch ``queue.metric_approximate_age_of_oldest_message()``. It
            is less than the dead-letter queue's 14 days (SQS's limit), which count from when the
            message was first sent, not from when it was moved there. Default: 7 days, which leaves
            a week to notice that a destination does not keep up, and to what is moved at the end
            of it a week in the dead-letter queue.
        log_retention: How long the access log and the function's log are kept. Neither holds
            customer data. Default: 3 months.
        cloud_watch_role: Whether to create the account-wide role with which API Gateway writes
            logs. An account needs one, once in each Region, before the first stage that logs can
            be deployed. Default: no, because it would replace the one that is there.
        tracing: Whether X-Ray traces the functions' invocations. With a million events a month
            that is more than a third of the bill. Default: yes.
        encryption_key: A symmetric key of the stack's Region for the queues, the topic and the log
            groups. Whoever sends, publishes, receives or logs is let into it. The policy of a key
            that is imported is somebody else's to write: a warning says what it must allow,
            ``cdk-gtm-connector:encryptionKeyPolicy``. An ``authorizer``, and a Customer Profiles
            domain, have a prop of the same name. Default: keys of AWS's.
        vpc: A VPC for the functions that deliver. They need a way to SQS and to their destination
            there: interface endpoints, or NAT. Default: none.
        vpc_subnets: Subnets of ``vpc``. Default: its private ones.
        security_groups: The functions' security groups in ``vpc``. Default: a new one for each,
            which lets all traffic out.
        monitoring: Metrics of what the functions log, alarms, and a dashboard. Default: none.

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
        batch_size: int = 10_000,
        max_batching_window: cdk.Duration | None = None,
        max_concurrency: int = 2,
        memory_size: int = 256,
        timeout: cdk.Duration | None = None,
        max_receive_count: int = 10,
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
        longest = min(
            (limit for each in destinations if (limit := each.max_attribute_name) is not None),
            default=None,
        )
        check_user_attributes("anonymous_user_attributes", anonymous_user_attributes, longest)
        check_user_attributes(
            "authenticated_user_attributes", authenticated_user_attributes, longest
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
        _check_before_the_endpoint(firewall, domain, monitoring)
        if disable_execute_api_endpoint and domain is None:
            raise PropError(
                "disable_execute_api_endpoint",
                "must not be set without {domain}, for nothing could reach the endpoint",
                got=True,
                others={"domain": None},
            )
        if authorizer is None and authenticated_user_attributes not in ("*", [], ()):
            raise PropError(
                "authenticated_user_attributes",
                "must not name any without {authorizer}, for then nobody is authenticated",
                authenticated_user_attributes,
                others={"authorizer": None},
            )
        # Here, unlike in DeliveryOptions, nothing can be left open.
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
        delivering = [Delivering.of(each.delivery, common, _DEFAULTS) for each in destinations]
        super().__init__(scope, construct_id)

        scopes: list[Construct] = []
        for number, each in enumerate(destinations):
            each.claim(self)
            own = Construct(self, each.construct_id)
            each.add_resources(own)
            # The first one's ids are those of the only one: it takes over its queue.
            scopes.append(own if number else self)
        queues = [
            add_queues(scope, options, encryption_key)
            for scope, options in zip(scopes, delivering, strict=True)
        ]
        self._queue, self._dead_letter_queue = queues[0]
        # One for all: what callers do wrong is kept once, however many destinations there are.
        self._invalid_message_queue = add_invalid_message_queue(self, encryption_key)
        self._topic = None if len(destinations) == 1 else add_topic(self, encryption_key)
        self._collection = CollectionApi(
            self,
            "Collection",
            queue=self._queue if self._topic is None else None,
            topic=self._topic,
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
        if self._topic is None:
            # Where a topic goes, its queue goes on taking what it passes on until the stage has
            # changed: SNS does not try again where it may not send, nor keeps what is refused.
            for queue in queues[0]:
                queue.node.find_child("Policy").node.add_dependency(
                    self._collection.api.deployment_stage
                )
        else:
            let_sns_in(self, encryption_key)
            for queue, dead_letter_queue in queues:
                subscription = subscribe(self._topic, queue, dead_letter_queue)
                # What is published before a queue is subscribed never reaches it.
                self._collection.deploy_after(subscription)
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
                invalid_message_queue=self._invalid_message_queue,
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
                batch_size=options.batch_size,
                max_batching_window=options.max_batching_window,
                max_concurrency=options.max_concurrency,
                memory_size=options.memory_size,
                timeout=options.timeout,
                log_retention=log_retention,
                tracing=tracing,
                encryption_key=encryption_key,
                vpc=vpc,
                vpc_subnets=vpc_subnets,
                security_groups=security_groups,
            )
            for number, (scope, each, (queue, dead_letter_queue), options) in enumerate(
                zip(scopes, destinations, queues, delivering, strict=True)
            )
        ]
        for other in self._deliveries[1:]:
            # It leaves to the first one's function what that has to know how to keep.
            other.function.node.add_dependency(self.function)
        # The function that is still the old destination's would take what is meant for the new one,
        # and a queue that nobody reads only fills.
        self._collection.deploy_after(*self._deliveries)
        add_warnings(
            self,
            destinations,
            delivering,
            anonymous_user_attributes,
            authenticated_user_attributes if authorizer is not None else (),
            authorized=authorizer is not None,
        )
        self._monitoring = add_monitoring(self, monitoring)

    @property
    def monitoring(self) -> ConnectorMonitoring | None:
        """The alarms, the dashboard and the topic of alarms; ``None`` without ``monitoring``."""
        return self._monitoring

    @property
    def api(self) -> apigateway.RestApi:
        """The REST API that the tag calls."""
        return self._collection.api

    @property
    def collection(self) -> CollectionApi:
        """The collecting half: the API and its integration."""
        return self._collection

    @property
    def domain_name(self) -> apigateway.DomainName | None:
        """The endpoint's own domain name, which says what its DNS record points to."""
        return self._domain_name

    @property
    def topic(self) -> sns.Topic | None:
        """What passes each event on to the queues; ``None`` with one destination."""
        return self._topic

    @property
    def deliveries(self) -> list[EventDelivery]:
        """The delivering half of each destination, in their order."""
        return list(self._deliveries)

    @property
    def delivery(self) -> EventDelivery:
        """The first destination's delivering half: the function and its event source."""
        return self._deliveries[0]

    @property
    def queue(self) -> sqs.Queue:
        """Where events wait for delivery to the first destination."""
        return self._queue

    @property
    def dead_letter_queue(self) -> sqs.Queue:
        """Where the first destination's messages end that cannot be delivered.

        Those that were rejected say why.
        """
        return self._dead_letter_queue

    @property
    def invalid_message_queue(self) -> sqs.Queue:
        """Where messages end that callers got wrong, whatever the destination, with the reason.

        Nothing that its owner mends would make them right, so nobody need be woken for them. With
        several destinations a message is in it once.
        """
        return self._invalid_message_queue

    @property
    def function(self) -> lambda_.Function:
        """The function that delivers to the first destination.

        It must not refer to the endpoint's URL: the endpoint waits for it.
        """
        return self.delivery.function

    @property
    def endpoint_url(self) -> str:
        """The URL that the tag calls, without a query string: under the own domain if any.

        None of the connector's functions may refer to it: the endpoint waits for them.
        """
        if self._domain is None:
            return self._collection.endpoint_url
        return f"https://{self._domain.name}{self._collection.endpoint_path}"

    @property
    def authenticated_endpoint_url(self) -> str:
        """The URL of the authenticated route, without a query string.

        Raises:
            PropError: There is no such route, because ``authorizer`` was not given.
        """
        if not self._collection.authenticated_methods:
            raise PropError(
                "authorizer", "must be given for the connector to have this route", None
            )
        return f"{self.endpoint_url}/{AUTHENTICATED_RESOURCE_NAME}"

    @property
    def gtm_image_url(self) -> str:
        """What to paste into a GTM *Custom Image* tag.

        ``{{Event}}`` is GTM's built-in variable, ``{{endpoint_id}}`` one that the container's owner
        defines.
        """
        return f"{self.endpoint_url}?event={{{{Event}}}}&endpoint_id={{{{endpoint_id}}}}"


def _check_before_the_endpoint(firewall: object, domain: object, monitoring: object) -> None:
    check_monitoring(monitoring)
    # Not by their classes: whoever has neither does not import their modules of aws_cdk.
    if firewall is not None:
        check_construct(
            "firewall", firewall, "instance of Firewall", ("rate_limit", "bind"), "Firewall()"
        )
    if domain is not None:
        check_construct(
            "domain",
            domain,
            "instance of Domain",
            ("certificate", "name", "bind"),
            'Domain(name="events.shop.example", certificate=certificate)',
        )
