"""Object types and objects for the tests of the local Customer Profiles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.asgi import send

if TYPE_CHECKING:
    import httpx

    from local.destinations.customer_profiles import ProfilesServer
    from local.stand_in.values import EventResult

PATH = "/domains/shop/profiles/objects/batch-put-profile-object"


def field(name: str, source: str, target: str | None = None) -> dict[str, Any]:
    mapping = {"Source": source, "ContentType": "STRING"}
    return {"Name": name, "ObjectTypeField": mapping | ({"Target": target} if target else {})}


PROPERTIES: dict[str, Any] = {
    "DomainName": "shop",
    "ObjectTypeName": "GtmEvent",
    "AllowProfileCreation": True,
    "Fields": [
        field("endpoint_id", "_source.endpoint_id"),
        field("event_type", "_source.event_type"),
        field("usat_plan", "_source.user_attributes.plan", "_profile.Attributes.plan"),
        field("usat_city", "_source.user_attributes.city", "_profile.Address.City"),
    ],
    "Keys": [
        {
            "Name": "GtmEndpointId",
            "ObjectTypeKeyList": [
                {"FieldNames": ["endpoint_id"], "StandardIdentifiers": ["PROFILE", "UNIQUE"]}
            ],
        }
    ],
}
TRIGGER: dict[str, Any] = {
    "DomainName": "shop",
    "ObjectTypeName": "GtmEvent",
    "EventTriggerName": "bought",
    "EventTriggerConditions": [
        {
            "LogicalOperator": "ALL",
            "EventTriggerDimensions": [
                {
                    "ObjectAttributes": [
                        {
                            "FieldName": "event_type",
                            "ComparisonOperator": "INCLUSIVE",
                            "Values": ["purchase"],
                        }
                    ]
                }
            ],
        }
    ],
}


def template(*resources: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "Resources": {
            f"R{number}": {"Type": f"AWS::CustomerProfiles::{kind}", "Properties": properties}
            for number, (kind, properties) in enumerate(resources)
        }
    }


def record(event_id: str = "m-1", endpoint_id: str = "ep-1", **changes: Any) -> dict[str, Any]:
    return {
        "schema_version": "1",
        "event_id": event_id,
        "event_type": "page_view",
        "endpoint_id": endpoint_id,
        "attributes": {},
        "metrics": {},
        "user_attributes": {},
    } | changes


def batch(*records: dict[str, Any]) -> dict[str, Any]:
    return {
        "ObjectTypeName": "GtmEvent",
        "Items": [{"Id": each["event_id"], "Object": json.dumps(each)} for each in records],
    }


def put(server: ProfilesServer, document: object, path: str = PATH) -> httpx.Response:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return send(server.app(), "PUT", path, content=body)


def failures(response: httpx.Response) -> dict[str, tuple[int, str]]:
    assert response.status_code == 200, response.text
    return {it["Id"]: (it["Code"], it["Message"]) for it in response.json()["Failed"]}


def key(name: str, field_name: str, *identifiers: str) -> dict[str, Any]:
    return {
        "Name": name,
        "ObjectTypeKeyList": [
            {"FieldNames": [field_name], "StandardIdentifiers": list(identifiers)}
        ],
    }


# The construct's object types for events and visitors.
EVENT_PROPERTIES: dict[str, Any] = {
    "DomainName": "shop",
    "ObjectTypeName": "GtmEvent",
    "AllowProfileCreation": True,
    "ExpirationDays": 90,
    "MaxProfileObjectCount": 3,
    "Fields": [
        field(name, f"_source.{name}") for name in ("endpoint_id", "event_id", "event_type")
    ],
    "Keys": [
        key("GtmEventId", "event_id", "UNIQUE"),
        key("GtmEndpointId", "endpoint_id", "PROFILE"),
    ],
}
VISITOR_PROPERTIES: dict[str, Any] = PROPERTIES | {"ObjectTypeName": "GtmVisitor"}
DOMAIN: dict[str, Any] = {"DomainName": "shop", "DefaultExpirationDays": 366}


def visitor(endpoint_id: str = "ep-1", **attributes: str) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint_id,
        "timestamp": "2026-11-26T20:00:00.000Z",
        "access": "anonymous",
        "user_attributes": attributes,
    }


def visitors(*documents: dict[str, Any]) -> dict[str, Any]:
    return {
        "ObjectTypeName": "GtmVisitor",
        "Items": [{"Id": f"v{n}", "Object": json.dumps(it)} for n, it in enumerate(documents)],
    }


def event(event_id: str = "m-1", endpoint_id: str = "ep-1") -> dict[str, Any]:
    document = record(event_id, endpoint_id)
    del document["user_attributes"]
    return document


class Observations:
    """An observer that keeps its calls."""

    def __init__(self) -> None:
        self.told: list[EventResult] = []

    def destination_answered(self, destination: str, answered: EventResult) -> None:
        assert destination == "customer-profiles"
        self.told.append(answered)


class Clock:
    """A clock in epoch seconds that a test sets."""

    def __init__(self) -> None:
        self.days = 20_000.0

    def __call__(self) -> float:
        return self.days * 24 * 60 * 60
