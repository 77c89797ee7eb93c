"""One request of a batch: sent, split and retried on one thread until all of it is settled."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from gtm_events.errors import Denied, RefusedWhole, TryAgain
from gtm_events.outcome import Outcome, Reason, Rejected, Retry, RetryReason
from gtm_events.splitting import PendingEntries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from gtm_events.deadline import Deadline
    from gtm_events.pacing import Pacer, RetryLine
    from gtm_events.splitting import RefusalRate

REQUESTS: Final = "requests"
THROTTLES: Final = "throttles"

MAX_ATTEMPTS: Final = 4
"""Maximum number of attempts to send an entry that failed for any other reason than throttling."""
MAX_THROTTLED_ATTEMPTS: Final = 20
"""Maximum number of attempts to send a throttled entry.

A shared quota usually frees up within seconds, while a message that goes back to the queue stays
hidden for minutes. docs/capacity.md simulates the difference.
"""
BACKOFF_SECONDS: Final = 0.2
"""Longest wait before the second attempt. It doubles with each further one, with full jitter."""
MAX_DOUBLINGS: Final = 2
"""Maximum number of times that the wait doubles."""


class Entry(Protocol):
    """One event, encoded for a destination."""

    @property
    def event_id(self) -> str:
        """The event's id."""
        ...

    @property
    def size(self) -> int:
        """Its size in bytes, as the destination counts them."""
        ...


E = TypeVar("E", bound=Entry)
E_contra = TypeVar("E_contra", bound=Entry, contravariant=True)


class BatchCall(Protocol[E_contra]):
    """A destination's batch operation."""

    def __call__(self, entries: Sequence[E_contra]) -> Iterator[Outcome]:
        """Send one request; yield the outcome of each entry that the answer mentions.

        A :class:`Retry` is attempted again while there is time, unless its reason is
        :attr:`RetryReason.DENIED`. If a request has several entries and all of them are denied,
        that counts as :class:`Denied`.

        Raises:
            CallFailed: The request failed as a whole.
        """
        ...


@dataclass(frozen=True, slots=True)
class PackedRequest(Generic[E]):
    """The contents of one request.

    Attributes:
        entries: The entries, oldest first.
        after: Numbers of the requests that must be settled before this one is sent. Requests are
            numbered from 0 in the order in which the sender gets them, so each is lower than this
            request's own number.
        overtaken: Whether later requests may be sent while this one waits for others.
    """

    entries: Sequence[E]
    after: Collection[int] = ()
    overtaken: bool = True


@dataclass(frozen=True, slots=True)
class SharedState(Generic[E]):
    """State that the tasks of one invocation share.

    Attributes:
        call: Sends one request.
        pacer: The destination's quota.
        refusal_rate: Estimates the rate of refused entries.
        last_start: The last moment at which a call may begin.
        retry_line: Admits tasks that need further requests.
        settled: Tasks whose every entry has an outcome.
        denied: Errors by which the destination denied the function access.
        defects: Defects of this function.
    """

    call: BatchCall[E]
    pacer: Pacer
    refusal_rate: RefusalRate
    last_start: Deadline
    retry_line: RetryLine
    settled: SimpleQueue[SendTask[E]] = field(default_factory=SimpleQueue)
    denied: list[Denied] = field(default_factory=list)
    defects: list[Exception] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class SendTask(Generic[E]):
    """One request, with every request that it is split into and every further attempt.

    Attributes:
        shared: State shared with the invocation's other tasks.
        number: Its position: lower is older.
        packed: The request.
        size: Bytes of its entries.
        outcomes: Outcomes known so far.
        counts: Requests and throttles so far.
    """

    shared: SharedState[E]
    number: int
    packed: PackedRequest[E]
    size: int
    outcomes: list[Outcome] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def entries(self) -> Sequence[E]:
        """The entries."""
        return self.packed.entries

    def given_up(self, counts: Counter[str]) -> Iterator[Outcome]:
        """Yield the known outcomes, and a retry for every other entry.

        The thread may still be running. Copies protect the result from whatever it adds later.

        Args:
            counts: Receives the numbers of requests and throttles so far.
        """
        known, counted = list(self.outcomes), dict(self.counts)
        counts.update(counted)
        yield from known
        reason = RetryReason.TIMED_OUT if counted else RetryReason.OUT_OF_TIME
        yield from retry(self._without(known), reason)

    def settle(self) -> None:
        """Send the request until each of its entries has an outcome."""
        try:
            self._send()
        except Exception as error:  # noqa: BLE001 - other tasks' outcomes must not be lost
            self.shared.defects.append(error)
            others = self._without(self.outcomes)
            self.outcomes.extend(retry(others, RetryReason.INTERNAL_ERROR))
        finally:
            self.shared.retry_line.leave(self.number)
            self.shared.settled.put(self)

    def _without(self, known: Sequence[Outcome]) -> list[E]:
        ids = {outcome.event_id for outcome in known}
        return [entry for entry in self.entries if entry.event_id not in ids]

    def _send(self) -> None:
        outcomes, shared = self.outcomes, self.shared
        pending = PendingEntries(self.entries, shared.refusal_rate)
        while pending:
            entries, attempt = pending.take()
            # The sender already waited for the first request's turn.
            in_time = not shared.denied and (not self.counts or self._turn(attempt))
            if shared.denied or not in_time:
                reason = RetryReason.DENIED if shared.denied else RetryReason.OUT_OF_TIME
                outcomes.extend(retry(self._without(outcomes), reason))
                return
            try:
                answers, answered = self._outcomes(entries)
            except RefusedWhole as error:
                # The entries may be too large together, with none of them to blame.
                if pending.refused(blames_entry=error.reason is not Reason.TOO_LARGE):
                    event_id = entries[0].event_id
                    outcomes.append(Rejected(event_id, error.reason, error.detail, str(error)))
                continue
            again = []
            for entry in entries:
                outcome = answers[entry.event_id]
                if isinstance(outcome, Retry) and attempt < _most_attempts(outcome):
                    again.append(entry)
                elif answered:
                    outcomes.append(outcome)
            if answered:
                pending.answered(again)
            else:
                given_up = pending.failed(again=bool(again))
                outcomes.extend(answers[entry.event_id] for entry in given_up)

    def _outcomes(self, entries: Sequence[E]) -> tuple[dict[str, Outcome], bool]:
        """Send one request; return each entry's outcome and whether the request was answered.

        Raises:
            RefusedWhole: The destination refused the request without naming an entry.
        """
        shared, counts = self.shared, self.counts
        counts[REQUESTS] += 1
        reason = RetryReason.UNANSWERED
        answers: list[Outcome] = []
        try:
            answers = list(shared.call(entries))
        except TryAgain as error:
            reason = error.reason
        except Denied as error:
            reason = RetryReason.DENIED
            shared.denied.append(error)
        except RefusedWhole:
            raise
        except Exception as error:  # noqa: BLE001 - other outcomes must not be lost
            reason = RetryReason.INTERNAL_ERROR
            shared.defects.append(error)
        retries = [answer for answer in answers if isinstance(answer, Retry)]
        denials = [answer.code for answer in retries if answer.reason is RetryReason.DENIED]
        # A single denied entry says nothing of the others, which are still sent.
        if len(denials) == len(answers) > 1:
            shared.denied.append(Denied(denials[0]))
        throttled = sum(answer.reason is RetryReason.THROTTLED for answer in retries)
        if reason is RetryReason.THROTTLED or throttled:
            counts[THROTTLES] += 1
            shared.retry_line.throttled()
        elif counts[REQUESTS] > 1:
            shared.retry_line.answered()
        # If only one shard of a stream throttles, requests to the others need not slow down.
        if reason is RetryReason.THROTTLED or (throttled and throttled == len(answers)):
            shared.pacer.throttled()
        elif reason is RetryReason.UNANSWERED:
            shared.pacer.answered()
        outcomes: dict[str, Outcome] = {
            entry.event_id: Retry(entry.event_id, reason) for entry in entries
        }
        outcomes.update((answer.event_id, answer) for answer in answers)
        return outcomes, reason is RetryReason.UNANSWERED

    def _turn(self, attempt: int) -> bool:
        """Wait until the next call may start. Return ``False`` if that would be too late."""
        last_start = self.shared.last_start
        if not self.shared.retry_line.wait(self.number, last_start):
            return False
        if attempt > 1:
            doublings = min(attempt - 2, MAX_DOUBLINGS)
            # Jitter keeps parallel workers from coming back together; it needs no cryptography.
            backoff = random.uniform(0, BACKOFF_SECONDS * 2**doublings)  # noqa: S311
            if backoff >= last_start.remaining():
                return False
            time.sleep(backoff)
        return self.shared.pacer.acquire(last_start)


def _most_attempts(outcome: Retry) -> int:
    match outcome.reason:
        case RetryReason.THROTTLED:
            return MAX_THROTTLED_ATTEMPTS
        case RetryReason.DENIED | RetryReason.INTERNAL_ERROR:
            return 1  # a retry within seconds cannot help
        case _:
            return MAX_ATTEMPTS


def retry(entries: Sequence[Entry], reason: RetryReason) -> Iterator[Outcome]:
    """Yield a retry for every entry."""
    for entry in entries:
        yield Retry(entry.event_id, reason)
