"""Amazon Connect Customer Profiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk

import cdk_gtm_connector as gtm
from stacks import values
from stacks.destinations.base import DestinationSettings
from stacks.setting import in_settings, setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from constructs import Construct

_DOMAIN_NAME: Final = "must be the name of the Customer Profiles domain that receives the events"
_GIVEN: Final = "must be given"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerProfilesSettings(DestinationSettings):
    """Settings of the destination ``customer-profiles``."""

    customer_profiles_domain: str = setting(
        values.text,
        "Customer Profiles domain that receives the events",
        default="",
        default_words="required with `customer-profiles`",
        example="shop",
        prop="destination.domain_name",
        required=_DOMAIN_NAME,
    )
    customer_profiles_region: str | None = setting(
        values.region,
        "the domain's Region, if it is not the stack's; needs "
        "`customer_profiles_create_object_type=false`",
        default_words="the stack's",
        example="eu-west-2",
        prop="destination.region",
    )
    customer_profiles_create_domain: bool = setting(
        values.boolean,
        "whether to create the domain",
        default=False,
        default_words="`false`",
        example="true",
        prop="destination.create_domain",
    )
    customer_profiles_object_type: str | None = setting(
        values.text,
        "name of the event objects' type",
        default_words="`GtmEvent`",
        example="GtmEvent",
        prop="destination.object_type_name",
    )
    customer_profiles_visitor_object_type: str | None = setting(
        values.text,
        "name of the visitor objects' type; without `customer_profiles_create_object_type` the "
        "default is none",
        default_words="`GtmVisitor`",
        example="GtmVisitor",
        prop="destination.visitor_object_type_name",
    )
    customer_profiles_create_object_type: bool = setting(
        values.boolean,
        "whether to create the two object types; `false` for existing ones, such as those that "
        "remain from a deleted stack",
        default=True,
        default_words="`true`",
        example="true",
        prop="destination.create_object_type",
    )
    customer_profiles_single_object_type: bool = setting(
        values.boolean,
        "whether to create only one object type, as earlier versions did",
        default=False,
        default_words="`false`",
        example="true",
        prop="destination.single_object_type",
    )
    customer_profiles_event_expiration: cdk.Duration | None = setting(
        values.days,
        "days that an event object is kept",
        default_words="`90`",
        example="90",
        prop="destination.event_expiration",
    )
    customer_profiles_max_events: int | None = setting(
        values.whole_number,
        "maximum event objects of a profile",
        default_words="`500`",
        example="500",
        prop="destination.max_events_per_profile",
    )
    customer_profiles_attributes: Sequence[str] | Mapping[str, str] | None = setting(
        values.targets,
        "comma-separated names of the user attributes that become the profile's, each alone or "
        "with the profile's field: `plan,email=EmailAddress`",
        default_words="none",
        example="plan,email=EmailAddress",
        prop="destination.user_attributes",
    )
    customer_profiles_trigger_event: str | None = setting(
        values.text,
        "event type for which to create a trigger, with the same name",
        default_words="none",
        example="purchase",
        prop="trigger.event_type",
        also=("trigger.name", "destination.event_trigger"),
    )
    customer_profiles_trigger_authenticated_only: bool = setting(
        values.boolean,
        "whether only events of authenticated visitors start the trigger; needs `signed_token`",
        default=False,
        default_words="`false`",
        example="true",
        prop="trigger.authenticated_only",
        needs={"customer_profiles_trigger_event": _GIVEN, "signed_token": "must be true"},
    )
    customer_profiles_requests_per_second: int | None = setting(
        values.whole_number,
        "the account's quota for Customer Profiles",
        default_words="`100`",
        example="100",
        prop="destination.requests_per_second",
    )

    def destination(self, scope: Construct, home: str | None) -> gtm.Destination:
        """See :meth:`DestinationSettings.destination`."""
        props = self.props("destination")
        props["region"] = self._region(scope, home)
        if self.customer_profiles_trigger_event is not None:
            with in_settings(self.names("trigger")):
                props["event_trigger"] = gtm.ProfileEventTrigger(**self.props("trigger"))
        with in_settings(self.names("destination")):
            return _destination(props)

    def _region(self, scope: Construct, home: str | None) -> str | None:
        """Return the domain's Region; ``None`` for the stack's own."""
        from cdk_gtm_connector.destinations.customer_profiles.regions import (  # noqa: PLC0415 - other destinations need not wait for it
            CUSTOMER_PROFILES_REGIONS,
        )

        named = self.customer_profiles_region
        if named not in (None, home):
            return named
        if home in CUSTOMER_PROFILES_REGIONS:
            # The construct cannot know it: the template is for any Region.
            cdk.Annotations.of(scope).acknowledge_warning(
                "cdk-gtm-connector:customerProfilesRegion"
            )
        elif home is not None and named is None:
            raise gtm.PropError(
                "customer_profiles_region",
                f"must be set to deploy to {home}, because Customer Profiles is in "
                f"{', '.join(CUSTOMER_PROFILES_REGIONS)} only",
            )
        return None


def _destination(props: Mapping[str, Any]) -> gtm.CustomerProfilesDestination:
    return gtm.CustomerProfilesDestination(**props)


SETTINGS: Final = CustomerProfilesSettings
