"""Stands in for the shop's webhook on this machine: ``make run`` starts it beside the console.

It checks each signature, answers for each event, and misbehaves as the console page tells it to.
"""

from __future__ import annotations

import hmac
import json
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from examples.webhook.runtime.shop_webhook import Webhook, signature
from local.model import RequestRefused
from local.stand_in.server import DestinationServer
from local.stand_in.transport import ServerEndpoint
from local.stand_in.values import (
    ActiveBehavior,
    Event,
    EventResult,
    OperationResult,
    Outcome,
    ShownDocument,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from starlette.requests import Request

    from gtm_events.event import Limits

_PATH: Final = "/events"
_MOST_SKEW: Final = 300  # seconds
_VERDICTS: Final = {
    200: (Outcome.DELIVERED, ""),
    400: (Outcome.REFUSED, ""),
    503: (Outcome.FAILED, "Told to fail"),
}


class WebhookServer(DestinationServer):
    """``POST /events``."""

    kind: ClassVar[str] = "shop_webhook"
    title: ClassVar[str] = "The shop's webhook"
    operation: ClassVar[str] = "POST /events"
    service: ClassVar[str] = "webhook"
    throttled: ClassVar[tuple[int, str]] = (429, "Too Many Requests")
    failed: ClassVar[tuple[int, str]] = (503, "Service Unavailable")
    refusing: ClassVar[str] = "Answers 200, and in it 400 for each of the events."
    failing: ClassVar[str] = "Answers 200, and in it 503 for that share of the events."
    limits: ClassVar[Limits] = Webhook.limits

    _secret = ""

    def stack_deployed(self, client: Callable[[str], Any], outputs: Mapping[str, str]) -> None:
        """Read the key that the stack has made."""
        found = client("secretsmanager").get_secret_value(SecretId=outputs["WebhookSecretArn"])
        self._secret = found["SecretString"]

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """The one that the function calls."""
        return (Route(_PATH, ServerEndpoint(self.answer), methods=["POST"], name="webhook"),)

    @property
    def request_bytes(self) -> int:
        """Largest body: a full request, its brackets included."""
        return Webhook.max_bytes + 1_000

    def _unsigned(self, request: Request, body: bytes | None) -> RequestRefused | None:
        sent = request.headers.get("x-shop-time", "")
        if body is None or not self._secret or not sent.isdigit():
            return RequestRefused(HTTPStatus.UNAUTHORIZED, "The request is not signed")
        expected = signature(self._secret, body, now=int(sent))["X-Shop-Signature"]
        given = request.headers.get("x-shop-signature", "")
        if abs(time.time() - int(sent)) > _MOST_SKEW or not hmac.compare_digest(expected, given):
            return RequestRefused(HTTPStatus.UNAUTHORIZED, "The signature is wrong")
        return None

    def _target(self, request: Request, document: object) -> str:  # noqa: ARG002 - there is one
        return _PATH

    def _parse(self, request: Request, body: bytes) -> dict[str, Any]:  # noqa: ARG002
        try:
            document = json.loads(body)
            events = document["events"]
        except (ValueError, KeyError, TypeError):
            events = None
        if not isinstance(events, list) or len(events) > Webhook.max_entries:
            raise RequestRefused(HTTPStatus.BAD_REQUEST, "A request has a list of 1 to 100 events")
        return {"events": events}

    async def _execute(
        self,
        request: Request,  # noqa: ARG002
        document: dict[str, Any],
        body: bytes,  # noqa: ARG002
        active: ActiveBehavior,
    ) -> OperationResult:
        answered = []
        for event in self._events(document):
            refused = active.behavior.refuses(event)
            status = 400 if refused else 503 if active.fails() else 200
            outcome, words = _VERDICTS[status]
            message = active.behavior.refuse_message if refused else words
            answered.append(EventResult(event, outcome, str(status), message))
        verdicts = [
            {"id": it.event.event_id, "status": int(it.status), "message": it.message}
            for it in answered
        ]
        return OperationResult({"events": verdicts}, answered)

    def _events(self, document: object) -> Iterator[Event]:
        found = document.get("events") if isinstance(document, dict) else None
        for record in found if isinstance(found, list) else ():
            yield Event.of_record(record, ShownDocument("Event", record))

    def _error(self, refusal: RequestRefused) -> Response:
        return JSONResponse({"message": refusal.message}, status_code=refusal.status)
