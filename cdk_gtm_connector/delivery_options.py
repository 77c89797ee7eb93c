"""Options of delivery, for all of a connector's destinations or for one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk

from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import check_duration, check_number, is_token

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SQS_RETENTION: Final = cdk.Duration.days(14)
"""SQS's limit. If SQS moves a message, the time still counts from when it was first sent."""

_NUMBERS: Final = {
    "batch_size": (1, 10_000, ""),
    "max_concurrency": (2, 1_000, ""),
    "memory_size": (128, 10_240, "MB"),
    "max_receive_count": (1, 1_000, ""),
}
_DURATIONS: Final = {
    "max_batching_window": (cdk.Duration.seconds(0), cdk.Duration.seconds(300)),
    "timeout": (cdk.Duration.seconds(30), cdk.Duration.minutes(15)),
    "message_retention": (
        cdk.Duration.minutes(1),
        MAX_SQS_RETENTION.minus(cdk.Duration.days(1)),
    ),
}


@named_props
@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """Delivery options of one destination that differ from the connector's.

    :class:`~cdk_gtm_connector.GtmConnector` has props of the same names, meanings and limits. An
    option that is left out has the connector's value.

    Example:
        >>> KinesisDestination(
        ...     stream, delivery=DeliveryOptions(max_concurrency=28, batch_size=1_000)
        ... )

    Args:
        batch_size: Maximum messages of an invocation, 1 to 10,000. Default: the connector's.
        max_batching_window: How long the event source waits to fill a batch, 0 to 300 seconds, at
            least 1 second with a ``batch_size`` over 10. Default: the connector's.
        max_concurrency: Maximum invocations at once, 2 to 1,000. Default: the connector's.
        memory_size: Memory of the function in MB, 128 to 10,240. Default: the connector's.
        timeout: Maximum duration of an invocation, 30 to 900 seconds, known at synthesis. A message
            that is retried returns after 6 times this, plus ``max_batching_window``. Default: the
            connector's.
        max_receive_count: Delivery attempts before a message goes to the dead-letter queue, 1 to
            1,000. Default: the connector's.
        message_retention: How long a message waits for delivery, 1 minute to 13 days. Default: the
            connector's.

    Raises:
        PropError: A prop has a value that cannot work.
    """

    batch_size: int | None = None
    max_batching_window: cdk.Duration | None = None
    max_concurrency: int | None = None
    memory_size: int | None = None
    timeout: cdk.Duration | None = None
    max_receive_count: int | None = None
    message_retention: cdk.Duration | None = None

    def __post_init__(self) -> None:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        check_delivery({prop: value for prop, value in given.items() if value is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveDeliveryOptions:
    """The options that apply to one destination: its own, the connector's and the defaults."""

    batch_size: int
    max_batching_window: cdk.Duration
    max_concurrency: int
    memory_size: int
    timeout: cdk.Duration
    max_receive_count: int
    message_retention: cdk.Duration

    @classmethod
    def of(
        cls, *options: DeliveryOptions | EffectiveDeliveryOptions | None
    ) -> EffectiveDeliveryOptions:
        """Return each option from the first of ``options`` that sets it. The last sets them all.

        Raises:
            PropError: Lambda does not accept the combination.
        """
        chosen: dict[str, Any] = {}
        for each in reversed(options):
            if each is not None:
                told = {field.name: getattr(each, field.name) for field in fields(each)}
                chosen |= {name: value for name, value in told.items() if value is not None}
        check_delivery(chosen)
        return cls(**chosen)

    @property
    def visibility_timeout(self) -> cdk.Duration:
        """The queue's visibility timeout: 6 times the timeout, plus the batching window.

        AWS recommends both, because a message is already hidden while its batch fills.
        """
        window = self.max_batching_window
        if window.is_unresolved():  # CloudFormation cannot add
            window = _DURATIONS["max_batching_window"][1]
        return cdk.Duration.seconds(6 * self.timeout.to_seconds() + window.to_seconds())


DEFAULT_DELIVERY: Final = EffectiveDeliveryOptions(
    batch_size=10_000,
    max_batching_window=cdk.Duration.seconds(5),
    max_concurrency=2,
    memory_size=256,
    timeout=cdk.Duration.minutes(1),
    max_receive_count=10,
    message_retention=cdk.Duration.days(7),
)
"""The connector's defaults, which :class:`~cdk_gtm_connector.GtmConnector` explains."""


def check_delivery(options: Mapping[str, Any]) -> None:
    """Require options that Lambda and SQS accept, alone and in combination."""
    for prop, (smallest, largest, unit) in _NUMBERS.items():
        if prop in options:
            check_number(prop, options[prop], smallest, largest, unit)
    for prop, (shortest, longest) in _DURATIONS.items():
        if prop in options:
            # The queue's visibility timeout is 6 times the timeout, and CloudFormation cannot
            # multiply.
            check_duration(prop, options[prop], shortest, longest, known=prop == "timeout")
    batch_size, window = options.get("batch_size"), options.get("max_batching_window")
    if batch_size is None or window is None or is_token(batch_size) or window.is_unresolved():
        return
    if batch_size > 10 and window.to_milliseconds() < 1000:  # noqa: PLR2004 - Lambda's limits
        raise PropError(
            "max_batching_window",
            "must be at least 1 second with a {batch_size} over 10",
            window,
            others={"batch_size": batch_size},
        )
