"""A stand-in for the endpoint: its image for a good request, its JSON error for a bad one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.serve import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


@dataclass
class Endpoint:
    """Where it answers, and what it was asked."""

    url: str = ""
    queries: list[str] = field(default_factory=list)

    def parameters(self) -> list[tuple[str, str]]:
        """Return the last request's parameters, decoded."""
        return parse_qsl(self.queries[-1], keep_blank_values=True, strict_parsing=True)


@contextmanager
def standing_in(path: str = "/Api-PinpointEvents/events") -> Iterator[Endpoint]:
    """Serve a stand-in at ``path``; an event named ``refused`` gets the error."""
    endpoint = Endpoint()

    async def answer(request: Request) -> Response:
        endpoint.queries.append(request.scope["query_string"].decode("ascii"))
        if request.query_params.get("event") == "refused":
            return JSONResponse({"message": "Missing required request parameters"}, 400)
        return Response(
            SVG, headers={"X-Content-Type-Options": "nosniff"}, media_type="image/svg+xml"
        )

    with serving(Starlette(routes=[Route(path, answer)])) as base:
        endpoint.url = base + path
        yield endpoint
