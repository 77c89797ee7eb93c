"""The journal of a run, with one hit for each request that the API answered.

Reports come in any order from four sources: the gateway (what the tag sent), each destination (its
requests and answers), the readers of destinations (what arrived), and the queues of rejected
messages. The journal joins them by event ID, which is the same at each destination.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter, OrderedDict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from local.console.hits import (
    LISTED_EVENT_ID,
    Attempt,
    Delivery,
    Hit,
    RejectedMessage,
    SentEvent,
    Status,
)
from local.console.problems import Problems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local.rules import FunctionRules
    from local.stand_in.values import Event, EventResult


PINPOINT: Final = {"pinpoint": "Amazon Pinpoint"}
"""The default destinations of a journal."""

_HITS_KEPT: Final = 1_000


class _Before(NamedTuple):
    """A hit's state before a report; empty for a new hit."""

    status: Status | None
    statuses: Mapping[str, Status]


class Journal:
    """The newest hits and the totals of all, in memory. Safe to use from several threads.

    Args:
        destinations: The destinations' titles by kind, in the stack's order. Default: Pinpoint.
        hits_kept: Number of hits to keep. A late report about an older hit becomes a hit of its
            own.
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
        self._rules: dict[str, FunctionRules] = {}
        self._hits_kept = hits_kept
        self._clock = clock
        self._lock = threading.Lock()
        # A page that reconnects sends it, which shows whether the page has this journal's state.
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
        self._problems: dict[str, Problems] = {}
        self._scheduled: dict[
            str, set[str]
        ] = {}  # IDs of events with a next attempt, by destination
        self._invalid_messages: int | None = None
        self._endpoint_url: str | None = None
        self._authenticated_endpoint_url: str | None = None
        self._subscribers: dict[object, Callable[[], None]] = {}

    @property
    def destinations(self) -> dict[str, str]:
        """The destinations' titles by kind, in the stack's order."""
        with self._lock:
            return dict(self._destinations)

    def destinations_known(
        self, destinations: Mapping[str, str], rules: Mapping[str, FunctionRules] | None = None
    ) -> None:
        """Set the pipeline's destinations.

        Args:
            destinations: The destinations' titles by kind, in the stack's order.
            rules: The rules by which each function reads events. Without them the console does not
                show which parameters are left out.
        """
        with self._lock:
            self._destinations = dict(destinations)
            self._rules = dict(rules or {})
            self._revision += 1
        self._notify()

    def gateway_answered(self, report: Mapping[str, Any]) -> None:
        """Record a request that the API answered.

        Args:
            report: ``time`` (milliseconds since the epoch), ``method``, ``path``, ``query`` (raw),
                ``status``, ``event_id`` (``None`` if nothing was queued), ``detail`` (the answer's
                body if the status is an error) and, optionally, ``content_type``, ``body`` (as
                posted), ``body_cut`` (whether the body is incomplete) and ``opted_out`` (whether
                the event is not kept because the browser asked not to be tracked). A successful
                CORS preflight is not a hit.
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
            hit.find_losses(self._rules)
            self._changed(hit, before)
        self._notify()

    def destination_answered(self, destination: str, answered: EventResult) -> None:
        """Record a destination's answer about one event."""
        with self._lock:
            now = int(self._clock() * 1000)
            hit, before, sent = self._sent(destination, answered.event, now)
            sent.got = answered.event.got
            sent.answered(Attempt(now, answered.outcome, answered.status, answered.message))
            self._changed(hit, before)
        self._notify()

    def destination_has(self, destination: str, event: Event) -> None:
        """Record an event that was read from its destination.

        Args:
            destination: The destination's kind.
            event: The event as the destination has it.
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
        """Record a message in a dead-letter queue.

        Args:
            event_id: ID of the message's event; ``None`` if unknown, which makes a hit of its own.
            reason: Code of the reason for the rejection.
            detail: The destination's own message, or empty.
            body: The message's body.
            destination: Destination that has the queue. Default: the first one.
        """
        with self._lock:
            name = destination or next(iter(self._destinations))
            hit, before = self._hit(event_id, int(self._clock() * 1000))
            delivery = hit.deliveries.setdefault(name, Delivery())
            delivery.dead_letter = RejectedMessage(reason, detail, body)
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
        """Record a message in the invalid-message queue.

        Args:
            event_id: See :meth:`dead_lettered`.
            reason: See :meth:`dead_lettered`.
            detail: See :meth:`dead_lettered`.
            body: The message's body.
            destination: Destination whose function rejected it. Default: all destinations.
        """
        with self._lock:
            hit, before = self._hit(event_id, int(self._clock() * 1000))
            for name in self._destinations if destination is None else [destination]:
                delivery = hit.deliveries.setdefault(name, Delivery())
                delivery.invalid_message = RejectedMessage(reason, detail, body)
            self._changed(hit, before)
        self._notify()

    def left_queue(
        self, *, event_id: str | None, body: str, destination: str | None = None
    ) -> None:
        """Record that a rejected message left its queue.

        Args:
            event_id: See :meth:`dead_lettered`.
            body: The message's body.
            destination: Destination whose function had rejected it. Default: all destinations.
        """
        with self._lock:
            hit = None if event_id is None else self._by_event_id.get(event_id)
            if hit is None:
                return
            before = _Before(hit.status, hit.statuses)
            left = [  # a list, because every delivery must be updated
                delivery.left_queue(body)
                for name, delivery in hit.deliveries.items()
                if destination in {None, name}
            ]
            if not any(left):
                return
            self._changed(hit, before)
        self._notify()

    def next_attempts(self, destination: str, times: Mapping[str, int]) -> None:
        """Record when messages of a destination's queue become visible again.

        Args:
            destination: The destination's kind.
            times: Milliseconds since the epoch, by event ID. Other events have no such time.
        """
        with self._lock:
            revision = self._revision
            before = self._scheduled.get(destination, set())
            self._scheduled[destination] = set(times)
            for event_id in before | set(times):
                hit = self._by_event_id.get(event_id)
                delivery = hit and hit.deliveries.get(destination)
                if hit and delivery and delivery.next_attempt != times.get(event_id):
                    delivery.next_attempt = times.get(event_id)
                    self._changed(hit, _Before(hit.status, hit.statuses))
            if self._revision == revision:
                return
        self._notify()

    def batch_logged(
        self, destination: str, *, time: int, problems: Sequence[str], delivered: bool
    ) -> None:
        """Record what a destination's function logged about a batch.

        Args:
            destination: The destination's kind.
            time: Time of the log line, in milliseconds since the epoch.
            problems: The function's sentences about problems.
            delivered: Whether anything was delivered.
        """
        with self._lock:
            known = self._problems.setdefault(destination, Problems())
            if not known.batch(time, problems, delivered=delivered):
                return
            self._revision += 1
        self._notify()

    def search(self, text: str) -> list[int]:
        """Return the numbers of the hits that contain a text; see :meth:`Hit.contains`."""
        with self._lock:
            return [hit.number for hit in self._hits.values() if hit.contains(text)]

    def invalid_messages_counted(self, number: int) -> None:
        """Record the number of messages in the invalid-message queue."""
        with self._lock:
            if number == self._invalid_messages:
                return
            self._invalid_messages = number
            self._revision += 1
        self._notify()

    def queues_counted(
        self, *, waiting: int, in_flight: int, dead_letters: int, destination: str | None = None
    ) -> None:
        """Record the numbers of messages in a destination's queues, as SQS counts them.

        Args:
            waiting: Messages in the queue that can be received.
            in_flight: Messages received and not yet deleted.
            dead_letters: Messages in the dead-letter queue.
            destination: Destination that has the queues. Default: the first one.
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
        """Record that the pipeline is deployed and answers.

        Args:
            endpoint_url: URL of ``/events``, without a query string.
            authenticated_endpoint_url: URL of ``/events/authenticated``. Default: there is no such
                route.
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
        """Random ID of this journal, which differs from those of earlier runs."""
        return self._session

    def touch(self) -> None:
        """Notify subscribers of a change outside the journal."""
        with self._lock:
            self._revision += 1
        self._notify()

    def snapshot(self) -> dict[str, Any]:
        """Return the whole state: :meth:`changes` since the beginning."""
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
        """Return everything known about hit ``number``; ``None`` if it is no longer kept."""
        with self._lock:
            hit = self._hits.get(number)
            return hit.details(self._destinations) if hit else None

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` after each change, in the thread that made the change.

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
        """Return a destination's title and counters."""
        queues = self._queues.get(kind, {})
        counted = (Status.DELIVERED, Status.RETRYING, Status.REJECTED, Status.DROPPED)
        return {
            "kind": kind,
            "title": title,
            "waiting": queues.get("waiting"),
            "dead_letters": queues.get("dead_letters"),
            **{str(status): self._statuses_at[kind, status] for status in counted},
            "problems": self._problems[kind].to_json() if kind in self._problems else [],
        }

    def _sent(self, destination: str, event: Event, now: int) -> tuple[Hit, _Before, SentEvent]:
        """Return an event and its hit, created if necessary, and the hit's state before."""
        listed = LISTED_EVENT_ID.fullmatch(event.event_id)
        hit, before = self._hit(listed[1] if listed else event.event_id, now)
        delivery = hit.deliveries.setdefault(destination, Delivery())
        sent = delivery.events.setdefault(event.event_id, SentEvent())
        sent.endpoint_id, sent.event_type = event.endpoint_id, event.event_type
        return hit, before, sent

    def _hit(self, event_id: str | None, now: int) -> tuple[Hit, _Before]:
        """Return an event's hit, created if necessary, and its state before.

        Args:
            event_id: ID of the event or its list; ``None`` if there is none.
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
        """Update the totals, which also count hits that are no longer kept."""
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
