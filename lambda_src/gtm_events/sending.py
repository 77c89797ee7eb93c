"""Sends a batch's requests in parallel, oldest first, and retries where that may help."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty
from typing import TYPE_CHECKING, Final, Generic

from gtm_events.outcome import RetryReason
from gtm_events.pacing import RetryLine
from gtm_events.send_task import BatchCall, E, PackedRequest, SendTask, SharedState, retry
from gtm_events.splitting import RefusalRate

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future

    from gtm_events.deadline import Deadline
    from gtm_events.outcome import Outcome
    from gtm_events.pacing import Pacer

# A request body is up to twice its entries (JSON in JSON, base64), so these take up to 16 MB more.
_MAX_BYTES_UNDER_WAY: Final = 8_000_000


@dataclass(frozen=True, slots=True)
class Sender(Generic[E]):
    """Sends requests within a destination's quota and the invocation's deadline.

    Attributes:
        call: Sends one request.
        pacer: The destination's quota.
        call_seconds: The sum of a call's timeouts. A call starts only if this much time is left
            before the deadline. It can still run past the deadline, because timeouts apply to each
            read and to each address of the host, and name resolution has none. The sender does not
            wait for it.
        max_workers: Maximum number of calls under way, including abandoned ones that still run.
    """

    call: BatchCall[E]
    pacer: Pacer
    call_seconds: float
    max_workers: int
    # Kept for the life of the process: starting threads takes a tenth of a small batch's time.
    _pool: ThreadPoolExecutor = field(init=False, repr=False, compare=False)
    _refusal_rate: RefusalRate = field(
        default_factory=RefusalRate, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Create the thread pool, which starts threads only as they are needed."""
        object.__setattr__(self, "_pool", ThreadPoolExecutor(max_workers=self.max_workers))

    def send(
        self, requests: Iterable[PackedRequest[E]], deadline: Deadline, counts: Counter[str]
    ) -> Iterator[Outcome]:
        """Yield exactly one outcome per entry, in any order, none later than ``deadline``.

        Requests start in the order of the iterator, except those that must wait for others. The
        next one is taken from the iterator only when it may start.

        Args:
            requests: The requests. The sender asks the iterator again after yielding outcomes, even
                if it was exhausted before, because an outcome may lead to another request.
            deadline: When to give up on whatever is still under way.
            counts: Receives the numbers of requests and throttles.

        Raises:
            Denied: The destination denied the function access.
            Exception: A defect. Its cause is :class:`Denied` if the destination denied access too.
                Every entry that was read has its outcome before anything is raised.
        """
        shared = SharedState(
            self.call,
            self.pacer,
            self._refusal_rate,
            deadline.earlier(self.call_seconds),
            RetryLine(self.pacer, self.max_workers),
        )
        schedule = _Schedule(shared, iter(requests))
        # Even a single request runs in the pool. This thread must return at the deadline, which it
        # could not while it is blocked on a socket.
        under_way: dict[SendTask[E], Future[None]] = {}
        while True:
            room = _MAX_BYTES_UNDER_WAY - sum(task.size for task in under_way)
            while len(under_way) < self.max_workers and (
                task := schedule.next(room if under_way else None)
            ):
                if reason := schedule.turn():
                    schedule.unsettled.discard(task.number)
                    yield from retry(task.entries, reason)
                else:
                    room -= task.size
                    under_way[task] = self._pool.submit(task.settle)
            if not under_way:
                break
            try:
                task = shared.settled.get(timeout=max(0.0, deadline.remaining()))
            except Empty:
                break
            del under_way[task]
            schedule.unsettled.discard(task.number)
            counts.update(task.counts)
            yield from task.outcomes
        for task, future in under_way.items():
            future.cancel()  # too late to begin
            yield from task.given_up(counts)
        for task in schedule.rest():
            yield from retry(task.entries, RetryReason.OUT_OF_TIME)
        denied = next(iter(shared.denied), None)
        for defect in shared.defects:
            raise defect from denied
        if denied is not None:
            raise denied


class _Schedule(Generic[E]):
    """Decides which of an invocation's tasks begins next.

    Args:
        shared: State that the tasks share.
        requests: The requests, read one at a time.

    Attributes:
        unsettled: Numbers of the tasks that were read and are not settled.
    """

    def __init__(self, shared: SharedState[E], requests: Iterator[PackedRequest[E]]) -> None:
        self.unsettled: set[int] = set()
        self._shared = shared
        self._requests = requests
        self._read = 0
        self._waiting: list[SendTask[E]] = []

    def next(self, room: int | None) -> SendTask[E] | None:
        """Return the oldest task that may begin, or ``None`` if none may begin now.

        Args:
            room: Bytes that may join those under way; ``None`` if nothing is under way.
        """
        if room is not None and self._shared.retry_line.is_full():
            return None
        for task in self._tasks():
            if room is not None and task.size > room:
                return None
            if self.unsettled.isdisjoint(task.packed.after):
                self._waiting.remove(task)
                return task
            if not task.packed.overtaken:
                return None
        return None

    def turn(self) -> RetryReason | None:
        """Wait until a task's first call may start; return the reason if it may not.

        Taking the pacer's tokens here, one by one, gives the oldest task the first token.
        """
        shared = self._shared
        if shared.denied:
            return RetryReason.DENIED
        try:
            in_time = shared.pacer.acquire(shared.last_start)
        except Exception as error:  # noqa: BLE001 - other tasks' outcomes must not be lost
            shared.defects.append(error)
            return RetryReason.INTERNAL_ERROR
        return None if in_time else RetryReason.OUT_OF_TIME

    def rest(self) -> Iterator[SendTask[E]]:
        """Yield the tasks that did not begin."""
        yield from self._tasks()

    def _tasks(self) -> Iterator[SendTask[E]]:
        """Yield the waiting tasks, then a task for each further request that is read."""
        yield from tuple(self._waiting)
        while True:
            try:
                packed = next(self._requests, None)
            except Exception as error:  # noqa: BLE001 - the outcomes so far must not be lost
                self._shared.defects.append(error)
                return
            if packed is None:
                return
            size = sum(entry.size for entry in packed.entries)
            task = SendTask(self._shared, self._read, packed, size)
            self._read += 1
            self.unsettled.add(task.number)
            self._waiting.append(task)
            yield task
