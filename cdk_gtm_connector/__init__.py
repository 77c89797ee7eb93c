"""A Google Tag Manager image endpoint on AWS whose hits become customer-engagement events.

from cdk_gtm_connector import FirehoseDestination, GtmConnector

GtmConnector(self, "Gtm", destination=FirehoseDestination(delivery_stream))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdk_gtm_connector.authorizers import (
        Authorizer,
        CognitoAuthorizer,
        IamAuthorizer,
        LambdaAuthorizer,
        SignedTokenAuthorizer,
    )
    from cdk_gtm_connector.collection_api import CollectionApi
    from cdk_gtm_connector.connector import GtmConnector
    from cdk_gtm_connector.cors import Cors
    from cdk_gtm_connector.delivery import EventDelivery
    from cdk_gtm_connector.delivery_options import DeliveryOptions
    from cdk_gtm_connector.destinations import (
        BeginsWith,
        CalculatedAttribute,
        Contains,
        CustomerProfilesDestination,
        Destination,
        DestinationModule,
        EndsWith,
        EqualTo,
        EventBridgeDestination,
        Exclusive,
        FirehoseDestination,
        GreaterThan,
        GreaterThanOrEqual,
        Inclusive,
        KinesisDestination,
        LessThan,
        LessThanOrEqual,
        PinpointDestination,
        ProfileEventTrigger,
        Segment,
    )
    from cdk_gtm_connector.domain import Domain
    from cdk_gtm_connector.errors import PropError
    from cdk_gtm_connector.firewall import Firewall
    from cdk_gtm_connector.monitoring import Monitoring
else:
    from importlib import import_module

    # The constructs import aws_cdk, which takes seconds and needs Node; cdk_gtm_connector.tokens
    # needs neither. So a construct is imported when it is asked for (PEP 562).
    _MODULES = {
        "Authorizer": "authorizers",
        "BeginsWith": "destinations",
        "CalculatedAttribute": "destinations",
        "CognitoAuthorizer": "authorizers",
        "CollectionApi": "collection_api",
        "Contains": "destinations",
        "Cors": "cors",
        "CustomerProfilesDestination": "destinations",
        "DeliveryOptions": "delivery_options",
        "Destination": "destinations",
        "DestinationModule": "destinations",
        "Domain": "domain",
        "EndsWith": "destinations",
        "EqualTo": "destinations",
        "EventBridgeDestination": "destinations",
        "EventDelivery": "delivery",
        "Exclusive": "destinations",
        "FirehoseDestination": "destinations",
        "Firewall": "firewall",
        "GreaterThan": "destinations",
        "GreaterThanOrEqual": "destinations",
        "GtmConnector": "connector",
        "IamAuthorizer": "authorizers",
        "Inclusive": "destinations",
        "KinesisDestination": "destinations",
        "LambdaAuthorizer": "authorizers",
        "LessThan": "destinations",
        "LessThanOrEqual": "destinations",
        "Monitoring": "monitoring",
        "PinpointDestination": "destinations",
        "ProfileEventTrigger": "destinations",
        "PropError": "errors",
        "Segment": "destinations",
        "SignedTokenAuthorizer": "authorizers",
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
    "BeginsWith",
    "CalculatedAttribute",
    "CognitoAuthorizer",
    "CollectionApi",
    "Contains",
    "Cors",
    "CustomerProfilesDestination",
    "DeliveryOptions",
    "Destination",
    "DestinationModule",
    "Domain",
    "EndsWith",
    "EqualTo",
    "EventBridgeDestination",
    "EventDelivery",
    "Exclusive",
    "FirehoseDestination",
    "Firewall",
    "GreaterThan",
    "GreaterThanOrEqual",
    "GtmConnector",
    "IamAuthorizer",
    "Inclusive",
    "KinesisDestination",
    "LambdaAuthorizer",
    "LessThan",
    "LessThanOrEqual",
    "Monitoring",
    "PinpointDestination",
    "ProfileEventTrigger",
    "PropError",
    "Segment",
    "SignedTokenAuthorizer",
]
