"""Sends batches in parallel, retries what may be retried, splits what is refused whole."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from gtm_events.errors import GtmEventsError
from gtm_events.outcome import Outcome, Reason, Rejected, Retry, RetryReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gtm_events.deadline import Deadline
    from gtm_events.pacing import Pacer

REQUESTS: Final = "requests"
THROTTLES: Final = "throttles"

_MAX_ATTEMPTS: Final = 4
# The quota that somebody else is using a part of is free again in a moment, and the queue hides a
# message for minutes. The simulation shows what it is worth: docs/capacity.md.
_MAX_THROTTLED_ATTEMPTS: Final = 20
_BACKOFF_SECONDS: Final = 0.2  # before the second attempt; doubled each time, with full jitter
_MAX_DOUBLINGS: Final = 2


class CallFailed(GtmEventsError):
    """A request failed as a whole. The text is fit for a log.

    - :class:`TryAgain`: it may work later
    - :class:`RefusedWhole`: it holds something that the destination refuses for good
        - :class:`Unexplained`: perhaps
    - :class:`Denied`: no request can work until the owner mends something
    """


class TryAgain(CallFailed):
    """The destination is throttling, failing, slow or out of reach."""

    def __init__(self, reason: RetryReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class RefusedWhole(CallFailed):
    """The destination refused the request without saying which of its entries is to blame.

    Args:
        reason: What an operator filters on.
        code: A status and an error code.
        words: The destination's own, which may quote the request: they are for no log.
    """

    def __init__(self, reason: Reason, code: str, words: str) -> None:
        super().__init__(code)
        self.reason = reason
        self.detail = f"{code}: {words}"


class Unexplained(RefusedWhole):
    """The destination refused the request, and its error code does not say whose fault that is.

    Sent alone, an entry is not rejected for it, but goes back to the queue.
    """

    def __init__(self, code: str, words: str) -> None:
        super().__init__(Reason.REFUSED, code, words)


class Denied(CallFailed):
    """The destination does not let the function in, or is not there.

    The text is fit for a log: a status and an error code, not the destination's words, which could
    quote the request.
    """


class Entry(Protocol):
    """One event, encoded for the destination."""

    @property
    def event_id(self) -> str:
        """The event's id."""
        ...


E = TypeVar("E", bound=Entry)
E_contra = TypeVar("E_contra", bound=Entry, contravariant=True)


class BatchCall(Protocol[E_contra]):
    """A destination's batch request."""

    def __call__(self, entries: Sequence[E_contra]) -> Iterator[Outcome]:
        """Send one request; yield what the destination says of each entry.

        An entry that the answer says nothing of may be left out. A :class:`Retry` that is yielded
        is tried again while there is time, unless it says :attr:`RetryReason.DENIED`; if several
        entries are sent and all of them say that, it is as good as :class:`Denied`.

        Raises:
            CallFailed: The request failed as a whole.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sender(Generic[E]):
    """Sends a destination's batches within its quota and the invocation's deadline.

    Attributes:
        call: Sends one batch.
        pacer: The destination's quota.
        call_seconds: The sum of a call's time-outs. None is started later than that before the
            deadline. A call can outlast it all the same, for a time-out is for one read of a socket
            and one of the host's addresses, and there is none for its name: at the deadline nobody
            waits any longer.
        max_workers: Calls under way at once, those that were given up and go on included.
    """

    call: BatchCall[E]
    pacer: Pacer
    call_seconds: float
    max_workers: int
    # Of the process: to start threads anew for every invocation is a tenth of a small batch's time.
    _pool: ThreadPoolExecutor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the threads' pool, which starts none before it is needed."""
        object.__setattr__(self, "_pool", ThreadPoolExecutor(max_workers=self.max_workers))

    def send(
        self, batches: Sequence[Sequence[E]], deadline: Deadline, counts: Counter[str]
    ) -> Iterator[Outcome]:
        """Yield exactly one outcome per entry, in any order, none later than ``deadline``.

        Requests and throttles are added to ``counts``.

        Raises:
            Denied: The destination does not let the function in.
            Exception: A defect; its cause is :class:`Denied` if that came to pass as well. Whatever
                is raised, every entry has its outcome by then.
        """
        run = _Run(self, deadline.earlier(self.call_seconds))
        parts = [_Part(run, batch) for batch in batches]
        # A thread even for a single one: what waits for a socket itself cannot give it up.
        under_way = {part: self._pool.submit(part.settle) for part in parts}
        while under_way:
            try:
                part = run.settled.get(timeout=max(0.0, deadline.remaining()))
            except Empty:
                break
            del under_way[part]
            counts.update(part.counts)
            yield from part.outcomes
        for part, future in under_way.items():
            future.cancel()  # what has not begun need not wait for a thread: it is too late for it
            yield from part.given_up(counts)
        denied = next(iter(run.denied), None)
        for defect in run.defects:
            raise defect from denied
        if denied is not None:
            raise denied


@dataclass(frozen=True, slots=True)
class _Run(Generic[E]):
    """One invocation's sending."""

    sender: Sender[E]
    last_start: Deadline
    settled: SimpleQueue[_Part[E]] = field(default_factory=SimpleQueue)
    denied: list[Denied] = field(default_factory=list)
    defects: list[Exception] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class _Part(Generic[E]):
    """What one thread sends: a batch, with all that it is split into and tried again.

    Attributes:
        run: The sending that it is a part of.
        batch: The entries.
        outcomes: Those that are known.
        counts: Requests and throttles so far.
    """

    run: _Run[E]
    batch: Sequence[E]
    outcomes: list[Outcome] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def given_up(self, counts: Counter[str]) -> Iterator[Outcome]:
        """Yield the outcomes that are known, and that the other entries go back to the queue.

        The thread may go on. What it learns then goes nowhere: these are copies.

        Args:
            counts: The requests and throttles so far are added to it.
        """
        known, counted = list(self.outcomes), dict(self.counts)
        counts.update(counted)
        yield from known
        reason = RetryReason.TIMED_OUT if counted else RetryReason.OUT_OF_TIME
        yield from retry(self._without(known), reason)

    def settle(self) -> None:
        """Send the batch until each of its entries has an outcome."""
        try:
            self._send()
        except Exception as error:  # noqa: BLE001 - what the other parts delivered must be known
            self.run.defects.append(error)
            others = self._without(self.outcomes)
            self.outcomes.extend(retry(others, RetryReason.INTERNAL_ERROR))
        finally:
            self.run.settled.put(self)

    def _without(self, known: Sequence[Outcome]) -> list[E]:
        ids = {outcome.event_id for outcome in known}
        return [entry for entry in self.batch if entry.event_id not in ids]

    def _send(self) -> None:
        outcomes, run = self.outcomes, self.run
        todo: list[tuple[Sequence[E], int]] = [(self.batch, 1)]
        while todo:
            entries, attempt = todo.pop()
            if run.denied:
                outcomes.extend(retry(entries, RetryReason.DENIED))
                continue
            if not self._turn(attempt):
                outcomes.extend(retry(entries, RetryReason.OUT_OF_TIME))
                continue
            try:
                answers = self._outcomes(entries)
            except RefusedWhole as error:
                if len(entries) == 1:
                    event_id = entries[0].event_id
                    outcomes.append(Rejected(event_id, error.reason, error.detail, str(error)))
                else:
                    middle = len(entries) // 2
                    todo += [(entries[middle:], attempt), (entries[:middle], attempt)]
                continue
            again = []
            for entry in entries:
                outcome = answers[entry.event_id]
                if isinstance(outcome, Retry) and attempt < _most_attempts(outcome):
                    again.append(entry)
                else:
                    outcomes.append(outcome)
            if again:
                todo.append((again, attempt + 1))

    def _outcomes(self, entries: Sequence[E]) -> dict[str, Outcome]:
        """Send one request; return an outcome for each of its entries.

        Raises:
            RefusedWhole: The destination does not say which entry it refuses.
        """
        run, counts = self.run, self.counts
        counts[REQUESTS] += 1
        reason = RetryReason.UNANSWERED
        answers: list[Outcome] = []
        try:
            answers = list(run.sender.call(entries))
        except TryAgain as error:
            reason = error.reason
        except Denied as error:
            reason = RetryReason.DENIED
            run.denied.append(error)
        except RefusedWhole:
            raise
        except Exception as error:  # noqa: BLE001 - what the other requests delivered must be known
            reason = RetryReason.INTERNAL_ERROR
            run.defects.append(error)
        retries = [answer for answer in answers if isinstance(answer, Retry)]
        denials = [answer.code for answer in retries if answer.reason is RetryReason.DENIED]
        # One entry that is denied alone may be the only one: the others are sent all the same.
        if len(denials) == len(answers) > 1:
            run.denied.append(Denied(denials[0]))
        throttled = sum(answer.reason is RetryReason.THROTTLED for answer in retries)
        if reason is RetryReason.THROTTLED or throttled:
            counts[THROTTLES] += 1
        # Of a stream one shard may be throttling: the others need not go slower for it.
        if reason is RetryReason.THROTTLED or (throttled and throttled == len(answers)):
            run.sender.pacer.throttled()
        elif reason is RetryReason.UNANSWERED:
            run.sender.pacer.answered()
        outcomes: dict[str, Outcome] = {
            entry.event_id: Retry(entry.event_id, reason) for entry in entries
        }
        outcomes.update((answer.event_id, answer) for answer in answers)
        return outcomes

    def _turn(self, attempt: int) -> bool:
        """Wait until the next call may start; ``False`` if that is too late."""
        last_start = self.run.last_start
        if attempt > 1:
            doublings = min(attempt - 2, _MAX_DOUBLINGS)
            # Not for cryptography: jitter keeps parallel workers from coming back together.
            backoff = random.uniform(0, _BACKOFF_SECONDS * 2**doublings)  # noqa: S311
            if backoff >= last_start.remaining():
                return False
            time.sleep(backoff)
        return self.run.sender.pacer.acquire(last_start)


def _most_attempts(outcome: Retry) -> int:
    match outcome.reason:
        case RetryReason.THROTTLED:
            return _MAX_THROTTLED_ATTEMPTS
        case RetryReason.DENIED | RetryReason.INTERNAL_ERROR:
            return 1  # nobody mends that in seconds
        case _:
            return _MAX_ATTEMPTS


def retry(entries: Sequence[Entry], reason: RetryReason) -> Iterator[Outcome]:
    """Yield that every entry goes back to the queue."""
    for entry in entries:
        yield Retry(entry.event_id, reason)
