"""The result of one invocation, and its log line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from gtm_events.losses import by_reason, totals
from gtm_events.send_task import REQUESTS, THROTTLES


@dataclass(slots=True)
class BatchResult:
    """Counts of what happened to one invocation's records.

    Attributes:
        received: Records in the batch.
        events: Events in these records; a posted list is one record.
        delivered: Records that the destination accepted.
        opted_out: Records of visitors who ask not to be tracked.
        retried: Records that go back to the queue, by reason.
        rejected: Records that can never be delivered, by reason. Each is in the dead-letter queue,
            in the invalid-message queue, or left to another destination's function.
        dead_letters: Messages sent to the dead-letter queue.
        invalid_messages: Messages sent to the invalid-message queue. One part of a list may be
            there and another part in the dead-letter queue.
        failures: Message ids of the records that go back to the queue.
        counts: Losses by reason, requests, and throttles.
        problems: Problems that need attention, in words that are safe to log.
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
        """Return the fields of the log line: numbers and reasons, no data of events."""
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
        """Add a problem unless it is already listed, because many messages may share one."""
        if problem not in self.problems:
            self.problems.append(problem)
