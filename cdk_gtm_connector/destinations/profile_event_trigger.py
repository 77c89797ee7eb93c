"""Event triggers of Customer Profiles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_customerprofiles as customer_profiles

from cdk_gtm_connector.destinations.profile_fields import MAX_NAME, check_name
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

_MAX_EVENT_TYPE: Final = 255  # of a value that a trigger compares, in characters
_EVENT_TYPE: Final = re.compile(rf"(?=.*\S).{{1,{_MAX_EVENT_TYPE}}}", re.DOTALL)
_MAX_PERIOD: Final = 60
_UNITS: Final = (("DAYS", 86_400), ("HOURS", 3_600), ("MINUTES", 60))


@named_props
@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileEventTrigger:
    """Starts what the domain's owner attaches to it, such as a journey, when an event comes in.

    Args:
        event_type: The tag's ``event``, exactly: 1 to 255 characters (Customer Profiles' limit).
        name: The trigger's name in the domain: 1 to 64 letters, digits, ``_`` and ``-``. It has to
            be known when the app is synthesized. Default: the event type, with ``_`` for every
            other character, cut to 64: ``gtm_click``.
        authenticated_only: Whether events of anonymous visitors leave the trigger alone. Without it
            **a stranger who knows a customer's endpoint id can start what hangs on the trigger**.
            The object type needs the field ``access``; one that the connector makes has it.
            Default: no, every event starts it.
        segment: Name of a segment definition: the trigger starts for its profiles only. Default:
            none, for every profile.
        max_invocations: How often the trigger starts for one profile within ``period``, 1 to 1,000
            (Customer Profiles' limit). Needs ``period``. Default: no limit.
        period: 1 to 60 minutes, hours or days (Customer Profiles' limit), in one of these units.
            Needs ``max_invocations``. Default: none.
        expiration: An event that is older when it comes in does not start the trigger. At least 1
            second. Default: none. An event waits in the queue while the destination is down.

    Raises:
        PropError: A prop has a value that cannot work.
    """

    event_type: str
    name: str | None = None
    authenticated_only: bool = False
    segment: str | None = None
    max_invocations: int | None = None
    period: cdk.Duration | None = None
    expiration: cdk.Duration | None = None

    def __post_init__(self) -> None:
        problem = f"must be 1 to {_MAX_EVENT_TYPE} characters that are not all white space"
        check_text("event_type", self.event_type, _EVENT_TYPE, problem)
        if self.name is not None:
            check_name("name", self.name, known=True)
        elif is_token(self.event_type):
            # It would be named after the token.
            raise PropError(
                "name",
                "must be given with an {event_type} that is known only at deployment",
                None,
                others={"event_type": self.event_type},
            )
        check_boolean("authenticated_only", self.authenticated_only)
        if self.segment is not None:
            check_name("segment", self.segment)
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
    def fields(self) -> dict[str, str]:
        """The fields of the object type that an event is compared by, each with its value."""
        vouched_for = {"access": "authenticated"} if self.authenticated_only else {}
        return {"event_type": self.event_type, **vouched_for}

    @property
    def limits(self) -> customer_profiles.CfnEventTrigger.EventTriggerLimitsProperty | None:
        """The limits as CloudFormation has them, ``None`` for none."""
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
