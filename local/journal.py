"""What has happened on this machine's pipeline: one hit for each request that the API answered.

Three parties report, in no fixed order: the gateway (what the tag sent), the destination (what it
was given and what it answered) and the dead-letter queue. Their reports are joined on the SQS
message ID, which is the event's ID at the destination.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Access", "Attempt", "Hit", "Journal", "SentEvent", "Status", "decode_query"]

_HITS_KEPT: Final = 1_000
_ATTEMPTS_KEPT: Final = 20
_PREVIEWED_PARAMETERS: Final = 4
_PREVIEWED_CHARACTERS: Final = 60
# Parameters of every hit, or that nobody looks for. A token's value does not get this far.
_NOT_PREVIEWED: Final = frozenset({"event", "endpoint_id", "gtmcb", "token"})
_AUTHENTICATED_PATH: Final = "/events/authenticated"
# The events of a message that was posted as a list are numbered: {message ID}-{index}.
_LISTED_EVENT_ID: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-[0-9]{1,2}")


class Status(StrEnum):
    """Where a hit's event is."""

    WAITING = "waiting"
    """In the queue, or on its way to the destination."""
    RETRYING = "retrying"
    """Throttled or failed at least once; back in the queue."""
    DELIVERED = "delivered"
    """Accepted by the destination."""
    DROPPED = "dropped"
    """Answered as accepted by the destination, and lost there."""
    REJECTED = "rejected"
    """Refused for good, by the destination or before it; in the dead-letter queue."""
    REFUSED = "refused"
    """Never queued: the API answered the tag with an error."""
    OPTED_OUT = "opted_out"
    """Not delivered: the browser asked not to be tracked, and the owner honours it."""


class Access(StrEnum):
    """Which of the endpoint's routes a hit went to."""

    ANONYMOUS = "anonymous"
    AUTHENTICATED = "authenticated"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer of the destination about an event."""

    time: int
    """Milliseconds since the epoch."""
    status: int
    message: str


@dataclass(slots=True)
class SentEvent:
    """One event, as the destination last got it, and what it answered."""

    endpoint_id: str
    event: Mapping[str, Any]
    endpoint: Mapping[str, Any]
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=_ATTEMPTS_KEPT))
    """The newest; the counts below are of all."""
    delivered: int = 0
    dropped: int = 0
    throttled: int = 0
    failed: int = 0
    """Answered with a 5xx, or not at all."""
    refused: int = 0
    """Answered with any other error: for good."""

    @property
    def status(self) -> Status:
        """Where the event is, going by the destination's answers."""
        if self.dropped:
            return Status.DROPPED
        if self.delivered:
            return Status.DELIVERED
        if self.refused:
            return Status.REJECTED
        return Status.RETRYING

    def answered(self, attempt: Attempt, *, dropped: bool) -> None:
        """Take note of one more answer."""
        self.attempts.append(attempt)
        if dropped:
            self.dropped += 1
        elif attempt.status == HTTPStatus.ACCEPTED:
            self.delivered += 1
        elif attempt.status == HTTPStatus.TOO_MANY_REQUESTS:
            self.throttled += 1
        elif attempt.status >= HTTPStatus.INTERNAL_SERVER_ERROR or attempt.status == 0:
            self.failed += 1
        else:
            self.refused += 1

    def details(self) -> dict[str, Any]:
        """Return everything known, as JSON values."""
        return {
            "endpoint_id": self.endpoint_id,
            "endpoint": self.endpoint,
            "event": self.event,
            "status": self.status,
            "attempts": [
                {"time": attempt.time, "status": attempt.status, "message": attempt.message}
                for attempt in self.attempts
            ],
        }


@dataclass(slots=True)
class Hit:
    """One request to the endpoint and what became of it. Times are milliseconds since the epoch."""

    number: int
    """1 for the first hit since the journal began."""
    time: int
    revision: int = 0
    """The journal's revision when the hit last changed."""
    message_id: str | None = None
    method: str = "GET"
    path: str = ""
    query: str | None = None
    """As sent; ``None`` while the gateway has not reported the hit."""
    gateway_status: int | None = None
    gateway_detail: str = ""
    opted_out: bool = False
    events: dict[str, SentEvent] = field(default_factory=dict)
    """By event ID; more than one only if a list was posted."""
    reason: str = ""
    """Why it is in the dead-letter queue, and in what words."""
    detail: str = ""
    body: str = ""
    """The message in the dead-letter queue."""
    dead_lettered: bool = False

    @property
    def access(self) -> Access | None:
        """The route; ``None`` while the gateway has not reported the hit."""
        if self.query is None:
            return None
        return Access.AUTHENTICATED if self.path == _AUTHENTICATED_PATH else Access.ANONYMOUS

    @property
    def status(self) -> Status:
        """Where the event is, from everything reported so far. Of a list, where the worst is."""
        statuses = {event.status for event in self.events.values()}
        listed = self.events.keys() != {self.message_id}
        if Status.DROPPED in statuses:
            return Status.DROPPED
        # An event that is delivered after all counts as such. Of a list, the queue has the others.
        if Status.REJECTED in statuses or (
            self.dead_lettered and (listed or Status.DELIVERED not in statuses)
        ):
            return Status.REJECTED
        if self.gateway_status is not None and self.gateway_status >= HTTPStatus.BAD_REQUEST:
            return Status.REFUSED
        if Status.RETRYING in statuses:
            return Status.RETRYING
        if Status.DELIVERED in statuses:
            return Status.DELIVERED
        return Status.OPTED_OUT if self.opted_out else Status.WAITING

    def summary(self) -> dict[str, Any]:
        """Return what a list of hits shows, as JSON values."""
        parameters = decode_query(self.query or "")
        sent = dict(parameters)
        events = self.events.values()
        first = next(iter(events), None)
        return {
            "number": self.number,
            "revision": self.revision,
            "time": self.time,
            "method": self.method,
            "access": self.access,
            "event": sent.get("event") or (first and first.event.get("EventType")) or "",
            "endpoint_id": sent.get("endpoint_id") or (first and first.endpoint_id) or "",
            "events": len(events),
            "preview": [
                [_shorten(name), _shorten(value)]
                for name, value in parameters
                if name not in _NOT_PREVIEWED
            ][:_PREVIEWED_PARAMETERS],
            "status": self.status,
            "gateway_status": self.gateway_status,
            # The least and the most of any event: a list comes and goes as one.
            "delivered": min((event.delivered for event in events), default=0),
            "throttled": max((event.throttled for event in events), default=0),
            "failed": max((event.failed for event in events), default=0),
            "reason": self._reason(),
        }

    def details(self) -> dict[str, Any]:
        """Return everything known, as JSON values."""
        return self.summary() | {
            "path": self.path,
            "query": self.query,
            "parameters": decode_query(self.query or ""),
            "gateway_detail": self.gateway_detail,
            "sent": [
                {"event_id": event_id, **event.details()} for event_id, event in self.events.items()
            ],
            "dead_letter": {"reason": self.reason, "detail": self.detail, "body": self.body}
            if self.dead_lettered
            else None,
        }

    def _reason(self) -> str:
        status = self.status
        match status:
            case Status.REFUSED:
                return _error_message(self.gateway_detail)
            case Status.OPTED_OUT:
                return "The browser asked not to be tracked"
            case Status.REJECTED if self.dead_lettered:
                return ": ".join(part for part in (self.reason, self.detail) if part)
            case Status.REJECTED | Status.RETRYING | Status.DROPPED:
                return next(
                    event.attempts[-1].message
                    for event in self.events.values()
                    if event.status is status
                )
            case _:
                return ""


class Journal:
    """The newest hits and running totals, in memory. Safe to use from every thread.

    Args:
        hits_kept: How many hits to keep; older ones are forgotten, and a late report about one of
            them shows as a hit of its own.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, *, hits_kept: int = _HITS_KEPT, clock: Callable[[], float] = time.time
    ) -> None:
        self._hits_kept = hits_kept
        self._clock = clock
        self._lock = threading.Lock()
        # A page that reconnects tells by it whether it knows this journal or an earlier one.
        self._session = uuid.uuid4().hex[:12]
        self._revision = 0
        self._numbered = 0
        self._received = 0
        # By number, in the order in which they last changed.
        self._hits: OrderedDict[int, Hit] = OrderedDict()
        self._by_message_id: dict[str, Hit] = {}
        self._statuses: Counter[Status] = Counter()
        self._queues: dict[str, int] | None = None
        self._endpoint_url: str | None = None
        self._authenticated_endpoint_url: str | None = None
        self._subscribers: dict[object, Callable[[], None]] = {}

    def gateway_answered(self, report: Mapping[str, Any]) -> None:
        """Take note of a request that the API answered.

        Args:
            report: ``time`` (milliseconds since the epoch), ``method``, ``path``, ``query`` (raw),
                ``status``, ``message_id`` (SQS's, or ``None``), ``detail`` (the answer's body when
                the status is an error) and, optionally, ``opted_out`` (whether nothing of it is
                kept, for the browser asked not to be tracked). A CORS preflight that was answered
                well is no hit.
        """
        status = int(report["status"])
        if report["method"] == "OPTIONS" and status < HTTPStatus.BAD_REQUEST:
            return
        with self._lock:
            hit, before = self._hit(report["message_id"], int(report["time"]))
            self._received += 1
            hit.time = int(report["time"])
            hit.method = report["method"]
            hit.path = report["path"]
            hit.query = report["query"]
            hit.gateway_status = status
            hit.gateway_detail = report["detail"]
            hit.opted_out = bool(report.get("opted_out", False))
            self._changed(hit, before)
        self._notify()

    def destination_answered(
        self,
        *,
        event_id: str,
        endpoint_id: str,
        event: Mapping[str, Any],
        endpoint: Mapping[str, Any],
        status: int,
        message: str,
        dropped: bool = False,
    ) -> None:
        """Take note of the destination's answer about one event; see ``putevents.Observer``."""
        with self._lock:
            now = int(self._clock() * 1000)
            listed = _LISTED_EVENT_ID.fullmatch(event_id)
            hit, before = self._hit(listed[1] if listed else event_id, now)
            sent = hit.events.setdefault(event_id, SentEvent(endpoint_id, event, endpoint))
            sent.endpoint_id, sent.event, sent.endpoint = endpoint_id, event, endpoint
            sent.answered(Attempt(now, status, message), dropped=dropped)
            self._changed(hit, before)
        self._notify()

    def dead_lettered(self, *, message_id: str | None, reason: str, detail: str, body: str) -> None:
        """Take note of a message in the dead-letter queue.

        Args:
            message_id: ID of the original message; ``None`` when it is not known, which makes it a
                hit of its own.
            reason: Why it is there, in short.
            detail: The same in the destination's own words, or empty.
            body: The message's body.
        """
        with self._lock:
            hit, before = self._hit(message_id, int(self._clock() * 1000))
            hit.dead_lettered = True
            hit.reason = reason
            hit.detail = detail
            hit.body = body
            self._changed(hit, before)
        self._notify()

    def queues_counted(self, *, waiting: int, in_flight: int, dead_letters: int) -> None:
        """Take note of how many messages the queues hold, as SQS counts them.

        Args:
            waiting: Messages in the queue that can be received.
            in_flight: Messages received and not yet deleted.
            dead_letters: Messages in the dead-letter queue.
        """
        queues = {"waiting": waiting, "in_flight": in_flight, "dead_letters": dead_letters}
        with self._lock:
            if queues == self._queues:
                return
            self._queues = queues
            self._revision += 1
        self._notify()

    def endpoint_ready(
        self, endpoint_url: str, authenticated_endpoint_url: str | None = None
    ) -> None:
        """Take note that the pipeline is deployed and answers.

        Args:
            endpoint_url: URL of ``/events``, without a query string.
            authenticated_endpoint_url: The same of ``/events/authenticated``; ``None`` if there is
                no such route.
        """
        with self._lock:
            self._endpoint_url = endpoint_url
            self._authenticated_endpoint_url = authenticated_endpoint_url
            self._revision += 1
        self._notify()

    @property
    def endpoint_url(self) -> str | None:
        """The endpoint's URL, or ``None`` before it is known."""
        with self._lock:
            return self._endpoint_url

    @property
    def authenticated_endpoint_url(self) -> str | None:
        """The authenticated route's URL; ``None`` before it is known, and if there is none."""
        with self._lock:
            return self._authenticated_endpoint_url

    @property
    def session(self) -> str:
        """Identifies this journal among those of earlier runs."""
        return self._session

    def touch(self) -> None:
        """Make subscribers look again: something beside the journal changed."""
        with self._lock:
            self._revision += 1
        self._notify()

    def snapshot(self) -> dict[str, Any]:
        """Return everything a list shows: :meth:`changes` since the beginning."""
        return self.changes(0)

    def changes(self, since: int) -> dict[str, Any]:
        """Return what changed after revision ``since``, as JSON values.

        Returns:
            ``revision``, ``endpoint_url``, ``authenticated_endpoint_url``, ``counters`` and
            ``hits``: summaries of the hits that changed, newest hit first.
        """
        with self._lock:
            hits: list[Hit] = []
            for hit in reversed(self._hits.values()):
                if hit.revision <= since:
                    break
                hits.append(hit)
            hits.sort(key=lambda hit: hit.number, reverse=True)
            return {
                "revision": self._revision,
                "endpoint_url": self._endpoint_url,
                "authenticated_endpoint_url": self._authenticated_endpoint_url,
                "counters": self._counters(),
                "hits": [hit.summary() for hit in hits],
            }

    def details(self, number: int) -> dict[str, Any] | None:
        """Return everything known about hit ``number``, or ``None`` if it is not kept."""
        with self._lock:
            hit = self._hits.get(number)
            return hit.details() if hit else None

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` after every change, on the thread that made it.

        Returns:
            A function that ends the subscription.
        """
        key = object()
        with self._lock:
            self._subscribers[key] = callback

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers.pop(key, None)

        return unsubscribe

    def _counters(self) -> dict[str, int | None]:
        queues = self._queues or {}
        return {
            "received": self._received,
            "waiting": queues["waiting"] + queues["in_flight"] if queues else None,
            "delivered": self._statuses[Status.DELIVERED],
            "rejected": self._statuses[Status.REJECTED],
            "dead_letters": queues.get("dead_letters"),
            "refused": self._statuses[Status.REFUSED],
            "dropped": self._statuses[Status.DROPPED],
            "opted_out": self._statuses[Status.OPTED_OUT],
        }

    def _hit(self, message_id: str | None, now: int) -> tuple[Hit, Status | None]:
        """Return the hit of ``message_id``, new if need be, and its status before this report."""
        hit = self._by_message_id.get(message_id) if message_id is not None else None
        if hit is not None:
            return hit, hit.status
        self._numbered += 1
        hit = Hit(self._numbered, now, message_id=message_id)
        self._hits[hit.number] = hit
        if message_id is not None:
            self._by_message_id[message_id] = hit
        if len(self._hits) > self._hits_kept:
            # Numbers are consecutive and only the oldest are ever forgotten.
            self._forget(self._hits[self._numbered - self._hits_kept])
        return hit, None

    def _forget(self, hit: Hit) -> None:
        del self._hits[hit.number]
        if hit.message_id is not None:
            del self._by_message_id[hit.message_id]

    def _changed(self, hit: Hit, before: Status | None) -> None:
        self._revision += 1
        hit.revision = self._revision
        self._hits.move_to_end(hit.number)
        # Running totals, so that they outlive the hits that are forgotten.
        after = hit.status
        if after is not before:
            self._statuses[after] += 1
            if before is not None:
                self._statuses[before] -= 1

    def _notify(self) -> None:
        with self._lock:
            callbacks = list(self._subscribers.values())
        for callback in callbacks:
            callback()


def decode_query(query: str) -> list[tuple[str, str]]:
    """Return the parameters of a raw query string in the order sent, names and values decoded.

    Bytes that are not UTF-8 become U+FFFD. As at API Gateway, ``;`` separates parameters too.
    """
    return parse_qsl(query.replace(";", "&"), keep_blank_values=True, errors="replace")


def _error_message(body: str) -> str:
    """Return the ``message`` of an API Gateway error answer, or the answer itself."""
    try:
        document = json.loads(body)
    except ValueError:
        return body
    message = document.get("message") if isinstance(document, dict) else None
    return message if isinstance(message, str) else body


def _shorten(text: str) -> str:
    return text if len(text) <= _PREVIEWED_CHARACTERS else text[:_PREVIEWED_CHARACTERS] + "…"
