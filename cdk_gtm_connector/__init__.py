"""A Google Tag Manager image endpoint on AWS whose hits become customer-engagement events.

from cdk_gtm_connector import FirehoseDestination, GtmConnector

GtmConnector(self, "Gtm", destination=FirehoseDestination(delivery_stream))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdk_gtm_connector.access import (
        Authorizer,
        CognitoAuthorizer,
        Cors,
        IamAuthorizer,
        LambdaAuthorizer,
        SignedTokenAuthorizer,
    )
    from cdk_gtm_connector.collection_api import CollectionApi
    from cdk_gtm_connector.connector import GtmConnector
    from cdk_gtm_connector.delivery import EventDelivery
    from cdk_gtm_connector.delivery_options import DeliveryOptions
    from cdk_gtm_connector.destinations import (
        CustomerProfilesDestination,
        Destination,
        DestinationModule,
        EventBridgeDestination,
        FirehoseDestination,
        KinesisDestination,
        PinpointDestination,
        ProfileEventTrigger,
    )
    from cdk_gtm_connector.domain import Domain
    from cdk_gtm_connector.errors import PropError
    from cdk_gtm_connector.firewall import Firewall
else:
    from importlib import import_module

    # The constructs import aws_cdk, which takes seconds and needs Node; cdk_gtm_connector.tokens
    # needs neither. So a construct is imported when it is asked for (PEP 562).
    _MODULES = {
        "Authorizer": "access",
        "CognitoAuthorizer": "access",
        "CollectionApi": "collection_api",
        "Cors": "access",
        "CustomerProfilesDestination": "destinations",
        "DeliveryOptions": "delivery_options",
        "Destination": "destinations",
        "DestinationModule": "destinations",
        "Domain": "domain",
        "EventBridgeDestination": "destinations",
        "EventDelivery": "delivery",
        "FirehoseDestination": "destinations",
        "Firewall": "firewall",
        "GtmConnector": "connector",
        "IamAuthorizer": "access",
        "KinesisDestination": "destinations",
        "LambdaAuthorizer": "access",
        "PinpointDestination": "destinations",
        "ProfileEventTrigger": "destinations",
        "PropError": "errors",
        "SignedTokenAuthorizer": "access",
    }

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "Authorizer",
    "CognitoAuthorizer",
    "CollectionApi",
    "Cors",
    "CustomerProfilesDestination",
    "DeliveryOptions",
    "Destination",
    "DestinationModule",
    "Domain",
    "EventBridgeDestination",
    "EventDelivery",
    "FirehoseDestination",
    "Firewall",
    "GtmConnector",
    "IamAuthorizer",
    "KinesisDestination",
    "LambdaAuthorizer",
    "PinpointDestination",
    "ProfileEventTrigger",
    "PropError",
    "SignedTokenAuthorizer",
]
