"""Everything that a destination of one's own may use of this package.

What is named here stays as it is for as long as :data:`API_VERSION` does; anything else may change
with every release. A destination is a module with one function::

    def create(environment: Mapping[str, str]) -> Destination:
        return BatchDestination.at(Webhook(), endpoint, requests_per_second=100)

See ``docs/own-destination.md``.
"""

from __future__ import annotations

from typing import Final

from gtm_events.aws import Answer, Call, Client, Endpoint, Target
from gtm_events.deadline import Deadline
from gtm_events.destinations import Destination
from gtm_events.destinations.answers import by_status, in_order
from gtm_events.destinations.batching import (
    BatchDestination,
    BatchService,
    Entry,
    requests_per_second,
)
from gtm_events.errors import SettingsError
from gtm_events.event import Event, Limits
from gtm_events.https import HttpsEndpoint, Secret, Sign
from gtm_events.json_values import object_of, objects_of, status_of, text_of
from gtm_events.outcome import Delivered, Outcome, Reason, Rejected, Retry, RetryReason
from gtm_events.record import encode as encode_record
from gtm_events.sending import CallFailed, Denied, RefusedWhole, TryAgain
from gtm_events.settings import required

__all__ = [
    "API_VERSION",
    "Answer",
    "BatchDestination",
    "BatchService",
    "Call",
    "CallFailed",
    "Client",
    "Deadline",
    "Delivered",
    "Denied",
    "Destination",
    "Endpoint",
    "Entry",
    "Event",
    "HttpsEndpoint",
    "Limits",
    "Outcome",
    "Reason",
    "RefusedWhole",
    "Rejected",
    "Retry",
    "RetryReason",
    "Secret",
    "SettingsError",
    "Sign",
    "Target",
    "TryAgain",
    "by_status",
    "encode_record",
    "in_order",
    "object_of",
    "objects_of",
    "requests_per_second",
    "required",
    "status_of",
    "text_of",
]

API_VERSION: Final = 1
"""Raised when something that is named here is removed, or changes its meaning."""
