"""The whole connector in one construct."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Literal

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_gtm_connector.access import Cors
from cdk_gtm_connector.collection_api import AUTHENTICATED_RESOURCE_NAME, CollectionApi
from cdk_gtm_connector.delivery import EventDelivery
from cdk_gtm_connector.delivery_options import Delivering, DeliveryOptions
from cdk_gtm_connector.destinations import Destination
from cdk_gtm_connector.keys import check_key, let_sns_in
from cdk_gtm_connector.queues import add_queues, add_topic, subscribe
from cdk_gtm_connector.validation import check_number, shown

if TYPE_CHECKING:
    from aws_cdk import aws_apigateway as apigateway
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

    from cdk_gtm_connector.access import Authorizer
    from cdk_gtm_connector.domain import Domain
    from cdk_gtm_connector.firewall import Firewall

# What else is in the connector's scope.
_OWN_IDS = (
    *("ARecord", "AaaaRecord", "Collection", "DeadLetterQueue", "Delivery", "DomainName"),
    *("Queue", "Topic", "WebAcl", "WebAclAssociation"),
)
_DEFAULTS = DeliveryOptions(
    batch_size=10_000,
    max_batching_window=cdk.Duration.seconds(5),
    max_concurrency=2,
    memory_size=256,
    timeout=cdk.Duration.minutes(1),
    max_receive_count=10,
    message_retention=cdk.Duration.days(7),
)
_MAX_DESTINATIONS = 100  # subscriptions of a topic that takes as much


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
        authenticated_user_attributes: The same for visitors whom ``authorizer`` vouches for.
            Default: ``"*"``.
        authorizer: Who may use ``/events/authenticated``, such as a
            :class:`~cdk_gtm_connector.SignedTokenAuthorizer`. Default: nobody, there is no such
            route.
        allowed_origins: The sites whose visitors may record events, and whose scripts may read the
            answers: ``https://shop.example``, or ``https://*.shop.example`` for its subdomains.
            A request whose ``Origin`` or ``Referer`` names another site is answered, and its event
            rejected with the reason ``origin``. Default: every site, without credentials.
        allow_http_origins: Whether ``allowed_origins`` may hold ``http://`` origins. Default: no.
        honor_privacy_signals: Whether nothing is kept of what a browser sends with ``Sec-GPC: 1``
            or ``DNT: 1``. Default: no.
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
            to 1,000 (SQS's limit). Default: 10, which with the default ``timeout`` bridges an
            outage of the destination of an hour.
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

    Raises:
        ValueError: A prop is out of its range; the message names it and the value given.
        TypeError: ``destination``, or one of ``destinations``, is no :class:`Destination`, or a
            duration is none.
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
        allow_http_origins: bool = False,
        honor_privacy_signals: bool = False,
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
    ) -> None:
        super().__init__(scope, construct_id)
        destinations = _checked_destinations(destination, destinations)
        longest = min(
            (limit for each in destinations if (limit := each.max_attribute_name) is not None),
            default=None,
        )
        _check_names("anonymous_user_attributes", anonymous_user_attributes, longest)
        _check_names("authenticated_user_attributes", authenticated_user_attributes, longest)
        cors = Cors(allowed_origins, allow_http_origins=allow_http_origins)
        if disable_execute_api_endpoint and domain is None:
            raise ValueError(
                "disable_execute_api_endpoint must not be set without a domain, got "
                "disable_execute_api_endpoint=True: nothing could reach the endpoint"
            )
        if throttling_rate_limit is not None:
            check_number("throttling_rate_limit", throttling_rate_limit, 1, 1_000_000)
        if throttling_burst_limit is not None:
            check_number("throttling_burst_limit", throttling_burst_limit, 1, 1_000_000)
        if encryption_key is not None:
            check_key("encryption_key", encryption_key)
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
        self._topic = None if len(destinations) == 1 else add_topic(self, encryption_key)
        self._collection = CollectionApi(
            self,
            "Collection",
            queue=self._queue if self._topic is None else None,
            topic=self._topic,
            cors=cors,
            authorizer=authorizer,
            honor_privacy_signals=honor_privacy_signals,
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
            firewall.bind(self, self._collection.api.deployment_stage)
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
                destination=each,
                anonymous_user_attributes=anonymous_user_attributes,
                authenticated_user_attributes=authenticated_user_attributes,
                allowed_origins=cors.origins,
                accept_client_timestamp=accept_client_timestamp,
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
            for scope, each, (queue, dead_letter_queue), options in zip(
                scopes, destinations, queues, delivering, strict=True
            )
        ]
        # The function that is still the old destination's would take what is meant for the new one,
        # and a queue that nobody reads only fills.
        self._collection.deploy_after(*self._deliveries)
        self._warn_of_unsettable(
            destinations,
            anonymous_user_attributes,
            authenticated_user_attributes if authorizer is not None else (),
        )

    def _warn_of_unsettable(
        self, destinations: Sequence[Destination], *settable: Sequence[str] | Literal["*"]
    ) -> None:
        if "*" in settable or any(map(cdk.Token.is_unresolved, chain(*settable))):
            return
        used = dict.fromkeys(chain(*(each.used_user_attributes for each in destinations)))
        unsettable = [name for name in used if name not in {*chain(*settable)}]
        if unsettable:
            cdk.Annotations.of(self).add_warning_v2(
                "cdk-gtm-connector:unsettableUserAttributes",
                f"Nobody may set the user attributes {', '.join(unsettable)}, which a destination "
                "is told to use: name them in anonymous_user_attributes, if anybody may set them, "
                "or in authenticated_user_attributes with an authorizer; or leave them out there.",
            )

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
            ValueError: There is no such route, because ``authorizer`` was not given.
        """
        if not self._collection.authenticated_methods:
            raise ValueError(
                "authorizer must be given for the connector to have this route, got None"
            )
        return f"{self.endpoint_url}/{AUTHENTICATED_RESOURCE_NAME}"

    @property
    def gtm_image_url(self) -> str:
        """What to paste into a GTM *Custom Image* tag.

        ``{{Event}}`` is GTM's built-in variable, ``{{endpoint_id}}`` one that the container's owner
        defines.
        """
        return f"{self.endpoint_url}?event={{{{Event}}}}&endpoint_id={{{{endpoint_id}}}}"


def _checked_destinations(
    destination: Destination | None, destinations: Sequence[Destination] | None
) -> Sequence[Destination]:
    if destination is not None:
        if destinations is not None:
            raise ValueError("destinations must not be given with destination, got both")
        checked = _of_kind("destination must be", [destination])
    else:
        if destinations is None:
            raise ValueError("destination must be given, or destinations, got neither")
        checked = _of_kind("destinations must each be", _listed(destinations))
    ids = [each.construct_id for each in checked]
    for construct_id in ids:
        if construct_id in _OWN_IDS:
            raise ValueError(
                f"construct_id must not be one of the connector's own, {', '.join(_OWN_IDS)}, got "
                f"{construct_id!r}"
            )
        if ids.count(construct_id) > 1:
            raise ValueError(
                "destinations must each have a construct_id of its own (two of one kind need to be "
                f"given one), got {construct_id} {ids.count(construct_id)} times"
            )
    return checked


def _listed(destinations: object) -> Sequence[object]:
    if isinstance(destinations, str) or not isinstance(destinations, Sequence):
        raise TypeError(f"destinations must be a list of them, got {shown(destinations)}")
    if not 1 <= len(destinations) <= _MAX_DESTINATIONS:
        raise ValueError(
            f"destinations must hold 1 to {_MAX_DESTINATIONS} of them, got {len(destinations)}"
        )
    for number, each in enumerate(destinations):
        if any(each is other for other in destinations[:number]):
            raise ValueError(
                "destinations must each be an object of its own, got the same "
                f"{type(each).__name__} twice"
            )
    return destinations


def _of_kind(must_be: str, given: Sequence[object]) -> Sequence[Destination]:
    checked = []
    for each in given:
        if not isinstance(each, Destination):
            raise TypeError(
                f"{must_be} a Destination, such as PinpointDestination(application_id=…), got "
                f"{shown(each)}"
            )
        checked.append(each)
    return checked


def _check_names(prop: str, names: Sequence[str] | Literal["*"], longest: int | None) -> None:
    if names == "*":
        return
    if isinstance(names, str):  # a sequence too, of one-letter names
        raise ValueError(f'{prop} must be a list of names or "*", got {names!r}')  # noqa: TRY004
    if cdk.Token.is_unresolved(list(names)):
        raise ValueError(f"{prop} must be known at synthesis (a single name need not), got a token")
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"{prop} must hold names, got {name!r}")  # noqa: TRY004
        if not name:
            raise ValueError(f"{prop} must hold names of at least 1 character, got {name!r}")
        if longest is not None and len(name) > longest:
            raise ValueError(f"{prop} must hold names of 1 to {longest} characters, got {name!r}")
        if name == "*":
            raise ValueError(f'{prop} must be "*" itself to allow all names, got {list(names)!r}')
