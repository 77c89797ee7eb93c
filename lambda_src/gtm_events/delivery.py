"""A batch of records, from the queue's messages to an outcome for each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gtm_events.dead_letters import DeadLetter, DeadLetters
from gtm_events.errors import MalformedMessage
from gtm_events.event import IGNORED_PARAMETERS, IGNORED_TIMESTAMPS, TRUNCATED_VALUES, interpret
from gtm_events.message import Parameters, Request, decode, with_events
from gtm_events.outcome import (
    Delivered,
    OptedOut,
    Outcome,
    Reason,
    Rejected,
    Retry,
    RetryReason,
)
from gtm_events.policy import DENIED_USER_ATTRIBUTES, AccessPolicy, Refusal
from gtm_events.sending import REQUESTS, THROTTLES, Denied

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gtm_events.deadline import Deadline
    from gtm_events.destinations import Destination
    from gtm_events.event import Event

# What is left for the dead-letter queue after the destination's last answer.
_SETTLING_SECONDS: Final = 7.0

_COUNTED: Final = (
    IGNORED_PARAMETERS,
    TRUNCATED_VALUES,
    DENIED_USER_ATTRIBUTES,
    IGNORED_TIMESTAMPS,
    REQUESTS,
    THROTTLES,
)


@dataclass(slots=True)
class Batch:
    """What became of one invocation's records.

    Attributes:
        received: Records in the batch.
        events: Events in them: a posted list is one record.
        delivered: Records that the destination has.
        opted_out: Records of visitors who ask not to be tracked.
        retried: Records that go back to the queue, by reason.
        rejected: Records in the dead-letter queue, by reason.
        failures: Message ids of the records that go back.
        counts: What was left out or cut, requests and throttles.
        problems: What somebody has to mend, in words fit for a log.
    """

    received: int = 0
    events: int = 0
    delivered: int = 0
    opted_out: int = 0
    retried: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
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
            "retried_by_reason": dict(self.retried),
            "rejected_by_reason": dict(self.rejected),
            **{name: self.counts[name] for name in _COUNTED},
            "problems": self.problems,
        }


@dataclass(slots=True)
class _Record:
    """One message on its way to its outcome.

    Attributes:
        message_id: Its id in the queue.
        body: As it was.
        event_ids: Ids of the events in it, in order; its own id if it could not be read.
        is_list: Whether the events were posted as a list.
    """

    message_id: str
    body: str
    event_ids: list[str]
    is_list: bool = False

    def outcome(self, outcomes: Mapping[str, Outcome]) -> Outcome:
        """Return what becomes of the message: it goes back if one of its events has to.

        The others are sent again with the same ids then.
        """
        own = [outcomes[event_id] for event_id in self.event_ids]
        for kind in (Retry, Rejected):
            for outcome in own:
                if isinstance(outcome, kind):
                    return outcome
        return own[0]

    def dead_letter(self, outcomes: Mapping[str, Outcome]) -> DeadLetter:
        """Return the letter that holds what is rejected of the message, and nothing else."""
        rejected = {
            index: outcome
            for index, event_id in enumerate(self.event_ids)
            if isinstance(outcome := outcomes[event_id], Rejected)
        }
        first = next(iter(rejected.values()))
        if not self.is_list or len(rejected) == len(self.event_ids):
            body, detail = self.body, first.detail
        else:
            body = with_events(self.body, rejected)
            detail = f"{len(rejected)} of {len(self.event_ids)} events: {first.detail}"
        return DeadLetter(self.message_id, body, first.reason, detail)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Delivers batches.

    Attributes:
        destination: Where events go.
        dead_letters: Where rejected messages go.
        policy: Who may do what.
        accept_client_timestamp: Whether a plausible ``timestamp`` becomes the event's time.
    """

    destination: Destination
    dead_letters: DeadLetters
    policy: AccessPolicy
    accept_client_timestamp: bool

    def deliver(self, records: Sequence[Mapping[str, Any]], deadline: Deadline) -> Batch:
        """Give each of the event source's records exactly one outcome.

        Args:
            records: ``Records`` of an SQS event.
            deadline: When the invocation ends.
        """
        # SQS may deliver a message twice, even into one batch: it is one event all the same.
        bodies = {record["messageId"]: str(record.get("body") or "") for record in records}
        todo = {
            message_id: _Record(message_id, body, [message_id])
            for message_id, body in bodies.items()
        }
        batch = Batch(received=len(todo))
        outcomes: dict[str, Outcome] = {}
        for outcome in self._outcomes(todo, deadline.earlier(_SETTLING_SECONDS), batch):
            # One event, one outcome: the first stands, whatever a destination says later.
            outcomes.setdefault(outcome.event_id, outcome)
        for record in todo.values():
            for event_id in record.event_ids:
                outcomes.setdefault(event_id, Retry(event_id, RetryReason.INTERNAL_ERROR))
        self._settle(todo, outcomes, batch, deadline)
        return batch

    def _outcomes(
        self, records: Mapping[str, _Record], deadline: Deadline, batch: Batch
    ) -> Iterator[Outcome]:
        events: list[Event] = []
        for record in records.values():
            try:
                for reading in self._read(record):
                    if isinstance(reading, Outcome):
                        yield reading
                    else:
                        events.append(reading)
            except Exception as error:  # noqa: BLE001 - a defect must not stop the neighbours
                batch.problems.append(f"defect while reading a message: {type(error).__name__}")
        for event in events:
            batch.counts.update(event.counts)
        batch.events = len(events)
        if not events:
            return
        try:
            yield from self.destination.deliver(events, deadline, batch.counts)
        except Denied as error:
            batch.problems.append(f"the destination does not let the function in: {error}")
        except Exception as error:  # noqa: BLE001 - what was delivered so far must not be repeated
            batch.problems.append(f"defect while delivering: {type(error).__name__}")

    def _read(self, record: _Record) -> Iterator[Event | Outcome]:
        """Yield the record's events, or what becomes of those that are not to be delivered."""
        try:
            request = decode(record.body)
        except MalformedMessage as error:
            yield Rejected(record.message_id, Reason.MALFORMED, str(error))
            return
        if refusal := self.policy.refusal(request):
            yield Rejected(record.message_id, refusal.reason, refusal.detail)
            return
        if request.opted_out:
            yield OptedOut(record.message_id)
            return
        record.is_list = request.is_list
        if request.is_list:
            record.event_ids = [f"{record.message_id}-{i}" for i in range(len(request.events))]
        for event_id, parameters in zip(record.event_ids, request.events, strict=True):
            yield self._event(event_id, parameters, request)

    def _event(self, event_id: str, parameters: Parameters, request: Request) -> Event | Rejected:
        try:
            event = interpret(
                parameters,
                event_id=event_id,
                request_time=request.time,
                limits=self.destination.limits,
                accept_client_timestamp=self.accept_client_timestamp,
            )
        except MalformedMessage as error:
            return Rejected(event_id, Reason.MALFORMED, str(error))
        authorized = self.policy.authorize(event, request)
        if isinstance(authorized, Refusal):
            return Rejected(event_id, authorized.reason, authorized.detail)
        return authorized

    def _settle(
        self,
        records: Mapping[str, _Record],
        outcomes: Mapping[str, Outcome],
        batch: Batch,
        deadline: Deadline,
    ) -> None:
        settled = {message_id: record.outcome(outcomes) for message_id, record in records.items()}
        letters = [
            records[message_id].dead_letter(outcomes)
            for message_id, outcome in settled.items()
            if isinstance(outcome, Rejected)
        ]
        for message_id in self._not_taken(letters, batch, deadline):
            # Rejected, but nowhere to put it: it stays in the queue rather than get lost.
            settled[message_id] = Retry(message_id, RetryReason.DEAD_LETTER_QUEUE_FAILED)
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
    ) -> list[str]:
        if not letters:
            return []
        try:
            return list(self.dead_letters.send(letters, deadline))
        except Exception as error:  # noqa: BLE001 - see _settle: nothing may get lost here
            batch.problems.append(f"defect while rejecting: {type(error).__name__}")
            return [letter.message_id for letter in letters]
