"""What has happened on this machine's pipeline: one hit for each request that the API answered.

Four parties report, in no fixed order: the gateway (what the tag sent), each destination (what it
was given and what it answered), what reads the destination (what arrived there) and the
dead-letter queues. Their reports are joined on the event's ID, which is the same at each
destination.
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
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qsl

from gtm_events import json_body, urlencoded
from gtm_events.errors import MalformedMessage, TooManyEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from local.destination import Answered, Event, Exposition, Outcome
    from local.rules import Losses, Rules

__all__ = [
    "PINPOINT",
    "Access",
    "Attempt",
    "Delivery",
    "Hit",
    "Journal",
    "SentEvent",
    "Status",
    "decode_envelope",
    "decode_query",
    "event_id_of",
]

PINPOINT: Final = {"pinpoint": "Amazon Pinpoint"}
"""The destinations of a journal that is not told any."""

_HITS_KEPT: Final = 1_000
_ATTEMPTS_KEPT: Final = 20
_PREVIEWED_PARAMETERS: Final = 4
_PREVIEWED_CHARACTERS: Final = 60
# Parameters of every hit, or that nobody looks for. A token's value does not get this far.
_NOT_PREVIEWED: Final = frozenset({"event", "endpoint_id", "gtmcb", "token"})
_AUTHENTICATED_PATH: Final = "/events/authenticated"
_FORM: Final = "application/x-www-form-urlencoded"
_NO_ROUTE: Final = "Missing Authentication Token"  # API Gateway's words for it
# The events of a list are numbered: {ID}-{index}. The ID is 11 bytes in base64, as API Gateway's.
_LISTED_EVENT_ID: Final = re.compile(r"([A-Za-z0-9_-]{15})-([0-9]{1,2})")
_URL_SAFE: Final = str.maketrans("+/", "-_", "=")


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
    """Answered, and nothing is kept: the browser asked not to be tracked, the owner honours it."""


class Access(StrEnum):
    """Which of the endpoint's routes a hit went to."""

    ANONYMOUS = "anonymous"
    AUTHENTICATED = "authenticated"


# The worst first: what a hit shows of several events, or of several destinations.
_WORST_FIRST: Final = (
    Status.DROPPED,
    Status.REJECTED,
    Status.RETRYING,
    Status.WAITING,
    Status.DELIVERED,
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer of the destination about an event."""

    time: int
    """Milliseconds since the epoch."""
    outcome: Outcome
    status: str
    """The answer in short."""
    message: str


@dataclass(slots=True)
class SentEvent:
    """One event, as the destination last got it, what it answered and what is there now."""

    endpoint_id: str = ""
    event_type: str = ""
    got: tuple[Exposition, ...] = ()
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=_ATTEMPTS_KEPT))
    """The newest; the counts below are of all."""
    arrived: deque[Exposition] = field(default_factory=lambda: deque(maxlen=_ATTEMPTS_KEPT))
    """What was read at the destination: more than one if the event is there more than once."""
    delivered: int = 0
    dropped: int = 0
    throttled: int = 0
    failed: int = 0
    """Answered with an error of the service, or not at all."""
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
        return Status.RETRYING if self.attempts else Status.WAITING

    def answered(self, attempt: Attempt) -> None:
        """Take note of one more answer."""
        self.attempts.append(attempt)
        setattr(self, attempt.outcome, getattr(self, attempt.outcome) + 1)

    def details(self) -> dict[str, Any]:
        """Return everything known, as JSON values."""
        return {
            "endpoint_id": self.endpoint_id,
            "event_type": self.event_type,
            "got": _expositions(self.got),
            "arrived": _expositions(self.arrived),
            "status": self.status,
            "attempts": [
                {
                    "time": attempt.time,
                    "outcome": attempt.outcome,
                    "status": attempt.status,
                    "message": attempt.message,
                }
                for attempt in self.attempts
            ],
        }


class Letter(NamedTuple):
    """A message in a queue of rejected ones.

    Attributes:
        reason: Why it is there, in short.
        detail: The same in the destination's own words, or empty.
        body: Its body.
    """

    reason: str
    detail: str
    body: str

    @property
    def words(self) -> str:
        """Why it is there, in one line."""
        return ": ".join(part for part in (self.reason, self.detail) if part)


@dataclass(slots=True)
class Delivery:
    """What became of a hit at one destination."""

    events: dict[str, SentEvent] = field(default_factory=dict)
    """By event ID; more than one only if a list was posted."""
    dead_letter: Letter | None = None
    """The message in the dead-letter queue."""
    invalid_message: Letter | None = None
    """The message in the invalid-message queue. Of a list, a part may be in either."""
    losses: list[Losses] = field(default_factory=list)
    """What the function leaves out of each event that the tag sent."""

    @property
    def _letters(self) -> list[Letter]:
        return [letter for letter in (self.dead_letter, self.invalid_message) if letter]

    @property
    def status(self) -> Status:
        """Where the events are, from everything reported so far. Of a list, where the worst is."""
        statuses = {event.status for event in self.events.values()}
        listed = any(map(_LISTED_EVENT_ID.fullmatch, self.events))
        if Status.DROPPED in statuses:
            return Status.DROPPED
        # An event that is delivered after all counts as such. Of a list, the queue has the others.
        if self._letters and (listed or Status.DELIVERED not in statuses):
            return Status.REJECTED
        return _worst(statuses)

    def reason_of(self, status: Status) -> str:
        """Return why the delivery has this status, in words."""
        if status is Status.REJECTED and self._letters:
            return "; ".join(letter.words for letter in self._letters)
        if status in {Status.REJECTED, Status.RETRYING, Status.DROPPED}:
            return next(
                event.attempts[-1].message
                for event in self.events.values()
                if event.status is status
            )
        return ""

    def summary(self) -> dict[str, Any]:
        """Return what a list shows, as JSON values."""
        events = self.events.values()
        status = self.status
        return {
            "status": status,
            "events": len(events),
            # The least and the most of any event: a list comes and goes as one.
            "delivered": min((event.delivered for event in events), default=0),
            "throttled": max((event.throttled for event in events), default=0),
            "failed": max((event.failed for event in events), default=0),
            "reason": self.reason_of(status),
        }

    def details(self) -> dict[str, Any]:
        """Return everything known, as JSON values."""
        return self.summary() | {
            # The answers about a list come in any order: by its numbers.
            "sent": [
                {"event_id": event_id, "index": _index(event_id), **event.details()}
                for event_id, event in sorted(
                    self.events.items(), key=lambda event: _index(event[0])
                )
            ],
            "dead_letter": self.dead_letter and self.dead_letter._asdict(),
            "invalid_message": self.invalid_message and self.invalid_message._asdict(),
            "losses": self.losses,
        }


@dataclass(slots=True)
class Hit:
    """One request to the endpoint and what became of it. Times are milliseconds since the epoch."""

    number: int
    """1 for the first hit since the journal began."""
    time: int
    event_id: str | None = None
    """Of its event, or what the IDs of its list's events begin with; ``None`` if it has none."""
    revision: int = 0
    """The journal's revision when the hit last changed."""
    method: str = "GET"
    path: str = ""
    query: str | None = None
    """As sent; ``None`` while the gateway has not reported the hit."""
    content_type: str = ""
    body: str = ""
    """As posted, as much of it as the gateway reports."""
    body_cut: bool = False
    """Whether that is not all of it."""
    gateway_status: int | None = None
    gateway_detail: str = ""
    opted_out: bool = False
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    """By destination."""

    @property
    def access(self) -> Access | None:
        """The route; ``None`` while the gateway has not reported the hit."""
        if self.query is None:
            return None
        return Access.AUTHENTICATED if self.path == _AUTHENTICATED_PATH else Access.ANONYMOUS

    @property
    def status(self) -> Status:
        """Where the event is. With several destinations, the worst of them."""
        worst = _worst({delivery.status for delivery in self.deliveries.values()})
        if worst in {Status.DROPPED, Status.REJECTED}:
            return worst
        if self.gateway_status is not None and self.gateway_status >= HTTPStatus.BAD_REQUEST:
            return Status.REFUSED
        if worst is Status.WAITING and self.opted_out:
            return Status.OPTED_OUT
        return worst

    @property
    def statuses(self) -> dict[str, Status]:
        """Where the event is at each destination that it is meant for."""
        if self.opted_out or self.status is Status.REFUSED:
            return {}
        return {name: delivery.status for name, delivery in self.deliveries.items()}

    @property
    def in_query(self) -> bool:
        """Whether the parameters are in the query: a posted body holds them unless it is empty."""
        return self.method != "POST" or self.body in {"", "{}"}

    def asked(self) -> list[list[tuple[str, str]]]:
        """Return the parameters that the tag sent, of each event; nothing if they are not known.

        Of an event that is none there are no parameters.
        """
        if self.query is None:
            return []
        if self.in_query:
            return [decode_query(self.query)]
        kind = self.content_type.partition(";")[0].strip().lower()
        if kind == _FORM:
            return [urlencoded.parse(self.body, strict=False)]
        try:
            events, _ = json_body.events(self.body)
        except (MalformedMessage, TooManyEvents):
            return []
        return [[] if isinstance(event, MalformedMessage) else event for event in events]

    def judge(self, rules: Mapping[str, Rules]) -> None:
        """Take note of what each destination's function leaves out of the events.

        Args:
            rules: By destination.
        """
        if self.body_cut or self.opted_out:  # what is not all there says nothing
            return
        asked = self.asked()
        for destination, delivery in self.deliveries.items():
            if destination in rules:
                delivery.losses = [
                    rules[destination].losses(
                        parameters,
                        time=self.time,
                        authenticated=self.access is Access.AUTHENTICATED,
                        in_query=self.in_query,
                    )
                    for parameters in asked
                ]

    def losses(self) -> dict[str, int]:
        """Return how many parameters are left out or cut somewhere, by the reason."""
        lost = {
            (number, at, loss)
            for delivery in self.deliveries.values()
            for number, losses in enumerate(delivery.losses)
            for at, loss in losses.items()
        }
        return dict(Counter(str(loss) for *_, loss in sorted(lost)))

    def summary(self, destinations: Iterable[str]) -> dict[str, Any]:
        """Return what a list of hits shows, as JSON values.

        Args:
            destinations: In the order to show them in.
        """
        asked = self.asked()
        parameters = asked[0] if asked else decode_query(self.query or "")
        sent = dict(parameters)
        deliveries = {
            name: self.deliveries[name].summary()
            for name in destinations
            if name in self.deliveries
        }
        first = next(
            (event for each in self.deliveries.values() for event in each.events.values()), None
        )
        return {
            "number": self.number,
            "revision": self.revision,
            "time": self.time,
            "method": self.method,
            "access": self.access,
            "event": sent.get("event") or (first and first.event_type) or "",
            "endpoint_id": sent.get("endpoint_id") or (first and first.endpoint_id) or "",
            # Of a list the events that are rejected before they are sent count as well.
            "events": max(
                len(asked) if len(asked) > 1 else 0,
                *(each["events"] for each in deliveries.values()),
                0,
            ),
            "preview": [
                [_shorten(name), _shorten(value)]
                for name, value in parameters
                if name not in _NOT_PREVIEWED
            ][:_PREVIEWED_PARAMETERS],
            "status": self.status,
            "gateway_status": self.gateway_status,
            "deliveries": deliveries,
            "losses": self.losses(),
            "reason": self._reason(),
        }

    def details(self, destinations: Iterable[str]) -> dict[str, Any]:
        """Return everything known, as JSON values."""
        summary = self.summary(destinations)
        return summary | {
            "path": self.path,
            "query": self.query,
            "parameters": decode_query(self.query or ""),
            "body": self.body,
            "body_cut": self.body_cut,
            "asked": self.asked(),
            "gateway_detail": self.gateway_detail,
            "deliveries": {name: self.deliveries[name].details() for name in summary["deliveries"]},
        }

    def _reason(self) -> str:
        status = self.status
        if status is Status.REFUSED:
            return self._refusal()
        if status is Status.OPTED_OUT:
            return "The browser asked not to be tracked"
        return next(
            (each.reason_of(status) for each in self.deliveries.values() if each.status is status),
            "",
        )

    def _refusal(self) -> str:
        """Return why the API refused the request: its words, which of a sender tell very little."""
        said = _error_message(self.gateway_detail)
        if said == _NO_ROUTE:
            return f"{said}: there is no such route, or it takes signed requests (IAM) only"
        match self.gateway_status:
            case HTTPStatus.UNAUTHORIZED if "token" in dict(decode_query(self.query or "")):
                return f"{said}: the token has expired, is of another key or audience, or is none"
            case HTTPStatus.UNAUTHORIZED:
                return f"{said}: there is no token, and nobody else vouches for the sender"
            case HTTPStatus.FORBIDDEN if self.access is Access.AUTHENTICATED:
                return f"{said}: the authorizer knows the sender and does not let it in"
            case _:
                return said


class _Before(NamedTuple):
    """What a hit was before a report; nothing if it is new."""

    status: Status | None
    statuses: Mapping[str, Status]


class Journal:
    """The newest hits and running totals, in memory. Safe to use from every thread.

    Args:
        destinations: The destinations' kinds and titles, the first first. Default: Pinpoint.
        hits_kept: How many hits to keep; older ones are forgotten, and a late report about one of
            them shows as a hit of its own.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        destinations: Mapping[str, str] = PINPOINT,
        *,
        hits_kept: int = _HITS_KEPT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._destinations = dict(destinations)
        self._rules: dict[str, Rules] = {}
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
        self._oldest = 1
        self._by_event_id: dict[str, Hit] = {}
        self._statuses: Counter[Status] = Counter()
        self._statuses_at: Counter[tuple[str, Status]] = Counter()
        self._queues: dict[str, dict[str, int]] = {}
        self._invalid_messages: int | None = None
        self._endpoint_url: str | None = None
        self._authenticated_endpoint_url: str | None = None
        self._subscribers: dict[object, Callable[[], None]] = {}

    @property
    def destinations(self) -> dict[str, str]:
        """The destinations' kinds and titles, the first first."""
        with self._lock:
            return dict(self._destinations)

    def destinations_known(
        self, destinations: Mapping[str, str], rules: Mapping[str, Rules] | None = None
    ) -> None:
        """Take note of where the pipeline delivers to.

        Args:
            destinations: The destinations' kinds and titles, the first first.
            rules: How the function of each reads events. Default: not known, so the console shows
                what was left out and not always why.
        """
        with self._lock:
            self._destinations = dict(destinations)
            self._rules = dict(rules or {})
            self._revision += 1
        self._notify()

    def gateway_answered(self, report: Mapping[str, Any]) -> None:
        """Take note of a request that the API answered.

        Args:
            report: ``time`` (milliseconds since the epoch), ``method``, ``path``, ``query`` (raw),
                ``status``, ``event_id`` (``None`` if nothing was queued), ``detail`` (the answer's
                body when the status is an error) and, optionally, ``content_type``, ``body`` (what
                was posted), ``body_cut`` (whether there was more of it) and ``opted_out`` (whether
                nothing of it is kept, for the browser asked not to be tracked). A CORS preflight
                that was answered well is no hit.
        """
        status = int(report["status"])
        if report["method"] == "OPTIONS" and status < HTTPStatus.BAD_REQUEST:
            return
        with self._lock:
            hit, before = self._hit(report["event_id"], int(report["time"]))
            if hit.event_id is not None:
                for destination in self._destinations:
                    hit.deliveries.setdefault(destination, Delivery())
            self._received += 1
            hit.time = int(report["time"])
            hit.method = report["method"]
            hit.path = report["path"]
            hit.query = report["query"]
            hit.content_type = report.get("content_type", "")
            hit.body = report.get("body", "")
            hit.body_cut = bool(report.get("body_cut", False))
            hit.gateway_status = status
            hit.gateway_detail = report["detail"]
            hit.opted_out = bool(report.get("opted_out", False))
            hit.judge(self._rules)
            self._changed(hit, before)
        self._notify()

    def destination_answered(self, destination: str, answered: Answered) -> None:
        """Take note of a destination's answer about one event; see ``destination.Observer``."""
        with self._lock:
            now = int(self._clock() * 1000)
            hit, before, sent = self._sent(destination, answered.event, now)
            sent.got = answered.event.got
            sent.answered(Attempt(now, answered.outcome, answered.status, answered.message))
            self._changed(hit, before)
        self._notify()

    def destination_has(self, destination: str, event: Event) -> None:
        """Take note of an event that was read at its destination.

        Args:
            destination: Which.
            event: What is there, in the destination's own terms as :attr:`Event.got`.
        """
        with self._lock:
            hit, before, sent = self._sent(destination, event, int(self._clock() * 1000))
            sent.arrived.extend(event.got)
            self._changed(hit, before)
        self._notify()

    def dead_lettered(
        self,
        *,
        event_id: str | None,
        reason: str,
        detail: str,
        body: str,
        destination: str | None = None,
    ) -> None:
        """Take note of a message in a dead-letter queue.

        Args:
            event_id: Of the message's event; ``None`` when it is not known, which makes it a hit
                of its own.
            reason: Why it is there, in short.
            detail: The same in the destination's own words, or empty.
            body: The message's body.
            destination: Whose queue it is. Default: the first destination's.
        """
        with self._lock:
            name = destination or next(iter(self._destinations))
            hit, before = self._hit(event_id, int(self._clock() * 1000))
            delivery = hit.deliveries.setdefault(name, Delivery())
            delivery.dead_letter = Letter(reason, detail, body)
            self._changed(hit, before)
        self._notify()

    def found_invalid(
        self,
        *,
        event_id: str | None,
        reason: str,
        detail: str,
        body: str,
        destination: str | None = None,
    ) -> None:
        """Take note of a message in the invalid-message queue.

        Args:
            event_id: As :meth:`dead_lettered` has it.
            reason: As :meth:`dead_lettered` has it.
            detail: As :meth:`dead_lettered` has it.
            body: The message's body.
            destination: Which destination rejects it. Default: every one does.
        """
        with self._lock:
            hit, before = self._hit(event_id, int(self._clock() * 1000))
            for name in self._destinations if destination is None else [destination]:
                delivery = hit.deliveries.setdefault(name, Delivery())
                delivery.invalid_message = Letter(reason, detail, body)
            self._changed(hit, before)
        self._notify()

    def invalid_messages_counted(self, number: int) -> None:
        """Take note of how many messages the invalid-message queue holds."""
        with self._lock:
            if number == self._invalid_messages:
                return
            self._invalid_messages = number
            self._revision += 1
        self._notify()

    def queues_counted(
        self, *, waiting: int, in_flight: int, dead_letters: int, destination: str | None = None
    ) -> None:
        """Take note of how many messages a destination's queues hold, as SQS counts them.

        Args:
            waiting: Messages in the queue that can be received.
            in_flight: Messages received and not yet deleted.
            dead_letters: Messages in the dead-letter queue.
            destination: Whose queues. Default: the first destination's.
        """
        queues = {"waiting": waiting + in_flight, "dead_letters": dead_letters}
        with self._lock:
            name = destination or next(iter(self._destinations))
            if queues == self._queues.get(name):
                return
            self._queues[name] = queues
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
            ``revision``, ``endpoint_url``, ``authenticated_endpoint_url``, ``counters``,
            ``destinations`` (their own counters) and ``hits`` (summaries of the hits that changed,
            newest hit first).
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
                "destinations": [
                    self._counters_at(kind, title) for kind, title in self._destinations.items()
                ],
                "hits": [hit.summary(self._destinations) for hit in hits],
            }

    def details(self, number: int) -> dict[str, Any] | None:
        """Return everything known about hit ``number``, or ``None`` if it is not kept."""
        with self._lock:
            hit = self._hits.get(number)
            return hit.details(self._destinations) if hit else None

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
        queues = self._queues.values()
        return {
            "received": self._received,
            "waiting": sum(each["waiting"] for each in queues) if queues else None,
            "delivered": self._statuses[Status.DELIVERED],
            "rejected": self._statuses[Status.REJECTED],
            "dead_letters": sum(each["dead_letters"] for each in queues) if queues else None,
            "invalid_messages": self._invalid_messages,
            "refused": self._statuses[Status.REFUSED],
            "dropped": self._statuses[Status.DROPPED],
            "opted_out": self._statuses[Status.OPTED_OUT],
        }

    def _counters_at(self, kind: str, title: str) -> dict[str, Any]:
        """Return what a destination is called and its counters."""
        queues = self._queues.get(kind, {})
        counted = (Status.DELIVERED, Status.RETRYING, Status.REJECTED, Status.DROPPED)
        return {
            "kind": kind,
            "title": title,
            "waiting": queues.get("waiting"),
            "dead_letters": queues.get("dead_letters"),
            **{str(status): self._statuses_at[kind, status] for status in counted},
        }

    def _sent(self, destination: str, event: Event, now: int) -> tuple[Hit, _Before, SentEvent]:
        """Return an event of a hit, both new if need be, and what the hit was before."""
        listed = _LISTED_EVENT_ID.fullmatch(event.event_id)
        hit, before = self._hit(listed[1] if listed else event.event_id, now)
        delivery = hit.deliveries.setdefault(destination, Delivery())
        sent = delivery.events.setdefault(event.event_id, SentEvent())
        sent.endpoint_id, sent.event_type = event.endpoint_id, event.event_type
        return hit, before, sent

    def _hit(self, event_id: str | None, now: int) -> tuple[Hit, _Before]:
        """Return the hit that an event belongs to, new if need be, and what it was before.

        Args:
            event_id: Of the event, or of its list; ``None`` for a hit that has none.
            now: Milliseconds since the epoch.
        """
        known = None if event_id is None else self._by_event_id.get(event_id)
        if known is not None:
            return known, _Before(known.status, known.statuses)
        self._numbered += 1
        hit = Hit(self._numbered, now, event_id)
        self._hits[hit.number] = hit
        if event_id is not None:
            self._by_event_id[event_id] = hit
        if len(self._hits) > self._hits_kept:
            self._forget_oldest()
        return hit, _Before(None, {})

    def _forget_oldest(self) -> None:
        hit = self._hits.pop(self._oldest)
        self._oldest += 1
        if hit.event_id is not None:
            del self._by_event_id[hit.event_id]

    def _changed(self, hit: Hit, before: _Before) -> None:
        self._revision += 1
        hit.revision = self._revision
        self._hits.move_to_end(hit.number)
        self._count(before, _Before(hit.status, hit.statuses))

    def _count(self, before: _Before, after: _Before) -> None:
        """Keep the running totals, so that they outlive the hits that are forgotten."""
        for change, counted in ((-1, before), (1, after)):
            if counted.status is None:
                continue
            self._statuses[counted.status] += change
            for destination, status in counted.statuses.items():
                self._statuses_at[destination, status] += change

    def _notify(self) -> None:
        with self._lock:
            callbacks = list(self._subscribers.values())
        for callback in callbacks:
            callback()


def decode_envelope(message_body: str) -> dict[str, str]:
    """Return what the API wrote of a request into the first line of its message."""
    return dict(parse_qsl(message_body.partition("\n")[0]))


def event_id_of(message_body: str) -> str | None:
    """Return what the function calls a message's event, or the ``{ID}`` of those of its list.

    ``None`` if it is not a message that the API wrote.
    """
    request_id = decode_envelope(message_body).get("id")
    return None if request_id is None else request_id.translate(_URL_SAFE)


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
    if not isinstance(document, dict):
        return body
    # An authorizer's refusal has it with a capital.
    message = document.get("message", document.get("Message"))
    return message if isinstance(message, str) else body


def _index(event_id: str) -> int:
    """Return an event's place in the list that was posted; 0 if it was alone."""
    listed = _LISTED_EVENT_ID.fullmatch(event_id)
    return int(listed[2]) if listed else 0


def _worst(statuses: Collection[Status]) -> Status:
    return next((status for status in _WORST_FIRST if status in statuses), Status.WAITING)


def _expositions(expositions: Iterable[Exposition]) -> list[dict[str, Any]]:
    return [{"title": each.title, "document": each.document} for each in expositions]


def _shorten(text: str) -> str:
    return text if len(text) <= _PREVIEWED_CHARACTERS else text[:_PREVIEWED_CHARACTERS] + "…"
