"""The console's view of a profile, and its route."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.routing import Route

from local.stand_in.transport import EscapedJSONResponse

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from local.destinations.customer_profiles.behavior import DomainBehavior
    from local.destinations.customer_profiles.objects import EvaluatedObject, Profile
    from local.destinations.customer_profiles.server import ProfilesServer

__all__ = ["document", "profile_route"]


def document(
    endpoint_id: str, domain: str, profile: Profile, behavior: DomainBehavior, now: float
) -> dict[str, Any]:
    """Return a profile as JSON values.

    Args:
        endpoint_id: The profile's endpoint id.
        domain: Name of the domain.
        profile: The profile.
        behavior: Calculated attributes, segments and triggers.
        now: Epoch seconds.
    """
    values = behavior.calculated(domain, profile, now)
    lookup = behavior.lookup(domain, profile, now)
    return {
        "endpoint_id": endpoint_id,
        "profile_id": profile.profile_id,
        "attributes": _flat(profile.fields),
        "calculated_attributes": [
            {"name": it.name, "value": values[it.name], "words": it.words}
            for it in behavior.attributes
            if it.domain == domain
        ],
        "segments": [
            {
                "name": it.title,
                "member": (member := it.has(lookup)),
                "why": "" if member else it.why_not(lookup),
            }
            for it in behavior.segments
            if it.domain == domain
        ],
        "objects": sum(stored.expires > now for stored in profile.stored.values()),
        "events": [_event(each) for each in reversed(profile.evaluated)],
    }


def profile_route(server: ProfilesServer) -> Route:
    """Return the route for the profile of ``?endpoint_id=…``, or for a list of endpoint ids.

    Args:
        server: The server with the profiles.
    """

    async def profile(request: Request) -> Response:
        endpoint_id = request.query_params.get("endpoint_id")
        if endpoint_id is None:
            return EscapedJSONResponse({"endpoint_ids": server.endpoint_ids[:100]})
        found = server.profile_of(endpoint_id)
        if found is None:
            raise HTTPException(
                HTTPStatus.NOT_FOUND, f"There is no profile of endpoint {endpoint_id!r} yet"
            )
        return EscapedJSONResponse(found)

    return Route("/api/profile", profile, methods=["GET"])


def _flat(fields: dict[str, Any], path: str = "") -> dict[str, str]:
    """Return a profile's fields by their paths, such as ``Attributes.plan``."""
    found: dict[str, str] = {}
    for name, value in fields.items():
        here = f"{path}.{name}" if path else name
        found |= _flat(value, here) if isinstance(value, dict) else {here: value}
    return found


def _event(evaluated: EvaluatedObject) -> dict[str, Any]:
    stored = evaluated.stored
    known = stored.document
    return {
        "event_id": str(known.get("event_id", "")),
        "event_type": str(known.get("event_type", "")),
        "access": str(known.get("access", "")),
        "timestamp": str(known.get("timestamp", "")),
        "arrived": datetime.fromtimestamp(stored.put, UTC).isoformat(timespec="milliseconds"),
        "triggers": [
            {"name": it.trigger, "started": it.started, "why": it.why} for it in evaluated.results
        ],
    }
