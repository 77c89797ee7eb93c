"""Webhook in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from examples.webhook.runtime.shop_webhook import Webhook, signature
from gtm_events.https import HttpsEndpoint
from tests.destinations.fake import BatchFake, event_of
from tests.unit.builders import Answered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gtm_events.aws import ServiceRequest
    from gtm_events.destinations.batching import BatchService
    from gtm_events.event import Event
    from gtm_events.signing import SignedRequest
    from tests.destinations.fake import Verdict


def _sign(request: ServiceRequest) -> dict[str, str]:
    return signature("key", request.body, now=1_795_000_000)


class FakeWebhook(BatchFake):
    """The webhook of ``examples/`` in memory, as an example of a custom destination."""

    name = "shop_webhook"
    verdicts = frozenset({"ok", "refused", "throttled", "failed", "denied", "unmentioned"})
    whole: ClassVar = {
        "refused": Answered(400, "BadRequest"),
        "throttled": Answered(429, ""),
    }
    max_bytes = 1_000_000
    max_entries = 100
    max_entry_bytes = 100_000
    sizes: ClassVar = [9_000] * 200 + [40_000] * 30 + [90_000] * 25
    endpoint = HttpsEndpoint("https://hooks.shop.example/events", _sign)

    def check_signature(self, request: SignedRequest) -> None:
        assert "Authorization" not in request.headers
        sent = {name: request.headers[name] for name in ("X-Shop-Time", "X-Shop-Signature")}
        assert sent == signature("key", request.body, now=int(sent["X-Shop-Time"]))

    def service(self) -> BatchService[Any]:
        return Webhook()

    def check(self, request: dict[str, Any]) -> None:
        assert request.keys() == {"events"}

    def size(self, request: dict[str, Any], body: bytes) -> int:
        assert 1 <= len(request["events"]) <= 100
        return len(body) - len('{"events":[]}') + 1

    def read(self, request: dict[str, Any]) -> Iterator[Iterable[Event]]:
        for record in request["events"]:
            yield [event_of(json.dumps(record))]

    def written(self, entries: list[list[Event]], verdicts: list[Verdict]) -> dict[str, Any]:
        statuses: dict[Verdict, int] = {
            "ok": 200, "refused": 400, "throttled": 429, "failed": 500, "denied": 403
        }  # fmt: skip
        return {
            "events": [
                {"id": event.id, "status": statuses[verdict], "message": f"it is {verdict}"}
                for [event], verdict in zip(entries, verdicts, strict=True)
                if verdict in statuses
            ]
        }


FAKE = FakeWebhook
