"""Helpers for events that set user attributes, and for the resulting visitor objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.builders import REQUEST_TIME, body

if TYPE_CHECKING:
    from tests.destinations.customer_profiles.service import FakeTwoObjectTypes


def setting(moment: int = 0, *, subject: str = "", endpoint: str = "ep", **attributes: str) -> str:
    """Return the body of an event that sets user attributes."""
    query = {f"usat_{name}": value for name, value in attributes.items()}
    verified = {"subject": subject} if subject else {}
    return body(
        {"event": "e", "endpoint_id": endpoint, **query}, time=REQUEST_TIME + moment, **verified
    )


def sent(service: FakeTwoObjectTypes) -> list[dict[str, str]]:
    """Return the user attributes of each visitor object that was sent."""
    return [document["user_attributes"] for request in service.visitors for document in request]
