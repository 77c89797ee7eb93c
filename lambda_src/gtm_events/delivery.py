"""A batch of records, from the queue's messages to an outcome for each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gtm_events.dead_letters import DeadLetter, DeadLetters
from gtm_events.errors import MalformedMessage
from gtm_events.event import IGNORED_PARAMETERS, IGNORED_TIMESTAMPS, TRUNCATED_VALUES, interpret
from gtm_events.message import decode
from gtm_events.outcome import Delivered, Outcome, Reason, Rejected, Retry, RetryReason
from gtm_events.policy import DENIED_USER_ATTRIBUTES
from gtm_events.sending import REQUESTS, THROTTLES, Denied

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gtm_events.deadline import Deadline
    from gtm_events.destinations import Destination
    from gtm_events.event import Event
    from gtm_events.policy import AttributePolicy

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
        delivered: Records that the destination has.
        retried: Records that go back to the queue, by reason.
        rejected: Records in the dead-letter queue, by reason.
        failures: Message ids of the records that go back.
        counts: What was left out or cut, requests and throttles.
        problems: What somebody has to mend, in words fit for a log.
    """

    received: int = 0
    delivered: int = 0
    retried: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return the batch's log line: numbers and reasons, nothing of the events."""
        return {
            "received": self.received,
            "delivered": self.delivered,
            "retried": self.retried.total(),
            "rejected": self.rejected.total(),
            "retried_by_reason": dict(self.retried),
            "rejected_by_reason": dict(self.rejected),
            **{name: self.counts[name] for name in _COUNTED},
            "problems": self.problems,
        }


@dataclass(frozen=True, slots=True)
class Delivery:
    """Delivers batches.

    Attributes:
        destination: Where events go.
        dead_letters: Where rejected messages go.
        policy: Which user attributes may change.
        accept_client_timestamp: Whether a plausible ``timestamp`` becomes the event's time.
    """

    destination: Destination
    dead_letters: DeadLetters
    policy: AttributePolicy
    accept_client_timestamp: bool

    def deliver(self, records: Sequence[Mapping[str, Any]], deadline: Deadline) -> Batch:
        """Give each of the event source's records exactly one outcome.

        Args:
            records: ``Records`` of an SQS event.
            deadline: When the invocation ends.
        """
        # SQS may deliver a message twice, even into one batch: it is one event all the same.
        bodies = {record["messageId"]: str(record.get("body") or "") for record in records}
        batch = Batch(received=len(bodies))
        outcomes: dict[str, Outcome] = {}
        for outcome in self._outcomes(bodies, deadline.earlier(_SETTLING_SECONDS), batch):
            # One event, one outcome: the first stands, whatever a destination says later.
            if outcome.event_id in bodies:
                outcomes.setdefault(outcome.event_id, outcome)
        for message_id in bodies:
            outcomes.setdefault(message_id, Retry(message_id, RetryReason.INTERNAL_ERROR))
        self._settle(bodies, outcomes, batch, deadline)
        return batch

    def _outcomes(
        self, bodies: Mapping[str, str], deadline: Deadline, batch: Batch
    ) -> Iterator[Outcome]:
        events = []
        for message_id, body in bodies.items():
            try:
                events.append(self._event(message_id, body))
            except MalformedMessage as error:
                yield Rejected(message_id, Reason.MALFORMED, str(error))
            except Exception as error:  # noqa: BLE001 - a defect must not stop the neighbours
                batch.problems.append(f"defect while reading a message: {type(error).__name__}")
        for event in events:
            batch.counts.update(event.counts)
        if not events:
            return
        try:
            yield from self.destination.deliver(events, deadline, batch.counts)
        except Denied as error:
            batch.problems.append(f"the destination does not let the function in: {error}")
        except Exception as error:  # noqa: BLE001 - what was delivered so far must not be repeated
            batch.problems.append(f"defect while delivering: {type(error).__name__}")

    def _event(self, message_id: str, body: str) -> Event:
        event = interpret(
            decode(body),
            event_id=message_id,
            limits=self.destination.limits,
            accept_client_timestamp=self.accept_client_timestamp,
        )
        return self.policy.authorize(event)

    def _settle(
        self,
        bodies: Mapping[str, str],
        outcomes: dict[str, Outcome],
        batch: Batch,
        deadline: Deadline,
    ) -> None:
        letters = [
            DeadLetter(outcome.event_id, bodies[outcome.event_id], outcome.reason, outcome.detail)
            for outcome in outcomes.values()
            if isinstance(outcome, Rejected)
        ]
        for message_id in self._not_taken(letters, batch, deadline):
            # Rejected, but nowhere to put it: it stays in the queue rather than get lost.
            outcomes[message_id] = Retry(message_id, RetryReason.DEAD_LETTER_QUEUE_FAILED)
        for message_id, outcome in outcomes.items():
            match outcome:
                case Delivered():
                    batch.delivered += 1
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
