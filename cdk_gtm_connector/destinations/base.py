"""What every destination is."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, final

from cdk_gtm_connector.delivery_options import DeliveryOptions
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import check_instance, check_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_lambda as lambda_
    from constructs import Construct

    from cdk_gtm_connector.destinations.module import BuiltInModule, DestinationModule

_CONSTRUCT_ID = re.compile(r"[A-Z][A-Za-z0-9]{0,63}", re.ASCII)


@named_props
class Destination(ABC):
    """Where events go. The collector does not know which destination is behind it.

    One object is one connector's: it may hold what it has added to that connector.

    A destination of one's own is a subclass with :attr:`module` and :meth:`bind`:
    ``docs/own-destination.md`` has a complete one.

    Args:
        construct_id: Names what belongs to this destination where there are several, such as its
            queue. Once deployed, another one is another queue. Default: the kind of destination,
            for example ``Kinesis``.
        delivery: How this destination's events are delivered, where that differs from the
            connector's others. Default: as the connector says.

    Raises:
        PropError: ``construct_id`` is not letters and digits that begin with a capital, or
            ``delivery`` is no :class:`~cdk_gtm_connector.DeliveryOptions`.
    """

    # For a subclass that has no use for the arguments and does not pass them on.
    _construct_id: str | None = None
    _delivery: DeliveryOptions | None = None
    _connector: str | None = None

    def __init__(
        self, *, construct_id: str | None = None, delivery: DeliveryOptions | None = None
    ) -> None:
        if construct_id is not None:
            problem = "must be 1 to 64 letters and digits, the first a capital"
            check_text("construct_id", construct_id, _CONSTRUCT_ID, problem, known=True)
        if delivery is not None:
            example = "DeliveryOptions(max_concurrency=10)"
            check_instance("delivery", delivery, DeliveryOptions, example)
        self._construct_id = construct_id
        self._delivery = delivery

    @property
    def construct_id(self) -> str:
        """Names what belongs to this destination where there are several."""
        return self._construct_id or type(self).__name__.removesuffix("Destination")

    @property
    def delivery(self) -> DeliveryOptions | None:
        """How this destination's events are delivered; ``None`` as the connector says."""
        return self._delivery

    @property
    def module(self) -> DestinationModule | BuiltInModule:
        """The code that delivers the events. A destination of one's own has to have it.

        Raises:
            PropError: This class has none.
        """
        raise PropError(
            "destination",
            "must be a Destination with the property module, the code that delivers its events",
            self,
            'add it, such as return DestinationModule(name="shop_webhook", directory="runtime")',
        )

    @property
    def max_attribute_name(self) -> int | None:
        """Longest name of a user attribute that the destination takes, in characters.

        ``None``, the default, for any.
        """
        return None

    @property
    def used_user_attributes(self) -> Sequence[str]:
        """Names of the user attributes that something is made of here, beyond passing them on.

        The connector warns of those that nobody may set. Default: none.
        """
        return ()

    @property
    def authenticated_only(self) -> bool:
        """Whether something here waits for events that an authorizer vouches for.

        The connector warns if it has no authorizer. Default: no.
        """
        return False

    @final
    def claim(self, connector: Construct) -> None:
        """Make this destination ``connector``'s, before anything is added for it.

        Raises:
            PropError: It is another connector's already.
        """
        if self._connector is not None:
            raise PropError(
                "destination",
                f"must be an object of its own in each connector, and this one is that of "
                f"{self._connector!r} already",
                self,
                f"make another {type(self).__name__} for {connector.node.path!r}",
            )
        # A destination of somebody's own may be a frozen dataclass.
        object.__setattr__(self, "_connector", connector.node.path)

    # Not abstract: few destinations bring anything of their own.
    def add_resources(self, scope: Construct) -> None:  # noqa: B027
        """Add the resources that the destination brings along. Default: it brings none.

        Called once, before :meth:`bind`.

        Args:
            scope: Holds them. It is the same whether the destination is the only one, the first or
                another of several, so that their logical ids stay the same too.
        """

    @abstractmethod
    def bind(self, function: lambda_.Function) -> None:
        """Configure ``function`` for this destination and grant it what it needs, no more.

        It must not refer to the endpoint's URL: the endpoint waits for it. The environment
        variables that the connector gives the function, ``DESTINATION`` among them, are not its to
        change.
        """
