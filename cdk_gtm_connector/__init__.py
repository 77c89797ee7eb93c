"""A Google Tag Manager image endpoint on AWS whose hits become customer-engagement events.

from cdk_gtm_connector import GtmConnector, PinpointDestination

GtmConnector(self, "Gtm", destination=PinpointDestination(application_id="…"))
"""

from __future__ import annotations

from cdk_gtm_connector.collection_api import CollectionApi
from cdk_gtm_connector.connector import GtmConnector
from cdk_gtm_connector.delivery import EventDelivery
from cdk_gtm_connector.destinations import Destination, PinpointDestination

__all__ = [
    "CollectionApi",
    "Destination",
    "EventDelivery",
    "GtmConnector",
    "PinpointDestination",
]
