"""Requests of the run, and what became of each at every destination."""

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

    from local.rules import Losses, Rules
    from local.stand_in.values import Exposition, Outcome

_ATTEMPTS_KEPT: Final = 20

_PREVIEWED_PARAMETERS: Final = 4

_PREVIEWED_CHARACTERS: Final = 60


# Parameters of every hit, or that nobody looks for. A token's value does not get this far.
_NOT_PREVIEWED: Final = frozenset({"event", "endpoint_id", "gtmcb", "token"})

_AUTHENTICATED_PATH: Final = "/events/authenticated"

_FORM: Final = "application/x-www-form-urlencoded"

_NO_ROUTE: Final = "Missing Authentication Token"  # API Gateway's words for it


# The events of a list are numbered: {ID}-{index}. The ID is 11 bytes in base64, as API Gateway's.
LISTED_EVENT_ID: Final = re.compile(r"([A-Za-z0-9_-]{15})-([0-9]{1,2})")


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
        return Status.RETRYING if self.throttled or self.failed else Status.WAITING

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
    moved_back: int = 0
    """Number of times that a message of the hit left a queue of rejected ones."""
    next_attempt: int | None = None
    """When the queue gives out the message again, in milliseconds since the epoch."""
    losses: list[Losses] = field(default_factory=list)
    """What the function leaves out of each event that the tag sent."""

    def left_queue(self, body: str) -> bool:
        """Forget the rejected message with a body, and what was refused of it.

        Returns:
            Whether there was such a message.
        """
        if all(letter.body != body for letter in self._letters):
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
    def _letters(self) -> list[Letter]:
        return [letter for letter in (self.dead_letter, self.invalid_message) if letter]

    @property
    def status(self) -> Status:
        """Where the events are, from everything reported so far. Of a list, where the worst is."""
        statuses = {event.status for event in self.events.values()}
        listed = any(map(LISTED_EVENT_ID.fullmatch, self.events))
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
            "moved_back": self.moved_back,
            "next_attempt": self.next_attempt,
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
            "dead_letter": any(each.dead_letter for each in self.deliveries.values()),
            "invalid_message": any(each.invalid_message for each in self.deliveries.values()),
            "reason": self._reason(),
        }

    def contains(self, text: str) -> bool:
        """Return whether a text is in anything that the tag sent, or in why it was rejected.

        Args:
            text: Upper and lower case are the same.
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
    listed = LISTED_EVENT_ID.fullmatch(event_id)
    return int(listed[2]) if listed else 0


def _worst(statuses: Collection[Status]) -> Status:
    return next((status for status in _WORST_FIRST if status in statuses), Status.WAITING)


def _expositions(expositions: Iterable[Exposition]) -> list[dict[str, Any]]:
    return [{"title": each.title, "document": each.document} for each in expositions]


def _shorten(text: str) -> str:
    return text if len(text) <= _PREVIEWED_CHARACTERS else text[:_PREVIEWED_CHARACTERS] + "…"
