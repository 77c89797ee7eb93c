"""Event triggers of Customer Profiles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_customerprofiles as customer_profiles

from cdk_gtm_connector.destinations.customer_profiles.comparisons import (
    Comparison,
    Inclusive,
    check_comparisons,
    is_numeric,
)
from cdk_gtm_connector.destinations.customer_profiles.event_fields import EventField, event_field
from cdk_gtm_connector.destinations.customer_profiles.profile_fields import MAX_NAME, check_name
from cdk_gtm_connector.destinations.customer_profiles.segment import Segment
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import (
    KNOWN,
    check_boolean,
    check_duration,
    check_instance,
    check_number,
    check_text,
    is_token,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import Construct

_MAX_EVENT_TYPE: Final = 255  # of a value that a trigger compares, in characters
_EVENT_TYPE: Final = re.compile(rf"(?=.*\S).{{1,{_MAX_EVENT_TYPE}}}", re.DOTALL)
_MAX_PERIOD: Final = 60
_MAX_DIMENSIONS: Final = 10
_MAX_VALUES: Final = 10
_CAMPAIGN_ARN: Final = re.compile(
    r"arn:[a-z-]+:connect-campaigns:[a-z0-9-]+:\d{12}:campaign/[A-Za-z0-9-]{1,100}", re.ASCII
)
_WHERE: Final = "metrics.price to GreaterThan(100)"
_UNITS: Final = (("DAYS", 86_400), ("HOURS", 3_600), ("MINUTES", 60))


@named_props
@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileEventTrigger:
    """Starts an Amazon Connect campaign when an event arrives.

    AWS needs two resources for this: a trigger, which says when, and an integration of the domain,
    which names the campaign. With ``campaign_arn``, this creates both.

    Example:
        >>> ProfileEventTrigger(
        ...     event_type="purchase",
        ...     where={"metrics.price": GreaterThan(100)},
        ...     campaign_arn=campaign.attr_arn,
        ...     authenticated_only=True,
        ... )

    Args:
        event_type: The tag's ``event``, exactly: 1 to 255 characters (Customer Profiles' limit).
        where: Further conditions on the event, at most 8: comparisons by ``metrics.{name}``,
            ``attributes.{name}``, ``user_id`` and the like. A comparison is :class:`GreaterThan`,
            :class:`Inclusive` and so on, with at most 10 texts (Customer Profiles' limit). An
            existing object type needs the fields ``metric_{name}`` and ``attribute_{name}``; one
            that the connector creates has them. Default: none.
        campaign_arn: The outbound campaign to start, whose event source is the domain. A campaign
            has one trigger. Default: none; the domain's owner connects the trigger to a campaign.
        name: The trigger's name in the domain, known at synthesis: 1 to 64 letters, digits, ``_``
            and ``-``. Default: the event type, with ``_`` for every other character, cut to 64:
            ``gtm_click``.
        authenticated_only: Whether the trigger ignores events of anonymous visitors. If it does
            not, **a stranger who knows a customer's endpoint id can start the campaign**. The
            object type needs the field ``access``; one that the connector creates has it. Default:
            no.
        segment: A :class:`Segment` of the same destination, or the name of a segment definition
            that exists. Only events of its profiles start the campaign. Default: none, every
            profile's do.
        max_invocations: Maximum starts per profile within ``period``, 1 to 1,000 (Customer
            Profiles' limit). Needs ``period``. Default: no maximum.
        period: 1 to 60 minutes, hours or days (Customer Profiles' limit), in one of these units.
            Needs ``max_invocations``. Default: none.
        expiration: Maximum age of an event that starts the trigger, at least 1 second. Events wait
            in the queue while the destination is down. AWS does not say from when it counts the
            age; that it is the event's ``timestamp`` is an assumption of the local stand-in.
            Default: no maximum.

    Raises:
        PropError: A prop has a value that cannot work.
    """

    event_type: str
    name: str | None = None
    authenticated_only: bool = False
    where: Mapping[str, Comparison] | None = None
    campaign_arn: str | None = None
    segment: str | Segment | None = None
    max_invocations: int | None = None
    period: cdk.Duration | None = None
    expiration: cdk.Duration | None = None

    def __post_init__(self) -> None:
        problem = f"must be 1 to {_MAX_EVENT_TYPE} characters that are not all white space"
        check_text("event_type", self.event_type, _EVENT_TYPE, problem)
        if self.name is not None:
            check_name("name", self.name, known=True)
        elif is_token(self.event_type):
            # The trigger would be named after the token.
            raise PropError(
                "name",
                "must be given with an {event_type} that is known only at deployment",
                None,
                others={"event_type": self.event_type},
            )
        check_boolean("authenticated_only", self.authenticated_only)
        self._check_what_it_starts()
        self._check_limits()

    def _check_what_it_starts(self) -> None:
        if self.segment is not None and not isinstance(self.segment, Segment):
            check_name("segment", self.segment)
        if self.campaign_arn is not None:
            problem = "must be the ARN of an outbound campaign"
            check_text("campaign_arn", self.campaign_arn, _CAMPAIGN_ARN, problem)
        if self.where is not None:
            self._check_where(self.where)

    def _check_limits(self) -> None:
        if self.max_invocations is not None:
            check_number("max_invocations", self.max_invocations, 1, 1_000)
        if self.period is not None:
            check_instance("period", self.period, cdk.Duration, "Duration.days(7)")
            if self.period.is_unresolved():
                raise PropError("period", KNOWN, self.period)
            self._unit(self.period)
        for prop, other in (("max_invocations", "period"), ("period", "max_invocations")):
            if getattr(self, prop) is None and getattr(self, other) is not None:
                raise PropError(
                    prop,
                    f"must be given with {{{other}}}",
                    None,
                    others={other: getattr(self, other)},
                )
        if self.expiration is not None:
            longest = cdk.Duration.days(1_098)
            # CloudFormation wants milliseconds, and cannot multiply.
            check_duration(
                "expiration", self.expiration, cdk.Duration.seconds(1), longest, known=True
            )

    @property
    def trigger_name(self) -> str:
        """The trigger's name in the domain."""
        if self.name is not None:
            return self.name
        return re.sub(r"[^A-Za-z0-9_-]", "_", self.event_type, flags=re.ASCII)[:MAX_NAME]

    @property
    def fields(self) -> dict[EventField, Comparison]:
        """The fields that the trigger compares, each with its comparison."""
        texts = {"event_type": self.event_type}
        if self.authenticated_only:
            texts["access"] = "authenticated"
        found: dict[EventField, Comparison] = {
            # An event type may be a token here: it has already been checked.
            event_field("event_type", name): _Exactly(text)
            for name, text in texts.items()
        }
        for path, comparison in (self.where or {}).items():
            found[event_field("where", path)] = comparison
        return found

    @property
    def segment_name(self) -> str | None:
        """Name of the segment's definition; ``None`` for every profile."""
        return self.segment.definition_name if isinstance(self.segment, Segment) else self.segment

    def add_to(
        self, scope: Construct, construct_id: str, domain_name: str, object_type_name: str
    ) -> customer_profiles.CfnEventTrigger:
        """Add the trigger to ``scope``, and the integration that names its campaign."""
        kind = customer_profiles.CfnEventTrigger
        trigger = kind(
            scope,
            construct_id,
            domain_name=domain_name,
            object_type_name=object_type_name,
            event_trigger_name=self.trigger_name,
            description="A Google Tag Manager event has come in",
            event_trigger_conditions=[
                kind.EventTriggerConditionProperty(
                    logical_operator="ALL",
                    event_trigger_dimensions=[
                        # One field per dimension: AWS documents that a condition holds if all its
                        # dimensions do.
                        kind.EventTriggerDimensionProperty(
                            object_attributes=[
                                kind.ObjectAttributeProperty(
                                    field_name=field.name,
                                    comparison_operator=comparison.operator,
                                    values=list(comparison.texts),
                                )
                            ]
                        )
                        for field, comparison in self.fields.items()
                    ],
                )
            ],
            event_trigger_limits=self.limits,
            segment_filter=self.segment_name,
        )
        if self.campaign_arn is not None:
            integration = customer_profiles.CfnIntegration(
                scope,
                campaign_id(construct_id),
                domain_name=domain_name,
                uri=self.campaign_arn,
                object_type_name=object_type_name,
                event_trigger_names=[self.trigger_name],
            )
            integration.node.add_dependency(trigger)
        return trigger

    def _check_where(self, where: object) -> None:
        found = check_comparisons("where", where, _WHERE)
        for path, comparison in found.items():
            field = event_field("where", path)
            if field.name == "event_type" or (field.name == "access" and self.authenticated_only):
                raise PropError("where", f"must not name {path}, which has a prop", path)
            if is_numeric(comparison) and not field.is_number:
                problem = f"must compare the text {path} with texts, such as Inclusive([…])"
                raise PropError("where", problem, comparison)
            if len(comparison.texts) > _MAX_VALUES:
                problem = f"must compare {path} with {_MAX_VALUES} values at most"
                raise PropError("where", problem, len(comparison.texts))
        most = _MAX_DIMENSIONS - 2  # the event type and, with authenticated_only, the access
        if len(found) > most:
            raise PropError("where", f"must hold {most} comparisons at most", len(found))

    @property
    def limits(self) -> customer_profiles.CfnEventTrigger.EventTriggerLimitsProperty | None:
        """The limits as a CloudFormation property; ``None`` for no limits."""
        if self.period is None and self.expiration is None:
            return None
        periods = None
        if self.period is not None:
            unit, value = self._unit(self.period)
            periods = [
                customer_profiles.CfnEventTrigger.PeriodProperty(
                    unit=unit, value=value, max_invocations_per_profile=self.max_invocations
                )
            ]
        return customer_profiles.CfnEventTrigger.EventTriggerLimitsProperty(
            event_expiration=(
                None if self.expiration is None else self.expiration.to_milliseconds()
            ),
            periods=periods,
        )

    @staticmethod
    def _unit(period: cdk.Duration) -> tuple[str, int]:
        seconds = period.to_milliseconds() / 1_000
        for unit, length in _UNITS:
            if seconds % length == 0 and 1 <= seconds // length <= _MAX_PERIOD:
                return unit, int(seconds // length)
        raise PropError(
            "period", f"must be 1 to {_MAX_PERIOD} whole minutes, hours or days", period
        )


def campaign_id(construct_id: str) -> str:
    """Return the construct id of the integration between a trigger and its campaign."""
    return f"{construct_id}Campaign"


class _Exactly(Comparison):
    """Matches one text that has already been checked and may be a token."""

    __slots__ = ("_text",)
    operator = Inclusive.operator

    def __init__(self, text: str) -> None:
        self._text = text

    @property
    def texts(self) -> tuple[str, ...]:
        """See :attr:`Comparison.texts`."""
        return (self._text,)
