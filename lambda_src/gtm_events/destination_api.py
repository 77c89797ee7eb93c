"""The public interface for custom destinations.

The names in this module are stable for as long as :data:`API_VERSION` does not change. Anything
else in the package may change with every release. A destination is a module with one function::

    def create(environment: Mapping[str, str]) -> Destination:
        return BatchDestination.at(Webhook(), endpoint, requests_per_second=100)

See ``docs/own-destination.md``.
"""

from __future__ import annotations

from typing import Final

from gtm_events.aws import Answer, Client, ServiceEndpoint, ServiceRequest, Target
from gtm_events.deadline import Deadline
from gtm_events.destinations import Destination
from gtm_events.destinations.answers import by_status, in_order
from gtm_events.destinations.batching import (
    BatchDestination,
    BatchService,
    requests_per_second,
)
from gtm_events.environment import required
from gtm_events.errors import CallFailed, Denied, RefusedWhole, SettingsError, TryAgain
from gtm_events.event import Event, Limits
from gtm_events.https import HttpsEndpoint, Secret, Sign
from gtm_events.json_values import object_of, objects_of, status_of, text_of
from gtm_events.outcome import Delivered, Outcome, Reason, Rejected, Retry, RetryReason
from gtm_events.record import encode as encode_record
from gtm_events.send_task import Entry

__all__ = [
    "API_VERSION",
    "Answer",
    "BatchDestination",
    "BatchService",
    "CallFailed",
    "Client",
    "Deadline",
    "Delivered",
    "Denied",
    "Destination",
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
    "ServiceEndpoint",
    "ServiceRequest",
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
"""Version of the interface. It is raised when a name is removed or changes its meaning."""
