"""The base class of destinations."""

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
    """Base class of destinations: the services that events are delivered to.

    An object belongs to one connector, because it may keep references to resources that it added to
    that connector.

    For a destination of your own, write a subclass with :attr:`module` and :meth:`bind`.
    ``docs/own-destination.md`` has a complete example.

    Args:
        construct_id: Id of this destination's constructs, such as its queue, if there are several
            destinations. If you change it after deployment, the destination gets a new queue.
            Default: the kind of destination, such as ``Kinesis``.
        delivery: Delivery options that differ from the connector's. Default: none.

    Raises:
        PropError: ``construct_id`` is not letters and digits that begin with a capital, or
            ``delivery`` is not a :class:`~cdk_gtm_connector.DeliveryOptions`.
    """

    # Defaults for a subclass that does not call this class's __init__().
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
        """Id of this destination's constructs, if there are several destinations."""
        return self._construct_id or type(self).__name__.removesuffix("Destination")

    @property
    def delivery(self) -> DeliveryOptions | None:
        """Delivery options that differ from the connector's; ``None`` for none."""
        return self._delivery

    @property
    def module(self) -> DestinationModule | BuiltInModule:
        """The code that delivers the events. A subclass must have it.

        Raises:
            PropError: This class has no module.
        """
        raise PropError(
            "destination",
            "must be a Destination with the property module, the code that delivers its events",
            self,
            'add it, such as return DestinationModule(name="shop_webhook", directory="runtime")',
        )

    @property
    def max_attribute_name(self) -> int | None:
        """Maximum length of a user attribute's name, in characters.

        Default: ``None``, no maximum.
        """
        return None

    @property
    def used_user_attributes(self) -> Sequence[str]:
        """Names of user attributes that the destination itself uses, besides passing them on.

        The connector warns about names that no visitor may set. Default: none.
        """
        return ()

    @property
    def authenticated_only(self) -> bool:
        """True if the destination has a trigger that reacts only to authenticated events.

        The connector then warns if it has no authorizer. Default: ``False``.
        """
        return False

    @final
    def claim(self, connector: Construct) -> None:
        """Reserve this destination for ``connector``, before any resource is added for it.

        Raises:
            PropError: It belongs to another connector already.
        """
        if self._connector is not None:
            raise PropError(
                "destination",
                f"must be an object of its own in each connector, and this one is that of "
                f"{self._connector!r} already",
                self,
                f"make another {type(self).__name__} for {connector.node.path!r}",
            )
        # A custom destination may be a frozen dataclass.
        object.__setattr__(self, "_connector", connector.node.path)

    # Not abstract, because few destinations have resources of their own.
    def add_resources(self, scope: Construct) -> None:  # noqa: B027
        """Add the destination's own resources. Default: none.

        Called once, before :meth:`bind`.

        Args:
            scope: Parent of the resources. It does not depend on the number and order of
                destinations, so logical ids do not either.
        """

    @abstractmethod
    def bind(self, function: lambda_.Function) -> None:
        """Configure ``function`` for this destination, and grant it the permissions that it needs.

        An implementation must not refer to the endpoint's URL, because the endpoint depends on the
        function. It must not change the environment variables that the connector sets, such as
        ``DESTINATION``.
        """
