"""The ledger of a batch: its messages, their events, and the outcome of each event."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gtm_events.dead_letters import DeadLetter, InvalidMessages
from gtm_events.losses import EventLosses
from gtm_events.message import with_events
from gtm_events.outcome import Outcome, Reason, Rejected, Retry, RetryReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gtm_events.message import Request


@dataclass(slots=True)
class Ledger:
    """Maps the messages of a batch to their events, and events to their outcomes.

    Attributes:
        bodies: Original message bodies, by message id.
        ids: Request ids, by message id. The event of a message without a request id gets the
            message's id.
        requests: The body of each request's first message, by request id.
        read: Ids of the events read so far from messages that have a request id.
        lists: The events' numbers in their posted list, by message id.
        outcomes: Outcomes, by event id.
        losses: Losses of the event that is being read.
    """

    bodies: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)
    requests: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    lists: dict[str, Sequence[int]] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    losses: EventLosses = field(default_factory=EventLosses)

    def note(self, outcome: Outcome) -> None:
        """Record an event's outcome. The first outcome of an event is final."""
        self.outcomes.setdefault(outcome.event_id, outcome)

    def reject(self, event_id: str, reason: Reason, detail: str) -> None:
        """Record that an event is rejected before it reaches any destination."""
        self.note(Rejected(event_id, reason, detail, everywhere=True))

    def codes(self) -> tuple[Counter[str], Counter[str]]:
        """Return the numbers of denied and of refused events, each by error code."""
        denied: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        for outcome in self.outcomes.values():
            match outcome:
                case Retry(reason=RetryReason.DENIED, code=code) if code:
                    denied[code] += 1
                case Rejected(code=code) if code:
                    refused[code] += 1
        return denied, refused

    def message_outcome(self, message_id: str) -> Outcome:
        """Return a message's outcome: a retry if any of its events needs one.

        A retry sends the message's other events again, with the same ids. If several events are
        rejected, a reason that the owner can fix takes precedence.
        """
        own = self._outcomes_of(message_id)
        for outcome in own:
            if isinstance(outcome, Retry):
                return outcome
        rejected = [outcome for outcome in own if isinstance(outcome, Rejected)]
        return min(rejected, key=lambda outcome: outcome.reason.is_callers_fault, default=own[0])

    def letters(
        self, message_id: str, invalid_messages: InvalidMessages, destination: str
    ) -> Iterator[DeadLetter]:
        """Yield a dead letter for each queue that gets rejected events of a message.

        Args:
            message_id: The message.
            invalid_messages: How to treat events that are rejected through the caller's fault.
            destination: Name of the destination.
        """
        own = self._outcomes_of(message_id)
        parts: dict[bool, dict[int, Rejected]] = {False: {}, True: {}}
        for index, outcome in enumerate(own):
            if isinstance(outcome, Rejected):
                invalid = (
                    outcome.reason.is_callers_fault
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
        invalid: bool,  # noqa: FBT001 - a field of the letter
        destination: str,
    ) -> DeadLetter:
        """Return a dead letter with the rejected events of a message.

        If they are too large for SQS on their own, the letter holds the original message. A redrive
        then sends the delivered events again, with the same ids.
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
            # A part of a list can be larger than the original message, which SQS accepted.
            detail = f"the whole list, for those alone are too large: {detail}"
        return DeadLetter(message_id, body, first.reason, detail, invalid, by)

    def identify(self, message_id: str, request: Request) -> None:
        """Name a message's events after its request.

        Two messages can share events: SNS may write a request into the queue twice, and the
        rejected part of a list may be sent again. A single event with a known request id but a
        different body must be a different request, so it gets the message's own id.
        """
        body = self.bodies[message_id]
        if request.is_list or self.requests.setdefault(request.id, body) == body:
            self.ids[message_id] = request.id

    def is_known(self, message_id: str, event_id: str) -> bool:
        """Return whether an event was already read from another message, and remember it."""
        if message_id not in self.ids:
            return False  # no other message has its id
        known = event_id in self.read
        self.read.add(event_id)
        return known

    def event_id(self, message_id: str) -> str:
        """Return the id of a message's event, or the prefix of the ids in its list."""
        return self.ids.get(message_id, message_id)

    def _outcomes_of(self, message_id: str) -> list[Outcome]:
        event_id = self.event_id(message_id)
        if message_id not in self.lists:
            return [self._outcome_of(event_id)]
        return [
            self._outcome_of(listed_event_id(event_id, number)) for number in self.lists[message_id]
        ]

    def _outcome_of(self, event_id: str) -> Outcome:
        return self.outcomes.get(event_id) or Retry(event_id, RetryReason.INTERNAL_ERROR)


def listed_event_id(event_id: str, number: int) -> str:
    """Return the id of an event in a posted list."""
    return f"{event_id}-{number}"
