"""Construct ids of event triggers and of the integrations that name their campaigns."""

from __future__ import annotations

import aws_cdk as cdk
import pytest

from cdk_gtm_connector import CustomerProfilesDestination, ProfileEventTrigger, PropError
from tests.destinations.customer_profiles.cases import CAMPAIGN_ARN
from tests.infrastructure.synthesis import add_connector

WORDS = r"^{} must have another name: another trigger's integration has that construct id"


def test_a_trigger_named_like_anothers_campaign_is_refused() -> None:
    buy = ProfileEventTrigger(event_type="buy", campaign_arn=CAMPAIGN_ARN)
    other = ProfileEventTrigger(event_type="sell", name="buyCampaign")
    with pytest.raises(PropError, match=WORDS.format("event_triggers")):
        CustomerProfilesDestination(domain_name="shop", event_triggers=[buy, other])


def test_so_is_one_named_campaign_beside_the_one_trigger() -> None:
    buy = ProfileEventTrigger(event_type="buy", campaign_arn=CAMPAIGN_ARN)
    other = ProfileEventTrigger(event_type="Campaign")
    with pytest.raises(PropError, match=WORDS.format("event_triggers")):
        CustomerProfilesDestination(domain_name="shop", event_trigger=buy, event_triggers=[other])


def test_without_a_campaign_the_same_names_are_taken() -> None:
    triggers = [
        ProfileEventTrigger(event_type="buy"),
        ProfileEventTrigger(event_type="sell", name="buyCampaign", campaign_arn=CAMPAIGN_ARN),
    ]
    destination = CustomerProfilesDestination(domain_name="shop", event_triggers=triggers)
    add_connector(cdk.Stack(), "Shop", destination=destination)
