"""Amazon Connect Customer Profiles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_customerprofiles as customer_profiles
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from cdk_gtm_connector.checks import check_queue
from cdk_gtm_connector.destinations.base import Destination
from cdk_gtm_connector.destinations.module import BuiltInModule
from cdk_gtm_connector.destinations.profile_behavior import ProfileBehavior
from cdk_gtm_connector.destinations.profile_event_trigger import ProfileEventTrigger
from cdk_gtm_connector.destinations.profile_fields import check_name, profile_fields
from cdk_gtm_connector.destinations.profile_object_types import (
    add_event_object_type,
    add_single_object_type,
    add_visitor_object_type,
)
from cdk_gtm_connector.destinations.regions import check_place, check_region
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.keys import SENDING, check_key, let_service_in
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import (
    check_boolean,
    check_duration,
    check_instance,
    check_number,
    check_text,
    number_text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_
    from constructs import Construct

    from cdk_gtm_connector.delivery_options import DeliveryOptions
    from cdk_gtm_connector.destinations.calculated_attribute import CalculatedAttribute
    from cdk_gtm_connector.destinations.segment import Segment

_SERVICE: Final = "profile.amazonaws.com"
_OBJECT_TYPE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,254}", re.ASCII)
_NAME_PROBLEM: Final = (
    "must be 1 to 255 letters, digits, _ and - that do not begin with a digit or -"
)
_OBJECT_TYPE: Final = "GtmEvent"
_EVENT_EXPIRATION: Final = 90  # days
# Half of the about 1,000 objects that a profile holds over all types: contacts are objects too.
_MAX_EVENTS: Final = 500


@named_props
class CustomerProfilesDestination(Destination):
    """Amazon Connect Customer Profiles: who the customer is, and triggers for what they do.

    It brings along two object types, which say what becomes of an event. Both find the profile that
    has the event's endpoint id as its key, or make it:

    - An *event object* for each event. It has the event's id as its unique key, so that each is one
      that can be counted, and changes nothing of the profile. It goes after ``event_expiration``.
    - A *visitor object* for each endpoint, from events that may set user attributes. Those named
      here become the profile's, and an event of somebody else's does not replace them.

    ``docs/customer-profiles.md`` shows how profiles, calculated attributes, segments and triggers
    go together. For the record of every event put a :class:`KinesisDestination` or a
    :class:`FirehoseDestination` beside it.

    A domain, and the object types, stay when they are taken out of the stack: with them would go
    the profiles, and the events in them. To use what is there from a new stack, name it, with
    ``create_domain`` and ``create_object_type`` at ``False``; ``cdk import`` brings it back into
    the stack, see ``docs/migrating-from-pinpoint.md``.

    Customer Profiles is let into the ``encryption_key``, and into the ``dead_letter_queue`` and its
    key, on behalf of this domain alone. Where these are imported, their policies are somebody
    else's to write, and a warning says what they must allow:
    ``cdk-gtm-connector:customerProfilesKeyPolicy`` and
    ``cdk-gtm-connector:customerProfilesQueuePolicy``.

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
        domain_name: The domain, in the account of the stack: 1 to 64 letters, digits, ``_`` and
            ``-``.
        region: The domain's Region, ``eu-west-2`` for instance. Not every Region has Customer
            Profiles: a stack that is known to be where it is not has to name another, and a stack
            whose Region is not known gets a warning, ``cdk-gtm-connector:customerProfilesRegion``.
            In another Region than the stack's nothing can be made: the domain and the object type
            have to be there. **The events' personal data then lies in both**: in queues here until
            it is delivered, in profiles there. Default: the stack's.
        create_domain: Whether the domain is made. Default: no, it exists.
        default_expiration: How long the new domain keeps what comes in, 1 to 1,098 days (Customer
            Profiles' limit). Default: 366 days.
        encryption_key: Encrypts the new domain: a symmetric key in its Region. Default: a key of
            AWS's.
        dead_letter_queue: Where the new domain reports what it cannot ingest from *other*
            applications; what this function puts is answered at once. Default: nowhere.
        object_type_name: Name of the event objects' type in the domain: 1 to 255 letters, digits,
            ``_`` and ``-`` that do not begin with a digit or ``-``. Default: ``GtmEvent``.
        visitor_object_type_name: The same of the visitor objects' type. Default: where the object
            types are made, ``GtmVisitor``, and ``ShopVisitor`` beside ``ShopEvent``; otherwise
            none, the one object type that exists gets both.
        create_object_type: Whether the object types are made. One that exists keeps its own
            mapping. Alone it has to have ``endpoint_id`` as its unique key; beside a
            ``visitor_object_type_name`` it has to have ``event_id`` as its unique key and
            ``endpoint_id`` as a key of the profile. Default: yes.
        single_object_type: Whether there is one object type alone, as in earlier versions: it has
            the endpoint id as its unique key, so a profile holds the endpoint's newest event, whose
            user attributes become the profile's, and nothing can be counted. It is for stacks that
            have one, until they move over, see ``docs/migrating-from-pinpoint.md``. Needs
            ``create_object_type``. Default: no.
        event_expiration: How long an event object is kept, 1 to 1,098 days (Customer Profiles'
            limit). Needs the two object types to be made. Default: 90 days.
        max_events_per_profile: How many event objects a profile holds, 1 to 1,000, out of the about
            1,000 objects of all types that Customer Profiles keeps in one. Needs the two object
            types to be made. Default: 500.
        user_attributes: Names of the user attributes (``usat_…``) that become the profile's: a
            sequence, for custom attributes of the same names, or a mapping to the profile's fields,
            ``EmailAddress``, ``Address.City`` or ``Attributes.{name}`` for instance. A name has 1
            to 59 letters, digits, ``_`` and ``-``. Who may set them is for ``GtmConnector`` to say,
            which warns of those that nobody may. Needs ``create_object_type``. Default: none.
        event_trigger: A trigger for a named event. Default: none.
        event_triggers: More of them, each with a name and a campaign of its own. Default: none.
        calculated_attributes: What is counted, added up or picked of a profile's events. Needs two
            object types. One in another Region is not made here; the function fills its field.
            Default: none.
        segments: Groups of profiles, for campaigns. Default: none but those of triggers.
        requests_per_second: The account's quota in the Region, 1 to 100,000. Default: 100.
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
        _check_constructs(encryption_key, dead_letter_queue, event_trigger)
        targets = profile_fields(user_attributes)
        if not create_domain:
            _refuse_without(
                "create_domain",
                default_expiration=default_expiration,
                encryption_key=encryption_key,
                dead_letter_queue=dead_letter_queue,
            )
        if default_expiration is None:
            default_expiration = cdk.Duration.days(366)
        shortest, longest = cdk.Duration.days(1), cdk.Duration.days(1_098)
        check_duration("default_expiration", default_expiration, shortest, longest, unit="days")
        check_text("object_type_name", object_type_name, _OBJECT_TYPE_NAME, _NAME_PROBLEM)
        if not create_object_type:
            if user_attributes:
                raise PropError(
                    "user_attributes",
                    "must not be given without {create_object_type}, for an object type that "
                    "exists has a mapping of its own (map them there, or bring the object type "
                    "into the stack with cdk import)",
                    user_attributes,
                    others={"create_object_type": False},
                )
            if create_domain:
                raise PropError(
                    "create_object_type",
                    "must not be False with {create_domain}, for a new domain has no object types",
                    got=False,
                    others={"create_domain": True},
                )
        if requests_per_second is not None:
            check_number("requests_per_second", requests_per_second, 1, 100_000)
        behavior = ProfileBehavior.of(
            calculated_attributes, segments, event_trigger, event_triggers
        )
        visitors = _checked_visitors(
            visitor_object_type_name,
            object_type_name,
            create_object_type=create_object_type,
            single_object_type=single_object_type,
        )
        _check_events(
            event_expiration,
            max_events_per_profile,
            behavior,
            counted=visitors is not None,
            made=create_object_type and not single_object_type,
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
        self._event_expiration = event_expiration or cdk.Duration.days(_EVENT_EXPIRATION)
        self._max_events_per_profile = (
            _MAX_EVENTS if max_events_per_profile is None else max_events_per_profile
        )
        self._behavior = behavior
        self._requests_per_second = requests_per_second
        self._domain: customer_profiles.CfnDomain | None = None
        self._object_type: customer_profiles.CfnObjectType | None = None
        self._visitor_object_type: customer_profiles.CfnObjectType | None = None
        # What has to be there before an event is put, if this stack makes it at all.
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
        """See :attr:`Destination.used_user_attributes`: those that become the profile's."""
        return tuple(self._user_attributes)

    @property
    def authenticated_only(self) -> bool:
        """See :attr:`Destination.authenticated_only`: whether that is what starts the trigger."""
        return self._behavior.authenticated_only

    @property
    def domain(self) -> customer_profiles.CfnDomain | None:
        """The new domain, ``None`` if it exists, or before the connector is made."""
        return self._domain

    @property
    def object_type(self) -> customer_profiles.CfnObjectType | None:
        """The new type of the event objects, or the single new object type.

        ``None`` if it exists, or before the connector is made.
        """
        return self._object_type

    @property
    def visitor_object_type(self) -> customer_profiles.CfnObjectType | None:
        """The new type of the visitor objects.

        ``None`` if there is none or it exists, or before the connector is made.
        """
        return self._visitor_object_type

    def add_resources(self, scope: Construct) -> None:
        """See :meth:`Destination.add_resources`."""
        check_place(scope, self._region)
        if self._is_elsewhere(cdk.Stack.of(scope)):
            self._refuse_to_make_anything(cdk.Stack.of(scope))
        made = _Made.of(cdk.Stack.of(scope), self._domain_name)
        if self._create_domain:
            if made.domain is not None:
                raise PropError(
                    "create_domain",
                    "must not be True for a {domain_name} that this stack makes already",
                    got=True,
                    others={"domain_name": self._domain_name},
                )
            made.domain = self._domain = self._add_domain(scope)
        if self._create_object_type:
            self._check_names(made)
            self._add_object_types(scope, made)
        elif self._visitor_object_type_name is None:
            self._refuse_event_objects(made)
        names = (self._object_type_name, self._visitor_object_type_name)
        types = tuple(made.object_types[name] for name in names if name in made.object_types)
        self._needs = types or (() if made.domain is None else (made.domain,))
        if self._is_elsewhere(cdk.Stack.of(scope)):
            return  # what is counted is made there; here the function fills its fields
        first = made.object_types.get(self._object_type_name, made.domain)
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
                self._grant_put(function, object_type_name)
        for resource in self._needs:
            # The first batch would find no such object type, and come back much later.
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

    def _grant_put(self, function: lambda_.Function, object_type_name: str) -> None:
        """Let ``function`` put objects of one type."""
        stack = cdk.Stack.of(function)
        # Customer Profiles has no L2 construct to ask for a grant. It is the permission for
        # BatchPutProfileObject as well: IAM has no action of that name. The service authorization
        # reference wants it for the domain and for the object type.
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["profile:PutProfileObject"],
                resources=[
                    stack.format_arn(
                        service="profile",
                        region=self._region,
                        resource="domains",
                        resource_name=name,
                    )
                    for name in (
                        self._domain_name,
                        f"{self._domain_name}/object-types/{object_type_name}",
                    )
                ],
            )
        )

    def _is_elsewhere(self, stack: cdk.Stack) -> bool:
        """Return whether the domain may be in another Region than ``stack``."""
        return self._region is not None and self._region != stack.region

    def _refuse_to_make_anything(self, stack: cdk.Stack) -> None:
        here = (
            "whose Region is not known (give it an env)"
            if cdk.Token.is_unresolved(stack.region)
            else f"in {stack.region}"
        )
        for prop, made in (
            ("create_domain", self._create_domain),
            ("create_object_type", self._create_object_type),
            ("event_trigger", self._trigger_of("event_trigger")),
            ("event_triggers", self._trigger_of("event_triggers")),
            ("segments", self._behavior.segments),
        ):
            if made:
                nothing = {"event_trigger": "None", "event_triggers": "empty", "segments": "empty"}
                raise PropError(
                    prop,
                    f"must be {nothing.get(prop, 'False')} with {{region}} in a stack {here}, for "
                    "a stack makes nothing in another Region",
                    made,
                    "make the domain and the object types in a stack there",
                    others={"region": self._region},
                )

    def _trigger_of(self, prop: str) -> ProfileEventTrigger | None:
        found = [trigger for of, trigger in self._behavior.triggers.values() if of == prop]
        return found[0] if found else None

    def _add_domain(self, scope: Construct) -> customer_profiles.CfnDomain:
        domain = customer_profiles.CfnDomain(
            scope,
            "Domain",
            domain_name=self._domain_name,
            default_expiration_days=self._default_expiration.to_days(),
            default_encryption_key=(
                None if self._encryption_key is None else self._encryption_key.key_arn
            ),
            dead_letter_queue_url=(
                None if self._dead_letter_queue is None else self._dead_letter_queue.queue_url
            ),
        )
        domain.apply_removal_policy(cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        self._let_service_in(domain)
        return domain

    def _let_service_in(self, domain: customer_profiles.CfnDomain) -> None:
        """Let Customer Profiles use the key and the queue, on behalf of this domain alone."""
        stack = cdk.Stack.of(domain)
        # Made of the name: the domain's own reference would come after the key that it needs.
        arn = stack.format_arn(
            service="profile", resource="domains", resource_name=self._domain_name
        )
        account = {"aws:SourceAccount": stack.account}
        # In calls for an object type the source is domains/{domain}/objects/{object type}.
        on_behalf = {
            "StringEquals": account,
            "ArnLike": {"aws:SourceArn": [arn, f"{arn}/*"]},
        }
        if self._encryption_key is not None:
            let_service_in(
                domain,
                self._encryption_key,
                actions=("kms:GenerateDataKey", "kms:CreateGrant", "kms:Decrypt"),
                conditions=on_behalf,
                service=_SERVICE,
                warning="cdk-gtm-connector:customerProfilesKeyPolicy",
                name="encryption_key",
            )
        queue = self._dead_letter_queue
        if queue is None:
            return
        added = queue.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(_SERVICE)],
                actions=["sqs:SendMessage"],
                resources=[queue.queue_arn],
                conditions=on_behalf,
            )
        )
        if not added.statement_added:
            cdk.Annotations.of(domain).add_warning_v2(
                "cdk-gtm-connector:customerProfilesQueuePolicy",
                "dead_letter_queue is imported, so its policy is not written here: it must allow "
                f"sqs:SendMessage to {_SERVICE}, and the policy of its key, if it has one, "
                "kms:GenerateDataKey and kms:Decrypt.",
            )
        # Customer Profiles may try the queue when it makes the domain.
        policy = queue.node.try_find_child("Policy")
        if policy is not None:
            domain.node.add_dependency(policy)
        if queue.encryption_master_key is not None:
            let_service_in(
                domain,
                queue.encryption_master_key,
                actions=SENDING,
                conditions=on_behalf,
                service=_SERVICE,
                warning="cdk-gtm-connector:customerProfilesKeyPolicy",
                name="dead_letter_queue's key",
            )
        elif queue.encryption_type == sqs.QueueEncryption.KMS_MANAGED:
            cdk.Annotations.of(domain).add_warning_v2(
                "cdk-gtm-connector:customerProfilesKeyPolicy",
                "dead_letter_queue is encrypted with alias/aws/sqs, whose policy lets no service "
                "in and cannot be changed: encrypt it with SQS_MANAGED, or with a key of your own.",
            )

    def _refuse_event_objects(self, made: _Made) -> None:
        """Refuse to share the type of event objects alone: user attributes would go nowhere."""
        shared = made.object_types.get(self._object_type_name)
        # Of the types that are made here, that one alone has a maximum.
        if shared is not None and shared.max_profile_object_count is not None:
            raise PropError(
                "visitor_object_type_name",
                "must be given with an {object_type_name} that this stack makes for event objects",
                None,
                others={"object_type_name": self._object_type_name},
            )

    def _check_names(self, made: _Made) -> None:
        """Refuse to make an object type that this stack makes already."""
        for prop, name in (
            ("object_type_name", self._object_type_name),
            ("visitor_object_type_name", self._visitor_object_type_name),
        ):
            if name in made.object_types:
                raise PropError(
                    prop,
                    "must not be that of an object type that this stack makes in {domain_name} "
                    "already",
                    name,
                    "take another name, or share it with create_object_type=False",
                    {"domain_name": self._domain_name},
                )

    def _add_object_types(self, scope: Construct, made: _Made) -> None:
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
            made.object_types[self._visitor_object_type_name] = self._visitor_object_type
        made.object_types[self._object_type_name] = self._object_type
        for object_type in (self._object_type, self._visitor_object_type):
            if object_type is not None and made.domain is not None:
                object_type.node.add_dependency(made.domain)


@dataclass(slots=True)
class _Made:
    """What a stack makes already, of the same names, for whichever connector.

    The names are unique in the account: a second one would fail only when it is deployed.
    """

    domain: customer_profiles.CfnDomain | None
    object_types: dict[str, customer_profiles.CfnObjectType]

    @classmethod
    def of(cls, stack: cdk.Stack, domain_name: str) -> _Made:
        made = cls(None, {})
        for construct in stack.node.find_all():
            match construct:
                case customer_profiles.CfnDomain() if construct.domain_name == domain_name:
                    made.domain = construct
                case customer_profiles.CfnObjectType() if construct.domain_name == domain_name:
                    made.object_types[construct.object_type_name] = construct
        return made


def _checked_visitors(
    name: str | None, object_type_name: str, *, create_object_type: bool, single_object_type: bool
) -> str | None:
    """Return the name of the visitor objects' type, ``None`` for a single object type."""
    if name is not None:
        check_text("visitor_object_type_name", name, _OBJECT_TYPE_NAME, _NAME_PROBLEM)
        if name == object_type_name:
            raise PropError(
                "visitor_object_type_name",
                "must be another one than {object_type_name}",
                name,
                others={"object_type_name": object_type_name},
            )
    if single_object_type:
        for prop, value, other in (
            ("visitor_object_type_name", name, True),
            ("single_object_type", None if create_object_type else True, False),
        ):
            if value is not None:
                needed = "single_object_type" if other else "create_object_type"
                raise PropError(
                    prop, f"must not be given with {{{needed}}}", value, others={needed: other}
                )
        return None
    if name is None and create_object_type:
        name = f"{object_type_name.removesuffix('Event')}Visitor"
        problem = "must leave room for Visitor"
        check_text("object_type_name", name, _OBJECT_TYPE_NAME, f"{problem}: {_NAME_PROBLEM}")
    return name


def _check_events(
    expiration: cdk.Duration | None,
    max_events: int | None,
    behavior: ProfileBehavior,
    *,
    counted: bool,
    made: bool,
) -> None:
    """Check what is said of event objects.

    Args:
        expiration: How long they are kept.
        max_events: How many of them.
        behavior: What is counted of them.
        counted: Whether each event is an object.
        made: Whether their type is made.
    """
    if expiration is not None:
        shortest, longest = cdk.Duration.days(1), cdk.Duration.days(1_098)
        check_duration("event_expiration", expiration, shortest, longest, unit="days")
    if max_events is not None:
        check_number("max_events_per_profile", max_events, 1, 1_000)
    for prop, value in (
        ("event_expiration", expiration),
        ("max_events_per_profile", max_events),
    ):
        if value is not None and not made:
            raise PropError(
                prop, "must not be given unless this makes event objects a type of their own", value
            )
    if behavior.calculated_attributes and not counted:
        raise PropError(
            "calculated_attributes",
            "must not be given with a single object type, of which an endpoint has one object, so "
            "that there is nothing to count",
            behavior.calculated_attributes[0].name,
            "give visitor_object_type_name, or leave out single_object_type",
        )
    kept = expiration or cdk.Duration.days(_EVENT_EXPIRATION)
    if made and not kept.is_unresolved():
        for attribute in behavior.calculated_attributes:
            if isinstance(attribute.days, int) and attribute.days > kept.to_days():
                raise PropError(
                    "calculated_attributes",
                    "must not look further back than {event_expiration}, when events are gone",
                    attribute.days,
                    others={"event_expiration": kept},
                )


def _check_constructs(key: object, queue: object, trigger: object) -> None:
    if key is not None:
        check_key("encryption_key", key)
    if queue is not None:
        check_queue("dead_letter_queue", queue)
    if trigger is not None:
        example = 'ProfileEventTrigger(event_type="purchase")'
        check_instance("event_trigger", trigger, ProfileEventTrigger, example)


def _refuse_without(switch: str, **props: object) -> None:
    for prop, value in props.items():
        if value is not None:
            raise PropError(
                prop, f"must not be given without {{{switch}}}", value, others={switch: False}
            )
