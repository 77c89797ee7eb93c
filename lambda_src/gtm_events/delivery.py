"""Delivers a batch of SQS records and settles each of them."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gtm_events.batch_result import BatchResult
from gtm_events.dead_letters import DeadLetter, DeadLetters, InvalidMessages
from gtm_events.errors import Denied, MalformedMessage, TooManyEvents, UnsetParameter
from gtm_events.event import interpret
from gtm_events.ledger import Ledger, listed_event_id
from gtm_events.message import MaxEvents, Request, decode, is_list
from gtm_events.outcome import (
    Delivered,
    OptedOut,
    Reason,
    Rejected,
    Retry,
    RetryReason,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gtm_events.deadline import Deadline
    from gtm_events.destinations import Destination
    from gtm_events.event import Event
    from gtm_events.policy import AccessPolicy
    from gtm_events.urlencoded import Parameters

SETTLING_SECONDS: Final = 7.0
"""Time kept for the queues of rejected messages after the destination's last answer."""
# The part of it that is kept for writing the log line and answering Lambda.
_ENDING_SECONDS: Final = 1.0

# If this many events are all refused, the cause is probably not in the events.
_SUSPICIOUS: Final = 10

# Of five events, four are single ones, as long as there are any. One request can bring a list of
# many events, so lists must not delay those who send one event per request. Both numbers are
# multiples of the number of events in Pinpoint's largest request, so few requests mix the two.
_SINGLE_EVENTS_A_TURN: Final = 400
_LISTED_EVENTS_A_TURN: Final = 100

_REASONS: Final = {
    MalformedMessage: Reason.MALFORMED,
    TooManyEvents: Reason.TOO_MANY_EVENTS,
    UnsetParameter: Reason.UNSET,
}

_QUEUE_FAILURES: Final = {
    False: RetryReason.DEAD_LETTER_QUEUE_FAILED,
    True: RetryReason.INVALID_MESSAGE_QUEUE_FAILED,
}

_DENIED: Final = "the destination denies the function access"


def _sent_time(record: Mapping[str, Any]) -> int:
    """Return when a record entered the queue, in epoch milliseconds; 0 if unknown."""
    try:
        return int(record["attributes"]["SentTimestamp"])
    except (KeyError, TypeError, ValueError):
        return 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """Delivers batches.

    Attributes:
        destination: Receives the events.
        dead_letters: Receives rejected messages.
        policy: Permissions of callers.
        accept_client_timestamp: Whether a plausible ``timestamp`` becomes the event's time.
        unset_values: Words that stand for no value when they are a whole value. Default: none.
        invalid_messages: How to treat messages that are rejected through the caller's fault.
            Default: like any rejected message.
        destination_name: Name of the destination. Default: empty.
        max_events: Maximum number of events in a posted list. Default: 100.
    """

    destination: Destination
    dead_letters: DeadLetters
    policy: AccessPolicy
    accept_client_timestamp: bool
    unset_values: frozenset[str] = frozenset()
    invalid_messages: InvalidMessages = InvalidMessages.DEAD_LETTERS
    destination_name: str = ""
    max_events: MaxEvents = field(default_factory=MaxEvents)

    def deliver(self, records: Sequence[Mapping[str, Any]], deadline: Deadline) -> BatchResult:
        """Deliver records, and give each exactly one outcome.

        Args:
            records: ``Records`` of an SQS event.
            deadline: The end of the invocation.
        """
        # Oldest first, among single events and among lists: SQS gives up on the oldest message
        # first. SentTimestamp stays the same across redeliveries, and SQS does not order a batch.
        ordered = sorted(records, key=_sent_time)
        # SQS may deliver a message twice, even within a batch; it is still one event.
        ledger = Ledger({record["messageId"]: str(record.get("body") or "") for record in ordered})
        batch = BatchResult(received=len(ledger.bodies))
        # Events are read while the destination encodes them, so few are in memory at a time.
        messages = self._messages(ledger, batch)
        denied: BaseException | None = None
        try:
            for outcome in self.destination.deliver(
                messages, deadline.earlier(SETTLING_SECONDS), batch.counts
            ):
                ledger.note(outcome)
        except Denied as error:
            denied = error
        except Exception as error:  # noqa: BLE001 - keep what was delivered so far
            batch.report(f"defect while delivering: {type(error).__name__}")
            denied = error.__cause__
        if isinstance(denied, Denied):
            batch.report(f"{_DENIED}: {denied}")
        denials, refusals = ledger.codes()
        for code, number in denials.items():
            if code != str(denied):
                batch.report(f"{_DENIED} for {number} of {batch.events} events: {code}")
        if refusals.total() == batch.events >= _SUSPICIOUS:
            for code, number in refusals.items():
                batch.report(f"the destination refused {number} of {batch.events} events: {code}")
        self._settle(ledger, batch, deadline)
        return batch

    def _messages(self, ledger: Ledger, batch: BatchResult) -> Iterator[Sequence[Event]]:
        """Yield each message's deliverable events; record the outcome of all others.

        Single events go before lists, oldest first, except that one event in five is a list's:
        lists must neither delay single events nor starve behind them.
        """
        singles: deque[str] = deque()
        lists: deque[str] = deque()
        for message_id, body in ledger.bodies.items():
            (lists if is_list(body) else singles).append(message_id)
        while singles or lists:
            for _ in range(min(_SINGLE_EVENTS_A_TURN, len(singles))):
                yield self._events(singles.popleft(), ledger, batch)
            listed = 0
            while lists and (listed < _LISTED_EVENTS_A_TURN or not singles):
                events = self._events(lists.popleft(), ledger, batch)
                listed += len(events)
                yield events

    def _events(self, message_id: str, ledger: Ledger, batch: BatchResult) -> Sequence[Event]:
        """Return a message's deliverable events; record the outcome of all others."""
        try:
            events = self._read(message_id, ledger.bodies[message_id], ledger, batch)
        except (MalformedMessage, TooManyEvents) as error:
            ledger.reject(ledger.event_id(message_id), _REASONS[type(error)], str(error))
            return ()
        except Exception as error:  # noqa: BLE001 - a defect must not stop the other messages
            batch.report(f"defect while reading a message: {type(error).__name__}")
            return ()
        batch.events += len(events)
        return events

    def _read(
        self, message_id: str, body: str, ledger: Ledger, batch: BatchResult
    ) -> Sequence[Event]:
        """Return a message's deliverable events; record the outcome of all others.

        Raises:
            MalformedMessage: The message cannot be read.
            TooManyEvents: It has too many events.
        """
        request = decode(body, self.max_events)
        if request.id:
            ledger.identify(message_id, request)
        event_id = ledger.event_id(message_id)
        if violation := self.policy.violation(request):
            ledger.reject(event_id, violation.reason, violation.detail)
            return ()
        if request.opted_out:
            ledger.note(OptedOut(event_id))
            return ()
        if not request.is_list:
            if ledger.is_known(message_id, event_id):
                return ()
            event = self._event(event_id, request.events[0], request, ledger, batch)
            return () if event is None else (event,)
        ledger.lists[message_id] = request.numbers
        events = []
        for number, parameters in zip(request.numbers, request.events, strict=True):
            listed = listed_event_id(event_id, number)
            if ledger.is_known(message_id, listed):
                continue
            event = self._event(listed, parameters, request, ledger, batch)
            if event is not None:
                events.append(event)
        return events

    def _event(
        self,
        event_id: str,
        parameters: Parameters | MalformedMessage,
        request: Request,
        ledger: Ledger,
        batch: BatchResult,
    ) -> Event | None:
        """Return an event if it is deliverable; otherwise record why it is not."""
        losses = ledger.losses
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
                record_loss=losses.record_loss,
            )
        except (MalformedMessage, UnsetParameter) as error:
            ledger.reject(event_id, _REASONS[type(error)], str(error))
            return None
        if violation := self.policy.authorize(event, request, losses.record_loss):
            ledger.reject(event_id, violation.reason, violation.detail)
            return None
        losses.add_to(batch.counts)
        return event

    def _settle(self, ledger: Ledger, batch: BatchResult, deadline: Deadline) -> None:
        settled = {message_id: ledger.message_outcome(message_id) for message_id in ledger.bodies}
        letters: list[DeadLetter] = []
        for message_id, outcome in settled.items():
            if isinstance(outcome, Rejected):
                try:
                    letters += list(
                        ledger.letters(message_id, self.invalid_messages, self.destination_name)
                    )
                except Exception as error:  # noqa: BLE001 - a defect must not stop the other messages
                    batch.report(f"defect while rejecting: {type(error).__name__}")
                    settled[message_id] = Retry(message_id, RetryReason.INTERNAL_ERROR)
        for letter in self._unsent(letters, batch, deadline.earlier(_ENDING_SECONDS)):
            # The message must not be lost, so it stays in the source queue. If it belongs in two
            # queues and one accepted its part, that queue gets the part again.
            settled[letter.message_id] = Retry(letter.message_id, _QUEUE_FAILURES[letter.invalid])
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

    def _unsent(
        self, letters: Sequence[DeadLetter], batch: BatchResult, deadline: Deadline
    ) -> Sequence[DeadLetter]:
        """Send letters to their queues. Return those that were not accepted."""
        if not letters:
            return ()
        try:
            unsent = list(self.dead_letters.send(letters, deadline))
        except Exception as error:  # noqa: BLE001 - nothing may get lost here
            batch.report(f"defect while rejecting: {type(error).__name__}")
            return letters
        sent = Counter(letter.invalid for letter in letters)
        left = Counter(each.letter.invalid for each in unsent)
        batch.dead_letters = sent[False] - left[False]
        batch.invalid_messages = sent[True] - left[True]
        causes = Counter((each.letter.invalid, each.why) for each in unsent)
        for (invalid, why), messages in causes.items():
            queue = "invalid-message" if invalid else "dead-letter"
            batch.report(
                f"the {queue} queue did not take {messages} of {sent[invalid]} messages: {why}"
            )
        return [each.letter for each in unsent]
