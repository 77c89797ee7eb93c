"""A stand-in for Amazon Pinpoint's ``PutEvents``, which no AWS emulator has.

The server listens on loopback. It refuses requests by the rules in
:mod:`local.destinations.pinpoint.service`, and applies Pinpoint's request quota. It answers for
each endpoint and each event, and misbehaves on demand (:class:`Behavior`). The environment variable
``AWS_ENDPOINT_URL_PINPOINT`` directs an AWS SDK to it. To run it alone::

    python -m local.destinations.pinpoint --latency-ms 20 --rate 15 --duration 60
"""

from __future__ import annotations

import time
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.routing import BaseRoute, Route

from local.destinations.pinpoint.service import (
    ERROR_NAMES,
    Application,
    ItemResult,
    PutEventsLimits,
    each_event,
    parse,
)
from local.model import RequestRefused
from local.stand_in.server import DestinationServer
from local.stand_in.transport import EscapedJSONResponse, ServerEndpoint
from local.stand_in.values import (
    ActiveBehavior,
    Behavior,
    Event,
    EventResult,
    Observer,
    OperationResult,
    Outcome,
    ShownDocument,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response


class PutEventsServer(DestinationServer):
    """Server for ``POST /v1/apps/{application_id}/events``, with ``GET``/``PUT /control``.

    Args:
        limits: Pinpoint's quotas for one request and one application.
        requests_per_second: Request quota, as a token bucket; ``None`` for no quota. Pinpoint's
            default is 15 per account and Region.
        burst: Size of that bucket.
        application_id: The only application that exists; others get 404. Default: every application
            exists.
        keep: See :class:`~local.stand_in.server.DestinationServer`.
        observer: Called with each event.
        behavior: The initial behavior.
        clock: Monotonic clock in seconds, for tests of the quota.
    """

    kind: ClassVar[str] = "pinpoint"
    title: ClassVar[str] = "Amazon Pinpoint"
    operation: ClassVar[str] = "PutEvents"
    service: ClassVar[str] = "mobiletargeting"
    accepted: ClassVar[int] = HTTPStatus.ACCEPTED
    throttled: ClassVar[tuple[int, str]] = (429, ERROR_NAMES[429])
    failed: ClassVar[tuple[int, str]] = (500, ERROR_NAMES[500])
    refusing: ClassVar[str] = "Answers 202, and in it 400 for each of the events."
    impossible: ClassVar[Mapping[str, str]] = {
        "fail_records_share": "PutEvents accepts or refuses an event, but never asks for a retry"
    }

    def __init__(
        self,
        *,
        limits: PutEventsLimits | None = None,
        requests_per_second: float | None = 15,
        burst: int = 15,
        application_id: str | None = None,
        keep: int | None = None,
        observer: Observer | None = None,
        behavior: Behavior | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits or PutEventsLimits()
        self._application_id = application_id
        super().__init__(
            requests_per_second=requests_per_second,
            burst=burst,
            keep=keep,
            observer=observer,
            behavior=behavior,
            clock=clock,
        )

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """See :class:`~local.stand_in.server.DestinationServer`."""
        return (
            Route(
                "/v1/apps/{application_id}/events", ServerEndpoint(self.answer), name="put_events"
            ),
        )

    @property
    def request_bytes(self) -> int:
        """See :class:`~local.stand_in.server.DestinationServer`."""
        return self._limits.request_bytes

    def _forget(self) -> None:
        self._applications: dict[str, Application] = {}

    def _target(self, request: Request, document: object) -> str:  # noqa: ARG002 - it is in the URL
        return str(request.path_params["application_id"])

    def _parse(self, request: Request, body: bytes) -> dict[str, Any]:
        if request.method != "POST":
            raise RequestRefused(
                HTTPStatus.METHOD_NOT_ALLOWED, f"PutEvents is a POST request, got {request.method}"
            )
        application_id = self._target(request, None)
        if self._application_id is not None and application_id != self._application_id:
            raise RequestRefused(
                HTTPStatus.NOT_FOUND, f"There is no application {application_id!r}"
            )
        return parse(body, application_id, self._limits)

    async def _execute(
        self, request: Request, document: dict[str, Any], body: bytes, active: ActiveBehavior
    ) -> OperationResult:
        """Answer for each endpoint and event of an accepted request."""
        results: dict[str, Any] = {}
        answered: list[EventResult] = []
        behavior = active.behavior
        with self._lock:
            application = self._applications.setdefault(
                self._target(request, document), Application(self._limits)
            )
            for endpoint_id, item in document["BatchItem"].items():
                about_endpoint = (
                    ItemResult(HTTPStatus.BAD_REQUEST, behavior.refuse_message)
                    if behavior.refuses_data_of(endpoint_id)
                    else application.evaluate_endpoint(item["Endpoint"])
                )
                answers = {}
                for event_id, sent in item["Events"].items():
                    event = _event(event_id, endpoint_id, sent, item["Endpoint"])
                    if behavior.refuses(event):
                        result = ItemResult(HTTPStatus.BAD_REQUEST, behavior.refuse_message)
                    else:
                        result = application.evaluate_event(sent, request_bytes=len(body))
                    answers[event_id] = result.answer()
                    answered.append(_answered(event, result, about_endpoint))
                results[endpoint_id] = {
                    "EndpointItemResponse": about_endpoint.answer(),
                    "EventsItemResponse": answers,
                }
        return OperationResult({"Results": results}, answered)

    def _events(self, document: object) -> Iterator[Event]:
        for endpoint_id, endpoint, event_id, event in each_event(document):
            yield _event(event_id, endpoint_id, event, endpoint)

    def _error(self, refusal: RequestRefused) -> Response:
        name = refusal.code or ERROR_NAMES[refusal.status]
        request_id = str(uuid.uuid4())
        return EscapedJSONResponse(
            {"Message": refusal.message, "RequestID": request_id},
            status_code=refusal.status,
            headers={"x-amzn-ErrorType": name, "x-amzn-RequestId": request_id},
        )


def _event(
    event_id: str, endpoint_id: str, event: Mapping[str, Any], endpoint: Mapping[str, Any]
) -> Event:
    event_type = event.get("EventType")
    return Event(
        event_id,
        endpoint_id,
        event_type if isinstance(event_type, str) else "",
        event,
        endpoint,
        (
            ShownDocument(f"Endpoint {endpoint_id}", endpoint),
            ShownDocument(f"Event {event_id}", event),
        ),
    )


def _answered(event: Event, result: ItemResult, about_endpoint: ItemResult) -> EventResult:
    message = result.message
    if about_endpoint.status != HTTPStatus.ACCEPTED:
        message += f"; the endpoint's data was refused: {about_endpoint.message}"
    if result.dropped:
        outcome = Outcome.DROPPED
    elif result.status == HTTPStatus.ACCEPTED:
        outcome = Outcome.DELIVERED
    else:
        outcome = Outcome.REFUSED
    return EventResult(event, outcome, str(int(result.status)), message)
