"""Amazon Connect Customer Profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aws_cdk as cdk

from cdk_gtm_connector.destinations.base import Destination
from cdk_gtm_connector.destinations.customer_profiles.behavior import ProfileBehavior
from cdk_gtm_connector.destinations.customer_profiles.checks import (
    DEFAULT_EVENT_EXPIRATION,
    check_constructs,
    check_events,
    check_existing_object_types,
    check_expiration,
    check_nothing_is_made,
    check_object_type_name,
    checked_visitors,
    refuse_without,
)
from cdk_gtm_connector.destinations.customer_profiles.domain import add_domain
from cdk_gtm_connector.destinations.customer_profiles.domain_resources import DomainResources
from cdk_gtm_connector.destinations.customer_profiles.object_types import (
    add_event_object_type,
    add_single_object_type,
    add_visitor_object_type,
    grant_put,
)
from cdk_gtm_connector.destinations.customer_profiles.profile_fields import (
    check_name,
    profile_fields,
)
from cdk_gtm_connector.destinations.customer_profiles.regions import check_place, check_region
from cdk_gtm_connector.destinations.module import BuiltInModule
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import check_boolean, check_number, number_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_customerprofiles as customer_profiles
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sqs as sqs
    from constructs import Construct

    from cdk_gtm_connector.delivery_options import DeliveryOptions
    from cdk_gtm_connector.destinations.customer_profiles.calculated_attribute import (
        CalculatedAttribute,
    )
    from cdk_gtm_connector.destinations.customer_profiles.event_trigger import ProfileEventTrigger
    from cdk_gtm_connector.destinations.customer_profiles.segment import Segment

_OBJECT_TYPE: Final = "GtmEvent"
_DEFAULT_EXPIRATION: Final = cdk.Duration.days(366)
# Half of the about 1,000 objects that a profile holds over all types: contacts are objects too.
_MAX_EVENTS: Final = 500


@named_props
class CustomerProfilesDestination(Destination):
    """Amazon Connect Customer Profiles: customers' profiles, and triggers for their events.

    The event's endpoint id is the key of its profile, which is created if it does not exist. Two
    object types hold the data:

    - Each event becomes an *event object*, with the event's id as its unique key, so that events
      can be counted. It changes no profile, and expires after ``event_expiration``.
    - Events that may set user attributes update one *visitor object* for each endpoint. The
    attributes in ``user_attributes`` are copied to the profile.

    ``docs/customer-profiles.md`` shows how profiles, calculated attributes, segments and triggers
    work together. For a record of every event, add a :class:`KinesisDestination` or a
    :class:`FirehoseDestination`.

    The domain and the object types are kept when they are removed from the stack, because deleting
    them would delete the profiles. Another stack can use them by name, with ``create_domain=False``
    and ``create_object_type=False``; ``cdk import`` brings them back into a stack
    (``docs/migrating-from-pinpoint.md``).

    Customer Profiles is allowed to use ``encryption_key``, and ``dead_letter_queue`` with its key,
    only for this domain. The CDK cannot change the policies of imported keys and queues, so the
    warnings ``cdk-gtm-connector:customerProfilesKeyPolicy`` and
    ``cdk-gtm-connector:customerProfilesQueuePolicy`` say what these policies must allow.

    Example:
        >>> CustomerProfilesDestination(
        ...     domain_name="shop",
        ...     user_attributes={"plan": "Attributes.plan", "email": "EmailAddress"},
        ...     calculated_attributes=[
        ...         CalculatedAttribute(
        ...             "purchases_30_days", event_type="purchase", statistic="COUNT", days=30
        ...         )
        ...     ],
        ...     event_trigger=ProfileEventTrigger(event_type="purchase"),
        ... )

    Args:
        domain_name: The domain, in the stack's account: 1 to 64 letters, digits, ``_`` and ``-``.
        region: The domain's Region, such as ``eu-west-2``. It is required if Customer Profiles is
            known to be missing in the stack's Region. A stack whose Region is unknown gets the
            warning ``cdk-gtm-connector:customerProfilesRegion``. In another Region than the
            stack's, the domain and the object types must already exist, and **personal data is
            stored in both Regions**: in the stack's queues until it is delivered, and in the
            domain's profiles. Default: the stack's Region.
        create_domain: Whether to create the domain. Default: no, it already exists.
        default_expiration: How long a new domain keeps data, 1 to 1,098 days (Customer Profiles'
            limit). Default: 366 days.
        encryption_key: Symmetric key in the domain's Region that encrypts a new domain. Default:
            AWS's own key.
        dead_letter_queue: Queue to which a new domain sends records that it cannot ingest from
            *other* applications. The delivering function does not need it, because it gets errors
            directly. Default: none.
        object_type_name: Name of the event objects' type: 1 to 255 letters, digits, ``_`` and ``-``
            that do not begin with a digit or ``-``. Default: ``GtmEvent``.
        visitor_object_type_name: Name of the visitor objects' type, with the same limits. Default:
            ``GtmVisitor`` if the types are created here (``ShopVisitor`` beside ``ShopEvent``).
            Otherwise none, and events and user attributes both go into the one existing object
            type.
        create_object_type: Whether to create the object types. An existing type keeps its mapping.
            A single existing type needs ``endpoint_id`` as its unique key. Together with a
            ``visitor_object_type_name``, the event objects' type needs ``event_id`` as its unique
            key and ``endpoint_id`` as a profile key. Default: yes.
        single_object_type: Whether to create only one object type, as earlier versions did. It
            holds an endpoint's newest event, whose user attributes are copied to the profile, and
            events cannot be counted. For existing stacks that have one, until they migrate
            (``docs/migrating-from-pinpoint.md``). Needs ``create_object_type``. Default: no.
        event_expiration: How long an event object is kept, 1 to 1,098 days (Customer Profiles'
            limit). Needs both object types to be created here. Default: 90 days.
        max_events_per_profile: Maximum event objects per profile, 1 to 1,000. A profile can have
            about 1,000 objects of all types together. Needs both object types to be created here.
            Default: 500.
        user_attributes: Names of the user attributes (``usat_…``) that are copied to the profile: a
            sequence, for custom attributes with the same names, or a mapping to the profile's
            fields, such as ``EmailAddress``, ``Address.City`` or ``Attributes.{name}``. A name has
            1 to 59 letters, digits, ``_`` and ``-``. ``GtmConnector`` says who may set them. Needs
            ``create_object_type``. Default: none.
        event_trigger: A trigger for events of one type. Default: none.
        event_triggers: More triggers, each with its own name and campaign. Default: none.
        calculated_attributes: Values computed from a profile's events. They need two object types.
            If the domain is in another Region, the function fills their fields, and you create the
            attributes there. Default: none.
        segments: Groups of profiles, for campaigns. Default: only the segments that triggers use.
        requests_per_second: The account's quota in the domain's Region, 1 to 100,000. Default: 100.
        construct_id: See :class:`Destination`.
        delivery: See :class:`Destination`.

    Raises:
        PropError: A prop has a value that cannot work.
    """

    def __init__(
        self,
        *,
        domain_name: str,
        create_domain: bool = False,
        default_expiration: cdk.Duration | None = None,
        encryption_key: kms.IKey | None = None,
        dead_letter_queue: sqs.IQueue | None = None,
        object_type_name: str = _OBJECT_TYPE,
        visitor_object_type_name: str | None = None,
        create_object_type: bool = True,
        single_object_type: bool = False,
        event_expiration: cdk.Duration | None = None,
        max_events_per_profile: int | None = None,
        user_attributes: Sequence[str] | Mapping[str, str] = (),
        event_trigger: ProfileEventTrigger | None = None,
        event_triggers: Sequence[ProfileEventTrigger] = (),
        calculated_attributes: Sequence[CalculatedAttribute] = (),
        segments: Sequence[Segment] = (),
        requests_per_second: int | None = None,
        construct_id: str | None = None,
        delivery: DeliveryOptions | None = None,
        region: str | None = None,
    ) -> None:
        super().__init__(construct_id=construct_id, delivery=delivery)
        check_name("domain_name", domain_name)
        check_region(region)
        check_boolean("create_domain", create_domain)
        check_boolean("create_object_type", create_object_type)
        check_boolean("single_object_type", single_object_type)
        check_constructs(encryption_key, dead_letter_queue, event_trigger)
        targets = profile_fields(user_attributes)
        if not create_domain:
            refuse_without(
                "create_domain",
                default_expiration=default_expiration,
                encryption_key=encryption_key,
                dead_letter_queue=dead_letter_queue,
            )
        if default_expiration is None:
            default_expiration = _DEFAULT_EXPIRATION
        check_expiration("default_expiration", default_expiration)
        check_object_type_name("object_type_name", object_type_name)
        if not create_object_type:
            check_existing_object_types(user_attributes, create_domain=create_domain)
        if requests_per_second is not None:
            check_number("requests_per_second", requests_per_second, 1, 100_000)
        behavior = ProfileBehavior.of(
            calculated_attributes, segments, event_trigger, event_triggers
        )
        visitors = checked_visitors(
            visitor_object_type_name,
            object_type_name,
            create_object_type=create_object_type,
            single_object_type=single_object_type,
        )
        check_events(
            event_expiration,
            max_events_per_profile,
            behavior,
            counted=visitors is not None,
            created=create_object_type and not single_object_type,
        )
        self._domain_name = domain_name
        self._region = region
        self._create_domain = create_domain
        self._default_expiration = default_expiration
        self._encryption_key = encryption_key
        self._dead_letter_queue = dead_letter_queue
        self._object_type_name = object_type_name
        self._create_object_type = create_object_type
        self._user_attributes = targets
        self._visitor_object_type_name = visitors
        self._event_expiration = event_expiration or DEFAULT_EVENT_EXPIRATION
        self._max_events_per_profile = (
            _MAX_EVENTS if max_events_per_profile is None else max_events_per_profile
        )
        self._behavior = behavior
        self._requests_per_second = requests_per_second
        self._domain: customer_profiles.CfnDomain | None = None
        self._object_type: customer_profiles.CfnObjectType | None = None
        self._visitor_object_type: customer_profiles.CfnObjectType | None = None
        # The resource that must exist before an event is put, if this stack creates it.
        self._needs: tuple[cdk.CfnResource, ...] = ()

    @property
    def module(self) -> BuiltInModule:
        """See :attr:`Destination.module`."""
        return BuiltInModule("customer-profiles")

    @property
    def max_attribute_name(self) -> int:
        """255: Customer Profiles' limit for a custom attribute's name."""
        return 255

    @property
    def used_user_attributes(self) -> Sequence[str]:
        """See :attr:`Destination.used_user_attributes`: those that are copied to the profile."""
        return tuple(self._user_attributes)

    @property
    def authenticated_only(self) -> bool:
        """See :attr:`Destination.authenticated_only`: true if a trigger has it."""
        return self._behavior.authenticated_only

    @property
    def domain(self) -> customer_profiles.CfnDomain | None:
        """The new domain; ``None`` for an existing domain, or before the connector is created."""
        return self._domain

    @property
    def object_type(self) -> customer_profiles.CfnObjectType | None:
        """The new event objects' type, or the single one; ``None`` as for :attr:`domain`."""
        return self._object_type

    @property
    def visitor_object_type(self) -> customer_profiles.CfnObjectType | None:
        """The new visitor objects' type; ``None`` as for :attr:`domain`, or if there is none."""
        return self._visitor_object_type

    def add_resources(self, scope: Construct) -> None:
        """See :meth:`Destination.add_resources`."""
        check_place(scope, self._region)
        if self._is_elsewhere(cdk.Stack.of(scope)):
            check_nothing_is_made(
                cdk.Stack.of(scope),
                self._region,
                create_domain=self._create_domain,
                create_object_type=self._create_object_type,
                **self._behavior.resources,
            )
        created = DomainResources.of(cdk.Stack.of(scope), self._domain_name)
        if self._create_domain:
            if created.domain is not None:
                raise PropError(
                    "create_domain",
                    "must not be True for a {domain_name} that this stack makes already",
                    got=True,
                    others={"domain_name": self._domain_name},
                )
            created.domain = self._domain = add_domain(
                scope,
                self._domain_name,
                default_expiration=self._default_expiration,
                encryption_key=self._encryption_key,
                dead_letter_queue=self._dead_letter_queue,
            )
        if self._create_object_type:
            for prop, name in (
                ("object_type_name", self._object_type_name),
                ("visitor_object_type_name", self._visitor_object_type_name),
            ):
                created.check_new(prop, name)
            self._add_object_types(scope, created)
        elif self._visitor_object_type_name is None:
            created.check_single(self._object_type_name)
        names = (self._object_type_name, self._visitor_object_type_name)
        types = tuple(created.object_types[name] for name in names if name in created.object_types)
        self._needs = types or (() if created.domain is None else (created.domain,))
        if self._is_elsewhere(cdk.Stack.of(scope)):
            return  # the function only fills the fields of attributes elsewhere
        first = created.object_types.get(self._object_type_name, created.domain)
        self._behavior.add_to(scope, self._domain_name, self._object_type_name, first)

    def bind(self, function: lambda_.Function) -> None:
        """See :meth:`Destination.bind`."""
        function.add_environment("CUSTOMER_PROFILES_DOMAIN_NAME", self._domain_name)
        function.add_environment("CUSTOMER_PROFILES_OBJECT_TYPE_NAME", self._object_type_name)
        if self._requests_per_second is not None:
            function.add_environment(
                "CUSTOMER_PROFILES_REQUESTS_PER_SECOND", number_text(self._requests_per_second)
            )
        stack = cdk.Stack.of(function)
        if self._is_elsewhere(stack):
            function.add_environment("CUSTOMER_PROFILES_REGION", self._region or "")
        if self._visitor_object_type_name is not None:
            function.add_environment(
                "CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME", self._visitor_object_type_name
            )
        if self._behavior.rules:
            function.add_environment(
                "CUSTOMER_PROFILES_CALCULATED_ATTRIBUTES", self._behavior.rules
            )
        for object_type_name in (self._object_type_name, self._visitor_object_type_name):
            if object_type_name is not None:
                grant_put(function, self._domain_name, object_type_name, self._region)
        for resource in self._needs:
            # Without the object type, the first batch would fail and be retried much later.
            function.node.add_dependency(resource)
        if self._may_be_an_event_object_type():
            cdk.Annotations.of(function).add_warning_v2(
                "cdk-gtm-connector:visitorObjectType",
                f"The object type {self._object_type_name} exists, and no visitor_object_type_name "
                "is given, so it must have endpoint_id as its unique key and map user attributes. "
                "One that this library makes has neither, unless with single_object_type=True: "
                'then give visitor_object_type_name="GtmVisitor".',
            )

    def _may_be_an_event_object_type(self) -> bool:
        return (
            not self._create_object_type
            and self._visitor_object_type_name is None
            and self._object_type_name == _OBJECT_TYPE
            and not self._needs
        )

    def _is_elsewhere(self, stack: cdk.Stack) -> bool:
        """Return whether the domain may be in another Region than ``stack``."""
        return self._region is not None and self._region != stack.region

    def _add_object_types(self, scope: Construct, created: DomainResources) -> None:
        fields = self._behavior.fields
        if self._visitor_object_type_name is None:
            self._object_type = add_single_object_type(
                scope,
                self._domain_name,
                self._object_type_name,
                fields=fields,
                user_attributes=self._user_attributes,
            )
        else:
            self._object_type = add_event_object_type(
                scope,
                self._domain_name,
                self._object_type_name,
                fields=fields,
                expiration=self._event_expiration,
                max_objects=self._max_events_per_profile,
            )
            self._visitor_object_type = add_visitor_object_type(
                scope,
                self._domain_name,
                self._visitor_object_type_name,
                user_attributes=self._user_attributes,
            )
            created.object_types[self._visitor_object_type_name] = self._visitor_object_type
        created.object_types[self._object_type_name] = self._object_type
        for object_type in (self._object_type, self._visitor_object_type):
            if object_type is not None and created.domain is not None:
                object_type.node.add_dependency(created.domain)
