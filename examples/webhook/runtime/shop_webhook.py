"""Delivers events to the shop's webhook, an HTTPS endpoint that identifies its callers by an HMAC.

The module is uploaded with the function because ``examples/own_destination.py`` names its
directory. A request is ``{"events": [record, …]}``. The answer is ``{"events": [{"id": …, "status":
…}, …]}``, with a status for each event: 200 accepts it, 400 refuses it for good, and with any other
status the event is sent again.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtm_events.destination_api import (
    Answer,
    BatchDestination,
    BatchService,
    Delivered,
    Event,
    HttpsEndpoint,
    Limits,
    Outcome,
    Secret,
    ServiceRequest,
    by_status,
    encode_record,
    objects_of,
    status_of,
    text_of,
)

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping, Sequence

_OK = 200


def create(environment: Mapping[str, str]) -> BatchDestination[Entry]:
    """Return the destination. ``DESTINATION`` names this function, which runs once at start."""
    secret = Secret.of("WEBHOOK_SECRET_ARN", environment)

    def sign(request: ServiceRequest) -> Mapping[str, str]:
        return signature(secret.get(), request.body, now=int(time.time()))

    return BatchDestination.at(
        Webhook(),
        HttpsEndpoint.of("WEBHOOK_URL", environment, sign),
        requests_per_second=50,
    )


def signature(secret: str, body: bytes, *, now: int) -> dict[str, str]:
    """Return the headers that prove who sent ``body``, and when."""
    digest = hmac.digest(secret.encode(), b"%d.%b" % (now, body), hashlib.sha256)
    return {"X-Shop-Time": str(now), "X-Shop-Signature": digest.hex()}


@dataclass(frozen=True, slots=True)
class Entry:
    """One event in the webhook's format."""

    event_id: str
    record: bytes
    size: int


class Webhook(BatchService[Entry]):
    """The webhook's limits, its requests and its answers."""

    name = "the shop's webhook"
    limits = Limits()
    max_entries = 100
    max_bytes = 1_000_000
    max_entry_bytes = 100_000

    def encode(self, event: Event, counts: Counter[str]) -> Entry:  # noqa: ARG002
        """Return an event's entry."""
        record = encode_record(event).encode()
        return Entry(event.id, record, len(record) + 1)  # and a comma

    def request(self, entries: Sequence[Entry]) -> ServiceRequest:
        """Return the request that carries ``entries``."""
        return ServiceRequest(b'{"events":[%b]}' % b",".join(entry.record for entry in entries))

    def outcomes(self, entries: Sequence[Entry], answer: Answer) -> Iterator[Outcome]:
        """Yield the outcome of each entry. An entry that the answer leaves out is sent again."""
        said = {text_of(it.get("id")): it for it in objects_of(answer.json().get("events"))}
        for entry in entries:
            verdict = said.get(entry.event_id, {})
            status = status_of(verdict.get("status"))
            if status == _OK:
                yield Delivered(entry.event_id)
            elif status:
                yield by_status(entry.event_id, status, verdict.get("message"))
