"""Hits: requests to the endpoint, with the state of their events at each destination."""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gtm_events import json_body, urlencoded
from gtm_events.errors import MalformedMessage, TooManyEvents
from local.messages import decode_query

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from local.rules import FunctionRules, LossesByIndex
    from local.stand_in.values import Outcome, ShownDocument

_ATTEMPTS_KEPT: Final = 20

_PREVIEWED_PARAMETERS: Final = 4

_PREVIEWED_CHARACTERS: Final = 60


# Parameters that every hit has, or that are of no interest. The emulator masks a token's value.
_NOT_PREVIEWED: Final = frozenset({"event", "endpoint_id", "gtmcb", "token"})

_AUTHENTICATED_PATH: Final = "/events/authenticated"

_FORM: Final = "application/x-www-form-urlencoded"

_NO_ROUTE: Final = "Missing Authentication Token"  # API Gateway's message


# The events of a posted list are numbered: {ID}-{index}. The ID is API Gateway's: 11 bytes in
# base64.
LISTED_EVENT_ID: Final = re.compile(r"([A-Za-z0-9_-]{15})-([0-9]{1,2})")


class Status(StrEnum):
    """State of a hit's event."""

    WAITING = "waiting"
    """In the queue, or on its way to the destination."""
    RETRYING = "retrying"
    """Throttled or failed at least once; back in the queue."""
    DELIVERED = "delivered"
    """Accepted by the destination."""
    DROPPED = "dropped"
    """The destination answered that it accepted the event, but lost it."""
    REJECTED = "rejected"
    """Rejected by the destination or the function; in the dead-letter or invalid-message queue."""
    REFUSED = "refused"
    """Never queued: the API answered the tag with an error."""
    OPTED_OUT = "opted_out"
    """Answered but not kept, because the browser asked not to be tracked."""


class Access(StrEnum):
    """Route of the endpoint that a hit used."""

    ANONYMOUS = "anonymous"
    AUTHENTICATED = "authenticated"


# From worst to best: a hit with several events or destinations shows the worst.
_WORST_FIRST: Final = (
    Status.DROPPED,
    Status.REJECTED,
    Status.RETRYING,
    Status.WAITING,
    Status.DELIVERED,
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer of a destination about an event."""

    time: int
    """Milliseconds since the epoch."""
    outcome: Outcome
    status: str
    """The answer in short."""
    message: str


@dataclass(slots=True)
class SentEvent:
    """One event at a destination: the last request, the answers, and what arrived."""

    endpoint_id: str = ""
    event_type: str = ""
    got: tuple[ShownDocument, ...] = ()
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=_ATTEMPTS_KEPT))
    """The newest ones; the counts below include all."""
    arrived: deque[ShownDocument] = field(default_factory=lambda: deque(maxlen=_ATTEMPTS_KEPT))
    """The event as read from the destination; several if it arrived more than once."""
    delivered: int = 0
    dropped: int = 0
    throttled: int = 0
    failed: int = 0
    """Answered with an error of the service, or not at all."""
    refused: int = 0
    """Answered with any other error, which is permanent."""

    @property
    def status(self) -> Status:
        """The event's state by the destination's answers."""
        if self.dropped:
            return Status.DROPPED
        if self.delivered:
            return Status.DELIVERED
        if self.refused:
            return Status.REJECTED
        return Status.RETRYING if self.throttled or self.failed else Status.WAITING

    def answered(self, attempt: Attempt) -> None:
        """Record an answer."""
        self.attempts.append(attempt)
        setattr(self, attempt.outcome, getattr(self, attempt.outcome) + 1)

    def details(self) -> dict[str, Any]:
        """Return everything known, as JSON values."""
        return {
            "endpoint_id": self.endpoint_id,
            "event_type": self.event_type,
            "got": _shown_documents(self.got),
            "arrived": _shown_documents(self.arrived),
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


class RejectedMessage(NamedTuple):
    """A message in a dead-letter queue or the invalid-message queue.

    Attributes:
        reason: Code of the reason for the rejection.
        detail: The destination's own message, or empty.
        body: The message's body.
    """

    reason: str
    detail: str
    body: str

    @property
    def words(self) -> str:
        """The reason in one line."""
        return ": ".join(part for part in (self.reason, self.detail) if part)


@dataclass(slots=True)
class Delivery:
    """State of a hit at one destination."""

    events: dict[str, SentEvent] = field(default_factory=dict)
    """By event ID; more than one only if a list was posted."""
    dead_letter: RejectedMessage | None = None
    """The message in the dead-letter queue."""
    invalid_message: RejectedMessage | None = None
    """The message in the invalid-message queue. A list can have parts in both queues."""
    moved_back: int = 0
    """Number of times that a rejected message of the hit left its queue."""
    next_attempt: int | None = None
    """Time when the message becomes visible again, in milliseconds since the epoch."""
    losses: list[LossesByIndex] = field(default_factory=list)
    """The parameters of each event that the function leaves out or cuts."""

    def left_queue(self, body: str) -> bool:
        """Forget the rejected message with this ``body``, and its refusals.

        Returns:
            Whether there was such a message.
        """
        if all(message.body != body for message in self._rejected):
            return False
        if self.dead_letter is not None and self.dead_letter.body == body:
            self.dead_letter = None
        if self.invalid_message is not None and self.invalid_message.body == body:
            self.invalid_message = None
        for event in self.events.values():
            event.refused = 0
        self.moved_back += 1
        return True

    @property
    def _rejected(self) -> list[RejectedMessage]:
        return [message for message in (self.dead_letter, self.invalid_message) if message]

    @property
    def status(self) -> Status:
        """The events' state by all reports so far. For a list, the worst state."""
        statuses = {event.status for event in self.events.values()}
        listed = any(map(LISTED_EVENT_ID.fullmatch, self.events))
        if Status.DROPPED in statuses:
            return Status.DROPPED
        # A single event that was delivered later counts as delivered. A list's other events are
        # still rejected.
        if self._rejected and (listed or Status.DELIVERED not in statuses):
            return Status.REJECTED
        return _worst(statuses)

    def reason_of(self, status: Status) -> str:
        """Return a sentence that explains ``status``."""
        if status is Status.REJECTED and self._rejected:
            return "; ".join(message.words for message in self._rejected)
        if status in {Status.REJECTED, Status.RETRYING, Status.DROPPED}:
            return next(
                event.attempts[-1].message
                for event in self.events.values()
                if event.status is status
            )
        return ""

    def summary(self) -> dict[str, Any]:
        """Return the delivery's part of a hit's summary, as JSON values."""
        events = self.events.values()
        status = self.status
        return {
            "status": status,
            "events": len(events),
            # The minimum or maximum over all events, because a list is one message.
            "delivered": min((event.delivered for event in events), default=0),
            "throttled": max((event.throttled for event in events), default=0),
            "failed": max((event.failed for event in events), default=0),
            "moved_back": self.moved_back,
            "next_attempt": self.next_attempt,
            "reason": self.reason_of(status),
        }

    def details(self) -> dict[str, Any]:
        """Return everything known, as JSON values."""
        return self.summary() | {
            # Answers about a list arrive in any order, so sort by index.
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
    """One request to the endpoint, and its state. Times are milliseconds since the epoch."""

    number: int
    """1 for the first hit since the journal began."""
    time: int
    event_id: str | None = None
    """ID of the event, or shared prefix of a list's event IDs; ``None`` if nothing was queued.
    """
    revision: int = 0
    """The journal's revision when the hit last changed."""
    method: str = "GET"
    path: str = ""
    query: str | None = None
    """The raw query string; ``None`` until the gateway reports the hit."""
    content_type: str = ""
    body: str = ""
    """The posted body, up to the length that the gateway reports."""
    body_cut: bool = False
    """Whether ``body`` is incomplete."""
    gateway_status: int | None = None
    gateway_detail: str = ""
    opted_out: bool = False
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    """By destination."""

    @property
    def access(self) -> Access | None:
        """The route; ``None`` until the gateway reports the hit."""
        if self.query is None:
            return None
        return Access.AUTHENTICATED if self.path == _AUTHENTICATED_PATH else Access.ANONYMOUS

    @property
    def status(self) -> Status:
        """The event's state. With several destinations, the worst state."""
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
        """The event's state at each destination that should get it."""
        if self.opted_out or self.status is Status.REFUSED:
            return {}
        return {name: delivery.status for name, delivery in self.deliveries.items()}

    @property
    def in_query(self) -> bool:
        """Whether the query has the parameters. A posted body has them unless it is empty."""
        return self.method != "POST" or self.body in {"", "{}"}

    def asked(self) -> list[list[tuple[str, str]]]:
        """Return the parameters that the tag sent for each event.

        If they are not known, the result is empty. A malformed event has no parameters.
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

    def find_losses(self, rules: Mapping[str, FunctionRules]) -> None:
        """Find the parameters that each destination's function leaves out or cuts.

        Args:
            rules: By destination.
        """
        if self.body_cut or self.opted_out:  # an incomplete body cannot be interpreted
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
        """Return the number of parameters that any destination leaves out or cuts, by reason."""
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
            destinations: The destinations' kinds, in the order to show them.
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
            # Includes events of a list that are rejected before they are sent.
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
            "dead_letter": any(each.dead_letter for each in self.deliveries.values()),
            "invalid_message": any(each.invalid_message for each in self.deliveries.values()),
            "reason": self._reason(),
        }

    def contains(self, text: str) -> bool:
        """Return whether the tag's request, or the reason for its rejection, contains ``text``.

        Args:
            text: The text to find, regardless of case.
        """
        wanted = text.casefold()
        texts = [part for event in self.asked() for pair in event for part in pair]
        texts += [part for pair in decode_query(self.query or "") for part in pair]
        texts += [self.body, self.event_id or "", self._reason()]
        for delivery in self.deliveries.values():
            for event in delivery.events.values():
                texts += [event.event_type, event.endpoint_id]
        return any(wanted in each.casefold() for each in texts)

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
        """Return the API's message about its refusal, with an explanation where needed."""
        said = _error_message(self.gateway_detail)
        if said == _NO_ROUTE:
            return f"{said}: there is no such route, or it requires requests signed with IAM"
        match self.gateway_status:
            case HTTPStatus.UNAUTHORIZED if "token" in dict(decode_query(self.query or "")):
                return (
                    f"{said}: the token is malformed, has expired, or has another key or audience"
                )
            case HTTPStatus.UNAUTHORIZED:
                return f"{said}: the request has no token, and nothing else identifies the sender"
            case HTTPStatus.FORBIDDEN if self.access is Access.AUTHENTICATED:
                return f"{said}: the authorizer knows the sender but denies access"
            case _:
                return said


def _error_message(body: str) -> str:
    """Return the ``message`` of an API Gateway error answer, or the answer itself."""
    try:
        document = json.loads(body)
    except ValueError:
        return body
    if not isinstance(document, dict):
        return body
    # An authorizer's refusal spells it with a capital M.
    message = document.get("message", document.get("Message"))
    return message if isinstance(message, str) else body


def _index(event_id: str) -> int:
    """Return an event's index in its posted list; 0 for a single event."""
    listed = LISTED_EVENT_ID.fullmatch(event_id)
    return int(listed[2]) if listed else 0


def _worst(statuses: Collection[Status]) -> Status:
    return next((status for status in _WORST_FIRST if status in statuses), Status.WAITING)


def _shown_documents(expositions: Iterable[ShownDocument]) -> list[dict[str, Any]]:
    return [{"title": each.title, "document": each.document} for each in expositions]


def _shorten(text: str) -> str:
    return text if len(text) <= _PREVIEWED_CHARACTERS else text[:_PREVIEWED_CHARACTERS] + "…"
