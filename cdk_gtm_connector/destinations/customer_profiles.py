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
from cdk_gtm_connector.destinations.profile_event_trigger import ProfileEventTrigger
from cdk_gtm_connector.destinations.profile_fields import (
    CONTENT_TYPES,
    FIELD_PREFIX,
    check_name,
    profile_fields,
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

ENDPOINT_KEY: Final = "GtmEndpointId"
"""Name of the key that finds a profile by its endpoint id, the same in every object type."""

_SERVICE: Final = "profile.amazonaws.com"
_OBJECT_TYPE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,254}", re.ASCII)

# What the function puts into each object besides attributes, metrics and user attributes.
_FIELDS: Final = ("endpoint_id", "event_id", "event_type", "timestamp", "access", "user_id")


@named_props
class CustomerProfilesDestination(Destination):
    """Amazon Connect Customer Profiles: who the customer is, and triggers for what they do.

    It brings along an object type, which says what becomes of an event: the profile that has the
    event's endpoint id as its key is found, or made, and the user attributes named here become the
    profile's. The endpoint id is the object's unique key as well: a profile holds the endpoint's
    newest event, not all of them, of which Customer Profiles would keep about a thousand. For the
    record of every event put a :class:`KinesisDestination` or a :class:`FirehoseDestination` beside
    it.

    A domain, and the object type, stay when they are taken out of the stack: with them would go the
    profiles, and the events in them. To use what is there from a new stack, name it, with
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
        object_type_name: Name of the object type in the domain: 1 to 255 letters, digits, ``_`` and
            ``-`` that do not begin with a digit or ``-``. Default: ``GtmEvent``.
        create_object_type: Whether the object type is made. One that exists keeps its own mapping,
            and has to have ``endpoint_id`` as its unique key. Default: yes.
        user_attributes: Names of the user attributes (``usat_…``) that become the profile's: a
            sequence, for custom attributes of the same names, or a mapping to the profile's fields,
            ``EmailAddress``, ``Address.City`` or ``Attributes.{name}`` for instance. A name has 1
            to 59 letters, digits, ``_`` and ``-``. Who may set them is for ``GtmConnector`` to say,
            which warns of those that nobody may. Needs ``create_object_type``. Default: none.
        event_trigger: A trigger for a named event. Default: none.
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
        object_type_name: str = "GtmEvent",
        create_object_type: bool = True,
        user_attributes: Sequence[str] | Mapping[str, str] = (),
        event_trigger: ProfileEventTrigger | None = None,
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
        problem = "must be 1 to 255 letters, digits, _ and - that do not begin with a digit or -"
        check_text("object_type_name", object_type_name, _OBJECT_TYPE_NAME, problem)
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
        self._domain_name = domain_name
        self._region = region
        self._create_domain = create_domain
        self._default_expiration = default_expiration
        self._encryption_key = encryption_key
        self._dead_letter_queue = dead_letter_queue
        self._object_type_name = object_type_name
        self._create_object_type = create_object_type
        self._user_attributes = targets
        self._event_trigger = event_trigger
        self._requests_per_second = requests_per_second
        self._domain: customer_profiles.CfnDomain | None = None
        self._object_type: customer_profiles.CfnObjectType | None = None
        # What has to be there before an event is put, if this stack makes it at all.
        self._needs: cdk.CfnResource | None = None

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
        return self._event_trigger is not None and self._event_trigger.authenticated_only

    @property
    def domain(self) -> customer_profiles.CfnDomain | None:
        """The new domain, ``None`` if it exists, or before the connector is made."""
        return self._domain

    @property
    def object_type(self) -> customer_profiles.CfnObjectType | None:
        """The new object type, ``None`` if it exists, or before the connector is made."""
        return self._object_type

    def add_resources(self, scope: Construct) -> None:
        """See :meth:`Destination.add_resources`."""
        check_place(scope, self._region)
        if self._is_elsewhere(cdk.Stack.of(scope)):
            self._refuse_to_make_anything(cdk.Stack.of(scope))
        made = _Made.of(cdk.Stack.of(scope), self._domain_name, self._object_type_name)
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
            if made.object_type is not None:
                raise PropError(
                    "object_type_name",
                    "must not be that of an object type that this stack makes in {domain_name} "
                    "already",
                    self._object_type_name,
                    "take another name, or share it with create_object_type=False",
                    {"domain_name": self._domain_name},
                )
            made.object_type = self._object_type = self._add_object_type(scope, made.domain)
        self._needs = made.object_type or made.domain
        if self._event_trigger is not None:
            if self._event_trigger.trigger_name in made.trigger_names:
                raise PropError(
                    "event_trigger",
                    "must not have the name of a trigger that this stack makes in {domain_name} "
                    "already",
                    self._event_trigger.trigger_name,
                    others={"domain_name": self._domain_name},
                )
            self._add_event_trigger(scope, self._event_trigger)

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
                        f"{self._domain_name}/object-types/{self._object_type_name}",
                    )
                ],
            )
        )
        if self._needs is not None:
            # The first batch would find no such object type, and come back much later.
            function.node.add_dependency(self._needs)

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
            ("event_trigger", self._event_trigger),
        ):
            if made:
                nothing = None if prop == "event_trigger" else False
                raise PropError(
                    prop,
                    f"must be {nothing} with {{region}} in a stack {here}, for a stack makes "
                    "nothing in another Region",
                    made,
                    "make the domain and the object type in a stack there",
                    others={"region": self._region},
                )

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

    def _add_object_type(
        self, scope: Construct, domain: customer_profiles.CfnDomain | None
    ) -> customer_profiles.CfnObjectType:
        object_type = customer_profiles.CfnObjectType(
            scope,
            "ObjectType",
            domain_name=self._domain_name,
            object_type_name=self._object_type_name,
            description="The newest Google Tag Manager event of an endpoint",
            allow_profile_creation=True,
            fields=[
                *(_field(name, f"_source.{name}") for name in _FIELDS),
                *(
                    _field(
                        f"{FIELD_PREFIX}{name}",
                        f"_source.user_attributes.{name}",
                        target=f"_profile.{target}",
                        content_type=CONTENT_TYPES.get(target, "STRING"),
                    )
                    for name, target in self._user_attributes.items()
                ),
            ],
            keys=[
                customer_profiles.CfnObjectType.KeyMapProperty(
                    name=ENDPOINT_KEY,
                    object_type_key_list=[
                        customer_profiles.CfnObjectType.ObjectTypeKeyProperty(
                            field_names=["endpoint_id"], standard_identifiers=["PROFILE", "UNIQUE"]
                        )
                    ],
                )
            ],
        )
        object_type.apply_removal_policy(cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        if domain is not None:
            object_type.node.add_dependency(domain)
        return object_type

    def _add_event_trigger(self, scope: Construct, trigger: ProfileEventTrigger) -> None:
        event_trigger = customer_profiles.CfnEventTrigger(
            scope,
            "EventTrigger",
            domain_name=self._domain_name,
            object_type_name=self._object_type_name,
            event_trigger_name=trigger.trigger_name,
            description="A Google Tag Manager event has come in",
            event_trigger_conditions=[
                customer_profiles.CfnEventTrigger.EventTriggerConditionProperty(
                    logical_operator="ALL",
                    event_trigger_dimensions=[
                        # One field each: a condition is said to hold if all dimensions do.
                        customer_profiles.CfnEventTrigger.EventTriggerDimensionProperty(
                            object_attributes=[
                                customer_profiles.CfnEventTrigger.ObjectAttributeProperty(
                                    field_name=field,
                                    comparison_operator="INCLUSIVE",
                                    values=[value],
                                )
                            ]
                        )
                        for field, value in trigger.fields.items()
                    ],
                )
            ],
            event_trigger_limits=trigger.limits,
            segment_filter=trigger.segment,
        )
        if self._needs is not None:
            event_trigger.node.add_dependency(self._needs)


@dataclass(slots=True)
class _Made:
    """What a stack makes already, of the same names, for whichever connector.

    The names are unique in the account: a second one would fail only when it is deployed.
    """

    domain: customer_profiles.CfnDomain | None
    object_type: customer_profiles.CfnObjectType | None
    trigger_names: set[str]

    @classmethod
    def of(cls, stack: cdk.Stack, domain_name: str, object_type_name: str) -> _Made:
        made = cls(None, None, set())
        for construct in stack.node.find_all():
            match construct:
                case customer_profiles.CfnDomain() if construct.domain_name == domain_name:
                    made.domain = construct
                case customer_profiles.CfnObjectType() if (
                    construct.domain_name == domain_name
                    and construct.object_type_name == object_type_name
                ):
                    made.object_type = construct
                case customer_profiles.CfnEventTrigger() if construct.domain_name == domain_name:
                    made.trigger_names.add(construct.event_trigger_name)
        return made


def _field(
    name: str, source: str, *, target: str | None = None, content_type: str = "STRING"
) -> customer_profiles.CfnObjectType.FieldMapProperty:
    return customer_profiles.CfnObjectType.FieldMapProperty(
        name=name,
        object_type_field=customer_profiles.CfnObjectType.ObjectTypeFieldProperty(
            source=source, target=target, content_type=content_type
        ),
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
