"""Requests to the local PutEvents server, and what it says to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.asgi import send

if TYPE_CHECKING:
    import httpx

    from local.destinations.pinpoint.server import PutEventsServer


TIME = "2026-11-23T22:11:00.000Z"


def event(**changes: Any) -> dict[str, Any]:
    return {"EventType": "page_view", "Timestamp": TIME} | changes


def batch(*events: dict[str, Any], endpoint: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "BatchItem": {
            "ep-1": {
                "Endpoint": endpoint or {},
                "Events": {f"id-{number}": event for number, event in enumerate(events)},
            }
        }
    }


def put(server: PutEventsServer, request: object, application: str = "app") -> httpx.Response:
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    return send(server.app(), "POST", f"/v1/apps/{application}/events", content=body)


def verdicts(response: httpx.Response) -> dict[str, int]:
    assert response.status_code == 202, response.text
    answers = response.json()["Results"]["ep-1"]["EventsItemResponse"]
    return {event_id: answer["StatusCode"] for event_id, answer in answers.items()}


def verdict(response: httpx.Response) -> tuple[int, str]:
    assert response.status_code == 202, response.text
    answer = response.json()["Results"]["ep-1"]["EventsItemResponse"]["id-0"]
    return answer["StatusCode"], answer["Message"]


def endpoint_verdict(response: httpx.Response) -> tuple[int, str]:
    assert response.status_code == 202, response.text
    answer = response.json()["Results"]["ep-1"]["EndpointItemResponse"]
    return answer["StatusCode"], answer["Message"]


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    document = response.json()
    assert set(document) == {"Message", "RequestID"}
    return response.status_code, response.headers["x-amzn-errortype"], document["Message"]
