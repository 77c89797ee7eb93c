"""A batch of records, from the queue's messages to an outcome for each."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gtm_events.dead_letters import DeadLetter, DeadLetters, InvalidMessages
from gtm_events.errors import MalformedMessage, TooManyEvents, UnsetParameter
from gtm_events.event import interpret
from gtm_events.losses import EventLosses, by_reason, totals
from gtm_events.message import MaxEvents, Request, decode, is_list, with_events
from gtm_events.outcome import (
    Delivered,
    OptedOut,
    Outcome,
    Reason,
    Rejected,
    Retry,
    RetryReason,
)
from gtm_events.sending import REQUESTS, THROTTLES, Denied

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gtm_events.deadline import Deadline
    from gtm_events.destinations import Destination
    from gtm_events.event import Event
    from gtm_events.policy import AccessPolicy
    from gtm_events.urlencoded import Parameters

# What is left for the queues of rejected messages after the destination's last answer.
_SETTLING_SECONDS: Final = 7.0
# What of that is left after those queues': to write the log line and to answer Lambda.
_ENDING_SECONDS: Final = 1.0

# If so many events are refused and none is taken, it is hardly the events that are wrong.
_SUSPICIOUS: Final = 10

# Of any five events, four may be single ones before one is a list's. A list costs its sender one
# request, whatever it holds, so lists must not keep back those who sent a request for each event.
# The numbers are Pinpoint's full requests, so that few requests hold both kinds.
_SINGLE_EVENTS_A_TURN: Final = 400
_LISTED_EVENTS_A_TURN: Final = 100

_REASONS: Final = {
    MalformedMessage: Reason.MALFORMED,
    TooManyEvents: Reason.TOO_MANY_EVENTS,
    UnsetParameter: Reason.UNSET,
}

_NOT_TAKEN_BY: Final = {
    False: RetryReason.DEAD_LETTER_QUEUE_FAILED,
    True: RetryReason.INVALID_MESSAGE_QUEUE_FAILED,
}

_NOT_LET_IN: Final = "the destination does not let the function in"


@dataclass(slots=True)
class Batch:
    """What became of one invocation's records.

    Attributes:
        received: Records in the batch.
        events: Events in them: a posted list is one record.
        delivered: Records that the destination has.
        opted_out: Records of visitors who ask not to be tracked.
        retried: Records that go back to the queue, by reason.
        rejected: Records that can never be delivered, by reason. Each is in the dead-letter queue,
            in the invalid-message queue, or left to another destination's function.
        dead_letters: Messages that were put into the dead-letter queue.
        invalid_messages: Messages that were put into the invalid-message queue. Of a list the one
            part may be there, and the other in the dead-letter queue.
        failures: Message ids of the records that go back.
        counts: What was left out or cut, by reason, requests and throttles.
        problems: What somebody has to mend, in words fit for a log.
    """

    received: int = 0
    events: int = 0
    delivered: int = 0
    opted_out: int = 0
    retried: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    dead_letters: int = 0
    invalid_messages: int = 0
    failures: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return the batch's log line: numbers and reasons, nothing of the events."""
        return {
            "received": self.received,
            "events": self.events,
            "delivered": self.delivered,
            "retried": self.retried.total(),
            "rejected": self.rejected.total(),
            "opted_out": self.opted_out,
            "dead_letters": self.dead_letters,
            "invalid_messages": self.invalid_messages,
            "retried_by_reason": dict(self.retried),
            "rejected_by_reason": dict(self.rejected),
            **totals(self.counts),
            "losses_by_reason": by_reason(self.counts),
            **{name: self.counts[name] for name in (REQUESTS, THROTTLES)},
            "problems": self.problems,
        }

    def report(self, problem: str) -> None:
        """Add a problem, once: ten thousand messages may have the same."""
        if problem not in self.problems:
            self.problems.append(problem)


@dataclass(slots=True)
class _Books:
    """What the messages of a batch are, and what becomes of their events.

    Attributes:
        bodies: Each message's body as it was, by its id in the queue.
        ids: The messages' request ids, of those that have one. The event of any other message has
            the message's own id.
        requests: The body of the first message of each such request.
        read: The ids of the events of these messages that have been read.
        lists: Of the messages whose events were posted as a list, the numbers of these.
        outcomes: Each event's outcome, by the event's id.
        losses: Of the event that is being read.
    """

    bodies: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)
    requests: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    lists: dict[str, Sequence[int]] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    losses: EventLosses = field(default_factory=EventLosses)

    def note(self, outcome: Outcome) -> None:
        """Take note of what becomes of an event: the first word stands, whatever comes later."""
        self.outcomes.setdefault(outcome.event_id, outcome)

    def reject(self, event_id: str, reason: Reason, detail: str) -> None:
        """Take note of an event that is rejected before any destination could say a word."""
        self.note(Rejected(event_id, reason, detail, everywhere=True))

    def codes(self) -> tuple[Counter[str], Counter[str]]:
        """Return how many events the destination denied by themselves, and how many it refused.

        Each by its error code.
        """
        denied: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        for outcome in self.outcomes.values():
            match outcome:
                case Retry(reason=RetryReason.DENIED, code=code) if code:
                    denied[code] += 1
                case Rejected(code=code) if code:
                    refused[code] += 1
        return denied, refused

    def message(self, message_id: str) -> Outcome:
        """Return what becomes of a message: it goes back if one of its events has to.

        The others are sent again with the same ids then. Of several that are rejected, one counts
        that the owner can mend.
        """
        own = self._own(message_id)
        for outcome in own:
            if isinstance(outcome, Retry):
                return outcome
        rejected = [outcome for outcome in own if isinstance(outcome, Rejected)]
        return min(rejected, key=lambda outcome: outcome.reason.is_callers, default=own[0])

    def letters(
        self, message_id: str, invalid_messages: InvalidMessages, destination: str
    ) -> Iterator[DeadLetter]:
        """Yield a letter for each queue that gets something of what is rejected of a message.

        Args:
            message_id: The message.
            invalid_messages: What becomes of what the caller is to blame for.
            destination: Name of the destination.
        """
        own = self._own(message_id)
        parts: dict[bool, dict[int, Rejected]] = {False: {}, True: {}}
        for index, outcome in enumerate(own):
            if isinstance(outcome, Rejected):
                invalid = (
                    outcome.reason.is_callers
                    and invalid_messages is not InvalidMessages.DEAD_LETTERS
                )
                left = invalid_messages is InvalidMessages.LEFT and outcome.everywhere
                if not (invalid and left):
                    parts[invalid][index] = outcome
        for invalid, rejected in parts.items():
            if rejected:
                yield self._letter(message_id, rejected, len(own), invalid, destination)

    def _letter(
        self,
        message_id: str,
        rejected: Mapping[int, Rejected],
        events: int,
        invalid: bool,  # noqa: FBT001 - the letter's own
        destination: str,
    ) -> DeadLetter:
        """Return the letter that holds some of a message's events, and nothing else.

        If that is too large for SQS, it holds the message as it was. A redrive sends the delivered
        events again then, with the same ids.
        """
        body = self.bodies[message_id]
        first = next(iter(rejected.values()))
        detail = first.detail
        by = "" if first.everywhere else destination
        if len(rejected) < events:
            detail = f"{len(rejected)} of {events} events: {detail}"
            part = with_events(body, rejected)
            letter = DeadLetter(message_id, part, first.reason, detail, invalid, by)
            if letter.fits():
                return letter
            # What is left of a list can be larger than all of it, which SQS took before.
            detail = f"the whole list, for those alone are too large: {detail}"
        return DeadLetter(message_id, body, first.reason, detail, invalid, by)

    def identify(self, message_id: str, request: Request) -> None:
        """Take note of what a message's events are named after: its request, if it can be told.

        SNS may write a request into the queue twice, and of a list the rest may come again: then
        two messages have events in common. Any other message with an id that is known would be
        another request, and keeps its own.
        """
        body = self.bodies[message_id]
        if request.is_list or self.requests.setdefault(request.id, body) == body:
            self.ids[message_id] = request.id

    def is_known(self, message_id: str, event_id: str) -> bool:
        """Return whether an event was read in another message, and take note of it."""
        if message_id not in self.ids:
            return False  # the message's id is in no other
        known = event_id in self.read
        self.read.add(event_id)
        return known

    def event_id(self, message_id: str) -> str:
        """Return the id of a message's event, or what the ids of its list begin with."""
        return self.ids.get(message_id, message_id)

    def _own(self, message_id: str) -> list[Outcome]:
        event_id = self.event_id(message_id)
        if message_id not in self.lists:
            return [self._event(event_id)]
        return [self._event(listed_event_id(event_id, number)) for number in self.lists[message_id]]

    def _event(self, event_id: str) -> Outcome:
        return self.outcomes.get(event_id) or Retry(event_id, RetryReason.INTERNAL_ERROR)


def _sent_time(record: Mapping[str, Any]) -> int:
    """Return when a record was put into the queue, in epoch milliseconds; 0 if it does not say."""
    try:
        return int(record["attributes"]["SentTimestamp"])
    except (KeyError, TypeError, ValueError):
        return 0


def listed_event_id(event_id: str, number: int) -> str:
    """Return the id of an event that was posted as one of a list."""
    return f"{event_id}-{number}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """Delivers batches.

    Attributes:
        destination: Where events go.
        dead_letters: Where rejected messages go.
        policy: Who may do what.
        invalid_messages: What becomes of those that the caller is to blame for. Default: they go
            where the others go.
        destination_name: What the destination is called. Default: nothing.
        max_events: How many events a posted list may hold. Default: as many as can be.
        accept_client_timestamp: Whether a plausible ``timestamp`` becomes the event's time.
        unset_values: Words that, as a whole value, stand for no value. Default: none.
    """

    destination: Destination
    dead_letters: DeadLetters
    policy: AccessPolicy
    accept_client_timestamp: bool
    unset_values: frozenset[str] = frozenset()
    invalid_messages: InvalidMessages = InvalidMessages.DEAD_LETTERS
    destination_name: str = ""
    max_events: MaxEvents = field(default_factory=MaxEvents)

    def deliver(self, records: Sequence[Mapping[str, Any]], deadline: Deadline) -> Batch:
        """Give each of the event source's records exactly one outcome.

        Args:
            records: ``Records`` of an SQS event.
            deadline: When the invocation ends.
        """
        # Of single events, and of lists, what was sent first is delivered first, however often it
        # came back since: it is the next to be taken for undeliverable. SQS says the same of a
        # message each time, and hands out batches in no order.
        ordered = sorted(records, key=_sent_time)
        # SQS may deliver a message twice, even into one batch: it is one event all the same.
        books = _Books({record["messageId"]: str(record.get("body") or "") for record in ordered})
        batch = Batch(received=len(books.bodies))
        # The events are read while the destination encodes them: few are in memory at a time.
        messages = self._messages(books, batch)
        denied: BaseException | None = None
        try:
            for outcome in self.destination.deliver(
                messages, deadline.earlier(_SETTLING_SECONDS), batch.counts
            ):
                books.note(outcome)
        except Denied as error:
            denied = error
        except Exception as error:  # noqa: BLE001 - what was delivered so far must not be repeated
            batch.report(f"defect while delivering: {type(error).__name__}")
            denied = error.__cause__
        if isinstance(denied, Denied):
            batch.report(f"{_NOT_LET_IN}: {denied}")
        denials, refusals = books.codes()
        for code, number in denials.items():
            if code != str(denied):
                batch.report(f"{_NOT_LET_IN} for {number} of {batch.events} events: {code}")
        if refusals.total() == batch.events >= _SUSPICIOUS:
            for code, number in refusals.items():
                batch.report(f"the destination refused {number} of {batch.events} events: {code}")
        self._settle(books, batch, deadline)
        return batch

    def _messages(self, books: _Books, batch: Batch) -> Iterator[Sequence[Event]]:
        """Yield each message's events that are to be delivered; note what becomes of the others.

        Single events go before lists, the oldest first, but for one event in five: lists must not
        keep the others back, nor starve behind them.
        """
        singles: deque[str] = deque()
        lists: deque[str] = deque()
        for message_id, body in books.bodies.items():
            (lists if is_list(body) else singles).append(message_id)
        while singles or lists:
            for _ in range(min(_SINGLE_EVENTS_A_TURN, len(singles))):
                yield self._events(singles.popleft(), books, batch)
            listed = 0
            while lists and (listed < _LISTED_EVENTS_A_TURN or not singles):
                events = self._events(lists.popleft(), books, batch)
                listed += len(events)
                yield events

    def _events(self, message_id: str, books: _Books, batch: Batch) -> Sequence[Event]:
        """Return a message's events that are to be delivered; note what becomes of the others."""
        try:
            events = self._read(message_id, books.bodies[message_id], books, batch)
        except (MalformedMessage, TooManyEvents) as error:
            books.reject(books.event_id(message_id), _REASONS[type(error)], str(error))
            return ()
        except Exception as error:  # noqa: BLE001 - a defect must not stop the neighbours
            batch.report(f"defect while reading a message: {type(error).__name__}")
            return ()
        batch.events += len(events)
        return events

    def _read(self, message_id: str, body: str, books: _Books, batch: Batch) -> Sequence[Event]:
        """Return a message's events that are to be delivered; note what becomes of the others.

        Raises:
            MalformedMessage: The message cannot be read.
            TooManyEvents: It has more events than it may.
        """
        request = decode(body, self.max_events)
        if request.id:
            books.identify(message_id, request)
        event_id = books.event_id(message_id)
        if refusal := self.policy.refusal(request):
            books.reject(event_id, refusal.reason, refusal.detail)
            return ()
        if request.opted_out:
            books.note(OptedOut(event_id))
            return ()
        if not request.is_list:
            if books.is_known(message_id, event_id):
                return ()
            event = self._event(event_id, request.events[0], request, books, batch)
            return () if event is None else (event,)
        books.lists[message_id] = request.numbers
        events = []
        for number, parameters in zip(request.numbers, request.events, strict=True):
            listed = listed_event_id(event_id, number)
            if books.is_known(message_id, listed):
                continue
            event = self._event(listed, parameters, request, books, batch)
            if event is not None:
                events.append(event)
        return events

    def _event(
        self,
        event_id: str,
        parameters: Parameters | MalformedMessage,
        request: Request,
        books: _Books,
        batch: Batch,
    ) -> Event | None:
        """Return an event that is to be delivered, or note why it is not."""
        losses = books.losses
        losses.forget()
        try:
            if isinstance(parameters, MalformedMessage):
                raise parameters
            event = interpret(
                parameters,
                event_id=event_id,
                request_time=request.time,
                limits=self.destination.limits,
                accept_client_timestamp=self.accept_client_timestamp,
                unset_values=self.unset_values,
                lose=losses.lose,
            )
        except (MalformedMessage, UnsetParameter) as error:
            books.reject(event_id, _REASONS[type(error)], str(error))
            return None
        if refusal := self.policy.authorize(event, request, losses.lose):
            books.reject(event_id, refusal.reason, refusal.detail)
            return None
        losses.add_to(batch.counts)
        return event

    def _settle(self, books: _Books, batch: Batch, deadline: Deadline) -> None:
        settled = {message_id: books.message(message_id) for message_id in books.bodies}
        letters: list[DeadLetter] = []
        for message_id, outcome in settled.items():
            if isinstance(outcome, Rejected):
                try:
                    letters += list(
                        books.letters(message_id, self.invalid_messages, self.destination_name)
                    )
                except Exception as error:  # noqa: BLE001 - a defect must not stop the neighbours
                    batch.report(f"defect while rejecting: {type(error).__name__}")
                    settled[message_id] = Retry(message_id, RetryReason.INTERNAL_ERROR)
        for letter in self._not_taken(letters, batch, deadline.earlier(_ENDING_SECONDS)):
            # Rejected, but nowhere to put it: it stays in the queue rather than get lost. If it is
            # for two queues, and one took its part, that comes once more.
            settled[letter.message_id] = Retry(letter.message_id, _NOT_TAKEN_BY[letter.invalid])
        for message_id, outcome in settled.items():
            match outcome:
                case Delivered():
                    batch.delivered += 1
                case OptedOut():
                    batch.opted_out += 1
                case Rejected(reason=reason):
                    batch.rejected[reason.value] += 1
                case Retry(reason=reason):
                    batch.retried[reason.value] += 1
                    batch.failures.append(message_id)

    def _not_taken(
        self, letters: Sequence[DeadLetter], batch: Batch, deadline: Deadline
    ) -> Sequence[DeadLetter]:
        """Put letters into their queues; return those that were not taken."""
        if not letters:
            return ()
        try:
            not_taken = list(self.dead_letters.send(letters, deadline))
        except Exception as error:  # noqa: BLE001 - see _settle: nothing may get lost here
            batch.report(f"defect while rejecting: {type(error).__name__}")
            return letters
        sent = Counter(letter.invalid for letter in letters)
        left = Counter(each.letter.invalid for each in not_taken)
        batch.dead_letters = sent[False] - left[False]
        batch.invalid_messages = sent[True] - left[True]
        causes = Counter((each.letter.invalid, each.why) for each in not_taken)
        for (invalid, why), messages in causes.items():
            queue = "invalid-message" if invalid else "dead-letter"
            batch.report(
                f"the {queue} queue did not take {messages} of {sent[invalid]} messages: {why}"
            )
        return [each.letter for each in not_taken]
