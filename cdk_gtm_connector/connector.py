"""The whole connector in one construct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_gtm_connector.collection_api import CollectionApi
from cdk_gtm_connector.delivery import EventDelivery
from cdk_gtm_connector.validation import check_duration, check_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_apigateway as apigateway
    from aws_cdk import aws_lambda as lambda_

    from cdk_gtm_connector.destinations import Destination

_MAX_SQS_RETENTION = cdk.Duration.days(14)
_MAX_ATTRIBUTE_NAME = 50  # Pinpoint's limit for a user attribute's name, in characters


class GtmConnector(Construct):
    """A tracking-image endpoint for Google Tag Manager, wired to a customer-engagement destination.

    API Gateway puts every hit into a queue without code, a function takes them out in batches and
    sends them on. What can never be delivered waits in the dead-letter queue with the reason.

    Example:
        >>> GtmConnector(
        ...     self,
        ...     "Gtm",
        ...     destination=PinpointDestination(application_id="0123456789abcdef0123456789abcdef"),
        ... )

    Args:
        scope: Parent construct.
        construct_id: Id within ``scope``.
        destination: Where the events go.
        anonymous_user_attributes: Names of the user attributes (``usat_…``) that anybody may
            change, or ``"*"`` for all. Others are left out and counted; the event still goes
            through. Default: none, because anyone who knows an endpoint id could change its
            segments and messages.
        accept_client_timestamp: Whether a plausible ``timestamp`` parameter (at most 5 minutes
            ahead, at most 7 days old) becomes the event's time. Default: no; the event's time is
            when API Gateway received it.
        batch_size: Messages an invocation takes at most, 1 to 10,000 (Lambda's limit for SQS).
            Default: 10,000; Lambda cuts a batch at 6 MB.
        max_batching_window: How long the event source waits to fill a batch, 0 to 300 seconds
            (Lambda's limit), at least 1 second with a ``batch_size`` over 10. Default: 5 seconds.
        max_concurrency: Invocations at once, 2 to 1,000 (Lambda's limits for SQS). Default: 2; one
            alone fills Pinpoint's default quota of 15 requests a second.
        memory_size: Memory of the function in MB, 128 to 10,240 (Lambda's limits). Default: 512.
        timeout: Of one invocation, 30 to 900 seconds. Default: 60 seconds. A message that has to
            be tried again comes back after 6 times this. It cannot be an unresolved token.
        max_receive_count: How often a message is tried before it goes to the dead-letter queue, 1
            to 1,000 (SQS's limit). Default: 10, which with the default ``timeout`` bridges an
            outage of the destination of an hour.
        message_retention: How long a message waits for delivery, 1 minute to 13 days: less than
            the dead-letter queue's 14 days, because a message's age moves along with it. Default:
            4 days.
        log_retention: How long the access log and the function's log are kept. Neither holds
            customer data. Default: 3 months.
        cloud_watch_role: Whether to create the account-wide role with which API Gateway writes
            logs. An account needs one, once in each Region, before the first stage that logs can
            be deployed. Default: no, because it would replace the one that is there.

    Raises:
        ValueError: A prop is out of its range; the message names it and the value given.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        destination: Destination,
        anonymous_user_attributes: Sequence[str] | Literal["*"] = (),
        accept_client_timestamp: bool = False,
        batch_size: int = 10_000,
        max_batching_window: cdk.Duration | None = None,
        max_concurrency: int = 2,
        memory_size: int = 512,
        timeout: cdk.Duration | None = None,
        max_receive_count: int = 10,
        message_retention: cdk.Duration | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        cloud_watch_role: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        max_batching_window = max_batching_window or cdk.Duration.seconds(5)
        timeout = timeout or cdk.Duration.minutes(1)
        message_retention = message_retention or cdk.Duration.days(4)
        _check_names("anonymous_user_attributes", anonymous_user_attributes)
        _check_batching(batch_size, max_batching_window)
        check_number("max_concurrency", max_concurrency, 2, 1_000)
        check_number("memory_size", memory_size, 128, 10_240, "MB")
        if timeout.is_unresolved():
            # CloudFormation cannot multiply, and the queue hides a message for 6 times this.
            raise ValueError("timeout must be known when the app is synthesized, got a token")
        check_duration("timeout", timeout, cdk.Duration.seconds(30), cdk.Duration.minutes(15))
        check_number("max_receive_count", max_receive_count, 1, 1_000)
        check_duration(
            "message_retention",
            message_retention,
            cdk.Duration.minutes(1),
            _MAX_SQS_RETENTION.minus(cdk.Duration.days(1)),
        )

        self._dead_letter_queue = sqs.Queue(
            self,
            "DeadLetterQueue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_MAX_SQS_RETENTION,
        )
        self._queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=message_retention,
            # AWS's recommendation for an SQS event source: 6 times the function's timeout.
            visibility_timeout=cdk.Duration.seconds(6 * timeout.to_seconds()),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self._dead_letter_queue, max_receive_count=max_receive_count
            ),
        )
        self._collection = CollectionApi(
            self,
            "Collection",
            queue=self._queue,
            log_retention=log_retention,
            cloud_watch_role=cloud_watch_role,
        )
        self._delivery = EventDelivery(
            self,
            "Delivery",
            queue=self._queue,
            dead_letter_queue=self._dead_letter_queue,
            destination=destination,
            anonymous_user_attributes=anonymous_user_attributes,
            accept_client_timestamp=accept_client_timestamp,
            batch_size=batch_size,
            max_batching_window=max_batching_window,
            max_concurrency=max_concurrency,
            memory_size=memory_size,
            timeout=timeout,
            log_retention=log_retention,
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
    def delivery(self) -> EventDelivery:
        """The delivering half: the function and its event source."""
        return self._delivery

    @property
    def queue(self) -> sqs.Queue:
        """Where events wait for delivery."""
        return self._queue

    @property
    def dead_letter_queue(self) -> sqs.Queue:
        """Where messages end that cannot be delivered, with the reason if rejected."""
        return self._dead_letter_queue

    @property
    def function(self) -> lambda_.Function:
        """The function that delivers."""
        return self._delivery.function

    @property
    def endpoint_url(self) -> str:
        """The URL that the tag calls, without a query string."""
        return self._collection.endpoint_url

    @property
    def gtm_image_url(self) -> str:
        """What to paste into a GTM *Custom Image* tag.

        ``{{Event}}`` is GTM's built-in variable, ``{{endpoint_id}}`` one that the container's owner
        defines.
        """
        return f"{self.endpoint_url}?event={{{{Event}}}}&endpoint_id={{{{endpoint_id}}}}"


def _check_names(prop: str, names: Sequence[str] | Literal["*"]) -> None:
    if names == "*":
        return
    if isinstance(names, str):  # a sequence too, of one-letter names
        raise ValueError(f'{prop} must be a list of names or "*", got {names!r}')  # noqa: TRY004
    if cdk.Token.is_unresolved(list(names)):
        raise ValueError(f"{prop} must be known at synthesis (a single name need not), got a token")
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"{prop} must hold names, got {name!r}")  # noqa: TRY004
        if not 1 <= len(name) <= _MAX_ATTRIBUTE_NAME:
            raise ValueError(
                f"{prop} must hold names of 1 to {_MAX_ATTRIBUTE_NAME} characters, got {name!r}"
            )
        if name == "*":
            raise ValueError(f'{prop} must be "*" itself to allow all names, got {list(names)!r}')


def _check_batching(batch_size: int, window: cdk.Duration) -> None:
    check_number("batch_size", batch_size, 1, 10_000)
    check_duration(
        "max_batching_window", window, cdk.Duration.seconds(0), cdk.Duration.seconds(300)
    )
    if cdk.Token.is_unresolved(batch_size) or window.is_unresolved():
        return
    if batch_size > 10 and window.to_milliseconds() < 1000:  # noqa: PLR2004 - Lambda's limits
        raise ValueError(
            "max_batching_window must be at least 1 second with a batch_size over 10, got "
            f"{window.to_human_string()} with a batch_size of {batch_size:,}"
        )
