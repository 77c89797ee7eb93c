"""Sends requests in parallel, the oldest first, and tries again what may be tried again."""

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
from gtm_events.pacing import Line
from gtm_events.splitting import Refusals, Todo

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from concurrent.futures import Future

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

# A body is up to twice its entries (JSON in JSON, base64), and the function has 256 MB.
_MAX_BYTES_UNDER_WAY: Final = 8_000_000

# The destination's own words can be long, and ten thousand events can be refused with them.
MAX_WORDS: Final = 1_000
"""Characters that are kept of a destination's words."""
MAX_CODE: Final = 200
"""Characters that are kept of an error code, which goes to the log."""


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
        super().__init__(code[:MAX_CODE])
        self.reason = reason
        self.detail = f"{self}: {words[:MAX_WORDS]}"


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

    @property
    def size(self) -> int:
        """Bytes that it takes in a request, about."""
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
class Packed(Generic[E]):
    """What is in one request.

    Attributes:
        entries: The entries, oldest first.
        after: Numbers of the requests, counted from 0 in the order in which they are given to the
            sender, that must be settled before this one is sent. Each is lower than its own.
        overtaken: Whether later requests may begin while this one waits for others.
    """

    entries: Sequence[E]
    after: Collection[int] = ()
    overtaken: bool = True


@dataclass(frozen=True, slots=True)
class Sender(Generic[E]):
    """Sends requests within a destination's quota and the invocation's deadline.

    Attributes:
        call: Sends one request.
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
    _refusals: Refusals = field(default_factory=Refusals, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the threads' pool, which starts none before it is needed."""
        object.__setattr__(self, "_pool", ThreadPoolExecutor(max_workers=self.max_workers))

    def send(
        self, requests: Iterable[Packed[E]], deadline: Deadline, counts: Counter[str]
    ) -> Iterator[Outcome]:
        """Yield exactly one outcome per entry, in any order, none later than ``deadline``.

        Requests are begun in their order, but for those that wait for others. They are read as
        they are needed. Requests and throttles are added to ``counts``.

        Raises:
            Denied: The destination does not let the function in.
            Exception: A defect; its cause is :class:`Denied` if that came to pass as well. Whatever
                is raised, every entry that was read has its outcome by then.
        """
        run = _Run(self, deadline.earlier(self.call_seconds), iter(requests))
        # A thread even for a single one: what waits for a socket itself cannot give it up.
        under_way: dict[_Part[E], Future[None]] = {}
        while True:
            room = _MAX_BYTES_UNDER_WAY - sum(part.size for part in under_way)
            while len(under_way) < self.max_workers and (
                part := run.next(room if under_way else None)
            ):
                if reason := run.turn():
                    run.unsettled.discard(part.number)
                    yield from retry(part.entries, reason)
                else:
                    room -= part.size
                    under_way[part] = self._pool.submit(part.settle)
            if not under_way:
                break
            try:
                part = run.settled.get(timeout=max(0.0, deadline.remaining()))
            except Empty:
                break
            del under_way[part]
            run.unsettled.discard(part.number)
            counts.update(part.counts)
            yield from part.outcomes
        for part, future in under_way.items():
            future.cancel()  # what has not begun need not wait for a thread: it is too late for it
            yield from part.given_up(counts)
        for part in run.rest():
            yield from retry(part.entries, RetryReason.OUT_OF_TIME)
        denied = next(iter(run.denied), None)
        for defect in run.defects:
            raise defect from denied
        if denied is not None:
            raise denied


class _Run(Generic[E]):
    """One invocation's sending.

    Args:
        sender: Whose.
        last_start: When the last call may begin.
        requests: What is to be sent.

    Attributes:
        line: Who may send further requests.
        settled: The parts whose every entry has an outcome.
        unsettled: The numbers of the others that were read.
        denied: What the destination says when it does not let the function in.
        defects: Defects of this function.
    """

    def __init__(
        self, sender: Sender[E], last_start: Deadline, requests: Iterator[Packed[E]]
    ) -> None:
        self.sender = sender
        self.last_start = last_start
        self.line = Line(sender.pacer, sender.max_workers)
        self.settled: SimpleQueue[_Part[E]] = SimpleQueue()
        self.unsettled: set[int] = set()
        self.denied: list[Denied] = []
        self.defects: list[Exception] = []
        self._requests = requests
        self._read = 0
        self._waiting: list[_Part[E]] = []

    def next(self, room: int | None) -> _Part[E] | None:
        """Return the oldest part that may begin, ``None`` if none may now.

        Args:
            room: Bytes that may be under way besides; ``None`` if nothing is under way.
        """
        if room is not None and self.line.is_full():
            return None
        for part in self._parts():
            if room is not None and part.size > room:
                return None
            if self.unsettled.isdisjoint(part.packed.after):
                self._waiting.remove(part)
                return part
            if not part.packed.overtaken:
                return None
        return None

    def turn(self) -> RetryReason | None:
        """Wait until a part's first call may start; return why none may, if so.

        Tokens are taken here, one after the other, so that the oldest part has the first.
        """
        if self.denied:
            return RetryReason.DENIED
        try:
            in_time = self.sender.pacer.acquire(self.last_start)
        except Exception as error:  # noqa: BLE001 - what the other parts delivered must be known
            self.defects.append(error)
            return RetryReason.INTERNAL_ERROR
        return None if in_time else RetryReason.OUT_OF_TIME

    def rest(self) -> Iterator[_Part[E]]:
        """Yield the parts that did not begin."""
        yield from self._parts()

    def _parts(self) -> Iterator[_Part[E]]:
        """Yield those that wait, then read the others, which wait then."""
        yield from tuple(self._waiting)
        while True:
            try:
                packed = next(self._requests, None)
            except Exception as error:  # noqa: BLE001 - what was sent so far must be known
                self.defects.append(error)
                return
            if packed is None:
                return
            size = sum(entry.size for entry in packed.entries)
            part = _Part(self, self._read, packed, size)
            self._read += 1
            self.unsettled.add(part.number)
            self._waiting.append(part)
            yield part


@dataclass(frozen=True, slots=True, eq=False)
class _Part(Generic[E]):
    """What one thread sends: a request, with all that it is split into and tried again.

    Attributes:
        run: The sending that it is a part of.
        number: Its place: the lower, the older.
        packed: The request.
        size: Bytes of its entries.
        outcomes: Those that are known.
        counts: Requests and throttles so far.
    """

    run: _Run[E]
    number: int
    packed: Packed[E]
    size: int
    outcomes: list[Outcome] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def entries(self) -> Sequence[E]:
        """The entries."""
        return self.packed.entries

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
        """Send the request until each of its entries has an outcome."""
        try:
            self._send()
        except Exception as error:  # noqa: BLE001 - what the other parts delivered must be known
            self.run.defects.append(error)
            others = self._without(self.outcomes)
            self.outcomes.extend(retry(others, RetryReason.INTERNAL_ERROR))
        finally:
            self.run.line.leave(self.number)
            self.run.settled.put(self)

    def _without(self, known: Sequence[Outcome]) -> list[E]:
        ids = {outcome.event_id for outcome in known}
        return [entry for entry in self.entries if entry.event_id not in ids]

    def _send(self) -> None:
        outcomes, run = self.outcomes, self.run
        todo = Todo(self.entries, run.sender._refusals)  # noqa: SLF001 - the sender's own part
        while todo:
            entries, attempt = todo.take()
            # The sender has waited for the first turn.
            in_time = not run.denied and (not self.counts or self._turn(attempt))
            if run.denied or not in_time:
                reason = RetryReason.DENIED if run.denied else RetryReason.OUT_OF_TIME
                outcomes.extend(retry(self._without(outcomes), reason))
                return
            try:
                answers, answered = self._outcomes(entries)
            except RefusedWhole as error:
                # Too much is too much of all: no entry need be to blame.
                if todo.refused(blames_entry=error.reason is not Reason.TOO_LARGE):
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
                todo.answered(again)
            else:
                given_up = todo.failed(again=bool(again))
                outcomes.extend(answers[entry.event_id] for entry in given_up)

    def _outcomes(self, entries: Sequence[E]) -> tuple[dict[str, Outcome], bool]:
        """Send one request; return an outcome for each of its entries, and if it was answered.

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
            run.line.throttled()
        elif counts[REQUESTS] > 1:
            run.line.answered()
        # Of a stream one shard may be throttling: the others need not go slower for it.
        if reason is RetryReason.THROTTLED or (throttled and throttled == len(answers)):
            run.sender.pacer.throttled()
        elif reason is RetryReason.UNANSWERED:
            run.sender.pacer.answered()
        outcomes: dict[str, Outcome] = {
            entry.event_id: Retry(entry.event_id, reason) for entry in entries
        }
        outcomes.update((answer.event_id, answer) for answer in answers)
        return outcomes, reason is RetryReason.UNANSWERED

    def _turn(self, attempt: int) -> bool:
        """Wait until the next call may start; ``False`` if that is too late."""
        last_start = self.run.last_start
        if not self.run.line.wait(self.number, last_start):
            return False
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
