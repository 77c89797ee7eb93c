"""A stand-in for the endpoint that answers with an image, or with a JSON error."""

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
TOKEN = "header.claims.signature"  # noqa: S105 - opens nothing


@dataclass
class Endpoint:
    """The stand-in's URL, and the requests that it received."""

    url: str = ""
    queries: list[str] = field(default_factory=list)
    bodies: list[tuple[str, str]] = field(default_factory=list)
    """Media type and text of a posted body."""

    @property
    def authenticated_url(self) -> str:
        """Return the URL of the route that accepts only :data:`TOKEN`."""
        return f"{self.url}/authenticated"

    def parameters(self) -> list[tuple[str, str]]:
        """Return the last request's parameters, decoded."""
        return parse_qsl(self.queries[-1], keep_blank_values=True, strict_parsing=True)


@contextmanager
def standing_in(path: str = "/Api-PinpointEvents/events") -> Iterator[Endpoint]:
    """Serve a stand-in at ``path``; an event named ``refused`` gets the error."""
    endpoint = Endpoint()
    open_to_all = {"Access-Control-Allow-Origin": "*"}

    async def answer(request: Request) -> Response:
        endpoint.queries.append(request.scope["query_string"].decode("ascii"))
        parameters = dict(request.query_params)
        if request.method == "POST":
            body = (await request.body()).decode()
            endpoint.bodies.append((request.headers.get("content-type", ""), body))
            parameters |= dict(parse_qsl(body))
        if request.url.path.endswith("/authenticated") and parameters.get("token") != TOKEN:
            return JSONResponse({"message": "Unauthorized"}, 401, open_to_all)
        if parameters.get("event") == "refused":
            return JSONResponse({"message": "Missing required request parameters"}, 400)
        if request.method == "POST":
            return Response(status_code=204, headers=open_to_all)
        return Response(
            SVG, headers={"X-Content-Type-Options": "nosniff"}, media_type="image/svg+xml"
        )

    routes = [
        Route(each, answer, methods=["GET", "POST"]) for each in (path, f"{path}/authenticated")
    ]
    with serving(Starlette(routes=routes)) as base:
        endpoint.url = base + path
        yield endpoint
